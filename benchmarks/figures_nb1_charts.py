"""The charts of notebook 1, each written as a PNG file."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from benchmarks.figures import GREY, axes, save
from data_utils.baselines import BASELINES
from data_utils.plots import (
    ANOMALY,
    NORMAL,
    THRESHOLD,
    plot_by_digit,
    plot_score_histogram,
    show_extremes,
    show_images,
    show_reconstructions,
)
from data_utils.prepared import prepared_arrays

NAMES = {
    "solution": "dense, code of 8",
    "convolutional_design": "convolutional",
    "variational_design": "variational",
    "plain_design": "tutorial, code of 32",
    "untrained": "untrained",
}


def ink(values: Sequence[float]) -> None:
    """Mean grey value of each digit."""
    save(plot_by_digit({"ink": values}, "mean grey value", xlabel="digit"), "ink")


def pairs() -> None:
    """Images above their reconstructions."""
    images, copies = (np.uint8(np.rint(255 * p[..., 0])) for p in prepared_arrays("1.2 pairs"))
    save(show_reconstructions(images, copies, prepared_arrays("1.2 scores")), "pairs")


def baseline_pictures(parts: Any) -> None:
    """Nines, and what three baselines make of them."""
    shown = parts[3][:8]
    drawn = [make(parts[0]).reconstruct(shown) for make in BASELINES]
    save(show_images(np.concatenate([shown, *drawn]), columns=8), "baselines")


def threshold(scores_val: np.ndarray, scores_anomaly: np.ndarray, limit: float) -> None:
    """Validation scores, scores of nines, and the threshold."""
    save(plot_score_histogram(scores_val, scores_anomaly, limit), "threshold")


def threshold_sources(rates: dict[str, list[float]], target: float) -> None:
    """False alarms on fresh images, by where the threshold came from."""
    figure, axis = axes(height=2.6)
    rows = {"training scores": rates["train"], "validation scores": rates["val"],
            "the test scores themselves": [target] * len(rates["val"])}  # fmt: skip
    for place, (name, values) in enumerate(rows.items()):
        axis.plot(values, [place] * len(values), "o", color=(ANOMALY, NORMAL, GREY)[place])
        axis.annotate(name, (0.2, place), va="center", fontsize=9)
    axis.axvline(target, color=THRESHOLD, linestyle=":")
    axis.set(xlim=(0, 0.3), ylim=(-0.5, 2.5), yticks=[])
    axis.set_xlabel("false positive rate on fresh images")
    axis.set_title("Threshold for a target of 5 %, taken from ...")
    save(figure, "threshold_sources")


def counts_and_rates(outcomes: list[dict[str, Any]], precision: list[float]) -> None:
    """Counts and rates with all anomalies, and with a tenth of them."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.2))
    for place, (name, outcome) in enumerate(
        zip(("all 500 nines", "100 nines"), outcomes, strict=True)
    ):
        style = {"color": (NORMAL, ANOMALY)[place], "hatch": ("", "//")[place], "label": name,
                 "edgecolor": "white"}  # fmt: skip
        x = np.arange(4) - 0.2 + 0.4 * place
        left.bar(x, [outcome[n] for n in ("tp", "fn", "fp", "tn")], 0.4, **style)
        rates = [outcome["tpr"], outcome["fpr"], precision[place]]
        right.bar(x[:3], rates, 0.4, **style)
    left.set(xticks=range(4), xticklabels=["tp", "fn", "fp", "tn"], title="counts")
    right.set(xticks=range(3), xticklabels=["tpr", "fpr", "precision"], title="shares")
    right.legend(fontsize=9)
    figure.tight_layout()
    save(figure, "counts_and_rates")


def run(detector: Any, parts: Any, normal: np.ndarray, anomaly: np.ndarray) -> None:
    """Histogram and extremes of the notebook's own run."""
    save(plot_score_histogram(normal, anomaly, detector.threshold), "histogram")
    both, scores = np.concatenate(parts[2:]), np.concatenate([normal, anomaly])
    some = np.r_[np.argsort(scores)[:6], np.argsort(scores)[-6:]]
    save(show_extremes(both[some], detector.reconstruct(both[some]), scores[some], 6), "extremes")


def loss(right: Sequence[float], mixed: Sequence[float]) -> None:
    """Training loss with the input, and with other images, as the target."""
    figure, axis = axes(height=3)
    x = np.arange(1, len(right) + 1)
    axis.plot(x, right, color=NORMAL, label="target: the input itself")
    axis.plot(x, mixed, color=ANOMALY, linestyle="--", label="target: another image")
    axis.set(xlabel="epoch", ylabel="training loss", ylim=(0, None))
    axis.legend(fontsize=9)
    save(figure, "loss")


