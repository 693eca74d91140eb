"""What the figures of every notebook share: where they go, how they look, how numbers are written.

`benchmarks.figures_nb1` and its like draw those of one notebook.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.masters import ROOT
from grader.files import write_atomically

DPI = 80  # readable at the width of a notebook, about 30 kB a chart
GREY = "#777777"

Values = dict[str, str]


class FigureFolder:
    """The folder into which the figures of the notebook at hand are drawn."""

    path = Path()

    @classmethod
    def of(cls, notebook_id: str) -> None:
        """Draw the figures of that notebook from now on."""
        cls.path = ROOT / "solutions" / notebook_id / "figures"
        cls.path.mkdir(parents=True, exist_ok=True)


def save(figure: Figure, name: str) -> None:
    """Write a figure without a date or version in it, so that equal figures are equal files."""
    figure.savefig(
        FigureFolder.path / f"{name}.png",
        dpi=DPI,
        bbox_inches="tight",
        metadata={"Software": None},
    )
    plt.close(figure)


def axes(width: float = 6.5, height: float = 3.4) -> tuple[Figure, Axes]:
    """Return an empty chart."""
    figure, axis = plt.subplots(figsize=(width, height))
    axis.spines[["top", "right"]].set_visible(False)
    return figure, axis


def three(value: float) -> str:
    """Write a share with three decimals."""
    return f"{value:.3f}"


def percent(value: float) -> str:
    """Write a share in per cent, with a decimal where it is small."""
    return f"{value:.1%}".replace("%", " %") if value < 0.2 else f"{value:.0%}".replace("%", " %")


def write_values(notebook_id: str, command: str, values: Mapping[str, str]) -> None:
    """Write the numbers that a notebook's text quotes (grader/prose.py reads them)."""
    path = ROOT / "benchmarks" / "results" / f"{notebook_id}_prose.json"
    text = json.dumps({"command": command, "values": dict(values)}, indent=1, sort_keys=True)
    write_atomically(path, (text + "\n").encode())
