"""Exercises 4.7 and 4.9: what can be wrong with two scores made of log-probabilities.

The right values come from the caller; typical mistakes are worked out here to name them.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.nb3_distances import short
from data_utils.selfcheck.values import describe, is_number
from data_utils.selfcheck.words import Finding
from data_utils.special import gammaln

SCORE_RTOL = 1e-4  # single floats agree to 1e-6; the mistakes are off by per cents
Floats = NDArray[np.float64]
Mistakes = Iterable[tuple[Any, str, str]]  # a wrong result, its reason, its cure


def inputs_left_alone(before: Sequence[NDArray[Any]], after: Sequence[Any]) -> Finding | None:
    """The arrays that were handed in are as they were."""
    if all(np.array_equal(a, b) for a, b in zip(before, after, strict=True)):
        return None
    return Finding(
        "arrays that are as before the call",
        "an array that was handed in has changed",
        "an operation worked in place (+=, *=, out=, a value put into it)",
        "make a new array: a + b instead of a += b, or work on a .copy()",
    )


def score_form(got: Any, log_p: NDArray[Any]) -> Finding | None:
    """One finite score for each image."""
    count, transforms, labels = log_p.shape
    expected = f"one score per image: shape ({count},)"
    if is_number(got) and count > 1:
        return Finding(expected, describe(got), "a mean or a sum ran over the images too",
                       "leave axis 0 alone")  # fmt: skip
    try:
        scores = np.asarray(got)
    except ValueError:
        scores = np.asarray(None)
    if scores.dtype.kind not in "iuf" or scores.shape != (count,):
        why = {
            (labels,): "the mean ran over images and transformations",
            (transforms,): "the mean ran over the images: one number per transformation is left",
            (count, transforms): "the transformations were not brought together",
            (count, labels): "the labels were not brought together",
        }.get(scores.shape, "the result does not hold one number for each image")
        return Finding(expected, describe(got), why,
                       "axis 0 is the images, 1 the transformations, 2 the labels")  # fmt: skip
    if not np.isfinite(scores).all():
        return Finding(
            f"finite scores, also for log-probabilities of {np.min(log_p):.0f}",
            f"{int((~np.isfinite(scores)).sum())} of {count} are NaN or infinite",
            "a probability was rounded to 0, and then divided by, or its logarithm taken; or a "
            "number above 1e308 came up on the way",
            "work with the logarithms as they come",
        )
    return None


def score_values(got: Any, expected: Floats, mistakes: Mistakes) -> Finding | None:
    """Compare scores of the right form with the right ones; name the mistake."""
    scores = np.asarray(got, np.float64)
    if _near(scores, expected):
        return None
    why, advice = "the formula differs", "work out the small example above by hand and compare"
    for wrong, reason, cure in mistakes:
        if np.shape(wrong) == scores.shape and _near(scores, wrong):
            why, advice = reason, cure
            break
    return Finding(f"scores {short(expected)}", f"scores {short(scores)}", why, advice)


def score_ranks(got: Any, expected: Floats, mistakes: Mistakes) -> Finding | None:
    """The images come in the right order, be it upwards or downwards."""
    scores = np.asarray(got, np.float64)
    steps = np.diff(scores[np.argsort(expected)])
    if (steps > 0).all() or (steps < 0).all():
        return None
    why, advice = "other numbers of log_p decide, or they enter otherwise", "see the formula above"
    for wrong, reason, cure in mistakes:
        if np.shape(wrong) == scores.shape and _near(scores, wrong):
            why, advice = reason, cure
            break
    return Finding(
        f"an order of the images as by scores {short(expected)}", f"scores {short(scores)}",
        why, advice,
    )  # fmt: skip


def odd_is_high(got: Any, odd: NDArray[np.bool_]) -> Finding | None:
    """Images that the network doubts get higher scores than those of which it is sure."""
    scores = np.asarray(got, np.float64)
    usual, doubted = scores[~odd], scores[odd]
    if doubted.min() > usual.max():
        return None
    why, advice = "something else than the right labels decides", "see the formula above"
    if doubted.max() < usual.min():
        why, advice = "the sign: this score is high for normal images", "put a minus before it"
    return Finding(
        "higher scores where the network is wrong than where it is right",
        f"at least {doubted.min():.4g} where it is wrong, up to {usual.max():.4g} where right",
        why,
        advice,
    )


# ------------------------------------------------------------ exercise 4.7


def simplified_mistakes(right: Floats, log_p: NDArray[Any]) -> Mistakes:
    """Yield what typical mistakes give in 4.7, each with the reason and the cure.

    Parameters
    ----------
    right : ndarray of float, shape (n,)
        The right scores. All of the mistakes rest on them: nothing here gives an answer away.
    log_p : ndarray of float, shape (n, t, t)
    """
    count, known = log_p.shape[1], 0 * right  # NaN where the right score is not known
    undo = "log_p holds logarithms: np.exp gives the probabilities"
    mean = "the mean over the transformations"
    yield -right, "the sign: this one is high for normal images", "put a minus before it"
    yield count * right, "a sum over the transformations", mean
    yield -count * right, "a sum over the transformations, and without the minus", mean
    yield 1 + right, "this is 1 minus the mean: the doubt itself", "minus the mean alone"
    for wrong, why, advice in _wrong_labels(np.asarray(log_p, np.float64), undo, mean):
        if np.shape(wrong) == np.shape(right):
            yield wrong + known, why, advice
            yield known - wrong, why, advice


def _wrong_labels(logs: Floats, undo: str, mean: str) -> Iterator[tuple[Floats, str, str]]:
    """Yield what comes of other numbers of log_p, or of the right ones in other ways."""
    p, places = np.exp(logs), range(logs.shape[1])
    own = np.stack([logs[:, place, place] for place in places])  # (t, n)
    all_labels = "take the label that belongs to the transformation: [i, j, j]"
    yield own.mean(axis=0), "the logarithm was not undone", undo
    yield own.sum(axis=0), "the logarithm was not undone, and a sum taken", undo
    yield (np.exp(own.mean(axis=0)), "the mean was taken of the logarithms, and then undone",
           "first np.exp, then the mean")  # fmt: skip
    yield (np.log(np.maximum(np.exp(own).mean(axis=0), 1e-300)),
           "a logarithm was taken again in the end", "the mean probability itself")  # fmt: skip
    over_all = "the mean over all labels: their probabilities always add up to 1"
    yield p.mean(axis=(1, 2)), over_all, all_labels
    yield p.sum(axis=(1, 2)), "the sum over all labels, which is always 1", all_labels
    yield (p.max(axis=2).mean(axis=1),
           "the largest probability, whichever label it belongs to", all_labels)  # fmt: skip
    yield ((logs.argmax(axis=2) == np.arange(len(own))).mean(axis=1),
           "the share of right answers: the probabilities play no part", all_labels)  # fmt: skip
    yield (p[:, :, 0].mean(axis=1), "label 0 was taken as the right one everywhere",
           "transformation j has the label j")  # fmt: skip
    yield p[:, 0].mean(axis=1), "only the first transformation was looked at", mean
    yield np.exp(own).mean(axis=1), "the mean ran over the images", mean
    yield np.exp(own[0]), "only the first transformation was looked at", mean
    yield np.median(np.exp(own), axis=0), "the median over the transformations", mean
    yield np.exp(own).min(axis=0), "the worst transformation alone", mean
    yield np.exp(own).prod(axis=0), "the product over the transformations", mean


# ------------------------------------------------------------ exercise 4.9


def dirichlet_mistakes(right: Floats, log_p: NDArray[Any], alphas: NDArray[Any]) -> Mistakes:
    """Yield what typical mistakes give in 4.9, each with the reason and the cure.

    Parameters
    ----------
    right : ndarray of float, shape (n,)
        The right scores. All of the mistakes rest on them: nothing here gives an answer away.
    log_p : ndarray of float, shape (n, t, k)
    alphas : ndarray of float, shape (t, k)
    """
    logs, weights = np.asarray(log_p, np.float64), np.asarray(alphas, np.float64) - 1
    (count, labels), mean_log = alphas.shape, logs.sum(axis=(1, 2)) / alphas.shape[0]
    one, mean = "the factor is alpha - 1", "a mean over transformations, a sum over labels"
    minus = "put a minus before it: a low density is odd"
    yield -right, "the sign: this one is high for normal images", minus
    yield count * right, "the sum over the transformations", "the mean over them: divide by t"
    yield -count * right, "the sum over the transformations, without the minus", mean
    for sign in (1, -1):
        whole = sign * (right - mean_log)
        yield whole, "the 1 is missing in alpha - 1", one
        yield count * whole, "the 1 is missing in alpha - 1, and the mean is a sum", one
        yield sign * (right - 2 * mean_log), "1 is added to alpha", one
        yield sign * (right + mean_log), "2 is taken off alpha", one
        yield sign * right / labels, "a mean over the labels as well", mean
        yield sign * count * right / labels, "a mean over the labels, a sum over the rest", mean
        constant = np.mean(gammaln(alphas.sum(axis=1)) - gammaln(alphas).sum(axis=1))
        for minus_or_plus in (1, -1):
            yield (sign * (right - minus_or_plus * constant),
                   "the constant of the density is in it, which the formula leaves out",
                   "the sum of (alpha - 1) * log p alone")  # fmt: skip
        for wrong, why, advice in _other_terms(logs, weights, mean):
            yield sign * (right + wrong), why, advice


def _other_terms(logs: Floats, weights: Floats, mean: str) -> Iterator[tuple[Floats, str, str]]:
    """Yield by how much scores of other terms differ from the right ones."""
    count, terms = len(weights), logs * weights
    own = [(place, place) for place in range(min(weights.shape))]
    every = np.ones(weights.shape, bool)
    first, others = every.copy(), every.copy()
    first[0] = False
    others[tuple(np.transpose(own))] = False
    rest = terms[:, others].sum(axis=1) / count
    yield rest, "only the right labels were added up", "all labels: the wrong ones say more"
    undone = ((np.exp(logs) - logs) * weights).sum(axis=(1, 2)) / count
    yield (-undone, "the logarithm was undone: it stands in the formula",
           "log_p goes in as it is")  # fmt: skip
    yield (terms[:, first].sum(axis=1) / count - (count - 1) / count * terms[:, 0].sum(axis=1),
           "only the first transformation was looked at", mean)  # fmt: skip
    if weights.shape[0] == weights.shape[1]:
        yield ((logs * (weights - weights.T)).sum(axis=(1, 2)) / count,
               "rows and columns of alphas are swapped",
               "alphas[j] belongs to transformation j, as log_p[:, j] does")  # fmt: skip


def flat_is_nothing(got: Any) -> Finding | None:
    """Where all alphas are 1 the density is the same everywhere, so every score is 0."""
    scores = np.asarray(got, np.float64)
    if np.abs(scores).max() < 1e-9:  # 0 times anything; the mistake gives whole numbers
        return None
    why, advice = "the 1 is missing in alpha - 1", "the factor of each logarithm is alpha - 1"
    if np.ptp(scores) < 1e-9 * np.abs(scores).max():
        why = "the constant of the density is in it, which the formula leaves out"
        advice = "the sum of (alpha - 1) * log p alone"
    return Finding(
        "scores of 0 where every alpha is 1: then all images are equally likely",
        f"scores {short(scores)}",
        why,
        advice,
    )


def sudden_certainty(got: Any) -> Finding | None:
    """The second image is sure of a label that is never right: its score is higher."""
    before, after = np.asarray(got, np.float64)
    if after > before:
        return None
    return Finding(
        f"a score above {before:.4g} where the network is sure of a label with alpha < 1",
        f"{after:.4g}",
        "the sign, or the 1 is missing in alpha - 1",
        "minus, times (alpha - 1), times the logarithm",
    )


def _near(scores: Floats, other: Any) -> bool:
    slack = SCORE_RTOL * max(float(np.max(np.abs(other))), 1e-9)
    return bool(np.allclose(scores, other, rtol=SCORE_RTOL, atol=slack))
