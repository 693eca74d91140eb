"""Grade 300 submissions in one go: how long, how much memory, and is anything left behind?

python -m benchmarks.big_class [--students 300] [--workers 2]
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import tempfile
import time
from collections import Counter
from datetime import date
from pathlib import Path

from benchmarks.classes import Look, grader_command, look, write_repeated_class
from benchmarks.kills import ROOT, count_alive_after, graded, summary, tree

RESULT = ROOT / "benchmarks/results/big_class.json"
LOOK_SECONDS = 5.0


def watched(command: list[str]) -> tuple[int, list[Look], list[int]]:
    """Run a command; return its exit code, looks at it, and every process seen below it."""
    looks, seen = [], set()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said)
        while process.poll() is None:
            looks.append(look(process.pid))
            seen |= set(tree(process.pid))
            time.sleep(LOOK_SECONDS)
    return process.returncode, looks, sorted(seen)


def temporary_entries() -> set[str]:
    """Return what lies in the folder for temporary files."""
    return set(os.listdir(tempfile.gettempdir()))


def main() -> None:
    """Grade a large class and write down what it cost and what it left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        students = write_repeated_class(root, options.students)
        before = temporary_entries()
        started = time.monotonic()
        code, looks, seen = watched(grader_command(root, "--workers", str(options.workers)))
        wall = time.monotonic() - started
        left = count_alive_after(seen, seconds=10.0)
        reports = graded(root)
        unlike = unlike_their_twins(reports)
        new_files = sorted(temporary_entries() - before)
    steady = looks[len(looks) // 4 :]  # once all workers have graded a few
    result = {
        "command": f"python -m benchmarks.big_class --students {options.students} "
        f"--workers {options.workers}",
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "exit_code": code,
        "reports": len(reports),
        "status": dict(Counter(report.status for report in reports.values())),
        "wall_s": round(wall),
        "submissions_per_hour": round(3600 * len(students) / wall),
        "cpu_s_of_submissions": round(sum(r.cpu_seconds for r in reports.values())),
        "trusted_peak_mb_all_processes": round(max(each.trusted_mb for each in looks)),
        "trusted_mb_first_and_last_quarter": quarters([each.trusted_mb for each in steady]),
        "open_files_first_and_last_quarter": quarters([each.trusted_files for each in steady]),
        "largest_child_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
        "processes_left_running": left,
        "new_temporary_files": new_files,
        "grades_unlike_those_of_the_same_submission": unlike,
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


def unlike_their_twins(reports: dict[str, object]) -> list[str]:
    """Return those whose grade is not that of the same submission under another name."""
    first: dict[str, object] = {}
    unlike = []
    for student in sorted(reports):
        same = summary(reports[student])  # type: ignore[arg-type]
        if first.setdefault(student.partition("_")[2], same) != same:
            unlike.append(student)
    return unlike


def quarters(values: list[float]) -> list[float]:
    """Return the means of the first and of the last quarter: a leak makes them differ."""
    size = max(len(values) // 4, 1)
    return [round(sum(part) / len(part), 1) for part in (values[:size], values[-size:])]


if __name__ == "__main__":
    main()
