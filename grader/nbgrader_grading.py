"""Grading under `nbgrader autograde`: the submitted file is read here and graded in the sandbox.

Only the points and the words for the student go into the notebook that nbgrader keeps.
"""

import json
import math
import os
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbgrader.converters import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool, Enum

from data_utils.course import load_course
from grader.classroom import Seat, report_path
from grader.errors import GraderError, SubmissionError
from grader.examination import CELL_SECONDS, Settings
from grader.grading import failed_report, grade_submission
from grader.report import ExerciseResult, GradeReport
from grader.sandbox import Isolation, SandboxError, best_isolation
from grader.submissions import read_submission, released_notebook
from grader.tables import exercise_lines

REPORTS = "reports"
_NEW_CELL = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}


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

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Grade the submission that `nb` was made from, and fill in its grade cells.

        Raises
        ------
        NbGraderException
            If it cannot be graded; its report, with the same sentence, lies on the disk then.
        """
        notebook_id = resources["nbgrader"]["notebook"]
        seat = seat_of(self.config, resources)
        report = self._graded(seat, notebook_id)
        report.write(_report_path(self.config, seat, notebook_id))
        reason = _why_not_graded(report)
        if reason:
            raise NbGraderException(reason)
        fill_grade_cells(nb, report)
        return nb, resources

    def refuse(self, seat: Seat, notebook_id: str, reason: str) -> NbGraderException:
        """Write the report of a file that is not even read, and return what is to be raised."""
        report = failed_report(seat.path, Settings(self.profile), reason, notebook_id)
        report.write(_report_path(self.config, seat, notebook_id))
        return NbGraderException(reason)

    def _graded(self, seat: Seat, notebook_id: str) -> GradeReport:
        try:
            rung = Isolation(self.isolation) if self.isolation else best_isolation()
            return grade_submission(seat.path, Settings(self.profile, isolation=rung), notebook_id)
        except (GraderError, SandboxError) as error:
            reason = f"The grader stopped, not the student's work: {error}"
            return failed_report(seat.path, Settings(self.profile), reason, notebook_id)


class SubmissionReader(NotebookExporter):
    """Reads what a student handed in before nbgrader does.

    nbgrader follows links, and stops at metadata that a student changed. This refuses the first
    with a sentence and a report, and repairs the second: the points do not hang on it.
    """

    def from_filename(
        self, filename: str, resources: Any = None, **kw: Any
    ) -> tuple[NotebookNode, Any]:
        """Convert a notebook; one that lies among the submissions is checked first."""
        seat, autograded = seat_of(self.config, resources), _autograded(self.config, resources)
        if Path(filename) == autograded:  # the second pass, over nbgrader's own copy
            converted: tuple[NotebookNode, Any] = super().from_filename(
                filename, resources=resources, **kw
            )
            return converted
        notebook_id = resources["nbgrader"]["notebook"]
        try:
            _require_own_folders(seat)
            read_submission(seat.path, notebook_id)
        except SubmissionError as error:
            raise GradeInSandbox(parent=self).refuse(seat, notebook_id, str(error)) from None
        _drop_linked_copies(seat, autograded.parent)
        notebook = tidied(json.loads(seat.path.read_bytes()), notebook_id)
        converted = self.from_notebook_node(notebook, resources, **kw)
        return converted


def seat_of(config: Any, resources: Any) -> Seat:
    """Return whose submission nbgrader is at, and where it lies."""
    place, course = resources["nbgrader"], CourseDirectory(config=config)
    folder = course.format_path(course.submitted_directory, place["student"], place["assignment"])
    return Seat(place["student"], Path(folder) / f"{place['notebook']}.ipynb")


def tidied(document: dict[str, Any], notebook_id: str) -> NotebookNode:
    """Return a submission in a form that nbgrader takes whatever the student did to it.

    Parameters
    ----------
    document : dict
        The JSON of a file that `read_submission` accepts.
    notebook_id : str

    Notes
    -----
    Sources and pasted images stay, and outputs go. Metadata are the master's own, or none. A grade
    cell that is missing comes back behind the cell that it followed (nbgrader's own way of putting
    it back stops where a locked cell stands before it).
    """
    master = nbformat.read(released_notebook(notebook_id), as_version=4)
    given = {_name(cell): cell for cell in master.cells if _name(cell)}
    kept = set(given)
    cells: list[NotebookNode] = []
    for cell in reversed(document["cells"]):  # of copies with one name the last one counts
        cells.insert(0, _clean_cell(cell, given, kept))
        kept.discard(_name(cells[0]))
    behind = 0  # how many cells stand before the place where the next missing one belongs
    for name, cell in given.items():
        places = [place for place, own in enumerate(cells) if _name(own) == name]
        if not places and cell.metadata.nbgrader.grade:
            cells.insert(behind, nbformat.from_dict(cell))
            places = [behind]
        behind = places[-1] + 1 if places else behind
    return nbformat.v4.new_notebook(cells=cells, metadata=master.metadata)


def fill_grade_cells(nb: NotebookNode, report: GradeReport) -> None:
    """Put each exercise's words and points into its grade cell, where nbgrader looks for them.

    Raises
    ------
    NbGraderException
        If nbgrader's gradebook holds other points for a cell than course.toml, or lacks the cell.
    """
    cells = {_name(cell): cell for cell in nb.cells if cell.cell_type == "code"}
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


def _why_not_graded(report: GradeReport) -> str:
    """Return why there are no points to give, or an empty string."""
    if report.status != "graded":
        return report.reason
    stuck = [result.id for result in report.exercises if result.points is None]
    if not stuck:
        return ""
    return (
        f"The grader stopped in every check of exercise {', '.join(stuck)}, so it has no points. "
        "That is not a zero: see the notes in the report, and grade again."
    )


def _clean_cell(
    cell: dict[str, Any], given: dict[str, NotebookNode], kept: set[str]
) -> NotebookNode:
    """Return a cell made anew from a student's; only names in `kept` keep their metadata."""
    kind, source = cell["cell_type"], cell.get("source", "")
    make = _NEW_CELL.get(kind, nbformat.v4.new_raw_cell)
    text = source if isinstance(source, str) else "".join(source)
    # JSON can hold half a character, which no file in UTF-8 can.
    clean: NotebookNode = make(source=text.encode("utf-8", "replace").decode())
    name = _name(cell)
    if name in kept and given[name].cell_type == kind:
        clean.metadata = nbformat.from_dict(given[name].metadata)
    if kind == "markdown" and _are_images(cell.get("attachments")):
        clean.attachments = nbformat.from_dict(cell["attachments"])
    return clean


