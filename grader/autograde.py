"""Grade what changed in a class, after trying the instructor's own solution on this machine."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data_utils.course import Notebook
from grader.classroom import ClassFolder, Seat, report_path
from grader.errors import GraderError, NotReadyError, WriteError
from grader.examination import Settings
from grader.files import TEMPORARY
from grader.freshness import FORCED, why_again
from grader.report import GRADED, GradeReport, read_report
from grader.sandbox import Limits
from grader.schedule import Place, Task, grade_class
from grader.tables import number

GIB = 2**30
# Of one worker: 0.9 GB resident in each of the two sessions of an honest submission, and 0.55 to
# 0.7 GB in the process that they were forked from, of which they share most.
HONEST_BYTES = 2 * GIB
RESERVE_BYTES = Limits().memory_bytes  # one session that runs to its limit
CGROUP = Path("/sys/fs/cgroup")
OWN = ".solution"  # folder of the solution's own report; no student's name begins with a dot
SOLUTION = "solution"
LOCK = ".lock"


@dataclass(frozen=True)
class Plan:
    """What is to be done in a class.

    Attributes
    ----------
    tasks : list of Task
        To be graded.
    kept : list of Seat
        Whose grades still hold.
    before : dict
        Earlier reports of those that are graded again, by student.
    """

    tasks: list[Task]
    kept: list[Seat]
    before: dict[str, GradeReport]

    @property
    def seconds_known(self) -> list[float]:
        """Wall seconds that these submissions took before."""
        return [r.wall_seconds for r in self.before.values() if r.status == GRADED]


def plan_class(
    folder: ClassFolder, seats: list[Seat], notebook_id: str, settings: Settings, force: bool
) -> Plan:
    """Decide which submissions are graded: new ones, changed ones, and those that failed."""
    tasks, kept, before = [], [], {}
    for seat in seats:
        old = _read(folder.report(seat.student, notebook_id))
        why = why_again(old, seat.path, notebook_id, settings)
        if why is None and not force:
            kept.append(seat)
            continue
        if old is not None:
            before[seat.student] = old
        tasks.append(Task(seat, FORCED if why is None else why))
    return Plan(tasks, kept, before)


def changes(plan: Plan, reports: dict[str, GradeReport]) -> list[str]:
    """Return one line for each grade that is not what it was, with before and after."""
    why = {task.seat.student: task.why for task in plan.tasks}
    return [
        _change_line(student, old, reports[student], why[student])
        for student, old in sorted(plan.before.items())
        if student in reports and _differ(old, reports[student])
    ]


def solution_holds(
    folder: ClassFolder, solution: Path, notebook: Notebook, settings: Settings
) -> GradeReport | None:
    """Return the solution's report from an earlier run, or None if it no longer holds."""
    report = _read(report_path(folder.reports / OWN, SOLUTION, notebook.id))
    holds = why_again(report, solution, notebook.id, settings) is None
    return report if holds else None


def try_solution(
    folder: ClassFolder, solution: Path, notebook: Notebook, settings: Settings
) -> GradeReport:
    """Grade the instructor's own solution here, unless its report still holds.

    Raises
    ------
    NotReadyError
        If it does not get full marks: then nobody's grade would be worth anything.
    """
    report = solution_holds(folder, solution, notebook, settings)
    if report is None:
        place = Place(notebook.id, settings, folder.reports / OWN)
        [(_, report)] = grade_class([Task(Seat(SOLUTION, solution))], place, 1)
    if report.points != notebook.points:
        said = report.reason or "; ".join(
            f"{e.id}: {number(e.points)} of {e.max_points}"
            for e in report.exercises
            if e.points != e.max_points
        )
        got = f"{number(report.points)} of {notebook.points} points"
        raise NotReadyError(
            f"The solution gets {got if report.status == GRADED else 'no points'} on this machine "
            f"({said}), so nobody was graded. Run: python -m grader check {solution}, and python "
            "-m grader doctor. With --trust-solution the class is graded all the same."
        )
    return report


def affordable_workers(wanted: int | None) -> tuple[int, str]:
    """Return how many workers this machine can hold, and a sentence if those are fewer than asked.

    Parameters
    ----------
    wanted : int or None
        None takes one for each core.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    workers = wanted or cores or 1
    free = _free_bytes()
    if free is None:
        return workers, ""
    room = max(int((free - RESERVE_BYTES) // HONEST_BYTES), 1)
    if room >= workers:
        return workers, ""
    return room, (
        f"{workers} workers would need {(RESERVE_BYTES + workers * HONEST_BYTES) / GIB:.0f} GiB of "
        f"memory and {free / GIB:.1f} GiB are free, so there are {room}."
    )


@contextlib.contextmanager
def alone_in(folder: ClassFolder) -> Iterator[None]:
    """Hold the class for this process, so that no two grade it at a time.

    The lock goes with the process, however it ends.

    Raises
    ------
    NotReadyError
        If another process holds it.
    WriteError
        If the folder of reports cannot be written.
    """
    try:
        folder.reports.mkdir(parents=True, exist_ok=True)
        lock = (folder.reports / LOCK).open("a+")
    except OSError as error:
        raise WriteError(
            f"{folder.reports} cannot be written ({error.strerror}). Make it writable, or free "
            "some space, and run the same command again."
        ) from error
    with lock:
        try:
            import fcntl  # where there is no bubblewrap (Windows) there need be no lock

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass
        except BlockingIOError as error:
            raise NotReadyError(
                f"Another grader is at work in {folder.reports}. Wait for it, or stop it."
            ) from error
        for half in folder.reports.rglob(f"{TEMPORARY}*"):  # of a grader that was killed
            half.unlink(missing_ok=True)
        yield


def _free_bytes() -> int | None:
    """Return the memory that can be had without swapping; None where /proc does not tell.

    In a container its own limit counts, where there is one.
    """
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if "MemAvailable" in line)
    except (OSError, StopIteration, ValueError):
        return None
    with contextlib.suppress(OSError, ValueError):  # the file may say "max"
        most, now = (int((CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        free = min(free, most - now)
    return free


def _read(path: Path) -> GradeReport | None:
    try:
        return read_report(path)
    except GraderError:  # none yet, or none that can be read: grade it
        return None


def _grade(report: GradeReport) -> str:
    return number(report.points) if report.status == GRADED else report.status


def _change_line(student: str, old: GradeReport, new: GradeReport, why: str) -> str:
    then = {e.id: e.points for e in old.exercises}
    moved = [
        f"{e.id}: {number(then.get(e.id))} -> {number(e.points)}"
        for e in new.exercises
        if then.get(e.id) != e.points
    ]
    details = ", ".join([*moved, *([why] if why else [])])
    return f"{student}: {_grade(old)} -> {_grade(new)} ({details})"


def _differ(old: GradeReport, new: GradeReport) -> bool:
    then = {e.id: e.points for e in old.exercises}
    return old.status != new.status or then != {e.id: e.points for e in new.exercises}
