"""Exercise 2.7: what can be wrong with one score made of two. Right values come from the caller."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.values import describe, is_number
from data_utils.selfcheck.words import Finding

SCORE_RTOL = 1e-3  # a small number added to the sd changes less, any other formula far more
Floats = NDArray[np.float64]


def combined_form(got: Any, count: int) -> Finding | None:
    """One finite score for each image."""
    expected = f"one score per image: shape ({count},)"
    advice = "work out the two images above by hand and compare"
    if is_number(got):
        why = "a mean or a sum ran over the images that are judged"
        return Finding(expected, "a single number: shape ()", why, advice)
    try:
        scores = np.asarray(got)
    except ValueError:
        return Finding(expected, describe(got), "the rows have different lengths", advice)
    if scores.dtype.kind not in "iuf" or scores.shape != (count,):
        why = "the result does not hold one number for each of the images that are judged"
        if scores.shape == (2, count):
            why = "the two scores stand side by side, and were not added"
        return Finding(expected, describe(got), why, advice)
    if not np.isfinite(scores).all():
        return Finding(
            "finite scores, also where all validation errors are alike",
            f"{int((~np.isfinite(scores)).sum())} of {count} are NaN or infinite",
            "a division by a standard deviation of 0, or a root or logarithm of a negative number",
            "keep the divisor above zero: max(sd, 1e-12); the scores need no root and no logarithm",
        )
    return None


def combined_is_upright(got: Any) -> Finding | None:
    """Of scores of the right form, the second half is higher: those errors are ten times larger."""
    low, high = np.split(np.asarray(got, float), 2)
    if np.mean(high > low) > 0.5:  # most of them: which formula it is, other checks ask
        return None
    alike = np.ptp(np.append(low, high)) == 0
    return Finding(
        "higher scores where both errors are ten times larger",
        "the same score for every image" if alike else f"scores {_short(low)}, then {_short(high)}",
        "the errors of the images that are judged do not come in, or with the sign turned",
        "a high score must mean 'more anomalous'",
    )


def combined_values(got: Any, expected: Floats, parts: tuple[Floats, ...]) -> Finding | None:
    """Compare scores with the right ones; name the mistake that explains a difference.

    The standard deviation may be that of n or of n - 1 values: both are in use, and NumPy and
    torch differ in it. As both errors have equally many validation images, the score of n - 1 is
    the other one times sqrt((n - 1) / n).

    Parameters
    ----------
    got : object
        What the learner's function returned, of the right form.
    expected : ndarray, shape (n,)
        The right scores, with the standard deviation of n values.
    parts : tuple of ndarray
        What the function was called with.
    """
    scores, usual = np.asarray(got, float), len(parts[2])
    for right in (expected, expected * np.sqrt((usual - 1) / usual)):
        if _alike(scores, right):
            return None
    why, advice = "the formula differs", "work out the two images above by hand and compare"
    for wrong, reason, cure in _mistakes(expected, *parts):
        if _alike(scores, wrong) or _alike(scores, wrong * np.sqrt((usual - 1) / usual)):
            why, advice = reason, cure
            break
    return Finding(f"scores {_short(expected)}", f"scores {_short(scores)}", why, advice)


def combined_alone(together: Any, alone: Any) -> Finding | None:
    """An image's score is the same whatever else is judged with it.

    Parameters
    ----------
    together, alone : array-like
        Scores of the same images, judged among others and in small groups.
    """
    if _alike(np.asarray(together, float), np.asarray(alone, float)):
        return None
    return Finding(
        f"scores {_short(np.asarray(together, float))} in any company",
        f"scores {_short(np.asarray(alone, float))} in smaller groups",
        "the score depends on the images that are judged with it",
        "take mean and standard deviation of the validation arrays, and of nothing else",
    )


def _mistakes(
    expected: Floats, pixel: Floats, feature: Floats, pixel_val: Floats, feature_val: Floats
) -> tuple[tuple[Floats, str, str], ...]:
    """Return what typical mistakes give, each with the reason and the cure."""
    p, q = _standard(pixel, pixel_val), _standard(feature, feature_val)
    judged = _standard(pixel, pixel) + _standard(feature, feature)
    both = np.concatenate([pixel_val, feature_val])
    per_sd = pixel / np.std(pixel_val) + feature / np.std(feature_val)
    per_variance = p / np.std(pixel_val) + q / np.std(feature_val)
    from_val = "take mean and standard deviation of the validation arrays"
    each = "use pixel_val for pixel, and feature_val for feature"
    return (
        (judged, "mean and standard deviation came from the images that are judged", from_val),
        (pixel + feature, "the errors are added as they are, though their scales differ",
         "divide each by the standard deviation of its validation errors first"),
        (per_sd, "no mean was taken off", "subtract the mean of the validation errors"),
        (pixel - np.mean(pixel_val) + feature - np.mean(feature_val),
         "the mean was taken off, and nothing was divided", "divide by the standard deviation"),
        (per_variance, "divided by the variance, not by the standard deviation", "take its root"),
        (p, "the feature error is missing", "add the standardised feature error"),
        (q, "the pixel error is missing", "add the standardised pixel error"),
        (p * q, "the two are multiplied", "add them: two low errors would make a high product"),
        (p - q, "the two are subtracted", "add them"),
        (np.maximum(p, 0) + np.maximum(q, 0), "errors below the mean were cut off at 0",
         "keep negative parts: an image that is copied well in one of the two may be lower"),
        (np.maximum(p + q, 0), "negative scores were cut off at 0", "keep them as they are"),
        (np.abs(p) + np.abs(q), "the sign of each part was dropped",
         "an error below the mean is a good copy: leave it negative"),
        (p**2 + q**2, "the parts were squared", "add them as they are"),
        (np.sqrt(p**2 + q**2), "this is the length of the pair, not the sum", "add them"),
        (expected / 2, "this is the mean of the two, not the sum", "add them"),
        (np.maximum(p, q), "this is the larger of the two, not the sum", "add them"),
        (-expected, "the sign is turned: the better the copy, the higher the score",
         "a high score must mean 'more anomalous'"),
        (_standard(pixel, pixel_val) + _standard(feature, pixel_val),
         "both were standardised by the pixel errors", each),
        (_standard(pixel, feature_val) + _standard(feature, feature_val),
         "both were standardised by the feature errors", each),
        (p + (feature - np.mean(feature_val)) / np.std(pixel_val),
         "one standard deviation was used for both", each),
        (_standard(pixel, both) + _standard(feature, both),
         "both validation arrays were thrown together", each),
        (_standard(pixel, feature_val) + _standard(feature, pixel_val),
         "the validation arrays are swapped", each),
    )  # fmt: skip


def _standard(values: Floats, usual: Floats) -> Floats:
    scaled: Floats = (values - np.mean(usual)) / max(float(np.std(usual)), 1e-300)
    return scaled


def _alike(scores: Floats, other: Floats) -> bool:
    """Say whether scores agree, up to a small share of what they spread over."""
    return np.allclose(scores, other, rtol=SCORE_RTOL, atol=SCORE_RTOL * float(np.std(other)))


def _short(values: Floats) -> str:
    shown = ", ".join(f"{value:.4g}" for value in values[:3])
    return f"[{shown}{', ...' if len(values) > 3 else ''}]"
