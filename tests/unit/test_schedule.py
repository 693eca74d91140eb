"""Many submissions side by side: nothing finished is lost, whatever is killed, and whenever."""

import gc
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from multiprocessing import resource_tracker
from pathlib import Path

import pytest

from grader import autograde
from grader.autograde import affordable_workers, alone_in, plan_class
from grader.classroom import ClassFolder, list_seats
from grader.errors import NotReadyError, WriteError
from grader.examination import Settings
from grader.freshness import made_from, now
from grader.report import GRADED, GradeReport, read_report
from grader.schedule import Place, Task, grade_class, write_report
from grader.submissions import read_bytes

pytestmark = pytest.mark.slow  # each starts worker processes

ROOT = Path(__file__).resolve().parents[2]
NB = "nb1_autoencoder"
SETTINGS = Settings("quick")
LOG = "graded.log"
KILLS = 5


def pretend(task: Task, place: Place) -> GradeReport:
    """Grade in a moment, and do what the student's name says on the way."""
    name = task.seat.student
    with (place.reports.parent / LOG).open("a") as log:
        log.write(f"start {name}\n")
    if name.startswith("kills_the_worker") or (name.startswith("once") and task.attempt == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("disk_full"):
        raise WriteError("The disk is full.")
    if name.startswith("fault"):
        raise ZeroDivisionError("a fault of the grader's")
    time.sleep(2.0 if name.startswith("slow") else 0.02)
    sha256 = hashlib.sha256(read_bytes(task.seat.path)).hexdigest()
    report = GradeReport(
        *("a.ipynb", NB, sha256, GRADED, "", "quick", "cpu", "bwrap", (), {}, (), 1.0, 1.0),
        graded_at=now(),
        made_from=made_from(sha256, NB, SETTINGS),
    )
    report = write_report(task, place, report)
    with (place.reports.parent / LOG).open("a") as log:
        log.write(f"done {name}\n")
    return report


def write_class(root: Path, *names: str) -> ClassFolder:
    for name in names:
        path = root / "submitted" / name / NB / f"{NB}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(f"work of {name}")
    return ClassFolder(root)


def place_of(folder: ClassFolder) -> Place:
    return Place(NB, SETTINGS, folder.reports)


def tasks_of(folder: ClassFolder) -> list[Task]:
    return plan_class(folder, list_seats(folder.submitted, NB), NB, SETTINGS, False).tasks


def run(folder: ClassFolder, workers: int = 2) -> dict[str, GradeReport]:
    results = grade_class(tasks_of(folder), place_of(folder), workers, pretend)
    return {seat.student: report for seat, report in results}


def test_a_worker_that_dies_costs_only_the_submission_that_kills_it(tmp_path: Path) -> None:
    folder = write_class(tmp_path, "ada", "bob", "cy", "kills_the_worker", "once", "zoe")
    reports = run(folder)
    assert reports.keys() == {"ada", "bob", "cy", "kills_the_worker", "once", "zoe"}
    failed = reports.pop("kills_the_worker")
    assert failed.status == "failed"
    assert "The grader stopped, not the student's work" in failed.reason
    assert "SIGKILL" in failed.reason
    assert {report.status for report in reports.values()} == {GRADED}
    assert read_report(folder.report("kills_the_worker", NB)) == failed


def test_a_fault_of_the_grader_is_a_report_and_not_the_end(tmp_path: Path) -> None:
    reports = run(write_class(tmp_path, "ada", "fault"), workers=1)
    assert "ZeroDivisionError" in reports["fault"].reason
    assert reports["fault"].points is None
    assert reports["ada"].status == GRADED


def test_a_full_disk_ends_the_class_and_keeps_what_is_written(tmp_path: Path) -> None:
    folder = write_class(tmp_path, "ada", "bob", "disk_full", "zoe")
    with pytest.raises(WriteError, match="disk is full"):
        run(folder, workers=1)
    assert [folder.report(name, NB).exists() for name in ("ada", "bob", "zoe")] == [1, 1, 0]


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    folder = write_class(tmp_path, *(f"s{n}" for n in range(20)), "kills_the_worker")
    gc.collect()  # of the test before, which ended in an exception
    resource_tracker.ensure_running()  # multiprocessing's own: one descriptor, and it stays
    before, others = open_files(), children()
    run(folder)
    assert open_files() <= before
    assert children() <= others


def test_only_what_changed_is_graded_again(tmp_path: Path) -> None:
    folder = write_class(tmp_path, "ada", "bob")
    run(folder)
    assert tasks_of(folder) == []
    seats = list_seats(folder.submitted, NB)
    assert len(plan_class(folder, seats, NB, SETTINGS, force=True).tasks) == 2
    assert [t.why for t in plan_class(folder, seats, NB, Settings("embedded"), False).tasks] == [
        "another profile was asked for"
    ] * 2
    seats[0].path.write_text("handed in again")
    assert [(t.seat.student, t.why) for t in tasks_of(folder)] == [
        ("ada", "the submission changed")
    ]
    run(folder)
    report = read_report(folder.report("ada", NB))
    assert [past.why for past in report.history] == ["the submission changed"]
    assert tasks_of(folder) == []


def test_two_graders_do_not_share_a_class(tmp_path: Path) -> None:
    folder = ClassFolder(tmp_path)
    with (
        alone_in(folder),
        pytest.raises(NotReadyError, match="Another grader is at work"),
        alone_in(folder),
    ):
        pass
    with alone_in(folder):
        pass


def test_what_a_killed_grader_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    folder = ClassFolder(tmp_path)
    half = folder.reports / "ada" / ".unfinished-abc"
    half.parent.mkdir(parents=True)
    half.write_text("half a rep")
    with alone_in(folder):
        assert not half.exists()


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file where the folder should be")
    with (
        pytest.raises(WriteError, match="reports cannot be written"),
        alone_in(ClassFolder(tmp_path)),
    ):
        pass


def test_workers_fit_into_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autograde, "_free_bytes", lambda: 9 * autograde.GIB)
    workers, said = affordable_workers(8)
    assert workers == 2
    assert "8 workers would need 20 GiB" in said
    assert affordable_workers(1) == (1, "")
    monkeypatch.setattr(autograde, "_free_bytes", lambda: autograde.GIB)
    assert affordable_workers(3)[0] == 1


