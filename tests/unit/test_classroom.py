"""A class on the disk: odd folders, rescored exercises, reports that no longer hold."""

import dataclasses
import os
from pathlib import Path

import pytest

from data_utils.course import load_course
from grader.autograde import changes, plan_class
from grader.classroom import ClassFolder, list_seats, require_student, require_submission
from grader.errors import GraderError, SubmissionError
from grader.examination import Settings
from grader.freshness import with_history
from grader.report import FAILED, GRADED, PASSED, CheckResult, ExerciseResult, GradeReport
from grader.rescoring import decide, read_rescorings, rescored, worth
from grader.results import class_results
from grader.schedule import Place, Task, grade_seat
from grader.story import story_lines

NB = "nb1_autoencoder"
NOTEBOOK = load_course().notebook(NB)
CHECKS = (
    CheckResult("test_value[1]", "The right value.", PASSED, 1, core=True),
    CheckResult("test_value[2]", "The right value.", PASSED, 1, core=True),
    CheckResult("test_blank", "A finite value for no ink.", FAILED, 2, core=False),
)
EXERCISES = (
    ExerciseResult("1.1", "split", 4, 4.0, CHECKS[:2]),
    ExerciseResult("1.2", "score", 3, 1.5, CHECKS),
)
REPORT = GradeReport(
    *(f"{NB}.ipynb", NB, "", GRADED, "", "quick", "cpu", "bwrap", EXERCISES, {}, (), 1.0, 1.0)
)


def hand_in(folder: ClassFolder, student: str, text: str = "{}") -> Path:
    path = folder.submitted / student / NB / f"{NB}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


ODD_NAMES = [b"new\nline", b"red\x1b[31m", b"tab\there", b"not utf-8 \xff", b" blank", b"a" * 200]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_odd_folder_is_refused_under_a_name_that_can_be_printed(
    name: bytes, tmp_path: Path
) -> None:
    folder = ClassFolder(tmp_path)
    hand_in(folder, "ada")
    hand_in(folder, os.fsdecode(name))
    seats = {seat.refusal == "": seat for seat in list_seats(folder.submitted, NB)}
    assert seats[True].student == "ada"
    odd = seats[False]
    assert odd.student.isprintable()
    report = grade_seat(Task(odd), Place(NB, Settings("quick"), folder.reports))
    assert report.status == "failed"
    assert "Rename it" in report.reason
    assert folder.report(odd.student, NB).is_file()


@pytest.mark.parametrize("name", ["../ada", "..", "", "a/b", "a\\b", "bell\a", "x" * 300])
def test_a_name_that_leaves_the_class_is_refused(name: str, tmp_path: Path) -> None:
    hand_in(ClassFolder(tmp_path / "class"), "ada")
    (tmp_path / "ada").mkdir()
    with pytest.raises(GraderError, match="The student's name"):
        require_student(tmp_path / "class" / "submitted", name, NB)


def test_somebody_who_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    folder = ClassFolder(tmp_path)
    hand_in(folder, "ada")
    with pytest.raises(GraderError, match="There is no student 'bob'"):
        require_student(folder.submitted, "bob", NB)


def test_a_folder_that_is_a_link_is_not_a_students_work(tmp_path: Path) -> None:
    folder = ClassFolder(tmp_path)
    hand_in(folder, "ada")
    (folder.submitted / "bob").symlink_to(folder.submitted / "ada")
    with pytest.raises(SubmissionError, match="is a link"):
        require_submission(list_seats(folder.submitted, NB)[1])


def test_folders_of_an_editor_are_no_students(tmp_path: Path) -> None:
    folder = ClassFolder(tmp_path)
    hand_in(folder, "ada")
    (folder.submitted / ".ipynb_checkpoints").mkdir()
    assert [seat.student for seat in list_seats(folder.submitted, NB)] == ["ada"]


