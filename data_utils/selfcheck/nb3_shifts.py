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
        return Finding(expected, f"all {len(moves)} images moved alike: {moves[0].tolist()}",
                       "the numbers were drawn once, not once for each image", own)  # fmt: skip
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
    if max(abs(down), abs(across)) > reach or not np.array_equal(
        _moved(image, down, across), result
    ):
        return None
    return down, across


def _moved(image: NDArray[Any], down: int, across: int, mode: str = "black") -> NDArray[Any]:
    """Look up where each pixel comes from."""
    rows, columns = (np.arange(length) - move for length, move in
                     zip(image.shape, (down, across), strict=True))  # fmt: skip
    height, width = image.shape
    if mode == "wrap":
        return image[np.ix_(rows % height, columns % width)]
    found = image[np.ix_(np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1))]
    if mode == "black":
        inside = np.outer((rows >= 0) & (rows < height), (columns >= 0) & (columns < width))
        return np.where(inside, found, 0).astype(image.dtype)
    return found


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
    for move in ((down, across) for down in steps for across in steps):
        if np.array_equal(_moved(image, *move, mode="wrap"), result):
            return "what leaves on one side comes back on the other (np.roll)", frame
        if np.array_equal(_moved(image, *move, mode="edge"), result):
            return "the edge was repeated into what became free", "fill it with 0"
        for name, other in changed.items():
            if other.shape == image.shape and np.array_equal(_moved(other, *move), result):
                return f"it is {name}", "move it, and do nothing else: mirrored it is no digit"
        inner = _inner(*move, image.shape)
        if inner is not None and np.array_equal(_moved(image, *move)[inner], result[inner]):
            return "what became free is not black", "fill it with 0"
    return "its pixels differ: it was moved by parts of a pixel, or mixed up", (
        "move by whole pixels: nothing is interpolated"
    )


def _inner(down: int, across: int, shape: tuple[int, ...]) -> tuple[slice, slice] | None:
    """Return where a moved image shows something of itself."""
    rows, columns = (
        slice(max(move, 0), length + min(move, 0))
        for move, length in zip((down, across), shape, strict=True)
    )
    return (rows, columns) if (down or across) else None
