"""Who needs a look, and why: flags and reasons sorted into a few kinds."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from data_utils.course import Notebook
from grader.report import GRADED, GRADER_ERROR, MISSING, UNGRADED
from grader.reports.wording import check_title, put_back, refused, stopped
from grader.results import Result


@dataclass(frozen=True)
class Attention:
    """One kind of trouble, what to do about it, and whom it concerns.

    Attributes
    ----------
    title, advice : str
    students : tuple of (student, why)
    """

    title: str
    advice: str
    students: tuple[tuple[str, str], ...]


def who_needs_a_look(results: Sequence[Result], notebook: Notebook) -> tuple[Attention, ...]:
    """Sort the students who need a look by kind; one can stand in several, kinds without any go."""
    groups = []
    for title, advice, reasons_of in _KINDS:
        students = tuple(
            (result.student, "; ".join(reasons))
            for result in results
            for reasons in [list(dict.fromkeys(reasons_of(result, notebook)))]
            if reasons
        )
        if students:
            groups.append(Attention(title, advice, students))
    return tuple(groups)


def _failed(result: Result, _: Notebook) -> Iterator[str]:
    if refused(result.report):
        yield result.report.reason or "no reason is known"


def _missing(result: Result, _: Notebook) -> Iterator[str]:
    if result.report.status == MISSING:
        yield result.report.reason or "nothing was handed in"


def _ungraded(result: Result, _: Notebook) -> Iterator[str]:
    if result.report.status == UNGRADED:
        yield result.report.reason or "there is no report"


def _stopped(result: Result, notebook: Notebook) -> Iterator[str]:
    report = result.report
    if stopped(report) and report.reason:
        yield report.reason
    for exercise in report.exercises:
        titles: dict[str, list[str]] = {}
        for check in exercise.checks:
            if check.status == GRADER_ERROR:
                title = check_title(notebook, exercise.id, check)
                titles.setdefault(check.note or "no exception noted", []).append(title)
        for note, where in titles.items():
            more = f" and {len(where) - 1} more" if len(where) > 1 else ""
            yield f"exercise {exercise.id}, {note}, in {where[0]!r}{more}"
        if report.status == GRADED and exercise.points is None and not exercise.checks:
            yield f"exercise {exercise.id} has no result"


def _tampered(result: Result, _: Notebook) -> Iterator[str]:
    yield from put_back(result.report)


def _too_good(result: Result, _: Notebook) -> Iterator[str]:
    yield from (flag for flag in result.report.flags if _kind(flag) == "auroc")


def _no_sandbox(result: Result, _: Notebook) -> Iterator[str]:
    yield from (flag for flag in result.report.flags if _kind(flag) == "sandbox")


def _other(result: Result, _: Notebook) -> Iterator[str]:
    known = put_back(result.report)
    yield from (f for f in result.report.flags if f not in known and _kind(f) == "other")


def _kind(flag: str) -> str:
    """Tell flags apart by their words (grader/grading.py, grader/submissions.py)."""
    beginnings = {
        "AUROC ": "auroc",
        "graded without a sandbox": "sandbox",
        "the grader stopped in ": "stopped",
    }
    return next((kind for words, kind in beginnings.items() if flag.startswith(words)), "other")


_Reasons = Callable[[Result, Notebook], Iterator[str]]
_KINDS: tuple[tuple[str, str, _Reasons], ...] = (
    (
        "Too good to be true",
        "Read how the detector is fitted: did it see anomalies? No points were cut.",
        _too_good,
    ),
    (
        "Given cells changed",
        "The original cells were run, so no points hang on this. Ask why they were changed.",
        _tampered,
    ),
    (
        "The grader stopped",
        "A fault of the grader, not of the student. Grade them again; if it stays, read the note.",
        _stopped,
    ),
    (
        "Failed",
        "The file could not be graded. There are no points, which is not a zero: ask for a file "
        "that can be graded.",
        _failed,
    ),
    (
        "Missing",
        "Nothing was handed in under the right name. This is not a zero either.",
        _missing,
    ),
    ("Ungraded", "There is no grade for what lies there now.", _ungraded),
    (
        "Without a sandbox",
        "Nothing held the student's code back while it ran, on this machine with your rights.",
        _no_sandbox,
    ),
    ("Other remarks", "No points hang on these.", _other),
)