def test_rescoring_changes_points_and_can_be_taken_back(tmp_path: Path) -> None:
    names = {"test_value", "test_blank"}
    exercise = NOTEBOOK.exercise("1.2")
    decide(tmp_path, exercise, 6, [], "worth more", False, names)
    assert rescored(REPORT, read_rescorings(tmp_path)).exercises[1].points == 3.0
    assert worth(NOTEBOOK, read_rescorings(tmp_path))["1.2"] == 6
    decide(tmp_path, exercise, 0, [], "unfair", False, names)
    assert rescored(REPORT, read_rescorings(tmp_path)).points == 4.0
    decide(tmp_path, exercise, None, ["test_blank"], "unfair", False, names)
    after = rescored(REPORT, read_rescorings(tmp_path))
    assert [e.points for e in after.exercises] == [4.0, 3.0]
    assert after.exercises[0] == REPORT.exercises[0]
    decide(tmp_path, exercise, None, [], "", True, names)
    assert rescored(REPORT, read_rescorings(tmp_path)) == REPORT


def test_rescoring_that_makes_no_sense_is_a_sentence(tmp_path: Path) -> None:
    exercise = NOTEBOOK.exercise("1.2")
    with pytest.raises(GraderError, match="It has: test_blank"):
        decide(tmp_path, exercise, None, ["test_blanc"], "", False, {"test_blank"})
    with pytest.raises(GraderError, match="Say what is to change"):
        decide(tmp_path, exercise, None, [], "", False, set())
    with pytest.raises(GraderError, match="Nothing was decided"):
        decide(tmp_path, exercise, None, [], "", True, set())
    (tmp_path / "rescored.json").write_text("{")
    with pytest.raises(GraderError, match="delete it to undo"):
        read_rescorings(tmp_path)


def test_a_report_of_other_bytes_is_no_grade(tmp_path: Path) -> None:
    folder = ClassFolder(tmp_path)
    hand_in(folder, "ada", "handed in again")
    hand_in(folder, "bob")
    REPORT.write(folder.report("ada", NB))
    ada, bob = class_results(folder, NOTEBOOK)
    assert (ada.word, ada.report.points, ada.total) == ("ungraded", None, None)
    assert "changed after it was graded" in ada.report.reason
    assert bob.word == "ungraded"
    assert "not graded yet" in bob.report.reason


def test_a_changed_grade_is_told_with_before_and_after(tmp_path: Path) -> None:
    folder = ClassFolder(tmp_path)
    hand_in(folder, "ada")
    REPORT.write(folder.report("ada", NB))
    plan = plan_class(folder, list_seats(folder.submitted, NB), NB, Settings("quick"), False)
    better = dataclasses.replace(EXERCISES[1], points=3.0)
    after = dataclasses.replace(REPORT, exercises=(EXERCISES[0], better))
    [line] = changes(plan, {"ada": after})
    assert line.startswith("ada: 5.5 -> 7 (1.2: 1.5 -> 3, ")
    assert "the submission changed" in line
    assert changes(plan, {"ada": REPORT}) == []


def test_the_story_of_a_grade_holds_its_checks_and_its_past(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    dataclasses.replace(REPORT, graded_at="2026-01-02T03:04:05+00:00").write(path)
    again = dataclasses.replace(REPORT, exercises=EXERCISES[:1], flags=("cell x was changed",))
    report = with_history(again, path, "the submission changed")
    lines = "\n".join(story_lines("ada", report, NOTEBOOK, {}))
    assert "ada, nb1_autoencoder: 4 of 4 points" in lines
    assert "test_value[1]: 1 of 2, core" in lines
    assert "needs a look: cell x was changed" in lines
    assert "2026-01-02T03:04:05+00:00: 5.5; graded again because the submission changed" in lines
    only = "\n".join(story_lines("ada", REPORT, NOTEBOOK, {}, "1.2"))
    assert "Exercise 1.2" in only
    assert "Exercise 1.1" not in only
