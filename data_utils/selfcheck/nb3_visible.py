"""The visible checks of notebook 3, put together from its parts."""

from collections.abc import Callable

from data_utils.selfcheck.nb3_visible_detector import DETECTOR_CHECKS
from data_utils.selfcheck.nb3_visible_features import FEATURE_CHECKS
from data_utils.selfcheck.nb3_visible_first import FIRST_CHECKS
from data_utils.selfcheck.words import Ask

NOTEBOOK_NAMES = frozenset(
    (
        *("data", "split", "x_train", "x_val", "x_test", "x_labelled", "x_anomaly", "backbone"),
        *("available", "asked", "forced", "wanted", "white", "x_tiny", "shown", "spot", "heat"),
        *("f_train", "f_val", "f_test", "f_anomaly", "f_labelled", "two_heaps", "small", "corner"),
        *("scale", "g_train", "g_test", "g_anomaly"),
        *("one_label_runs", "leaks", "cross", "detector", "threshold", "scores_test", "learning"),
        *("scores_anomaly", "area", "share", "tiny", "maps", "slopes", "count", "row", "frozen"),
    )
)
"""Variables of the notebook; a graded function that reaches for one of them is told so."""

_CHECKS = {**FIRST_CHECKS, **FEATURE_CHECKS, **DETECTOR_CHECKS}

VISIBLE_CHECKS: dict[str, Callable[[Ask], None]] = {
    exercise: _CHECKS[exercise]
    for exercise in (f"3.{number}" for number in range(1, 13))  # in the notebook's order
    if exercise in _CHECKS
}
