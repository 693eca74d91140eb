"""What was tried on the page: kept only if that was asked for, in one SQLite file.

One row for each image and detector. Kept are the 28 x 28 image that was judged and what was said of
it; never the upload, nor anything that the sender called it.
"""

import base64
import csv
import io
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data_utils.errors import ExplorerError
from data_utils.explorer.judging import Result
from data_utils.explorer.samples import png_of

MOST_ROWS = 500  # an afternoon of tries; the page that shows them all stays below half a megabyte
PATIENCE = 5.0  # seconds to wait for another process that writes to the same file
_OURS = int.from_bytes(b"ackh", "big")  # application_id: by it SQLite files tell whose they are
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # a cell that starts so is run by a spreadsheet

_TABLE = """
CREATE TABLE tried (
    id INTEGER PRIMARY KEY, time TEXT, source TEXT, detector TEXT, title TEXT, score REAL,
    threshold REAL, is_anomaly INTEGER, percentile REAL, rate REAL, thumbnail BLOB
)
"""
_INSERT = """
INSERT INTO tried (time, source, detector, title, score, threshold, is_anomaly, percentile, rate,
    thumbnail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_MOVE = """
UPDATE tried SET score = ?, threshold = ?, is_anomaly = ?, percentile = ?, rate = ?
WHERE id = (SELECT max(id) FROM tried WHERE detector = ? AND thumbnail = ?)
"""
_TRIM = "DELETE FROM tried WHERE id NOT IN (SELECT id FROM tried ORDER BY id DESC LIMIT ?)"
_SELECT = """
SELECT time, source, title, score, threshold, is_anomaly, percentile, rate, thumbnail
FROM tried ORDER BY id DESC
"""
_COLUMNS = (
    *("time_utc", "source", "detector", "score", "threshold", "verdict", "percentile"),
    "target_fpr_percent",
)


class HistoryError(ExplorerError):
    """The file of the history cannot be read or written."""


@dataclass(frozen=True)
class Tried:
    """One image that one detector judged.

    Attributes
    ----------
    time : str
        In UTC, such as "2026-05-01 12:30:00".
    source : str
        Where the image came from, such as "drawing" or "sample 12".
    title : str
        Of the detector.
    score, threshold : float
    is_anomaly : bool
    percentile : float
        Percent of validation normals with a lower score.
    rate : float
        The target false positive rate in percent, as it was set last.
    thumbnail : bytes
        The image as a PNG of 28 x 28 pixels.
    """

    time: str
    source: str
    title: str
    score: float
    threshold: float
    is_anomaly: bool
    percentile: float
    rate: float
    thumbnail: bytes

    @property
    def verdict(self) -> str:
        """The verdict in a word."""
        return "anomaly" if self.is_anomaly else "normal"

    @property
    def picture(self) -> str:
        """The thumbnail as an address for the page."""
        return f"data:image/png;base64,{base64.b64encode(self.thumbnail).decode()}"


class History:
    """A file of tries. The oldest go when there are more than `MOST_ROWS`.

    Several threads, and several pages, may use the same file at once. Nothing is opened before the
    first use, and every method raises HistoryError if the file is damaged, belongs to another
    program, or cannot be written.

    Parameters
    ----------
    path : Path
        A file that may not exist yet, in a folder that does.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()  # SQLite's own way to wait sleeps up to 0.1 s at a time

    def add(self, result: Result, *, again: bool = False) -> None:
        """Keep what the detectors said of an image.

        Parameters
        ----------
        result : Result
        again : bool
            Whether the image had been shown before, at another rate or to other detectors. Rows
            that it has already are moved to the new rate.
        """
        time = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        thumbnail = png_of(result.seen)
        with self._opened("written") as file:
            for row in result.rows:
                said = row.judgement
                if said is None:
                    continue
                name, title = row.served.name, row.served.title
                values = (said.score, said.threshold, said.is_anomaly, said.percentile, result.rate)
                if again and file.execute(_MOVE, (*values, name, thumbnail)).rowcount:
                    continue
                file.execute(_INSERT, (time, result.source, name, title, *values, thumbnail))
            file.execute(_TRIM, (MOST_ROWS,))

    def rows(self) -> list[Tried]:
        """Return all rows, the newest first."""
        with self._opened("read") as file:
            found = file.execute(_SELECT).fetchall()
        try:
            return [_tried(row) for row in found]
        except (TypeError, ValueError) as error:
            raise HistoryError(self._sentence("read", f"a row is damaged ({error})")) from error

    def delete_all(self) -> None:
        """Delete all rows, and overwrite their place in the file."""
        with self._opened("emptied") as file:
            file.execute("PRAGMA secure_delete = ON")
            file.execute("DELETE FROM tried")

    def as_csv(self) -> str:
        """Return all rows but their thumbnails as a table, the newest first.

        Text that a spreadsheet would run as a formula gets an apostrophe in front.
        """
        table = io.StringIO(newline="")
        writer = csv.writer(table)
        writer.writerow(_COLUMNS)
        for row in self.rows():
            text = [_harmless(cell) for cell in (row.time, row.source, row.title)]
            numbers = (row.score, row.threshold, row.verdict, row.percentile, row.rate)
            writer.writerow([*text, *numbers])
        return table.getvalue()

    @contextmanager
    def _opened(self, purpose: str) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction, and put what goes wrong into words."""
        with self._lock:
            try:
                file = sqlite3.connect(self._path, timeout=PATIENCE, isolation_level=None)
                try:
                    file.execute("BEGIN" if purpose == "read" else "BEGIN IMMEDIATE")
                    self._prepare(file)
                    yield file
                    file.execute("COMMIT")
                finally:
                    file.close()  # what was not committed is undone
            except sqlite3.Error as error:
                raise HistoryError(self._sentence(purpose, str(error))) from error

    def _prepare(self, file: sqlite3.Connection) -> None:
        """Make the table in a new file; refuse one that some other program made."""
        (mark,) = file.execute("PRAGMA application_id").fetchone()
        (things,) = file.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if mark != _OURS and (mark or things):
            raise HistoryError(
                f"{self._path.name} is a database of another program, so nothing was changed in "
                "it. Start the page with the name of a new file for its history."
            )
        if not things:
            file.execute(f"PRAGMA application_id = {_OURS}")
            file.execute(_TABLE)

    def _sentence(self, purpose: str, reason: str) -> str:
        return (
            f"The history in {self._path.name} could not be {purpose}: {reason}. Images are judged "
            "all the same. Start the page with the name of a new file, in a folder that you may "
            "write to, to keep a history again."
        )


def _tried(row: tuple[Any, ...]) -> Tried:
    """Check the types of a row: SQLite keeps whatever was written into a column."""
    time, source, title, score, threshold, is_anomaly, percentile, rate, thumbnail = row
    return Tried(
        str(time),
        str(source),
        str(title),
        float(score),
        float(threshold),
        bool(is_anomaly),
        float(percentile),
        float(rate),
        bytes(memoryview(thumbnail)),
    )


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
