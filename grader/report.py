"""The result of grading one submission, as plain records that turn into JSON and back."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_utils.selfcheck.words import Finding
from grader.errors import GraderError
from grader.files import write_atomically

# Status of a check. "excused": no floor was measured for this device. "not_shown": it failed beside
# an earlier exercise that lost points, and no reference could take that one's place.
PASSED, FAILED, EXCUSED, GRADER_ERROR = "passed", "failed", "excused", "grader_error"
NOT_SHOWN = "not_shown"
# Status of a report. All but the first stand as words wherever points would stand; none is a zero.
GRADED, NOT_GRADED, MISSING, UNGRADED = "graded", "failed", "missing", "ungraded"
GRADER_STOPPED = "The grader stopped"  # so begins a reason that is the grader's own fault


@dataclass(frozen=True)
class CheckResult:
    """One hidden check.

    Attributes
    ----------
    name : str
        Its function's name.
    title : str
        What was asked, in a sentence that may be shown to the student.
    status : {"passed", "failed", "excused", "not_shown", "grader_error"}
    weight : float
        Its share of the exercise's points, before normalisation.
    core : bool
        Without it the exercise earns nothing.
    finding : Finding or None
        Why it failed.
    note : str
        For the instructor: the exception of a grader_error.
    """

    name: str
    title: str
    status: str
    weight: float
    core: bool
    finding: Finding | None = None
    note: str = ""


@dataclass(frozen=True)
class ExerciseResult:
    """One exercise: its checks and its points.

    `points` is None where the grader stopped in a check: a re-grade gives them.
    """

    id: str
    function: str
    max_points: int
    points: float | None
    checks: tuple[CheckResult, ...]

    @property
    def findings(self) -> list[Finding]:
        """What was wrong, in the order in which the checks ran; each mistake once.

        The same mistake on two inputs differs in its numbers, not in its reason.
        """
        found: dict[tuple[str, str], Finding] = {}
        for check in self.checks:
            if check.finding is not None:
                found.setdefault((check.finding.why, check.finding.advice), check.finding)
        return list(found.values())


@dataclass(frozen=True)
class PastGrade:
    """An earlier grade of the same student, and why it was not the last one.

    Attributes
    ----------
    graded_at : str
        UTC, ISO 8601.
    status : {"graded", "failed", "missing"}
    points : float or None
    exercises : dict
        Points by exercise id.
    why : str
        What had changed when the next one was made, such as ``"the submission changed"``.
    """

    graded_at: str
    status: str
    points: float | None
    exercises: dict[str, float | None]
    why: str


@dataclass(frozen=True)
class GradeReport:
    """What the grader says about one submission.

    Attributes
    ----------
    submission : str
        File name as handed in.
    status : {"graded", "failed", "missing", "ungraded"}
        ``"failed"`` means that no points could be given: `reason` says why. It is not a zero.
        ``"ungraded"`` is never written: it stands for a report that is not there yet.
    profile, device, isolation : str
        How it was graded; an isolation of ``"none"`` means that nothing held the code back.
    backbone : str
        The pretrained network that it read; empty where the notebook reads none.
    facts : dict
        Measured numbers, such as the exam AUROC.
    flags : tuple of str
        Why somebody should have a look; no flag changes points.
    series : dict
        Lists of numbers to draw (see grader/series.py); computed out here, rounded.
    graded_at : str
        UTC, ISO 8601.
    made_from : dict
        Hashes and settings that the grade hangs on, by name (see grader/freshness.py).
    history : tuple of PastGrade
        Earlier grades, the oldest first.
    """

    submission: str
    notebook: str
    sha256: str
    status: str
    reason: str
    profile: str
    device: str
    isolation: str
    exercises: tuple[ExerciseResult, ...]
    facts: dict[str, float]
    flags: tuple[str, ...]
    cpu_seconds: float
    wall_seconds: float
    series: dict[str, list[float]] = field(default_factory=dict)
    graded_at: str = ""
    made_from: dict[str, str] = field(default_factory=dict)
    history: tuple[PastGrade, ...] = ()
    backbone: str = ""

    @property
    def points(self) -> float | None:
        """The points in all, or None where an exercise could not be judged."""
        given = [exercise.points for exercise in self.exercises]
        if self.status != GRADED or any(points is None for points in given):
            return None
        return round(sum(points for points in given if points is not None), 2)

    @property
    def needs_a_look(self) -> bool:
        """Whether an instructor should look at this submission by hand."""
        return self.points is None or self.has_grader_error or bool(self.flags)

    @property
    def has_grader_error(self) -> bool:
        """Whether the grader itself stopped in a check."""
        return any(c.status == GRADER_ERROR for e in self.exercises for c in e.checks)

    def to_json(self) -> str:
        """Return the report as JSON text."""
        return json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False) + "\n"

    def write(self, path: Path) -> None:
        """Write the report atomically."""
        write_atomically(path, self.to_json().encode())


def read_report(path: Path) -> GradeReport:
    """Read a report that `GradeReport.write` wrote.

    Raises
    ------
    GraderError
        If the file is none.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        exercises = tuple(_exercise(row) for row in tree.pop("exercises"))
        flags = tuple(tree.pop("flags"))
        history = tuple(PastGrade(**row) for row in tree.pop("history", ()))
        return GradeReport(exercises=exercises, flags=flags, history=history, **tree)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise GraderError(f"{path} is not a grade report ({error}). Grade it again.") from error


def points_of(checks: tuple[CheckResult, ...], max_points: int) -> float | None:
    """Return the points of an exercise; None where the grader stopped in one of its checks.

    A failed core check costs them all, and without a passed check there are none. Excused checks
    count for nothing on either side, and so do those whose failure shows nothing.

    Examples
    --------
    >>> ok = CheckResult("a", "", PASSED, 1, core=True)
    >>> bad = CheckResult("b", "", FAILED, 3, core=False)
    >>> points_of((ok, bad), 4)
    1.0
    """
    if any(check.core and check.status == FAILED for check in checks):
        return 0.0
    if not checks or any(check.status == GRADER_ERROR for check in checks):
        return None
    earned = sum(check.weight for check in checks if check.status == PASSED)
    counted = earned + sum(check.weight for check in checks if check.status == FAILED)
    if not counted:
        return 0.0 if any(check.status == NOT_SHOWN for check in checks) else None
    return round(max_points * earned / counted, 2)


def _exercise(row: dict[str, Any]) -> ExerciseResult:
    return ExerciseResult(**{**row, "checks": tuple(_check(check) for check in row["checks"])})


def _check(row: dict[str, Any]) -> CheckResult:
    finding = Finding(**row["finding"]) if row["finding"] else None
    return CheckResult(**{**row, "finding": finding})
