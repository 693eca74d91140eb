"""The table of all students: points as text, words where there are none."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from data_utils.course import Notebook
from grader.results import Result
from grader.tables import number

WAITS = "waits"


@dataclass(frozen=True)
class StudentRow:
    """One line of the table; every cell is text, empty where there is nothing to say."""

    student: str
    exercises: tuple[str, ...]
    grader: str
    word: str
    by_hand: tuple[str, ...]
    total: str
    look: bool


def student_row(result: Result, notebook: Notebook, look_at: Set[str]) -> StudentRow:
    """Return a student's line.

    Parameters
    ----------
    result : Result
    notebook : Notebook
    look_at : set of str
        Who needs a look.
    """
    given = {exercise.id: number(exercise.points) for exercise in result.report.exercises}
    return StudentRow(
        student=result.student,
        exercises=tuple(given.get(exercise.id, "") for exercise in notebook.exercises),
        grader="" if result.word else number(result.report.points),
        word=result.word,
        by_hand=tuple(_by_hand(result.by_hand, q.id) for q in notebook.questions),
        total=_total(result, notebook),
        look=result.student in look_at,
    )


def _by_hand(points: Mapping[str, float | None], question: str) -> str:
    if question not in points:
        return ""
    return WAITS if points[question] is None else number(points[question])


def _total(result: Result, notebook: Notebook) -> str:
    if result.word:
        return result.word
    known = all(question.id in result.by_hand for question in notebook.questions)
    return number(result.total) if known and result.total is not None else WAITS
