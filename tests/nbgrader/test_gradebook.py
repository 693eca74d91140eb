"""The reports in nbgrader's gradebook: as its own run leaves it, whatever happens.

The reports are made by hand, so nothing is graded here.
"""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook

from grader.classroom import ClassFolder
from grader.gradebook import points_by_hand
from grader.report import MISSING, NOT_GRADED
from grader.rescoring import FILE, Rescoring, write_rescorings
from tests.nbgrader.conftest import NB, CourseFolder
from tests.nbgrader.recorded import (
    EXERCISES,
    FIRST,
    NOTEBOOK,
    QUESTION,
    SECRET,
    copy_of,
    grade,
    hand_in,
    record_all,
    scores,
)

pytestmark = pytest.mark.slow


def without_ids(path: Path) -> dict[str, Any]:
    """Return a notebook without the ids that cells get at random."""
    tree: dict[str, Any] = json.loads(path.read_text())
    for cell in tree["cells"]:
        del cell["id"]
    return tree


def test_recording_leaves_what_nbgraders_own_run_leaves(root: Path, tmp_path: Path) -> None:
    hand_in(root, "ada", 1.5)
    hand_in(root, "bob", 2.0, essay="Other words.")
    twin = CourseFolder(Path(shutil.copytree(root, tmp_path / "twin")), {})
    twin.nbgrader("autograde", NB, "--GradeInSandbox.only_reports=True")
    assert [row.reason for row in record_all(root).values()] == ["", ""]
    for student in ("ada", "bob"):
        assert scores(root, student) == scores(twin.root, student)
        assert scores(root, student)[FIRST.grade_id] == (1.5 if student == "ada" else 2.0)
        ours, theirs = (copy_of(place, student) for place in (root, twin.root))
        assert without_ids(ours) == without_ids(theirs)
        assert ours.stat().st_mode == theirs.stat().st_mode
        names = (sorted(p.name for p in copy.parent.rglob("*")) for copy in (ours, theirs))
        assert next(names) == next(names)
    assert all(row.kept for row in record_all(twin.root).values())  # nbgrader's own run counts


def test_only_what_changed_is_recorded_again(root: Path) -> None:
    hand_in(root, "ada", 1.5)
    hand_in(root, "bob", 1.5)
    record_all(root)
    assert [row.kept for row in record_all(root).values()] == [True, True]
    hand_in(root, "bob", 0.5)
    assert {n: row.kept for n, row in record_all(root).items()} == {"ada": True, "bob": False}
    assert scores(root, "bob")[FIRST.grade_id] == 0.5
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:  # as an older copy of it would
        book.find_grade(FIRST.grade_id, NB, NB, "ada").auto_score = 0.0
        book.db.commit()
    assert not record_all(root)["ada"].kept
    (root / "submitted/ada" / NB / "timestamp.txt").write_text("2026-01-02 03:04:05 UTC")
    assert not record_all(root)["ada"].kept
    assert record_all(root)["ada"].kept


