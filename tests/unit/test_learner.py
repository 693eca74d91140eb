"""check, hint, progress, attempt as a learner meets them."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from data_utils.course import Course, load_course
from data_utils.errors import CheckFailed
from data_utils.prepared import prepared_arrays
from data_utils.selfcheck import attempt, check, hint, learner, progress
from data_utils.selfcheck.__main__ import main as selfcheck_main
from data_utils.selfcheck.forms import misfit
from data_utils.selfcheck.registry import VISIBLE

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The notebook's variables, empty as after a restart."""
    variables: dict[str, Any] = {}
    monkeypatch.setattr(learner, "_notebook_namespace", lambda: variables)
    monkeypatch.setattr(learner, "_results", {})
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    return variables


def test_after_a_restart_the_check_says_what_to_run(
    notebook: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    check("1.3")
    shown = capsys.readouterr().out
    assert shown.startswith("[ FAILED ]  Exercise 1.3  choose_threshold   worth 3 points")
    assert "run the set-up cell" in shown
    assert len(shown.strip().splitlines()) <= 6


def test_a_right_answer_passes_and_counts_in_progress(
    notebook: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    notebook["choose_threshold"] = lambda scores, fpr: np.quantile(scores, 1 - fpr)
    check("1.3")
    progress()
    shown = capsys.readouterr().out
    assert "[ PASSED ]" in shown
    assert "1 of 6 exercises" in shown
    assert "3 of 26 points" in shown


def test_progress_is_told_of_the_notebook_that_is_open(
    notebook: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (first, *_) = load_course().notebooks
    exercise = dataclasses.replace(first.exercises[0], id="8.1")
    other = dataclasses.replace(first, id="nb8_other", exercises=(exercise,))
    monkeypatch.setattr(learner, "load_course", lambda: Course((first, other)))
    progress()
    before = capsys.readouterr().out
    assert before.startswith("nb1_autoencoder: 0 of 6")
    assert "nb8_other: 0 of 1" in before
    check("1.3")  # it fails: nothing is defined
    capsys.readouterr()
    progress()
    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()] == [first.id]


def test_every_exercise_of_the_course_has_a_visible_check() -> None:
    assert {n.id: [e.id for e in n.exercises] for n in load_course().notebooks} == {
        notebook_id: list(visible.checks) for notebook_id, visible in VISIBLE.items()
    }


def test_the_stub_is_told_apart_from_a_crash(
    notebook: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    def stub(*args: Any) -> None:
        raise NotImplementedError("Exercise 1.3")

    notebook["choose_threshold"] = stub
    check("1.3")
    assert "the exercise is still to be done" in capsys.readouterr().out
    notebook["choose_threshold"] = lambda scores, fpr: scores.nonsense
    check("1.3")
    shown = capsys.readouterr().out
    assert "AttributeError" in shown
    assert "Traceback" not in shown


def test_a_function_that_reaches_for_the_notebook_is_told_so(
    notebook: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    source = "def choose_threshold(scores, fpr):\n    return max(x_test)\n"
    exec(source, notebook)
    check("1.3")
    assert "the notebook's variable x_test" in capsys.readouterr().out


def test_a_name_that_is_gone_after_a_restart_says_what_to_run(
    notebook: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    exec("def choose_threshold(scores, fpr):\n    return np.quantile(scores, 1 - fpr)\n", notebook)
    check("1.3")
    shown = capsys.readouterr().out
    assert "there is no np" in shown
    assert "Run All Above Selected Cell" in shown
    assert len(shown.strip().splitlines()) <= 6


@pytest.mark.parametrize("mode", ["autograde", "validate"])
def test_under_nbgrader_a_failed_check_raises_the_same_words(
    notebook: dict[str, Any], monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("NBGRADER_EXECUTION", mode)
    with pytest.raises(CheckFailed, match=r"Exercise 1\.4  confusion_counts"):
        check("1.4")
    notebook["choose_threshold"] = lambda scores, fpr: np.quantile(scores, 1 - fpr)
    assert check("1.3") is None


def test_trouble_in_the_check_itself_is_not_the_learners(
    notebook: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(ask: Any) -> None:
        raise OSError("disk gone")

    monkeypatch.setitem(VISIBLE["nb1_autoencoder"].checks, "1.3", broken)
    check("1.3")
    shown = capsys.readouterr().out
    assert "the check stopped, not your answer" in shown
    assert "disk gone" in shown


def test_hints_come_in_two_steps(capsys: pytest.CaptureFixture[str]) -> None:
    hint("1.2")
    hint("1.2", 2)
    hint("1.2", 99)
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.startswith("Hint 1 of 2")
    assert second.startswith("Hint 2 of 2")
    assert last == second


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("7.7", "There is no exercise '7.7'; there are 1.1 to 1.6, 2.1 to"),
        (3.1, "3.1 is no text: put the number between quotation marks"),
        ("1.7", "1.7 is a question that a person grades"),
    ],
)
def test_an_exercise_that_there_is_not_is_a_sentence(
    asked: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    check(asked)
    hint(asked)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(said) for line in lines)


def test_an_unsolved_exercise_does_not_block_the_next(capsys: pytest.CaptureFixture[str]) -> None:
    def stub() -> None:
        raise NotImplementedError

    parts = attempt("1.1 split", stub)
    assert [len(part) for part in parts] == [3150, 450, 900, 500]
    assert "prepared arrays" in capsys.readouterr().out
    assert set(attempt("1.4 counts", stub)) >= {"tp", "fnr"}
    assert isinstance(attempt("1.3 threshold", stub), float)
    assert attempt("1.2 scores", stub).shape == (10,)


def test_a_wrong_answer_is_shown_and_not_replaced() -> None:
    assert attempt("1.3 threshold", lambda: -1000) == -1000
    assert attempt("1.2 scores", lambda: [0.0] * 7) == [0.0] * 7
    audit = {**prepared_arrays("2.10 audit"), "flagged": []}
    assert attempt("2.10 audit", lambda: audit) is audit
    with pytest.raises(ZeroDivisionError):
        attempt("1.3 threshold", lambda: 1 / 0)


def test_a_function_that_writes_into_its_argument_spoils_no_later_cell() -> None:
    scores = np.ones(10)
    attempt("1.2 scores", lambda given: np.multiply(given, 0, out=given), scores)
    assert scores.all()


@pytest.mark.parametrize(
    ("name", "returned", "said"),
    [
        ("1.3 threshold", None, "None in the place of a single number"),
        ("1.3 threshold", "0.5", "an object of type str in the place of a single number"),
        ("1.3 threshold", np.zeros(4), "shape (4,)"),
        (
            "1.1 split",
            np.zeros((4, 2)),
            "shape (2,) and dtype float64 in the place of an array of 3 axes",
        ),
        ("1.1 split", [np.zeros((2, 28, 28))] * 3, "a list of 3 in the place of 4 values"),
        ("1.1 split", [np.zeros((0, 28, 28))] * 4, "which is empty (at 0)"),
        ("1.2 scores", [0.5, np.nan], "with NaN or infinite numbers"),
        ("1.2 scores", [[1], [1, 2]], "a list of 2 in the place of an array of 1 axes"),
        ("1.2 scores", torch.ones(10, requires_grad=True), "of type Tensor in the place of"),
        ("1.4 counts", {"tp": 1}, "a dict without "),
        ("1.4 counts", [1, 2, 3, 4], "a list of 4 in the place of a dict of"),
        ("1.2 baselines", {9: {"mean": 0.5}}, "a dict without mean image"),
        ("2.4 opinions dense", [0.5, None], "None in the place of a single number (at 1)"),
        ("2.4 training", ({}, [], []), "a dict of 0 in the place of a dict of"),
    ],
)
def test_what_later_cells_cannot_use_is_named_and_replaced(
    name: str, returned: object, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = attempt(name, lambda: returned)
    assert taken is not returned
    shown = capsys.readouterr().out
    assert f"{name}: your function returned " in shown
    assert said in shown
    assert misfit(taken, prepared_arrays(name)) == ""


def test_outside_ipython_the_script_is_the_notebook() -> None:
    assert learner._notebook_namespace() is vars(sys.modules["__main__"])


@pytest.mark.slow
def test_without_the_grader_a_notebook_file_can_be_checked(tmp_path: Path) -> None:
    release = json.loads((ROOT / "notebooks/nb1_autoencoder/nb1_autoencoder.ipynb").read_text())
    answers = {
        "answer_ex1_3": "def choose_threshold(s, f):\n    return np.quantile(s, 1 - f)",
        "answer_ex1_4": "def confusion_counts(:",
    }
    for cell in release["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
        if name == "given_setup":
            cell["source"] = "import functools\nimport numpy as np"  # without TensorFlow: quick
        cell["source"] = answers.get(name, cell["source"])
    path = tmp_path / "mine.ipynb"
    path.write_text(json.dumps(release))
    done = subprocess.run(
        [sys.executable, "-m", "data_utils.selfcheck", str(path)], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "Cell answer_ex1_4 stopped: SyntaxError" in done.stdout
    assert "[ PASSED ]  Exercise 1.3" in done.stdout
    assert "[ FAILED ]  Exercise 1.4" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("content", [None, "", "{}", '{"cells": [1]}', '{"cells": []}'])
def test_a_file_that_is_no_notebook_is_one_sentence(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "x.ipynb"
    if content is not None:
        path.write_text(content)
    assert selfcheck_main([str(path)]) == 2
    assert selfcheck_main([]) == 2
