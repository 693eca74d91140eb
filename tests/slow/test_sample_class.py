"""Every sample student gets exactly the points it must, and reads the words it must."""

from pathlib import Path

import pytest

from data_utils.course import load_course
from grader.demo import grade_and_judge, write_class
from grader.examination import Settings
from grader.sample_class import load_class
from grader.sample_class.bad_files import BAD_FILES

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = load_course().notebook("nb1_autoencoder")
NAMES = [s.name for s in load_class(NOTEBOOK.id)] + [bad.student for bad in BAD_FILES]


@pytest.fixture(scope="module")
def submitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("class") / "submitted"
    write_class(folder, ROOT, NOTEBOOK)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_sample_student_gets_exactly_what_it_must(
    name: str, submitted: Path, tmp_path: Path
) -> None:
    graded = grade_and_judge(name, NOTEBOOK.id, submitted, Settings("quick"), tmp_path)
    assert graded.complaints == ()


def test_the_sample_class_holds_what_it_must() -> None:
    kinds = [student.kind for student in load_class(NOTEBOOK.id)]
    assert kinds.count("right") >= 3
    assert kinds.count("wrong") >= 8
    assert kinds.count("hostile") >= 5
    lost = {student.exercise for student in load_class(NOTEBOOK.id) if student.kind == "wrong"}
    assert lost == {exercise.id for exercise in NOTEBOOK.exercises}