def test_nothing_is_printed_and_the_environment_stays(
    root: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    hand_in(root, "ada", 1.5)
    path = list(sys.path)
    assert record_all(root)["ada"].reason == ""

    def stop(*_: object) -> None:
        print("noise")
        raise ValueError("It stopped.")

    hand_in(root, "ada", 0.5)
    monkeypatch.setattr("nbgrader.preprocessors.SaveAutoGrades.preprocess", stop)
    assert record_all(root)["ada"].reason == "It stopped."
    assert capfd.readouterr() == ("", "")
    assert (sys.path, "NBGRADER_EXECUTION" in os.environ) == (path, False)


def test_what_a_person_graded_stays(root: Path) -> None:
    hand_in(root, "ada", 1.5)
    record_all(root)
    grade(root, "ada", manual_score=3.0, extra_credit=0.5, needs_manual_grade=False)
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        book.find_comment(QUESTION, NB, NB, "ada").manual_comment = "Well said."
        book.db.commit()
    hand_in(root, "ada", 0.5)  # another exercise changed, the answer to the question did not
    assert not record_all(root)["ada"].kept
    kept = grade(root, "ada")
    assert (kept["score"], kept["needs_manual_grade"]) == (3.5, False)
    hand_in(root, "ada", 0.5, essay="Something else.")
    record_all(root)
    kept = grade(root, "ada")
    assert (kept["score"], kept["needs_manual_grade"]) == (3.5, True)  # somebody has to look
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        assert book.find_comment(QUESTION, NB, NB, "ada").comment == "Well said."
    assert points_by_hand(ClassFolder(root), NOTEBOOK) == {"ada": {"1.7": 3.5}}


def test_automatic_points_that_a_person_changed_are_asked_for_when_they_change(root: Path) -> None:
    hand_in(root, "ada", 1.5)
    record_all(root)
    for name in (FIRST.grade_id, NOTEBOOK.exercises[1].grade_id):
        grade(root, "ada", name, manual_score=2.0, needs_manual_grade=False)
    decision = Rescoring(FIRST.id, FIRST.points + 1, (), "", "")
    write_rescorings(root / "reports", {FIRST.id: decision})
    record_all(root)
    assert grade(root, "ada", NOTEBOOK.exercises[1].grade_id)["needs_manual_grade"] is False
    hand_in(root, "ada", 0.5)
    record_all(root)
    assert grade(root, "ada", FIRST.grade_id)["needs_manual_grade"] is True
    assert grade(root, "ada", FIRST.grade_id)["score"] == 2.0


def test_a_rescoring_reaches_points_and_maximum_and_is_taken_back(root: Path) -> None:
    hand_in(root, "ada", 0.0)
    record_all(root)
    before = grade(root, "ada", FIRST.grade_id)
    assert (before["score"], before["max_score"]) == (0.0, FIRST.points)
    dropped = Rescoring(FIRST.id, 10, (SECRET,), "", "")
    worth_nothing = Rescoring(NOTEBOOK.exercises[1].id, 0, (), "unfair", "")
    path = root / "reports" / "ada" / f"{NB}.json"
    report = json.loads(path.read_text())
    extra = {**report["exercises"][0]["checks"][0], "name": "test_b", "status": "passed"}
    report["exercises"][0]["checks"].append({**extra, "finding": None})
    path.write_text(json.dumps(report))
    write_rescorings(root / "reports", {d.exercise: d for d in (dropped, worth_nothing)})
    assert record_all(root)["ada"].reason == ""
    after = grade(root, "ada", FIRST.grade_id)
    assert (after["score"], after["max_score"]) == (10.0, 10)
    assert grade(root, "ada", NOTEBOOK.exercises[1].grade_id)["max_score"] == 0
    assert "10 of 10 points" in copy_of(root, "ada").read_text()
    (root / "reports" / FILE).unlink()
    record_all(root)
    assert grade(root, "ada", FIRST.grade_id)["max_score"] == FIRST.points
    assert scores(root, "ada")[FIRST.grade_id] == 0.0


def test_nbgraders_own_run_follows_a_rescoring(root: Path) -> None:
    hand_in(root, "ada", 1.5)
    decision = Rescoring(FIRST.id, 2 * FIRST.points, (), "", "")
    write_rescorings(root / "reports", {FIRST.id: decision})
    course = CourseFolder(root, {})
    for _ in range(2):  # the second run starts from the changed maximum
        done = course.nbgrader("autograde", NB, "--force", "--GradeInSandbox.only_reports=True")
        assert done.returncode == 0, done.stderr
        assert grade(root, "ada", FIRST.grade_id)["max_score"] == 2 * FIRST.points
    assert record_all(root)["ada"].kept


def test_points_of_another_course_are_named_and_not_recorded(root: Path) -> None:
    hand_in(root, "ada", 1.5)
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        book.find_graded_cell(FIRST.grade_id, NB, NB).max_score = 1
        book.find_source_cell(FIRST.grade_id, NB, NB).checksum = "of that release"
        book.db.commit()
    reason = record_all(root)["ada"].reason
    assert f"worth 1 points in nbgrader's gradebook, and {FIRST.points} in course.toml" in reason
    assert "nbgrader generate_assignment" in reason
    CourseFolder(root, {}).nbgrader("generate_assignment", NB, "--force")
    assert record_all(root)["ada"].reason == ""


@pytest.mark.parametrize("status", [NOT_GRADED, MISSING, "changed", "no report"])
def test_an_earlier_grade_does_not_stay_as_if_it_were_current(root: Path, status: str) -> None:
    hand_in(root, "ada", 1.5)
    record_all(root)
    grade(root, "ada", manual_score=3.0, needs_manual_grade=False)
    words = {"changed": "changed after it was graded", "no report": "not graded yet"}
    if status == "no report":
        (root / "reports/ada" / f"{NB}.json").unlink()
    elif status == "changed":
        hand_in(root, "ada", None, essay="New.")
    else:
        hand_in(root, "ada", 0.0, status=status, reason="It is a link.", exercises=())
    assert words.get(status, "It is a link.") in record_all(root)["ada"].reason
    assert {s for name, s in scores(root, "ada").items() if name in EXERCISES} == {None}
    assert not copy_of(root, "ada").exists()
    assert grade(root, "ada")["score"] == 3.0
    course = CourseFolder(root, {})
    course.nbgrader("export")
    assert "failed" in (root / "grades.csv").read_text()
    hand_in(root, "ada", 1.0)
    assert record_all(root)["ada"].reason == ""
    assert scores(root, "ada")[FIRST.grade_id] == 1.0
    assert grade(root, "ada")["score"] == 3.0


def test_points_by_hand_are_those_that_formgrader_shows(root: Path) -> None:
    hand_in(root, "ada", 1.5)
    hand_in(root, "bob", 1.5)
    hand_in(root, "eve", None)
    release = json.loads((root / "notebooks" / NB / f"{NB}.ipynb").read_text())
    own = (cell for cell in release["cells"] if QUESTION in str(cell["metadata"]))
    hand_in(root, "lazy", 1.5, essay="".join(next(own)["source"]))
    record_all(root)
    grade(root, "ada", manual_score=2.5, needs_manual_grade=False)
    assert points_by_hand(ClassFolder(root), NOTEBOOK) == {
        "ada": {"1.7": 2.5},
        "bob": {"1.7": None},
        "eve": {"1.7": None},
        "lazy": {"1.7": 0.0},  # nothing was written: nbgrader gives the zero itself
    }
