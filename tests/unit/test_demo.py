"""The sample class must not pass because nothing was judged."""

import dataclasses

import pytest

from data_utils.course import load_course
from data_utils.selfcheck.nb1_detector import digit_form
from grader.demo import judge
from grader.report import GRADED, GRADER_ERROR, PASSED, CheckResult, ExerciseResult, GradeReport

NOTEBOOK = load_course().notebook("nb1_autoencoder")


def report_of(status: str) -> GradeReport:
    points = {PASSED: True, GRADER_ERROR: False}[status]
    exercises = tuple(
        ExerciseResult(e.id, e.function, e.points, float(e.points) if points else None,
                       (CheckResult("c", "t", status, 1, core=True),))
        for e in NOTEBOOK.exercises
    )  # fmt: skip
    return GradeReport("x.ipynb", NOTEBOOK.id, "0", GRADED, "", "quick", "cpu", "bwrap",
                       exercises, {}, (), 1.0, 2.0)  # fmt: skip


def test_a_right_sample_that_was_judged_passes() -> None:
    assert judge("solution", NOTEBOOK.id, report_of(PASSED)).complaints == ()


def test_a_sample_whose_checks_stopped_is_a_complaint() -> None:
    assert "grader_error" in str(judge("solution", NOTEBOOK.id, report_of(GRADER_ERROR)).complaints)


def test_a_sample_without_any_result_is_a_complaint() -> None:
    nothing = dataclasses.replace(report_of(PASSED), exercises=())
    assert judge("solution", NOTEBOOK.id, nothing).complaints


@pytest.mark.parametrize("odd", ["9", None, 9.5, True, 10, -1, [9]])
def test_a_digit_that_is_none_is_a_finding_and_no_crash(odd: object) -> None:
    assert digit_form(odd) is not None
    assert digit_form(9) is None
