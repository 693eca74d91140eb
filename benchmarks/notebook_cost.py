"""What a notebook costs its learner in CPU seconds, cell by cell.

    python -m benchmarks.notebook_cost [--notebook nb1_autoencoder]

Runs the solution's cells from top to bottom on one thread, once for each profile (``full`` needs
``ANOMALY_COURSE_DATA``), and writes `results/NOTEBOOK_costs.json`. Checks are not run; demo
cells are, and counted apart. The interpreter's own start is not in it.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jupytext

from benchmarks.calibration import measurable, one_thread
from benchmarks.masters import ROOT, without_magics
from data_utils.course import load_course
from data_utils.runtime import PROFILES
from grader.files import write_atomically

TRAINING = "given train"  # the cell of every notebook that fits its detector


def cell_costs(notebook_id: str) -> dict[str, float]:
    """Run a master's cells in this process and return the CPU seconds of each."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    costs = {}
    for cell in jupytext.read(ROOT / "solutions" / f"{notebook_id}.py").cells:
        if cell.cell_type != "code" or "check" in cell.metadata:
            continue
        role = next(role for role in ("given", "answer", "optional") if role in cell.metadata)
        name = f"{role} {cell.metadata[role]}"
        if "demo" in cell.metadata.get("tags", []):
            name = f"demo {name}"
        before = time.process_time()
        exec(compile(without_magics(cell.source), name, "exec"), namespace)  # our own code
        costs[name] = round(time.process_time() - before, 2)
    return costs


def measured_costs(notebook_id: str) -> dict[str, dict[str, float]]:
    """Return the CPU seconds of each cell, by profile, as they were measured."""
    profiles = json.loads(_results(notebook_id).read_text())["profiles"]
    return {profile: row["cells"] for profile, row in profiles.items()}


def notebook_costs(notebook_id: str) -> dict[str, str]:
    """Return the costs that every notebook's text may quote."""
    profiles = measured_costs(notebook_id)
    embedded = profiles["embedded"]
    costs = {
        "notebook_seconds": f"{sum(embedded.values()):.0f}",
        "fit_seconds": f"{embedded[TRAINING]:.0f}",
    }
    if "full" in profiles:
        costs["fit_seconds_full"] = f"{profiles['full'][TRAINING]:.0f}"
    return costs


def measure_costs(notebook_id: str) -> None:
    """Measure each profile in a process of its own, and write the results."""
    path = _results(notebook_id)
    results = json.loads(path.read_text()) if path.exists() else {"profiles": {}}
    results["command"] = "python -m benchmarks.notebook_cost"
    for profile in measurable(list(PROFILES)):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.notebook_cost", "--notebook", notebook_id, "--here"],
            env={**os.environ, "ANOMALY_COURSE_PROFILE": profile, "MPLBACKEND": "agg"},
            capture_output=True, text=True, check=True, cwd=ROOT,
        )  # fmt: skip
        cells = json.loads(done.stdout.splitlines()[-1])
        graded = sum(cost for name, cost in cells.items() if not name.startswith("demo"))
        results["profiles"][profile] = {"graded_cpu_s": round(graded, 1), "cells": cells}
        print(profile, round(graded, 1), {k: v for k, v in cells.items() if v > 0.5}, flush=True)
    write_atomically(path, (json.dumps(results, indent=1) + "\n").encode())


def _results(notebook_id: str) -> Path:
    return ROOT / "benchmarks" / "results" / f"{notebook_id}_costs.json"


def main() -> None:
    """Measure the notebooks that were asked for: all of them where none was."""
    known = [notebook.id for notebook in load_course().notebooks]
    parser = argparse.ArgumentParser()
    parser.add_argument("--notebook", choices=known, action="append")
    parser.add_argument(
        "--here", action="store_true", help="run its cells in this process, and print their costs"
    )
    options = parser.parse_args()
    one_thread()
    for notebook_id in options.notebook or known:
        if options.here:
            print("\n" + json.dumps(cell_costs(notebook_id)))
        else:
            measure_costs(notebook_id)


if __name__ == "__main__":
    main()
