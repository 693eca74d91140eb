"""Exercise 4.3: what can be wrong with twins. The right pairs come from the caller."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.nb3_images import plain_array
from data_utils.selfcheck.nb4_transforms import BY_HAND
from data_utils.selfcheck.values import describe
from data_utils.selfcheck.words import Finding

Pair = tuple[int, int]
Table = NDArray[np.float64]


def as_pairs(got: Any) -> list[Pair] | Finding:
    """Return a list of pairs of whole numbers, or say why it is none."""
    expected = "a list of pairs (i, j)"
    values = plain_array(got)
    if not isinstance(values, (list, tuple, np.ndarray)):
        return Finding(expected, describe(got), "something else than a list is returned",
                       "collect the pairs in a list, and return it")  # fmt: skip
    try:
        rows = np.asarray(values)
    except ValueError:
        return Finding(expected, describe(got), "the rows have different lengths", BY_HAND)
    if rows.size == 0:
        return []
    if rows.ndim == 2 and rows.shape[0] == rows.shape[1] and rows.dtype == bool:
        return Finding(expected, "a table of truth values", "the pairs are still to be named",
                       "list the places (i, j) where the table is true, for i < j")  # fmt: skip
    if rows.ndim != 2 or rows.shape[1] != 2:
        return Finding(expected, describe(got), "an entry is no pair",
                       "append one tuple (i, j) for each pair")  # fmt: skip
    if rows.dtype.kind not in "iu":
        return Finding(expected, str(rows[0]), "i and j are places, whole numbers",
                       "return i and j, not the images or the differences")  # fmt: skip
    return [(int(i), int(j)) for i, j in rows]


def twins_form(got: Any) -> Finding | None:
    """A list of pairs of whole numbers."""
    pairs = as_pairs(got)
    return pairs if isinstance(pairs, Finding) else None


def twins_once(got: Any) -> Finding | None:
    """Each pair comes once, the smaller number first."""
    pairs = as_pairs(got)
    if isinstance(pairs, Finding):
        return pairs
    expected = "each pair once, with i < j"
    cure = "let j start at i + 1"
    for i, j in pairs:
        if i == j:
            return Finding(expected, f"the pair ({i}, {j})",
                           "a transformation was compared with itself", cure)  # fmt: skip
        if i > j:
            why = "each pair comes twice" if (j, i) in pairs else "the larger number stands first"
            return Finding(expected, f"the pair ({i}, {j})", why, cure)
    if len(set(pairs)) < len(pairs):
        return Finding(
            expected,
            f"{len(pairs)} pairs, {len(set(pairs))} different ones",
            "a pair was found anew for each image",
            "take one mean over all images",
        )
    return None


def twin_values(
    got: Sequence[Any],
    expected: Sequence[Sequence[Pair]],
    transformed: NDArray[np.uint8],
    limits: Sequence[float],
) -> Finding | None:
    """Compare twins with the right ones, in any order; name the mistake.

    Parameters
    ----------
    got : sequence
        What the learner's function returned for each limit.
    expected : sequence of sequence of (int, int)
        The right pairs for each limit.
    transformed : ndarray of uint8, shape (n, t, rows, columns)
    limits : sequence of float
        What the function was called with: several tell more than one.
    """
    found = []
    for one in got:
        pairs = as_pairs(one)
        if isinstance(pairs, Finding):
            return pairs
        found.append({(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]})
    right = [set(pairs) for pairs in expected]
    wrong = [place for place, pairs in enumerate(found) if pairs != right[place]]
    if not wrong:
        return None
    why, advice = "the differences differ", BY_HAND
    explained = [
        list(_twin_mistakes(pairs, transformed, limit))
        for pairs, limit in zip(right, limits, strict=True)
    ]
    for mistake in zip(*explained, strict=True):
        if [pairs for pairs, _, _ in mistake] == found:
            _, why, advice = mistake[0]
            break
    first, (n, t) = wrong[0], transformed.shape[:2]
    return Finding(
        f"{_named(right[first])}; n = {n}, t = {t}, limit = {limits[first]:.4g}",
        _named(found[first]),
        why,
        advice,
    )


def _named(pairs: set[Pair]) -> str:
    shown = ", ".join(str(pair) for pair in sorted(pairs)[:4])
    return f"{len(pairs)} twins{': ' if pairs else ''}{shown}{', ...' if len(pairs) > 4 else ''}"


def _twin_mistakes(
    right: set[Pair], transformed: NDArray[np.uint8], limit: float
) -> Iterator[tuple[set[Pair], str, str]]:
    """Return what typical mistakes give, each with the reason and the cure.

    What would be right but for a factor or for a detail is picked out of the right pairs, which
    the caller has: nothing here gives an answer away.
    """
    mean, scale = "take one mean over all images and pixels", "divide by 255.0 first"
    grey = transformed.astype(np.float64)
    apart = np.abs(grey[:, :, None] - grey[:, None]) / 255  # (n, t, t, rows, columns)
    each, count = apart.mean(axis=(3, 4)), grey.shape[1]
    larger = (
        (255 * _over_all(apart), "the grey values run to 255: they were not scaled to [0, 1]",
         scale),
        (_over_all(apart) * grey.size / count, "a sum over all pixels, not the mean", mean),
        (each.sum(axis=0), "the images' means were added up", mean),
        (each.max(axis=0), "the images were judged one by one, and the worst counted", mean),
        (np.sqrt(_over_all(apart**2)), "the root of the squared difference",
         "the absolute difference is asked for"),
        (apart.max(axis=(0, 3, 4)), "the largest difference of a pixel counted", mean),
    )  # fmt: skip
    wrapping, *others = _other_tables(transformed, grey, apart, each)
    yield _below(wrapping[0], limit), *wrapping[1:]
    for table, why, advice in larger:  # larger differences leave fewer pairs
        yield right & _below(table, limit), why, advice
    for table, why, advice in others:
        yield _below(table, limit), why, advice
    everything, strict = _below(np.zeros((count, count)), 1.0), "less than limit: <"
    equal = _below(np.where(_over_all(apart) == limit, 0.0, 1.0), 0.5)
    yield everything - right, "these are the pairs that differ", strict
    yield right | equal, "a difference that equals limit is no twin", strict
    yield ({(i, j) for i, j in right if j == i + 1}, "only neighbours in the list were compared",
           "two loops: for each i, all j from i + 1 on")  # fmt: skip
    yield ({(i, j) for i, j in right if i == 0}, "only the identity was compared with the others",
           "two loops: for each i, all j from i + 1 on")  # fmt: skip
    yield ({(i, j) for i, j in right if j < count - 1}, "the last transformation was left out",
           "let j run to the last one: range(i + 1, t)")  # fmt: skip


def _other_tables(
    transformed: NDArray[np.uint8], grey: Table, apart: Table, each: Table
) -> Iterator[tuple[Table, str, str]]:
    """Yield differences that were worked out in another way, the reason, and the cure."""
    mean = "take one mean over all images and pixels"
    with np.errstate(over="ignore"):
        wrapped = np.abs(transformed[:, :, None] - transformed[:, None]).astype(np.float64)
    signed = (grey[:, :, None] - grey[:, None]) / 255
    yield (_over_all(wrapped) / 255, "whole numbers of eight bits wrap around: 0 - 51 is 205",
           "divide by 255.0 first")  # fmt: skip
    yield (_over_all(wrapped), "neither scaled, nor safe from wrapping around: 0 - 51 is 205",
           "divide by 255.0 first")  # fmt: skip
    whole = np.abs(_over_all(signed))
    yield (whole, "the absolute value came after the mean, where lighter and darker pixels cancel",
           mean)  # fmt: skip
    yield (_over_all(signed), "the absolute value is missing: what is darker counts as below 0",
           "np.abs(...)")  # fmt: skip
    yield _over_all(apart**2), "the squared difference", "the absolute difference is asked for"
    yield np.median(apart, axis=(0, 3, 4)), "the median, not the mean", mean
    if len(grey) > 1:  # of one image these are no mistakes
        yield (np.abs(signed.mean(axis=0)).mean(axis=(2, 3)),
               "mean images were compared: what differs from image to image cancels in them",
               "the absolute differences of each image, then one mean")  # fmt: skip
        yield each.min(axis=0), "the images were judged one by one, and the best counted", mean
        yield each[0], "the first image alone was looked at", mean


def _over_all(apart: NDArray[Any]) -> Table:
    table: Table = apart.mean(axis=(0, 3, 4))
    return table


def _below(table: Table, limit: float) -> set[Pair]:
    rows, columns = np.nonzero(np.triu(table < limit, k=1))
    return {(int(i), int(j)) for i, j in zip(rows, columns, strict=True)}
