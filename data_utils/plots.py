"""The course's pictures: Okabe-Ito colours with different line styles, cividis for grey values."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from data_utils.metrics import auroc, average_precision, prevalence, roc_points

NORMAL, ANOMALY, THRESHOLD = "#0072B2", "#D55E00", "#000000"  # Okabe-Ito: blue, vermilion, black
IMAGE_MAP = "cividis"  # reads the same for colour-blind eyes and in grey print
_BINS = 40
SERIES = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")  # Okabe-Ito
_HATCHES = ("", "//", "..", "xx", "--", "oo")  # so that a grey print tells them apart too


def show_images(
    images: NDArray[np.uint8], titles: Sequence[str] | None = None, columns: int = 10
) -> Figure:
    """Show images (uint8, (n, 28, 28)) in a grid, each with an optional title."""
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(columns, 1.3 * rows), squeeze=False)
    for place, axis in enumerate(axes.flat):
        axis.axis("off")
        if place < len(images):
            axis.imshow(images[place], cmap=IMAGE_MAP, vmin=0, vmax=255)
            if titles is not None:
                axis.set_title(titles[place], fontsize=9)
    figure.tight_layout()
    return figure


def show_reconstructions(
    images: NDArray[np.uint8], copies: NDArray[np.uint8], scores: ArrayLike
) -> Figure:
    """Show images above what the detector made of them, with the score below.

    Parameters
    ----------
    images, copies : ndarray of uint8, shape (n, 28, 28)
    scores : array_like, shape (n,)
    """
    count = len(images)
    figure, axes = plt.subplots(2, count, figsize=(1.1 * count, 2.7), squeeze=False)
    for place, score in enumerate(np.asarray(scores)):
        for row, picture in enumerate((images[place], copies[place])):
            axes[row, place].imshow(picture, cmap=IMAGE_MAP, vmin=0, vmax=255)
            axes[row, place].axis("off")
        axes[1, place].set_title(f"{score:.2f}", fontsize=9, y=-0.3)
    figure.suptitle("image (above), reconstruction (below), score", fontsize=10)
    return figure


def show_extremes(
    images: NDArray[np.uint8], copies: NDArray[np.uint8], scores: ArrayLike, count: int = 5
) -> Figure:
    """Show the images with the lowest scores, then those with the highest, above their copies.

    Parameters
    ----------
    images, copies : ndarray of uint8, shape (n, 28, 28)
    scores : array_like, shape (n,)
    count : int
        How many of each kind.
    """
    values = np.asarray(scores, float)
    order = np.argsort(values, kind="stable")
    chosen = np.concatenate([order[:count], order[-count:]])
    figure = show_reconstructions(images[chosen], copies[chosen], values[chosen])
    figure.suptitle(f"the {count} lowest and the {count} highest scores", fontsize=10)
    return figure


def plot_loss(history: Sequence[float]) -> Figure:
    """Plot the training loss per epoch."""
    figure, axis = plt.subplots(figsize=(6, 3))
    axis.plot(np.arange(1, len(history) + 1), history, color=NORMAL)
    axis.set(xlabel="epoch", ylabel="training loss", title="Training loss")
    figure.tight_layout()
    return figure


def plot_score_histogram(
    scores_normal: ArrayLike, scores_anomaly: ArrayLike, threshold: float | None = None
) -> Figure:
    """Plot the scores of both kinds of image over each other, and the threshold.

    Parameters
    ----------
    scores_normal, scores_anomaly : array_like, shapes (n,) and (m,)
    threshold : float, optional
    """
    normal, anomaly = np.asarray(scores_normal, float), np.asarray(scores_anomaly, float)
    edges = np.histogram_bin_edges(np.concatenate([normal, anomaly]), _BINS)
    figure, axis = plt.subplots(figsize=(7, 3.2))
    for scores, name, colour, style in (
        (normal, "normal", NORMAL, "-"),
        (anomaly, "anomaly", ANOMALY, "--"),
    ):
        axis.hist(
            scores,
            edges.tolist(),
            density=True,
            histtype="step",
            label=f"{name} (n = {scores.size})",
            color=colour,
            linestyle=style,
            linewidth=1.8,
        )
    if threshold is not None:
        axis.axvline(threshold, color=THRESHOLD, linestyle=":", label=f"threshold {threshold:.3f}")
    axis.set(
        xlabel="anomaly score", ylabel="density", title="Scores of normal and anomalous images"
    )
    axis.legend()
    figure.tight_layout()
    return figure


def plot_roc(
    scores_normal: ArrayLike, scores_anomaly: ArrayLike, threshold: float | None = None
) -> Figure:
    """Plot ROC and precision against recall, with the numbers that sum them up.

    Parameters
    ----------
    scores_normal, scores_anomaly : array_like, shapes (n,) and (m,)
    threshold : float, optional
        Marked on both curves.
    """
    fpr, tpr, thresholds = roc_points(scores_normal, scores_anomaly)
    share = prevalence(scores_normal, scores_anomaly)
    odds = (1 - share) / share
    with np.errstate(invalid="ignore"):
        precision = tpr / (tpr + odds * fpr)  # 0 / 0 before the first alarm: not drawn
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    left.plot(fpr, tpr, color=NORMAL, label=f"AUROC {auroc(scores_normal, scores_anomaly):.3f}")
    left.plot([0, 1], [0, 1], color="grey", linestyle=":", label="chance 0.500")
    area = average_precision(scores_normal, scores_anomaly)
    right.plot(tpr, precision, color=ANOMALY, linestyle="--", label=f"average precision {area:.3f}")
    right.axhline(share, color="grey", linestyle=":", label=f"chance = prevalence {share:.3f}")
    if threshold is not None:
        place = int(np.sum(thresholds > threshold)) - 1  # the last point whose scores all lie above
        for axis, x, y in ((left, fpr, tpr), (right, tpr, precision)):
            axis.plot(x[place], y[place], "o", color=THRESHOLD, label="at the threshold")
    left.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC")
    right.set(xlabel="true positive rate (recall)", ylabel="precision", ylim=(0, 1.05),
              title="Precision and recall")  # fmt: skip
    for axis in (left, right):
        axis.legend(fontsize=9)
    figure.tight_layout()
    return figure


def plot_by_digit(
    values: Mapping[str, Sequence[float]], ylabel: str, xlabel: str = "anomaly digit"
) -> Figure:
    """Plot one value per digit for each of a few things that are to be compared.

    Parameters
    ----------
    values : mapping of str to ten floats
        At most six rows.
    ylabel, xlabel : str
    """
    figure, axis = plt.subplots(figsize=(7.5, 3.4))
    width = 0.8 / len(values)
    for place, (name, row) in enumerate(values.items()):
        left = np.arange(10) - 0.4 + (place + 0.5) * width
        axis.bar(left, row, width, label=name, color=SERIES[place], hatch=_HATCHES[place],
                 edgecolor="white")  # fmt: skip
    axis.set(xlabel=xlabel, ylabel=ylabel, xticks=np.arange(10))
    if len(values) > 1:
        axis.legend(fontsize=9, ncols=len(values), loc="upper center", bbox_to_anchor=(0.5, 1.2))
    figure.tight_layout()
    return figure


def plot_counts(outcome: Mapping[str, float]) -> Figure:
    """Plot tp, fn, fp, tn as a 2 x 2 table, each with the share of its own row."""
    table = np.array([[outcome["tp"], outcome["fn"]], [outcome["fp"], outcome["tn"]]], float)
    shares = table / table.sum(axis=1, keepdims=True)
    names = (("detected (tp)", "missed (fn)"), ("false alarm (fp)", "passed (tn)"))
    figure, axis = plt.subplots(figsize=(5, 3.2))
    axis.imshow(shares, cmap=IMAGE_MAP, vmin=0, vmax=1)
    for row in range(2):
        for column in range(2):
            text = f"{names[row][column]}\n{table[row, column]:.0f} = {shares[row, column]:.1%}"
            colour = "black" if shares[row, column] > 0.5 else "white"
            axis.text(column, row, text, ha="center", va="center", color=colour)
    axis.set_xticks([0, 1], ["called anomaly", "called normal"])
    axis.set_yticks([0, 1], ["anomaly set", "test set"])
    figure.tight_layout()
    return figure
