"""The whole story of one grade, for the instructor who is asked about it."""

from collections.abc import Mapping

from data_utils.course import Notebook
from data_utils.selfcheck.words import FAILED as FAILED_MARK
from data_utils.selfcheck.words import PASSED as PASSED_MARK
from data_utils.selfcheck.words import STOPPED as STOPPED_MARK
from grader.floors import floors_applied
from grader.report import (
    EXCUSED,
    FAILED,
    GRADED,
    GRADER_ERROR,
    NOT_SHOWN,
    PASSED,
    CheckResult,
    ExerciseResult,
    GradeReport,
    PastGrade,
)
from grader.rescoring import Rescoring
from grader.tables import number

_MARKS = {
    PASSED: PASSED_MARK,
    FAILED: FAILED_MARK,
    EXCUSED: "[excused ]",
    NOT_SHOWN: "[no proof]",
    GRADER_ERROR: STOPPED_MARK,
}


def story_lines(
    student: str,
    report: GradeReport,
    notebook: Notebook,
    decisions: Mapping[str, Rescoring],
    exercise: str = "",
) -> list[str]:
    """Return everything that is known about a grade, or about one exercise of it.

    Parameters
    ----------
    student : str
    report : GradeReport
        As rescored.
    notebook : Notebook
    decisions : mapping
        The class's rescorings, by exercise.
    exercise : str
        Id of the one exercise to tell of; empty for all.
    """
    lines = [f"{student}, {notebook.id}: {_in_words(report)}"]
    if report.reason:
        lines.append(f"  {report.reason}")
    for result in report.exercises:
        if exercise in ("", result.id):
            lines += ["", *_exercise_lines(result, decisions.get(result.id))]
    if not exercise:
        lines += ["", *_measured(report), *(f"needs a look: {flag}" for flag in report.flags)]
        lines += _how(report, notebook)
    lines += [_past_line(past, exercise) for past in report.history]
    return lines


def _in_words(report: GradeReport) -> str:
    if report.status != GRADED:
        return f"{report.status}. This is not a zero."
    most = sum(exercise.max_points for exercise in report.exercises)
    return f"{number(report.points)} of {most} points"


def _exercise_lines(result: ExerciseResult, decision: Rescoring | None) -> list[str]:
    counted = sum(c.weight for c in result.checks if c.status in (PASSED, FAILED))
    lines = [
        f"Exercise {result.id}  {result.function}: "
        f"{number(result.points)} of {result.max_points} points"
    ]
    if decision is not None:
        lines.append(f"  rescored {decision.decided_at}: {decision.reason or 'no reason given'}")
    if any(c.core and c.status == FAILED for c in result.checks):
        lines.append("  a core check failed, so the exercise earns nothing")
    for check in result.checks:
        lines += _check_lines(check, counted)
    return lines


def _check_lines(check: CheckResult, counted: float) -> list[str]:
    share = f"{check.weight:g} of {counted:g}" if check.status in (PASSED, FAILED) else "no weight"
    core = ", core" if check.core else ""
    lines = [f"  {_MARKS[check.status]}  {check.title} ({check.name}: {share}{core})"]
    if check.finding is not None:
        lines += [f"  {line}" for line in check.finding.lines()]
    if check.note:
        lines.append(f"    {check.note}")
    return lines


def _measured(report: GradeReport) -> list[str]:
    facts = [f"{name} {value:g}" for name, value in report.facts.items()]
    return [f"measured: {', '.join(facts)}"] if facts else []


def _how(report: GradeReport, notebook: Notebook) -> list[str]:
    if report.status != GRADED:
        return []
    made_from = ", ".join(f"{name} {value[:12]}" for name, value in report.made_from.items())
    return [
        f"graded {report.graded_at}: {report.wall_seconds:.0f} s, {report.cpu_seconds:.0f} CPU s",
        f"on {report.device}: {floors_applied(notebook, report)}",
        f"made from: {made_from}",
    ]


def _past_line(past: PastGrade, exercise: str) -> str:
    points = past.exercises.get(exercise) if exercise else past.points
    grade = number(points) if past.status == GRADED else past.status
    return f"before, {past.graded_at}: {grade}; graded again because {past.why}"
