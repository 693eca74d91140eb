"""A drawing or a photo becomes an image as MNIST's were made, so that a detector can judge it.

Y. LeCun, C. Cortes and C. Burges ("The MNIST database of handwritten digits") describe it: NIST's
black and white digits were scaled into a box of 20 x 20 pixels, their proportions kept, and became
grey because the scaling smooths; the box was then put into 28 x 28 pixels with the centre of mass
in the middle. A detector that learnt such images calls anything prepared in another way an anomaly.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_utils.errors import CourseKitError

SIDE = 28
BOX = 20  # the long side of the ink: so in 4,999 of the 5,000 images that the kit carries
MIDDLE = 14.0  # mean of their centres of mass, counted from 0; each lies within half a pixel of it
INK = 0.1  # of the brightest pixel: fainter ones are the soft edge of a line, not a line
FAINTEST = 0.1  # nothing that a person would call drawn is fainter than this
SMALLEST = 0.1  # of the canvas's short side: a dot of the page's pen is 0.09, a small digit 0.15


class EmptyDrawingError(CourseKitError):
    """There is no drawing, or too little of one to be enlarged."""


def as_mnist(grey: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Make an image as MNIST's were made.

    Parameters
    ----------
    grey : ndarray of float, shape (height, width), in [0, 1]
        White ink on black. What is 28 x 28 already is taken as it is: whoever gives a test image
        expects the score that it has in the notebook.

    Returns
    -------
    ndarray of uint8, shape (28, 28)
        The ink's long side is 20 pixels, its brightest pixel 255, its centre of mass within half
        a pixel of (14, 14), or as near as the frame allows.

    Raises
    ------
    EmptyDrawingError
        If there is no ink, or next to none, or nothing but ink.
    ValueError
        If `grey` has another shape or range.
    """
    if grey.ndim != 2 or not grey.size or not (grey.min() >= 0 and grey.max() <= 1):
        raise ValueError(
            f"as_mnist got an array of shape {grey.shape}; it takes grey values in [0, 1] of shape "
            "(height, width)."
        )
    if grey.max() - grey.min() < FAINTEST:
        raise EmptyDrawingError(
            "There is no drawing: every pixel has nearly the same grey. Draw a digit, or choose an "
            "image with dark ink on light paper."
        )
    if grey.shape == (SIDE, SIDE):
        return _bytes(grey)
    ink = _cut_to_ink(grey)
    if max(ink.shape) < SMALLEST * min(grey.shape):
        raise EmptyDrawingError(
            f"There is next to no drawing: its ink covers {ink.shape[1]} x {ink.shape[0]} of "
            f"{grey.shape[1]} x {grey.shape[0]} pixels. Draw larger, or cut the image to the digit."
        )
    return _bytes(_centred(_scaled(ink)))


def _cut_to_ink(grey: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return the smallest rectangle that holds all ink."""
    is_ink = grey > INK * grey.max()
    rows, columns = (np.flatnonzero(is_ink.any(axis=axis)) for axis in (1, 0))
    return grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _scaled(ink: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Scale the long side to 20 pixels and the brightest pixel to 1."""
    height, width = (max(1, round(side * BOX / max(ink.shape))) for side in ink.shape)
    # The mean of the pixels that a new one covers gives MNIST's own images back after they were
    # enlarged; other filters blur them. It would make blocks of an image that has to grow.
    way = Image.Resampling.BOX if max(ink.shape) >= BOX else Image.Resampling.BILINEAR
    picture = Image.fromarray(ink.astype(np.float32)).resize((width, height), way)
    small = np.asarray(picture, dtype=np.float64)
    scaled: NDArray[np.float64] = small / small.max()
    return scaled


def _centred(ink: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put the ink into the frame, its centre of mass in the middle; never beyond the frame."""
    frame = np.zeros((SIDE, SIDE))
    corner = []
    for axis, length in enumerate(ink.shape):
        mass = ink.sum(axis=1 - axis)
        centre = float(mass @ np.arange(length) / mass.sum())
        corner.append(min(max(round(MIDDLE - centre), 0), SIDE - length))
    top, left = corner
    frame[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return frame


def _bytes(grey: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    values: NDArray[np.uint8] = np.rint(255 * grey).astype(np.uint8)
    return values
