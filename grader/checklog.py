"""What a run of hidden checks found out, collected while pytest runs."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from typing import TYPE_CHECKING

import pytest

from data_utils.course import Notebook
from data_utils.selfcheck.words import Finding, Found
from grader.errors import GraderError
from grader.judging.scrub import capped
from grader.report import (
    EXCUSED,
    FAILED,
    GRADER_ERROR,
    NOT_SHOWN,
    PASSED,
    CheckResult,
    ExerciseResult,
    points_of,
)
from grader.sandbox import SandboxError
from grader.submissions import Submission

if TYPE_CHECKING:  # it makes students, and they make findings
    from grader.examination import Examination, Settings


NOTE_CHARS = 500  # of an exception's text, for the instructor
UNREADABLE = Finding(
    "a result that can be judged",
    "values that the check could not work with",
    "numbers are missing, far too large, or of another kind than the text asks for",
    "call the function on the small example above, and look at type, shape and values",
    own=True,
)


class Excused(Exception):
    """A check is not counted: there is no floor to reach on this device."""


class CheckLog:
    """Collects one `CheckResult` for each hidden check, in order.

    Parameters
    ----------
    submission : Submission, optional
        Read already by the grader; without it the checks read the file themselves.
    settings : Settings, optional
        How the grader judges it; without them the options of pytest say so.
    """

    def __init__(
        self, submission: Submission | None = None, settings: Settings | None = None
    ) -> None:
        self.submission = submission
        self.settings = settings
        self.results: dict[str, list[CheckResult]] = {}
        self.facts: dict[str, float] = {}
        self.series: dict[str, list[float]] = {}
        self.cpu_seconds = 0.0
        self.examination: Examination | None = None  # once it is under way

    def record(self, item: pytest.Item, when: str, error: BaseException | None) -> None:
        """Log one phase of a check: a failure in any phase, success in the last."""
        mark = item.get_closest_marker("exercise")
        if mark is None or (error is None and when != "call") or (error and when == "teardown"):
            return
        status, finding, note = _verdict(error)
        if self.examination is not None and finding is not None:
            status, finding = self._in_its_place(mark.args[0], status, finding)
        weight, core = mark.kwargs.get("weight", 1), mark.kwargs.get("core", False)
        title = inspect.getdoc(getattr(item, "function", None)) or item.name
        result = CheckResult(item.name, title.splitlines()[0], status, weight, core, finding, note)
        self.results.setdefault(mark.args[0], []).append(result)

    def _in_its_place(self, exercise_id: str, status: str, finding: Finding) -> tuple[str, Finding]:
        """Say what else a failure may come from: a line that did not run, or an earlier exercise.

        Where an exercise builds on one that lost points and there is no reference to take its
        place, a failure that is not the function's own shows nothing.
        """
        assert self.examination is not None
        exercise = self.examination.submission.notebook.exercise(exercise_id)
        if self.examination.not_replaced(exercise) and not finding.own:
            return NOT_SHOWN, finding
        return status, self.examination.explained(exercise_id, finding)

    def lost_points(self, exercise_id: str) -> bool:
        """Say whether a check of that exercise failed."""
        return any(check.status == FAILED for check in self.results.get(exercise_id, []))

    def exercises(
        self, notebook: Notebook, only: Collection[str] = ()
    ) -> tuple[ExerciseResult, ...]:
        """Return the result of every exercise, or of some; without any check it has no points."""
        return tuple(
            ExerciseResult(e.id, e.function, e.points, points_of(checks, e.points), checks)
            for e in notebook.exercises
            if not only or e.id in only
            for checks in [tuple(self.results.get(e.id, []))]
        )


def _verdict(error: BaseException | None) -> tuple[str, Finding | None, str]:
    """Return status, finding and note of a check that ended with this.

    The solution was judged on this machine first, so what a value of the student's raises in a
    check is the value's fault; only what comes from the machine is the grader's.
    """
    if error is None:
        return PASSED, None, ""
    if isinstance(error, Found):
        return FAILED, capped(error.finding), ""
    if isinstance(error, Excused):
        return EXCUSED, None, str(error)
    note = f"{type(error).__name__}: {error}"[:NOTE_CHARS]
    if isinstance(error, (GraderError, SandboxError, OSError)) or not isinstance(error, Exception):
        return GRADER_ERROR, None, note
    return FAILED, UNREADABLE, note
