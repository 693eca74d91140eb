"""Exercise 3.4: what can be wrong with moved images.

The images must hold no black, so that a result shows one move and no other.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.nb3_images import plain_array
from data_utils.selfcheck.values import describe
from data_utils.selfcheck.words import Finding

FAR = 12  # so many pixels beyond the largest move are still seen as a move

Images = NDArray[np.uint8]


def shifted_form(got: Any, images: Images) -> Finding | None:
    """Images of the same shape and type."""
    expected = f"images: uint8, shape {images.shape}"
    values = plain_array(got)
    try:
        values = np.asarray(values)
    except ValueError:
        return Finding(expected, describe(got), "the images have different sizes",
                       "cut all of them out of the frame in the same size")  # fmt: skip
    if values.shape != images.shape:
        why = "the images were cut, framed or reshaped"
        if values.ndim == 3 and values.shape[1:] != images.shape[1:]:
            why = "the black frame is still there, or too much was cut away"
        return Finding(expected, describe(got), why, "each result is as large as its image")
    if values.dtype != np.uint8:
        return Finding(expected, f"dtype {values.dtype}", "the type of the grey values changed",
                       "make the black of images.dtype, or end with .astype(np.uint8)")  # fmt: skip
    return None


def shifts_are_right(got: Any, images: Images, most: int) -> Finding | None:
    """Every result is its image, moved by whole pixels within `most`, black behind it.

    The images must hold no black, so that only one shift fits.
    """
    finding = shifted_form(got, images)
    if finding:
        return finding
    for place, (result, image) in enumerate(zip(np.asarray(plain_array(got)), images, strict=True)):
        move = shift_of(result, image, most + FAR)
        if move is None:
            why, advice = _not_moved(result, image, most)
            return Finding("each image, moved, with black behind it", f"image {place} is none",
                           why, advice)  # fmt: skip
        if max(abs(move[0]), abs(move[1])) > most:
            return Finding(
                f"moves from {-most} to {most} pixels",
                f"image {place} went {move[0]} down and {move[1]} to the right",
                "it went further than most, or most is not used",
                "draw whole numbers from -most to most",
            )
    return None


def shifts_are_spread(got: Any, images: Images, most: int) -> Finding | None:
    """Each image has its own move, down and to the right; all of -most ... most occur."""
    finding = shifts_are_right(got, images, most)
    if finding:
        return finding
    pairs = zip(np.asarray(plain_array(got)), images, strict=True)
    moves = np.array([shift_of(result, image, most) for result, image in pairs])
    expected = f"moves down and to the right, all from {-most} to {most}"
    own = "draw two numbers for each image: size=(len(images), 2)"
    if not moves.any():
        return Finding(expected, "every image stays where it was", "nothing was moved", own)
    if (moves == moves[0]).all():
        return Finding(
            expected,
            f"all {len(moves)} images moved alike: {moves[0].tolist()}",
            "the numbers were drawn once, not once for each image; or a generator is made anew "
            "for each image (inside the loop) and starts again each time",
            f"one np.random.default_rng(seed) before the loop, then {own}",
        )
    if (np.abs(moves[:, 0]) == np.abs(moves[:, 1])).all():
        return Finding(expected, "every image moved along a diagonal",
                       "one number is used for down and for right", own)  # fmt: skip
    for axis, name in enumerate(("down", "to the right")):
        reached = sorted(set(moves[:, axis].tolist()))
        if reached != list(range(-most, most + 1)):
            return Finding(
                expected,
                f"{name}, only {reached} in {len(moves)} images",
                _why_not_all(reached, most),
                "rng.integers(-most, most + 1): the second number does not occur",
            )
    return None


def _why_not_all(reached: list[int], most: int) -> str:
    if reached == [0]:
        return "the images move in one direction only"
    if reached == list(range(-most, most)):
        return f"{most} never occurs: the upper end of a range is left out"
    if reached == list(range(-most + 1, most + 1)):
        return f"{-most} never occurs"
    if min(reached) >= 0 or max(reached) <= 0:
        return "the images move to one side only"
    return "some moves never occur"


def shifts_follow_seed(first: Any, again: Any, other: Any) -> Finding | None:
    """The same seed gives the same images whatever was drawn before; another one others."""
    one, two, three = (np.asarray(plain_array(part)) for part in (first, again, other))
    if one.shape != two.shape or not np.array_equal(one, two):
        return Finding("the same images for the same seed", "others at the second call",
                       "the random numbers do not start at seed",
                       "draw them all from np.random.default_rng(seed)")  # fmt: skip
    if one.shape == three.shape and np.array_equal(one, three):
        return Finding("other moves for another seed", "the same images",
                       "seed is not used: a fixed number stands in its place, or nothing is drawn",
                       "draw from np.random.default_rng(seed)")  # fmt: skip
    return None


def shift_of(result: NDArray[Any], image: NDArray[Any], reach: int) -> tuple[int, int] | None:
    """Return how far an image without black was moved, down and to the right; None if not."""
    inked = np.argwhere(result)  # the rows and columns that are not black tell the only candidate
    if not len(inked):
        return None
    (top, left), (bottom, right) = inked.min(axis=0), inked.max(axis=0)
    height, width = image.shape
    down = int(top if top else bottom + 1 - height)
    across = int(left if left else right + 1 - width)
    if max(abs(down), abs(across)) > reach:
        return None
    return (down, across) if _fits(result, image, down, across) else None


def _fits(result: NDArray[Any], image: NDArray[Any], down: int, across: int) -> bool:
    """Say whether a result shows an image at another place, and black around it."""
    there, here = _windows(down, across, image.shape)
    around = np.ones(result.shape, bool)
    around[there] = False
    return np.array_equal(result[there], image[here]) and not result[around].any()


def _windows(
    down: int, across: int, shape: tuple[int, ...]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return which part of a result shows which part of its image."""
    moves = list(zip((down, across), shape, strict=True))
    there = tuple(slice(max(move, 0), length + min(move, 0)) for move, length in moves)
    here = tuple(slice(max(-move, 0), length - max(move, 0)) for move, length in moves)
    return there, here


