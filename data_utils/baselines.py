"""Three ways to redraw an image without a network: what any autoencoder has to beat.

Each learns from normal images and redraws others from what it knows. How far a redrawn image lies
from its original is for the learner's own score to say.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.images import to_uint8

_IMAGE_SIDE = 28
PCA_COMPONENTS = 16  # on the embedded images more components detect worse (notebook 1 shows it)
_BLOCK = 512  # images compared with the bank at once: 512 x 20,000 distances take 40 MB


class MeanImage:
    """Redraws every image as the mean of the normal ones: it knows nothing but an average.

    Parameters
    ----------
    x_train : ndarray of uint8, shape (n, 28, 28)
        Normal images.
    """

    name = "mean image"

    def __init__(self, x_train: NDArray[np.uint8]) -> None:
        self._mean = x_train.mean(axis=0)

    def reconstruct(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the mean image once for each of `images`: uint8 (n, 28, 28)."""
        return _pictures(np.broadcast_to(self._mean, images.shape))


class PrincipalComponents:
    """Redraws an image from a few principal components of the normal ones.

    This is the best linear autoencoder: no linear map through so narrow a middle has a smaller
    squared error on the training images (Eckart and Young, 1936).

    Parameters
    ----------
    x_train : ndarray of uint8, shape (n, 28, 28)
        Normal images, more of them than `components`.
    components : int
        Width of the middle.
    """

    name = "principal components"

    def __init__(self, x_train: NDArray[np.uint8], components: int = PCA_COMPONENTS) -> None:
        flat = _flat(x_train)
        self._mean = flat.mean(axis=0)
        centred = flat - self._mean
        # Eigenvectors of the 784 x 784 covariance: far cheaper than an SVD of all the images.
        _, vectors = np.linalg.eigh(centred.T @ centred / len(flat))
        self._components = vectors[:, ::-1][:, :components]

    def reconstruct(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the images as the components draw them: uint8 (n, 28, 28)."""
        codes = (_flat(images) - self._mean) @ self._components
        return _pictures(codes @ self._components.T + self._mean)


class NearestImage:
    """Redraws an image as the normal image that is nearest to it, pixel by pixel.

    Parameters
    ----------
    x_train : ndarray of uint8, shape (n, 28, 28)
        Normal images: the bank that is searched.
    """

    name = "nearest image"

    def __init__(self, x_train: NDArray[np.uint8]) -> None:
        self._bank = x_train
        self._flat_bank = _flat(x_train)
        self._squares = np.sum(self._flat_bank**2, axis=1)

    def reconstruct(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the nearest image of the bank for each of `images`: uint8 (n, 28, 28)."""
        blocks = [images[start : start + _BLOCK] for start in range(0, len(images), _BLOCK)]
        # |q - b|^2 = |q|^2 - 2 q.b + |b|^2, and |q|^2 is the same for the whole bank.
        nearest = [
            np.argmin(self._squares - 2 * _flat(block) @ self._flat_bank.T, axis=1)
            for block in blocks
        ]
        found: NDArray[np.uint8] = self._bank[np.concatenate(nearest)]
        return found


BASELINES = (MeanImage, PrincipalComponents, NearestImage)
"""The three, from the simplest on."""


def _flat(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return images as rows of 784 grey values in [0, 1]."""
    rows: NDArray[np.float32] = images.reshape(len(images), -1).astype(np.float32) / np.float32(255)
    return rows


def _pictures(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return grey values, rows in [0, 1] or pictures in [0, 255], as images."""
    if values.ndim == 3:
        return to_uint8(values[..., None] / 255)
    return to_uint8(values.reshape(-1, _IMAGE_SIDE, _IMAGE_SIDE, 1))
