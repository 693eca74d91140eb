"""Draw the figures of notebook 3 and write the numbers that its text quotes: `make figures`.

    python -m benchmarks.figures_nb3

From `results/nb3_lessons.json`, `results/nb3_floors.jsonl` and a run of the solution's own cells
(about a minute). The figures go to `solutions/nb3_resnet_transfer/figures`, the numbers to
`results/nb3_resnet_transfer_prose.json`. Run `make build` afterwards.
"""

import json
import statistics
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from benchmarks.calibrate import measured_rows
from benchmarks.calibrate_nb3 import NB3
from benchmarks.calibration import one_thread, rows_of
from benchmarks.figures import FigureFolder, Values, percent, save, three, write_values
from benchmarks.lessons_nb3 import (
    COUNTS,
    DIGIT,
    FROZEN,
    NOTEBOOK,
    PROFILE,
    RESULTS,
    SEEDS,
    opened,
    run_cells,
)
from benchmarks.notebook_cost import measured_costs, notebook_costs
from data_utils.metrics import auroc, average_precision, prevalence

# The cells of the notebook that are run here, in its order, and the figures that they draw.
CELLS: dict[str, tuple[str, ...]] = {
    "features_of_sets": (),
    "look_at_flips": ("flips",),
    "layers": ("layers",),
    "train": (),
    "score": (),
    "look_at_scores": ("scores", "roc"),
    "heat_maps": ("heat_maps",),
}


def two(value: float) -> str:
    """Write a number with two decimals."""
    return f"{value:.2f}"


def run_values(here: dict[str, Any]) -> Values:
    """Run the notebook's cells with digit 9 as the anomaly, and draw what they draw."""
    for name, figures in CELLS.items():
        run_cells(here, name)
        for number, figure in zip(plt.get_fignums(), figures, strict=True):
            save(plt.figure(number), figure)
    normal, anomaly, threshold = (
        here[name] for name in ("scores_test", "scores_anomaly", "threshold")
    )
    return {
        "auroc_9": three(auroc(normal, anomaly)),
        "ap_9": three(average_precision(normal, anomaly)),
        "share_9": two(prevalence(normal, anomaly)),
        "tpr_9": three(float(np.mean(anomaly > threshold))),
        "fpr_9": three(float(np.mean(normal > threshold))),
    }


def lesson_values(lessons: dict[str, Any]) -> Values:
    """Quote what `benchmarks.lessons_nb3` measured."""
    sizes, layers, same = (lessons[name] for name in ("sizes", "layers", "same_digit"))
    heat, densities = lessons["heat"], lessons["densities"]
    values = {
        "resnet_weights": f"{sizes['resnet50 weights']:.1f}",
        "lite_weights": f"{sizes['efficientnet_lite0 weights']:.1f}",
        "lite_share": percent(sizes["efficientnet_lite0 ms"] / sizes["resnet50 ms"]),
        "random_middle": three(layers["random middle"]),
        "pixel_9": three(layers["pixels"]),
        "gaussian_9": three(densities["gaussian_distance"]),
        "mixture_9": three(densities["mixture_distance"]),
        "cam_alike": two(heat["alike, mean"]),
        "cam_ink": two(heat["ink"]),
    }
    values |= {
        f"layer_{name}": three(layers[name]) for name in ("edges", "parts", "middle", "last")
    }
    values |= {f"same_{name.replace(' ', '_')}": percent(share) for name, share in same.items()}
    return values | _label_values(lessons) | _mean_values(lessons)


