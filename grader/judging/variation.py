"""Images that cannot be looked up: each is changed a little, by a secret that the course keeps.

MNIST is public, with its labels. So what a detector is graded on is never a public image: it is
moved, turned, made a little thicker or thinner, and roughened. The changes are small against what
a detector must bear (benchmarks/variation.py measures that), and no pixel table survives them.
NumPy alone, and a tenth of a CPU second for 2,000 images: the grader starts without scipy.
"""

import functools
import hashlib

import numpy as np

PUBLIC_SECRET = ""  # of whoever grades without a course folder: the same images for everybody
# Half the widths of the uniform draws. MNIST's own digits lie within half a pixel of the middle,
# slant by 10 degrees and more, and differ in stroke by a pixel.
LARGEST_SHIFT = 0.5  # pixels, along each axis
LARGEST_SLANT = 0.06  # pixels a pixel: rows lean and columns climb, a turn of up to 3.4 degrees
LARGEST_STROKE = 0.15  # of the step to the brightest, or darkest, neighbour
GRAIN = 2.0  # grey levels, standard deviation, where there is ink
REACH = 3  # pixels that interpolation looks to either side: shift, lean and two of the kernel
_MIDDLE = 13.5  # of 28 rows and columns


def random_numbers(secret: str, *names: object) -> np.random.Generator:
    """Return a generator that only whoever knows the secret can start.

    Parameters
    ----------
    secret : str
    *names
        What the numbers are for: other names, other numbers.
    """
    words = "\0".join(map(str, (secret, *names)))
    return np.random.default_rng(list(hashlib.sha256(words.encode()).digest()))


def varied(images: np.ndarray, secret: str, name: str) -> np.ndarray:
    """Change each image a little.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, 28, 28)
    secret : str
    name : str
        Of the set of images.

    Returns
    -------
    ndarray of uint8, shape (n, 28, 28)
        In the same order. An image's change depends on the secret, the name and its place.
    """
    return _Changes(len(images), secret, name).of(images, grain=True)


def varied_pairs(
    images: np.ndarray, copies: np.ndarray, secret: str, name: str
) -> tuple[np.ndarray, np.ndarray]:
    """Change each image, and in the same way a network's copy of it.

    An autoencoder's copy of a moved image is nearly its moved copy, so what scores make of pairs
    stays: no network has to run.

    Parameters
    ----------
    images, copies : ndarray of uint8, shape (n, 28, 28)
    secret, name : str
        As in `varied`.

    Returns
    -------
    images, copies : ndarray of uint8, shape (n, 28, 28)
        In the same order; only the images get the grain.
    """
    changes = _Changes(len(images), secret, name)
    return changes.of(images, grain=True), changes.of(copies, grain=False)


class _Changes:
    """The changes of a set of images, drawn once."""

    def __init__(self, count: int, secret: str, name: str) -> None:
        self._random = random_numbers(secret, "images", name)
        draws = self._random.uniform(-1, 1, (4, count)).astype(np.float32)
        self.right, self.down = LARGEST_SHIFT * draws[:2]
        self.slant = LARGEST_SLANT * draws[2]
        self.stroke = LARGEST_STROKE * draws[3]

    def of(self, images: np.ndarray, grain: bool) -> np.ndarray:
        """Return the changed images, uint8 (n, 28, 28)."""
        places = np.arange(images.shape[1], dtype=np.float32) - np.float32(_MIDDLE)
        lean = self.slant[:, None] * places
        pictures = _slid(images.astype(np.float32), self.right[:, None] + lean)
        pictures = _slid(pictures.swapaxes(1, 2), self.down[:, None] - lean).swapaxes(1, 2)
        pictures = _with_stroke(np.clip(pictures, 0, 255), self.stroke)
        if grain:
            noise = self._random.standard_normal(images.shape, np.float32)
            pictures = pictures + GRAIN * noise * (pictures >= 1)
        changed: np.ndarray = np.clip(np.rint(pictures), 0, 255).astype(np.uint8)
        return changed


def _slid(pictures: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Move each row, (n, 28, 28), to the right by its own part of a pixel or two, (n, 28)."""
    width = pictures.shape[2]
    padded = np.pad(pictures, ((0, 0), (0, 0), (REACH, REACH)))
    moved = np.zeros_like(pictures)
    for offset in range(-REACH, REACH + 1):
        weight = _cubic(np.abs(by + offset))
        moved += weight[..., None] * padded[..., REACH + offset : REACH + offset + width]
    return moved


def _cubic(distance: np.ndarray) -> np.ndarray:
    """Keys' cubic kernel: it keeps edges as sharp as they are, where a mean of two blurs."""
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return np.where(distance < 1, near, np.where(distance < 2, far, 0)).astype(np.float32)


def _with_stroke(pictures: np.ndarray, stroke: np.ndarray) -> np.ndarray:
    """Make each picture's lines thicker (above 0) or thinner (below), (n,)."""
    padded = np.pad(pictures, ((0, 0), (1, 1), (1, 1)))
    height, width = pictures.shape[1:]
    around = [
        padded[:, 1 + down : 1 + down + height, 1 + right : 1 + right + width]
        for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0))
    ]
    thick = stroke > 0
    extreme = pictures.copy()
    for neighbour in around:
        np.maximum(extreme, neighbour, out=extreme, where=thick[:, None, None])
        np.minimum(extreme, neighbour, out=extreme, where=~thick[:, None, None])
    drawn: np.ndarray = pictures + np.abs(stroke)[:, None, None] * (extreme - pictures)
    return drawn
