"""Where a class's submissions lie, and where their reports go.

The layout is nbgrader's: ``submitted/STUDENT/ASSIGNMENT/NOTEBOOK.ipynb``, one folder a student.
"""

from dataclasses import dataclass
from pathlib import Path

from grader.errors import GraderError, MissingSubmissionError, SubmissionError


@dataclass(frozen=True)
class Seat:
    """One student's place in the class."""

    student: str
    path: Path


def list_seats(submitted: Path, notebook_id: str) -> list[Seat]:
    """Return one seat for each student folder, sorted by name.

    Raises
    ------
    GraderError
        If `submitted` holds no student.
    """
    if not submitted.is_dir():
        raise GraderError(f"{submitted} is not a folder. Name nbgrader's folder of submissions.")
    students = sorted(p for p in submitted.iterdir() if p.is_dir() and not p.is_symlink())
    if not students:
        raise GraderError(
            f"{submitted} holds no student. Expected {submitted}/STUDENT/{notebook_id}/"
            f"{notebook_id}.ipynb."
        )
    return [seat_of(submitted, p.name, notebook_id) for p in students]


def seat_of(submitted: Path, student: str, notebook_id: str) -> Seat:
    """Return a student's place, whether or not something lies there."""
    return Seat(student, submitted / student / notebook_id / f"{notebook_id}.ipynb")


def require_submission(seat: Seat) -> None:
    """Say what lies there instead, if the notebook does not.

    Raises
    ------
    SubmissionError
        If nothing was handed in, or under another name.
    """
    folder = seat.path.parent
    if folder.is_symlink():
        raise SubmissionError(
            f"The folder {folder.name} is a link to another one. Put the student's own files there."
        )
    if seat.path.exists() or seat.path.is_symlink():
        return
    others = sorted(p.name for p in folder.glob("*.ipynb")) if folder.is_dir() else []
    if others:
        raise MissingSubmissionError(
            f"{seat.path.name} is missing; the folder holds {others[0]!r}. Rename it to "
            f"{seat.path.name} and grade again."
        )
    raise MissingSubmissionError(f"{seat.path.name} is missing: nothing was handed in.")


def report_path(reports: Path, student: str, notebook_id: str) -> Path:
    """Return where the report of a student lies."""
    return reports / student / f"{notebook_id}.json"
