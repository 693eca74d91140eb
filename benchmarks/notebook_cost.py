"""What a notebook costs its learner in CPU seconds, cell by cell.

    python -m benchmarks.notebook_cost

Runs the solution's cells from top to bottom on one thread, once for each profile (``full`` needs
``ANOMALY_COURSE_DATA``), and writes `results/nb1_autoencoder_costs.json`. Checks are not run; demo
cells are, and counted apart. The interpreter's own start is not in it.
"""

import json
import os
import subprocess
import sys
import time
from typing import Any

import jupytext

from benchmarks.calibrate import one_thread
from benchmarks.masters import ROOT, without_magics
from grader.files import write_atomically

NOTEBOOK = "nb1_autoencoder"
PROFILES = ("quick", "embedded", "full")


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


def notebook_costs(notebook_id: str) -> dict[str, str]:
    """Return the costs that the notebook's text quotes."""
    results = json.loads(
        (ROOT / "benchmarks" / "results" / f"{notebook_id}_costs.json").read_text()
    )
    profiles = results["profiles"]
    embedded = profiles["embedded"]["cells"]
    return {
        "notebook_seconds": f"{sum(embedded.values()):.0f}",
        "fit_seconds": f"{embedded['given train']:.0f}",
        "fit_seconds_full": f"{profiles['full']['cells']['given train']:.0f}",
        "edge_seconds": f"{embedded['demo given demo_edge_maps']:.0f}",
    }


def main() -> None:
    """Measure each profile in a process of its own."""
    if len(sys.argv) > 1:
        costs = cell_costs(sys.argv[1])
        print("\n" + json.dumps(costs))
        return
    path = ROOT / "benchmarks" / "results" / f"{NOTEBOOK}_costs.json"
    results = json.loads(path.read_text()) if path.exists() else {"profiles": {}}
    results["command"] = "python -m benchmarks.notebook_cost"
    one_thread()
    for profile in PROFILES:
        if profile == "full" and not os.environ.get("ANOMALY_COURSE_DATA"):
            print("Without ANOMALY_COURSE_DATA the profile full is left out.")
            continue
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.notebook_cost", NOTEBOOK],
            env={**os.environ, "ANOMALY_COURSE_PROFILE": profile, "MPLBACKEND": "agg"},
            capture_output=True, text=True, check=True, cwd=ROOT,
        )  # fmt: skip
        cells = json.loads(done.stdout.splitlines()[-1])
        graded = sum(cost for name, cost in cells.items() if not name.startswith("demo"))
        results["profiles"][profile] = {"graded_cpu_s": round(graded, 1), "cells": cells}
        print(profile, round(graded, 1), {k: v for k, v in cells.items() if v > 0.5}, flush=True)
    write_atomically(path, (json.dumps(results, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
