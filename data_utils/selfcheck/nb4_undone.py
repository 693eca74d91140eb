"""Exercises 4.1 to 4.13: does an answer do anything at all? What never changes is no answer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.values import describe
from data_utils.selfcheck.words import Finding


def answers_differ(results: Sequence[Any], what: str, advice: str) -> Finding | None:
    """Results for inputs that differ are not all the same.

    Parameters
    ----------
    results : sequence
        What the learner's function returned; their form was asked for before.
    what : str
        What differed from call to call.
    advice : str
    """
    first, *others = (_plain(result) for result in results)
    if any(first.dtype.kind != o.dtype.kind or not np.array_equal(first, o) for o in others):
        return None
    return Finding(
        f"another result for {what}",
        f"always the same: {describe(results[0])}",
        "the result does not depend on what comes in",
        advice,
    )


def _plain(value: Any) -> NDArray[Any]:
    """Return a value as an array that can be compared: rows of different lengths as words."""
    try:
        array = np.asarray(value)
    except ValueError:
        return np.asarray(repr(value))
    return np.asarray(repr(value)) if array.dtype == object else array
