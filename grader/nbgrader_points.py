"""The points of nbgrader's grade cells when an exercise was rescored.

nbgrader keeps the points of a grade cell twice: as its maximum, which formgrader, the feedback and
the export show, and inside the checksum of the released cell. The maximum follows a rescoring; the
checksum stays as ``generate_assignment`` made it, so that it still says what was released.
"""

from collections.abc import Mapping
from typing import Any

import nbformat
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.utils import compute_checksum

from data_utils.course import Notebook, load_course
from grader.errors import ClassRecordError


def set_points(
    book: Gradebook, assignment: str, notebook: Notebook, wanted: Mapping[str, int]
) -> None:
    """Let the gradebook's maximum of each exercise be what the exercise is worth.

    Parameters
    ----------
    book : Gradebook
    assignment : str
    notebook : Notebook
    wanted : mapping of str to int
        Points by exercise id.

    Raises
    ------
    ClassRecordError
        If the gradebook lacks the assignment or a cell, or was made from another course.toml.
    """
    for exercise in notebook.exercises:
        try:
            cell = book.find_graded_cell(exercise.grade_id, notebook.id, assignment)
            source = book.find_source_cell(exercise.grade_id, notebook.id, assignment)
        except MissingEntry:
            raise ClassRecordError(
                f"nbgrader's gradebook does not hold cell {exercise.grade_id} of {assignment}. "
                f"Run nbgrader generate_assignment {assignment} --force, then this again."
            ) from None
        if cell.max_score == wanted[exercise.id]:
            continue
        if not is_as_released(exercise.grade_id, source.checksum, source):
            book.db.rollback()
            raise ClassRecordError(
                f"Cell {exercise.grade_id} is worth {cell.max_score:g} points in nbgrader's "
                f"gradebook, and {exercise.points} in course.toml. Run nbgrader "
                f"generate_assignment {assignment} --force, then this again."
            )
        cell.max_score = wanted[exercise.id]
    book.db.commit()


def is_as_released(grade_id: str, checksum: str, cell: Any) -> bool:
    """Say whether a checksum is that of a locked grade cell, released with the course's points.

    Parameters
    ----------
    grade_id, checksum : str
    cell : SourceCell or NotebookNode
        Of nbgrader's gradebook, or of a notebook.
    """
    found = (e for notebook in load_course().notebooks for e in notebook.exercises)
    points = next((e.points for e in found if e.grade_id == grade_id), None)
    return points is not None and checksum == _checksum(grade_id, cell, points)


def _checksum(grade_id: str, cell: Any, points: int) -> str:
    """Return nbgrader's checksum of a locked grade cell, released with `points`."""
    own = {"grade": True, "solution": False, "locked": True, "grade_id": grade_id, "points": points}
    released = {"cell_type": cell.cell_type, "source": cell.source, "metadata": {"nbgrader": own}}
    checksum: str = compute_checksum(nbformat.from_dict(released))
    return checksum
