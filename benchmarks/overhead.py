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
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.masters import ROOT
from data_utils.course import load_course
from grader.demo import write_class
from grader.examination import Settings
from grader.grading import grade_submission
from grader.sandbox import Session

OPERATIONS = ("run_cell", "call", "keep", "method", "attribute", "variable", "value")
STUDENTS = ("solution", "prints_200_megabytes", "solution", "solution")  # the first warms up
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


def main() -> None:
    """Grade a few submissions and write down what that cost."""
    notebook = load_course().notebook("nb1_autoencoder")
    meter = Meter()
    meter.install()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        seats = {seat.student: seat for seat in write_class(Path(folder) / "s", ROOT, notebook)}
        for student in STUDENTS:
            meter.inside = meter.asked_for = 0.0
            before = time.process_time()
            report = grade_submission(seats[student].path, Settings("quick"))
            row = {
                "student": student,
                "points": report.points,
                "trusted_cpu_s": round(time.process_time() - before, 3),
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
