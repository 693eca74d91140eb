"""Exercise 1.3: which mistake explains a threshold with too many scores above it, or too few."""

from collections.abc import Iterator
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

NEAR = 1e-3  # of the scores' sd: a threshold that is so near a wrong one is that one
TAKE_A_QUANTILE = "take a quantile of exactly the scores you are given"
USUAL_TARGET = 0.05  # TARGET_FPR of the notebooks

Why = tuple[str, str]


def why_threshold(
    threshold: float, scores: NDArray[np.float64], target_fpr: float, slack: float
) -> Why:
    """Return the likely mistake and what to try.

    Parameters
    ----------
    threshold : float
    scores : ndarray of float, shape (n,)
        The validation scores.
    target_fpr : float
    slack : float
        By how much a share of the scores may be off.
    """
    near = NEAR * float(np.std(scores))
    for value, why, advice in _wrong_values(scores, target_fpr):
        if abs(threshold - value) <= near:
            return why, advice
    if _is_rounded(threshold, scores, target_fpr):
        return "the threshold was rounded, and scores lie between", "return it as it is"
    above = float(np.mean(scores > threshold))
    for share, why, advice in _wrong_shares(target_fpr):
        if abs(above - share) <= min(slack, abs(share - target_fpr) / 2):
            return why, advice
    if _in_given_order(threshold, scores, target_fpr):
        return "the scores were not sorted before one was picked by its place", "sort them first"
    if not scores.min() <= threshold <= scores.max():
        return "the number lies outside the validation scores", TAKE_A_QUANTILE
    return "the number does not follow from these scores and this target", TAKE_A_QUANTILE


def _wrong_values(scores: NDArray[np.float64], target: float) -> Iterator[tuple[float, str, str]]:
    """Yield numbers that come from another rule, and what it is."""
    mean, sd = float(np.mean(scores)), float(np.std(scores))
    low, high = float(np.min(scores)), float(np.max(scores))
    z = NormalDist().inv_cdf(1 - target)
    yield (high, "the largest validation score: one odd image decides, and the target is ignored",
           TAKE_A_QUANTILE)  # fmt: skip
    for count in (2, 3):
        yield (mean + count * sd, f"mean + {count} sd: the scores are not normally distributed, "
               "and the target is ignored", TAKE_A_QUANTILE)  # fmt: skip
    yield (mean + z * sd, f"mean + {z:.3g} sd, a quantile of the normal distribution: the scores "
           "are not normally distributed", TAKE_A_QUANTILE)  # fmt: skip
    yield mean, "the mean of the scores: the target is ignored", TAKE_A_QUANTILE
    for value, words in (
        ((1 - target) * high, "a share of the largest score"),
        (low + (1 - target) * (high - low), "a share of the range from smallest to largest score"),
    ):
        yield value, f"{words}, not of the number of scores", TAKE_A_QUANTILE
    for value in (target, 1 - target):
        yield value, "a share is returned, not a score", "look that share up among the scores"


def _wrong_shares(target: float) -> Iterator[tuple[float, str, str]]:
    """Yield shares above the threshold that come from a wrong quantile, and which it is."""
    yield 1 - target, "this is the lower quantile", "take the quantile at 1 - target_fpr"
    yield (target / 2, "half of the target, as for an interval with two ends: only the upper one "
           "counts here", "take the quantile at 1 - target_fpr")  # fmt: skip
    if target != USUAL_TARGET:
        yield (USUAL_TARGET, "the target of the notebook (TARGET_FPR, or a fixed 0.95) in place of "
               "the argument", "use target_fpr")  # fmt: skip
    percent = "np.percentile counts from 0 to 100", "np.quantile(..., 1 - target_fpr) does not"
    yield 1 - (1 - target) / 100, *percent
    yield 1 - target / 100, *percent
    yield 0.5, "the median: the target is ignored", "take the quantile at 1 - target_fpr"


def _is_rounded(threshold: float, scores: NDArray[np.float64], target: float) -> bool:
    cut = np.sort(scores)[::-1][: int(target * len(scores)) + 2][-1]
    return any(
        threshold == round(threshold, places) and abs(threshold - cut) <= 0.51 * 10.0**-places
        for places in range(5)
    )


def _in_given_order(threshold: float, scores: NDArray[np.float64], target: float) -> bool:
    place = int((1 - target) * len(scores))
    return bool(np.isin(threshold, scores[max(place - 2, 0) : place + 2]))
