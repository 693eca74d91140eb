"""Visible checks of notebook 2: exercises 2.5,2.6,2.7,2.9,2.10."""

from collections.abc import Callable

from data_utils.selfcheck.words import Ask

SCORE_CHECKS: dict[str, Callable[[Ask], None]] = {}
