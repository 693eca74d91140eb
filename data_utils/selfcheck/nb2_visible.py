"""The visible checks of notebook 2, put together from its parts."""

from collections.abc import Callable

from data_utils.selfcheck.nb2_visible_detector import DETECTOR_CHECKS
from data_utils.selfcheck.nb2_visible_scores import SCORE_CHECKS
from data_utils.selfcheck.nb2_visible_training import TRAINING_CHECKS
from data_utils.selfcheck.words import Ask

NOTEBOOK_NAMES = frozenset(
    (
        *("data", "split", "x_train", "x_val", "x_test", "x_anomaly", "detector", "threshold"),
        *("scores_test", "scores_anomaly", "scores", "digits", "report", "history", "drawn"),
        *("x_tiny", "some", "copies", "pixel", "feature", "wrong", "five", "fives", "found"),
    )
)
"""Variables of the notebook; a graded function that reaches for one of them is told so."""

_CHECKS = {**TRAINING_CHECKS, **SCORE_CHECKS, **DETECTOR_CHECKS}

VISIBLE_CHECKS: dict[str, Callable[[Ask], None]] = {
    exercise: _CHECKS[exercise]
    for exercise in (f"2.{number}" for number in range(1, 11))  # in the notebook's order
    if exercise in _CHECKS
}
