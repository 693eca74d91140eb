"""Exercise 1.6: how far a score of image and copy gets, step by step. AUROCs come from the caller.

Nothing here computes a score: the steps and what known scores reach stand in course.toml.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from data_utils.course import Step
from data_utils.selfcheck.values import as_float_vector
from data_utils.selfcheck.words import Finding

WEIGHTS = {1: 0.5, 2: 1, 3: 1, 4: 2}  # of each step; the text says them as shares of the points
SAME_SCORE = 1e-3  # of the scores' sd
MANY = 20  # images; of fewer ones all may have one score by chance, where it is a whole number
UPSIDE_DOWN = 0.35  # mean AUROC over several digits; wrong detectors lie at 0.39 or above

_WHY = {
    1: (
        "the score hardly knows where image and copy differ",
        "let every pixel's difference count, squared or absolute, and add them up for each image",
    ),
    2: (
        "digits with much ink (0, 8) are let off too lightly, as when all the ink is divided away",
        "divide by less than all the ink, or make the difference itself tell more: see step 4",
    ),
    3: (
        "a thin digit such as 9 has little ink to get wrong, so a plain error calls it normal",
        "let the ink of the image count: divide by it, or by a power of it",
    ),
    4: (
        "the plain error loses on the 9, the relative one on 0 and 8; this step asks for both",
        "blur the difference before you square it, divide by the root of the ink, or let only the "
        "worst places count",
    ),
}


def error_form(got: Any, count: int) -> Finding | None:
    """One finite score per image, and not all alike."""
    scores = as_float_vector(got, count)
    if isinstance(scores, Finding):
        return scores
    if count >= MANY and np.ptp(scores) == 0:
        return Finding(
            "scores that differ from image to image",
            "the same score for every image",
            "the reduction ran over the batch as well, or the copy is not looked at",
            "reduce over every axis except the first",
        )
    return None


def error_of_each_image_alone(together: Any, apart: Any) -> Finding | None:
    """An image's score is the same in any batch.

    Tolerance: 1e-3 of the scores' standard deviation, far above float32 noise and far below what a
    batch's mean changes.
    """
    first, second = np.asarray(together, float), np.asarray(apart, float)
    worst = float(np.max(np.abs(first - second)))
    spread = float(np.std(first))
    if worst <= SAME_SCORE * spread:
        return None
    return Finding(
        "the same score for an image in any batch",
        f"scores of one image that differ by up to {worst / max(spread, 1e-300):.2g} of their sd",
        "something is computed over the whole batch: a mean, a maximum, a rank",
        "use nothing but the image and its own copy",
    )


def reaches_step(step: Step, reached: Mapping[int, float]) -> Finding | None:
    """The mean AUROC over the step's digits is what the step asks for.

    Parameters
    ----------
    step : Step
    reached : mapping of int to float
        AUROC for each anomaly digit.
    """
    mean = float(np.mean([reached[digit] for digit in step.digits]))
    if mean >= step.auroc:
        return None
    why, advice = _WHY[step.number]
    if mean < UPSIDE_DOWN:
        why = "the ranking is upside down: a good copy gets a high score"
        advice = "a high score must mean 'looks wrong': drop the minus sign"
    digits = ", ".join(str(digit) for digit in step.digits)
    return Finding(
        f"step {step.number}: AUROC of at least {step.auroc:.3f} (digits {digits})",
        f"{mean:.3f}",
        why,
        advice,
    )
