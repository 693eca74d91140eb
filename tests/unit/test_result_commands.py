"""From a download to the export on the command line, with reports made by hand."""

import csv
import dataclasses
import hashlib
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from data_utils.course import load_course
from grader.classroom import ClassFolder
from grader.cli import app
from grader.report import GRADED, PASSED, CheckResult, ExerciseResult, GradeReport
from grader.submissions import released_notebook

NB = "nb1_autoencoder"
NOTEBOOK = load_course().notebook(NB)
MOODLE_NAMES = {"Ada Lovelace_101": "ada-lovelace", "Bob Builder_102": "bob-builder"}


def run(folder: ClassFolder, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--course", str(folder.root)])


@pytest.fixture
def collected(tmp_path: Path) -> ClassFolder:
    """Return a class that came out of Moodle's zip, with Ada graded and Bob not."""
    download = tmp_path / "download.zip"
    release = released_notebook(NB).read_bytes()
    with zipfile.ZipFile(download, "w") as archive:
        for name in MOODLE_NAMES:
            archive.writestr(f"{name}_assignsubmission_file_/{NB}.ipynb", release)
        archive.writestr("../outside.ipynb", release)
    folder = ClassFolder(tmp_path / "course")
    folder.root.mkdir()
    done = run(folder, "collect", str(download))
    assert done.exit_code == 1  # one entry was refused
    assert "2 taken" in done.output
    assert "outside.ipynb" in done.output
    assert not (tmp_path / "outside.ipynb").exists()
    grade(folder, "ada-lovelace", hashlib.sha256(release).hexdigest())
    return folder


def grade(folder: ClassFolder, student: str, sha256: str) -> None:
    exercises = tuple(
        ExerciseResult(
            *(e.id, e.function, e.points, float(e.points)),
            (CheckResult("test_it", "It is right.", PASSED, 1, core=True),),
        )
        for e in NOTEBOOK.exercises
    )
    report = GradeReport(
        *(f"{NB}.ipynb", NB, sha256, GRADED, "", "quick", "cpu", "bwrap"),
        *(exercises, {}, (), 1.0, 1.0),
    )
    dataclasses.replace(report, graded_at="2026-01-02T03:04:05+00:00").write(
        folder.report(student, NB)
    )


def test_pages_are_written_for_everybody(collected: ClassFolder) -> None:
    done = run(collected, "report")
    assert done.exit_code == 0, done.output
    written = {path.name for path in (collected.pages / NB).iterdir()}
    assert written == {"index.html", "ada-lovelace.html", "bob-builder.html"}


def test_feedback_reaches_those_who_were_not_graded_too(collected: ClassFolder) -> None:
    done = run(collected, "feedback")
    assert done.exit_code == 0, done.output
    assert "Feedback for 2 students" in done.output
    assert "1 of them were graded" in done.output
    page = collected.root / "feedback" / "bob-builder" / NB / "report.html"
    assert "ungraded" in page.read_text()


def test_the_export_holds_points_and_words(collected: ClassFolder) -> None:
    done = run(collected, "export", "--to", str(collected.root / "out.csv"))
    assert done.exit_code == 1  # Bob has no points
    rows = {row["student"]: row for row in csv.DictReader((collected.root / "out.csv").open())}
    assert rows["ada-lovelace"]["total"] == str(NOTEBOOK.points)
    assert rows["bob-builder"]["total"] == "ungraded"
    assert "bob-builder ungraded" in done.output


def test_rescoring_reaches_the_export(collected: ClassFolder) -> None:
    assert run(collected, "rescore", "--exercise", "1.5", "--points", "0").exit_code == 0
    run(collected, "export", "--to", str(collected.root / "out.csv"))
    rows = {row["student"]: row for row in csv.DictReader((collected.root / "out.csv").open())}
    assert rows["ada-lovelace"]["total"] == str(NOTEBOOK.points - 8)
