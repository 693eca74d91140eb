"""Master -> solution notebook -> student notebook, by jupytext and nbgrader's own generator.

A master is a py:percent file. Its code cells carry one of these in their cell header:

``given="name"``    a locked cell; the grader puts it back when a student changed or lost it
``answer="1.2"``    what the learner writes, between nbgrader's solution markers
``check="1.2"``     the locked grade cell of the exercise
``optional="name"`` like an answer, but of an exercise that nobody grades
``question="1.7"``  a Markdown cell: the answer to a question that a person grades

Text is filled in by `grader.prose`; the figures that it shows lie in `solutions/NOTEBOOK/figures`
and go to the students as they are. `build_all` writes all of it; `stale_files` compares it with
what lies in the checkout.
"""

import ast
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode

from data_utils.course import Exercise, Notebook, Question, load_course
from grader.errors import BuildError
from grader.files import write_atomically
from grader.prose import figures_of, filled, run_values
from grader.release import generate_release

MAX_CELL_LINES = 15  # what fits a screen beside its explanation; answers are the learner's own
KIT_METADATA = "anomaly_course"
_ROLES = ("given", "answer", "check", "optional", "question")
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
        The files written: solution and student version of each notebook, the students' figures.

    Raises
    ------
    BuildError
        If a master breaks a rule; nothing is written then.
    """
    files = _built_files(root)
    for path, content in files.items():
        write_atomically(path, content)
    return list(files)


def stale_files(root: Path) -> list[Path]:
    """Return the generated files that differ, byte for byte, from what the masters give."""
    return [
        path
        for path, content in _built_files(root).items()
        if not path.is_file() or path.read_bytes() != content
    ]


def source_notebook(master: Path, notebook: Notebook, values: Mapping[str, str]) -> NotebookNode:
    """Read a master as nbgrader's source version: solutions in, metadata and ids set.

    Parameters
    ----------
    master : Path
    notebook : Notebook
    values : mapping
        The measured numbers that its text quotes, by name.

    Raises
    ------
    BuildError
        If a cell has no role, an exercise lacks its cells, or a rule of form is broken.
    """
    source = jupytext.read(master)
    for cell in source.cells:
        if cell.cell_type == "markdown":
            cell.source = filled(cell.source, notebook, values)
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


def _built_files(root: Path) -> dict[Path, bytes]:
    files: dict[Path, bytes] = {}
    for notebook in load_course().notebooks:
        values = run_values(root, notebook.id)
        source = source_notebook(root / "solutions" / f"{notebook.id}.py", notebook, values)
        own, given = root / "solutions" / notebook.id, root / "notebooks" / notebook.id
        files[own / f"{notebook.id}.ipynb"] = notebook_text(source).encode()
        with tempfile.TemporaryDirectory() as folder:
            student = generate_release(Path(folder), notebook.id, notebook_text(source))
        files[given / f"{notebook.id}.ipynb"] = notebook_text(student).encode()
        for name, content in _figures(own / "figures", source, notebook).items():
            files[given / "figures" / name] = content
    return files


def _figures(folder: Path, source: NotebookNode, notebook: Notebook) -> dict[str, bytes]:
    """Return the figures that the text shows; each must be there, and no other."""
    texts = [cell.source for cell in source.cells if cell.cell_type == "markdown"]
    shown, there = figures_of(texts, notebook.id), {path.name for path in folder.glob("*")}
    if shown != there:
        raise BuildError(
            f"{notebook.id}: the text shows figures that are missing ({sorted(shown - there)}), "
            f"or {folder} holds some that it does not show ({sorted(there - shown)}). "
            "Figures are made by: make figures"
        )
    return {name: (folder / name).read_bytes() for name in sorted(there)}


def _built_cell(cell: NotebookNode, place: int, notebook: Notebook) -> NotebookNode:
    roles = [role for role in _ROLES if role in cell.metadata]
    if cell.cell_type == "markdown" and roles != ["question"]:
        return _new_cell("markdown", cell.source, f"text-{place:03d}", {})
    if len(roles) != 1:
        raise BuildError(
            f"Cell {place} of {notebook.id} needs exactly one of {', '.join(_ROLES)} in its "
            f"header; it has {roles or 'none'}. It begins: {cell.source[:60]!r}"
        )
    role, name = roles[0], str(cell.metadata[roles[0]])
    _require_form(cell, role, name, notebook)
    item: Exercise | Question | None = None
    if role in ("answer", "check"):
        item = notebook.exercise(name)
    elif role == "question":
        item = notebook.question(name)
    metadata: dict[str, Any] = {"nbgrader": _nbgrader_metadata(role, name, item)}
    if cell.metadata.get("tags"):
        metadata["tags"] = list(cell.metadata["tags"])
    grade_id = metadata["nbgrader"]["grade_id"]
    return _new_cell(cell.cell_type, cell.source, grade_id.replace("_", "-"), metadata)


def _require_form(cell: NotebookNode, role: str, name: str, notebook: Notebook) -> None:
    if role in ("answer", "optional"):
        _require_definitions(cell.source, name)
    elif cell.cell_type == "code" and len(cell.source.splitlines()) > MAX_CELL_LINES:
        raise BuildError(f"Cell {name!r} of {notebook.id} has more than {MAX_CELL_LINES} lines.")
    if role == "check" and f'check("{name}")' not in cell.source:
        raise BuildError(f"The grade cell of exercise {name} does not call check({name!r}).")


def _nbgrader_metadata(role: str, name: str, item: Exercise | Question | None) -> dict[str, Any]:
    grade_id = f"{role}_{name}"
    if item is not None:
        grade_id = f"answer_{item.grade_id}" if role == "answer" else item.grade_id
    metadata: dict[str, Any] = {
        "grade": role in ("check", "question"),
        "solution": role in ("answer", "optional", "question"),
        "locked": role in ("given", "check"),
        "grade_id": grade_id,
        "schema_version": 3,
        "task": False,
    }
    if role in ("check", "question") and item is not None:
        metadata["points"] = item.points
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
    """Every exercise and question of course.toml has its cells, once, and no other has."""
    found = [cell.metadata.get("nbgrader", {}).get("grade_id", "") for cell in cells]
    wanted = {e.grade_id for e in notebook.exercises}
    wanted |= {f"answer_{grade_id}" for grade_id in wanted}
    for grade_id in sorted(wanted | {q.grade_id for q in notebook.questions}):
        if found.count(grade_id) != 1:
            raise BuildError(
                f"{notebook.id} has {found.count(grade_id)} cells {grade_id}; expected one."
            )
    named = [grade_id for grade_id in found if grade_id]
    repeated = {grade_id for grade_id in named if named.count(grade_id) > 1}
    if repeated:
        raise BuildError(f"{notebook.id} uses a cell name twice: {', '.join(sorted(repeated))}.")
