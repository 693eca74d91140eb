"""What a grade hangs on: as long as none of it changes, nothing is graded again.

A grade is made from the submission's bytes, the hidden checks with all that they read, the course
file, the kit's version and the way of grading. Their hashes stand in the report.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import data_utils
from data_utils.course import load_course
from grader.errors import GraderError, SubmissionError
from grader.examination import Settings
from grader.judging.secret import secret_hash
from grader.report import GRADED, GradeReport, PastGrade, read_report
from grader.submissions import read_bytes, released_notebook

DISTRIBUTION = "anomaly-course"
HASH_CHARACTERS = 16  # 64 bits: enough to tell versions apart, short enough to read aloud
# How the instructor is told that a part is not what it was.
_CHANGED = {
    "submission": "the submission changed",
    "checks": "the hidden checks changed",
    "course": "course.toml changed",
    "kit": "the kit's version changed",
    "profile": "another profile was asked for",
    "device": "another device was asked for",
    "isolation": "another isolation was asked for",
    "exam": "the secret of the exam's images changed",
    "backbone": "another pretrained network was in use",
}
FORCED = "it was asked for"
STOPPED = "the grader had stopped in a check"
TRIED_AGAIN = "it could not be graded before"


def now() -> str:
    """Return the time as reports hold it: UTC, ISO 8601, whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def made_from(sha256: str, notebook_id: str, settings: Settings) -> dict[str, str]:
    """Return everything that a grade hangs on, by name."""
    reads_backbone = load_course().notebook(notebook_id).reads_backbone
    return {
        "submission": sha256,
        "checks": _checks_hash(notebook_id),
        "course": _hash_of([Path(data_utils.__file__).parent / "course.toml"]),
        "kit": _kit_version(),
        "profile": settings.profile,
        "device": settings.device,
        "isolation": settings.isolation.value,
        "exam": secret_hash(settings.secret_file),
        **({"backbone": settings.backbone} if reads_backbone else {}),
    }


def why_again(
    report: GradeReport | None, path: Path, notebook_id: str, settings: Settings
) -> str | None:
    """Say why a submission has to be graded, or None if its report still holds.

    Parameters
    ----------
    report : GradeReport or None
        The last one; without one the answer is an empty sentence.
    path : Path
        Of the submission.
    notebook_id : str
    settings : Settings

    Notes
    -----
    What could not be graded is always tried again: it costs nothing, and the reason may have gone.
    """
    if report is None or report.status != GRADED:
        return ""
    if report.has_grader_error:
        return STOPPED
    try:
        sha256 = hashlib.sha256(read_bytes(path)).hexdigest()
    except SubmissionError:
        sha256 = ""
    wanted = made_from(sha256, notebook_id, settings)
    changed = [_CHANGED[name] for name in wanted if report.made_from.get(name) != wanted[name]]
    return ", ".join(changed) or None


def require_current(report: GradeReport | None, path: Path) -> GradeReport:
    """Return a report of the bytes that lie at `path` now.

    Raises
    ------
    SubmissionError
        If there is none, or it is of other bytes.
    """
    if report is None:
        raise SubmissionError("It is not graded yet. Run: python -m grader autograde")
    if report.status == GRADED and hashlib.sha256(read_bytes(path)).hexdigest() != report.sha256:
        raise SubmissionError(
            "The file was changed after it was graded. Run: python -m grader autograde"
        )
    return report


def with_history(report: GradeReport, path: Path, why: str) -> GradeReport:
    """Return a new report with the earlier grades of the one that it will replace.

    Parameters
    ----------
    report : GradeReport
    path : Path
        Where the earlier report lies, if there is one.
    why : str
        Why the submission was graded again.
    """
    try:
        old = read_report(path)
    except GraderError:  # there is none, or none that can be read
        return report
    same = _grade(old) == _grade(report) and old.made_from == report.made_from
    past = PastGrade(old.graded_at, old.status, old.points, _grade(old), why or TRIED_AGAIN)
    return dataclasses.replace(report, history=old.history if same else (*old.history, past))


def _grade(report: GradeReport) -> dict[str, float | None]:
    return {exercise.id: exercise.points for exercise in report.exercises}


@functools.cache
def _checks_hash(notebook_id: str) -> str:
    """Hash the hidden checks and all that they are made of: helpers, words, exam, given cells."""
    grader, kit = Path(__file__).parent, Path(data_utils.__file__).parent
    return _hash_of(
        [
            *(grader / "hidden").glob("*.py"),
            *(grader / "judging").glob("*.py"),
            *(grader / f"{name}.py" for name in ("checklog", "examination", "report", "student")),
            *(grader / "exam").glob("*.npz"),
            *(path for path in kit.rglob("*") if path.suffix in (".py", ".npz")),
            released_notebook(notebook_id),
        ]
    )


def _hash_of(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:HASH_CHARACTERS]


@functools.cache
def _kit_version() -> str:
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:  # run from a checkout that was not installed
        return "not installed"
