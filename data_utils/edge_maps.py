"""A detector that learns nothing: edges of an image, looked for among the normal ones.

It compares strokes, not pixels, and lets each stroke move a little before it counts a difference.
The idea that an image may be distorted locally before it is compared is that of the image
distortion model (Keysers, Deselaers, Gollan, Ney, "Deformation Models for Image Recognition",
IEEE TPAMI 29(8), 2007). Settings were chosen on the embedded training images.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.images import gaussian_blur

FloatArray = NDArray[np.float32]

_MARGIN = 4  # black pixels around the image, so that a stroke at its edge has a neighbourhood
_SOBEL = np.array([1.0, 2.0, 1.0]) / 4
_SEARCH_SIGMA, _COMPARE_SIGMA = 1.5, 1.0  # blur: coarse to find neighbours, finer to compare
_CANDIDATES = 20  # bank images that are compared closely; 50 change nothing
_WORST_CELLS = 20  # of 289: an odd digit is odd in one place, so the sum over all would hide it
_NEIGHBOURS = 3
_BLOCK = 50  # images at once: 50 x 20 pairs of maps take 5 MB a step
_SHIFTS = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
_CELL_PIXELS = 2


class EdgeMapNeighbours:
    """Scores an image by its least explained strokes, given the nearest normal images.

    Parameters
    ----------
    x_train, x_val : ndarray of uint8, shape (n, 28, 28)
        Normal images: the bank, and those that the threshold comes from.
    target_fpr : float
        Share of `x_val` that may lie above the threshold.

    Attributes
    ----------
    threshold : float
    history : list of float
        Empty: nothing is trained.
    """

    def __init__(
        self, x_train: NDArray[np.uint8], x_val: NDArray[np.uint8], target_fpr: float = 0.05
    ) -> None:
        self._search_bank = _flat(_edge_maps(x_train, _SEARCH_SIGMA))
        self._bank = _edge_maps(x_train, _COMPARE_SIGMA)
        self.history: list[float] = []
        scores = self.anomaly_score(x_val)
        self.threshold = float(np.quantile(scores, 1 - target_fpr, method="higher"))

    def anomaly_score(self, images: NDArray[np.uint8]) -> FloatArray:
        """Score images: float (n,), higher = more anomalous."""
        scores = [
            np.sort(self._distances(block)[0], axis=1)[:, :_NEIGHBOURS].mean(axis=1)
            for block in _blocks(images)
        ]
        found: FloatArray = np.concatenate(scores).astype(np.float32)
        return found

    def explain(self, images: NDArray[np.uint8]) -> FloatArray:
        """Return where the strokes are that no normal image explains: (n, 28, 28) in [0, 1]."""
        maps = []
        for block in _blocks(images):
            distances, unexplained = self._distances(block)
            best = np.argmin(distances, axis=1)
            maps.append(unexplained[np.arange(len(block)), best])
        cells = np.concatenate(maps)
        side = _CELL_PIXELS * cells.shape[1]
        inside = slice(_MARGIN - 1, _MARGIN - 1 + 28)
        pixels = cells.repeat(_CELL_PIXELS, axis=1).repeat(_CELL_PIXELS, axis=2)
        heat = pixels.reshape(len(images), side, side)[:, inside, inside]
        peak = np.maximum(heat.max(axis=(1, 2), keepdims=True), 1e-12)
        shares: FloatArray = (heat / peak).astype(np.float32)
        return shares

    def parameters(self) -> list[FloatArray]:
        """Return the bank of edge maps: all that the detector knows."""
        return [self._bank]

    def _distances(self, images: NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
        """Return distances to the candidates, (n, k), and the cells that each leaves unexplained.

        The distance counts both ways: strokes of the image that the candidate lacks, and strokes
        of the candidate that the image lacks.
        """
        search = _flat(_edge_maps(images, _SEARCH_SIGMA))
        squares = np.sum(self._search_bank**2, axis=1) - 2 * search @ self._search_bank.T
        count = min(_CANDIDATES, len(self._bank))
        nearest = np.argpartition(squares, count - 1, axis=1)[:, :count]
        own = _edge_maps(images, _COMPARE_SIGMA)[:, None]
        other = self._bank[nearest]
        unexplained, missing = _unexplained(own, other), _unexplained(other, own)
        cost = np.maximum(_worst(unexplained), _worst(missing))
        energy = np.sum(own**2, axis=(2, 3, 4)) * np.sum(other**2, axis=(2, 3, 4))
        distances: FloatArray = cost / np.maximum(energy, 1e-12) ** 0.25
        return distances, unexplained


def _edge_maps(images: NDArray[np.uint8], sigma: float) -> FloatArray:
    """Return how strong edges of four directions are in each cell: (n, 17, 17, 4)."""
    margin = ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN))
    padded: FloatArray = np.pad(images.astype(np.float32) / np.float32(255), margin)
    across, down = _slope(padded, axis=2), _slope(padded, axis=1)
    halves = [np.maximum(sign * slope, 0) ** 2 for slope in (across, down) for sign in (1, -1)]
    cells = [gaussian_blur(half, sigma)[:, 2::_CELL_PIXELS, 2::_CELL_PIXELS] for half in halves]
    maps: FloatArray = np.sqrt(np.stack(cells, axis=-1)).astype(np.float32)
    return maps


def _slope(padded: FloatArray, axis: int) -> FloatArray:
    """Sobel's derivative along an axis: a difference, smoothed along the other axis."""
    other = 3 - axis
    smooth = sum(
        weight * np.roll(padded, shift, axis=other)
        for weight, shift in zip(_SOBEL, (1, 0, -1), strict=True)
    )
    slope: FloatArray = np.roll(smooth, -1, axis=axis) - np.roll(smooth, 1, axis=axis)
    return slope


def _unexplained(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return, cell by cell, what of `first` no shift of `second` by one cell explains."""
    margin = [(0, 0), (0, 0), (1, 1), (1, 1), (0, 0)]
    padded, side = np.pad(second, margin), first.shape[2]
    least: FloatArray | None = None
    for down, right in _SHIFTS:
        moved = padded[:, :, 1 + down : 1 + down + side, 1 + right : 1 + right + side]
        difference = first - moved
        cost = _box_sum(np.einsum("nkijc,nkijc->nkij", difference, difference))
        least = cost if least is None else np.minimum(least, cost)
    assert least is not None
    return least


def _box_sum(cells: FloatArray) -> FloatArray:
    """Sum each cell and its eight neighbours: a stroke is compared with its surroundings."""
    padded, side = np.pad(cells, ((0, 0), (0, 0), (1, 1), (1, 1))), cells.shape[2]
    rows: Any = sum(padded[:, :, start : start + side] for start in range(3))
    boxes: FloatArray = sum(rows[..., start : start + side] for start in range(3))
    return boxes


def _worst(cells: FloatArray) -> FloatArray:
    flat = cells.reshape(*cells.shape[:2], -1)
    worst: FloatArray = np.partition(flat, -_WORST_CELLS, axis=2)[..., -_WORST_CELLS:].mean(axis=2)
    return worst


def _flat(maps: FloatArray) -> FloatArray:
    return maps.reshape(len(maps), -1)


def _blocks(images: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [images[start : start + _BLOCK] for start in range(0, len(images), _BLOCK)]
