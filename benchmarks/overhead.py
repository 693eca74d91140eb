"""What the grader adds to a submission, beyond running its cells and calls: `make bench`.

CPU seconds, because wall time on a shared machine says little:

- ``inside``: of both sandboxes, what is left after the student's cells and calls are taken away
  (importing the framework happens in a cell, so it is not counted);
- ``trusted``: of the grader's own process, for one submission after the first.

Also the largest memory of the trusted process over a class that prints 200 MB. The result goes to
`results/overhead.json`.

    python -m benchmarks.overhead
"""

import functools
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grader.classroom import seat_of
from grader.examination import Settings
from grader.grading import grade_submission
from grader.sandbox import Session

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = "nb1_autoencoder"
OPERATIONS = ("run_cell", "call", "keep", "method", "attribute", "variable", "value")
STUDENTS = (
    "solution",
    "prints_200_megabytes",
    "solution",
    "convolutional_design",
)  # the first warms up
TARGET_CPU_S, TARGET_MB = 0.4, 150


class Meter:
    """Adds up the CPU seconds inside all sessions, and those spent in cells and calls."""

    def __init__(self) -> None:
        self.inside = self.asked_for = 0.0

    def install(self) -> None:
        """Wrap the operations of `Session`."""
        for name in OPERATIONS:
            setattr(Session, name, self._measured(getattr(Session, name)))
        close = Session.close

        @functools.wraps(close)
        def closing(session: Session) -> None:
            close(session)
            self.inside += session.cpu_seconds

        Session.close = closing  # type: ignore[method-assign]

    def _measured(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(operation)
        def measured(session: Session, *args: Any, **kwargs: Any) -> Any:
            before = session.cpu_seconds
            try:
                return operation(session, *args, **kwargs)
            finally:
                self.asked_for += session.cpu_seconds - before

        return measured


def peak_megabytes() -> float:
    """Return the largest resident memory of this process so far."""
    import resource  # not on Windows, where there is no sandbox to measure

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def write_sample_class(folder: str) -> None:
    """Write the sample class from another process: nbformat must not count as the grader's."""
    code = (
        "import sys; from pathlib import Path; from grader.demo import few_students, write_class; "
        "from data_utils.course import load_course; write_class(Path(sys.argv[1]), "
        "Path(sys.argv[2]), load_course().notebook(sys.argv[3]), few_students(sys.argv[3]))"
    )
    subprocess.run([sys.executable, "-c", code, folder, str(ROOT), NOTEBOOK], check=True)


def main() -> None:
    """Grade a few submissions and write down what that cost."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        write_sample_class(f"{folder}/submitted")
        seats = [seat_of(Path(folder) / "submitted", name, NOTEBOOK) for name in STUDENTS]
        trusted = []
        for seat in seats:
            before = time.process_time()
            grade_submission(seat.path, Settings("quick"))
            trusted.append(time.process_time() - before)
        meter = Meter()
        meter.install()  # only now: reading /proc around every call costs the grader time too
        for seat, own in zip(seats, trusted, strict=True):
            meter.inside = meter.asked_for = 0.0
            report = grade_submission(seat.path, Settings("quick"))
            row = {
                "student": seat.student,
                "points": report.points,
                "trusted_cpu_s": round(own, 3),
                "inside_cpu_s": round(meter.inside - meter.asked_for, 3),
                "cells_and_calls_cpu_s": round(meter.asked_for, 2),
                "trusted_peak_mb": round(peak_megabytes(), 1),
            }
            rows.append(row)
            print(row, flush=True)
    added = [row["trusted_cpu_s"] + row["inside_cpu_s"] for row in rows[1:]]
    result = {
        "command": "python -m benchmarks.overhead",
        "python": platform.python_version(),
        "added_cpu_s_median": round(statistics.median(added), 3),
        "target_cpu_s": TARGET_CPU_S,
        "trusted_peak_mb": rows[-1]["trusted_peak_mb"],
        "target_mb": TARGET_MB,
        "rows": rows,
    }
    text = json.dumps(result, indent=1) + "\n"
    (ROOT / "benchmarks/results/overhead.json").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
