"""A learner's notebook is served: another process runs it, and answers for its detector.

That process may print, fill the memory or die; the page goes on and says so.
"""

import contextlib
import functools
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

import data_utils
from data_utils.course import load_course
from data_utils.errors import ExplorerError, UnknownExerciseError
from data_utils.explorer.live import served_live
from data_utils.explorer.notebook_wire import WireError, receive, send
from data_utils.explorer.notebook_worker import SETS
from data_utils.explorer.served import Served

_WORKER = "data_utils.explorer.notebook_worker"


class NotebookError(ExplorerError):
    """A notebook cannot be run, or gives no detector."""


class NotebookProcess:
    """A process that has run a notebook.

    Parameters
    ----------
    path : Path
        Of the notebook.
    """

    def __init__(self, path: Path) -> None:
        self._name = path.name
        home = str(Path(data_utils.__file__).resolve().parents[1])
        paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-m", _WORKER, str(path.resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=path.resolve().parent,  # as a notebook does
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "MPLBACKEND": "agg"},
        )
        self._requests = cast(IO[bytes], self._process.stdin)  # both are there: PIPE was asked for
        self._replies = cast(IO[bytes], self._process.stdout)

    def introduction(self) -> dict[str, Any]:
        """Wait until the notebook has run; return what its process says then."""
        return self._received()[0]

    def ask(self, what: str, images: NDArray[np.uint8] | None = None) -> NDArray[Any]:
        """Return a set of images by its name, or what a method of the detector says of images.

        Raises
        ------
        NotebookError
            If that fails, or the process has ended.
        """
        try:
            send(self._requests, {"ask": what}, images)
        except OSError as error:
            raise self._ended() from error
        body, array = self._received()
        if array is None:
            raise NotebookError(f"{what} of {self._name} stopped with {body.get('error')}")
        return array

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._replies.close()
        with contextlib.suppress(OSError):  # what was not yet written has no reader any more
            self._requests.close()

    def _received(self) -> tuple[dict[str, Any], NDArray[Any] | None]:
        try:
            return receive(self._replies)
        except (EOFError, OSError, ValueError, WireError) as error:
            raise self._ended() from error

    def _ended(self) -> NotebookError:
        self._process.kill()
        code = self._process.wait()
        return NotebookError(
            f"The process that ran {self._name} has ended (exit code {code}), perhaps for want of "
            "memory. Start the page again."
        )


class NotebookDetector:
    """The detector of a notebook that another process has run.

    Parameters
    ----------
    process : NotebookProcess
    methods : list of str
        Which methods the detector has there.
    threshold : float

    Attributes
    ----------
    threshold : float
    history : list of float
        Empty: it stays in the notebook.
    """

    reconstruct: Callable[[NDArray[np.uint8]], NDArray[Any]]
    explain: Callable[[NDArray[np.uint8]], NDArray[Any]]

    def __init__(self, process: NotebookProcess, methods: list[str], threshold: float) -> None:
        self._process = process
        self.threshold = threshold
        self.history: list[float] = []
        for name in ("reconstruct", "explain"):
            if name in methods:
                setattr(self, name, functools.partial(process.ask, name))

    def anomaly_score(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Score images (uint8, (n, 28, 28)): float (n,), higher = more anomalous."""
        return self._process.ask("anomaly_score", images)

    def parameters(self) -> list[NDArray[np.floating[Any]]]:
        """Return nothing: the weights stay in the notebook."""
        return []


def served_from_notebook(path: Path, say: Callable[[str], None]) -> Served:
    """Run a notebook until its detector is trained, and serve it from there.

    Its code cells run in order, in a process of their own, with this Python and in the notebook's
    folder; cells tagged "demo" and checks are left out. A cell that stops does not end it, as long
    as ``detector`` and ``x_val`` come about.

    Parameters
    ----------
    path : Path
        Of an .ipynb file. Its code runs with your rights, as in Jupyter.
    say : callable
        Takes a sentence for the screen.

    Raises
    ------
    NotebookError
        If there is no detector in the end: the sentence names the cell or exercise.
    """
    say(f"Running {path.name} until its detector is trained; that takes as long as in Jupyter.")
    process = NotebookProcess(path)
    try:
        told = process.introduction()
        if "unfit" in told:
            raise NotebookError(f"{path.name} {told['unfit']}")
        if (
            not told["there"]
            or "anomaly_score" not in told["methods"]
            or "x_val" not in told["sets"]
        ):
            raise NotebookError(_why_not(path.name, told))
        if told["failed"]:
            say(f"{path.name}: {told['failed']}. Its detector is served all the same.")
        threshold = told["threshold"]
        detector = NotebookDetector(
            process, told["methods"], np.nan if threshold is None else threshold
        )
        sets = [process.ask(each) if each in told["sets"] else None for each in SETS]
        return served_live(detector, *sets, **_named(path, told["digits"]))
    except BaseException:
        process.stop()
        raise


def _why_not(name: str, told: dict[str, Any]) -> str:
    """Return the reason why a notebook gave nothing to serve."""
    if told["failed"]:
        return f"{name} gave no detector: {told['failed']}. Run the notebook there first."
    if not told["there"]:
        return (
            f"{name} ran, but its detector is None or missing. Solve the exercise of fit_detector "
            "first; the notebook's check tells how far it is."
        )
    missing = "anomaly_score" if "anomaly_score" not in told["methods"] else "x_val"
    return f"{name} ran, but there is no {missing}, which the page needs for its threshold."


def _named(path: Path, digits: dict[str, int]) -> dict[str, str]:
    """Return the words for a notebook's detector."""
    try:
        title = f"{load_course().notebook(path.stem).title} ({path.name})"
    except UnknownExerciseError:
        title = path.stem
    normal = "what it was fitted on"
    if "ANOMALY_DIGIT" in digits:
        normal = f"every digit but the {digits['ANOMALY_DIGIT']}"
    elif "NORMAL_DIGIT" in digits:
        normal = f"the digit {digits['NORMAL_DIGIT']}"
    return {
        "name": re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem)[:40] or "notebook",
        "title": title,
        "normal": normal,
    }
