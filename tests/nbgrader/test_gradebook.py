"""The reports in nbgrader's gradebook: as its own run leaves it, whatever happens.

The reports are made by hand, so nothing is graded here.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook

from grader.classroom import ClassFolder
from grader.errors import GraderError
from grader.gradebook import points_by_hand
from grader.report import MISSING, NOT_GRADED
from grader.rescoring import FILE, Rescoring, write_rescorings
from tests.nbgrader.conftest import NB, ROOT, CourseFolder, copy_course
from tests.nbgrader.recorded import (
    NOTEBOOK,
    QUESTION,
    SECRET,
    copy_of,
    hand_in,
    record_all,
    scores,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("nbgrader")]
EXERCISES = {e.grade_id for e in NOTEBOOK.exercises}
FIRST = NOTEBOOK.exercises[0]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> CourseFolder:
    """A course folder with a gradebook, without students."""
    course = copy_course(tmp_path_factory.mktemp("empty"))
    course.nbgrader("generate_assignment", NB, "--force")
    return course


@pytest.fixture
def root(empty: CourseFolder, tmp_path: Path) -> Path:
    return Path(shutil.copytree(empty.root, tmp_path / "class"))


@pytest.fixture
def book(root: Path) -> Iterator[Gradebook]:
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        yield gradebook


def grade(root: Path, student: str, name: str = QUESTION, **changes: object) -> dict[str, object]:
    """Change a grade as formgrader does, and return it as it is then."""
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        found = book.find_grade(name, NB, NB, student)
        for attribute, value in changes.items():
            setattr(found, attribute, value)
        book.db.commit()
        return {**found.to_dict(), "score": found.score}


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
    hand_in(root, "bob", 1.5).write_text("no notebook")
    path = list(sys.path)
    record_all(root)
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


def test_points_of_another_course_are_named_and_not_recorded(root: Path, book: Gradebook) -> None:
    hand_in(root, "ada", 1.5)
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


KILLER = """
    import os, signal, sys
    from pathlib import Path
    sys.path.insert(0, {checkout!r})
    from nbconvert.writers import FilesWriter
    from nbgrader.converters import Autograde
    from nbgrader.preprocessors import SaveAutoGrades
    from tests.nbgrader.recorded import record_all

    def die(*_, **__):
        os.kill(os.getpid(), signal.SIGKILL)

    where = {where!r}
    writes = []
    written = FilesWriter.write

    def write(self, output, resources, notebook_name, **kw):
        if notebook_name == "nb1_autoencoder":
            writes.append(1)
        if where == "first write" or len(writes) == 2:
            Path(self.build_directory).mkdir(parents=True, exist_ok=True)
            path = Path(self.build_directory) / "nb1_autoencoder.ipynb"
            path.write_text(output[: len(output) // 2])
            die()
        return written(self, output, resources, notebook_name, **kw)

    if where in ("first write", "last write"):
        FilesWriter.write = write
    if where == "before":
        Autograde.init_assignment = die
    if where == "between two scores":
        added = SaveAutoGrades._add_score
        count = []

        def add(self, cell, resources):
            added(self, cell, resources)
            count.append(1)
            if len(count) == 3:
                die()

        SaveAutoGrades._add_score = add
    if where == "permissions":
        Autograde.set_permissions = die
    record_all(Path({root!r}))
"""


@pytest.mark.parametrize(
    "where", ["before", "first write", "between two scores", "last write", "permissions"]
)
def test_what_a_kill_left_half_is_recorded_by_the_next_run(root: Path, where: str) -> None:
    hand_in(root, "ada", 1.5)
    hand_in(root, "bob", 1.5)
    record_all(root)
    grade(root, "ada", manual_score=3.0, needs_manual_grade=False)
    for student in ("ada", "bob"):
        hand_in(root, student, 0.5)
    code = textwrap.dedent(KILLER.format(checkout=str(ROOT), where=where, root=str(root)))
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    done_rows = record_all(root)
    assert [row.reason for row in done_rows.values()] == ["", ""]
    assert done_rows["ada"].kept == (where == "permissions")  # all points and pages were there
    for student in ("ada", "bob"):
        assert {s for n, s in scores(root, student).items() if n in EXERCISES} == {0.5}
        json.loads(copy_of(root, student).read_text())
    assert grade(root, "ada")["score"] == 3.0
    assert all(row.kept for row in record_all(root).values())


@pytest.mark.parametrize("kind", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_locked_gradebook_is_a_sentence_and_the_next_run_records(root: Path, kind: str) -> None:
    hand_in(root, "ada", 1.5)
    record_all(root)
    hand_in(root, "ada", 0.5)
    for number in range(10):
        hand_in(root, f"s{number}", 0.5)
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); "
        f"c.execute('BEGIN {kind}'); print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(root / "gradebook.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        reasons = {row.reason for row in record_all(root).values()}
        assert len(reasons) == 1  # it waits once, not for each student
        assert "is in use by another program" in reasons.pop()
        assert copy_of(root, "ada").exists()
        holder.communicate()
    assert scores(root, "ada")[FIRST.grade_id] == 1.5
    assert {row.reason for row in record_all(root).values()} == {""}
    assert scores(root, "ada")[FIRST.grade_id] == 0.5


def test_a_gradebook_that_cannot_be_written_is_a_sentence(root: Path) -> None:
    hand_in(root, "ada", 1.5)
    with (root / "nbgrader_config.py").open("a") as config:
        url = f"sqlite:///file:{root / 'gradebook.db'}?mode=ro&uri=true"
        config.write(f"\nc.CourseDirectory.db_url = {url!r}\n")
    assert "cannot be written" in record_all(root)["ada"].reason
    assert points_by_hand(ClassFolder(root), NOTEBOOK) == {"ada": {"1.7": None}}


def test_a_full_disk_is_a_sentence(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hand_in(root, "ada", 1.5)
    hand_in(root, "bob", 1.5)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("nbconvert.writers.FilesWriter.write", full)
        reasons = {row.reason for row in record_all(root).values()}
    assert reasons == {
        "The disk is full. Free some space, then run the same command again; what was recorded "
        "before stays."
    }
    assert {row.reason for row in record_all(root).values()} == {""}


def test_without_gradebook_or_assignment_the_command_is_named(root: Path, book: Gradebook) -> None:
    hand_in(root, "ada", 1.5)
    book.remove_assignment(NB)
    assert f"Run nbgrader generate_assignment {NB}" in record_all(root)["ada"].reason
    assert points_by_hand(ClassFolder(root), NOTEBOOK) == {}
    (root / "gradebook.db").unlink()
    assert f"Run nbgrader generate_assignment {NB}" in record_all(root)["ada"].reason
    assert points_by_hand(ClassFolder(root), NOTEBOOK) == {}
    assert not (root / "gradebook.db").exists()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("c = get_config()\n", "does not set this course's grading"),
        ("import sys\nsys.exit(3)\n", "cannot be read"),
        ("c = get_config()\nc.no.thing(\n", "cannot be read"),
        ("raise KeyError('what')\n", "cannot be read"),
    ],
)
def test_a_course_with_other_settings_runs_no_student_code(
    root: Path, config: str, words: str
) -> None:
    hand_in(root, "ada", 1.5)
    (root / "nbgrader_config.py").write_text(config)
    assert words in record_all(root)["ada"].reason


def test_without_settings_the_courses_own_hold(root: Path) -> None:
    hand_in(root, "ada", 1.5)
    (root / "nbgrader_config.py").unlink()
    assert record_all(root)["ada"].reason == ""


def test_the_instructors_settings_hold(root: Path) -> None:
    (root / "nbgrader_config.py").open("a").write("c.LimitOutput.max_lines = 2\n")
    hand_in(root, "ada", 1.5)
    record_all(root)
    assert "[ FAILED ]  Exercise 1.1" in copy_of(root, "ada").read_text()
    assert "the answer is worth" not in copy_of(root, "ada").read_text()


def test_names_are_no_patterns_and_a_bad_date_is_named(root: Path) -> None:
    names = ["ada[1]", "Ünal {x}", "it's", "100%", "a,b"]
    for name in names:
        hand_in(root, name, 1.5)
    hand_in(root, "late", 1.5)
    (root / "submitted/late" / NB / "timestamp.txt").write_text("tomorrow")
    done = record_all(root)
    assert [done[name].reason for name in names] == [""] * 5
    assert [scores(root, name)[FIRST.grade_id] for name in names] == [1.5] * 5
    assert "timestamp.txt is no date" in done["late"].reason


def test_a_damaged_gradebook_is_a_sentence(root: Path) -> None:
    hand_in(root, "ada", 1.5)
    (root / "gradebook.db").write_bytes(b"rubbish" * 1000)
    assert "damaged" in record_all(root)["ada"].reason
    with pytest.raises(GraderError, match="cannot be read"):
        points_by_hand(ClassFolder(root), NOTEBOOK)


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
