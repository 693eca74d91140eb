"""The images that the page offers to those who have none at hand."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.datasets import load_mnist
from data_utils.explorer.pictures import image_uri

PER_DIGIT = 2  # one is easily an odd one; twenty in all still fit beside the drawing
SEED = 0  # the same images for everybody, so that two people can talk about sample 12


@dataclass(frozen=True)
class Sample:
    """An image that the page offers.

    Attributes
    ----------
    number : int
        From 1.
    label : int
        The digit that it shows.
    image : ndarray of uint8, shape (28, 28)
    """

    number: int
    label: int
    image: NDArray[np.uint8]


class Samples:
    """Images to pick from, numbered from 1.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, 28, 28)
    labels : ndarray of int, shape (n,)
        The digit on each image.
    """

    def __init__(self, images: NDArray[np.uint8], labels: NDArray[Any]) -> None:
        self._samples = [
            Sample(number, int(label), image)
            for number, (image, label) in enumerate(zip(images, labels, strict=True), start=1)
        ]

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._samples)

    def __len__(self) -> int:
        return len(self._samples)

    def find(self, number: int) -> Sample | None:
        """Return the sample with a number, or None where there is none."""
        return next((sample for sample in self._samples if sample.number == number), None)


@lru_cache(maxsize=1)
def embedded_samples() -> Samples:
    """Return two images of each digit, of those that the kit carries.

    They are training images of MNIST, as all that a learner has, so a detector may have been fitted
    on some of them.
    """
    data = load_mnist("embedded")
    random = np.random.default_rng(SEED)
    places = np.concatenate(
        [
            random.choice(np.flatnonzero(data.labels == digit), PER_DIGIT, replace=False)
            for digit in range(10)
        ]
    )
    return Samples(data.images[places], data.labels[places])


def png_of(image: NDArray[np.uint8]) -> bytes:
    """Return an image (uint8, (28, 28)) as the PNG file that the page's pictures are made of."""
    return base64.b64decode(image_uri(image).partition(",")[2])
