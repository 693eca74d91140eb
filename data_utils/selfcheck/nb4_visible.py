"""The visible checks of notebook 4, put together from its parts."""

from collections.abc import Callable

from data_utils.selfcheck.nb4_visible_detector import DETECTOR_CHECKS
from data_utils.selfcheck.nb4_visible_first import FIRST_CHECKS
from data_utils.selfcheck.nb4_visible_scores import SCORE_CHECKS
from data_utils.selfcheck.words import Ask

NOTEBOOK_NAMES = frozenset(
    (
        *("data", "split", "x_train", "x_val", "x_test", "x_anomaly", "tiny", "grey", "pair"),
        *("x_pair", "labels_pair", "network", "tiny_one", "upside_down", "by_hand", "drawn"),
        *("alphas", "converged", "log_p_tiny", "detector", "threshold", "scores_test", "size"),
        *("scores_anomaly", "area", "share", "one_run", "turned", "effect", "more", "truth"),
        *("called", "cats_and_dogs", "fashion", "flat_train", "flat_test", "flat_anomaly"),
        *("areas", "machine", "default", "clothes", "worn", "other", "sets", "start", "end"),
        *("score_start", "score_end"),
    )
)
"""Variables of the notebook; a graded function that reaches for one of them is told so."""

_CHECKS = {**FIRST_CHECKS, **SCORE_CHECKS, **DETECTOR_CHECKS}

VISIBLE_CHECKS: dict[str, Callable[[Ask], None]] = {
    exercise: _CHECKS[exercise]
    for exercise in (f"4.{number}" for number in range(1, 14))  # in the notebook's order
    if exercise in _CHECKS
}
