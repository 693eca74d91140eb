"""The sample class must not pass because nothing was judged."""

import dataclasses
from typing import Any

import pytest
from typer.testing import CliRunner

from data_utils.course import Course, load_course
from grader.cli import app
from grader.demo import Graded, demo_students, few_students, judge
from grader.report import GRADED, GRADER_ERROR, PASSED, CheckResult, ExerciseResult, GradeReport
from grader.sandbox import Isolation

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


@pytest.mark.parametrize(
    ("chosen", "shown", "wrong", "code"),
    [
        ([], [NOTEBOOK.id, "nb8_other"], "", 0),
        (["--notebook", "nb8_other"], ["nb8_other"], "", 0),
        ([], [NOTEBOOK.id, "nb8_other"], NOTEBOOK.id, 1),  # the last one being right hides nothing
        (["--notebook", "nb8_other"], ["nb8_other"], NOTEBOOK.id, 0),
    ],
)
def test_each_notebook_has_its_own_class_and_table(
    monkeypatch: pytest.MonkeyPatch, chosen: list[str], shown: list[str], wrong: str, code: int
) -> None:
    course = Course((NOTEBOOK, dataclasses.replace(NOTEBOOK, id="nb8_other")))
    monkeypatch.setattr("grader.cli.load_course", lambda: course)
    monkeypatch.setattr("grader.sandbox.best_isolation", lambda: Isolation.BWRAP)

    def graded(notebook_id: str, root: Any, settings: Any, on_report: Any, _: bool) -> list[Graded]:
        complaints = ("1.1: 0, not 4",) if notebook_id == wrong else ()
        result = Graded("solution", report_of(PASSED), "26", complaints)
        on_report(result)
        return [result]

    monkeypatch.setattr("grader.demo.grade_sample_class", graded)
    done = CliRunner().invoke(app, ["demo", *chosen])
    assert done.exit_code == code
    tables = [
        line.split(":")[0].strip() for line in done.output.splitlines() if "submissions" in line
    ]
    assert tables == shown
    assert done.output.count("1 of 1 samples") == len(shown) - (wrong in shown)


def test_each_notebook_is_shown_by_designs_mistakes_and_no_attack_twice() -> None:
    course = load_course()
    shown = {notebook.id: demo_students(notebook.id) for notebook in course.notebooks}
    assert shown[NOTEBOOK.id] == few_students(NOTEBOOK.id)
    for notebook in course.notebooks:
        kinds = [student.kind for student in shown[notebook.id]]
        assert kinds.count("right") >= 2
        assert 4 * kinds.count("wrong") >= len(notebook.exercises)
    attacks = [s.name for students in shown.values() for s in students if s.kind == "hostile"]
    assert len(attacks) == len(set(attacks)) > kinds.count("hostile")
