"""Images that cannot be looked up: each is changed a little, by a secret that the course keeps.

MNIST is public, with its labels. So what a detector is graded on is never a public image: it is
moved, turned, made a little thicker or thinner, and roughened. The changes are small against what
a detector must bear (benchmarks/variation.py measures that), and no pixel table survives them.
NumPy alone, and a tenth of a CPU second for 2,000 images: the grader starts without scipy.
"""

import hashlib

import numpy as np

# Ends of uniform draws. MNIST's own digits lie half a pixel off the middle, lean by 10 degrees and
# more, and differ in stroke by a pixel: these are small against that. Turning breaks tables of
# coarse pictures and costs detectors least; thin lines cost more than thick ones, so fewer are thin
# (benchmarks/results/nb*_variation.json).
LARGEST_SHIFT = 0.15  # pixels, along each axis
LARGEST_TURN = 0.08  # radians, 4.6 degrees
THINNEST, THICKEST = -0.04, 0.06  # of the step to the darkest, or brightest, neighbour
GRAIN = 1.5  # grey levels, standard deviation, where there is ink
REACH = 3  # pixels that interpolation looks to either side: shift, turn, and two of the kernel
TOGETHER = 100  # images at a time: their floats fit into a processor's cache
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
    return _Changes(len(images), secret, name).of(images)


class _Changes:
    """The changes of a set of images, drawn once."""

    def __init__(self, count: int, secret: str, name: str) -> None:
        self._random = random_numbers(secret, "images", name)
        right, down, self.turn = self._random.uniform(-1, 1, (3, count)).astype(np.float32)
        self.right, self.down = LARGEST_SHIFT * right, LARGEST_SHIFT * down
        self.turn *= LARGEST_TURN
        self.stroke = self._random.uniform(THINNEST, THICKEST, count).astype(np.float32)

    def of(self, images: np.ndarray) -> np.ndarray:
        """Return the changed images, uint8 (n, 28, 28)."""
        changed = np.empty_like(images)
        for start in range(0, len(images), TOGETHER):
            some = slice(start, start + TOGETHER)
            pictures = self._moved(images[some].astype(np.float32), some)
            pictures = _with_stroke(np.clip(pictures, 0, 255), self.stroke[some])
            noise = self._random.standard_normal(pictures.shape, np.float32)
            pictures += GRAIN * noise * (pictures >= 1)
            changed[some] = np.clip(np.rint(pictures), 0, 255)
        return changed

    def _moved(self, pictures: np.ndarray, some: slice) -> np.ndarray:
        """Shift and turn; a small turn is two slides, of rows and then of columns."""
        places = np.arange(pictures.shape[1], dtype=np.float32) - np.float32(_MIDDLE)
        slide = self.turn[some, None] * places
        pictures = _slid(pictures, self.right[some, None] + slide)
        return _slid(pictures.swapaxes(1, 2), self.down[some, None] - slide).swapaxes(1, 2)


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
