"""What the pages of a class of 300 cost.

CPU seconds and bytes; beside it what the same charts would cost as pictures drawn by matplotlib.
The result goes to `results/pages.json`.

    python -m benchmarks.pages
"""

import io
import json
import platform
import tempfile
import time
from pathlib import Path

from benchmarks.made_class import made_notebook, made_report, made_results
from data_utils.plots import plot_loss
from grader.classroom import ClassFolder
from grader.reports import write_pages

STUDENTS = 300
CHARTS = 3  # on a student's page
TARGET_CPU_S = 60.0  # a class is graded in hours; its pages must not add minutes
FIGURES = 5  # that matplotlib draws, after one to warm up


def main() -> int:
    """Measure, write the result, and say whether the target was met."""
    results = made_results(STUDENTS)
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        paths = write_pages(ClassFolder(Path(folder)), made_notebook(), results)
        spent = time.process_time() - started
        sizes = sorted(path.stat().st_size for path in paths[1:])
        class_size = paths[0].stat().st_size
    row = {
        "students": STUDENTS,
        "cpu_s": round(spent, 2),
        "median_student_page_kB": round(sizes[len(sizes) // 2] / 1000, 1),
        "class_page_kB": round(class_size / 1000, 1),
        "the_same_charts_by_matplotlib_cpu_s": round(STUDENTS * CHARTS * _matplotlib(), 1),
        "python": platform.python_version(),
    }
    path = Path(__file__).resolve().parent / "results" / "pages.json"
    path.write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(row, indent=1))
    return int(spent > TARGET_CPU_S)


def _matplotlib() -> float:
    """Return the CPU seconds of one small chart as SVG."""
    import matplotlib.pyplot as plt

    history = made_report(1).series["loss"]
    started = 0.0
    for place in range(FIGURES + 1):
        if place == 1:
            started = time.process_time()
        figure = plot_loss(history)
        figure.savefig(io.BytesIO(), format="svg")
        plt.close(figure)
    return (time.process_time() - started) / FIGURES


if __name__ == "__main__":
    raise SystemExit(main())
