"""Exercises 1.2 to 1.4: what can be wrong with a score, a threshold, four counts.

The expected values come from the caller; nothing here computes an answer.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.values import (
    as_float_vector,
    describe,
    is_number,
    is_whole_number,
)
from data_utils.selfcheck.words import Finding

COUNTS, RATES = ("tp", "fn", "fp", "tn"), ("tpr", "fnr", "fpr", "tnr")
SCORE_RTOL = 1e-4  # float32 sums of 784 squares agree to about 1e-6; a wrong formula is far off


def score_values(
    got: Any, expected: NDArray[np.float64], ink: NDArray[np.float64], pixels: int
) -> Finding | None:
    """Compare scores with the right ones; name the mistake that explains a difference.

    Parameters
    ----------
    got : object
        What the learner's function returned.
    expected, ink : ndarray, shape (n,)
        The right scores, and the sum of squared pixels of each original image.
    pixels : int
        Pixels per image.
    """
    scores = as_float_vector(got, len(expected))
    if isinstance(scores, Finding):
        return scores
    if np.allclose(scores, expected, rtol=SCORE_RTOL, atol=1e-8):
        return None
    mistakes = (
        (-expected, "the sign is turned: the better the copy, the higher the score",
         "a high score must mean 'looks wrong'; drop the minus sign"),
        (expected * ink / pixels, "this is the mean squared error, not yet relative to the ink",
         "divide the summed error by the image's own sum of squared pixels"),
        (expected * ink, "this is the summed squared error, not yet relative to the ink",
         "divide it by the image's own sum of squared pixels"),
        (expected / pixels, "the error is a mean and the ink is a sum",
         "use two sums or two means, not one of each"),
        (np.sqrt(np.abs(expected)), "a square root was taken", "keep the squared error"),
        (expected * ink / ink.sum(), "the ink was summed over the whole batch",
         "sum the ink over the pixels of each image alone"),
        (expected * ink / ink.mean(), "the ink was averaged over the whole batch",
         "sum the ink over the pixels of each image alone"),
    )  # fmt: skip
    why, advice = "the formula differs", "work out the two small images by hand and compare"
    for wrong, reason, cure in mistakes:
        if np.allclose(scores, wrong, rtol=SCORE_RTOL, atol=1e-8):
            why, advice = reason, cure
            break
    else:
        if len(scores) > 1 and np.ptp(scores) == 0:
            why = "every image has the same score: the reduction ran over the batch as well"
            advice = "reduce over every axis except the first"
    return Finding(f"scores {_short(expected)}", f"scores {_short(scores)}", why, advice)


def score_of_blank(got: Any) -> Finding | None:
    """An image without ink still has a finite score."""
    scores = as_float_vector(got, 1)
    return scores if isinstance(scores, Finding) else None


def threshold_value(got: Any, scores: NDArray[np.float64], target_fpr: float) -> Finding | None:
    """The threshold lets through the wanted share of the validation scores, and no more.

    Every common definition of the quantile is accepted: the share above may differ from the
    target by one and a half scores.
    """
    if not is_number(got) or not np.isfinite(float(got)):
        return Finding(
            "one finite number",
            describe(got),
            "the threshold is a single score, not an array or a truth value",
            "return one number",
        )
    threshold = float(got)
    above = float(np.mean(scores > threshold))
    slack = 1.5 / len(scores)
    if abs(above - target_fpr) <= slack:
        return None
    expected = f"{target_fpr:.1%} of the validation scores above the threshold"
    measured = f"{above:.1%} above {threshold:.6g}"
    if abs(above - (1 - target_fpr)) <= slack:
        return Finding(
            expected, measured, "this is the lower quantile", "take the quantile at 1 - target_fpr"
        )
    if np.isclose(threshold, scores.max()):
        why = "the largest validation score: one odd image decides, and the target is ignored"
    elif np.isclose(threshold, scores.mean() + 3 * scores.std(), rtol=1e-3):
        why = "mean + 3 sd: the scores are not normally distributed, and the target is ignored"
    elif not scores.min() <= threshold <= scores.max():
        why = "the number lies outside the validation scores: other scores were used"
    else:
        why = "the number does not follow from these scores and this target"
    return Finding(expected, measured, why, "take a quantile of exactly the scores you are given")


def counts_values(got: Any, expected: dict[str, float], names: tuple[str, ...]) -> Finding | None:
    """Compare the counts or the rates; name the swap that explains a difference.

    Parameters
    ----------
    got : object
        What the learner's function returned.
    expected : dict
        The right value of each of `COUNTS` and `RATES`.
    names : tuple of str
        Which of them to compare.
    """
    if not isinstance(got, dict) or not set(names) <= set(got):
        missing = [name for name in names if not isinstance(got, dict) or name not in got]
        return Finding(
            "a dict with " + ", ".join(COUNTS + RATES),
            describe(got) + ("" if not isinstance(got, dict) else f" without {', '.join(missing)}"),
            "a key is missing or spelt otherwise",
            "return {'tp': tp, 'fn': fn, ...} with exactly these keys",
        )
    for name in names:
        finding = _count_form(name, got[name])
        if finding:
            return finding
    wrong = [name for name in names if not np.isclose(float(got[name]), expected[name], atol=1e-9)]
    if not wrong:
        return None
    name = wrong[0]
    return Finding(
        f"{name} = {expected[name]:.6g}",
        f"{name} = {float(got[name]):.6g}",
        _why_count(name, float(got[name]), expected),
        "anomaly is the positive class: tp and fn count the anomaly set, fp and tn the test set",
    )


def _count_form(name: str, value: Any) -> Finding | None:
    if not is_number(value):
        return Finding(f"{name} is a number", describe(value), "something else is returned",
                       "count with np.sum and turn the result into a number")  # fmt: skip
    if name in COUNTS and not is_whole_number(value):
        return Finding(
            f"{name} is a count: a whole number of images",
            f"{float(value):.6g}, not of an integer type",
            "a count is not a rate",
            "int(np.sum(...)) counts images; divide only for the rates",
        )
    return None


def _why_count(name: str, value: float, expected: dict[str, float]) -> str:
    for other in COUNTS + RATES:
        if other != name and np.isclose(value, expected[other]) and value != expected[name]:
            return f"this is {other}, not {name}: the two are swapped"
    total = sum(expected[count] for count in COUNTS)
    if name in RATES and np.isclose(value, expected[name[:2]] / total):
        return "the count was divided by all images, not by those of its own class"
    if name in RATES and 1 < value <= 100 and np.isclose(value / 100, expected[name]):
        return "a percentage, where a fraction between 0 and 1 is asked for"
    return "an image exactly at the threshold is not an anomaly, or the wrong set was counted"


def _short(values: NDArray[np.float64]) -> str:
    shown = ", ".join(f"{value:.4g}" for value in values[:3])
    return f"[{shown}{', ...' if len(values) > 3 else ''}]"
