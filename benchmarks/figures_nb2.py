"""Draw the figures of notebook 2 and write the numbers that its text quotes: `make figures`.

    python -m benchmarks.figures_nb2

From `results/nb2_lessons.json`, `results/nb2_floors.jsonl` and a run of the solution's own cells
(about a minute). The figures go to `solutions/nb2_gan_detector/figures`, the numbers to
`results/nb2_gan_detector_prose.json`. Run `make build` afterwards.
"""

import json
import statistics
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from benchmarks import figures_nb2_charts as charts
from benchmarks.calibrate import measured_rows
from benchmarks.calibrate_nb2 import NB2
from benchmarks.calibration import one_thread
from benchmarks.figures import FigureFolder, Values, percent, save, three, write_values
from benchmarks.lessons_nb2 import (
    DIGIT,
    DIGIT_SEEDS,
    JUDGED,
    NOTEBOOK,
    OPINION_SEEDS,
    PROFILE,
    RESULTS,
    opened,
)
from benchmarks.masters import given_cells, run_cell
from benchmarks.notebook_cost import measured_costs, notebook_costs
from data_utils.baselines import PrincipalComponents
from data_utils.metrics import auroc, average_precision, prevalence, roc_points
from grader.hidden.nb1_reference import squared_errors

# The cells of the notebook that are run here, in its order, and the figures that they draw.
CELLS: dict[str, tuple[str, ...]] = {
    "look_at_range": (),
    "look_at_augmentation": ("augmentation",),
    "train_pair": ("gan_losses", "samples"),
    "look_at_search": ("search",),
    "train": (),
    "score": ("histogram", "roc"),
    "copies": ("three_rows",),
    "table_of_images": (),
}
LOW_PREVALENCE = 0.01
LAST = 0.1  # of the training: the losses that stand for its end
SURE = 0.99  # true positive rate


def tenth(share: float) -> str:
    """Write a share in per cent, with a decimal."""
    return f"{share:.1%}".replace("%", " %")


def run_values(here: dict[str, Any]) -> Values:
    """Run the notebook's cells with digit 5 as the normal one, and draw what they draw."""
    values: Values = {}
    for name, source in given_cells(NOTEBOOK).items():
        if name not in CELLS:
            continue
        run_cell(here, name, source)
        for number, figure in zip(plt.get_fignums(), CELLS[name], strict=True):
            save(plt.figure(number), figure)
        if name == "look_at_search":
            values = _search_values(here["wrong"])
    losses = here["history"]["discriminator"]
    parts = here["x_test"], here["x_anomaly"][:JUDGED]
    components = PrincipalComponents(here["x_train"])
    errors = [squared_errors(part, components.reconstruct(part)) for part in parts]
    return values | _score_values(here) | {
        "background": percent(float(np.mean(here["x"] == -1))),
        "loss_d_last": f"{np.mean(losses[-round(LAST * len(losses)) :]):.2f}",
        "pca_5": three(auroc(*errors)),
        "accuracy": tenth(here["report"]["accuracy"]),
    }  # fmt: skip


def _search_values(wrong: np.ndarray) -> Values:
    normal, anomaly = wrong[:40], wrong[40:]  # as in the notebook's cell
    return {
        "search_normal": three(float(normal.mean())),
        "search_anomaly": three(float(anomaly.mean())),
        "search_auroc": three(auroc(normal, anomaly)),
    }


def _score_values(here: dict[str, Any]) -> Values:
    normal, anomaly = here["scores_test"], here["scores_anomaly"]
    fpr, tpr, _ = roc_points(normal, anomaly)
    odds = (1 - LOW_PREVALENCE) / LOW_PREVALENCE
    # A hundredth of 50 normal images is no image at all: no draw could thin the anomalies so far.
    precision = tpr[1:] / (tpr[1:] + odds * fpr[1:])
    return {
        "auroc_5": three(auroc(normal, anomaly)),
        "tpr": three(float(np.mean(anomaly > here["threshold"]))),
        "fpr": three(float(np.mean(normal > here["threshold"]))),
        "ap_5": three(average_precision(normal, anomaly)),
        "ap_1": f"{np.sum(np.diff(tpr) * precision):.2f}",
        "prevalence": tenth(prevalence(normal, anomaly)),
    }


