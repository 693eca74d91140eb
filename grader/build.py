"""Master -> solution notebook -> student notebook, by jupytext and nbgrader's own generator.

A master is a py:percent file. Its code cells carry one of these in their cell header:

``given="name"``    a locked cell; the grader puts it back when a student changed or lost it
``answer="1.2"``    what the learner writes, between nbgrader's solution markers
``check="1.2"``     the locked grade cell of the exercise

`build_all` writes what they say; `stale_files` compares it with what lies in the checkout.
"""

import ast
import html
import re
import tempfile
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode

from data_utils.course import Exercise, Notebook, load_course
from grader.errors import BuildError
from grader.files import write_atomically
from grader.release import generate_release

MAX_CELL_LINES = 15  # what fits a screen beside its explanation; answers are the learner's own
KIT_METADATA = "anomaly_course"
_HINT = re.compile(r"\{hint (\d+\.\d+) ([12])\}")  # in a master's prose: the hint of course.toml
_ROLES = ("given", "answer", "check")
_DEFINITIONS = (
    ast.Import,
    ast.ImportFrom,
    ast.FunctionDef,
    ast.ClassDef,
    ast.Assign,
    ast.AnnAssign,
)


def build_all(root: Path) -> list[Path]:
    """Write the solution and student notebooks of every master below `root`.

    Returns
    -------
    list of Path
        The files written, solution and student version of each notebook.

    Raises
    ------
    BuildError
        If a master breaks a rule; nothing is written then.
    """
    files = _built_files(root)
    for path, text in files.items():
        write_atomically(path, text.encode())
    return list(files)


def stale_files(root: Path) -> list[Path]:
    """Return the generated files that differ, byte for byte, from what the masters give."""
    return [
        path
        for path, text in _built_files(root).items()
        if not path.is_file() or path.read_bytes() != text.encode()
    ]


def source_notebook(master: Path, notebook: Notebook) -> NotebookNode:
    """Read a master as nbgrader's source version: solutions in, metadata and ids set.

    Raises
    ------
    BuildError
        If a cell has no role, an exercise lacks its cells, or a rule of form is broken.
    """
    source = jupytext.read(master)
    cells = [_built_cell(cell, place, notebook) for place, cell in enumerate(source.cells)]
    _require_exercises(cells, notebook)
    built = nbformat.v4.new_notebook(cells=cells)
    built.metadata = nbformat.from_dict(
        {
            "kernelspec": {
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
            KIT_METADATA: {"notebook": notebook.id},
        }
    )
    nbformat.validate(built)
    return built


def notebook_text(notebook: NotebookNode) -> str:
    """Return a notebook as the bytes that are compared: JSON, one trailing newline."""
    return str(nbformat.writes(notebook, version=4)).rstrip("\n") + "\n"


def _built_files(root: Path) -> dict[Path, str]:
    files: dict[Path, str] = {}
    for notebook in load_course().notebooks:
        source = source_notebook(root / "solutions" / f"{notebook.id}.py", notebook)
        files[root / "solutions" / notebook.id / f"{notebook.id}.ipynb"] = notebook_text(source)
        with tempfile.TemporaryDirectory() as folder:
            student = generate_release(Path(folder), notebook.id, notebook_text(source))
        files[root / "notebooks" / notebook.id / f"{notebook.id}.ipynb"] = notebook_text(student)
    return files


def _built_cell(cell: NotebookNode, place: int, notebook: Notebook) -> NotebookNode:
    if cell.cell_type == "markdown":
        text = _HINT.sub(lambda found: _hint_text(notebook, *found.groups()), cell.source)
        return _new_cell("markdown", text, f"text-{place:03d}", {})
    roles = [role for role in _ROLES if role in cell.metadata]
    if len(roles) != 1:
        raise BuildError(
            f"Cell {place} of {notebook.id} needs exactly one of {', '.join(_ROLES)} in its "
            f"header; it has {roles or 'none'}. It begins: {cell.source[:60]!r}"
        )
    role, name = roles[0], str(cell.metadata[roles[0]])
    if role == "answer":
        _require_definitions(cell.source, name)
    elif len(cell.source.splitlines()) > MAX_CELL_LINES:
        raise BuildError(f"Cell {name!r} of {notebook.id} has more than {MAX_CELL_LINES} lines.")
    if role == "check" and f'check("{name}")' not in cell.source:
        raise BuildError(f"The grade cell of exercise {name} does not call check({name!r}).")
    exercise = None if role == "given" else notebook.exercise(name)
    metadata: dict[str, Any] = {"nbgrader": _nbgrader_metadata(role, name, exercise)}
    if cell.metadata.get("tags"):
        metadata["tags"] = list(cell.metadata["tags"])
    grade_id = metadata["nbgrader"]["grade_id"]
    return _new_cell("code", cell.source, grade_id.replace("_", "-"), metadata)


def _hint_text(notebook: Notebook, exercise_id: str, number: str) -> str:
    """Return a hint for a folded block, where Markdown is not read and HTML is."""
    return html.escape(notebook.exercise(exercise_id).hints[int(number) - 1], quote=False)


def _nbgrader_metadata(role: str, name: str, exercise: Exercise | None) -> dict[str, Any]:
    grade_id = f"{role}_{name}" if exercise is None else f"answer_{exercise.grade_id}"
    metadata: dict[str, Any] = {
        "grade": role == "check",
        "solution": role == "answer",
        "locked": role != "answer",
        "grade_id": grade_id,
        "schema_version": 3,
        "task": False,
    }
    if role == "check" and exercise is not None:
        metadata |= {"grade_id": exercise.grade_id, "points": exercise.points}
    return metadata


def _new_cell(kind: str, source: str, cell_id: str, metadata: dict[str, Any]) -> NotebookNode:
    make = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
    cell: NotebookNode = make(source=source, id=cell_id)
    cell.metadata = nbformat.from_dict(metadata)
    return cell


def _require_definitions(source: str, exercise_id: str) -> None:
    """An answer cell holds imports, constants, functions and classes only."""
    for node in ast.parse(source).body:
        if not isinstance(node, _DEFINITIONS):
            raise BuildError(
                f"The answer cell of exercise {exercise_id} holds more than definitions "
                f"(line {node.lineno}). Move that line to a cell of its own."
            )


def _require_exercises(cells: list[NotebookNode], notebook: Notebook) -> None:
    """Every exercise of course.toml has its answer and its check, once, and no other has."""
    found = [cell.metadata.get("nbgrader", {}).get("grade_id", "") for cell in cells]
    wanted = {e.grade_id for e in notebook.exercises}
    for grade_id in sorted(wanted | {f"answer_{grade_id}" for grade_id in wanted}):
        if found.count(grade_id) != 1:
            raise BuildError(
                f"{notebook.id} has {found.count(grade_id)} cells {grade_id}; expected one."
            )
    named = [grade_id for grade_id in found if grade_id]
    repeated = {grade_id for grade_id in named if named.count(grade_id) > 1}
    if repeated:
        raise BuildError(f"{notebook.id} uses a cell name twice: {', '.join(sorted(repeated))}.")
