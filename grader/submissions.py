"""Read what a student handed in: untrusted bytes that end in cells or in one clear sentence."""

import ast
import functools
import hashlib
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_utils.course import Notebook, load_course
from data_utils.statements import parsed
from grader.errors import GraderError, SubmissionError

MAX_BYTES = 20_000_000  # a notebook of this course with all its plots has well under 2 MB
MAX_CELLS = 2_000
KIT_METADATA = "anomaly_course"


@dataclass(frozen=True)
class Cell:
    """One code cell in the order in which the grader runs it.

    Attributes
    ----------
    source : str
    name : str
        Its grade_id, or empty for a cell that the student added.
    role : {"given", "answer", "check", "added"}
    tags : frozenset of str
        ``"demo"`` is left out while grading (a second digit, a sweep); ``"definitions"`` marks a
        given cell that the functions need.
    """

    source: str
    name: str
    role: str
    tags: frozenset[str] = frozenset()

    @property
    def in_definitions(self) -> bool:
        """Whether the cell belongs into the session that holds definitions only."""
        return self.role in ("answer", "added") or "definitions" in self.tags

    @property
    def in_run(self) -> bool:
        """Whether the cell is run when the whole notebook is."""
        return self.role != "check" and "demo" not in self.tags


@dataclass(frozen=True)
class Submission:
    """A submission that can be graded.

    Attributes
    ----------
    path : Path
    notebook : Notebook
        Which notebook of the course it is.
    cells : tuple of Cell
        Given cells are the master's own; answers and added cells are the student's.
    sha256 : str
        Of the file as it was handed in.
    remarks : tuple of str
        What was put right: given cells that were changed or missing.
    """

    path: Path
    notebook: Notebook
    cells: tuple[Cell, ...]
    sha256: str
    remarks: tuple[str, ...]

    def given_number(self, name: str) -> int:
        """Return the whole number that a given cell sets a variable to.

        Raises
        ------
        GraderError
            If none does: then a master changed, and not its checks.
        """
        given = [cell for cell in self.cells if cell.role == "given" and cell.in_run]
        for statement in (one for cell in given for one in parsed(cell.source)):
            match statement:
                case ast.Assign([ast.Name(id)], ast.Constant(int(value))) if id == name:
                    return value
        raise GraderError(f"No given cell of {self.notebook.id} sets {name} to a whole number.")


def read_submission(path: Path, expected: str | None = None) -> Submission:
    """Read one submitted notebook.

    Parameters
    ----------
    path : Path
    expected : str, optional
        Id of the notebook that was to be handed in, such as ``"nb1_autoencoder"``.

    Raises
    ------
    SubmissionError
        With one sentence that says why this file cannot be graded.
    """
    raw = read_bytes(path)
    document = _parse(raw, path)
    notebook = _which_notebook(document, path, expected)
    cells, remarks = _arrange(document, notebook)
    return Submission(path, notebook, cells, hashlib.sha256(raw).hexdigest(), remarks)


def released_notebook(notebook_id: str) -> Path:
    """Return where the student version of a notebook lies, in a checkout or in a wheel.

    Raises
    ------
    GraderError
        If it was not built.
    """
    package = Path(__file__).resolve().parent
    for folder in (package.parent / "notebooks", package / "notebooks"):
        path = folder / notebook_id / f"{notebook_id}.ipynb"
        if path.is_file():
            return path
    raise GraderError(
        f"The student version of {notebook_id} is missing. Run: python -m grader build"
    )


def released_names(notebook_id: str, cell_name: str) -> tuple[str, ...]:
    """Return the functions that a cell of the student version asks for."""
    cells = _released_cells(released_notebook(notebook_id))
    (cell,) = (cell for cell in cells if _grade_id(cell) == cell_name)
    defined = [part for part in parsed(_source(cell)) if isinstance(part, ast.FunctionDef)]
    return tuple(function.name for function in defined)


def solved_notebook(notebook_id: str) -> Path | None:
    """Return where the solution of a notebook lies: in a checkout or in the course folder at hand.

    None where there is none, such as on a student's own computer.
    """
    for folder in (Path(__file__).resolve().parents[1], Path.cwd()):
        path = folder / "solutions" / notebook_id / f"{notebook_id}.ipynb"
        if path.is_file():
            return path
    return None


def read_bytes(path: Path) -> bytes:
    """Read a submitted file, which must be a plain file of a size that a notebook can have.

    Raises
    ------
    SubmissionError
    """
    try:
        status = path.lstat()
    except OSError:
        raise SubmissionError(f"{path.name}: there is no such file.") from None
    if stat.S_ISLNK(status.st_mode):
        raise SubmissionError(
            f"{path.name} is a link to another file. Hand in the notebook itself."
        )
    if not stat.S_ISREG(status.st_mode):
        raise SubmissionError(f"{path.name} is not a file. Hand in one .ipynb file.")
    if status.st_size == 0:
        raise SubmissionError(f"{path.name} is empty. Save the notebook and hand it in again.")
    if status.st_size > MAX_BYTES:
        raise SubmissionError(
            f"{path.name} has {status.st_size / 1e6:.0f} MB; at most {MAX_BYTES / 1e6:.0f} MB are "
            "read. Clear its outputs and hand it in again."
        )
    try:
        # O_NOFOLLOW where there is one: the file may have become a link since lstat.
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SubmissionError(f"{path.name} cannot be read ({error.strerror}).") from None


