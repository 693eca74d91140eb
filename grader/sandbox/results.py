"""What comes out of a session: results of cells, handles."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from grader.sandbox.errors import StudentError
from grader.sandbox.limits import Limits

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
TEXT_CHARS = 4_000  # of an exception's text or a traceback; twice what the worker sends
NAME_CHARS = 200  # of an exception's name
# Colours of progress bars, and whatever else would act on the terminal of who reads a report.
CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
LINES = 1_000_000  # no cell is longer


@dataclass(frozen=True)
class Display:
    """One thing that a cell displayed.

    Attributes
    ----------
    mime : str
        "text/plain" or "image/png".
    data : str or bytes
        Text, or the image file. Both were made by student code.
    """

    mime: str
    data: str | bytes


@dataclass(frozen=True)
class CellResult:
    """What running one cell gave.

    Attributes
    ----------
    status : {"ok", "error", "timeout"}
        "timeout": it was interrupted, and the session lives on.
    ename, evalue : str or None
        Name and text of the exception.
    line : int or None
        Line in this cell where it happened, counted from 1.
    traceback : str
        The last frames in student code, a few lines.
    stdout : str
        What was printed on stdout and stderr, in order, up to the cap.
    truncated : bool
        Whether something printed or displayed was left out.
    displays : tuple of Display
        Texts and images, in order.
    cpu_seconds, wall_seconds : float
        Measured from outside.
    """

    status: Literal["ok", "error", "timeout"]
    ename: str | None
    evalue: str | None
    line: int | None
    traceback: str
    stdout: str
    truncated: bool
    displays: tuple[Display, ...]
    cpu_seconds: float
    wall_seconds: float


@dataclass(frozen=True)
class Handle:
    """Names an object that stays inside one session; means nothing anywhere else."""

    session: str
    number: int


@dataclass(frozen=True)
class Statement:
    """One top-level statement of a cell: its line, counted from 1, and the names that it binds."""

    line: int
    names: frozenset[str]


def statements_of(value: Any) -> list[Statement]:
    """Return the statements of an untrusted account; what is none is left out at the end."""
    found = []
    for item in value if isinstance(value, list) else []:
        line, names = item if isinstance(item, list) and len(item) == 2 else (None, None)
        number = line_of(line)
        if number is None or not isinstance(names, list):
            break
        found.append(Statement(number, frozenset(n for n in names if isinstance(n, str))))
    return found


def text_of(value: Any, cap: int = TEXT_CHARS) -> str:
    """Return an untrusted value as text of at most `cap` characters, without control characters."""
    return CONTROL.sub("", value[:cap]) if isinstance(value, str) else ""


def line_of(value: Any) -> int | None:
    """Return an untrusted line number, None when it is none."""
    return value if type(value) is int and 0 < value < LINES else None


def student_error(body: Any) -> StudentError:
    """Return the exception for an untrusted account of what student code raised.

    Parameters
    ----------
    body : object
        What `trace.describe` gives, or whatever came instead.

    Returns
    -------
    StudentError
    """
    body = body if isinstance(body, dict) else {}
    return StudentError(
        text_of(body.get("ename"), NAME_CHARS) or "Exception",
        text_of(body.get("evalue")),
        line_of(body.get("deep_line")),
        text_of(body.get("deep_text")),
    )


def displays_of(value: Any, image_bytes: int, text_chars: int) -> tuple[Display, ...]:
    """Return the displays of an untrusted reply that are what they say.

    Parameters
    ----------
    value : object
        A list of pairs (mime, data), or whatever came instead.
    image_bytes, text_chars : int
        Caps of one image and of all texts together.

    Returns
    -------
    tuple of Display
    """
    kept = []
    left = text_chars
    for item in value if isinstance(value, list) else []:
        mime, data = item if isinstance(item, tuple) and len(item) == 2 else (None, None)
        if not isinstance(mime, str):  # an array would make an array of the comparison
            continue
        if mime == "text/plain" and isinstance(data, str):
            kept.append(Display("text/plain", text_of(data, left)))
            left -= min(len(data), left)
        elif (
            mime == "image/png"
            and isinstance(data, bytes)
            and data.startswith(PNG_MAGIC)
            and len(data) <= image_bytes
        ):
            kept.append(Display("image/png", data))
    return tuple(kept)


def cell_result(
    body: dict[str, Any],
    error: Any,
    *,
    stopped_after: float | None,
    limits: Limits,
    cpu_seconds: float,
    wall_seconds: float,
) -> CellResult:
    """Return the result of a cell from an untrusted reply.

    Parameters
    ----------
    body : dict
        The reply.
    error : object
        Its account of an exception, or None.
    stopped_after : float or None
        Seconds after which the cell was interrupted.
    limits : Limits
        For the caps, which are enforced here again.
    cpu_seconds, wall_seconds : float
        Measured from outside.

    Returns
    -------
    CellResult
    """
    status: Literal["ok", "error", "timeout"] = "ok" if error is None else "error"
    error = error if isinstance(error, dict) else {}
    ename, evalue = text_of(error.get("ename"), NAME_CHARS), text_of(error.get("evalue"))
    if stopped_after is not None:
        status = "timeout"
        ename, evalue = "TimeoutError", f"the cell was stopped after {stopped_after:g} seconds"
    return CellResult(
        status=status,
        ename=ename if status != "ok" else None,
        evalue=evalue if status != "ok" else None,
        line=line_of(error.get("line")),
        traceback=text_of(error.get("traceback")),
        stdout=text_of(body.get("stdout"), limits.output_chars),
        truncated=body.get("truncated") is True,
        displays=displays_of(body.get("displays"), limits.image_bytes, limits.output_chars),
        cpu_seconds=cpu_seconds,
        wall_seconds=wall_seconds,
    )
