"""Run the visible checks of a notebook file: python -m data_utils.selfcheck NB.ipynb.

For a learner without the grader. It executes the notebook's set-up and answer cells in this
process, so use it on your own work only. Exit codes: 0 all passed, 1 something failed, 2 no such
notebook.
"""

import ast
import json
import sys
from pathlib import Path
from typing import Any

from data_utils.course import Notebook, load_course
from data_utils.errors import CourseKitError
from data_utils.selfcheck.learner import visible_result
from data_utils.statements import cells_behind, without_magics


def main(arguments: list[str]) -> int:
    """Check the notebook named on the command line and return the exit code."""
    if len(arguments) != 1:
        print("Name one notebook: python -m data_utils.selfcheck NB.ipynb", file=sys.stderr)
        return 2
    try:
        cells, notebook = _read(Path(arguments[0]))
    except CourseKitError as error:
        print(error, file=sys.stderr)
        return 2
    namespace = _defined_by(cells)
    passed = []
    for exercise in notebook.exercises:
        text, right = visible_result(exercise, namespace)
        print(text)
        passed.append(right)
    return 0 if all(passed) else 1


def _read(path: Path) -> tuple[list[dict[str, Any]], Notebook]:
    """Return the code cells of a notebook file, and which notebook of the course it is."""
    try:
        cells = [
            cell
            for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
            if cell["cell_type"] == "code"
        ]
        names = {_grade_id(cell) for cell in cells}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CourseKitError(f"{path} cannot be read as a notebook ({error!r}).") from error
    for notebook in load_course().notebooks:
        if names & {exercise.grade_id for exercise in notebook.exercises}:
            return cells, notebook
    raise CourseKitError(f"{path} holds no exercise of this course. Is it the right file?")


def _defined_by(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """Execute what the grader would: given definitions, answers, and own cells that they use.

    Each statement by itself: one that stops is named, the next goes on.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    sources = ["".join(cell["source"]) for cell in cells]
    answers = [s for s, cell in zip(sources, cells, strict=True) if _is_answer(cell)]
    own = [place for place, cell in enumerate(cells) if not _grade_id(cell)]
    used = cells_behind([sources[place] for place in own], answers)
    wanted = {own[number] for number in used}
    for place, cell in enumerate(cells):
        given = "definitions" in cell["metadata"].get("tags", [])
        if not (given or _is_answer(cell) or place in wanted):
            continue
        name = _grade_id(cell) or f"number {place + 1}"
        try:
            statements = ast.parse(without_magics(sources[place])).body
        except (SyntaxError, ValueError) as error:
            print(f"Cell {name} stopped: {type(error).__name__}: {error}")
            continue
        for statement in statements:
            try:
                exec(compile(ast.Module([statement], []), name, "exec"), namespace)
            except Exception as error:  # whatever the learner's own cell raises
                print(f"Cell {name}, line {statement.lineno}: {type(error).__name__}: {error}")
    return namespace


def _is_answer(cell: dict[str, Any]) -> bool:
    return _grade_id(cell).startswith("answer_")


def _grade_id(cell: dict[str, Any]) -> str:
    return str(cell["metadata"].get("nbgrader", {}).get("grade_id", ""))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