def _parse(raw: bytes, path: Path) -> dict[str, Any]:
    try:
        document = json.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise SubmissionError(
            f"{path.name} is not a notebook: it is not JSON in UTF-8. Hand in the .ipynb file as "
            "Jupyter saves it."
        ) from None
    if not isinstance(document, dict) or document.get("nbformat") != 4:
        found = document.get("nbformat") if isinstance(document, dict) else None
        raise SubmissionError(
            f"{path.name} is not a notebook of format 4 (its nbformat is {str(found)[:20]!r}). "
            "Open it in JupyterLab, save it, and hand that file in."
        )
    cells = document.get("cells")
    if not isinstance(cells, list) or len(cells) > MAX_CELLS:
        raise SubmissionError(f"{path.name} has no list of at most {MAX_CELLS} cells.")
    for place, cell in enumerate(cells):
        if not _is_cell(cell):
            raise SubmissionError(f"{path.name}: cell {place + 1} is damaged. Save it again.")
    return document


def _is_cell(cell: Any) -> bool:
    if not isinstance(cell, dict) or not isinstance(cell.get("metadata", {}), dict):
        return False
    source = cell.get("source", "")
    lines = isinstance(source, list) and all(isinstance(line, str) for line in source)
    return isinstance(cell.get("cell_type"), str) and (isinstance(source, str) or lines)


def _which_notebook(document: dict[str, Any], path: Path, expected: str | None) -> Notebook:
    """Find out which notebook this is: by its own metadata, else by its grade cells."""
    metadata = document.get("metadata")
    own = metadata.get(KIT_METADATA) if isinstance(metadata, dict) else None
    claimed = own.get("notebook") if isinstance(own, dict) else None
    names = {_grade_id(cell) for cell in document["cells"]}
    for notebook in load_course().notebooks:
        grade_ids = {exercise.grade_id for exercise in notebook.exercises}
        answers = {f"answer_{grade_id}" for grade_id in grade_ids}
        if (claimed == notebook.id or claimed is None) and names & (grade_ids | answers):
            if expected is not None and notebook.id != expected:
                raise SubmissionError(
                    f"{path.name} is the notebook {notebook.id}; {expected} was to be handed in."
                )
            return notebook
    wanted = expected or "a notebook of this course"
    raise SubmissionError(
        f"{path.name} holds no exercise of {wanted}: it is another notebook, or its cells were "
        "copied into a new one. Work in the notebook that you were given, and hand that file in."
    )


def _arrange(
    document: dict[str, Any], notebook: Notebook
) -> tuple[tuple[Cell, ...], tuple[str, ...]]:
    """Put the student's cells into the master's order; given cells are the master's own.

    A cell that the student added stays behind the named cell that it followed. A copied answer
    cell keeps its name in Jupyter: both copies run, the later one wins, as on the student's screen.
    """
    named = _released_cells(released_notebook(notebook.id))
    order = [_grade_id(cell) for cell in named]
    behind: dict[str, list[Cell]] = {name: [] for name in ["", *order]}
    answers: dict[str, list[str]] = {name: [] for name in order}
    handed_in: dict[str, str] = {}
    last = ""
    for cell in document["cells"]:
        if cell["cell_type"] != "code":
            continue
        name, source = _grade_id(cell), _source(cell)
        if name in answers:
            last = name
            answers[name].append(source)
            handed_in[name] = source
        elif source.strip():
            behind[last].append(Cell(source, "", "added"))
    cells, remarks = list(behind[""]), []
    for given in named:
        name = _grade_id(given)
        role, original = _role(given), _source(given)
        tags = frozenset(given["metadata"].get("tags", []))
        if role == "answer":
            sources = answers[name] or [original]
        else:
            sources = [original]
            if name not in handed_in:
                remarks.append(f"cell {name} was missing and was put back")
            elif handed_in[name].strip() != original.strip():
                remarks.append(f"cell {name} was changed; the original was run")
        cells += [Cell(source, name, role, tags) for source in sources] + behind[name]
    return tuple(cells), tuple(remarks)


@functools.cache
def _released_cells(path: Path) -> list[dict[str, Any]]:
    """Return the code cells of a student version; one grader reads it once.

    Plain JSON: the build wrote and validated it, and nbformat takes 1.5 CPU s to import.
    """
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def _role(cell: dict[str, Any]) -> str:
    metadata = cell["metadata"]["nbgrader"]
    return "answer" if metadata["solution"] else "check" if metadata["grade"] else "given"


def _grade_id(cell: Any) -> str:
    """Return nbgrader's name of a cell, or an empty string; `cell` may be anything JSON holds."""
    metadata = cell.get("metadata", {})
    own = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = own.get("grade_id") if isinstance(own, dict) else None
    return name if isinstance(name, str) else ""


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)