def _label_values(lessons: dict[str, Any]) -> Values:
    """Quote what one label, a leak, a few labels and fine-tuning gave."""
    runs = _columns(lessons, "one_label {}", SEEDS)
    values = {
        "collapse_loss": two(statistics.mean(runs["loss"])),
        "collapse_low": two(min(runs["auroc"])),
        "collapse_high": two(max(runs["auroc"])),
        "collapse_mean": two(statistics.mean(runs["auroc"])),
        "leak_mean": three(statistics.mean(runs["leak"])),
    }
    for count in COUNTS:
        row = _columns(lessons, f"few_labels {count} {{}}", SEEDS)
        values[f"few_{count}"] = three(statistics.mean(row["auroc"]))
        values[f"few_{count}_sd"] = three(statistics.stdev(row["auroc"]))
        values[f"half_{count}"] = three(statistics.mean(row["recall half"]))
        values[f"found_{count}"] = three(statistics.mean(row["recall threshold"]))
    for stages in FROZEN:
        row = _columns(lessons, f"tuned {stages} {{}}", SEEDS)
        values[f"tuned_{stages}"] = three(statistics.mean(row["auroc"]))
        values[f"tuned_{stages}_sd"] = three(statistics.stdev(row["auroc"]))
        values[f"tuned_{stages}_half"] = three(statistics.mean(row["accuracy"]))
        values[f"tuned_{stages}_found"] = three(statistics.mean(row["recall"]))
    return values


def _mean_values(lessons: dict[str, Any]) -> Values:
    """Quote means over draws of the bank, and over digits."""
    drawn = _columns(lessons, "banks {}", SEEDS)
    turned = _columns(lessons, "turned_round {}", range(10))
    return {
        "raw_middle": three(statistics.mean(drawn["raw"])),
        "standard_middle": three(statistics.mean(drawn["neighbours"])),
        "gaussian_mean": three(statistics.mean(drawn["few gaussian"])),
        "mixture_mean": three(statistics.mean(drawn["few mixture"])),
        "neighbours_mean": three(statistics.mean(drawn["few neighbours"])),
        "gaussian_one": three(statistics.mean(turned["gaussian"])),
        "neighbours_one": three(statistics.mean(turned["neighbours"])),
    }


def _columns(lessons: dict[str, Any], name: str, numbers: Any) -> dict[str, list[float]]:
    rows = [lessons[name.format(number)] for number in numbers]
    return {column: [row[column] for row in rows] for column in rows[0]}


def floor_values() -> Values:
    """Quote the ten-seed tables, and the solution's mean of each digit."""
    measured = rows_of(measured_rows(NOTEBOOK, NB3.code()), "")

    def seeds_of(name: str, digit: int = DIGIT) -> list[float]:
        wanted = (name, PROFILE, digit)
        rows = [row for row in measured if (row["row"], row["profile"], row["digit"]) == wanted]
        return [row["auroc"] for row in rows]

    names = {"solution": "solution", "untrained": "untrained", "last": "last_layer",
             "pixels": "pixels", "leaked": "leaked"}  # fmt: skip
    values = {f"floor_{n}": three(statistics.mean(seeds_of(row))) for n, row in names.items()}
    values["floor_solution_sd"] = three(statistics.stdev(seeds_of("solution")))
    by_digit, pixels = (
        [statistics.mean(seeds_of(name, digit)) for digit in range(10)]
        for name in ("solution", "pixels")
    )
    ahead = [str(digit) for digit in range(10) if pixels[digit] > by_digit[digit]]
    return values | {
        "mean_ten": three(statistics.mean(by_digit)),
        "mean_ten_pixels": three(statistics.mean(pixels)),
        "pixels_lead": str(len(ahead)),
        "pixels_lead_digits": f"{', '.join(ahead[:-1])} and {ahead[-1]}",
        "hardest_digit": str(int(np.argmin(by_digit))),
        "hardest_area": three(min(by_digit)),
        "hardest_pixels": three(pixels[int(np.argmin(by_digit))]),
    }


def main() -> None:
    """Draw everything."""
    one_thread()
    FigureFolder.of(NOTEBOOK)
    values = lesson_values(json.loads(RESULTS.read_text())) | floor_values()
    values |= run_values(opened()) | notebook_costs(NOTEBOOK)
    values["tune_seconds"] = f"{measured_costs(NOTEBOOK)[PROFILE]['demo given tuned']:.0f}"
    write_values(NOTEBOOK, "python -m benchmarks.figures_nb3", values)


if __name__ == "__main__":
    main()