def audit_values(here: dict[str, Any]) -> Values:
    """Return what the paper's own numbers say."""
    fives = here["data"].images[here["data"].labels == 5]
    found = here["audit"](0, 54, 0, 50, [], [], fives)
    wanted = next(n for n in range(1, 10_000) if 0.025 ** (1 / n) >= SURE)
    return {
        "tpr_upper": tenth(found["tpr_upper"]),
        "tpr_lower_all": tenth(0.025 ** (1 / 54)),
        "needed_99": str(wanted),
        "paper_accuracy": tenth(found["accuracy"]),
        "paper_always": tenth(found["always_anomaly"]),
        "black_error": three(found["black_error"]),
    }


def lesson_values(lessons: dict[str, Any]) -> Values:
    """Draw the ten trainings and the ten digits, and quote them."""
    rows = [lessons[f"opinion {seed}"] for seed in OPINION_SEEDS]
    reached = {name: [row[name] for row in rows] for name in rows[0]}
    charts.opinions(reached)
    values = {"search_ms": f"{lessons['search_ms']:.0f}",
              "check_seconds": f"{lessons['check_seconds']:.0f}"}  # fmt: skip
    for name, of_seeds in reached.items():
        short = {"trained": "opinion", "copying": "copying"}.get(name, f"opinion_{name}")
        values[f"{short}_mean"] = three(statistics.mean(of_seeds))
        values[f"{short}_sd"] = three(statistics.stdev(of_seeds))
        values[f"{short}_min"] = three(min(of_seeds))
        values[f"{short}_max"] = three(max(of_seeds))
    return values | _digit_values(lessons)


def _digit_values(lessons: dict[str, Any]) -> Values:
    by_digit = {
        name: [
            statistics.mean(lessons[f"digit {digit} {seed}"][name] for seed in DIGIT_SEEDS)
            for digit in range(10)
        ]
        for name in ("solution", "pca", "nearest", "discriminator")
    }
    charts.by_digit(by_digit)
    ahead = np.subtract(by_digit["pca"], by_digit["solution"])
    close = int(np.argmin(ahead))
    opinions = by_digit["discriminator"]
    return {
        "digit_seeds": str(len(DIGIT_SEEDS)),
        "pca_leads": str(int(np.sum(ahead > 0))),
        "nearest_leads": str(int(np.sum(np.greater(by_digit["nearest"], by_digit["solution"])))),
        "close_digit": str(close),
        "close_gan": three(by_digit["solution"][close]),
        "close_pca": three(by_digit["pca"][close]),
        "opinion_low": three(min(opinions)),
        "opinion_low_digit": str(int(np.argmin(opinions))),
        "opinion_high": three(max(opinions)),
        "opinion_high_digit": str(int(np.argmax(opinions))),
        **{f"{name}_all": three(statistics.mean(row)) for name, row in by_digit.items()},
    }


def floor_values() -> Values:
    """Quote the ten-seed tables."""
    measured = measured_rows(NOTEBOOK, NB2.code())

    def seeds_of(name: str, column: str = "auroc", profile: str = PROFILE) -> list[float]:
        wanted = (name, profile, DIGIT)
        rows = [row for row in measured if (row["row"], row["profile"], row["digit"]) == wanted]
        return [row[column] for row in rows]

    values = {f"floor_{name}": three(statistics.mean(seeds_of(name)))
              for name in ("solution", "untrained", "pca", "nearest")}  # fmt: skip
    values["floor_solution_sd"] = three(statistics.stdev(seeds_of("solution")))
    for part in ("pixel", "feature", "discriminator"):
        of_seeds = seeds_of("solution", f"auroc_{part}")
        values[f"floor_{part}"] = three(statistics.mean(of_seeds))
        values[f"floor_{part}_sd"] = three(statistics.stdev(of_seeds))
    for name, row, column in (
        ("solution", "solution", "auroc"),
        ("discriminator", "solution", "auroc_discriminator"),
        ("pca", "pca", "auroc"),
    ):
        values[f"full_{name}"] = three(statistics.mean(seeds_of(row, column, "full")))
    return values


def main() -> None:
    """Draw everything."""
    one_thread()
    FigureFolder.of(NOTEBOOK)
    here = opened()
    values = lesson_values(json.loads(RESULTS.read_text())) | floor_values() | run_values(here)
    values |= audit_values(here) | notebook_costs(NOTEBOOK)
    trained = measured_costs(NOTEBOOK)[PROFILE]["demo given train_pair"]
    values["gan_seconds"] = f"{trained:.0f}"
    write_values(NOTEBOOK, "python -m benchmarks.figures_nb2", values)


if __name__ == "__main__":
    main()
