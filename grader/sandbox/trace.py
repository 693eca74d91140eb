"""Short accounts of what a student's code raised. Runs inside the wall."""

from __future__ import annotations

import linecache
from types import TracebackType
from typing import Any

CELL_PREFIX = "<ipython-input-"  # how IPython names the code of a cell
FRAMES = 3  # the last frames in student code; the ones before seldom help
TEXT_CHARS = 2_000  # of an exception's text
LINE_CHARS = 200  # of a source line
NAME_CHARS = 100  # of an exception's name


def describe(error: BaseException) -> dict[str, Any]:
    """Describe an exception without letting it run away.

    Parameters
    ----------
    error : BaseException
        What was raised; its `__str__` is student code and may raise anything.

    Returns
    -------
    dict
        ename, evalue, line (deepest frame of the outermost cell), deep_line and deep_text (deepest
        frame in any cell), traceback.
    """
    try:
        evalue = str(error)[:TEXT_CHARS]
    except BaseException:  # a __str__ that raises SystemExit would end the worker
        evalue = "(its text cannot be shown)"
    ename = str(type.__dict__["__name__"].__get__(type(error)))[:NAME_CHARS]
    frames = _student_frames(error.__traceback__)
    if isinstance(error, SyntaxError) and str(error.filename).startswith(CELL_PREFIX):
        frames.append((str(error.filename), error.lineno or 1))
        evalue = str(error.msg)[:TEXT_CHARS]
    if not frames:
        return {
            "ename": ename,
            "evalue": evalue,
            "line": None,
            "deep_line": None,
            "deep_text": "",
            "traceback": f"{ename}: {evalue}",
        }
    outermost = frames[0][0]
    lines = [f"line {line}: {_text(name, line)}" for name, line in frames[-FRAMES:]]
    return {
        "ename": ename,
        "evalue": evalue,
        "line": [line for name, line in frames if name == outermost][-1],
        "deep_line": frames[-1][1],
        "deep_text": _text(*frames[-1]),
        "traceback": "\n".join([*lines, f"{ename}: {evalue}"]),
    }


def _student_frames(tb: TracebackType | None) -> list[tuple[str, int]]:
    """Return file name and line of the frames that belong to cells, outermost first."""
    frames = []
    while tb is not None:
        name = tb.tb_frame.f_code.co_filename
        if name.startswith(CELL_PREFIX):
            frames.append((name, tb.tb_lineno))
        tb = tb.tb_next
    return frames


def _text(name: str, line: int) -> str:
    """Return one source line, without the white space around it."""
    return linecache.getline(name, line).strip()[:LINE_CHARS]
