"""Exercise 3.7: what can be wrong with the distance to neighbours; and the form of 3.7 and 3.8.

Right values come from the caller: nothing here computes an answer.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.values import describe, is_number
from data_utils.selfcheck.words import Finding

Floats = NDArray[np.float64]
Mistake = tuple[Floats, str, str]

ROUNDING = 1e-3  # of the largest row: torch.cdist in float32 is off by up to half of that near 0
BY_HAND = "work out the small example above by hand and compare"


def distance_form(
    got: Any, bank: NDArray[Any], queries: NDArray[Any], k: int = 0
) -> Finding | None:
    """One finite number for each query.

    Parameters
    ----------
    got : object
        What the learner's function returned.
    bank, queries : ndarray, shape (m, d) and (n, d)
        Of different lengths.
    k : int
        The neighbours that were asked for; 0 where there are none.
    """
    count = len(queries)
    expected = f"one number for each query: shape ({count},)"
    if is_number(got):
        return Finding(expected, "a single number: shape ()", *_why_single(count))
    try:
        values = np.asarray(got)
    except ValueError:
        return Finding(expected, describe(got), "the rows have different lengths", BY_HAND)
    if values.dtype.kind not in "iuf":
        return Finding(expected, describe(got), "the result is not an array of numbers", BY_HAND)
    if values.shape != (count,):
        why, advice = _why_shape(values.shape, bank, queries, k)
        return Finding(expected, f"shape {values.shape}", why, advice)
    if not np.isfinite(values).all():
        return Finding(
            "finite numbers",
            f"{int((~np.isfinite(values)).sum())} of {count} are NaN or infinite",
            "a division by zero, or a root of a number that rounding has pushed below zero",
            "np.maximum(squared, 0) before the root; a divisor that cannot be 0",
        )
    return None


def _why_single(count: int) -> tuple[str, str]:
    if count == 1:
        return (
            "an axis of length 1 was squeezed away together with the others",
            "reduce over one axis that you name; one query still gives an array of one number",
        )
    return "the mean or the sum ran over the queries too", "reduce along one axis only: axis=1"


def _why_shape(
    shape: tuple[int, ...], bank: NDArray[Any], queries: NDArray[Any], k: int
) -> tuple[str, str]:
    """Return the likely reason for a shape, and what to try."""
    (m, d), n = bank.shape, len(queries)
    table = "take the k smallest numbers of each row, and their mean" if k else BY_HAND
    pairs = (
        "a matrix of all pairs of queries: only its diagonal was meant",
        "multiply element by element and sum: ((away @ inverse) * away).sum(axis=1)",
    )
    if k:
        pairs = ("these are distances between the queries", "compare them with the bank's rows")
    known = {
        (n, m): ("this is the whole table: one row per query, one column per row of the bank",
                 table),
        (m, n): ("this is the whole table, and its rows are those of the bank", table),
        (n, 1): ("the axis that was averaged is still there", "drop it: no keepdims"),
        (1, n): ("the axis that was averaged is still there", "drop it: no keepdims"),
        (n, n): pairs,
        (n, d): ("the features are still there: they were not summed", "sum over the last axis"),
        (n, k): ("the k distances of each query were not averaged", "average over axis 1"),
        (k,): ("the mean ran over the queries, not over the neighbours", "average over axis 1"),
        (m,): ("one number for each row of the bank: bank and queries are swapped",
               "the bank is the first argument, and the distances belong to the queries"),
        (d,): ("one number for each feature: a sum or a mean ran over the rows", "use axis=1"),
    }  # fmt: skip
    return known.get(shape, ("the result does not hold one number for each query", BY_HAND))


def same_alone(together: Any, alone: Any, slack: float) -> Finding | None:
    """A query's number is the same whatever else is asked about.

    Parameters
    ----------
    together, alone : array-like
        Of the same queries, among others and one by one.
    slack : float
        How far two of them may lie apart.
    """
    together, alone = np.asarray(together, float), np.asarray(alone, float)
    if np.allclose(together, alone, rtol=2e-3, atol=slack):
        return None
    return Finding(
        f"{short(together)} in any company",
        f"{short(alone)} when each query is asked about alone",
        "the result depends on which queries are asked about together",
        "take means, scales and neighbours from the bank, and from nothing else",
    )


def short(values: Any) -> str:
    """Return the first three numbers as text."""
    shown = ", ".join(f"{value:.4g}" for value in np.ravel(values)[:3])
    return f"[{shown}{', ...' if np.size(values) > 3 else ''}]"


# ------------------------------------------------------------ exercise 3.7


def neighbour_values(
    got: Any,
    expected: Floats,
    table: Floats,
    bank: NDArray[Any],
    queries: NDArray[Any],
    k: int,
) -> Finding | None:
    """Compare distances with the right ones; name the mistake that explains a difference.

    Parameters
    ----------
    got : object
        What the learner's function returned, of the right form.
    expected : ndarray, shape (n,)
        The right distances.
    table : ndarray, shape (n, m)
        From each query to each row of the bank.
    bank, queries, k : ndarray, ndarray, int
        What the function was called with.
    """
    values = np.asarray(got, float)
    rows = np.concatenate([bank, queries]).astype(float)
    slack = ROUNDING * float(np.linalg.norm(rows, axis=1).max())
    if _near(values, expected, slack):
        return None
    why, advice = "the formula differs", BY_HAND
    other = (bank.astype(float), queries.astype(float))
    for wrong, reason, cure in (
        *_neighbour_mistakes(expected, table, k, bank.shape[1]),
        *_other_numbers(expected, table, k),
        *_other_tables(*other, k),
    ):
        if _near(values, wrong, slack):
            why, advice = reason, cure
            break
    else:
        if len(values) > 1 and np.ptp(values) == 0:
            why = "all queries have the same score"
            advice = "average over the neighbours of each query: axis 1"
    return Finding(f"distances {short(expected)}", f"distances {short(values)}", why, advice)


def _near(values: Floats, other: Floats, slack: float) -> bool:
    return np.shape(other) == values.shape and np.allclose(values, other, rtol=1e-3, atol=slack)


def _neighbour_mistakes(expected: Floats, table: Floats, k: int, d: int) -> Iterator[Mistake]:
    """Yield what typical mistakes give, each with the reason and the cure."""
    near = np.sort(table, axis=1)
    smallest, mean = "take the k smallest of each row", "take the mean of the k distances"
    root = "Euclidean: the root of the sum of squared differences, then the mean"
    yield k * expected, "the k distances were added, not averaged", mean
    if k > 1:
        yield near[:, k - 1], "only the k-th nearest counts: the nearer ones are left out", mean
        yield near[:, 0], "only the nearest counts, whatever k is", mean
        yield np.median(near[:, :k], axis=1), "this is the median of the k distances", mean
    squares = (near[:, :k] ** 2).mean(axis=1)
    yield squares, "the distances are squared", root
    yield np.sqrt(squares), "the root was taken after the mean", root
    yield squares / d, "the squared differences were averaged over the features", root
    yield expected / np.sqrt(d), "a mean over the features, where a sum belongs", root
    yield near[:, -k:].mean(axis=1), "these are the k largest distances", smallest
    yield near.mean(axis=1), "all rows of the bank count, not the k nearest", smallest
    others = np.sort(np.where(near > 1e-9, near, np.inf), axis=1)
    for kept in (near[:, 1 : k + 1], others[:, :k]):
        yield (
            kept.mean(axis=1),
            "the nearest row was left out as if it were the query itself",
            "a distance of 0 counts like any other: queries need not stand in the bank",
        )
    again = np.diff(near, axis=1, prepend=-1.0) < 1e-9
    once = np.sort(np.where(again, np.inf, near), axis=1)
    yield (
        once[:, :k].mean(axis=1),
        "rows that stand twice in the bank were counted once",
        "take the bank as it is",
    )


def _other_numbers(expected: Floats, table: Floats, k: int) -> Iterator[Mistake]:
    """Yield other numbers of neighbours, other signs, other rows."""
    near = np.sort(table, axis=1)
    for other in range(1, near.shape[1]):
        if other != k:
            yield (
                near[:, :other].mean(axis=1),
                f"this is the mean of {other} distances, and k is {k}",
                "use the argument k: the k smallest of each row, no other number",
            )
    yield -expected, "the sign is turned", "far away means anomalous: keep the distance positive"
    yield expected[::-1], "the queries are in another order", "do not sort them"
    yield np.sort(expected), "the queries were sorted", "the results stand in the queries' order"
    yield (
        table[:, :k].mean(axis=1),
        "the first k rows of the bank count, not the nearest",
        "sort the distances of each query, or use topk(k, largest=False)",
    )


def _other_tables(b: Floats, q: Floats, k: int) -> Iterator[Mistake]:
    """Yield other distances than Euclid's; with one feature they would be his."""
    if b.shape[1] == 1:
        return
    root = "Euclidean: the root of the sum of squared differences, then the mean"
    gaps = np.abs(q[:, None] - b[None])
    lengths = np.linalg.norm(q, axis=1)[:, None] * np.linalg.norm(b, axis=1)
    cosines = q @ b.T / np.maximum(lengths, 1e-12)
    for table, name in (
        (gaps.sum(axis=2), "sums of absolute differences (L1)"),
        (gaps.max(axis=2), "largest differences of a single feature"),
        (1 - cosines, "cosine distances: they look at the direction alone"),
        (cosines, "cosines: they look at the direction alone"),
    ):
        yield np.sort(table, axis=1)[:, :k].mean(axis=1), f"these are {name}", root
