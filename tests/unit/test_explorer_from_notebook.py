"""A learner's notebook is run by a process of its own, which then answers for its detector."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest

from data_utils.datasets import load_mnist
from data_utils.errors import ExplorerError
from data_utils.explorer import from_notebook, notebook_wire
from data_utils.explorer.from_notebook import NotebookError, NotebookProcess, served_from_notebook
from data_utils.explorer.served import Served

pytestmark = pytest.mark.slow  # each starts a process that runs a notebook

IMAGES = load_mnist("embedded").images
SETUP = """
%matplotlib inline
import os, sys
import numpy as np
from data_utils.datasets import load_mnist
images = load_mnist("embedded").images
x_val, x_test, x_anomaly = images[:40], images[40:70], images[:10]
NORMAL_DIGIT = 3
print("a notebook prints")
"""
DETECTOR = """
class Detector:
    threshold = 0.5
    history = []
    def anomaly_score(self, images):
        print("and its detector too", file=sys.__stdout__)
        if images.shape == (1, 28, 28) and images.max() == 0:
            os._exit(3)
        if images.shape == (1, 28, 28) and images.min() == 255:
            raise ValueError("too bright")
        return images.mean(axis=(1, 2)) / 255
    def reconstruct(self, images):
        return 255 - images
"""
TRAIN = "detector = Detector()"
CHECK = {"nbgrader": {"grade": True, "solution": False, "grade_id": "ex1_5"}}
ANSWER = {"nbgrader": {"grade": False, "solution": True, "grade_id": "answer_ex1_5"}}
STOP = "raise SystemExit('this cell must not run')"


def notebook(path: Path, *cells: str | tuple[str, dict[str, Any]]) -> Path:
    made = nbformat.v4.new_notebook()
    for cell in cells:
        source, metadata = cell if isinstance(cell, tuple) else (cell, {})
        made.cells.append(nbformat.v4.new_code_cell(source, metadata=metadata))
    nbformat.write(made, path)
    return path


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[NotebookProcess]]:
    """The processes that a test starts; they are ended after it."""
    processes: list[NotebookProcess] = []

    class Noted(NotebookProcess):
        def __init__(self, path: Path) -> None:
            super().__init__(path)
            processes.append(self)

    monkeypatch.setattr(from_notebook, "NotebookProcess", Noted)
    yield processes
    for process in processes:
        process.stop()


def served(path: Path) -> tuple[Served, list[str]]:
    said: list[str] = []
    return served_from_notebook(path, said.append), said


def test_a_notebook_is_run_and_its_detector_answers(
    tmp_path: Path, started: list[NotebookProcess]
) -> None:
    path = notebook(
        tmp_path / "my work.ipynb",
        SETUP,
        ("detector = None\n" + STOP, {"tags": ["demo"]}),
        (STOP, CHECK),
        ("1 / 0", ANSWER),
        DETECTOR,
        TRAIN,
        "import time; time.sleep(600)",  # what comes after the detector is not run
    )
    mine, said = served(path)
    assert (mine.name, mine.title, mine.normal) == ("my-work", "my work", "the digit 3")
    assert mine.scores_val == pytest.approx(IMAGES[:40].mean(axis=(1, 2)) / 255)
    assert len(mine.scores_anomaly) == 10
    assert not mine.side_by_side
    judgement = mine.judge(IMAGES[99])
    assert judgement.score == pytest.approx(IMAGES[99].mean() / 255)
    assert (judgement.reconstruction == 255 - IMAGES[99]).all()
    assert judgement.heat is None
    (trouble,) = said[1:]
    assert "cell 4 (exercise 1.5) stopped with ZeroDivisionError: division by zero" in trouble


def test_an_error_and_the_death_of_the_process_end_in_sentences(
    tmp_path: Path, started: list[NotebookProcess]
) -> None:
    mine, _ = served(notebook(tmp_path / "n.ipynb", SETUP, DETECTOR, TRAIN))
    with pytest.raises(
        NotebookError, match=r"anomaly_score of n\.ipynb stopped with ValueError: too"
    ):
        mine.judge(np.full((28, 28), 255, np.uint8))
    assert mine.judge(IMAGES[99]).score > 0
    for _ in range(2):
        with pytest.raises(NotebookError, match=r"has ended \(exit code"):
            mine.judge(np.zeros((28, 28), np.uint8))


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([("1 / 0", ANSWER)], r"gave no detector: cell 1 \(exercise 1\.5\) stopped with Zero"),
        ([SETUP, "import os; os._exit(7)"], r"has ended \(exit code 7\)"),
    ],
)
def test_a_notebook_that_stops_ends_in_a_sentence(
    tmp_path: Path, started: list[NotebookProcess], cells: list[Any], words: str
) -> None:
    with pytest.raises(NotebookError, match=words):
        served(notebook(tmp_path / "n.ipynb", *cells))
    assert started[0]._process.poll() is not None  # nothing is left behind


TOLD = {
    "failed": "",
    "there": True,
    "methods": ["anomaly_score"],
    "sets": ["x_val"],
    "digits": {},
    "threshold": None,
}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"there": False}, "detector is None or missing"),
        ({"methods": []}, "there is no anomaly_score"),
        ({"sets": []}, "there is no x_val"),
        ({}, "x_val holds 5 images"),
    ],
)
def test_a_notebook_without_what_the_page_needs_ends_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: dict[str, Any], words: str
) -> None:
    class StandIn:
        stopped = False

        def __init__(self, path: Path) -> None: ...

        def introduction(self) -> dict[str, Any]:
            return {**TOLD, **told}

        def ask(self, what: str, images: Any = None) -> np.ndarray:
            return IMAGES[:5]

        def stop(self) -> None:
            StandIn.stopped = True

    monkeypatch.setattr(from_notebook, "NotebookProcess", StandIn)
    with pytest.raises(ExplorerError, match=words):
        served(tmp_path / "n.ipynb")
    assert StandIn.stopped


def test_a_file_that_is_no_notebook_ends_in_a_sentence(
    tmp_path: Path, started: list[NotebookProcess]
) -> None:
    path = tmp_path / "n.ipynb"
    path.write_text("no JSON")
    with pytest.raises(NotebookError, match=r"n\.ipynb is not a notebook"):
        served(path)


# ------------------------------------------------------------ the pipe


def test_arrays_come_through_the_pipe_as_they_were() -> None:
    pipe = io.BytesIO()
    for array in (IMAGES[:3], np.empty((0, 28, 28), np.uint8), np.array([1.5, np.inf])):
        notebook_wire.send(pipe, {"a": "ä"}, array)
    pipe.seek(0)
    body, images = notebook_wire.receive(pipe)
    assert body["a"] == "ä"
    assert images is not None
    assert (images == IMAGES[:3]).all()
    assert notebook_wire.receive(pipe)[1].shape == (0, 28, 28)  # type: ignore[union-attr]
    assert notebook_wire.receive(pipe)[1].tolist() == [1.5, np.inf]  # type: ignore[union-attr]
    with pytest.raises(EOFError):
        notebook_wire.receive(pipe)


@pytest.mark.parametrize(
    "body",
    [
        {"dtype": "object", "shape": [2]},
        {"dtype": "uint8", "shape": [-1]},
        {"dtype": "float64", "shape": [2**20, 2**20]},
    ],
)
def test_arrays_of_another_kind_are_not_taken(body: dict[str, Any]) -> None:
    pipe = io.BytesIO()
    notebook_wire.send(pipe, body)
    pipe.write(bytes(64))
    pipe.seek(0)
    with pytest.raises(notebook_wire.WireError):
        notebook_wire.receive(pipe)


def test_objects_are_not_sent() -> None:
    with pytest.raises(notebook_wire.WireError, match="object"):
        notebook_wire.send(io.BytesIO(), {}, np.array([object()]))
