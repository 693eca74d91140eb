"""Grade one submission: read it, run the hidden checks in this process, return a GradeReport."""

import contextlib
import io
import os
import time
from collections.abc import Collection
from pathlib import Path

import pytest

from data_utils.course import Notebook
from grader.checklog import CheckLog
from grader.errors import GraderError, SubmissionError
from grader.examination import Settings
from grader.freshness import made_from, now
from grader.full_images import training_folder
from grader.judging.flags import literal_data, too_good
from grader.report import FAILED, GRADED, GRADER_ERROR, NOT_GRADED, NOT_SHOWN, GradeReport
from grader.sandbox import Isolation
from grader.submissions import Submission, read_submission

HIDDEN = Path(__file__).resolve().parent / "hidden"
_PYTEST_ENDED_WELL = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)


def grade_submission(
    path: Path, settings: Settings, expected: str | None = None, only: Collection[str] = ()
) -> GradeReport:
    """Grade one submitted notebook.

    Parameters
    ----------
    path : Path
    settings : Settings
    expected : str, optional
        Id of the notebook that was to be handed in.
    only : collection of str
        Ids of the exercises to report; empty for all of them. What they build on is judged too.

    Returns
    -------
    GradeReport
        With status ``"failed"`` and a sentence where the file cannot be graded. Whatever the
        student's file holds, it ends in a report.

    Raises
    ------
    GraderError
        If the grader itself cannot work: no sandbox, a missing build, no images for ``full``.
    """
    if settings.profile == "full":
        training_folder()  # or a sentence now, not a grader_error in every check
    started, own = time.monotonic(), time.process_time()
    try:
        submission = read_submission(path, expected)
    except SubmissionError as error:
        return failed_report(path, settings, str(error), expected or "")
    log = CheckLog(submission, settings)
    _run_hidden_checks(submission, log, only)
    exercises = log.exercises(submission.notebook, only)
    return GradeReport(
        submission=path.name,
        notebook=submission.notebook.id,
        sha256=submission.sha256,
        status=GRADED,
        reason="",
        profile=settings.profile,
        device=settings.device,
        isolation=settings.isolation.value,
        exercises=exercises,
        facts={name: round(value, 4) for name, value in log.facts.items()},
        flags=(
            *submission.remarks,
            *literal_data(submission),
            *_flags(submission.notebook, settings, log),
        ),
        cpu_seconds=round(log.cpu_seconds + time.process_time() - own, 2),
        wall_seconds=round(time.monotonic() - started, 2),
        series=log.series,
        graded_at=now(),
        made_from=made_from(submission.sha256, submission.notebook.id, settings),
        backbone=settings.backbone if submission.notebook.reads_backbone else "",
    )


def failed_report(
    path: Path, settings: Settings, reason: str, notebook: str, status: str = NOT_GRADED
) -> GradeReport:
    """Return the report of a submission that cannot be graded, or that is missing."""
    return GradeReport(
        submission=path.name,
        notebook=notebook,
        sha256="",
        status=status,
        reason=reason,
        profile=settings.profile,
        device=settings.device,
        isolation=settings.isolation.value,
        exercises=(),
        facts={},
        flags=(),
        cpu_seconds=0.0,
        wall_seconds=0.0,
        graded_at=now(),
    )


def hidden_checks(notebook: Notebook) -> list[Path]:
    """Return the files with the hidden checks of a notebook, in the order of their names.

    Raises
    ------
    GraderError
        If there is none: pytest without a file would collect whatever lies in the folder at hand.
    """
    files = sorted(HIDDEN.glob(f"test_{notebook.id}*.py"))
    if not files:
        raise GraderError(
            f"There are no hidden checks of {notebook.id} in {HIDDEN}. "
            "Install the grader again; its files are not whole."
        )
    return files


def _run_hidden_checks(submission: Submission, log: CheckLog, only: Collection[str]) -> None:
    """Run pytest in this process; what it prints is kept for the case that it breaks."""
    arguments = [
        *map(str, hidden_checks(submission.notebook)),
        f"--rootdir={HIDDEN}",
        f"--confcutdir={HIDDEN}",
        "-c", os.devnull, "-q", "-s", "--assert=plain", "-p", "no:cacheprovider",
        # Each collects all garbage after every test: half a second for one submission.
        "-p", "no:unraisableexception", "-p", "no:threadexception",
        *(f"--exercise={exercise}" for exercise in only),
        f"--secret-file={log.settings.secret_file if log.settings else ''}",
    ]  # fmt: skip
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = pytest.main(arguments, plugins=[log])
    if code not in _PYTEST_ENDED_WELL:
        raise GraderError(
            "The hidden checks did not run to their end. This is the grader's fault, not the "
            f"student's.\n{printed.getvalue().strip()[-2000:]}"
        )


def _flags(notebook: Notebook, settings: Settings, log: CheckLog) -> tuple[str, ...]:
    """Say what somebody should look at; no flag changes points."""
    flags = list(too_good(notebook, settings, log.facts))
    checks = [check for results in log.results.values() for check in results]
    broken = [check.name for check in checks if check.status == GRADER_ERROR]
    if broken:
        flags.append(f"the grader stopped in {', '.join(broken)}; a re-grade gives the points")
    odd = [check.name for check in checks if check.status == FAILED and check.note]
    if odd:
        flags.append(f"odd values ended {', '.join(odd)}, which failed for it")
    unshown = [check.name for check in checks if check.status == NOT_SHOWN]
    if unshown:
        flags.append(
            f"{', '.join(unshown)} failed beside an earlier mistake, and there is no solution here "
            "to take its place: judge by hand"
        )
    if settings.isolation is Isolation.NONE:
        flags.append("graded without a sandbox")
    return tuple(flags)
