"""Exercise 4.1: what can be wrong with a transformed image. Right values come from the caller."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.nb3_images import plain_array
from data_utils.selfcheck.values import describe
from data_utils.selfcheck.words import Finding

GREY_RTOL = 1e-5  # pixels are moved, not computed: only a change of type may round them
BY_HAND = "work out the small example above by hand and compare"
ORDER = "first the flip, then the translation, then the turn, each on the result of the last"
STEPS = ("flip", "translation", "turn")
NAMES = ("flip", "down", "right", "turns")
Asked = tuple[bool, int, int, int]
Reason = tuple[str, str]


def image_form(got: Any, image: NDArray[Any]) -> Finding | None:
    """Finite numbers in the shape of the image."""
    expected = f"an image of shape {image.shape}"
    try:
        values = np.asarray(plain_array(got))
    except ValueError:
        return Finding(expected, describe(got), "the rows have different lengths", BY_HAND)
    if values.dtype.kind not in "iuf":
        return Finding(expected, describe(got), "something else than an image is returned",
                       "return the image after its last step")  # fmt: skip
    if values.shape != image.shape:
        why, advice = "the window has another size than the image", "print the shape of each step"
        if values.ndim == 2 and min(values.shape) > min(image.shape):
            why, advice = "the frame is still there", "cut a window of the image's size out of it"
        return Finding(expected, f"shape {values.shape}", why, advice)
    if not np.isfinite(values).all():
        return Finding("finite numbers", "NaN or infinite ones", "the free rows were not filled",
                       "fill them with the mirror image of what is left")  # fmt: skip
    return None


def image_type(got: Any, image: NDArray[Any]) -> Finding | None:
    """The type of the image that was handed in."""
    kind = np.asarray(plain_array(got)).dtype
    if kind == image.dtype:
        return None
    return Finding(
        f"an image of type {image.dtype}",
        f"type {kind}",
        "a new array was made without saying its type, or the image went through a list",
        "make new arrays with dtype=image.dtype; np.pad, slices and np.rot90 keep the type",
    )


def image_values(
    got: Any,
    expected: NDArray[Any],
    image: NDArray[Any],
    asked: Asked,
    seen: NDArray[np.bool_] | None = None,
) -> Finding | None:
    """Compare a transformed image with the right one; name the mistake.

    Parameters
    ----------
    got : object
        What the learner's function returned.
    expected, image : ndarray, shape (size, size)
        The right result, and what was handed in.
    asked : tuple
        Flip, down, right and turns.
    seen : ndarray of bool, shape (size, size), optional
        The pixels that are judged; without it, all of them.
    """
    finding = image_form(got, image)
    if finding:
        return finding
    values = np.asarray(plain_array(got), np.float64)
    judged = np.ones(image.shape, bool) if seen is None else seen
    wrong = judged & ~_alike(values, expected)
    if not wrong.any():
        return None
    why, advice = _why_values(values, expected, image, asked, judged)
    row, column = (int(place) for place in np.argwhere(wrong)[0])
    call = ", ".join(f"{name}={value}" for name, value in zip(NAMES, asked, strict=True))
    return Finding(
        f"{expected[row, column]:.6g} in row {row}, column {column}, for {call}",
        f"{values[row, column]:.6g}; {int(wrong.sum())} of {int(judged.sum())} pixels differ",
        why,
        advice,
    )


def _alike(values: NDArray[Any], others: NDArray[Any]) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = np.isclose(values, others, rtol=GREY_RTOL, atol=1e-7)
    return near


def _why_values(
    values: NDArray[Any],
    expected: NDArray[Any],
    image: NDArray[Any],
    asked: Asked,
    judged: NDArray[np.bool_],
) -> Reason:
    """Return the reason and the cure of the first mistake that gives these pixels."""
    for wrong, why, advice in _image_mistakes(image, asked):
        if _alike(values, wrong)[judged].all() and not _alike(wrong, expected)[judged].all():
            return why, advice
    if np.abs(values - expected)[judged].max() <= 1:
        return (
            "grey values are off by one: the pixels were interpolated",
            "whole pixels move as they are: np.pad and a slice, or order=0 in SciPy",
        )
    for wrong, why, advice in _mixed_mistakes(image, asked):
        if _alike(values, wrong)[judged].all():
            return why, advice
    return "the steps differ from those of the text", BY_HAND


def _image_mistakes(image: NDArray[Any], asked: Asked) -> Iterator[tuple[NDArray[Any], str, str]]:
    """Return what one mistake makes of an image, the reason, and the cure."""
    flip, down, right, turns = asked
    yield image, "this is the image as it was", "return the result of the last step"
    if flip:  # to flip after a move is to move the other way; the cases without a flip tell
        yield from _orders(image, asked)
    yield from _directions(image, asked)
    for fill, why, advice in FILLS:
        yield _made(image, asked, fill=fill), why, advice
    yield (_made(image, (flip, down, right, -turns)), "turned with the clock",
           "against the clock: np.rot90(image, turns), without a minus")  # fmt: skip
    yield (_made(image, (flip, down, right, 0)), "it was not turned", "np.rot90(image, turns)")
    yield (_made(image, (flip, down, right, 1)), "turned once, however many turns are asked for",
           "np.rot90(image, turns)")  # fmt: skip
    yield (_made(image, asked, axis=0), "flipped upside down",
           "mirror left to right: np.fliplr(image), or image[:, ::-1]")  # fmt: skip
    yield (_made(image, (False, down, right, turns)), "it was not flipped", ORDER)
    yield (_made(image, (True, down, right, turns)), "flipped, where no flip was asked for",
           "flip only where flip is true")  # fmt: skip
    yield (_made(image, (flip, 0, 0, turns)), "it was not moved",
           "the window begins at row frame - down and column frame - right")  # fmt: skip
    yield from _orders(image, asked)


def _orders(image: NDArray[Any], asked: Asked) -> Iterator[tuple[NDArray[Any], str, str]]:
    """Return what the steps make of an image in other orders, the reason, and the cure."""
    for order in itertools.permutations(STEPS):
        yield _made(image, asked, order), f"another order of the steps: {', '.join(order)}", ORDER


def _mixed_mistakes(image: NDArray[Any], asked: Asked) -> Iterator[tuple[NDArray[Any], str, str]]:
    """Return what a wrong direction together with a wrong filling makes of an image."""
    for fill, *_ in FILLS:
        for made, why, advice in _directions(image, asked, fill):
            yield made, f"{why}; and the free pixels are filled in another way", advice


FILLS = (
    ("constant", "the free pixels are 0",
     'fill them with the mirror image of what is left: mode="symmetric"'),
    ("wrap", "what left on one side came back on the other: np.roll",
     'fill the free pixels with the mirror image of what is left: mode="symmetric"'),
    ("edge", "the free pixels repeat the edge", 'mode="symmetric"'),
    ("reflect", "the mirror image without the pixel at the edge: b c instead of a b",
     'the pixel at the edge is mirrored too: mode="symmetric"'),
)  # fmt: skip
"""Wrong ways to fill what becomes free, as NumPy calls them; the reason and the cure."""


def _directions(
    image: NDArray[Any], asked: Asked, fill: str = "symmetric"
) -> Iterator[tuple[NDArray[Any], str, str]]:
    """Return what moves in wrong directions make of an image, the reason, and the cure."""
    flip, down, right, turns = asked
    back = "content that moves down by 7 leaves seven rows at the top to be filled"
    cases = (
        (-down, -right, "moved in the opposite direction", back),
        (-down, right, "moved up instead of down, or down instead of up", back),
        (down, -right, "moved left instead of right, or right instead of left",
         "content that moves to the right leaves columns at the left to be filled"),
        (right, down, "rows and columns are swapped: down moved it sideways",
         "rows are axis 0 and belong to down; columns are axis 1 and belong to right"),
        (-right, -down, "rows and columns are swapped, and the direction is the opposite one",
         "rows are axis 0 and belong to down; columns are axis 1 and belong to right"),
    )  # fmt: skip
    for other_down, other_right, why, advice in cases:
        yield _made(image, (flip, other_down, other_right, turns), fill=fill), why, advice


def _made(
    image: NDArray[Any],
    asked: Asked,
    order: Sequence[str] = STEPS,
    axis: int = 1,
    fill: str = "symmetric",
) -> NDArray[Any]:
    """Take the steps in some order, with some axis of the flip and some filling."""
    flip, down, right, turns = asked
    for step in order:
        if step == "flip" and flip:
            image = np.flip(image, axis)
        elif step == "translation":
            image = _moved(image, down, right, fill)
        elif step == "turn":
            image = np.rot90(image, turns % 4)
    return image


def _moved(image: NDArray[Any], down: int, right: int, fill: Any) -> NDArray[Any]:
    room = len(image) - 1  # no translation is larger
    framed = np.pad(image, room, mode=fill)
    moved: NDArray[Any] = framed[room - down :, room - right :][: len(image), : len(image)]
    return moved
