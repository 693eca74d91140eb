"""Grade many submissions side by side: long-lived worker processes, one report written for each.

A report is written atomically by the worker that made it, so whatever is killed, and whenever, no
finished grade is lost. A worker that dies is replaced; its submission is tried once more.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from grader.classroom import Seat, report_path, require_submission
from grader.errors import GraderError, MissingSubmissionError, SubmissionError, WriteError
from grader.examination import Settings
from grader.freshness import with_history
from grader.grading import failed_report, grade_submission
from grader.report import GRADER_STOPPED, MISSING, NOT_GRADED, GradeReport
from grader.sandbox import SandboxError, SandboxUnavailable

_CAN_HOLD = hasattr(signal, "pthread_sigmask")  # Windows has none
ATTEMPTS = 2  # a worker that dies twice at the same submission dies of it
LAST_SECONDS = 10.0  # for a worker to end after its last submission; it has nothing left to do


@dataclass(frozen=True)
class Task:
    """One submission to grade, and why: an empty reason for the first time."""

    seat: Seat
    why: str = ""
    attempt: int = 1


@dataclass(frozen=True)
class Place:
    """What all tasks of a class share."""

    notebook_id: str
    settings: Settings
    reports: Path


Grade = Callable[[Task, Place], GradeReport]


def grade_class(
    tasks: list[Task], place: Place, workers: int, grade: Grade | None = None
) -> Iterator[tuple[Seat, GradeReport]]:
    """Grade every task and yield each report as it is finished and written.

    Parameters
    ----------
    tasks : list of Task
    place : Place
        ``STUDENT/NOTEBOOK.json`` is written below its `reports`, atomically.
    workers : int
        Processes side by side; each trains with one thread, and with one GPU where there are some.
    grade : callable, optional
        Grades a task and writes its report, in a worker; `grade_seat` if left out.

    Raises
    ------
    WriteError
        If a report cannot be written. Those written before stay.
    SandboxUnavailable
        If student code cannot be kept apart.

    Notes
    -----
    No report is ever a zero for what went wrong in the grader.
    """
    waiting = deque(tasks)
    team = [
        _Worker(replace(place, settings=place.settings.of_worker(number)), grade or grade_seat)
        for number in range(min(workers, len(tasks)))
    ]
    try:
        while waiting or any(worker.task for worker in team):
            for worker in team:
                if waiting and worker.task is None:
                    worker.give(waiting.popleft())
            for worker in _ready(team):
                task, outcome = worker.take()
                if outcome is None and task.attempt < ATTEMPTS:
                    waiting.appendleft(Task(task.seat, task.why, task.attempt + 1))
                if outcome is None:
                    team[team.index(worker)] = worker.replaced()
                    if task.attempt < ATTEMPTS:
                        continue
                    outcome = _write_failed(task, place, f"a worker died twice ({worker.ending})")
                yield task.seat, outcome
    finally:
        for worker in team:
            worker.end()


def grade_seat(task: Task, place: Place) -> GradeReport:
    """Grade one student's notebook in this process and write the report."""
    seat = task.seat
    try:
        require_submission(seat)
        report = grade_submission(seat.path, place.settings, place.notebook_id)
    except SubmissionError as error:
        word = MISSING if isinstance(error, MissingSubmissionError) else NOT_GRADED
        report = failed_report(seat.path, place.settings, str(error), place.notebook_id, word)
    return write_report(task, place, report)


def write_report(task: Task, place: Place, report: GradeReport) -> GradeReport:
    """Write a report with the student's earlier grades in it, and return it."""
    path = report_path(place.reports, task.seat.student, place.notebook_id)
    report = with_history(report, path, task.why)
    report.write(path)
    return report


def _write_failed(task: Task, place: Place, what: str) -> GradeReport:
    """Write the report of a submission that the grader itself could not grade."""
    reason = f"{GRADER_STOPPED}, not the student's work: {what}. Grade it again."
    report = failed_report(task.seat.path, place.settings, reason, place.notebook_id)
    return write_report(task, place, report)


class _Worker:
    """A worker process, seen from the one that hands out the work."""

    def __init__(self, place: Place, grade: Grade) -> None:
        # "spawn": a worker starts clean, and its sandboxes are tied to its own main thread.
        context = multiprocessing.get_context("spawn")
        self.place, self.grade = place, grade
        self.task: Task | None = None
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, place, grade), daemon=True)
        with _ctrl_c_waits():
            self.process.start()
        theirs.close()

    def give(self, task: Task) -> None:
        """Hand over one task; a worker that has just died is noticed when it is asked."""
        self.task = task
        try:
            self.pipe.send(task)
        except OSError:
            return

    def take(self) -> tuple[Task, GradeReport | None]:
        """Return the task it was at, and the report, or None if the worker died."""
        task, self.task = self.task, None
        assert task is not None
        try:
            outcome: Any = self.pipe.recv()
        except (EOFError, OSError):
            return task, None
        if isinstance(outcome, BaseException):
            raise outcome
        return task, outcome

    @property
    def ending(self) -> str:
        """How the process ended, in words."""
        code = self.process.exitcode
        if code is not None and -code in set(signal.Signals):
            return signal.Signals(-code).name
        return f"exit code {code}"

    def replaced(self) -> "_Worker":
        """Clear this worker away and return a new one."""
        self.process.join(LAST_SECONDS)
        self.end()
        return _Worker(self.place, self.grade)

    def end(self) -> None:
        """End the process: politely when it has nothing to do, at once when it is at work."""
        if self.task is not None:
            self.process.kill()
        self.pipe.close()
        self.process.join(LAST_SECONDS)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()


def _ready(team: list[_Worker]) -> list[_Worker]:
    """Wait until some workers have an answer, or died."""
    busy = {worker.pipe: worker for worker in team if worker.task is not None}
    return [busy[pipe] for pipe in wait(list(busy)) if isinstance(pipe, Connection)]


@contextlib.contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Hold Ctrl-C back until the end; a process started meanwhile holds it back for good.

    Ignored, it would be lost: the class would go on as if nobody had pressed it.
    """
    if not _CAN_HOLD or threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set signals, and only it gets this one
        return
    came: list[int] = []
    # The mask is what the new process inherits. The handler is for a signal that reaches another
    # thread of this process, such as one of NumPy's, which do not hold it back.
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)


def _work(pipe: Connection, place: Place, grade: Grade) -> None:
    """Grade what comes through the pipe until it is closed."""
    # A terminal sends Ctrl-C to everybody; this process leaves it to its parent. What it starts
    # must not hold it back: sandboxes stop a call by it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if _CAN_HOLD:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            pipe.send(_graded(task, place, grade))
        except (WriteError, SandboxUnavailable) as error:
            pipe.send(error)  # the next submission would meet the same


def _graded(task: Task, place: Place, grade: Grade) -> GradeReport:
    """Grade one task; what goes wrong with this submission alone ends in its report."""
    try:
        return grade(task, place)
    except (WriteError, SandboxUnavailable):
        raise
    except (GraderError, SandboxError) as error:
        return _write_failed(task, place, str(error))
    except Exception as error:  # a fault of the grader's own must not end the class
        return _write_failed(task, place, f"{type(error).__name__}: {error}")


def _end_with_parent() -> None:
    """End this worker, and with it its sandboxes, when the process that started it is gone."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
