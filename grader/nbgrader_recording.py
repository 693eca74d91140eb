"""nbgrader's autograde step for students whose reports lie there, one after the other.

A student counts as recorded only if nbgrader's own files say so: the autograded notebook, which
nbgrader writes last, names the report, and the gradebook holds its points. So whatever was killed,
and whenever, the next run does again what is not surely done.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde, GenerateFeedback

from data_utils.course import Notebook
from grader.classroom import ClassFolder
from grader.errors import ClassRecordError, GraderError, RecordError
from grader.freshness import require_current
from grader.gradebook import Recorded
from grader.nbgrader_course import NbgraderCourse, quietly, require_writable
from grader.nbgrader_grading import (
    RECORDED_FROM,
    clamped,
    digest_of,
    name_of,
    why_not_graded,
)
from grader.nbgrader_points import set_points
from grader.report import GradeReport, read_report
from grader.rescoring import read_rescorings, rescored, worth

NOT_RECORDED = "It is not in nbgrader's gradebook yet. Run: python -m grader autograde"
_NEVER = object()  # unlike any points
_Sources = dict[
    str, str
]  # sources of the cells that the student wrote, by nbgrader's name or place


class _OneStudent:
    """A step for one student, whose name nbgrader would take for a pattern."""

    def init_notebooks(self: Any) -> None:
        """Find this student's notebooks."""
        wanted = self.coursedir.assignment_id, self.coursedir.student_id
        folder = self._format_source(*wanted)
        self.assignments = {folder: [str(path) for path in sorted(Path(folder).glob("*.ipynb"))]}


class _AutogradeOne(_OneStudent, Autograde):  # type: ignore[misc]  # nbgrader has no types
    """nbgrader's autograde."""


class _FeedbackOne(_OneStudent, GenerateFeedback):  # type: ignore[misc]
    """nbgrader's generate_feedback."""