def test_what_could_not_be_graded_is_tried_again(tmp_path: Path) -> None:
    folder = write_class(tmp_path, "ada", "fault")
    run(folder)
    assert [task.seat.student for task in tasks_of(folder)] == ["fault"]


SCRIPT = """
import sys; from pathlib import Path
from tests.unit.test_schedule import run, ClassFolder
if __name__ == "__main__":
    run(ClassFolder(Path(sys.argv[1])))
"""


def start(folder: ClassFolder, script: Path) -> subprocess.Popen[bytes]:
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, str(script), str(folder.root)],
        env=environment,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


@pytest.mark.slow
def test_kill_at_any_moment_loses_no_finished_grade(tmp_path: Path) -> None:
    folder = write_class(tmp_path, *(f"s{n:02d}" for n in range(60)))
    rng = random.Random(7)
    for _ in range(KILLS):
        process = start(folder, tmp_path / "script.py")
        wait_for_start(folder, process)
        time.sleep(rng.uniform(0, 0.4))
        process.kill()
        process.communicate()
        wait_for_end(process)
        written = {t.seat.student for t in tasks_of(folder)}
        assert written.isdisjoint(done(folder)[0])  # a finished grade holds
    run(folder)
    finished, started = done(folder)
    assert tasks_of(folder) == []  # every grade is there
    # The log's line comes after the report: who is killed between the two has a report and no line.
    assert len(finished) == len(set(finished)) >= 60 - KILLS * 2  # nothing is finished twice
    assert len(started) - 60 <= KILLS * 2  # only what was in flight is begun twice


def test_ctrl_c_stops_at_once_and_leaves_no_process(tmp_path: Path) -> None:
    folder = write_class(tmp_path, "ada", *(f"slow{n}" for n in range(6)))
    process = start(folder, tmp_path / "script.py")
    wait_until(lambda: "done ada" in log_of(folder))
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does: everybody gets it
    _, said = process.communicate(timeout=10)
    assert time.monotonic() - began < 1.5
    assert said.count(b"Traceback") == 1  # the main process's own, and no worker's
    wait_for_end(process)
    assert read_report(folder.report("ada", NB)).status == GRADED


def test_ctrl_c_while_a_worker_starts_is_not_lost() -> None:
    code = (
        "import os, signal, time\n"
        "from grader.schedule import _ctrl_c_waits\n"
        "with _ctrl_c_waits():\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    print('started', flush=True)\n"
        "time.sleep(5)\n"
        "print('went on')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "started\n"
    assert "KeyboardInterrupt" in done.stderr


def log_of(folder: ClassFolder) -> str:
    path = folder.root / LOG
    return path.read_text() if path.exists() else ""


def done(folder: ClassFolder) -> tuple[list[str], list[str]]:
    """Return who was finished, and who was begun, in order."""
    lines = [line.split() for line in log_of(folder).splitlines()]
    return [n for word, n in lines if word == "done"], [n for word, n in lines if word == "start"]


def wait_for_start(folder: ClassFolder, process: subprocess.Popen[bytes]) -> None:
    begun = len(log_of(folder))
    wait_until(lambda: len(log_of(folder)) > begun or process.poll() is not None)


def wait_for_end(process: subprocess.Popen[bytes]) -> None:
    """Wait until nothing of its process group is there."""
    wait_until(lambda: not alive(process.pid))


def wait_until(condition, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def children() -> set[int]:
    """Return this process's children; multiprocessing's own tracker is one, and stays."""
    tasks = Path("/proc/self/task").glob("*/children")
    pids = [int(pid) for task in tasks for pid in task.read_text().split()]
    return {p for p in pids if b"resource_tracker" not in Path(f"/proc/{p}/cmdline").read_bytes()}
