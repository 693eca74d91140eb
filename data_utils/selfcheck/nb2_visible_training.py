"""Visible checks of notebook 2: exercises 2.1,2.2,2.3,2.4."""

from collections.abc import Callable

from data_utils.selfcheck.words import Ask

TRAINING_CHECKS: dict[str, Callable[[Ask], None]] = {}
