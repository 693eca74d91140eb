"""Grading under `nbgrader autograde`: the submitted file is read here and graded in the sandbox.

Only the points and the words for the student go into the notebook that nbgrader keeps.
"""

import hashlib
import math
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.converters import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool, Enum

from data_utils.course import load_course
from grader.classroom import Seat, report_path
from grader.errors import GraderError
from grader.examination import CELL_SECONDS, Settings
from grader.freshness import require_current, why_again, with_history
from grader.grading import failed_report, grade_submission
from grader.judging.secret import course_secret
from grader.nbgrader_points import set_points
from grader.report import GRADED, GRADER_STOPPED, ExerciseResult, GradeReport, read_report
from grader.rescoring import read_rescorings, rescored, worth
from grader.sandbox import Isolation, SandboxError, best_isolation
from grader.tables import exercise_lines

REPORTS = "reports"
# In the metadata of the autograded notebook: which report its points come from. nbgrader writes
# that file last, when all points are in its gradebook.
RECORDED_FROM = "anomaly_course_report"

NBGRADER_AGAIN = "nbgrader autograde was run"


class GradeInSandbox(NbGraderPreprocessor):
    """Stands where nbgrader's Execute stood: no student code runs in this process.

    What is graded is the file as it was handed in, not nbgrader's copy of it.
    """

    enabled = Bool(True)  # no setting: switched off, every empty grade cell would be full marks
    profile = Enum(
        tuple(CELL_SECONDS), "embedded", help="How much a submitted notebook trains."
    ).tag(config=True)
    isolation = Enum(
        ("", *(rung.value for rung in Isolation)),
        "",
        help="How student code is kept apart; empty for the strongest way there is.",
    ).tag(config=True)

    again = Bool(False, help="Grade again what has a report that still holds.").tag(config=True)
    only_reports = Bool(
        False, help="Grade nothing: take the report that lies there, however it was made."
    ).tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Grade the submission that `nb` was made from, and fill in its grade cells.

        A report that still holds is taken instead of grading. What goes into the cells is rescored.

        Raises
        ------
        NbGraderException
            If it cannot be graded; its report, with the same sentence, lies on the disk then.
        """
        notebook_id = resources["nbgrader"]["notebook"]
        seat = seat_of(self.config, resources)
        path = _report_path(self.config, seat, notebook_id)
        report = self._kept(path, seat, notebook_id)
        if report is None:
            report = with_history(self._graded(seat, notebook_id), path, NBGRADER_AGAIN)
            report.write(path)
        try:
            decisions = read_rescorings(path.parent.parent)
            shown = rescored(report, decisions)
            reason = why_not_graded(shown)
            if reason:
                raise NbGraderException(reason)
            wanted = worth(load_course().notebook(notebook_id), decisions)
            _follow_rescoring(nb, shown, wanted, resources)
        except GraderError as error:
            raise NbGraderException(str(error)) from error
        fill_grade_cells(nb, shown)
        nb.metadata[RECORDED_FROM] = digest_of(shown)
        return nb, resources

    def refuse(self, seat: Seat, notebook_id: str, reason: str) -> NbGraderException:
        """Write the report of a file that is not even read, and return what is to be raised."""
        report = failed_report(seat.path, Settings(self.profile), reason, notebook_id)
        report.write(_report_path(self.config, seat, notebook_id))
        return NbGraderException(reason)

    def _kept(self, path: Path, seat: Seat, notebook_id: str) -> GradeReport | None:
        """Return the report on the disk if nothing has to be graded."""
        try:
            report = read_report(path) if path.exists() and not self.again else None
            if self.only_reports:
                return require_current(report, seat.path)
            if why_again(report, seat.path, notebook_id, self._settings()) is None:
                return report
        except SandboxError:  # no way to grade: that ends in a report of its own
            return None
        except GraderError as error:
            if self.only_reports:
                raise NbGraderException(str(error)) from error
        return None

    def _settings(self) -> Settings:
        rung = Isolation(self.isolation) if self.isolation else best_isolation()
        secret = course_secret(Path(CourseDirectory(config=self.config).root))
        return Settings(self.profile, isolation=rung, secret_file=secret)

    def _graded(self, seat: Seat, notebook_id: str) -> GradeReport:
        try:
            return grade_submission(seat.path, self._settings(), notebook_id)
        except (GraderError, SandboxError) as error:
            reason = f"{GRADER_STOPPED}, not the student's work: {error}"
            return failed_report(seat.path, Settings(self.profile), reason, notebook_id)


def seat_of(config: Any, resources: Any) -> Seat:
    """Return whose submission nbgrader is at, and where it lies."""
    place, course = resources["nbgrader"], CourseDirectory(config=config)
    folder = course.format_path(course.submitted_directory, place["student"], place["assignment"])
    return Seat(place["student"], Path(folder) / f"{place['notebook']}.ipynb")


def why_not_graded(report: GradeReport) -> str:
    """Return why there are no points to give, or an empty string."""
    if report.status != GRADED:
        return report.reason
    stuck = [result.id for result in report.exercises if result.points is None]
    if not stuck:
        return ""
    return (
        f"Exercise {', '.join(stuck)} has no points: the grader stopped in every check of it that "
        "counts. That is not a zero: see the notes in the report, and grade again."
    )


def digest_of(report: GradeReport) -> str:
    """Return what tells this report, as rescored, from every other one."""
    return hashlib.sha256(report.to_json().encode()).hexdigest()


def fill_grade_cells(nb: NotebookNode, report: GradeReport) -> None:
    """Put each exercise's words and points into its grade cell, where nbgrader looks for them.

    Raises
    ------
    NbGraderException
        If nbgrader's gradebook holds other points for a cell than course.toml, or lacks the cell.
    """
    cells = {name_of(cell): cell for cell in nb.cells if cell.cell_type == "code"}
    exercises = load_course().notebook(report.notebook).exercises
    for exercise, result in zip(exercises, report.exercises, strict=True):
        cell = cells.get(exercise.grade_id)
        worth = cell.metadata.nbgrader.get("points") if cell else None
        if cell is None or worth != result.max_points:
            raise NbGraderException(
                f"Cell {exercise.grade_id} is worth {worth} points in nbgrader's gradebook, and "
                f"{result.max_points} in course.toml. Run nbgrader generate_assignment --force "
                "and grade again."
            )
        cell.outputs = grade_outputs(result)


def grade_outputs(result: ExerciseResult) -> list[NotebookNode]:
    """Return the outputs of a grade cell: the words, then the points as a plain number.

    nbgrader takes the first error or stderr text for a zero, and a number that it cannot read for
    full marks: so there is neither.
    """
    words = "\n".join(exercise_lines(result)) + "\n"
    points = repr(clamped(result.points, result.max_points))
    return [
        nbformat.v4.new_output("stream", name="stdout", text=words),
        nbformat.v4.new_output("execute_result", data={"text/plain": points}),
    ]


def clamped(points: Any, max_points: float) -> float:
    """Return points as a plain float between 0 and the maximum.

    Raises
    ------
    NbGraderException
        If they are no finite number: neither a zero nor full marks would be true.

    Examples
    --------
    >>> clamped(7.5, 4), clamped(-1, 4)
    (4.0, 0.0)
    """
    try:
        number = float(points)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise NbGraderException(
            f"The grader gave {points!r} points, which is no number. Grade this submission again; "
            "if that does not help, grade it by hand."
        )
    return min(max(number, 0.0), float(max_points))


def _follow_rescoring(
    nb: NotebookNode, report: GradeReport, wanted: dict[str, int], resources: Any
) -> None:
    """Let the gradebook, and the cells that were made from it, say what each exercise is worth."""
    cells = {name_of(cell): cell for cell in nb.cells if cell.cell_type == "code"}
    notebook, place = load_course().notebook(report.notebook), resources["nbgrader"]
    rows = [(exercise, cells.get(exercise.grade_id)) for exercise in notebook.exercises]
    if all(cell and cell.metadata.nbgrader["points"] == wanted[e.id] for e, cell in rows):
        return
    with Gradebook(place["db_url"]) as book:
        set_points(book, place["assignment"], notebook, wanted)
    for exercise, cell in rows:
        if cell is not None:
            cell.metadata.nbgrader["points"] = wanted[exercise.id]


def name_of(cell: Any) -> str:
    """Return nbgrader's name of a cell, or an empty string; `cell` may be anything JSON holds."""
    metadata = cell.get("metadata")
    own = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = own.get("grade_id") if isinstance(own, dict) else None
    return name if isinstance(name, str) else ""


def _report_path(config: Any, seat: Seat, notebook_id: str) -> Path:
    reports = Path(CourseDirectory(config=config).root) / REPORTS
    return report_path(reports, seat.student, notebook_id)
