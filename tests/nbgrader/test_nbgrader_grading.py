"""What goes into nbgrader's notebook, and what is refused: with reports made by hand."""

import dataclasses
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from nbformat import NotebookNode
from nbgrader.converters import Autograde, NbGraderException
from nbgrader.preprocessors import Execute, SaveAutoGrades
from nbgrader.utils import determine_grade
from traitlets.config import Config

from data_utils.course import load_course
from data_utils.selfcheck.words import Finding
from grader import nbgrader_grading
from grader.errors import GraderError
from grader.examination import Settings
from grader.freshness import made_from
from grader.judging.secret import course_secret
from grader.nbgrader_grading import GradeInSandbox, clamped, fill_grade_cells, grade_outputs
from grader.nbgrader_plugin import configure_course
from grader.nbgrader_reading import SubmissionReader, tidied
from grader.report import CheckResult, ExerciseResult, GradeReport, read_report
from grader.sandbox import Isolation, SandboxUnavailable
from grader.submissions import released_notebook
from tests.nbgrader.conftest import NB, damage

EXERCISES = load_course().notebook(NB).exercises
PLACE = {"nbgrader": {"student": "ada", "assignment": NB, "notebook": NB}}


def report_of(points: Any = 1.5, **changes: Any) -> GradeReport:
    finding = Finding("one", "two", "three", "four")
    check = CheckResult("test_secret", "A secret title.", "failed", 1, False, finding)
    results = tuple(ExerciseResult(e.id, e.function, e.points, points, (check,)) for e in EXERCISES)
    report = GradeReport(
        f"{NB}.ipynb", NB, "", "graded", "", "quick", "cpu", "bwrap", results, {}, (), 1.0, 1.0
    )
    return dataclasses.replace(report, **changes)


def release() -> NotebookNode:
    return nbformat.read(released_notebook(NB), as_version=4)


def grader_in(root: Path) -> GradeInSandbox:
    config = Config()
    config.CourseDirectory.root = str(root)
    config.GradeInSandbox.profile = "quick"
    config.GradeInSandbox.isolation = "none"  # no sandbox is started for a report made by hand
    return GradeInSandbox(config=config)


def graded_as(monkeypatch: pytest.MonkeyPatch, result: GradeReport | Exception) -> None:
    def grade(path: Path, settings: Settings, expected: str | None) -> GradeReport:
        assert (settings.profile, expected) == ("quick", NB)
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(nbgrader_grading, "grade_submission", grade)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        (1.5, 1.5),
        (np.float64(1.5), 1.5),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3.0),
        (-1.0, 0.0),
        (-0.0, 0.0),
        (7, 4.0),
        (True, 1.0),
    ],
)
def test_nbgrader_reads_the_points_that_were_given(points: Any, expected: float) -> None:
    cell = nbformat.v4.new_code_cell()
    cell.metadata["nbgrader"] = {"grade": True, "solution": False, "points": 4}
    cell.outputs = grade_outputs(ExerciseResult("1.1", "f", 4, points, ()))
    assert determine_grade(cell) == (expected, 4.0)
    assert type(clamped(points, 4)) is float


@pytest.mark.parametrize("points", [float("nan"), float("inf"), np.float64("nan"), "much", None])
def test_what_is_no_number_is_neither_zero_nor_full_marks(points: Any) -> None:
    with pytest.raises(NbGraderException, match="no number"):
        clamped(points, 4)


def test_grade_cells_get_words_and_points_and_nothing_for_the_instructor() -> None:
    notebook = release()
    fill_grade_cells(notebook, report_of())
    written = nbformat.writes(notebook)
    cells = [cell for cell in notebook.cells if cell.get("outputs")]
    assert [cell.metadata.nbgrader.grade_id for cell in cells] == [e.grade_id for e in EXERCISES]
    for cell in cells:
        assert "[ FAILED ]" in cell.outputs[0].text
        assert cell.outputs[1].data == {"text/plain": "1.5"}
    assert "test_secret" not in written
    assert "A secret title." not in written


def test_an_old_gradebook_is_named_instead_of_dropping_the_submission() -> None:
    notebook = release()
    cell = next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade"))
    cell.metadata.nbgrader["points"] = 1
    with pytest.raises(NbGraderException, match=r"worth 1 points .* 4 in course\.toml"):
        fill_grade_cells(notebook, report_of())


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (report_of(status="failed", reason="It is empty."), "It is empty."),
        (report_of(points=None), "That is not a zero"),
        (GraderError("pytest broke."), "The grader stopped, not the student's work: pytest broke."),
        (SandboxUnavailable("no bwrap"), "The grader stopped, not the student's work: no bwrap"),
    ],
)
def test_what_cannot_be_graded_is_reported_and_raised(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, result: Any, words: str
) -> None:
    graded_as(monkeypatch, result)
    with pytest.raises(NbGraderException, match=words):
        grader_in(tmp_path).preprocess(release(), PLACE)
    report = read_report(tmp_path / "reports/ada" / f"{NB}.json")
    assert report.points is None


def kept_report(root: Path, profile: str = "quick") -> Path:
    """Write a submission and a report that holds for it."""
    path = place_of(root)
    path.write_bytes(released_notebook(NB).read_bytes())
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    secret = course_secret(root)
    settings = Settings(profile, isolation=Isolation.NONE, secret_file=secret)
    report = report_of(sha256=sha256, made_from=made_from(sha256, NB, settings))
    report.write(root / "reports/ada" / f"{NB}.json")
    return path


