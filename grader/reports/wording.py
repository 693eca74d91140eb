"""Words and small records that the class page and the students' pages share."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from data_utils.course import Notebook
from grader.report import (
    EXCUSED,
    FAILED,
    GRADER_ERROR,
    GRADER_STOPPED,
    NOT_GRADED,
    NOT_SHOWN,
    PASSED,
    CheckResult,
    GradeReport,
)

# How a report's reason begins where the grader, not the file, was at fault (grader/schedule.py).
_PUT_BACK = ("was changed; the original was run", "was missing and was put back")
BLOCKS = 10  # of the bar that shows a share in letters
_EXAM = re.compile(r"auroc_exam_(\d)")
# A check has one verdict for all its inputs: the first of these that one of them has.
_ORDER = (FAILED, GRADER_ERROR, NOT_SHOWN, PASSED, EXCUSED)
_VERDICTS = {
    PASSED: ("\N{CHECK MARK}", "passed"),
    FAILED: ("\N{BALLOT X}", "failed"),
    EXCUSED: ("\N{EN DASH}", "not counted"),
    NOT_SHOWN: ("?", "not shown"),
    GRADER_ERROR: ("!", "the grader stopped"),
}


@dataclass(frozen=True)
class Asked:
    """What one check asked, over all the inputs on which it asked it.

    Attributes
    ----------
    title : str
    status : {"passed", "failed", "excused", "not_shown", "grader_error"}
    checks : tuple of CheckResult
    """

    title: str
    status: str
    checks: tuple[CheckResult, ...]

    @property
    def mark(self) -> str:
        """A sign beside the word, for a quick look."""
        return _VERDICTS[self.status][0]

    @property
    def verdict(self) -> str:
        """The verdict in words; of several inputs, on how many."""
        word, total = _VERDICTS[self.status][1], len(self.checks)
        hits = sum(check.status == self.status for check in self.checks)
        if total == 1 or self.status in (EXCUSED, GRADER_ERROR):
            return word
        return (
            f"{word} on {hits} of {total} inputs" if hits < total else f"{word} on {total} inputs"
        )

    @property
    def why(self) -> str:
        """Why it is not counted; empty where it is. Never what an exception said."""
        if self.status == GRADER_ERROR:
            return "Not your answer's fault. The exercise gets its points when it is graded again."
        if self.status == NOT_SHOWN:
            return "It builds on an earlier exercise that lost points, so this shows nothing."
        return self.checks[0].note if self.status == EXCUSED else ""

    @property
    def core(self) -> bool:
        """Whether the exercise earns nothing without it."""
        return any(check.core for check in self.checks)


def asked(notebook: Notebook, exercise_id: str, checks: Sequence[CheckResult]) -> list[Asked]:
    """Gather the checks of an exercise by what they asked, in their order."""
    groups: dict[str, list[CheckResult]] = {}
    for check in checks:
        groups.setdefault(check_title(notebook, exercise_id, check), []).append(check)
    return [
        Asked(title, min((c.status for c in group), key=_ORDER.index), tuple(group))
        for title, group in groups.items()
    ]


def check_title(notebook: Notebook, exercise_id: str, check: CheckResult) -> str:
    """Return what a check asked; one about a step of the exercise says which step."""
    for step in notebook.steps_of(exercise_id):
        if check.name.endswith(f"[{step.number}]"):
            return f"Step {step.number}: {check.title[:1].lower()}{check.title[1:]}"
    return check.title


def exam_auroc(report: GradeReport) -> tuple[int, float] | None:
    """Return the digit of the run and its AUROC on the exam images, where there is one."""
    for name, value in report.facts.items():
        found = _EXAM.fullmatch(name)
        if found:
            return int(found[1]), value
    return None


def stopped(report: GradeReport) -> bool:
    """Say whether the grader itself stopped, in a check or before the first one."""
    return report.has_grader_error or report.reason.startswith(GRADER_STOPPED)


def refused(report: GradeReport) -> bool:
    """Say whether the file that was handed in could not be graded."""
    return report.status == NOT_GRADED and not stopped(report)


def put_back(report: GradeReport) -> tuple[str, ...]:
    """Return the remarks about given cells that were changed or missing (grader/submissions.py)."""
    return tuple(flag for flag in report.flags if flag.endswith(_PUT_BACK))


def moment(when: str) -> str:
    """Write a time of a report for people; what is none stays as it is.

    Examples
    --------
    >>> moment("2026-11-25T02:00:26+00:00")
    '2026-11-25 02:00 UTC'
    """
    try:
        time = datetime.fromisoformat(when).astimezone(UTC)
    except ValueError:
        return when
    return f"{time:%Y-%m-%d %H:%M} UTC"


def bar(share: float) -> str:
    """Draw a share in letters, which every screen and printer has.

    Examples
    --------
    >>> bar(0.75)
    '████████░░'
    """
    full = min(BLOCKS, max(0, round(BLOCKS * share)))
    return "\N{FULL BLOCK}" * full + "\N{LIGHT SHADE}" * (BLOCKS - full)


def visible(value: object) -> object:
    """Show characters that steer how text is laid out, or that no file can hold, as their codes.

    Such as the one that turns the direction of writing; a page shows text as it was written.
    """
    if type(value) is not str or value.isprintable():
        return value
    return "".join(
        c if c.isprintable() or c in "\n\t\N{NO-BREAK SPACE}" else f"\\u{ord(c):04x}" for c in value
    )
