"""Drawings become images as MNIST's were made: held against MNIST itself."""

import numpy as np
import pytest

from data_utils.datasets import load_mnist
from data_utils.drawing import EmptyDrawingError, as_mnist

DIGITS = load_mnist("embedded").images[::50]


def canvas(side: int = 280) -> np.ndarray:
    return np.zeros((side, side))


def centre_of_mass(image: np.ndarray) -> tuple[float, float]:
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    mass = image.astype(float)
    return float((rows * mass).sum() / mass.sum()), float((columns * mass).sum() / mass.sum())


def ink_box(image: np.ndarray) -> tuple[int, int]:
    """Return height and width of what is not black."""
    rows, columns = np.nonzero(image)
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


@pytest.mark.parametrize("corner", [(0, 0), (120, 120), (0, 120), (53, 71)])
def test_digits_of_mnist_come_back_from_a_large_canvas(corner: tuple[int, int]) -> None:
    for digit in DIGITS:
        drawn = canvas(400)
        rows, columns = (slice(at, at + 280) for at in corner)
        drawn[rows, columns] = digit.repeat(10, axis=0).repeat(10, axis=1) / 255
        again = as_mnist(drawn).astype(float)
        assert np.abs(again - digit).mean() < 0.5
        assert np.corrcoef(again.ravel(), digit.ravel())[0, 1] > 0.999


def test_what_is_28_by_28_is_taken_as_it_is() -> None:
    for digit in (*DIGITS, np.roll(DIGITS[0], 6, axis=0)):  # even where it is off the middle
        assert (as_mnist(digit / 255) == digit).all()


SHAPES = {
    "a tall 1": np.s_[10:270, 135:155],
    "a flat line": np.s_[130:140, 5:275],
    "a hairline": np.s_[40:240, 100],
    "in the upper left corner": np.s_[:60, :40],
    "in the lower right corner": np.s_[220:, 200:],
    "a square that leaves only the border": np.s_[1:-1, 1:-1],
}


@pytest.mark.parametrize("place", SHAPES.values(), ids=list(SHAPES))
def test_shapes_fill_the_box_in_the_middle(place: tuple[slice, slice]) -> None:
    drawn = canvas()
    drawn[place] = 1
    image = as_mnist(drawn)
    assert (image.shape, image.dtype, image.max()) == ((28, 28), np.uint8, 255)
    assert max(ink_box(image)) == 20
    assert centre_of_mass(image) == pytest.approx((14, 14), abs=0.51)


def test_proportions_are_kept() -> None:
    drawn = canvas()
    drawn[40:240, 50:100] = 1
    assert ink_box(as_mnist(drawn)) == (20, 5)


def test_ink_at_one_side_is_never_carried_round_to_the_other() -> None:
    drawn = canvas()
    drawn[:, 270:] = 1  # nearly all mass at the right,
    drawn[135:137, :] = 1  # and a thin line that reaches to the left
    image = as_mnist(drawn)
    assert ink_box(image) == (20, 20)
    assert image[:, 19].max() == 255  # pulled to the middle as far as the frame allows,
    assert image[:, 20:].max() == 0  # and not beyond


def test_a_faint_thin_line_becomes_as_bright_as_ink_of_mnist() -> None:
    drawn = canvas()
    drawn[40:240, 140:142] = 0.6
    assert as_mnist(drawn).max() == 255


def test_a_picture_smaller_than_the_box_is_enlarged() -> None:
    small = np.zeros((14, 14))
    small[2:12, 4:9] = 1
    assert ink_box(as_mnist(small)) == (20, 10)


@pytest.mark.parametrize(
    ("drawn", "words"),
    [
        (canvas(), "no drawing"),
        (canvas() + 1, "no drawing"),
        (np.zeros((28, 28)), "no drawing"),
        (0.05 * np.eye(280), "no drawing"),
        (np.pad(np.ones((26, 26)), 127), "next to no drawing"),
        (np.pad(np.ones((1, 1)), 200), "next to no drawing"),
    ],
    ids=["black", "white", "black 28 x 28", "too faint", "one dot of the pen", "one pixel"],
)
def test_no_drawing_is_refused_in_a_sentence(drawn: np.ndarray, words: str) -> None:
    with pytest.raises(EmptyDrawingError, match=words):
        as_mnist(drawn)


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 28, 28)), np.full((28, 28), 255.0), np.full((9, 9), np.nan)]
)
def test_what_is_no_grey_picture_is_a_mistake_of_the_caller(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="grey values in"):
        as_mnist(wrong)
