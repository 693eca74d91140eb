"""Many images, several detectors, few threads: who is judged when, and how long anybody waits.

A detector that allows one caller has one thread, one that allows several has a few. A request hands
its image to the threads of all its detectors at once and waits for them, but not for ever, and only
so many requests may wait at a time. The server has more threads than that (`THREADS`), so
the page, its samples and its refusals are answered at once however slow a detector is.
"""

import logging
import time
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import BoundedSemaphore, Lock

import numpy as np
from numpy.typing import NDArray

from data_utils.errors import ExplorerError
from data_utils.explorer.served import Counts, Judgement, Served

IN_FLIGHT = 8  # requests judged or waiting at once: twice the four people the page is measured with
THREADS = IN_FLIGHT + 4  # of the server; four are left for what no detector has to do with
SIDE_BY_SIDE = 4  # threads of a detector that allows several callers: one for each of the four
PATIENCE = 30.0  # seconds; the slowest detector of the course needs a few, and then people give up
RETRY_AFTER = 2  # seconds; most detectors are done by then
RECENT = 16  # images kept for another rate: four people with four each; 40 kB an image
_LONGEST_REASON = 200  # characters of a detector's own error message; more is no sentence any more

_log = logging.getLogger("data_utils.explorer")


class BusyError(ExplorerError):
    """So many images wait for a detector that one more would wait too long."""


@dataclass(frozen=True)
class Row:
    """What one detector says of the image: a judgement, or the reason why there is none.

    Attributes
    ----------
    served : Served
    judgement : Judgement or None
    counts : Counts or None
        At the rate; None where there are no images to count.
    milliseconds : float
        That the detector took; 0 where it was not asked.
    error : str or None
        A sentence, if there is no judgement.
    busy : bool
        Whether another try would help.
    """

    served: Served
    judgement: Judgement | None
    counts: Counts | None
    milliseconds: float
    error: str | None = None
    busy: bool = False


@dataclass(frozen=True)
class Result:
    """What all chosen detectors say of one image.

    Attributes
    ----------
    seen : ndarray of uint8, shape (28, 28)
        The image as the detectors see it.
    source : str
        Where it came from, such as "drawing" or "sample 12".
    rate : float
        The target false positive rate in percent.
    rows : list of Row
        In the order in which the detectors were asked for.
    note : str or None
        A sentence on what went wrong beside the judging, such as a history that is full.
    """

    seen: NDArray[np.uint8]
    source: str
    rate: float
    rows: list[Row]
    note: str | None = None

    @property
    def seen_base64(self) -> str:
        """The 784 bytes of `seen`, to send them again."""
        return b64encode(self.seen.tobytes()).decode()

    @property
    def status(self) -> int:
        """The status of the answer: an error of the server only if no detector judged."""
        return 200 if any(row.judgement for row in self.rows) else 500


@dataclass(frozen=True)
class Shown:
    """An image that is to be judged.

    Attributes
    ----------
    image : ndarray of uint8, shape (28, 28)
        As the detectors see it.
    source : str
    again : bool
        Whether it was judged before, and only the rate or the choice of detectors changed.
    """

    image: NDArray[np.uint8]
    source: str
    again: bool = False


