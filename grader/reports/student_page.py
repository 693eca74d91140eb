"""What a student's own page says; nothing about anybody else, and nothing of the hidden checks."""

from collections.abc import Mapping
from dataclasses import dataclass

from data_utils.course import Exercise, Notebook, Question, Step
from data_utils.selfcheck.words import Finding
from grader.floors import floors_applied, no_floors
from grader.report import GRADED, MISSING, UNGRADED, ExerciseResult, GradeReport, PastGrade
from grader.reports.charts import Chart
from grader.reports.detector_charts import detector_charts
from grader.reports.wording import (
    Asked,
    asked,
    check_title,
    exam_auroc,
    put_back,
    stopped,
)
from grader.rescoring import Rescoring
from grader.results import Result
from grader.tables import number, plural


@dataclass(frozen=True)
class Mistake:
    """Something that was wrong, once, with the checks that met it."""

    finding: Finding
    met_by: tuple[str, ...]


@dataclass(frozen=True)
class StepReached:
    """A step of an exercise and how far the student got; `reached` is None where not measured."""

    step: Step
    reached: float | None


@dataclass(frozen=True)
class ExercisePart:
    """One exercise of the page."""

    result: ExerciseResult
    title: str
    asked: tuple[Asked, ...]
    mistakes: tuple[Mistake, ...]
    steps: tuple[StepReached, ...]
    worth: str

    @property
    def share(self) -> float:
        """The share of its points."""
        return (self.result.points or 0.0) / (self.result.max_points or 1)

    @property
    def lost_by_core(self) -> bool:
        """Whether a needed check failed, so that nothing else counts."""
        return any(a.core and a.status == "failed" for a in self.asked)


@dataclass(frozen=True)
class QuestionPart:
    """A question that a person grades, and what is known of its points."""

    question: Question
    points: float | None

    @property
    def words(self) -> str:
        """The points, or that they are still to come."""
        if self.points is not None:
            return f"{number(self.points)} of {self.question.points} points"
        return f"Waits to be graded by hand: up to {self.question.points} points"


@dataclass(frozen=True)
class DetectorPart:
    """The detector of the notebook's run, on the exam images.

    `which` names its digit; `missing` says that no floor was measured for the device, if so.
    """

    which: str
    reached: float | None
    floor: float | None
    solution: float | None
    charts: tuple[Chart, ...]
    missing: str

    @property
    def beside_floor(self) -> str:
        """The AUROC beside its floor, in a sentence."""
        if self.reached is None:
            return ""
        words = f"AUROC {self.reached:.3f} on the exam images, with {self.which}"
        if self.missing:
            words += f"; {self.missing}."
        elif self.floor is None:
            words += "; no floor is set for that digit in this profile."
        else:
            side = "above" if self.reached >= self.floor else "below"
            words += f": {side} the floor of {self.floor:.3f}."
        if self.solution is not None:
            words += f" The course's own solution reaches {self.solution:.3f} on average."
        return words


@dataclass(frozen=True)
class StudentPage:
    """Everything that the template shows."""

    student: str
    notebook: Notebook
    report: GradeReport
    headline: str
    reason: str
    exercises: tuple[ExercisePart, ...]
    questions: tuple[QuestionPart, ...]
    advice: tuple[tuple[str, str], ...]
    detector: DetectorPart
    put_back: tuple[str, ...]
    floors: str
    history: tuple[PastGrade, ...]


