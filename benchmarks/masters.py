"""Run a master's definitions in this process: for calibration, which trusts its own solutions."""

import os
from pathlib import Path
from typing import Any

import jupytext

from data_utils.selfcheck.learner import check

ROOT = Path(__file__).resolve().parent.parent
DEFINING_CELLS = ("setup", "setup_kit", "constants", "detector_class")


def definition_cells(notebook_id: str) -> list[str]:
    """Return the sources of the cells that define something: set-up, constants, answers."""
    notebook = jupytext.read(ROOT / "solutions" / f"{notebook_id}.py")
    return [
        cell.source
        for cell in notebook.cells
        if cell.cell_type == "code"
        and ("answer" in cell.metadata or cell.metadata.get("given") in DEFINING_CELLS)
    ]


def master_namespace(notebook_id: str) -> dict[str, Any]:
    """Execute those cells and return what they define."""
    os.environ.setdefault("MPLBACKEND", "agg")
    namespace: dict[str, Any] = {"check": check}
    for source in definition_cells(notebook_id):
        lines = [line for line in source.splitlines() if not line.startswith("%")]
        exec(compile("\n".join(lines), notebook_id, "exec"), namespace)  # our own code
    return namespace
