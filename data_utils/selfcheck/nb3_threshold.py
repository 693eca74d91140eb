"""Exercises 3.9 and 3.10: what can be wrong with a threshold. All scores come from the caller."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.nb3_detector import threshold_is_set
from data_utils.selfcheck.words import Finding, Found

Floats = NDArray[np.float64]
Others = Mapping[str, Callable[[], Floats]]
CURE = "take the quantile at 1 - target_fpr of exactly the scores of x_val"


def threshold_value(
    got: Any, scores: Floats, target_fpr: float, others: Others | None = None
) -> Finding | None:
    """The threshold leaves the wanted share of the validation scores above it.

    Every common definition of the quantile is accepted: the share above may differ from the
    target by one and a half scores.

    Parameters
    ----------
    got : object
    scores : ndarray, shape (n,)
        Of the validation images.
    target_fpr : float
    others : mapping of str to callable, optional
        Scores of other images that may have been taken by mistake, by their name; each is asked
        for only where the threshold is wrong.
    """
    finding = threshold_is_set(got)
    if finding is not None:
        return finding
    threshold = float(got)
    above = float(np.mean(scores > threshold))
    slack = 1.5 / len(scores)
    if abs(above - target_fpr) <= slack:
        return None
    why, advice = _why(threshold, scores, target_fpr, slack, others or {})
    return Finding(
        f"{target_fpr:.1%} of the validation scores above the threshold",
        f"{above:.1%} above {threshold:.6g}",
        why,
        advice,
    )


def _why(
    threshold: float, scores: Floats, target: float, slack: float, others: Others
) -> tuple[str, str]:
    """Return why a threshold leaves another share above it, and what to do."""
    above = float(np.mean(scores > threshold))
    if abs(above - (1 - target)) <= slack:
        return "this is the lower quantile", "take the quantile at 1 - target_fpr"
    usual = next((t for t in (0.01, 0.05, 0.1) if abs(above - t) <= slack), None)
    for name, ask in others.items():
        try:
            taken = ask()
        except Found:  # whether these can be scored is another question
            continue
        share = float(np.mean(taken > threshold))
        within = taken.min() <= threshold <= taken.max()
        if within and abs(share - target) <= 1.5 / len(taken):
            return f"it was taken from the scores of {name}: {share:.1%} of these lie above", CURE
    if usual is not None:
        return f"the target is ignored: this is the threshold for {usual:.0%}", CURE
    spread = max(float(np.ptp(scores)), 1e-12)
    near = 1e-6 * spread
    if abs(threshold - scores.max()) <= near:
        return "the largest validation score, whatever the target: one odd image decides", CURE
    if abs(threshold - scores.mean()) <= near or abs(threshold - np.median(scores)) <= near:
        return "the middle of the validation scores: half of the normal images lie above", CURE
    if min(abs(threshold - scores.mean() - n * scores.std()) for n in (2, 3)) <= 1e-3 * spread:
        return "a mean plus standard deviations: the scores are not normally distributed", CURE
    if threshold in (0.0, 0.5, 1.0):
        return "a number that was chosen beforehand, not from any scores", CURE
    if not scores.min() <= threshold <= scores.max():
        return "the number lies outside the validation scores: it comes from something else", CURE
    return "the number does not follow from these scores and this target", CURE
