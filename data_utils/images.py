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


def box_blur(pictures: NDArray[Any], size: int = 3) -> NDArray[np.float64]:
    """Replace each pixel by the mean of its neighbourhood.

    Parameters
    ----------
    pictures : ndarray, shape (n, height, width) or (n, height, width, 1)
        Of any number type. What lies outside the picture counts as 0.
    size : int
        Side of the square neighbourhood in pixels, odd.

    Returns
    -------
    ndarray of float64, of the shape of `pictures`

    Raises
    ------
    ValueError
        If `size` is not an odd number above 0.

    Examples
    --------
    >>> box_blur(np.array([[[0.0, 9.0, 0.0]]])).round(1).tolist()
    [[[1.0, 1.0, 1.0]]]
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f"size is {size}; a neighbourhood has an odd side, such as 3.")
    return _along_both_axes(pictures, np.full(size, 1 / size))


def gaussian_blur(pictures: NDArray[Any], sigma: float) -> NDArray[np.float64]:
    """Blur with a Gaussian of standard deviation `sigma` pixels, cut off at 3 sigma.

    Parameters
    ----------
    pictures : ndarray, shape (n, height, width) or (n, height, width, 1)
        Of any number type. What lies outside the picture counts as 0.
    sigma : float
        Above 0.

    Returns
    -------
    ndarray of float64, of the shape of `pictures`

    Raises
    ------
    ValueError
        If `sigma` is not above 0.
    """
    if not sigma > 0:
        raise ValueError(f"sigma is {sigma}; a blur needs a width above 0 pixels.")
    reach = int(np.ceil(3 * sigma))  # beyond it lies 0.3 % of the weight
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return _along_both_axes(pictures, weights / weights.sum())


def _along_both_axes(pictures: NDArray[Any], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convolve axes 1 and 2 with the same symmetric, odd number of weights."""
    reach = len(weights) // 2
    blurred = np.asarray(pictures, dtype=np.float64)
    for axis in (1, 2):
        length = blurred.shape[axis]
        margin = [(reach, reach) if place == axis else (0, 0) for place in range(blurred.ndim)]
        padded = np.pad(blurred, margin)
        blurred = np.zeros_like(blurred)
        for shift, weight in enumerate(weights):
            part = (slice(None),) * axis + (slice(shift, shift + length),)
            blurred += weight * padded[part]
    return blurred
