"""Exercise 3.6: what can be wrong with standardised features. Right values come from the caller."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.nb3_images import plain_array
from data_utils.selfcheck.values import describe
from data_utils.selfcheck.words import Finding

SCALE_RTOL = 2e-3  # a small number added to the sd changes less, any other formula far more
Floats = NDArray[np.float64]
Parts = Sequence[NDArray[Any]]


def scaled_form(got: Any, parts: Parts) -> Finding | None:
    """One array for each argument, of the same shape."""
    expected = f"a list of {len(parts)}: " + ", ".join(str(part.shape) for part in parts)
    alone = isinstance(got, np.ndarray) and got.ndim == 0
    if alone or not isinstance(got, (list, tuple, np.ndarray)):
        return Finding(expected, describe(got), "something else than a list is returned",
                       "return [train, *others], each standardised")  # fmt: skip
    arrays = [as_floats(part) for part in got]
    found = ", ".join("no array" if part is None else str(part.shape) for part in arrays)
    shapes = [None if part is None else part.shape for part in arrays]
    wanted = [part.shape for part in parts]
    if shapes == wanted:
        return None
    why, advice = "the arrays were cut or reshaped", "each keeps its shape (n, k)"
    if isinstance(got, np.ndarray) and shapes == [row.shape for row in parts[0]]:
        why, advice = "the array of train alone is returned", "return a list, also of one array"
    elif len(shapes) == len(wanted) - 1:
        why = "one array is missing" + (": train comes first" if shapes == wanted[1:] else "")
        advice = "go over (train, *others)"
    elif len(shapes) != len(wanted):
        why, advice = "there is one array for each argument", "go over (train, *others)"
    return Finding(expected, f"{len(shapes)}: {found}", why, advice)


def scaled_values(got: Any, expected: Sequence[Floats], parts: Parts) -> Finding | None:
    """Compare standardised arrays with the right ones; name the mistake.

    The standard deviation may be that of n or of n - 1 rows: both are in use.

    Parameters
    ----------
    got : object
    expected : sequence of ndarray
        The right arrays, with the standard deviation of n rows.
    parts : sequence of ndarray
        What the function was called with: train, then the others.
    """
    finding = scaled_form(got, parts)
    if finding:
        return finding
    arrays = [np.asarray(as_floats(part)) for part in got]
    rows = len(parts[0])
    fewer = np.sqrt((rows - 1) / rows)
    for factor in (1.0, fewer):
        if _all_alike(arrays, [factor * part for part in expected]):
            return None
    why, advice = "the formula differs", "work out the small example above by hand and compare"
    for wrong, reason, cure in _scaling_mistakes(expected, parts):
        if any(_all_alike(arrays, [factor * part for part in wrong]) for factor in (1.0, fewer)):
            why, advice = reason, cure
            break
    place = max(range(len(parts)), key=lambda n: _apart(arrays[n], expected[n]))
    name = "train" if place == 0 else f"array {place + 1}"
    return Finding(f"{name} starts {_short(expected[place])}",
                   f"{name} starts {_short(arrays[place])}", why, advice)  # fmt: skip


def constant_column(got: Any, parts: Parts, column: int) -> Finding | None:
    """A column that does not vary in train gives finite numbers, and 0 where it has that value."""
    finding = scaled_form(got, parts)
    if finding:
        return finding
    arrays = [np.asarray(as_floats(part)) for part in got]
    if not all(np.isfinite(part).all() for part in arrays):
        return Finding("finite numbers, also in a column that does not vary in train",
                       "NaN or infinite ones", "a division by a standard deviation of 0",
                       "np.where(std > 0, std, 1), or a small number added")  # fmt: skip
    value = parts[0][0, column]
    for array, part in zip(arrays, parts, strict=True):
        there = array[part[:, column] == value, column]
        if np.abs(there).max(initial=0) > SCALE_RTOL:
            return Finding("0 where a column has its mean", f"{np.abs(there).max():.4g}",
                           "what was taken off is not the mean of train: that is the value itself",
                           "take that mean off, and replace the deviation alone by 1")  # fmt: skip
    return None


def _scaling_mistakes(
    expected: Sequence[Floats], parts: Parts
) -> Iterator[tuple[list[Floats], str, str]]:
    """Yield what typical mistakes give, each with the reason and the cure.

    They are worked out from the right arrays: in these, train has mean 0 and deviation 1.
    """
    floats = [np.asarray(part, np.float64) for part in parts]
    of_train = "take mean and standard deviation of train, and use these two for every array"
    formula = "(features - mean) / std"
    if len(parts) > 1:
        yield from _leaks(expected, of_train)
        yield [expected[0], *floats[1:]], "the others are as they were", of_train
        yield [floats[0], *expected[1:]], "train is as it was", of_train
    if floats[0].shape[1] > 1:
        yield from _mixed_columns(expected, floats)
    std = np.std(floats[0], axis=0)
    m = floats[0].mean(axis=0)
    divisor = np.where(std > 0, std, 1.0)
    yield (
        [part / divisor for part in expected],
        "divided by the variance",
        "take its root: .std(axis=0)",
    )
    yield [part * divisor for part in expected], "nothing was divided by", "divide by std"
    yield [part + m / divisor for part in expected], "no mean was taken off", formula
    yield floats, "the arrays are as they were", of_train
    yield [-part for part in expected], "the sign is turned", formula
    yield [f * std - m for f in floats], "multiplied by std", formula
    brackets = f"{formula}, with the brackets"
    yield [f / divisor - m for f in floats], "divided before the mean was taken off", brackets
    low, reach = expected[0].min(axis=0), np.ptp(expected[0], axis=0)
    yield (
        [(part - low) / np.where(reach > 0, reach, 1.0) for part in expected],
        "scaled by smallest and largest value",
        of_train,
    )


def _leaks(expected: Sequence[Floats], of_train: str) -> Iterator[tuple[list[Floats], str, str]]:
    """Yield what comes of means and deviations that are not those of train."""
    everything, others = np.concatenate(expected), np.concatenate(expected[1:])
    leak = "they came from all arrays together: this is the leak, the others get in"
    mean, spread = everything.mean(axis=0), _spread(everything)
    yield [(e - mean) / spread for e in expected], leak, of_train
    yield [e - mean for e in expected], f"the means: {leak}", of_train
    yield [e / spread for e in expected], f"the deviations: {leak}", of_train
    mean, spread = others.mean(axis=0), _spread(others)
    yield [(e - mean) / spread for e in expected], "they came from others", of_train
    yield (
        [(e - e.mean(axis=0)) / _spread(e) for e in expected],
        "each array was standardised by itself, so that a difference between them is lost",
        of_train,
    )
    yield [e - e.mean(axis=0) for e in expected], "each array lost its own mean", of_train
    yield [e / _spread(e) for e in expected], "each has its own deviation", of_train


def _mixed_columns(
    expected: Sequence[Floats], floats: Sequence[Floats]
) -> Iterator[tuple[list[Floats], str, str]]:
    """Yield what comes of means and deviations that are not those of one column."""
    columns = "axis=0: one mean and one standard deviation for each column"
    train = floats[0]
    spread = float(np.std(train))
    yield [(f - train.mean()) / spread for f in floats], "one mean for all columns", columns
    yield (
        [e * np.std(train, axis=0) / spread for e in expected],
        "one standard deviation for all columns",
        columns,
    )
    yield (
        [
            (f - f.mean(axis=1, keepdims=True)) / np.maximum(f.std(axis=1, keepdims=True), 1e-12)
            for f in floats
        ],
        "the mean ran along the rows: each image by itself",
        columns,
    )


def _spread(values: Floats) -> Floats:
    """Return the deviation of right arrays by column; 1 where it is 0."""
    spread = np.std(values, axis=0)
    return np.where(spread > 0, spread, 1.0)


def as_floats(value: Any) -> Floats | None:
    """Return an array, a tensor or a table as floats; None if it is none of these."""
    try:
        array = np.asarray(plain_array(value))
    except (ValueError, TypeError, RuntimeError):  # rows of different lengths
        return None
    return array.astype(np.float64) if array.dtype.kind in "biuf" and array.ndim else None


def _all_alike(arrays: Sequence[Floats], others: Sequence[Floats]) -> bool:
    """Say whether arrays agree, up to a small share of what they spread over."""
    return all(
        np.allclose(a, b, rtol=SCALE_RTOL, atol=SCALE_RTOL * max(float(np.std(b)), 1e-9))
        for a, b in zip(arrays, others, strict=True)
    )


def _apart(array: Floats, other: Floats) -> float:
    """Return how far an array lies from the right one; NaN counts as far."""
    return float(np.nan_to_num(np.abs(array - other), nan=np.inf).max(initial=0))


def _short(values: Floats) -> str:
    return (
        "["
        + ", ".join(f"{value:.4g}" for value in values[0][:3])
        + (", ...]" if values.shape[1] > 3 else "]")
    )
