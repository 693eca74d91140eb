"""The pictures of notebook 3: bars that are compared, and heat maps over images."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from data_utils.plots import IMAGE_MAP, SERIES

HEAT_MAP = "viridis"
_HEAT_OPACITY = 0.6  # the stroke stays visible below
_HATCHES = ("", "//", "..", "xx")  # told apart without colours


def plot_bars(
    values: Mapping[str, Sequence[float]], groups: Sequence[str], ylabel: str, chance: float = 0.5
) -> Figure:
    """Plot one bar per group for each of a few things that are to be compared.

    Parameters
    ----------
    values : mapping of str to sequence of float
        At most four rows, each one value per group.
    groups : sequence of str
    ylabel : str
    chance : float
        A dotted line stands there.
    """
    figure, axis = plt.subplots(figsize=(7, 3.4))
    width = 0.8 / len(values)
    for place, (name, row) in enumerate(values.items()):
        left = np.arange(len(groups)) - 0.4 + (place + 0.5) * width
        bars = axis.bar(left, row, width, label=name, color=SERIES[place], edgecolor="white",
                        hatch=_HATCHES[place])  # fmt: skip
        axis.bar_label(bars, [f"{value:.2f}" for value in row], fontsize=8)
    axis.axhline(chance, color="black", linestyle=":", linewidth=1)
    axis.set(ylabel=ylabel, ylim=(0, 1.05))
    axis.set_xticks(np.arange(len(groups)), groups)
    axis.legend(fontsize=9, ncols=len(values), loc="upper center", bbox_to_anchor=(0.5, 1.18))
    figure.tight_layout()
    return figure


def show_heat_maps(images: NDArray[np.uint8], heat: Mapping[str, NDArray[Any]]) -> Figure:
    """Show images, and below them each kind of heat map laid over them.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, 28, 28)
    heat : mapping of str to ndarray of float, shape (n, h, w)
        In [0, 1]; drawn over the image in squares, so that its resolution can be seen.
    """
    count, height = len(images), images.shape[1]
    figure, axes = plt.subplots(
        len(heat) + 1, count, figsize=(1.1 * count + 1, 1.15 * (len(heat) + 1)), squeeze=False
    )
    extent = (-0.5, images.shape[2] - 0.5, height - 0.5, -0.5)
    for row, (name, maps) in enumerate([("image", None), *heat.items()]):
        axes[row, 0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
        for place in range(count):
            axis = axes[row, place]
            axis.imshow(images[place], cmap=IMAGE_MAP, vmin=0, vmax=255, extent=extent)
            if maps is not None:
                axis.imshow(maps[place], cmap=HEAT_MAP, vmin=0, vmax=1, alpha=_HEAT_OPACITY,
                            extent=extent, interpolation="nearest")  # fmt: skip
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
    figure.tight_layout(h_pad=0.2, w_pad=0.2)
    return figure
