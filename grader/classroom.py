"""Where a class lies on the disk: submissions, reports, gradebook.

The layout is nbgrader's: ``submitted/STUDENT/ASSIGNMENT/NOTEBOOK.ipynb``, one folder a student.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from grader.errors import GraderError, MissingSubmissionError, SubmissionError

LONGEST_NAME = 100  # characters of a student's name; file systems take 255 bytes


@dataclass(frozen=True)
class ClassFolder:
    """The course folder of one class; nbgrader's commands run in the same one."""

    root: Path

    @property
    def submitted(self) -> Path:
        """Where submissions lie."""
        return self.root / "submitted"

    @property
    def reports(self) -> Path:
        """Where the grader's reports lie."""
        return self.root / "reports"

    @property
    def pages(self) -> Path:
        """Where the class page and the students' pages lie."""
        return self.root / "pages"

    @property
    def gradebook(self) -> Path:
        """Nbgrader's gradebook, which need not be there."""
        return self.root / "gradebook.db"

    def report(self, student: str, notebook_id: str) -> Path:
        """Return where the report of a student lies."""
        return report_path(self.reports, student, notebook_id)


@dataclass(frozen=True)
class Seat:
    """One student's place in the class.

    Attributes
    ----------
    student : str
        A name that can be printed and can name a file.
    path : Path
        Where the notebook has to lie.
    refusal : str
        Why nothing in this folder can be graded; empty where it can.
    """

    student: str
    path: Path
    refusal: str = ""


def list_seats(submitted: Path, notebook_id: str) -> list[Seat]:
    """Return one seat for each student folder, sorted by name.

    Folders whose names begin with a dot are an editor's, not a student's.

    Raises
    ------
    GraderError
        If `submitted` holds no student, or cannot be read.
    """
    if not submitted.is_dir():
        raise GraderError(f"{submitted} is not a folder. Name nbgrader's folder of submissions.")
    try:
        folders = [p for p in submitted.iterdir() if p.is_dir() and not p.name.startswith(".")]
    except OSError as error:
        raise GraderError(f"{submitted} cannot be read ({error.strerror}).") from error
    if not folders:
        raise GraderError(
            f"{submitted} holds no student. Expected {submitted}/STUDENT/{notebook_id}/"
            f"{notebook_id}.ipynb."
        )
    seats = [seat_of(submitted, folder.name, notebook_id) for folder in folders]
    return sorted(seats, key=lambda seat: seat.student)


def seat_of(submitted: Path, student: str, notebook_id: str) -> Seat:
    """Return a student's place, whether or not something lies there.

    `student` is the name of a folder in `submitted`; one that cannot be printed or cannot name a
    file gets another name and a refusal.
    """
    path = submitted / student / notebook_id / f"{notebook_id}.ipynb"
    why = why_no_name(student)
    if not why:
        return Seat(student, path)
    digest = hashlib.sha256(os.fsencode(student)).hexdigest()[:6]
    printable = "".join(c if c.isalnum() and c.isascii() else "_" for c in student[:20])
    return Seat(
        f"{printable}-{digest}", path, f"The name of the student's folder {why}. Rename it."
    )


def why_no_name(student: str) -> str:
    """Say what is wrong with a student's name, or return an empty string.

    Examples
    --------
    >>> why_no_name("ada"), why_no_name("ada/bob")
    ('', 'holds a character that no file name should hold')
    """
    if not student or student.startswith("."):
        return "is empty or begins with a dot"
    if len(student) > LONGEST_NAME:
        return f"is longer than {LONGEST_NAME} characters"
    if student != student.strip() or not student.isprintable() or set(student) & set('/\\:*?"<>|'):
        return "holds a character that no file name should hold"
    return ""


def require_student(submitted: Path, student: str, notebook_id: str) -> Seat:
    """Return the seat of a student who was named on the command line.

    Raises
    ------
    GraderError
        If the name is none, or nobody of that name has a folder.
    """
    why = why_no_name(student)
    if why:
        raise GraderError(f"The student's name {student!r} {why}.")
    if not (submitted / student).is_dir():
        raise GraderError(f"There is no student {student!r} in {submitted}.")
    return seat_of(submitted, student, notebook_id)


def require_submission(seat: Seat) -> None:
    """Say what lies there instead, if the notebook does not.

    Raises
    ------
    SubmissionError
        If nothing was handed in, or under another name, or behind a link.
    """
    if seat.refusal:
        raise SubmissionError(seat.refusal)
    for folder in (seat.path.parent, seat.path.parent.parent):
        if folder.is_symlink():
            raise SubmissionError(
                f"The folder {folder.name} is a link to another one. Put the student's own files "
                "there."
            )
    if seat.path.exists() or seat.path.is_symlink():
        return
    folder = seat.path.parent
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
