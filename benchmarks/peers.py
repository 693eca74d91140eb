"""The same class graded by this kit and by other autograders, in one run: `make bench-peers`.

Everybody runs the same notebook in profile ``quick`` and the same hidden checks with the same
re-fits (`benchmarks.peers_notebook` says what is changed for that), with one thread:

- this kit, with 1 and with 2 workers: checks outside, student code in a sandbox;
- nbgrader as it comes, with its own Execute and the checks in grade cells; once more with the
  demo cells, which the kit need not run to grade and nbgrader always runs;
- otter-grader in one process and without containers, with the checks as its test files.

One command grades the whole class. Counted are its wall time, the CPU seconds of all its processes
and the memory of the trusted ones, start-up with it. Preparing the class is not counted, and the
kit's first step, trying the instructor's solution once in a class, is skipped. Rows are
measured one after the other, so the machine must be idle: nothing else averages its noise away.
Each system must give full points to every submission; where one does not, the result says so.

    python -m benchmarks.peers [--submissions N] [--table]
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.peers_measure import measure
from benchmarks.peers_systems import (
    ROOT,
    PeerUnavailableError,
    System,
    environment,
    systems,
)
from data_utils.course import Notebook, load_course
from grader.errors import GraderError
from grader.files import write_atomically
from grader.tables import number

NOTEBOOK = "nb1_autoencoder"
RESULT = ROOT / "benchmarks" / "results" / "peers.json"
SUBMISSIONS = 20
KEPT_FROM = 10  # fewer are a try, and do not replace the real thing
COLUMNS = ("", "submissions per hour", "CPU s each", "trusted process, MB")
LOG_LINES = 15  # of a command that did not give full points; enough for a traceback's end


def run_system(system: System, notebook: Notebook, count: int) -> dict[str, Any]:
    """Grade an honest class with one system and return its row.

    Raises
    ------
    PeerUnavailableError
        If the system cannot be had here.
    """
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        students = system.prepare(folder, notebook, count)
        name = system.name.format(version=system.version())
        log = folder / "log.txt"
        # From the class's folder, so that no course's settings but its own are found.
        cost = measure(system.command(folder), folder, environment(folder), log)
        complaints = [
            f"{student}: {said}"
            for student in students
            if (said := _complaint(system, folder, student, notebook))
        ]
        if complaints:
            complaints += log.read_text(errors="replace").splitlines()[-LOG_LINES:]
    return {
        "system": name,
        "submissions": count,
        "per_hour": round(3600 * count / cost.wall_s, 1),
        "cpu_s_each": round(cost.cpu_s / count, 2),
        "trusted_peak_mb": round(cost.peak_mb, 1),
        "trusted_total_mb": round(cost.total_mb, 1),
        "wall_s": round(cost.wall_s, 1),
        "exit_code": cost.exit_code,
        "complaints": complaints,
    }


def _complaint(system: System, folder: Path, student: str, notebook: Notebook) -> str:
    """Say in what an honest submission did not get full points; empty if it did."""
    try:
        points = system.points(folder, student, notebook)
    except (OSError, ValueError, GraderError) as error:
        return f"no points ({error})"
    if points == notebook.points:
        return ""
    return f"{number(points)} of {notebook.points} points for honest work"


def markdown_table(result: dict[str, Any]) -> str:
    """Return the README's table of a result, with its date and command.

    Parameters
    ----------
    result : dict
        What `benchmarks/results/peers.json` holds.
    """
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---|---|---|---|"]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in result["rows"]]
    said = (
        f"{result['date']}, `{result['command']}`: {result['submissions']} honest submissions in "
        f"profile `quick`, {result['cores']} cores, Python {result['python']}."
    )
    fewer = [f"{row['system']}: {row['submissions']} submissions." for row in result["rows"]
             if row["submissions"] != result["submissions"]]  # fmt: skip
    return "\n".join([*lines, "", said, *fewer, *result["left_out"]]) + "\n"


def _cells(row: dict[str, Any]) -> tuple[str, str, str, str]:
    return (
        row["system"],
        f"{row['per_hour']:.0f}",
        f"{row['cpu_s_each']:.1f}",
        f"{row['trusted_peak_mb']:.0f}",
    )


def measure_all(count: int, console: Console) -> dict[str, Any]:
    """Measure every system and return the result."""
    notebook = load_course().notebook(NOTEBOOK)
    rows, left_out = [], []
    for system in systems():
        try:
            row = run_system(system, notebook, max(round(count * system.share), 1))
        except PeerUnavailableError as error:
            left_out.append(str(error))
            console.print(left_out[-1], markup=False)
            continue
        rows.append(row)
        console.print(f"{row['system']}: {row['wall_s']} s", markup=False)
        for complaint in row["complaints"]:
            console.print(f"  COMPLAINT {complaint}", markup=False)
    return {
        "command": "python -m benchmarks.peers"
        + ("" if count == SUBMISSIONS else f" --submissions {count}"),
        "date": date.today().isoformat(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "submissions": count,
        "rows": rows,
        "left_out": left_out,
    }


def show(result: dict[str, Any], console: Console) -> None:
    """Print a result as a table."""
    table = Table(title=f"{result['submissions']} honest submissions, {result['date']}")
    for column in COLUMNS:
        table.add_column(column, justify="right" if column else "left")
    for row in result["rows"]:
        table.add_row(*_cells(row))
    console.print(table)


def main() -> None:
    """Measure, or print the README's table of what was measured before."""
    parser = argparse.ArgumentParser(description="Compare this kit with other autograders.")
    parser.add_argument(
        "--submissions",
        type=int,
        default=SUBMISSIONS,
        help=f"fewer than {KEPT_FROM} are a try, and are not kept",
    )
    parser.add_argument("--table", action="store_true", help="print the README's table, and end")
    options = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    if options.table and not RESULT.exists():
        parser.error("Nothing was measured yet. Run: python -m benchmarks.peers")
    if options.table:
        console.print(markdown_table(json.loads(RESULT.read_text(encoding="utf-8"))), markup=False)
        return
    result = measure_all(options.submissions, console)
    show(result, console)
    if options.submissions >= KEPT_FROM:
        write_atomically(RESULT, (json.dumps(result, indent=1) + "\n").encode())
    sys.exit(1 if any(row["complaints"] for row in result["rows"]) else 0)


if __name__ == "__main__":
    main()
