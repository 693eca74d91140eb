"""Image arithmetic that every notebook needs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def network_input(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Scale images for a network.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, 28, 28)

    Returns
    -------
    ndarray of float32, shape (n, 28, 28, 1), in [0, 1]

    Examples
    --------
    >>> network_input(np.full((2, 28, 28), 255, np.uint8)).max()
    np.float32(1.0)
    """
    scaled: NDArray[np.float32] = np.asarray(images, dtype=np.float32)[..., None] / np.float32(255)
    return scaled


def to_uint8(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Turn grey values in [0, 1], shape (n, 28, 28, 1), into images: uint8, (n, 28, 28)."""
    images: NDArray[np.uint8] = np.clip(np.rint(255 * values[..., 0]), 0, 255).astype(np.uint8)
    return images
