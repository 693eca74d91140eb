"""The pictures of notebook 2: how a GAN trains, what it draws, what it makes of an image."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from data_utils.plots import IMAGE_MAP, SERIES, THRESHOLD

DIFFERENCE_MAP = "PuOr"  # white in the middle; its two ends differ for colour-blind eyes too
_SMOOTHING_SHARE = 0.05  # of the training: short enough to show where the two losses part
_FAINT = 0.25  # opacity of the raw losses


def plot_gan_losses(history: Mapping[str, Sequence[float]]) -> Figure:
    """Plot the losses of discriminator and generator, smoothed, over the raw values.

    The dotted line is the loss of a discriminator that knows nothing, if the losses for real and
    for drawn images are added: it says 1/2 to every image and pays 2 ln 2 = ln 4.

    Parameters
    ----------
    history : mapping
        ``"discriminator"`` and ``"generator"``, each one loss per recorded step.
    """
    figure, axis = plt.subplots(figsize=(7.5, 3.6))
    for name, colour, style in (("discriminator", SERIES[0], "-"), ("generator", SERIES[1], "--")):
        losses = np.asarray(history[name], float)
        steps = np.arange(1, losses.size + 1)
        axis.plot(steps, losses, color=colour, alpha=_FAINT, linewidth=0.8)
        axis.plot(steps, _running_mean(losses), color=colour, linestyle=style, linewidth=2,
                  label=name)  # fmt: skip
    axis.axhline(math.log(4), color=THRESHOLD, linestyle=":",
                 label=f"ln 4 = {math.log(4):.3f}: knows nothing (both halves added)")  # fmt: skip
    axis.set(xlabel="recorded step", ylabel="loss", ylim=(0, None))
    axis.legend(fontsize=9, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.17))
    figure.tight_layout()
    return figure


def show_samples(grid_by_step: Mapping[int, NDArray[Any]]) -> Figure:
    """Show one row of drawn images for each step that was looked at.

    Draw each row from the same noise, so that a column shows one image as it grows better.

    Parameters
    ----------
    grid_by_step : mapping of int to ndarray
        Training step -> images, float (n, 1, 28, 28) in [-1, 1] as a generator draws them, or
        uint8 (n, 28, 28).
    """
    most = max(len(images) for images in grid_by_step.values())
    figure, axes = plt.subplots(
        len(grid_by_step), 1, figsize=(0.75 * most + 1, 0.8 * len(grid_by_step)), squeeze=False
    )
    for axis, (step, images) in zip(axes[:, 0], grid_by_step.items(), strict=True):
        low, high = (0, 255) if images.dtype == np.uint8 else (-1, 1)
        row = np.hstack(list(np.reshape(images, (-1, 28, 28))))
        axis.imshow(row, cmap=IMAGE_MAP, vmin=low, vmax=high)
        axis.set(xticks=[], yticks=[], xlim=(-0.5, 28 * most - 0.5))
        axis.set_ylabel(f"step {step:,}", rotation=0, ha="right", va="center", fontsize=9)
        axis.spines[:].set_visible(False)
    figure.tight_layout(h_pad=0.2)
    return figure


def show_three_rows(
    images: NDArray[np.uint8], copies: NDArray[np.uint8], scores: ArrayLike
) -> Figure:
    """Show images, what the detector made of them, and the difference, with the score below.

    Parameters
    ----------
    images, copies : ndarray of uint8, shape (n, 28, 28)
    scores : array_like, shape (n,)
    """
    count = len(images)
    # Signed, so not as uint8: 0 - 1 would be 255.
    missing = images.astype(np.int16) - copies.astype(np.int16)
    figure, axes = plt.subplots(
        3, count, figsize=(0.95 * count + 1.8, 3.6), squeeze=False, layout="constrained"
    )
    rows: tuple[tuple[str, NDArray[Any], str, int], ...] = (
        ("image", images, IMAGE_MAP, 0),
        ("reconstruction", copies, IMAGE_MAP, 0),
        ("image minus\nreconstruction", missing, DIFFERENCE_MAP, -255),
    )
    for row, (name, pictures, colours, low) in zip(axes, rows, strict=True):
        for axis, picture in zip(row, pictures, strict=True):
            drawn = axis.imshow(picture, cmap=colours, vmin=low, vmax=255)
            axis.set(xticks=[], yticks=[])
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    for axis, score in zip(axes[2], np.asarray(scores, float), strict=True):
        axis.set_xlabel(f"{score:.3g}", fontsize=9)
    figure.supxlabel("anomaly score", fontsize=9)
    bar = figure.colorbar(drawn, ax=axes[2].tolist(), ticks=[-255, 0, 255])
    bar.ax.set_yticklabels(["ink added", "same", "ink missing"], fontsize=8)
    return figure


def _running_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average each value with its neighbours; fewer of them at both ends."""
    width = 2 * int(_SMOOTHING_SHARE * values.size / 2) + 1  # odd: as many before as after
    sums = np.concatenate([[0.0], np.cumsum(values)])
    place = np.arange(values.size)
    start = np.maximum(place - width // 2, 0)
    stop = np.minimum(place + width // 2 + 1, values.size)
    means: NDArray[np.float64] = (sums[stop] - sums[start]) / (stop - start)
    return means
