"""Draw the figures of notebook 1 and write the numbers that its text quotes: `make figures`.

    python -m benchmarks.figures_nb1

From `results/nb1_lessons.json`, `results/nb1_floors.jsonl` and two runs of the solution (about a
minute). The figures go to `solutions/nb1_autoencoder/figures`, the numbers to
`results/nb1_autoencoder_prose.json`. Run `make build` afterwards.
"""

import json
import statistics
from typing import Any

import numpy as np

from benchmarks import figures_nb1_charts as charts
from benchmarks.calibrate import measured_rows
from benchmarks.calibrate_nb1 import NB1
from benchmarks.calibration import one_thread
from benchmarks.figures import FigureFolder, Values, percent, three, write_values
from benchmarks.lessons_nb1 import DIGIT, NOTEBOOK, RESULTS, TARGET_FPR, fit, parts_of
from benchmarks.masters import design_namespace
from benchmarks.notebook_cost import measured_costs, notebook_costs
from data_utils.datasets import load_mnist
from data_utils.metrics import auroc, average_precision, prevalence
from data_utils.prepared import prepared_arrays

SHARES = (0.2, 0.1, 0.05, 0.02, 0.01)  # prevalences, besides that of the sets themselves
DRAWS = 50  # of the few anomalies that a low prevalence leaves
FIFTH = slice(None, None, 5)


def data_values() -> Values:
    """Look at the images."""
    data = load_mnist("embedded")
    ink = [float(np.mean(data.images[data.labels == digit]) / 255) for digit in range(10)]
    charts.ink(ink)
    inked = data.images[data.images > 0]
    return {
        "ink_0": percent(ink[0]),
        "ink_1": percent(ink[1]),
        "grey_share": percent(float(np.mean(inked < 255))),
    }


def run_values(here: dict[str, Any], lessons: dict[str, Any]) -> Values:
    """Run the solution once with digit 9 left out, as the notebook does."""
    parts = parts_of(here, here["SEED"])
    detector = fit(here, parts, here["SEED"])
    final = here["AutoencoderDetector"](
        detector.network, detector.history, parts[1], TARGET_FPR, error=here["improved_error"]
    )
    normal, anomaly = (detector.anomaly_score(part) for part in parts[2:])
    outcome = here["confusion_counts"](normal, anomaly, detector.threshold)
    values = {name: str(outcome[name]) for name in ("tp", "fn", "fp", "tn")}
    values |= {name: f"{outcome[name]:.3f}" for name in ("tpr", "fnr", "fpr", "tnr")}
    improved = [final.anomaly_score(part) for part in parts[2:]]
    charts.run(detector, parts, normal, anomaly)
    charts.loss(detector.history, lessons["mixed_target"])
    values |= {
        "auroc_9": three(auroc(normal, anomaly)),
        "ap_9": three(average_precision(normal, anomaly)),
        "test_prevalence": percent(prevalence(normal, anomaly)),
        "improved_9": three(auroc(*improved)),
        "improved_tpr": three(float(np.mean(improved[1] > final.threshold))),
        "loss_first": f"{detector.history[0]:.3f}",
        "loss_last": f"{detector.history[-1]:.3f}",
        "loss_mixed": f"{lessons['mixed_target'][-1]:.3f}",
        "loss_mixed_early": f"{lessons['mixed_target'][2]:.3f}",
        "loss_tutorial": f"{_tutorial_loss(parts):.3f}",
    }
    few = [part[:1000] for part in parts[2:]]
    edges = [here["gradient_scores"](parts[0], part) for part in few]
    held = here["gradient_scores"](parts[0], parts[1])
    limit = here["choose_threshold"](held, TARGET_FPR)
    values["gradient_9"] = three(auroc(*edges))
    values["gradient_tpr"] = three(float(np.mean(edges[1] > limit)))
    return values | _edge_values(parts) | _prevalence_values(normal, anomaly) | _easy(here)


def _tutorial_loss(parts: Any) -> float:
    """Return the last training loss of the tutorial's network, on the same split."""
    here = design_namespace(NOTEBOOK, NB1.plainest)
    return float(fit(here, parts, here["SEED"]).history[-1])


def _edge_values(parts: Any) -> Values:
    from data_utils.edge_maps import EdgeMapNeighbours

    edge = EdgeMapNeighbours(parts[0], parts[1])
    scores = [edge.anomaly_score(part) for part in parts[2:]]
    found = float(np.mean(scores[1] > edge.threshold))
    return {"edge_9": three(auroc(*scores)), "edge_tpr": three(found)}


def _easy(here: dict[str, Any]) -> Values:
    parts = parts_of(here, here["SEED"], 0)
    easy = fit(here, parts, here["SEED"])
    scores = [easy.anomaly_score(part) for part in parts[2:]]
    found = float(np.mean(scores[1] > easy.threshold))
    return {"auroc_0": three(auroc(*scores)), "tpr_0": percent(found)}


def _prevalence_values(normal: np.ndarray, anomaly: np.ndarray) -> Values:
    """Thin the anomalies out: the ranking stays, the average precision falls."""
    rng = np.random.default_rng(0)
    whole = auroc(normal, anomaly), average_precision(normal, anomaly)
    rows = [(prevalence(normal, anomaly), *whole)]
    for share in SHARES:
        count = round(share / (1 - share) * len(normal))
        drawn = [rng.choice(anomaly, count, replace=False) for _ in range(DRAWS)]
        rank = float(np.mean([auroc(normal, few) for few in drawn]))
        area = float(np.mean([average_precision(normal, few) for few in drawn]))
        rows.append((share, rank, area))
    charts.prevalences(rows)
    precision = {share: f"{area:.2f}" for share, _, area in rows}
    return {"ap_all": f"{rows[0][2]:.2f}", "ap_10": precision[0.1], "ap_1": precision[0.01]}


