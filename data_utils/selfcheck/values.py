"""The ladder of a value: is it there, an array, of the right shape, of numbers, finite?"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.words import Finding


def describe(value: Any) -> str:
    """Name a value in a few words: its type, and the shape where it has one."""
    if value is None:
        return "None"
    if isinstance(value, np.ndarray) and value.shape:
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    if isinstance(value, (bool, np.bool_)) or is_boolean_scalar(value):
        return f"the truth value {bool(value)}"
    if is_number(value):
        return f"a single number: {float(value):.6g}"
    if isinstance(value, (list, tuple, dict)):
        return f"a {type(value).__name__} of {len(value)}"
    return f"an object of type {getattr(value, 'type_name', type(value).__name__)}"


def is_boolean_scalar(value: Any) -> bool:
    """Say whether `value` is a NumPy truth value in an array without axes."""
    return isinstance(value, np.ndarray) and value.shape == () and value.dtype == bool


def is_number(value: Any) -> bool:
    """Say whether `value` is one real number (not a truth value)."""
    if isinstance(value, (bool, np.bool_)) or is_boolean_scalar(value):
        return False
    if isinstance(value, np.ndarray):
        return value.shape == () and value.dtype.kind in "iuf"
    return isinstance(value, (int, float, np.integer, np.floating))


def is_whole_number(value: Any) -> bool:
    """Say whether `value` is one whole number of an integer type."""
    if isinstance(value, np.ndarray):
        return value.shape == () and value.dtype.kind in "iu"
    return is_number(value) and isinstance(value, (int, np.integer))


NOT_FINITE = (
    "a division by zero, a logarithm of zero, or a number that grew too large",
    "look at the images of those scores, and guard the denominator",
)


def as_float_vector(
    value: Any, length: int, *, not_finite: tuple[str, str] = NOT_FINITE
) -> NDArray[np.float64] | Finding:
    """Return `value` as a float vector of `length`, or say why it is none.

    Lists and arrays of any number type are taken: what counts is one finite number per image.

    Parameters
    ----------
    value : object
    length : int
    not_finite : tuple of two str
        Why a score may be NaN or infinite, and what to try.
    """
    expected = f"one score per image: shape ({length},)"
    advice = "print the shape of what you return on the two small images above"
    if is_number(value):
        return Finding(
            expected,
            "a single number: shape ()",
            "the sum or mean ran over the batch axis as well as over the pixels",
            "reduce over every axis except the first",
        )
    try:
        array = np.asarray(value)
    except ValueError:
        return Finding(expected, describe(value), "the rows have different lengths", advice)
    if array.dtype.kind not in "iuf":
        return Finding(expected, describe(value), "the result is not an array of numbers", advice)
    if array.shape != (length,):
        return Finding(
            expected,
            f"shape {array.shape}",
            "a pixel axis is left"
            if array.ndim > 1 and array.shape[0] == length
            else "the number of scores differs from the number of images",
            "reduce over every axis except the first",
        )
    if not np.isfinite(array).all():
        return Finding(
            "finite scores",
            f"{int((~np.isfinite(array)).sum())} of {length} are NaN or infinite",
            *not_finite,
        )
    return array.astype(np.float64)
