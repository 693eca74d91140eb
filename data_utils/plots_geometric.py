"""The pictures of notebook 4: runs beside a published figure, and images that were changed."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from data_utils.plots import ANOMALY, IMAGE_MAP, NORMAL

_SPREAD = 0.12  # to the left and right of the middle, so that runs do not lie on each other


def plot_runs(runs: Mapping[str, Sequence[float]], published: Sequence[float]) -> Figure:
    """Plot the AUROC of each run of some experiments beside the figure of a paper.

    Parameters
    ----------
    runs : mapping of str to sequence of float
        One or more AUROCs per experiment.
    published : sequence of float
        One per experiment, in the same order.
    """
    figure, axis = plt.subplots(figsize=(7.5, 3.6))
    for place, values in enumerate(runs.values()):
        offsets = np.linspace(-_SPREAD, _SPREAD, len(values)) if len(values) > 1 else [0.0]
        axis.plot(place + np.asarray(offsets), values, "o", color=NORMAL,
                  label="this notebook" if place == 0 else None)  # fmt: skip
    axis.plot(np.arange(len(runs)) + 2 * _SPREAD, published, "x", color=ANOMALY, markersize=9,
              markeredgewidth=2, label="paper, one run")  # fmt: skip
    axis.axhline(0.5, color="black", linestyle=":", linewidth=1, label="chance")
    axis.set(ylabel="AUROC", ylim=(0.45, 1.02))
    axis.set_xticks(np.arange(len(runs)), [name.replace(", ", ",\n") for name in runs])
    axis.legend(fontsize=9, loc="lower right")
    figure.tight_layout()
    return figure


def show_ascent(
    start: NDArray[np.floating[Any]],
    end: NDArray[np.floating[Any]],
    score_start: NDArray[np.floating[Any]],
    score_end: NDArray[np.floating[Any]],
) -> Figure:
    """Show images above what became of them, each with its anomaly score.

    Parameters
    ----------
    start, end : ndarray of float, shape (n, 28, 28)
        In [0, 1].
    score_start, score_end : ndarray of float, shape (n,)
    """
    count = len(start)
    figure, axes = plt.subplots(2, count, figsize=(1.5 * count + 0.6, 3.9), squeeze=False)
    for row, (name, images, scores) in enumerate(
        (("before", start, score_start), ("after", end, score_end))
    ):
        axes[row, 0].set_ylabel(name, rotation=0, ha="right", va="center")
        for axis, image, score in zip(axes[row], images, scores, strict=True):
            axis.imshow(image, cmap=IMAGE_MAP, vmin=0, vmax=1)
            axis.set_title(f"score {score:.1f}", fontsize=9)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
    figure.tight_layout()
    return figure