def prepared_values(here: dict[str, Any]) -> Values:
    """What the cells show that go on with prepared arrays, and the baselines."""
    charts.pairs()
    charts.baseline_pictures(parts_of(here, 0))
    scores_val, scores_test, scores_anomaly = (
        prepared_arrays(f"scores_{name}") for name in ("val", "test", "anomaly")
    )
    limit = here["choose_threshold"](scores_val, TARGET_FPR)
    outcomes = [here["confusion_counts"](scores_test, some, limit)
                for some in (scores_anomaly, scores_anomaly[FIFTH])]  # fmt: skip
    precision = [row["tp"] / (row["tp"] + row["fp"]) for row in outcomes]
    charts.threshold(scores_val, scores_anomaly, limit)
    charts.counts_and_rates(outcomes, precision)
    values = {
        "val_above": str(int(np.sum(scores_val > limit))),
        "precision_all": f"{precision[0]:.2f}",
        "precision_fifth": f"{precision[1]:.2f}",
    }
    short = {"mean image": "mean", "principal components": "pca", "nearest image": "nearest"}
    for digit, row in prepared_arrays("1.2 baselines").items():
        values |= {f"{short[name]}_{digit}": three(reached) for name, reached in row.items()}
    return values


def lesson_values(lessons: dict[str, Any]) -> Values:
    """Draw the four experiments and quote them."""
    charts.leak(lessons["leaks"])
    charts.threshold_sources(lessons["thresholds"], TARGET_FPR)
    charts.capacity(lessons["capacity"])
    charts.epochs(lessons["epochs"])
    by_epoch = dict(zip(lessons["epochs"]["epoch"], lessons["epochs"]["auroc"], strict=True))
    counts = list(lessons["leaks"])
    code = lessons["capacity"]
    return {
        "leak_0": three(lessons["leaks"]["0"]),
        "leak_few_count": counts[2],
        "leak_few": three(lessons["leaks"][counts[2]]),
        "leak_all_count": counts[-1],
        "leak_all": three(lessons["leaks"][counts[-1]]),
        "fpr_from_train": percent(statistics.mean(lessons["thresholds"]["train"])),
        "fpr_from_val": percent(statistics.mean(lessons["thresholds"]["val"])),
        "pca16_1": three(lessons["components"]["16"]["1"]),
        "pca128_9": three(lessons["components"]["128"]["9"]),
        "pca128_1": three(lessons["components"]["128"]["1"]),
        "val_loss_8": f"{code['8']['val_loss']:.4f}",
        "val_loss_64": f"{code['64']['val_loss']:.4f}",
        "auroc_code_8": three(code["8"]["auroc"]),
        "auroc_code_64": three(code["64"]["auroc"]),
        **{f"epochs_{epoch}": three(by_epoch[epoch]) for epoch in (2, 5, 15, 40, 120)},
        "gradient_mean": three(statistics.mean(lessons["neighbours"]["gradient maps"])),
        "edge_mean": three(statistics.mean(lessons["neighbours"]["edge maps"])),
    }


def seed_values(lessons: dict[str, Any]) -> Values:
    """Quote and draw the ten-seed tables of the embedded profile."""
    rows = [row for row in measured_rows(NOTEBOOK, NB1.code())
            if row["profile"] == "embedded"]  # fmt: skip
    values: Values = {}
    by_row: dict[str, list[float]] = {}
    for row in rows:
        if row["digit"] == DIGIT:
            by_row.setdefault(row["row"], []).append(row["auroc"])
    for name in (*NB1.honest, "untrained"):
        values[f"seeds_{name}"] = three(statistics.mean(by_row[name]))
        values[f"sd_{name}"] = three(statistics.stdev(by_row[name]))
    values["min_solution"] = three(min(by_row["solution"]))
    values["max_solution"] = three(max(by_row["solution"]))
    charts.seeds({name: by_row[name] for name in (*NB1.honest, "untrained")})
    by_digit: dict[str, list[float]] = {}
    for name, key in (("plain", "auroc_squared"), ("relative", "auroc"),
                      ("blurred", "auroc_blurred")):  # fmt: skip
        by_digit[name] = [
            statistics.mean(r[key] for r in rows if r["row"] == "solution" and r["digit"] == digit)
            for digit in range(10)
        ]
        values[f"{name}_mean"] = three(statistics.mean(by_digit[name]))
        values |= {f"{name}_{digit}": three(by_digit[name][digit]) for digit in (0, 1, 9)}
    charts.digits(by_digit)
    charts.honours(lessons["neighbours"], by_digit["blurred"])
    return values


def main() -> None:
    """Draw everything."""
    one_thread()
    FigureFolder.of(NOTEBOOK)
    lessons = json.loads(RESULTS.read_text())
    here = design_namespace(NOTEBOOK)
    values = data_values() | prepared_values(here) | lesson_values(lessons)
    values |= seed_values(lessons) | run_values(here, lessons) | notebook_costs(NOTEBOOK)
    edges = measured_costs(NOTEBOOK)["embedded"]["demo given demo_edge_maps"]
    values["edge_seconds"] = f"{edges:.0f}"
    write_values(NOTEBOOK, "python -m benchmarks.figures_nb1", values)


if __name__ == "__main__":
    main()