def _are_images(attachments: Any) -> bool:
    """Say whether these are pasted images as Jupyter keeps them: name, type, base64 text."""
    return isinstance(attachments, dict) and all(
        isinstance(image, dict) and all(isinstance(text, str) for text in image.values())
        for image in attachments.values()
    )


def _name(cell: Any) -> str:
    """Return nbgrader's name of a cell, or an empty string; `cell` may be anything JSON holds."""
    metadata = cell.get("metadata")
    own = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = own.get("grade_id") if isinstance(own, dict) else None
    return name if isinstance(name, str) else ""


def _require_own_folders(seat: Seat) -> None:
    for folder in (seat.path.parent, seat.path.parent.parent):
        if folder.is_symlink():
            raise SubmissionError(
                f"The folder {folder.name} of {seat.student} is a link to another one. Put the "
                "student's own files there and grade again."
            )


def _drop_linked_copies(seat: Seat, autograded: Path) -> None:
    """Remove what nbgrader copied through links that lie beside the notebook."""
    for folder, _, names in os.walk(seat.path.parent):
        for path in (Path(folder) / name for name in names):
            if path.is_symlink():
                (autograded / path.relative_to(seat.path.parent)).unlink(missing_ok=True)


def _autograded(config: Any, resources: Any) -> Path:
    place, course = resources["nbgrader"], CourseDirectory(config=config)
    folder = course.format_path(course.autograded_directory, place["student"], place["assignment"])
    return Path(folder) / f"{place['notebook']}.ipynb"


def _report_path(config: Any, seat: Seat, notebook_id: str) -> Path:
    reports = Path(CourseDirectory(config=config).root) / REPORTS
    return report_path(reports, seat.student, notebook_id)
