"""What students get back: nbgrader's page where there is one, the grader's own for everybody."""

import html
import re
import shutil
from pathlib import Path

import pytest

from grader.classroom import ClassFolder
from grader.feedback import OWN_PAGE, Feedback, write_feedback
from tests.nbgrader.conftest import NB, CourseFolder
from tests.nbgrader.recorded import NOTEBOOK, SECRET, hand_in, record_all

pytestmark = pytest.mark.slow
OURS = "<p>ours of "


@pytest.fixture
def graded(root: Path) -> Path:
    """Two recorded students, one whose file cannot be graded, one who handed in nothing."""
    hand_in(root, "ada", 1.5)
    hand_in(root, "b[1]", 0.5)
    hand_in(root, "bad", 0.0, status="failed", reason="It is not JSON.", exercises=())
    (root / "submitted/missing").mkdir()
    (root / "submitted/ada" / NB / OWN_PAGE).write_text("the student's own file")
    record_all(root)
    return root


def feedback(root: Path, students: list[str]) -> dict[str, Feedback]:
    def page_of(student: str) -> Path | None:
        page = root / "pages" / f"{student}.html"
        page.parent.mkdir(exist_ok=True)
        page.write_text(f"{OURS}{student}")
        return page

    seen: list[Feedback] = []
    assert write_feedback(ClassFolder(root), NOTEBOOK, students, page_of, seen.append) == seen
    return {row.student: row for row in seen}


def page(root: Path, student: str, name: str = f"{NB}.html") -> Path:
    return root / "feedback" / student / NB / name


def test_feedback_of_a_class(graded: Path, capfd: pytest.CaptureFixture[str]) -> None:
    root = graded
    done = feedback(root, ["ada", "b[1]", "bad", "missing"])
    assert capfd.readouterr() == ("", "")
    assert [row.reason for row in done.values()][:3] == ["", "", "It is not JSON."]
    assert "not graded yet" in done["missing"].reason
    for student in ("ada", "b[1]"):
        assert done[student].pages == (page(root, student), page(root, student, OWN_PAGE))
        text = html.unescape(re.sub(r"<[^>]+>", "", page(root, student).read_text()))
        assert f"the answer is worth {1.5 if student == 'ada' else 0.5}" in text
        assert "[ FAILED ]  Exercise 1.1" in text
        assert SECRET not in text
        assert "A secret title." not in text
    for student in ("bad", "missing"):
        assert done[student].pages == (page(root, student, OWN_PAGE),)
        assert not page(root, student).exists()
    for student in done:
        assert page(root, student, OWN_PAGE).read_text() == OURS + student

    # Ada hands in something that cannot be graded: her old page must not stay.
    hand_in(root, "ada", 0.0, status="failed", reason="It is a link.", exercises=())
    assert feedback(root, ["ada"])["ada"].reason == "It is a link."
    assert [p.name for p in page(root, "ada").parent.iterdir()] == [OWN_PAGE]
    hand_in(root, "ada", 1.0)
    assert "not in nbgrader's gradebook yet" in feedback(root, ["ada"])["ada"].reason
    record_all(root, "ada")
    assert feedback(root, ["ada"])["ada"].reason == ""
    assert "the answer is worth 1.0" in page(root, "ada").read_text()

    # Without a gradebook everybody still gets a page.
    (root / "gradebook.db").unlink()
    row = feedback(root, ["ada"])["ada"]
    assert "generate_assignment" in row.reason
    assert row.pages == (page(root, "ada", OWN_PAGE),)


def test_what_nbgraders_own_command_writes_is_the_same(graded: Path, tmp_path: Path) -> None:
    root = graded
    feedback(root, ["ada"])
    twin = CourseFolder(Path(shutil.copytree(root, tmp_path / "twin")), {})
    twin.nbgrader("generate_feedback", NB, "--force", "--student=ada")
    assert page(twin.root, "ada").read_text() == page(root, "ada").read_text()
