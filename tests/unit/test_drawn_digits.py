"""Ten digits drawn by hand: what the page makes of them looks like MNIST."""

import numpy as np
import pytest

from benchmarks.drawn_digits import STROKES, WAYS, drawn
from data_utils.datasets import load_mnist
from data_utils.drawing import as_mnist
from data_utils.explorer.baseline import baseline

DATA = load_mnist("embedded")
IMAGES = DATA.images[::4].astype(np.float32)


def seen(digit: int, way: str = "as usual", seed: int = 0) -> np.ndarray:
    return as_mnist(drawn(digit, WAYS[way], seed) / 255)


def nearest_labels(image: np.ndarray, count: int = 15) -> np.ndarray:
    """The digits of the images of MNIST that are nearest to one."""
    distances = np.square(IMAGES - image).sum(axis=(1, 2))
    return DATA.labels[::4][np.argsort(distances)[:count]]


@pytest.mark.parametrize("digit", STROKES)
def test_a_drawn_digit_becomes_an_image_like_those_of_mnist(digit: int) -> None:
    image = seen(digit)
    others = DATA.images[DATA.labels == digit]
    ink = others.mean(axis=(1, 2))
    assert ink.min() < image.mean() < ink.max()
    assert np.bincount(nearest_labels(image)).argmax() == digit


@pytest.mark.parametrize("digit", STROKES)
def test_size_and_place_on_the_canvas_do_not_matter(digit: int) -> None:
    usual, small = seen(digit).astype(float), seen(digit, "small, in a corner")
    assert np.corrcoef(usual.ravel(), small.ravel())[0, 1] > 0.6  # the pen stays as wide


def test_the_baseline_takes_drawn_digits_for_normal_and_lying_ones_not() -> None:
    served = baseline()
    normal = [served.judge(seen(digit)).is_anomaly for digit in range(9)]
    assert sum(normal) == 0
    lying = [served.judge(seen(digit, "turned by 90 degrees")).is_anomaly for digit in (2, 3, 5)]
    assert all(lying)


def test_a_hand_wobbles() -> None:
    assert (drawn(3, seed=1) != drawn(3, seed=2)).any()
    assert (drawn(3, seed=1) == drawn(3, seed=1)).all()
