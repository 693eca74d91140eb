"""The results of a class as everybody reads them: reports, rescored, with the points by hand.

The table, the pages, `show` and every export start here, so that they agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from data_utils.course import Notebook
from grader.classroom import ClassFolder, Seat, list_seats
from grader.errors import GraderError
from grader.examination import Settings
from grader.freshness import require_current
from grader.gradebook import points_by_hand
from grader.grading import failed_report
from grader.report import GRADED, UNGRADED, GradeReport, read_report
from grader.rescoring import Rescoring, read_rescorings, rescored


@dataclass(frozen=True)
class Result:
    """One student's result.

    Attributes
    ----------
    student : str
    report : GradeReport
        As rescored. Its status is ``"ungraded"`` where no report holds.
    by_hand : mapping of str to (float or None)
        Points of the questions that a person grades, by question id, None while one waits; empty
        without a gradebook.
    """

    student: str
    report: GradeReport
    by_hand: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def word(self) -> str:
        """The word that stands where points would: failed, missing, ungraded; else empty."""
        if self.report.status != GRADED:
            return self.report.status
        return "" if self.report.points is not None else UNGRADED

    @property
    def total(self) -> float | None:
        """All points, those by hand with them; None while anything is not known."""
        parts = [self.report.points, *self.by_hand.values()]
        if self.word or any(part is None for part in parts):
            return None
        return round(sum(part for part in parts if part is not None), 2)


def class_results(
    folder: ClassFolder,
    notebook: Notebook,
    by_hand: Mapping[str, Mapping[str, float | None]] | None = None,
) -> list[Result]:
    """Return every student's result, sorted by name.

    Parameters
    ----------
    folder : ClassFolder
    notebook : Notebook
    by_hand : mapping, optional
        Student -> question id -> points (see grader/gradebook.py).

    Raises
    ------
    GraderError
        If there is no class, or the file of rescorings is broken.
    """
    decisions = read_rescorings(folder.reports)
    return [
        Result(
            seat.student,
            current_report(folder, seat, notebook, decisions),
            dict((by_hand or {}).get(seat.student, {})),
        )
        for seat in list_seats(folder.submitted, notebook.id)
    ]


def results_of(folder: ClassFolder, notebook: Notebook) -> list[Result]:
    """Return the results of a class, with the points that a person gave in formgrader.

    Raises
    ------
    GraderError
        As `class_results`, or if nbgrader's gradebook is there and cannot be read.
    """
    return class_results(folder, notebook, points_by_hand(folder, notebook))


def current_report(
    folder: ClassFolder, seat: Seat, notebook: Notebook, decisions: Mapping[str, Rescoring]
) -> GradeReport:
    """Return the report that holds for what lies in a seat now, rescored.

    A report of other bytes than those that lie there does not hold; it becomes ``"ungraded"``.
    """
    path = folder.report(seat.student, notebook.id)
    try:
        report = require_current(read_report(path) if path.exists() else None, seat.path)
    except GraderError as error:
        return failed_report(seat.path, Settings(), str(error), notebook.id, UNGRADED)
    return rescored(report, dict(decisions))
