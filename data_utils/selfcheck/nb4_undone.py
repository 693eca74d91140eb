"""Exercises 4.1 to 4.13: does an answer do anything at all? What never changes is no answer."""

from collections.abc import Sequence
from typing import Any

import numpy as np

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
    first = np.asarray(results[0])
    if any(not np.array_equal(first, np.asarray(other)) for other in results[1:]):
        return None
    return Finding(
        f"another result for {what}",
        f"always the same: {describe(results[0])}",
        "the result does not depend on what comes in",
        advice,
    )