def prevalences(rows: list[tuple[float, float, float]]) -> None:
    """AUROC and average precision of the same scores with fewer and fewer anomalies."""
    shares, rank, area = zip(*sorted(rows), strict=True)
    figure, axis = axes(height=3)
    axis.plot(shares, rank, "o-", color=NORMAL, label="AUROC")
    axis.plot(shares, area, "s--", color=ANOMALY, label="average precision")
    axis.plot(shares, shares, ":", color=GREY, label="chance level of average precision")
    axis.set(xscale="log", xlabel="prevalence of anomalies", ylim=(0, 1), xticks=[0.01, 0.1, 0.36])
    axis.set_xticklabels(["1 %", "10 %", "36 %"])
    axis.minorticks_off()
    axis.legend(fontsize=9)
    save(figure, "prevalence")


def leak(rows: dict[str, float]) -> None:
    """AUROC with nines among the training images."""
    figure, axis = axes(height=3)
    counts = [int(count) for count in rows]
    axis.plot(counts, list(rows.values()), "o-", color=ANOMALY)
    axis.axhline(0.5, color=GREY, linestyle=":")
    axis.annotate("chance", (counts[-1], 0.505), ha="right", color=GREY, fontsize=9)
    axis.set(xlabel="nines among the 3,150 training images", ylabel="AUROC, digit 9",
             ylim=(0.4, 0.8))  # fmt: skip
    save(figure, "leak")


def capacity(rows: dict[str, dict[str, float]]) -> None:
    """AUROC and validation error over the width of the code."""
    figure, axis = axes()
    widths = [int(width) for width in rows]
    axis.plot(widths, [row["auroc"] for row in rows.values()], "o-", color=NORMAL)
    axis.set(xscale="log", xlabel="width of the code", xticks=widths)
    axis.set_xticklabels([str(width) for width in widths])
    axis.minorticks_off()
    _second_axis(axis, widths, [row["val_loss"] for row in rows.values()])
    save(figure, "capacity")


def epochs(rows: dict[str, list[float]]) -> None:
    """AUROC and validation error over the length of the training."""
    figure, axis = axes()
    axis.plot(rows["epoch"], rows["auroc"], "o-", color=NORMAL)
    axis.set(xlabel="epochs")
    _second_axis(axis, rows["epoch"], rows["val_loss"])
    save(figure, "epochs")


def _second_axis(axis: Axes, x: Sequence[float], errors: Sequence[float]) -> None:
    """Add the error on validation images, with an axis of its own, in the axis's colour."""
    axis.set_ylabel("AUROC, digit 9 (solid)", color=NORMAL)
    other = axis.twinx()
    other.spines["top"].set_visible(False)
    other.plot(x, errors, "s--", color=ANOMALY)
    other.set_ylabel("error on normal images (dashed)", color=ANOMALY)
    other.set_ylim(0, None)


def seeds(rows: dict[str, list[float]]) -> None:
    """Ten seeds of each network as dots."""
    figure, axis = axes(height=2.8)
    for place, (name, values) in enumerate(rows.items()):
        style = {"color": GREY if name == "untrained" else NORMAL, "alpha": 0.7}
        axis.plot(values, [-place] * len(values), "o", **style)
        axis.plot(np.mean(values), -place, "|", color=THRESHOLD, markersize=16)
    axis.set(yticks=[-place for place in range(len(rows))], xlabel="AUROC, digit 9 left out")
    axis.set_yticklabels([NAMES[name] for name in rows])
    save(figure, "seeds")


def digits(rows: dict[str, list[float]]) -> None:
    """AUROC of three scores for each digit left out."""
    named = {"plain error": rows["plain"], "relative (1.2)": rows["relative"],
             "blurred (1.6)": rows["blurred"]}  # fmt: skip
    _by_digit(named, "digits")


def honours(rows: dict[str, list[float]], autoencoder: list[float]) -> None:
    """AUROC of four detectors for each digit left out."""
    named = {"nearest image": rows["nearest image"], "autoencoder (1.6)": autoencoder,
             "gradient maps": rows["gradient maps"], "edge maps": rows["edge maps"]}  # fmt: skip
    _by_digit(named, "honours")


def _by_digit(named: dict[str, list[float]], name: str) -> None:
    figure = plot_by_digit(named, "AUROC")
    figure.axes[0].axhline(0.5, color=THRESHOLD, linestyle=":", linewidth=1)
    figure.axes[0].set_ylim(0, 1)
    save(figure, name)