def _not_moved(result: NDArray[Any], image: NDArray[Any], most: int) -> tuple[str, str]:
    """Say why a result is no moved copy of its image."""
    steps = range(-most - 1, most + 2)
    changed = {
        "mirrored left to right": image[:, ::-1],
        "mirrored top to bottom": image[::-1],
        "turned by half a circle": image[::-1, ::-1],
        "turned by a quarter": np.rot90(image),
        "turned by three quarters": np.rot90(image, -1),
        "turned on its diagonal": image.T,
    }
    frame = "put a black frame around each image, and cut a window out of it"
    for down, across in ((down, across) for down in steps for across in steps):
        if np.array_equal(np.roll(image, (down, across), (0, 1)), result):
            return "what leaves on one side comes back on the other (np.roll)", frame
        for name, other in changed.items():
            if other.shape == image.shape and _fits(result, other, down, across):
                return f"it is {name}", "move it, and do nothing else: mirrored it is no digit"
        there, here = _windows(down, across, image.shape)
        if (down or across) and np.array_equal(result[there], image[here]):
            if _repeats_its_edge(result, there):
                return "the edge was repeated into what became free", "fill it with 0"
            return "what became free is not black", "fill it with 0"
    return "its pixels differ: it was moved by parts of a pixel, or mixed up", (
        "move by whole pixels: nothing is interpolated"
    )


def _repeats_its_edge(result: NDArray[Any], there: tuple[slice, ...]) -> bool:
    """Say whether what lies around a window goes on as its outermost rows and columns."""
    rows, columns = (
        np.clip(np.arange(length), part.start, part.stop - 1)
        for length, part in zip(result.shape, there, strict=True)
    )
    return np.array_equal(result[np.ix_(rows, columns)], result)
