"""data_utils holds no answer, the student's files no solution, no hidden check, no exam image."""

import ast
import contextlib
import copy
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest

import data_utils
from data_utils.course import Exercise, load_course
from data_utils.selfcheck.registry import VISIBLE
from data_utils.selfcheck.words import Ask
from grader.submissions import read_submission, solved_notebook
from tests.in_process import MeanDetector, solution_names
from tests.shipped_answers import Recorder, callables, shipped

pytestmark = pytest.mark.slow  # every public function is offered to every exercise

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = [notebook.id for notebook in load_course().notebooks]
VISIBLE_CHECKS = {e: check for visible in VISIBLE.values() for e, check in visible.checks.items()}


def public_functions() -> list[Callable[..., Any]]:
    """Every public function of data_utils."""
    found = []
    for module_info in pkgutil.walk_packages(data_utils.__path__, "data_utils."):
        module = importlib.import_module(module_info.name)
        for name, value in inspect.getmembers(module, inspect.isfunction):
            if not name.startswith("_") and value.__module__ == module.__name__:
                found.append(value)
    return found


Call = tuple[tuple[Any, ...], dict[str, Any]]


def first_call_of(visible_check: Callable[[Ask], None]) -> Call:
    """Return the arguments with which a check first calls an answer."""
    calls: list[Call] = []

    def record(*args: Any, **kwargs: Any) -> None:
        calls.append((args, kwargs))
        raise RuntimeError

    with pytest.raises(BaseException):  # noqa: B017, PT011 - whatever the check makes of it
        visible_check(record)
    return calls[0]


def takes(function: Callable[..., Any], call: Call) -> bool:
    """Say whether a function returns at all where an answer is called like this."""
    args, kwargs = copy.deepcopy(call)
    try:
        function(*args, **kwargs)
    except BaseException:
        return False
    return True


@pytest.mark.parametrize("visible_check", VISIBLE_CHECKS.values(), ids=list(VISIBLE_CHECKS))
def test_no_public_function_answers_an_exercise(
    visible_check: Callable[[Ask], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What begins to draw is no answer: thousands of images would take seconds.
    monkeypatch.setattr("matplotlib.pyplot.subplots", None)
    functions = public_functions()
    assert len(functions) > 20
    call = first_call_of(visible_check)
    for function in functions:
        if function.__name__.startswith("check"):
            continue  # a check that is offered itself as the answer would call itself
        if not takes(function, call):
            continue  # most do not, and the check would have to prepare its question for each
        with pytest.raises(BaseException):  # noqa: B017, PT011 - any refusal will do
            visible_check(function)


@functools.cache
def notebook_names(notebook_id: str) -> dict[str, Any]:
    """What a solution defines; nothing is trained."""
    path = solved_notebook(notebook_id)
    assert path is not None
    names = solution_names(read_submission(path))
    return names | {"fit_detector": MeanDetector.fitted} if "fit_detector" in names else names


@functools.cache
def everything() -> dict[str, Callable[..., Any]]:
    return callables()


def calls_of(exercise: Exercise, notebook_id: str) -> list[tuple[tuple[Any, ...], Any]]:
    """The first calls of the solution by the visible check of an exercise."""
    recorder = Recorder(notebook_names(notebook_id), exercise.function)
    with contextlib.suppress(Exception):  # it has seen enough, or the check wants a network
        VISIBLE_CHECKS[exercise.id](recorder)
    return recorder.calls


EXERCISES = [(e, notebook.id) for notebook in load_course().notebooks for e in notebook.exercises]


@pytest.mark.parametrize(("exercise", "notebook_id"), EXERCISES, ids=[e.id for e, _ in EXERCISES])
def test_nothing_that_can_be_called_gives_an_answer_away(
    exercise: Exercise, notebook_id: str
) -> None:
    if exercise.function == "fit_few_labels" or exercise.function.startswith("train_"):
        pytest.skip("it trains, and its answer is a network")
    calls = calls_of(exercise, notebook_id)
    assert not list(shipped(calls, everything()))


def _sorted_table(queries: Any, bank: Any) -> Any:
    return np.sort(np.abs(bank - queries), axis=0)


def _mistakes(right: Any, x: Any) -> Any:
    yield right, "the right one"
    yield "sum", (3 * np.sqrt(x))[::-1], "a sum"


def test_what_is_one_expression_away_is_seen() -> None:
    x, bank = np.array([1.0, 2.0, 5.0, 7.0, 11.0]), np.array([0.5, 0.0, 3.0, 1.0, 2.0])
    planted: dict[str, Callable[..., Any]] = {
        "generator": _mistakes,
        "private": _sorted_table,
        "partial": functools.partial(np.multiply, -2.0),
        "harmless": np.cumsum,
    }
    assert list(shipped([((x,), -np.sqrt(x))], planted)) == ["generator"]
    assert list(shipped([((bank, x, 1), np.abs(bank - x))], planted)) == ["private"]


def answer_lines(notebook_id: str) -> set[str]:
    """Lines of a solution that a student must not read anywhere."""
    path = ROOT / "solutions" / notebook_id / f"{notebook_id}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    lines: set[str] = set()
    for cell in notebook.cells:
        inside = False
        for line in cell.source.splitlines():
            if "BEGIN SOLUTION" in line:
                inside = True
            elif "END SOLUTION" in line:
                inside = False
            elif inside and len(line.strip()) > 25:
                lines.add(line.strip())
    assert len(lines) > 15
    return lines


def student_files() -> list[Path]:
    folders = (ROOT / "notebooks", ROOT / "data_utils")
    return [
        p for folder in folders for p in folder.rglob("*") if p.suffix in {".py", ".ipynb", ".toml"}
    ]


def test_student_files_hold_no_solution() -> None:
    answers = {line for notebook_id in NOTEBOOKS for line in answer_lines(notebook_id)}
    texts = [p.read_text() for p in student_files() if p.suffix == ".py"]
    for notebook_id in NOTEBOOKS:
        path = ROOT / "notebooks" / notebook_id / f"{notebook_id}.ipynb"
        released = nbformat.read(path, as_version=4)
        texts.append("\n".join(cell.source for cell in released.cells))
    for text in texts:
        assert "SOLUTION" not in text
        own = {line.strip() for line in text.splitlines()}  # a message may quote a call
        assert not own & answers


def test_student_files_hold_no_hidden_check() -> None:
    names = {
        node.name
        for path in (ROOT / "grader/hidden").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    assert len(names) >= 20
    for path in student_files():
        text = path.read_text()
        assert not [name for name in names if name in text], path


def test_student_files_hold_no_exam_image() -> None:
    exam = np.load(ROOT / "grader/exam/mnist_exam.npz")
    assert exam["images"].shape == (2000, 28, 28)
    assert np.bincount(exam["labels"]).tolist() == [200] * 10
    secret = {image.tobytes() for image in exam["images"]}
    shown = 0
    for path in (ROOT / "data_utils").rglob("*.npz"):
        for array in np.load(path).values():
            if array.shape[1:] == (28, 28):
                shown += len(array)
                assert not {image.tobytes() for image in array} & secret, path
    assert shown > 5000
