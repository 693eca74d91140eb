"""Kill the grader of a class again and again: is every grade there, and the same?

A class of 40 is graded once undisturbed. Then a copy of it is graded by a grader that is killed
(SIGKILL) at random moments, 50 times, and at last left alone. Every grade must be there and equal,
and what was finished before a kill must not be graded again.

    python -m benchmarks.kills [--students 40] [--kills 50]
"""

import argparse
import json
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from benchmarks.classes import NOTEBOOK, ROOT, grader_command, tree, write_repeated_class
from grader.autograde import OWN
from grader.report import GradeReport, read_report

RESULT = ROOT / "benchmarks/results/kills.json"
SEED = 20261125
# Seconds from the start to the kill: while the class is read, the workers start, the first
# submissions are at work, and after some are finished (an honest one takes 25).
EARLIEST, LATEST = 0.2, 40.0
AFTER = 10.0  # seconds from the first report that a run finished to the kill, at most


def graded(root: Path) -> dict[str, GradeReport]:
    """Return the reports that lie in a class, by student."""
    return {p.parent.name: read_report(p) for p in (root / "reports").glob(f"*/{NOTEBOOK}.json")}


def kill_again_and_again(root: Path, kills: int) -> dict[str, int]:
    """Grade a class with a grader that is killed; return what that cost."""
    rng = random.Random(SEED)
    lost = again = left_running = early_ends = 0
    for number in range(kills):
        before = graded(root)
        process = subprocess.Popen(
            grader_command(root), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for_the_moment(rng, root, process, len(before))
        below = list(tree(process.pid))
        early_ends += process.poll() is not None
        process.send_signal(signal.SIGKILL)
        process.wait()
        left_running += count_alive_after(below, seconds=10.0)
        after = graded(root)
        finished = {s for s, r in before.items() if r.status == "graded"}
        lost += len(finished - after.keys())
        again += sum(after[s].graded_at != before[s].graded_at for s in finished & after.keys())
        print(f"kill {number + 1}: {len(after)} reports", flush=True)
    return {
        "lost": lost,
        "graded_twice_though_finished": again,
        "processes_left_running": left_running,
        "grader_had_ended_before_the_kill": early_ends,
    }


def wait_for_the_moment(
    rng: random.Random, root: Path, process: subprocess.Popen[bytes], reports: int
) -> None:
    """Wait until this grader is to be killed: after a random time, or soon after it finished one.

    With random times alone a slow machine would be killed before it finished anything, each time.
    """
    if rng.random() < 0.5:
        time.sleep(rng.uniform(EARLIEST, LATEST))
        return
    while process.poll() is None and len(graded(root)) <= reports:
        time.sleep(0.2)
    time.sleep(rng.uniform(0, AFTER))


def count_alive_after(pids: list[int], seconds: float) -> int:
    """Wait until these processes have gone; return how many have not."""
    deadline = time.monotonic() + seconds
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return sum(Path(f"/proc/{pid}").exists() for pid in pids)


def main() -> None:
    """Grade a class twice, once with kills, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=40)
    parser.add_argument("--kills", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        calm, killed = Path(folder) / "calm", Path(folder) / "killed"
        students = write_repeated_class(calm, options.students)
        shutil.copytree(calm, killed, symlinks=True)
        subprocess.run(grader_command(calm), check=False, stdout=subprocess.DEVNULL)
        # The solution was tried above; otherwise early kills would hit nothing else.
        shutil.copytree(calm / "reports" / OWN, killed / "reports" / OWN)
        costs = kill_again_and_again(killed, options.kills)
        subprocess.run(grader_command(killed), check=False, stdout=subprocess.DEVNULL)
        wanted, got = graded(calm), graded(killed)
    differ = [s for s in students if summary(wanted.get(s)) != summary(got.get(s))]
    result = {
        "command": "python -m benchmarks.kills",
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "submissions": len(students),
        "kills": options.kills,
        "reports": len(got),
        "grades_that_differ": differ,
        **costs,
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))
    sys.exit(1 if differ or len(got) != len(students) or costs["lost"] else 0)


def summary(report: GradeReport | None) -> object:
    """Return what must be the same: status, reason, every exercise's points, every AUROC."""
    if report is None:
        return None
    points = [(e.id, e.points) for e in report.exercises]
    facts = {name: value for name, value in report.facts.items() if name != "memory_mb"}
    return report.status, report.reason, points, facts


if __name__ == "__main__":
    main()
