"""Nobody gets a point by patching what measures: exercises undone, with forged probes."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

from data_utils.course import load_course
from grader.examination import Settings
from grader.grading import grade_submission
from grader.sample_class import solution_notebook

ROOT = Path(__file__).resolve().parents[2]
# Class bodies run with the definitions. One says that nothing was found, one hands back what it
# was given, one lets the course's other functions stand for the learner's.
FORGERIES = {
    "finds nothing": "lambda *a, **k: None",
    "echoes": "lambda *a, **k: a[1:] if len(a) != 2 else a[1]",
    "says yes": 'lambda *a, **k: __import__("collections").defaultdict(lambda: True)',
}
PATCH = """
class Patch:
    import importlib, pkgutil
    import data_utils.selfcheck as _package
    for _entry in pkgutil.iter_modules(_package.__path__):
        if _entry.name.startswith(({prefix!r}, "values", "words")):
            _module = importlib.import_module("data_utils.selfcheck." + _entry.name)
            for _name, _value in list(vars(_module).items()):
                if callable(_value) and getattr(_value, "__module__", "") == _module.__name__:
                    setattr(_module, _name, {forged})
"""


def judged_by_probes() -> list[tuple[str, str]]:
    """Return the exercises with a hidden check that lets data_utils measure behind the wall."""
    found = set()
    for path in sorted((ROOT / "grader/hidden").glob("test_nb*.py")):
        functions = [n for n in ast.parse(path.read_text()).body if isinstance(n, ast.FunctionDef)]
        texts = {function.name: ast.unparse(function) for function in functions}
        probing = {name for name, text in texts.items() if ".probe(" in text}
        for _ in functions:  # who calls one that probes, or asks for it as a fixture, probes too
            probing |= {
                name
                for name, text in texts.items()
                if probing & set(re.findall(r"\w+", text.partition("def ")[2]))
            }
        for name in probing:
            exercise = re.search(r"mark\.exercise\('([\d.]+)'", texts[name])
            if exercise:
                found.add(exercise[1])
    return sorted((load_course().notebook_of(e).id, e) for e in found)


def undone(source: str, function: str) -> str:
    """Return an answer cell's functions with nothing in them."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.body = [ast.Return(ast.Constant(None))]
    assert any(isinstance(n, ast.FunctionDef) and n.name == function for n in tree.body)
    return ast.unparse(tree)


@pytest.mark.slow
@pytest.mark.parametrize(("notebook_id", "exercise_id"), judged_by_probes())
def test_forged_probes_earn_nothing(notebook_id: str, exercise_id: str, tmp_path: Path) -> None:
    exercise = load_course().notebook(notebook_id).exercise(exercise_id)
    for name, forged in FORGERIES.items():
        notebook = solution_notebook(ROOT, notebook_id)
        answer = next(
            cell
            for cell in notebook.cells
            if cell.metadata.get("nbgrader", {}).get("grade_id") == f"answer_{exercise.grade_id}"
        )
        patch = PATCH.format(prefix=notebook_id.partition("_")[0], forged=forged)
        answer.source = patch + "\n\n" + undone(answer.source, exercise.function)
        path = tmp_path / f"{notebook_id}.ipynb"
        nbformat.write(notebook, path)
        report = grade_submission(path, Settings("quick"), only=[exercise_id])
        (result,) = (e for e in report.exercises if e.id == exercise_id)
        assert result.points == 0, (name, [c for c in result.checks if c.status == "passed"])