def student_page(
    result: Result, notebook: Notebook, decisions: Mapping[str, Rescoring]
) -> StudentPage:
    """Gather what a student's page says.

    Parameters
    ----------
    result : Result
    notebook : Notebook
    decisions : mapping of str to Rescoring
        By exercise.
    """
    report = result.report
    known = {exercise.id: exercise for exercise in notebook.exercises}
    parts = tuple(
        _exercise(exercise, report, notebook, known.get(exercise.id), decisions.get(exercise.id))
        for exercise in report.exercises
    )
    return StudentPage(
        student=result.student,
        notebook=notebook,
        report=report,
        headline=_headline(result, notebook),
        reason=_reason(report),
        exercises=parts,
        questions=tuple(
            QuestionPart(question, result.by_hand.get(question.id))
            for question in notebook.questions
        ),
        advice=tuple((p.result.id, m.finding.advice) for p in parts for m in p.mistakes[:1]),
        detector=_detector(report, notebook),
        put_back=put_back(report),
        floors=floors_applied(notebook, report),
        history=report.history,
    )


def _headline(result: Result, notebook: Notebook) -> str:
    """Say the points in one sentence; a word that stands in their place is never a zero."""
    report = result.report
    if report.status != GRADED:
        return f"{report.status}: no points could be given. This is not a zero."
    if report.points is None:
        return f"{UNGRADED}: not every exercise could be judged. This is not a zero."
    words = f"{number(report.points)} of {sum(e.max_points for e in report.exercises)} points"
    if not notebook.questions:
        return f"{words}."
    if result.by_hand and result.total is not None:
        most = sum(e.max_points for e in report.exercises) + notebook.points_by_hand
        return f"{number(result.total)} of {most} points, those given by hand among them."
    return f"{words}; up to {notebook.points_by_hand} more are given by hand."


def _reason(report: GradeReport) -> str:
    """Say why there are no points, in words that are meant for the student."""
    if stopped(report):
        return (
            "The grader stopped, not your answer. No points were taken for it; your instructor "
            "grades it again."
        )
    if report.status == UNGRADED:
        return "What you handed in last has not been graded yet, or was changed since."
    if report.status == MISSING:
        return report.reason or "Nothing was handed in."
    return report.reason


def _exercise(
    result: ExerciseResult,
    report: GradeReport,
    notebook: Notebook,
    known: Exercise | None,
    decision: Rescoring | None,
) -> ExercisePart:
    steps = tuple(
        StepReached(step, report.facts.get(f"auroc_step_{step.number}"))
        for step in notebook.steps_of(result.id)
    )
    return ExercisePart(
        result=result,
        title=known.title if known else result.function,
        asked=tuple(asked(notebook, result.id, result.checks)),
        mistakes=_mistakes(result, notebook),
        steps=steps if any(step.reached is not None for step in steps) else (),
        worth=_worth(result, known, decision),
    )


def _mistakes(result: ExerciseResult, notebook: Notebook) -> tuple[Mistake, ...]:
    return tuple(
        Mistake(
            finding,
            tuple(
                dict.fromkeys(
                    check_title(notebook, result.id, check)
                    for check in result.checks
                    if check.finding is not None
                    and (check.finding.why, check.finding.advice) == (finding.why, finding.advice)
                )
            ),
        )
        for finding in result.findings
    )


def _worth(result: ExerciseResult, known: Exercise | None, decision: Rescoring | None) -> str:
    if decision is None:
        return ""
    words = []
    if known and known.points != result.max_points:
        words.append(
            f"It is worth {plural(result.max_points, 'point')} now; before it was {known.points}."
        )
    if decision.dropped:
        words.append("Checks that proved unfair do not count.")
    if words and decision.reason:
        words.append(f"Why: {decision.reason}")
    return " ".join(words)


def _detector(report: GradeReport, notebook: Notebook) -> DetectorPart:
    digit, reached = exam_auroc(report) or (None, None)
    floor = solution = None
    which = ""
    if digit is not None:
        which = notebook.setting.words(digit)
        entry = notebook.floor(report.profile, report.device, digit, backbone=report.backbone)
        floor = entry.auroc if entry else None
        solution = entry.mean_of("solution") if entry else None
    charts = tuple(detector_charts(report.series, reached))
    missing = no_floors(notebook, report.device, report.backbone)
    return DetectorPart(which, reached, floor, solution, charts, missing)
