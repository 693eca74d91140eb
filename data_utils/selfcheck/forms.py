"""Can the cells after an exercise go on with what a function returned? Its form, not its worth."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from data_utils.selfcheck.values import describe


def misfit(value: Any, pattern: Any) -> str:
    """Say where a value has another form than a pattern; empty if it has the same.

    Arrays have the same number of axes and hold finite numbers where the pattern does; how many
    images there are is left open, and so is the length of a list; tuples have the same length,
    dicts the same names.

    Parameters
    ----------
    value : object
        What a learner's function returned.
    pattern : object
        An array, a number, or lists, tuples and dicts of these: what later cells were written for.

    Returns
    -------
    str
        What came and what was needed, in words.

    Examples
    --------
    >>> misfit([0.5, 0.25, 0.125], np.zeros(10))
    ''
    >>> misfit({"tp": 3}, {"tp": 1, "fp": 2})
    'a dict without fp'
    """
    if isinstance(pattern, Mapping):
        return _misfit_of_dict(value, pattern)
    if isinstance(pattern, (list, tuple)):
        return _misfit_of_sequence(value, pattern)
    if isinstance(pattern, (bool, str)) or pattern is None:
        return ""
    return _misfit_of_numbers(value, np.asarray(pattern))


def _misfit_of_sequence(value: Any, pattern: Sequence[Any]) -> str:
    is_array = isinstance(value, np.ndarray) and value.ndim > 0
    if not isinstance(value, (list, tuple)) and not is_array:
        return _instead(value, f"a {type(pattern).__name__} of {len(pattern)}")
    if isinstance(pattern, tuple) and len(value) != len(pattern):
        return _instead(value, f"{len(pattern)} values")
    patterns = pattern if isinstance(pattern, tuple) else list(pattern[:1]) * len(value)
    return _first_misfit(range(len(patterns)), value, patterns)


def _misfit_of_dict(value: Any, pattern: Mapping[Any, Any]) -> str:
    if not isinstance(value, Mapping) or not value:
        return _instead(value, f"a dict of {len(pattern)}")
    # Digits stand for what a learner may choose, such as the anomaly; JSON made them text.
    missing = [k for k in pattern if isinstance(k, str) and not k.isdigit() and k not in value]
    if missing:
        return f"a dict without {', '.join(missing)}"
    usual = next(iter(pattern.values()))
    return _first_misfit(value, value, {key: pattern.get(key, usual) for key in value})


def _first_misfit(keys: Any, values: Any, patterns: Mapping[Any, Any] | Sequence[Any]) -> str:
    for key in keys:
        words = misfit(values[key], patterns[key])
        if words:
            return f"{words} (at {key!r})"
    return ""


def _misfit_of_numbers(value: Any, pattern: np.ndarray) -> str:
    needed = f"an array of {pattern.ndim} axes" if pattern.ndim else "a single number"
    try:
        array = np.asarray(value)
    except Exception:  # a tensor that still learns, ragged lists, an object of the learner's own
        return _instead(value, needed)
    if array.dtype.kind not in "biuf" or array.ndim != pattern.ndim:
        return _instead(value, needed)
    if pattern.size and not array.size:
        return f"{describe(array)}, which is empty"
    if np.isfinite(pattern).all() and not np.isfinite(array).all():
        return f"{describe(value)} with NaN or infinite numbers"
    return ""


def _instead(value: Any, needed: str) -> str:
    return f"{describe(value)} in the place of {needed}"
