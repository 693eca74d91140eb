"""The CSV: words where there are no points, no formula, the old file or the new one."""

import csv
import dataclasses
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from traitlets.config import Config

from grader.csv_files import harmless, write_csv
from grader.errors import GraderError
from grader.nbgrader_export import COLUMNS, HonestExport
from grader.report import GradeReport

pytestmark = [
    pytest.mark.slow,  # nbgrader starts another program for each new gradebook
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning"),  # nbgrader's own
]
HW = "hw1"
NOTHING = GradeReport("", HW, "", "graded", "", "quick", "cpu", "bwrap", (), {}, (), 1.0, 1.0)


@pytest.fixture(scope="module")
def empty_gradebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One assignment with one notebook: two grade cells, and one that is graded by hand."""
    path = tmp_path_factory.mktemp("gradebook") / "gradebook.db"
    with Gradebook(f"sqlite:///{path}") as book:
        book.add_assignment(HW)
        book.add_notebook(HW, HW)
        for name, points in (("ex1_10", 4), ("ex1_2", 2), ("essay", 3)):
            book.add_grade_cell(name, HW, HW, max_score=points, cell_type="code")
        book.add_solution_cell("essay", HW, HW)
    return path


@pytest.fixture
def gradebook(tmp_path: Path, empty_gradebook: Path) -> Iterator[Gradebook]:
    path = shutil.copy(empty_gradebook, tmp_path)
    with Gradebook(f"sqlite:///{path}") as book:
        yield book


def hand_in(
    root: Path, book: Gradebook, student: str, score: float | None = 1.0, graded: bool = True
) -> None:
    """Write the files and the points of a student as nbgrader and the grader leave them."""
    folder = root / "submitted" / student / HW
    folder.mkdir(parents=True)
    (folder / f"{HW}.ipynb").write_text(student)
    sha256 = hashlib.sha256(student.encode()).hexdigest()
    if graded:
        copy = root / "autograded" / student / HW / f"{HW}.ipynb"
        copy.parent.mkdir(parents=True)
        copy.write_text("graded")
        report = dataclasses.replace(NOTHING, sha256=sha256)
        report.write(root / "reports" / student / f"{HW}.json")
    book.update_or_create_student(student)
    book.update_or_create_submission(HW, student)
    for name in ("ex1_2", "ex1_10"):
        book.find_grade(name, HW, HW, student).auto_score = score
    book.db.commit()


def exported(root: Path, book: Gradebook, **options: list[str]) -> dict[str, dict[str, str]]:
    config = Config()
    config.CourseDirectory.root = str(root)
    HonestExport(config=config, to=str(root / "out.csv"), **options).export(book)
    with (root / "out.csv").open(newline="") as file:
        return {row["student_id"]: row for row in csv.DictReader(file)}


def test_points_stand_in_a_column_for_each_exercise(tmp_path: Path, gradebook: Gradebook) -> None:
    hand_in(tmp_path, gradebook, "ada")
    row = exported(tmp_path, gradebook)["ada"]
    assert list(row) == [*COLUMNS, "essay", "ex1_2", "ex1_10"]
    assert [row[name] for name in ("essay", "ex1_2", "ex1_10")] == ["ungraded", "1.0", "1.0"]
    assert (row["raw_score"], row["score"], row["max_score"]) == ("2.0", "2.0", "9.0")


def test_a_grade_by_hand_counts(tmp_path: Path, gradebook: Gradebook) -> None:
    hand_in(tmp_path, gradebook, "ada", score=None)
    for name in ("ex1_2", "ex1_10", "essay"):
        gradebook.find_grade(name, HW, HW, "ada").manual_score = 0.5
    gradebook.db.commit()
    row = exported(tmp_path, gradebook)["ada"]
    assert (row["essay"], row["ex1_2"], row["score"]) == ("0.5", "0.5", "1.5")


def test_ungraded_work_is_never_a_zero(tmp_path: Path, gradebook: Gradebook) -> None:
    hand_in(tmp_path, gradebook, "killed", score=None)
    hand_in(tmp_path, gradebook, "copy_gone", graded=False)
    hand_in(tmp_path, gradebook, "changed")
    (tmp_path / "submitted/changed" / HW / f"{HW}.ipynb").write_text("another one")
    hand_in(tmp_path, gradebook, "refused")
    refused = dataclasses.replace(NOTHING, status="failed", reason="It is a link.")
    refused.write(tmp_path / "reports/refused" / f"{HW}.json")
    hand_in(tmp_path, gradebook, "bad_report")
    (tmp_path / "reports/bad_report" / f"{HW}.json").write_text("{")
    renamed = tmp_path / "submitted/renamed" / HW / "Copy of hw1.ipynb"
    renamed.parent.mkdir(parents=True)
    renamed.write_text("{}")
    for student, row in exported(tmp_path, gradebook).items():
        cells = [row[name] for name in ("raw_score", "score", "ex1_2", "ex1_10")]
        assert cells == ["failed"] * 4, student


def test_nbgraders_zeros_for_a_missing_notebook_become_missing(
    tmp_path: Path, gradebook: Gradebook
) -> None:
    hand_in(tmp_path, gradebook, "absent", score=0.0, graded=False)
    (tmp_path / "submitted/absent" / HW / f"{HW}.ipynb").unlink()
    gradebook.add_student("never_came")
    (tmp_path / "submitted/empty_folder" / HW).mkdir(parents=True)
    table = exported(tmp_path, gradebook)
    assert sorted(table) == ["absent", "empty_folder", "never_came"]
    assert {row["score"] for row in table.values()} == {"missing"}
    assert {row["ex1_2"] for row in table.values()} == {"missing"}


def test_points_stay_when_the_submissions_were_put_away(
    tmp_path: Path, gradebook: Gradebook
) -> None:
    hand_in(tmp_path, gradebook, "ada")
    (tmp_path / "submitted").rename(tmp_path / "archive")
    assert exported(tmp_path, gradebook)["ada"]["score"] == "2.0"


def test_names_and_students_are_no_formulas_and_can_be_chosen(
    tmp_path: Path, gradebook: Gradebook
) -> None:
    gradebook.add_student("-2+3", first_name='=HYPERLINK("x")', last_name="Ünal, A.")
    gradebook.add_student("other")
    table = exported(tmp_path, gradebook, student=["-2+3"], assignment=[HW])
    row = table["'-2+3"]
    assert len(table) == 1
    assert (row["first_name"], row["last_name"]) == ('\'=HYPERLINK("x")', "Ünal, A.")
    assert exported(tmp_path, gradebook, assignment=["another"]) == {}


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@A1", "\t=1", "\r=1", "\n=1"])
def test_what_a_spreadsheet_takes_for_a_formula_gets_an_apostrophe(text: str) -> None:
    assert harmless(text) == "'" + text
    assert harmless("a" + text) == "a" + text


def test_numbers_stay_numbers() -> None:
    assert [harmless(value) for value in (-0.5, 3, None, "")] == ["-0.5", "3", "", ""]


def test_the_old_file_stays_when_the_new_one_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "grades.csv"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("grader.files.os.replace", full)
    with pytest.raises(GraderError, match="No space left"):
        write_csv(path, [["new"]])
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["grades.csv"]


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    link = tmp_path / "out"
    link.symlink_to("/dev/null")
    write_csv(link, [["a"]])
    assert link.is_symlink()
