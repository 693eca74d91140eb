"""What stands in the way of recording ends in a sentence, and the next run records.

The reports are made by hand, so nothing is graded here.
"""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from grader.classroom import ClassFolder
from grader.errors import GraderError
from grader.gradebook import points_by_hand
from tests.nbgrader.conftest import NB, ROOT
from tests.nbgrader.recorded import (
    EXERCISES,
    FIRST,
    NOTEBOOK,
    copy_of,
    grade,
    hand_in,
    record_all,
    scores,
)

pytestmark = pytest.mark.slow


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
    with (root / "nbgrader_config.py").open("a") as config:
        url = f"sqlite:///{root / 'gradebook.db'}?timeout=1"  # seconds; as it comes, 5
        config.write(f"\nc.CourseDirectory.db_url = {url!r}\n")
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


def test_without_gradebook_or_assignment_the_command_is_named(root: Path) -> None:
    hand_in(root, "ada", 1.5)
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
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
    hand_in(root, "pipe", 1.5)
    os.mkfifo(root / "submitted/pipe" / NB / "timestamp.txt")
    done = record_all(root)
    assert [done[name].reason for name in names] == [""] * 5
    assert [scores(root, name)[FIRST.grade_id] for name in names] == [1.5] * 5
    for name in ("late", "pipe"):
        assert "timestamp.txt is no date" in done[name].reason


def test_what_stops_one_student_stops_no_other(root: Path) -> None:
    for name in ("ada", "bob", "eve"):
        hand_in(root, name, 1.5)
    os.mkfifo(root / "submitted/ada" / NB / "database is locked [Errno 28]")  # nobody can copy it
    (root / "nbgrader_config.py").open("a").write("c.CourseDirectory.student_id_exclude = 'bob'\n")
    done = record_all(root)
    assert "is a named pipe" in done["ada"].reason
    assert "leaves this student out" in done["bob"].reason
    assert done["eve"].reason == ""


def test_a_damaged_gradebook_is_a_sentence(root: Path) -> None:
    hand_in(root, "ada", 1.5)
    (root / "gradebook.db").write_bytes(b"rubbish" * 1000)
    assert "damaged" in record_all(root)["ada"].reason
    with pytest.raises(GraderError, match="cannot be read"):
        points_by_hand(ClassFolder(root), NOTEBOOK)
