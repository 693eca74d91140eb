"""Grade a class: several long-lived worker processes, one report written for each submission."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path

from grader.classroom import Seat, report_path, require_submission
from grader.errors import MissingSubmissionError, SubmissionError
from grader.examination import Settings
from grader.grading import failed_report, grade_submission
from grader.report import MISSING, NOT_GRADED, GradeReport


def grade_class(
    seats: list[Seat], notebook_id: str, settings: Settings, reports: Path, workers: int
) -> Iterator[tuple[Seat, GradeReport]]:
    """Grade every seat and yield each report as it is finished and written.

    Parameters
    ----------
    seats : list of Seat
    notebook_id : str
    settings : Settings
    reports : Path
        Folder; ``STUDENT/NOTEBOOK.json`` is written there, atomically.
    workers : int
        Processes side by side; each trains with one thread.

    Notes
    -----
    A submission that takes its worker down gets a report that says so, and so do those that were
    waiting for that worker; grade them again. No report is ever a zero for that.
    """
    # "spawn": a worker starts clean, and its sandboxes are tied to its own main thread.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        waiting: dict[Future[GradeReport], Seat] = {
            pool.submit(grade_seat, seat, notebook_id, settings, reports): seat for seat in seats
        }
        for future in as_completed(waiting):
            seat = waiting[future]
            try:
                yield seat, future.result()
            except Exception as error:  # one submission must not end the class
                reason = f"The grader stopped, not the student's work: {error}"
                report = failed_report(seat.path, settings, reason, notebook_id)
                report.write(report_path(reports, seat.student, notebook_id))
                yield seat, report


def grade_seat(seat: Seat, notebook_id: str, settings: Settings, reports: Path) -> GradeReport:
    """Grade one student's notebook and write the report."""
    try:
        require_submission(seat)
        report = grade_submission(seat.path, settings, notebook_id)
    except SubmissionError as error:
        word = MISSING if isinstance(error, MissingSubmissionError) else NOT_GRADED
        report = failed_report(seat.path, settings, str(error), notebook_id, word)
    report.write(report_path(reports, seat.student, notebook_id))
    return report
