"""The process that runs a learner's notebook and lets its detector answer.

Started by `data_utils.explorer.from_notebook` as ``python -m ... NOTEBOOK``. It is the learner's
own code on their own machine, so nothing is locked away here; but it may print, read the keyboard,
change the frameworks' state or die, and none of that reaches the page.
"""

import os
import re
import sys
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from data_utils.explorer.notebook_wire import WireError, receive, send

METHODS = ("anomaly_score", "reconstruct", "explain")
SETS = ("x_val", "x_test", "x_anomaly")
_LONGEST = 300  # characters of an error message; more is no sentence any more


class _UnfitError(Exception):
    """Why there is nothing to run."""


def main(*, notebook: str) -> None:
    """Run a notebook, say how it went, then answer until the page has gone.

    Parameters
    ----------
    notebook : str
        The path of the file.
    """
    requests, replies = _private_pipes()
    try:
        try:
            names, failed = _run(Path(notebook))
        except _UnfitError as error:
            send(replies, {"unfit": str(error)})
            return
        detector = names.get("detector")
        send(replies, _introduction(names, failed))
        while True:
            body, array = receive(requests)
            _answer(replies, names, detector, body["ask"], array)
    except (EOFError, OSError):  # the page has gone
        return


def _private_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Keep the pipes to the page for ourselves: the notebook prints and reads elsewhere."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)
    return requests, replies


def _run(path: Path) -> tuple[dict[str, Any], str]:
    """Run cells until there is a detector with its validation images.

    Returns
    -------
    names : dict
        What the notebook defined.
    failed : str
        The first cell that stopped, and why; "" if none did.

    Raises
    ------
    _UnfitError
        If it cannot be run at all.
    """
    shell, cells = _shell_and_cells(path)
    failed = ""
    for number, cell in enumerate(cells, start=1):
        if cell.cell_type != "code" or _is_left_out(cell.metadata):
            continue
        result = shell.run_cell(cell.source)
        stopped = result.error_before_exec or result.error_in_exec
        if stopped is not None and not failed:
            failed = f"cell {number}{_exercise(cell.metadata)} stopped with {_words(stopped)}"
        if hasattr(shell.user_ns.get("detector"), METHODS[0]) and SETS[0] in shell.user_ns:
            break
        _close_figures()
    return shell.user_ns, failed


def _shell_and_cells(path: Path) -> tuple[Any, list[Any]]:
    try:
        import nbformat
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config
    except ModuleNotFoundError as missing:
        raise _UnfitError(
            f"needs {missing.name} to be run, which is not here. Run: pip install '.[lab]'"
        ) from missing
    try:
        cells = nbformat.read(path, as_version=4).cells
    except (OSError, ValueError, AttributeError, nbformat.ValidationError) as error:
        raise _UnfitError("is not a notebook, or damaged. Open it in Jupyter to see.") from error
    config = Config()
    config.HistoryManager.enabled = False  # what a learner typed yesterday is none of its business
    shell = InteractiveShell.instance(config=config)
    # Figures are drawn for nobody; the real one asks for a kernel.
    shell.register_magic_function(lambda line: None, "line", "matplotlib")
    return shell, cells


def _is_left_out(metadata: Any) -> bool:
    """Say whether a cell is for show (tagged "demo") or a check."""
    grading = metadata.get("nbgrader", {})
    is_check = grading.get("grade", False) and not grading.get("solution", False)
    return is_check or "demo" in metadata.get("tags", [])


def _exercise(metadata: Any) -> str:
    """Return the exercise that a cell answers, in brackets."""
    found = re.search(r"ex(\d+)_(\d+)$", str(metadata.get("nbgrader", {}).get("grade_id", "")))
    return f" (exercise {found[1]}.{found[2]})" if found else ""


def _words(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST]


def _close_figures() -> None:
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")


def _introduction(names: dict[str, Any], failed: str) -> dict[str, Any]:
    """Return what the page has to know before it asks anything."""
    detector = names.get("detector")
    digits = {name: names.get(name) for name in ("ANOMALY_DIGIT", "NORMAL_DIGIT")}
    return {
        "failed": failed,
        "there": detector is not None,
        "methods": [name for name in METHODS if callable(getattr(detector, name, None))],
        "sets": [name for name in SETS if names.get(name) is not None],
        "digits": {name: digit for name, digit in digits.items() if isinstance(digit, int)},
        "threshold": _number(getattr(detector, "threshold", None)),
    }


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _answer(
    replies: IO[bytes], names: dict[str, Any], detector: Any, ask: str, array: NDArray[Any] | None
) -> None:
    """Send a set of images, or what a method says of images."""
    try:
        value = names[ask] if ask in SETS else getattr(detector, ask)(array)
        found: NDArray[Any] = np.asarray(value)
        if found.dtype != np.uint8:
            found = found.astype(np.float64)
    except BaseException as error:  # a learner's code may raise anything, exit() included
        send(replies, {"error": _words(error)})
        return
    try:
        send(replies, {}, found)
    except WireError as error:
        send(replies, {"error": _words(error)})


if __name__ == "__main__":
    main(notebook=sys.argv[1])