def test_a_report_that_holds_is_taken_instead_of_grading(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    graded_as(monkeypatch, GraderError("It was graded."))
    kept_report(tmp_path)
    before = (tmp_path / "reports/ada" / f"{NB}.json").read_bytes()
    notebook, _ = grader_in(tmp_path).preprocess(release(), PLACE)
    cells = [cell for cell in notebook.cells if cell.get("outputs")]
    assert [cell.outputs[1].data["text/plain"] for cell in cells] == ["1.5"] * len(EXERCISES)
    assert (tmp_path / "reports/ada" / f"{NB}.json").read_bytes() == before


@pytest.mark.parametrize("change", ["again", "bytes", "profile", "broken report"])
def test_a_report_that_does_not_hold_is_made_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: str
) -> None:
    graded_as(monkeypatch, GraderError("It was graded."))
    path = kept_report(tmp_path, "embedded" if change == "profile" else "quick")
    grader = grader_in(tmp_path)
    grader.again = change == "again"
    if change == "bytes":
        path.write_bytes(path.read_bytes() + b"\n")
    if change == "broken report":
        (tmp_path / "reports/ada" / f"{NB}.json").write_text("{")
    with pytest.raises(NbGraderException, match=r"It was graded\."):
        grader.preprocess(release(), PLACE)


def test_where_only_reports_count_nothing_is_graded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    graded_as(monkeypatch, GraderError("It was graded."))
    path = kept_report(tmp_path, "embedded")
    grader = grader_in(tmp_path)
    grader.only_reports = True
    grader.preprocess(release(), PLACE)  # of another profile, and taken all the same
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(NbGraderException, match="changed after it was graded"):
        grader.preprocess(release(), PLACE)
    (tmp_path / "reports/ada" / f"{NB}.json").unlink()
    with pytest.raises(NbGraderException, match="not graded yet"):
        grader.preprocess(release(), PLACE)


def test_a_broken_file_of_rescorings_stops_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept_report(tmp_path)
    (tmp_path / "reports/rescored.json").write_text("{")
    with pytest.raises(NbGraderException, match="cannot be read"):
        grader_in(tmp_path).preprocess(release(), PLACE)


def test_grading_cannot_be_switched_off() -> None:
    config = Config()
    config.GradeInSandbox.enabled = False  # nbgrader would give full marks for empty cells
    assert GradeInSandbox(config=config).enabled


def test_the_settings_replace_execute_and_keep_the_rest() -> None:
    config = Config()
    configure_course(config)
    ours, stock = config.Autograde.autograde_preprocessors, Autograde.autograde_preprocessors
    assert Execute not in ours
    assert ours.index(GradeInSandbox) < ours.index(SaveAutoGrades)
    assert len(ours) == len(stock.default_args[0])


def reader_in(root: Path) -> SubmissionReader:
    config = Config()
    config.CourseDirectory.root = str(root)
    config.Exporter.default_preprocessors = []
    return SubmissionReader(config=config)


def place_of(root: Path) -> Path:
    path = root / "submitted/ada" / NB / f"{NB}.ipynb"
    path.parent.mkdir(parents=True)
    return path


def test_a_link_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    path = place_of(tmp_path)
    path.symlink_to(released_notebook(NB))
    with pytest.raises(NbGraderException, match="is a link"):
        reader_in(tmp_path).from_filename(str(path), PLACE)
    assert read_report(tmp_path / "reports/ada" / f"{NB}.json").status == "failed"


def test_a_linked_folder_is_refused(tmp_path: Path) -> None:
    path = place_of(tmp_path)
    path.write_bytes(released_notebook(NB).read_bytes())
    path.parent.rename(tmp_path / "elsewhere")
    path.parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NbGraderException, match="is a link to another one"):
        reader_in(tmp_path).from_filename(str(path), PLACE)


def test_nbgraders_own_copy_is_read_as_it_is(tmp_path: Path) -> None:
    copy = tmp_path / "autograded/ada" / NB / f"{NB}.ipynb"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(released_notebook(NB).read_bytes())
    text, _ = reader_in(tmp_path).from_filename(str(copy), PLACE)
    assert json.loads(text)["cells"] == json.loads(copy.read_text())["cells"]


def test_a_damaged_notebook_gets_its_grade_cells_back_in_their_places() -> None:
    notebook = tidied(json.loads(damage(released_notebook(NB).read_text())), NB)
    nbformat.validate(notebook)
    names = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells]
    given = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in release().cells]
    assert [name for name in names if name] == [name for name in given if name]
    assert all(cell.metadata.get("nbgrader") != {} for cell in notebook.cells)


def test_pasted_images_stay_and_rubbish_goes() -> None:
    image = {"a.png": {"image/png": "iVBORw0KGgo="}}
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["a", "b"], "attachments": image},
        {"cell_type": "markdown", "source": "half \ud800", "attachments": {"a.png": 7}, "id": 9},
    ]
    first, second = tidied({"cells": cells}, NB).cells[-2:]
    assert (first.source, first.attachments) == ("ab", image)
    assert (second.source, "attachments" in second) == ("half ?", False)


def test_grading_does_not_load_nbgrader() -> None:
    code = (
        "import sys, grader.grading, grader.schedule\n"
        "heavy = {'nbgrader', 'nbconvert', 'jupytext', 'sqlalchemy', 'tensorflow', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
