"""Run the visible checks of a notebook file: python -m data_utils.selfcheck NB.ipynb.

For a learner without the grader. It executes the notebook's set-up and answer cells in this
process, so use it on your own work only. Exit codes: 0 all passed, 1 something failed, 2 no such
notebook.
"""

import json
import sys
from pathlib import Path
from typing import Any

from data_utils.course import Notebook, load_course
from data_utils.errors import CourseKitError
from data_utils.selfcheck.learner import visible_result


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
    """Execute the cells that define something; a cell that stops is named, the next goes on."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for cell in cells:
        answers = _grade_id(cell).startswith("answer_")
        if not answers and "definitions" not in cell["metadata"].get("tags", []):
            continue
        lines = "".join(cell["source"]).splitlines()
        source = "\n".join(line for line in lines if not line.startswith(("%", "!")))
        try:
            exec(compile(source, _grade_id(cell), "exec"), namespace)
        except Exception as error:  # whatever the learner's own cell raises
            print(f"Cell {_grade_id(cell)} stopped: {type(error).__name__}: {error}")
    return namespace


def _grade_id(cell: dict[str, Any]) -> str:
    return str(cell["metadata"].get("nbgrader", {}).get("grade_id", ""))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
