"""Points, statuses and what a report says."""

import json
from pathlib import Path

import pytest

from data_utils.selfcheck.words import Finding
from grader.errors import GraderError
from grader.examination import Settings
from grader.grading import failed_report
from grader.report import (
    EXCUSED,
    FAILED,
    GRADER_ERROR,
    NOT_SHOWN,
    PASSED,
    CheckResult,
    ExerciseResult,
    GradeReport,
    points_of,
    read_report,
)
from grader.tables import report_lines

FINDING = Finding("one thing", "another", "a reason", "a way")


def a_check(status: str, weight: float = 1, core: bool = False) -> CheckResult:
    return CheckResult("c", "t", status, weight, core, FINDING if status == FAILED else None)


def a_report(*checks: CheckResult, points: float | None) -> GradeReport:
    exercise = ExerciseResult("1.2", "reconstruction_error", 3, points, checks)
    return GradeReport("x.ipynb", "nb1_autoencoder", "0", "graded", "", "quick", "cpu", "bwrap",
                       (exercise,), {"auroc_exam_9": 0.7}, (), 1.0, 2.0)  # fmt: skip


@pytest.mark.parametrize(
    ("checks", "points"),
    [
        ([(PASSED, 1, False), (FAILED, 3, False)], 1.0),  # partial credit by weight
        ([(PASSED, 3, False), (FAILED, 1, True)], 0.0),  # a core check decides
        ([(PASSED, 1, True), (EXCUSED, 5, False)], 4.0),  # excused: not counted
        ([(PASSED, 1, True), (GRADER_ERROR, 5, True)], None),  # never full points for it
        ([(FAILED, 1, False), (GRADER_ERROR, 1, False)], None),
        ([(FAILED, 1, True), (GRADER_ERROR, 1, False)], 0.0),  # no re-grade can change that
        ([(GRADER_ERROR, 1, True)], None),  # nothing could be judged: no points, and no zero
        ([(PASSED, 1, False), (NOT_SHOWN, 5, False)], 4.0),  # pro rata to what was judged
        ([(NOT_SHOWN, 1, True)], 0.0),  # without a passed check of its own there is nothing
        ([], None),
    ],
)
def test_points_follow_from_weights(
    checks: list[tuple[str, float, bool]], points: float | None
) -> None:
    assert points_of(tuple(a_check(*check) for check in checks), 4) == points


def test_a_report_survives_its_file(tmp_path: Path) -> None:
    report = a_report(a_check(PASSED), a_check(FAILED), points=1.5)
    report.write(tmp_path / "deep" / "r.json")
    assert read_report(tmp_path / "deep" / "r.json") == report
    assert json.loads((tmp_path / "deep" / "r.json").read_text())["facts"] == {"auroc_exam_9": 0.7}


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"exercises": 3}'])
def test_a_damaged_report_is_refused_in_words(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(GraderError, match="Grade it again"):
        read_report(tmp_path / "r.json")


def test_a_failed_check_is_five_lines_without_traceback() -> None:
    lines = report_lines(a_report(a_check(FAILED, core=True), points=0.0))
    assert lines[0] == "[ FAILED ]  Exercise 1.2  reconstruction_error   0 of 3 points"
    assert [line.split()[0] for line in lines[1:5]] == ["expected", "got", "why", "try"]


def test_one_mistake_on_two_inputs_is_said_once() -> None:
    other = Finding("one thing", "other numbers", FINDING.why, FINDING.advice)
    twice = CheckResult("d", "t", FAILED, 1, core=True, finding=other)
    lines = report_lines(a_report(a_check(FAILED), twice, points=0.0))
    assert len([line for line in lines if "why" in line]) == 1


def test_a_grader_error_is_not_called_the_students() -> None:
    report = a_report(a_check(GRADER_ERROR), points=None)
    text = "\n".join(report_lines(report))
    assert "The grader stopped, not your answer" in text
    assert report.points is None
    assert report.needs_a_look


def test_what_cannot_be_graded_is_no_zero() -> None:
    report = failed_report(Path("x.ipynb"), Settings(), "x.ipynb is empty.", "nb1_autoencoder")
    assert report.points is None
    assert report.needs_a_look
    assert report_lines(report) == [
        "[ FAILED ]  x.ipynb",
        "  x.ipynb is empty.",
        "  This is not a zero.",
    ]