class Recorder:
    """Records the reports of one notebook, and writes nbgrader's feedback from them.

    Raises
    ------
    GraderError
        If there is no gradebook, or the course's settings or rescorings cannot be read.
    """

    def __init__(self, folder: ClassFolder, notebook: Notebook) -> None:
        self._reports, self._notebook = folder, notebook
        self._course = NbgraderCourse(folder.root)
        self._decisions = read_rescorings(folder.reports)
        self._worth = worth(notebook, self._decisions)
        config = self._course.app.config
        config.GradeInSandbox.only_reports = True
        config.GradeInSandbox.again = False
        if not self._course.has_gradebook():
            raise ClassRecordError(
                f"There is no gradebook of nbgrader's yet. Run nbgrader generate_assignment "
                f"{notebook.id}, then this again."
            )

    def prepare(self) -> None:
        """Make sure that the gradebook can be written, and let its points follow a rescoring.

        Raises
        ------
        ClassRecordError
            If it cannot, or it does not hold this notebook as the course has it.
        """
        with self._course.gradebook() as book:
            require_writable(book)
            set_points(book, self._notebook.id, self._notebook, self._worth)

    def record(self, student: str) -> Recorded:
        """Record one student, unless that was done.

        Raises
        ------
        ClassRecordError
            If nobody else can be recorded either.
        """
        if student in self._course.directory.student_id_exclude.split(","):
            return Recorded(student, "nbgrader_config.py leaves this student out.")
        try:
            report = self._report(student)
        except GraderError as error:
            self._take_back(student)
            return Recorded(student, str(error))
        if self._is_recorded(student, report):
            return Recorded(student, kept=True)
        before = self._answers(student), self._grades_by_hand(student)
        reason = self._run(_AutogradeOne, student)
        if not reason and not self._is_recorded(student, report):
            reason = "nbgrader did not keep what it was given. Run nbgrader autograde to see why."
        if reason:
            self._take_back(student)
            return Recorded(student, reason)
        self._keep_reviewed(student, *before)
        return Recorded(student)

    def _report(self, student: str) -> GradeReport:
        """Return the report that holds, rescored; a GraderError says why there is none."""
        path = self._reports.report(student, self._notebook.id)
        submitted = self.folder("submitted", student) / f"{self._notebook.id}.ipynb"
        report = require_current(read_report(path) if path.exists() else None, submitted)
        report = rescored(report, self._decisions)
        reason = why_not_graded(report)
        if reason:
            raise RecordError(reason)
        if {e.id: e.max_points for e in report.exercises} != self._worth:
            raise RecordError(
                "It was graded with another course.toml. Run: python -m grader autograde"
            )
        self._require_date(submitted.parent)
        return report

    def _require_date(self, submitted: Path) -> None:
        path = submitted / "timestamp.txt"
        try:
            if path.exists() and not path.is_file():  # reading a pipe would never end
                raise ValueError
            self._course.directory.get_existing_timestamp(str(submitted))
        except (AttributeError, ValueError, OverflowError, OSError):  # nbgrader's refusal is broken
            raise RecordError(
                f"{path} is no date that nbgrader can read. Repair it or delete it."
            ) from None

    def _is_recorded(self, student: str, report: GradeReport) -> bool:
        copy = _read_json(self._copy(student))
        if copy.get("metadata", {}).get(RECORDED_FROM) != digest_of(report):
            return False
        place = self.folder("submitted", student)
        with self._course.gradebook() as book:
            try:
                graded = book.find_submission_notebook(self._notebook.id, *self._names(student))
            except MissingEntry:
                return False
            timestamp = self._course.directory.get_existing_timestamp(str(place))
            if timestamp is not None and graded.assignment.timestamp != timestamp:
                return False
            scores = {grade.name: grade.auto_score for grade in graded.grades}
        return all(
            scores.get(exercise.grade_id) == clamped(result.points, result.max_points)
            for exercise, result in zip(self._notebook.exercises, report.exercises, strict=True)
        )

    def write_feedback(self, student: str) -> str:
        """Write nbgrader's feedback page of a student and return why there is none, or nothing.

        A page of an earlier report goes.
        """
        try:
            report = self._report(student)
            reason = "" if self._is_recorded(student, report) else NOT_RECORDED
        except ClassRecordError:
            raise
        except GraderError as error:
            reason = str(error)
        reason = reason or self._run(_FeedbackOne, student)
        if reason:
            shutil.rmtree(self.folder("feedback", student), ignore_errors=True)
        return reason

    def folder(self, step: str, student: str) -> Path:
        """Return a student's folder in ``"submitted"``, ``"autograded"`` or ``"feedback"``."""
        directory = self._course.directory
        name = getattr(directory, f"{step}_directory")
        return self._course.folder(name, student, self._notebook.id)

    def _run(self, kind: Any, student: str) -> str:
        """Run a step of nbgrader's for one student; return why it stopped, or nothing."""
        directory = self._course.directory
        directory.assignment_id = self._notebook.id
        directory.student_id = student
        step = kind(coursedir=directory, parent=self._course.app)
        step.force = True
        return quietly(step.start)

    def _take_back(self, student: str) -> None:
        """Let nothing stand as current that an earlier report gave; what a person gave stays."""
        with self._course.gradebook() as book:
            for grade in _grades(book, self._notebook.id, *self._names(student)):
                if grade.auto_score is not None:
                    grade.auto_score, grade.needs_manual_grade = None, True
            book.db.commit()
        shutil.rmtree(self.folder("autograded", student), ignore_errors=True)

    def _grades_by_hand(self, student: str) -> dict[str, float | None]:
        """Return the automatic points of cells that a person has graded and is done with."""
        with self._course.gradebook() as book:
            return {
                grade.name: grade.auto_score
                for grade in _grades(book, self._notebook.id, *self._names(student))
                if grade.manual_score is not None and not grade.needs_manual_grade
            }

    def _keep_reviewed(
        self, student: str, answers: _Sources, reviewed: dict[str, float | None]
    ) -> None:
        """Do not ask a person to grade again what did not change since.

        nbgrader asks for every grade by hand again, whatever changed.
        """
        now = self._answers(student)
        by_hand = {question.grade_id for question in self._notebook.questions}
        with self._course.gradebook() as book:
            for grade in _grades(book, self._notebook.id, *self._names(student)):
                same = (
                    answers.get(grade.name) == now[grade.name]
                    if grade.name in by_hand and grade.name in now
                    else answers == now
                )
                if same and reviewed.get(grade.name, _NEVER) == grade.auto_score:
                    grade.needs_manual_grade = False
            book.db.commit()

    def _answers(self, student: str) -> _Sources:
        """Return the sources in the autograded copy; empty if it is not whole."""
        cells = _read_json(self._copy(student)).get("cells", [])
        return {
            name_of(cell) or str(place): "".join(cell.get("source", ""))
            for place, cell in enumerate(cells)
        }

    def _names(self, student: str) -> tuple[str, str]:
        return self._notebook.id, student

    def _copy(self, student: str) -> Path:
        return self.folder("autograded", student) / f"{self._notebook.id}.ipynb"


def _grades(book: Gradebook, notebook: str, assignment: str, student: str) -> list[Any]:
    try:
        grades: list[Any] = book.find_submission_notebook(notebook, assignment, student).grades
    except MissingEntry:
        return []
    return grades


def _read_json(path: Path) -> dict[str, Any]:
    """Return a notebook that nbgrader wrote, or nothing if it is not whole."""
    try:
        tree = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return tree if isinstance(tree, dict) else {}
