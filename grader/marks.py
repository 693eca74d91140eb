"""What a student gets in a file of grades: one number for all points, or one word and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data_utils.course import Notebook
from grader.csv_files import one_line
from grader.report import GRADED, UNGRADED
from grader.results import Result
from grader.tables import number


@dataclass(frozen=True)
class Mark:
    """One student's line.

    Attributes
    ----------
    student : str
    total : float or None
        All points; None where anything is not known.
    word : {"", "failed", "missing", "ungraded"}
        Stands where the points would; empty where there are points.
    reason : str
        Why there are none.
    exercises, questions : dict
        Points by id, or the word.
    remarks : str
        For the instructor.
    profile, graded_at : str
    """

    student: str
    total: float | None
    word: str
    reason: str
    exercises: dict[str, float | str]
    questions: dict[str, float | str]
    remarks: str
    profile: str
    graded_at: str


def marks_of(results: Sequence[Result], notebook: Notebook) -> list[Mark]:
    """Return a mark for each result.

    Where anybody has points by hand, or a question that waits for them, every graded student waits
    until all of the notebook's questions have theirs.
    """
    by_hand = any(result.by_hand for result in results)
    return [_mark(result, notebook, by_hand) for result in results]


def points_in_all(results: Sequence[Result], notebook: Notebook, worth: Mapping[str, int]) -> int:
    """Return what a student can get: the exercises as rescored, and the questions if any counts."""
    by_hand = any(result.by_hand for result in results)
    return sum(worth.values()) + (notebook.points_by_hand if by_hand else 0)


def feedback(mark: Mark, out_of: int, worth: Mapping[str, int]) -> str:
    """Return a student's points in one line, or the word and why it stands there."""
    if mark.word:
        return f"{mark.word}: {mark.reason} This is not a zero."
    parts = [
        f"{name} {number(points)} of {worth[name]}"
        for name, points in mark.exercises.items()
        if not isinstance(points, str)
    ]
    parts += [
        f"question {name} {number(points)}"
        for name, points in mark.questions.items()
        if not isinstance(points, str)
    ]
    return f"{number(mark.total)} of {out_of} points: {', '.join(parts)}"


def _mark(result: Result, notebook: Notebook, by_hand: bool) -> Mark:
    report = result.report
    given = {e.id: e.points for e in report.exercises} if report.status == GRADED else {}
    exercises = {e.id: _or_word(given.get(e.id), result.word) for e in notebook.exercises}
    questions = {q.id: _or_word(result.by_hand.get(q.id), UNGRADED) for q in notebook.questions}
    word, reason = result.word, report.reason
    unknown = [name for name, points in exercises.items() if isinstance(points, str)]
    waiting = [name for name, points in questions.items() if isinstance(points, str)]
    if not word and unknown:
        word, reason = UNGRADED, f"The report lacks exercise {', '.join(unknown)}. Grade it again."
    elif not word and by_hand and waiting:
        word, reason = UNGRADED, f"Question {', '.join(waiting)} waits for its points by hand."
    elif word and not reason:
        reason = "An exercise could not be judged: the grader stopped, not the answer."
    remarks = [*([reason] if word else []), *report.flags]
    total = None if word else result.total
    return Mark(
        result.student, total, word, one_line(reason) if word else "", exercises, questions,
        one_line("; ".join(remarks)), report.profile, report.graded_at,
    )  # fmt: skip


def _or_word(points: float | None, word: str) -> float | str:
    return (word or UNGRADED) if points is None else points
