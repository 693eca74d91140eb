"""The charts of notebook 2 that compare several trainings, each written as a PNG file."""

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.figures import GREY, axes, save
from data_utils.plots import ANOMALY, NORMAL, THRESHOLD, plot_by_digit

OPINIONS = {
    "untrained": "discriminator, untrained",
    "trained": "discriminator, trained",
    "dense": "dense discriminator, trained",
    "copying": "errors of the copies (2.8)",
}
COLOURS = {"untrained": GREY, "copying": NORMAL}


def opinions(rows: Mapping[str, Sequence[float]]) -> None:
    """Ten trainings as dots: what the discriminator says alone, and the errors of the copies."""
    figure, axis = axes(height=2.6)
    for place, name in enumerate(OPINIONS):
        values = rows[name]
        axis.plot(values, [-place] * len(values), "o", color=COLOURS.get(name, ANOMALY), alpha=0.7)
        axis.plot(np.mean(values), -place, "|", color=THRESHOLD, markersize=16)
    axis.axvline(0.5, color=THRESHOLD, linestyle=":", linewidth=1)
    axis.annotate("chance", (0.51, 0.45), fontsize=9)
    axis.set(xlim=(0, 1), ylim=(0.4 - len(OPINIONS), 0.7), xlabel="AUROC, digit 5 normal")
    axis.set_yticks([-place for place in range(len(OPINIONS))], list(OPINIONS.values()))
    save(figure, "opinions")


def by_digit(rows: Mapping[str, Sequence[float]]) -> None:
    """AUROC of the detector and of two baselines for each normal digit."""
    named = {"GAN detector": rows["solution"], "principal components": rows["pca"],
             "nearest image": rows["nearest"]}  # fmt: skip
    figure = plot_by_digit(named, "AUROC", xlabel="normal digit")
    figure.axes[0].set_ylim(0.5, 1)
    save(figure, "by_digit")
