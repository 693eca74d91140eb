"""Reading a submission under `nbgrader autograde`, before nbgrader itself does."""

import json
import os
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbgrader.coursedir import CourseDirectory

from grader.classroom import Seat
from grader.errors import SubmissionError
from grader.nbgrader_grading import GradeInSandbox, name_of, seat_of
from grader.submissions import read_submission, released_notebook

_NEW_CELL = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}


class SubmissionReader(NotebookExporter):  # type: ignore[misc]  # nbconvert has no types
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
    given = {name_of(cell): cell for cell in master.cells if name_of(cell)}
    kept = set(given)
    cells: list[NotebookNode] = []
    for cell in reversed(document["cells"]):  # of copies with one name the last one counts
        cells.insert(0, _clean_cell(cell, given, kept))
        kept.discard(name_of(cells[0]))
    behind = 0  # how many cells stand before the place where the next missing one belongs
    for name, cell in given.items():
        places = [place for place, own in enumerate(cells) if name_of(own) == name]
        if not places and cell.metadata.nbgrader.grade:
            cells.insert(behind, nbformat.from_dict(cell))
            places = [behind]
        behind = places[-1] + 1 if places else behind
    return nbformat.v4.new_notebook(cells=cells, metadata=master.metadata)


def _clean_cell(
    cell: dict[str, Any], given: dict[str, NotebookNode], kept: set[str]
) -> NotebookNode:
    """Return a cell made anew from a student's; only names in `kept` keep their metadata."""
    kind, source = cell["cell_type"], cell.get("source", "")
    make = _NEW_CELL.get(kind, nbformat.v4.new_raw_cell)
    text = source if isinstance(source, str) else "".join(source)
    # JSON can hold half a character, which no file in UTF-8 can.
    clean: NotebookNode = make(source=text.encode("utf-8", "replace").decode())
    name = name_of(cell)
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
