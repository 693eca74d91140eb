"""Instant checks in the notebook, and the diagnosis of typical mistakes."""

from data_utils.selfcheck.learner import attempt, check, hint, progress

__all__ = ["attempt", "check", "hint", "progress"]
