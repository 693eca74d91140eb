"""`nbgrader export` that never writes a zero for work that was not graded."""

import glob
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import ExportPlugin

from grader.classroom import report_path
from grader.csv_files import write_csv
from grader.errors import GraderError
from grader.nbgrader_grading import REPORTS
from grader.report import read_report

FAILED, MISSING = "failed", "missing"
BY_HAND = "ungraded"  # a cell that waits for its grade by hand
DEFAULT_FILE = "grades.csv"  # nbgrader's own name
# nbgrader's own columns; one for each grade cell follows them.
COLUMNS = (
    "assignment",
    "duedate",
    "timestamp",
    "student_id",
    "last_name",
    "first_name",
    "email",
    "raw_score",
    "late_submission_penalty",
    "score",
    "max_score",
)
_Cell = tuple[str, str]  # notebook, grade cell


@dataclass(frozen=True)
class NotebookFiles:
    """Where one student's notebook lies, before and after grading."""

    submitted: Path
    autograded: Path
    report: Path

    @property
    def handed_in(self) -> bool:
        """Whether there is a notebook, be it a link or under another name."""
        return any(self.submitted.parent.glob("*.ipynb"))


class HonestExport(ExportPlugin):
    """nbgrader's CSV with a column for each exercise, and words where there are no points.

    ``failed`` stands for a submission that was not graded, or that is another one than was
    graded; ``missing`` for one that was not handed in; ``ungraded`` for a cell that waits for its
    grade by hand.
    """

    def export(self, gradebook: Gradebook) -> None:
        """Write the file named by ``--to``, or grades.csv."""
        wanted = [str(name) for name in self.assignment]
        assignments = [a for a in gradebook.assignments if not wanted or a.name in wanted]
        cells: list[_Cell] = []
        for assignment in assignments:
            cells += [cell for cell in _grade_cells(assignment) if cell not in cells]
        rows: list[list[Any]] = [[*COLUMNS, *(name for _, name in cells)]]
        for assignment in assignments:
            for student_id in self._students(gradebook, assignment.name):
                row, points = self._row(gradebook, assignment, student_id)
                rows.append([row[name] for name in COLUMNS] + [points.get(c, "") for c in cells])
        write_csv(Path(self.to or DEFAULT_FILE), rows)
        self.log.info("Exported %d rows to %s", len(rows) - 1, self.to or DEFAULT_FILE)

    @property
    def _course(self) -> CourseDirectory:
        return CourseDirectory(config=self.config)

    def _students(self, gradebook: Gradebook, assignment: str) -> list[str]:
        """Return those in the gradebook and those who have a folder among the submissions."""
        course = self._course
        names = {student.id for student in gradebook.students}
        place = re.compile(
            course.format_path(
                course.submitted_directory, "(?P<student>.*)", re.escape(assignment), escape=True
            )
        )
        for folder in glob.glob(course.format_path(course.submitted_directory, "*", assignment)):
            found = place.fullmatch(folder)
            names |= {found["student"]} if found else set()
        wanted = [str(name) for name in self.student]
        return sorted(name for name in names if not wanted or name in wanted)

    def _row(
        self, gradebook: Gradebook, assignment: Any, student_id: str
    ) -> tuple[dict[str, Any], dict[_Cell, Any]]:
        """Return nbgrader's columns and the points of each grade cell, or words."""
        submission = _found(gradebook.find_submission, assignment.name, student_id)
        student = _found(gradebook.find_student, student_id)
        row: dict[str, Any] = dict.fromkeys(COLUMNS, "")
        row |= {"assignment": assignment.name, "duedate": assignment.duedate}
        row |= {"student_id": student_id, "max_score": assignment.max_score}
        for name in ("last_name", "first_name", "email"):
            row[name] = getattr(student, name, None)
        points: dict[_Cell, Any] = {}
        words = []
        for notebook in assignment.notebooks:
            graded = _found(
                gradebook.find_submission_notebook, notebook.name, assignment.name, student_id
            )
            word = self._word(assignment.name, student_id, notebook.name, graded)
            words += [word] if word else []
            points |= _points(notebook, graded, word)
        if words:
            row["raw_score"] = row["score"] = FAILED if FAILED in words else MISSING
        elif submission is not None:
            penalty = submission.late_submission_penalty or 0.0
            row["raw_score"], row["late_submission_penalty"] = submission.score, penalty
            row["score"] = max(0.0, submission.score - penalty)
        if submission is not None:
            row["timestamp"] = submission.timestamp
        return row, points

    def _word(self, assignment: str, student: str, notebook: str, graded: Any) -> str:
        """Return the word that stands for this notebook's points, or an empty string."""
        course = self._course
        submitted, autograded = (
            Path(course.format_path(step, student, assignment)) / f"{notebook}.ipynb"
            for step in (course.submitted_directory, course.autograded_directory)
        )
        report = report_path(Path(course.root) / REPORTS, student, notebook)
        files = NotebookFiles(submitted, autograded, report)
        reason = why_no_points(files, graded)
        if not reason:
            return ""
        word = FAILED if files.handed_in else MISSING
        self.log.warning("%s, %s: %s. %s", student, notebook, word, reason)
        return word


def why_no_points(files: NotebookFiles, graded: Any) -> str:
    """Return why the gradebook's points must not be shown, or an empty string.

    Parameters
    ----------
    files : NotebookFiles
    graded : nbgrader.api.SubmittedNotebook or None
        What the gradebook holds. It keeps the points of an earlier submission when a later one
        fails, and nbgrader puts zeros there for a notebook that is missing.
    """
    try:
        report = read_report(files.report) if files.report.is_file() else None
    except GraderError as error:
        return str(error)
    if report is not None and report.status != "graded":
        return report.reason
    if graded is None or any(_unscored(grade) for grade in graded.grades):
        return "nbgrader has not graded it"
    if not files.autograded.is_file():
        return "nbgrader could not grade what was handed in last, or nothing was"
    if report is not None and files.submitted.is_file():
        handed_in = hashlib.sha256(files.submitted.read_bytes()).hexdigest()
        if handed_in != report.sha256:
            return "the file was changed after it was graded; run nbgrader autograde --force"
    return ""


def _grade_cells(assignment: Any) -> list[_Cell]:
    """Return the grade cells of an assignment; ``ex1_10`` comes behind ``ex1_9``."""
    return [
        (notebook.name, name)
        for notebook in assignment.notebooks
        for name in sorted(_graded_names(notebook), key=lambda name: (len(name), name))
    ]


def _graded_names(notebook: Any) -> set[str]:
    return {cell.name for cell in notebook.grade_cells + notebook.task_cells}


def _points(notebook: Any, graded: Any, word: str) -> dict[_Cell, Any]:
    """Return the points of each grade cell of a notebook, or the word for all of them."""
    if word or graded is None:
        return {(notebook.name, name): word for name in _graded_names(notebook)}
    return {
        (notebook.name, grade.name): BY_HAND if _score_of(grade) is None else grade.score
        for grade in graded.grades
    }


def _unscored(grade: Any) -> bool:
    """Say whether a cell that is graded by the machine has no points."""
    notebook = grade.notebook.notebook
    by_hand = {cell.name for cell in notebook.solution_cells + notebook.task_cells}
    return _score_of(grade) is None and grade.name not in by_hand


def _score_of(grade: Any) -> float | None:
    score: float | None = grade.auto_score if grade.manual_score is None else grade.manual_score
    return score


def _found(find: Any, *names: str) -> Any:
    """Return what the gradebook holds of that name, or None."""
    try:
        return find(*names)
    except MissingEntry:
        return None
