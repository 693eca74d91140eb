"""Exercises 1.2 and 1.3: what can be wrong with a score and a threshold.

The expected values come from the caller; nothing here computes an answer.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.nb1_threshold import why_threshold
from data_utils.selfcheck.values import (
    as_float_vector,
    describe,
    is_number,
)
from data_utils.selfcheck.words import Finding

NO_INK = (
    "a division by zero: an image without ink has an ink of 0",
    "keep the denominator above zero, for example with np.maximum(ink, 1e-12)",
)
SCORE_RTOL = 1e-4  # float32 sums of 784 squares agree to about 1e-6; a wrong formula is far off


def score_values(
    got: Any, x: NDArray[Any], x_hat: NDArray[Any], expected: NDArray[np.float64]
) -> Finding | None:
    """Compare scores with the right ones; name the mistake that explains a difference.

    Parameters
    ----------
    got : object
        What the learner's function returned.
    x, x_hat : ndarray of float, shape (n, ...)
        The images and copies that it was given; every image with some ink.
    expected : ndarray of float, shape (n,)
        The right scores.
    """
    scores = as_float_vector(got, len(expected), not_finite=NO_INK)
    if isinstance(scores, Finding):
        return scores
    wrong = ~np.isclose(scores, expected, rtol=SCORE_RTOL, atol=1e-8)
    if not wrong.any():
        return None
    place = int(np.argmax(wrong))
    why, advice = _why_score(scores, expected, _rows(x), _rows(x_hat))
    return Finding(
        f"image {place} of {len(scores)}: a score of {expected[place]:.4g}",
        f"{scores[place]:.4g}",
        why,
        advice,
    )


def _why_score(
    scores: NDArray[np.float64],
    expected: NDArray[np.float64],
    x: NDArray[np.float64],
    x_hat: NDArray[np.float64],
) -> tuple[str, str]:
    """Return the mistake that explains all scores, and what to try. Arrays (n,) and (n, pixels)."""
    for wrong, why, advice in _wrong_scores(expected, x, x_hat):
        if np.allclose(scores, wrong, rtol=SCORE_RTOL, atol=1e-8):
            return why, advice
    if len(scores) > 1 and np.ptp(scores) == 0:
        return (
            "every image has the same score: the reduction ran over the batch as well",
            "reduce over every axis except the first",
        )
    return _why_divisor(expected * (x**2).sum(axis=1), scores, (x**2).sum(axis=1)) or (
        "the formula differs",
        "work out the two small images by hand and compare",
    )


def _why_divisor(
    error: NDArray[np.float64], scores: NDArray[np.float64], ink: NDArray[np.float64]
) -> tuple[str, str] | None:
    """Say whether the scores are the right errors, divided by more than the ink. Arrays (n,)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        divisor = error / scores
    if not np.isfinite(divisor).all() or (divisor < ink * (1 - SCORE_RTOL)).any():
        return None
    extra = divisor - ink
    if np.allclose(extra, extra[0], rtol=0.01):
        return (
            f"about {extra[0]:.3g} is added to the ink: scores of faint images come out too small",
            "keep the ink itself; np.maximum(ink, 1e-12) guards the division and changes no image",
        )
    lifted = divisor[~np.isclose(divisor, ink, rtol=SCORE_RTOL)]
    if len(lifted) and np.allclose(lifted, lifted[0], rtol=0.01):
        return (
            f"the ink is held above {lifted[0]:.3g}: faint images have less than that",
            "a guard as small as 1e-12 is enough",
        )
    return None


def _wrong_scores(
    right: NDArray[np.float64], x: NDArray[np.float64], x_hat: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.float64], str, str]]:
    """Yield what typical mistakes give, from the right scores and the inputs."""
    pixels, ink = x.shape[1], (x**2).sum(axis=1)
    error = right * ink
    own = "divide it by the image's own sum of squared pixels"
    yield (
        -right,
        "the sign is turned: the better the copy, the higher the score",
        ("a high score must mean 'looks wrong'; drop the minus sign"),
    )
    yield error / pixels, "this is the mean squared error, not yet relative to the ink", own
    yield error, "this is the summed squared error, not yet relative to the ink", own
    for factor in (1 / pixels, float(pixels)):
        yield (
            right * factor,
            "one of error and ink is a mean, the other a sum",
            ("use two sums or two means, not one of each"),
        )
    yield np.sqrt(np.abs(right)), "a square root was taken", "keep the squared error"
    yield (
        error / ink.sum(),
        "the ink was summed over the whole batch",
        ("sum the ink over the pixels of each image alone"),
    )
    yield (
        error / ink.mean(),
        "the ink was averaged over the whole batch",
        ("sum the ink over the pixels of each image alone"),
    )
    squares = "the ink is the sum of the squared pixels of the original, x"
    with np.errstate(divide="ignore", invalid="ignore"):
        yield error / x.sum(axis=1), f"divided by the sum of x: {squares}", "np.sum(x**2, ...)"
        yield (
            error / (x_hat**2).sum(axis=1),
            f"divided by the ink of the copy: {squares}",
            ("np.sum(x**2, ...)"),
        )
        yield error / np.sqrt(ink), f"divided by the root of the ink: {squares}", own
        yield error / ink**2, f"divided by the ink twice: {squares}", "divide once"
        yield (
            error / (x > 0).sum(axis=1),
            f"divided by the number of ink pixels: {squares}",
            ("np.sum(x**2, ...)"),
        )
    gap = np.abs(x - x_hat).sum(axis=1)
    for divisor in (ink, x.sum(axis=1)):
        yield gap / divisor, "absolute differences in place of squared ones", "(x - x_hat) ** 2"
    yield (
        np.abs(ink - (x_hat**2).sum(axis=1)) / ink,
        ("the squares were subtracted: that is not the square of the difference"),
        "(x - x_hat) ** 2",
    )


def _rows(pictures: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(pictures, np.float64).reshape(len(pictures), -1)


def score_of_blank(got: Any) -> Finding | None:
    """An image without ink still has a finite score."""
    scores = as_float_vector(got, 1, not_finite=NO_INK)
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
            own=True,
        )
    threshold = float(got)
    above = float(np.mean(scores > threshold))
    slack = 1.5 / len(scores)
    if abs(above - target_fpr) <= slack:
        return None
    why, advice = why_threshold(threshold, scores, target_fpr, slack)
    return Finding(
        f"{target_fpr:.1%} of the {len(scores)} validation scores above the threshold",
        f"{above:.1%} above {threshold:.6g}",
        why,
        advice,
    )
