"""The sample class: typical right, wrong and hostile submissions, made from the solution."""

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from data_utils.course import Notebook
from grader.errors import FragmentError
from grader.report import FAILED, PASSED, CheckResult, ExerciseResult, points_of


@dataclass(frozen=True)
class SampleStudent:
    """One member of the sample class.

    Attributes
    ----------
    name : str
    kind : {"right", "wrong", "hostile"}
    why : str
        What this student did.
    exercise : str
        The exercise that loses points; empty for right work.
    fails : tuple of str or "all"
        The hidden checks that must fail.
    message : str
        What the student must be told.
    """

    name: str
    kind: str
    why: str
    exercise: str = ""
    fails: tuple[str, ...] | str = ()
    message: str = ""
    saved_by: str = "jupyter"
    replace: str = ""
    by: str = ""
    also_replace: str = ""
    also_by: str = ""
    answers: dict[str, str] = field(default_factory=dict)


def load_class(notebook_id: str) -> tuple[SampleStudent, ...]:
    """Read the sample class of a notebook.

    Raises
    ------
    FragmentError
        If the file names something that a student does not have.
    """
    text = resources.files(__name__).joinpath(f"{notebook_id}.toml").read_text("utf-8")
    try:
        rows = tomllib.loads(text)["students"]
        return tuple(_student(row) for row in rows)
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise FragmentError(f"{notebook_id}.toml: {error}.") from error


def submission_of(student: SampleStudent, solution: NotebookNode, notebook: Notebook) -> str:
    """Return the notebook that this student hands in, as JSON text.

    Raises
    ------
    FragmentError
        If a piece that is to be replaced does not stand exactly once in its answer cell.
    """
    handed_in = nbformat.from_dict(solution)
    answers = {
        cell.metadata.nbgrader.grade_id: cell
        for cell in handed_in.cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }
    for exercise_id, code in student.answers.items():
        answers[f"answer_{notebook.exercise(exercise_id).grade_id}"].source = code.strip("\n")
    if student.replace:
        cell = answers[f"answer_{notebook.exercise(student.exercise).grade_id}"]
        cell.source = _replaced(cell.source, student.replace, student.by, student.name)
        if student.also_replace:
            cell.source = _replaced(
                cell.source, student.also_replace, student.also_by, student.name
            )
    _SAVED_BY[student.saved_by](handed_in)
    return str(nbformat.writes(handed_in, version=nbformat.NO_CONVERT))


def expected_points(students: Sequence[SampleStudent], exercise: ExerciseResult) -> float | None:
    """Return the points that the work of these students must get for an exercise.

    Worked out from the checks' weights and the course's points: nothing is typed in.
    """
    checks = tuple(
        CheckResult(
            c.name, c.title, FAILED if fails(students, exercise.id, c) else PASSED, c.weight, c.core
        )
        for c in exercise.checks
        if c.status in (PASSED, FAILED)
    )
    return points_of(checks, exercise.max_points)


def fails(students: Sequence[SampleStudent], exercise_id: str, check: CheckResult) -> bool:
    """Say whether the work of these students must fail a check."""
    names = {check.name, check.name.split("[")[0]}  # with and without the case of its parameters
    return any(
        student.fails == "all" or not names.isdisjoint(student.fails)
        for student in students
        if student.exercise == exercise_id
    )


def solution_notebook(root: Path, notebook_id: str) -> NotebookNode:
    """Read the built solution notebook of a checkout.

    Raises
    ------
    FragmentError
        If `root` is no checkout with solutions.
    """
    path = root / "solutions" / notebook_id / f"{notebook_id}.ipynb"
    if not path.is_file():
        raise FragmentError(f"{path} is missing: the sample class needs a checkout with solutions.")
    return nbformat.read(path, as_version=4)


def _student(row: dict[str, Any]) -> SampleStudent:
    fails_names = row.get("fails", [])
    names = fails_names if isinstance(fails_names, str) else tuple(fails_names)
    return SampleStudent(**{**row, "fails": names})


def _replaced(source: str, old: str, new: str, name: str) -> str:
    if source.count(old) != 1:
        raise FragmentError(
            f"Sample student {name}: the piece {old[:50]!r} stands {source.count(old)} times in "
            "the answer cell; expected once. The solution has changed: change the fragment with it."
        )
    return source.replace(old, new)


def _as_colab(notebook: NotebookNode) -> None:
    """Colab writes nbformat 4.0, moves cell ids into its metadata and keeps outputs."""
    notebook.nbformat_minor = 0
    notebook.metadata = nbformat.from_dict(
        {
            "colab": {"provenance": []},
            "kernelspec": {"name": "python3", "display_name": "Python 3"},
            "language_info": {"name": "python"},
        }
    )
    for place, cell in enumerate(notebook.cells):
        cell.pop("id", None)
        cell.metadata["id"] = f"c0LAb{place:07d}"
        if cell.cell_type == "code":
            cell.metadata["colab"] = {"base_uri": "https://localhost:8080/"}
            cell.execution_count = place
            cell.outputs = [
                nbformat.v4.new_output("stream", name="stdout", text="printed in Colab\n")
            ]


def _as_vscode(notebook: NotebookNode) -> None:
    """VS Code marks each cell's language and writes its own language_info."""
    notebook.metadata["language_info"] = nbformat.from_dict(
        {"name": "python", "version": "3.12.4", "mimetype": "text/x-python"}
    )
    for cell in notebook.cells:
        cell.metadata["vscode"] = {
            "languageId": "python" if cell.cell_type == "code" else "markdown"
        }


_SAVED_BY: dict[str, Callable[[NotebookNode], None]] = {
    "jupyter": lambda notebook: None,
    "colab": _as_colab,
    "vscode": _as_vscode,
}
