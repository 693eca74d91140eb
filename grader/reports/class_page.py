"""What the class page says: numbers of the whole class, and who needs a look and why."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data_utils.course import Exercise, Notebook
from grader.floors import floors_applied
from grader.report import (
    FAILED,
    GRADED,
    MISSING,
    NOT_GRADED,
    PASSED,
    UNGRADED,
    ExerciseResult,
)
from grader.reports.attention import Attention, who_needs_a_look
from grader.reports.auroc_charts import auroc_charts
from grader.reports.charts import Chart
from grader.reports.class_charts import points_histogram
from grader.reports.everybody import StudentRow, student_row
from grader.reports.wording import asked, moment
from grader.rescoring import Rescoring, worth
from grader.results import Result

HARDEST = 10  # checks in the table
SLOWEST = 5  # students in the table of time


@dataclass(frozen=True)
class ExerciseRow:
    """One exercise over the class; shares are of the students who have points for it."""

    id: str
    title: str
    worth: int
    mean: float | None
    full: float
    none: float
    judged: int
    changed: str


@dataclass(frozen=True)
class HardCheck:
    """A check that many failed, and the reason that most of them were told."""

    exercise: str
    title: str
    failed: int
    judged: int
    why: str

    @property
    def share(self) -> float:
        """The share of those that were judged."""
        return self.failed / self.judged


@dataclass(frozen=True)
class Cost:
    """Seconds, or megabytes, over the graded submissions."""

    name: str
    unit: str
    total: float | None
    median: float
    largest: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class QuestionRow:
    """A question that a person grades: how far they are."""

    id: str
    title: str
    points: int
    done: int
    waits: int
    mean: float | None


@dataclass(frozen=True)
class ClassPage:
    """Everything that the template shows."""

    name: str
    notebook: Notebook
    students: int
    counts: Mapping[str, int]
    ways: tuple[tuple[str, int], ...]
    first: str
    last: str
    most: int
    attention: tuple[Attention, ...]
    points: Chart | None
    totals: str
    exercises: tuple[ExerciseRow, ...]
    hardest: tuple[HardCheck, ...]
    charts: tuple[Chart, ...]
    costs: tuple[Cost, ...]
    questions: tuple[QuestionRow, ...]
    everybody: tuple[StudentRow, ...]


def class_page(
    name: str, results: Sequence[Result], notebook: Notebook, decisions: Mapping[str, Rescoring]
) -> ClassPage:
    """Gather what the class page says.

    Parameters
    ----------
    name : str
        Of the class.
    results : sequence of Result
    notebook : Notebook
    decisions : mapping of str to Rescoring
        By exercise.
    """
    graded = [result for result in results if result.report.status == GRADED]
    times = sorted(result.report.graded_at for result in graded if result.report.graded_at)
    now_worth = worth(notebook, dict(decisions))
    most = sum(now_worth.values())
    points = [r.report.points for r in graded if r.report.points is not None]
    attention = who_needs_a_look(results, notebook)
    look_at = {student for group in attention for student, _ in group.students}
    return ClassPage(
        name=name,
        notebook=notebook,
        students=len(results),
        counts=_counts(results),
        ways=tuple(Counter(_way(result, notebook) for result in graded).most_common()),
        first=moment(times[0]) if times else "",
        last=moment(times[-1]) if times else "",
        most=most,
        attention=attention,
        points=points_histogram(points, most),
        totals=_totals(results, most + notebook.points_by_hand),
        exercises=_exercise_rows(graded, notebook, now_worth, decisions),
        hardest=_hardest(graded, notebook),
        charts=auroc_charts([result.report for result in graded], notebook),
        costs=_costs(graded),
        questions=_questions(results, notebook),
        everybody=tuple(student_row(result, notebook, look_at) for result in results),
    )


def _counts(results: Sequence[Result]) -> dict[str, int]:
    words = Counter(result.word or GRADED for result in results)
    return {word: words[word] for word in (GRADED, NOT_GRADED, MISSING, UNGRADED)}


def _way(result: Result, notebook: Notebook) -> str:
    report = result.report
    parts = [f"profile {report.profile}", f"device {report.device}"]
    parts.append(floors_applied(notebook, report))
    parts.append("no sandbox" if report.isolation == "none" else f"sandbox {report.isolation}")
    if report.made_from.get("kit"):
        parts.append(f"kit {report.made_from['kit']}")
    if report.made_from.get("checks"):
        parts.append(f"checks {report.made_from['checks']}")
    return ", ".join(parts)


def _totals(results: Sequence[Result], most: int) -> str:
    """Say the median with the points given by hand, once somebody has them all."""
    totals = [r.total for r in results if r.by_hand and r.total is not None]
    if not totals:
        return ""
    return (
        f"With the points given by hand, {len(totals)} of {len(results)} students have a total; "
        f"its median is {statistics.median(totals):g} of {most}."
    )


def _exercise_rows(
    graded: Sequence[Result],
    notebook: Notebook,
    now_worth: Mapping[str, int],
    decisions: Mapping[str, Rescoring],
) -> tuple[ExerciseRow, ...]:
    by_id: dict[str, list[ExerciseResult]] = defaultdict(list)
    for result in graded:
        for judged in result.report.exercises:
            if judged.points is not None:
                by_id[judged.id].append(judged)
    return tuple(
        _exercise_row(e, now_worth[e.id], decisions.get(e.id), by_id[e.id])
        for e in notebook.exercises
    )


def _exercise_row(
    exercise: Exercise, most: int, decision: Rescoring | None, judged: Sequence[ExerciseResult]
) -> ExerciseRow:
    """Sum one exercise up over those who have points for it."""
    points = [result.points or 0.0 for result in judged]
    count = len(points) or 1  # without anybody every share is 0
    return ExerciseRow(
        id=exercise.id,
        title=exercise.title,
        worth=most,
        mean=statistics.fmean(points) if points else None,
        full=sum(given >= result.max_points for given, result in zip(points, judged, strict=True))
        / count,
        none=points.count(0.0) / count,
        judged=len(points),
        changed=_changed(exercise.points, decision, judged),
    )


def _changed(before: int, decision: Rescoring | None, given: Sequence[ExerciseResult]) -> str:
    """Say what was decided about an exercise and why; a dropped check by what it asked."""
    if decision is None:
        return ""
    words = []
    if decision.points is not None:
        words.append(f"worth {decision.points} instead of {before}")
    titles = {
        c.title: None for e in given for c in e.checks if c.name.split("[")[0] in decision.dropped
    }
    words += [f"does not count: {title}" for title in titles or decision.dropped]
    return f"{'; '.join(words)}. Why: {decision.reason or 'no reason was given'}"


def _hardest(graded: Sequence[Result], notebook: Notebook) -> tuple[HardCheck, ...]:
    """Return the checks that the largest share failed."""
    failed: Counter[tuple[str, str]] = Counter()
    judged: Counter[tuple[str, str]] = Counter()
    reasons: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for result in graded:
        for exercise in result.report.exercises:
            for question in asked(notebook, exercise.id, exercise.checks):
                key = (exercise.id, question.title)
                judged[key] += question.status in (PASSED, FAILED)
                failed[key] += question.status == FAILED
                whys = {check.finding.why for check in question.checks if check.finding}
                reasons[key].update(sorted(whys))  # each student counts once
    rows = [
        HardCheck(*key, failed[key], judged[key], reasons[key].most_common(1)[0][0])
        for key in failed
        if failed[key] and reasons[key]
    ]
    rows.sort(key=lambda row: (-row.share, -row.failed, row.exercise, row.title))
    return tuple(rows[:HARDEST])


def _costs(graded: Sequence[Result]) -> tuple[Cost, ...]:
    """Return time, and memory where the reports hold it."""
    taken = {
        ("CPU time", "s"): [(r.student, r.report.cpu_seconds) for r in graded],
        ("Wall time", "s"): [(r.student, r.report.wall_seconds) for r in graded],
        ("Memory", "MB"): [
            (r.student, r.report.facts["memory_mb"])
            for r in graded
            if "memory_mb" in r.report.facts
        ],
    }
    return tuple(
        Cost(
            name,
            unit,
            sum(value for _, value in rows) if unit == "s" else None,  # memory does not add up
            statistics.median(value for _, value in rows),
            tuple(sorted(rows, key=lambda row: (-row[1], row[0]))[:SLOWEST]),
        )
        for (name, unit), rows in taken.items()
        if rows
    )


def _questions(results: Sequence[Result], notebook: Notebook) -> tuple[QuestionRow, ...]:
    rows = []
    for question in notebook.questions:
        known = [r.by_hand[question.id] for r in results if question.id in r.by_hand]
        done = [points for points in known if points is not None]
        mean = statistics.fmean(done) if done else None
        rows.append(
            QuestionRow(
                question.id, question.title, question.points, len(done), len(known) - len(done),
                mean,
            )
        )  # fmt: skip
    return tuple(rows)
