"""Draw the figures of notebook 4 and write the numbers that its text quotes: `make figures`.

    python -m benchmarks.figures_nb4

From `results/nb4_lessons.json`, `results/nb4_two_heads.json` and a run of the solution's own cells
(two CPU minutes). The figures go to `solutions/nb4_geometric_transforms/figures`, the numbers to
`results/nb4_geometric_transforms_prose.json`. Run `make build` afterwards.
"""

import json
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from benchmarks.calibration import one_thread
from benchmarks.figures import FigureFolder, Values, save, three, write_values
from benchmarks.lessons_nb4 import NOTEBOOK, PROFILE, RESULTS, opened, run_cells
from benchmarks.notebook_cost import measured_costs, notebook_costs
from benchmarks.prepare import record_attempts
from benchmarks.two_heads import RESULTS as TWO_HEADS
from benchmarks.two_heads import SEEDS
from benchmarks.values_nb4 import lesson_values, runs_of_pairs, two_heads_values
from data_utils.metrics import auroc, average_precision, prevalence
from data_utils.plots_geometric import plot_runs

# The cells of the notebook that are run here, in its order, and the figures that they draw.
CELLS: dict[str, tuple[str, ...]] = {
    "look_at_transforms": ("transforms",),
    "twins_of_digits": ("twins",),
    "train": (),
    "score": (),
    "look_at_scores": ("scores", "roc"),
    "two_conventions": (),
    "ascent": ("ascent",),
}
# The cells whose cost the text names.
TIMED = {
    "pairs": ("run_pairs",),
    "effects": ("effects",),
    "hindsight": ("hindsight",),
    "ascent": ("ascent",),
    "save": ("save_detector",),
    "two_heads": ("two_heads_networks", "two_heads_table"),
}


def run_values(here: dict[str, Any]) -> Values:
    """Run the notebook's cells with digit 8 as the normal one, and draw what they draw."""
    said = record_attempts(here)
    for name, figures in CELLS.items():
        run_cells(here, name)
        for number, figure in zip(plt.get_fignums(), figures, strict=True):
            save(plt.figure(number), figure)
    normal, anomaly = here["scores_test"], here["scores_anomaly"]
    share = prevalence(normal, anomaly)
    values = {
        "auroc_8": three(auroc(normal, anomaly)),
        "ap_8": three(average_precision(normal, anomaly)),
        "share_8": f"{share:.2f}",
        "share_normal_8": f"{1 - share:.2f}",
        "tpr_8": three(float(np.mean(anomaly > here["threshold"]))),
        "fpr_8": three(float(np.mean(normal > here["threshold"]))),
    }
    for positive, row in said["4.11 rates"].items():
        for what, value in row.items():
            values[f"rates_{positive}_{what.replace(' ', '_')}"] = three(value)
    return values


def draw_pairs(here: dict[str, Any], lessons: dict[str, Any]) -> None:
    """Draw five runs of each of the paper's experiments beside its own."""
    save(plot_runs(runs_of_pairs(lessons, "dirichlet"), here["IN_THE_PAPER"]), "pairs")


def cost_values() -> Values:
    """Quote what the whole notebook and some of its cells cost."""
    cells = measured_costs(NOTEBOOK)[PROFILE]
    seconds = {
        f"{name}_seconds": f"{sum(cells[f'demo given {cell}'] for cell in timed):.0f}"
        for name, timed in TIMED.items()
    }
    return notebook_costs(NOTEBOOK) | seconds


def main() -> None:
    """Draw everything."""
    one_thread()
    FigureFolder.of(NOTEBOOK)
    here, lessons = opened(), json.loads(RESULTS.read_text())
    draw_pairs(here, lessons)
    two = json.loads(TWO_HEADS.read_text())
    values = lesson_values(lessons) | two_heads_values([two[f"run {seed}"] for seed in SEEDS])
    values |= cost_values() | run_values(here)
    write_values(NOTEBOOK, "python -m benchmarks.figures_nb4", values)


if __name__ == "__main__":
    main()
