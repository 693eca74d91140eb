"""CSV that a spreadsheet may open: no cell is a formula, and a crash leaves the old file."""

import csv
import io
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.errors import ExportError
from grader.files import write_atomically

MAX_CSV_BYTES = 50_000_000  # a gradebook of 1,000 students with 100 columns has 1 MB
# A spreadsheet takes a cell that begins with one of these for a formula; the second half are the
# wide and small forms that some of them read as the first.
_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212"
# What may stand before it: blanks, control characters (Cc) and format characters (Cf of Unicode).
_BLANK = (
    "\\s\x00-\x1f\x7f-\xa0\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
_FORMULA = re.compile(f"[\t\r\n]|[{_BLANK}]*[{_SIGNS}]")
# Where another separator is usual, the text behind it becomes a cell of its own.
_HIDDEN_FORMULA = re.compile(f'([;,|][{_BLANK}"]*)(?=[{_SIGNS}])')
# There, quotation marks inside a line mean nothing, and a line end in a cell ends the row.
_FORMULA_IN_NEXT_LINE = re.compile(f'([\r\n][{_BLANK}"]*)(?=[{_SIGNS}])')
_NUMBER = re.compile(r"[+-]?\d{1,15}(?:[.,]\d{1,15})?%?")
NOTHING = "-"  # what Moodle and Canvas write where there is none


@dataclass(frozen=True)
class CsvFile:
    """A table as another program wrote it, and how to write it the same way.

    Attributes
    ----------
    rows : list of list of str
    delimiter, newline : str
    bom : bool
        Whether it began with a byte order mark.
    """

    rows: list[list[str]]
    delimiter: str = ","
    newline: str = "\n"
    bom: bool = False


def read_csv(path: Path) -> CsvFile:
    """Read a table that a learning platform exported.

    Raises
    ------
    ExportError
        If it is none in UTF-8, or holds no row.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_CSV_BYTES + 1)
    except OSError as error:
        raise ExportError(f"{path} cannot be read ({error.strerror}).") from error
    if len(raw) > MAX_CSV_BYTES:
        raise ExportError(f"{path.name} has more than {MAX_CSV_BYTES / 1e6:.0f} MB: no gradebook.")
    try:
        text = raw.decode("utf-8-sig")
        first = text.splitlines()[0] if text.strip() else ""
        delimiter = ";" if first.count(";") > first.count(",") else ","
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ExportError(
            f"{path.name} is not a CSV in UTF-8 ({error}). Export it again, and do not save it "
            "from a spreadsheet in between."
        ) from error
    if not any(any(row) for row in rows):
        raise ExportError(f"{path.name} is empty. Export it from the learning platform again.")
    newline = "\r\n" if "\r\n" in text else "\n"
    return CsvFile(rows, delimiter, newline, raw.startswith(b"\xef\xbb\xbf"))


def write_csv(
    path: Path,
    rows: Iterable[Sequence[Any]],
    like: CsvFile | None = None,
    cell: Callable[[Any], str] | None = None,
) -> None:
    """Write rows so that no cell is a formula, and a crash leaves the old file or the new one.

    Parameters
    ----------
    path : Path
    rows : iterable of sequences
    like : CsvFile, optional
        Whose separator, line ends and byte order mark are used.
    cell : callable, optional
        What makes a text of a value: `harmless`, or `kept` for what another program wrote.
    """
    like = like or CsvFile([])
    text_of = cell or harmless
    lines = [_line([_guarded(text_of(value)) for value in row], like.delimiter) for row in rows]
    text = "".join(line + like.newline for line in lines)
    content = text.encode("utf-8-sig" if like.bom else "utf-8", "replace")
    if path.exists() and not path.is_file():  # such as /dev/stdout, which must not be replaced
        path.write_bytes(content)
    else:
        write_atomically(Path(os.path.realpath(path)), content)


def harmless(value: Any) -> str:
    """Return what stands in a cell of the table.

    Examples
    --------
    >>> harmless("=1+1"), harmless(-0.5), harmless(None)
    ("'=1+1", '-0.5', '')
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        return str(value)
    text = _HIDDEN_FORMULA.sub(r"\1'", value)
    return "'" + text if _FORMULA.match(text) else text


def kept(value: str) -> str:
    """Return a cell of a platform's own file: as it was, unless a spreadsheet would run it.

    Examples
    --------
    >>> kept("-1.5"), kept("-"), kept("-1+cmd|x")
    ('-1.5', '-', "'-1+cmd|x")
    """
    return value if value == NOTHING or _NUMBER.fullmatch(value) else _guarded(harmless(value))


def one_line(text: str) -> str:
    """Return a text without line ends, for a cell that people read."""
    return " ".join(text.split())


def _guarded(text: str) -> str:
    return _FORMULA_IN_NEXT_LINE.sub(r"\1'", text)


def _line(cells: list[str], delimiter: str) -> str:
    buffer = io.StringIO()
    # Both characters of the line end, so that a cell with either one is quoted.
    csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue()[:-2]
