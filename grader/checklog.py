"""What a run of hidden checks found out, collected while pytest runs."""

import inspect
from typing import Any

import pytest

from data_utils.course import Notebook
from data_utils.selfcheck.words import Finding, Found
from grader.judging.scrub import capped
from grader.report import (
    EXCUSED,
    FAILED,
    GRADER_ERROR,
    PASSED,
    CheckResult,
    ExerciseResult,
    points_of,
)
from grader.submissions import Submission


class Excused(Exception):
    """A check is not counted: what it builds on lost its points, or there is no floor to reach."""


class CheckLog:
    """Collects one `CheckResult` for each hidden check, in order.

    Parameters
    ----------
    submission : Submission, optional
        Read already by the grader; without it the checks read the file themselves.
    """

    def __init__(self, submission: Submission | None = None) -> None:
        self.submission = submission
        self.results: dict[str, list[CheckResult]] = {}
        self.facts: dict[str, float] = {}
        self.series: dict[str, list[float]] = {}
        self.cpu_seconds = 0.0

    def record(self, item: pytest.Item, when: str, error: BaseException | None) -> None:
        """Log one phase of a check: a failure in any phase, success in the last."""
        mark = item.get_closest_marker("exercise")
        if mark is None or (error is None and when != "call") or (error and when == "teardown"):
            return
        status, finding, note = _verdict(error)
        weight, core = mark.kwargs.get("weight", 1), mark.kwargs.get("core", False)
        title = inspect.getdoc(getattr(item, "function", None)) or item.name
        result = CheckResult(item.name, title.splitlines()[0], status, weight, core, finding, note)
        self.results.setdefault(mark.args[0], []).append(result)

    def lost_points(self, exercise_id: str) -> bool:
        """Say whether a check of that exercise failed."""
        return any(check.status == FAILED for check in self.results.get(exercise_id, []))

    def exercises(self, notebook: Notebook, only: str = "") -> tuple[ExerciseResult, ...]:
        """Return the result of every exercise, or of one; without any check it has no points."""
        return tuple(
            ExerciseResult(e.id, e.function, e.points, points_of(checks, e.points), checks)
            for e in notebook.exercises
            if only in ("", e.id)
            for checks in [tuple(self.results.get(e.id, []))]
        )


def _verdict(error: BaseException | None) -> tuple[str, Finding | None, str]:
    if error is None:
        return PASSED, None, ""
    if isinstance(error, Found):
        return FAILED, capped(error.finding), ""
    if isinstance(error, Excused):
        return EXCUSED, None, str(error)
    note: Any = f"{type(error).__name__}: {error}"
    return GRADER_ERROR, None, note[:500]
