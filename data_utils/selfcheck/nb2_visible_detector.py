"""Visible checks of notebook 2: exercises 2.8."""

from collections.abc import Callable

from data_utils.selfcheck.words import Ask

DETECTOR_CHECKS: dict[str, Callable[[Ask], None]] = {}