class Judges:
    """The detectors with their threads.

    Parameters
    ----------
    served : sequence of Served
    """

    def __init__(self, served: Sequence[Served]) -> None:
        self._lines = {each.name: _Line(each) for each in served}
        self._free = BoundedSemaphore(IN_FLIGHT)
        self._recent = _Recent()

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Hold one of the places for requests that read and judge an image.

        Raises
        ------
        BusyError
            At once, if none is free.
        """
        if not self._free.acquire(blocking=False):
            raise BusyError(
                f"{IN_FLIGHT} images are being judged already. Try again in a few seconds."
            )
        try:
            yield
        finally:
            self._free.release()

    def result(self, shown: Shown, chosen: Sequence[Served], rate: float) -> Result:
        """Ask detectors about an image, all at the same time.

        An image that is shown again keeps its scores: moving the rate asks no detector.

        Parameters
        ----------
        shown : Shown
        chosen : sequence of Served
        rate : float
            The target false positive rate in percent.

        Raises
        ------
        BusyError
            If no detector had the time.
        """
        share, deadline = rate / 100, time.monotonic() + PATIENCE
        past = self._recent.find(shown.image) if shown.again else None
        waiting: list[Row | Future[Row]] = []
        for served in chosen:
            known = past.rows.get(served.name) if past else None
            line = self._lines[served.name]
            waiting.append(_at_rate(known, share) if known else line.start(shown.image, share))
        rows = [
            self._lines[served.name].finish(row, deadline) if isinstance(row, Future) else row
            for served, row in zip(chosen, waiting, strict=True)
        ]
        if all(row.busy for row in rows):
            raise BusyError(" ".join(row.error or "" for row in rows))
        source = past.source if past else shown.source
        self._recent.add(shown.image, source, rows)
        return Result(shown.image, source, rate, rows)


@dataclass(frozen=True)
class _Past:
    """What was said of an image not long ago, by the names of the detectors."""

    source: str
    rows: dict[str, Row]


class _Recent:
    """The images that were judged last."""

    def __init__(self) -> None:
        self._past: OrderedDict[bytes, _Past] = OrderedDict()
        self._lock = Lock()

    def find(self, image: NDArray[np.uint8]) -> _Past | None:
        with self._lock:
            return self._past.get(image.tobytes())

    def add(self, image: NDArray[np.uint8], source: str, rows: Sequence[Row]) -> None:
        new = {row.served.name: row for row in rows if row.judgement}
        with self._lock:
            past = self._past.pop(image.tobytes(), None)
            self._past[image.tobytes()] = _Past(source, (past.rows if past else {}) | new)
            if len(self._past) > RECENT:
                self._past.popitem(last=False)


class _Line:
    """One detector, the threads that call it, and who stands in line."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._threads = SIDE_BY_SIDE if served.side_by_side else 1
        self._pool = ThreadPoolExecutor(self._threads, f"judge-{served.name}")
        self._given_up = 0  # calls that still run though nobody waits for them
        self._lock = Lock()

    def start(self, image: NDArray[np.uint8], share: float) -> Row | Future[Row]:
        """Get in line, unless every thread hangs in a call that was given up."""
        if self._given_up >= self._threads:
            return self._busy("is still busy with an earlier image")
        return self._pool.submit(_row, self._served, image, share)

    def finish(self, future: Future[Row], deadline: float) -> Row:
        """Wait for a row, at most until the deadline (as `time.monotonic` counts)."""
        try:
            return future.result(max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            if not future.cancel():
                self._count(1)
                future.add_done_callback(lambda _: self._count(-1))
            return self._busy(f"did not answer within {PATIENCE:g} seconds")

    def _count(self, step: int) -> None:
        with self._lock:
            self._given_up += step

    def _busy(self, what: str) -> Row:
        sentence = f"{self._served.title} {what}. Try again in a few seconds."
        return Row(self._served, None, None, 0.0, sentence, busy=True)


def _row(served: Served, image: NDArray[np.uint8], share: float) -> Row:
    """Ask one detector. Whatever it raises costs its own row only."""
    began = time.perf_counter()
    try:
        judgement, counts = served.judge(image, share), served.counts_at(share)
        return Row(served, judgement, counts, 1000 * (time.perf_counter() - began))
    except ExplorerError as error:
        sentence = str(error)
    except (Exception, SystemExit) as error:  # a learner's detector may call exit()
        _log.exception("%s stopped", served.title)
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST_REASON]
        sentence = f"{served.title} could not judge this image: it stopped with {reason}"
    return Row(served, None, None, 1000 * (time.perf_counter() - began), sentence)


def _at_rate(row: Row, share: float) -> Row:
    """Return a row at another rate: the score stays; threshold, verdict and counts move."""
    if row.judgement is None:
        return row
    threshold = row.served.threshold_at(share)
    is_anomaly = row.judgement.score > threshold
    moved = replace(row.judgement, threshold=threshold, is_anomaly=is_anomaly)
    return replace(row, judgement=moved, counts=row.served.counts_at(share))
