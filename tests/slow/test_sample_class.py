"""Every sample student gets exactly the points it must, and reads the words it must."""

from pathlib import Path

import nbformat
import pytest

from data_utils.course import load_course
from grader.demo import few_students, grade_and_judge, judge_students, write_class
from grader.examination import Settings
from grader.grading import grade_submission
from grader.sample_class import SampleStudent, load_class, solution_notebook, submission_of
from grader.sample_class.bad_files import BAD_FILES

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = load_course().notebook("nb1_autoencoder")
EVERYBODY = load_class(NOTEBOOK.id)
NAMES = [s.name for s in few_students(NOTEBOOK.id)] + [bad.student for bad in BAD_FILES]
WRONG = {e.id: [s for s in EVERYBODY if s.kind == "wrong" and s.exercise == e.id]
         for e in NOTEBOOK.exercises}  # fmt: skip
# Their checks are excused where another exercise lost points, so nothing else may be wrong.
ALONE = ("threshold_from_training_images", "target_not_handed_on")


@pytest.fixture(scope="module")
def submitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("class") / "submitted"
    write_class(folder, ROOT, NOTEBOOK, few_students(NOTEBOOK.id))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_sample_student_gets_exactly_what_it_must(
    name: str, submitted: Path, tmp_path: Path
) -> None:
    graded = grade_and_judge(name, NOTEBOOK.id, submitted, Settings("quick"), tmp_path)
    assert graded.complaints == ()


def mixtures() -> list[list[SampleStudent]]:
    """Every wrong sample once, each beside one of every other exercise where there is one."""
    alone = [[s] for s in EVERYBODY if s.name in ALONE]
    rows = {e: [s for s in students if s.name not in ALONE] for e, students in WRONG.items()}
    count = max(map(len, rows.values()))
    return alone + [
        [students[place] for students in rows.values() if place < len(students)]
        for place in range(count)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("students", mixtures(), ids=lambda students: students[0].name)
def test_wrong_in_several_exercises_loses_exactly_those(
    students: list[SampleStudent], tmp_path: Path
) -> None:
    notebook = solution_notebook(ROOT, NOTEBOOK.id)
    for student in students:
        notebook = nbformat.reads(submission_of(student, notebook, NOTEBOOK), as_version=4)
    path = tmp_path / f"{NOTEBOOK.id}.ipynb"
    nbformat.write(notebook, path)
    report = grade_submission(path, Settings("quick"))
    assert judge_students("mixture", students, report).complaints == ()
    right = [e for e in report.exercises if e.id not in {s.exercise for s in students}]
    assert all(e.points == e.max_points for e in right)


def test_the_sample_class_holds_what_it_must() -> None:
    kinds = [student.kind for student in EVERYBODY]
    assert kinds.count("right") >= 6  # the solution, three other designs, Colab, VS Code
    assert kinds.count("wrong") >= 25
    assert kinds.count("hostile") >= 5
    assert all(len(students) >= 3 for students in WRONG.values())
    assert all(s.message for students in WRONG.values() for s in students)
    mixed = [student.name for students in mixtures() for student in students]
    assert sorted(mixed) == sorted(s.name for s in EVERYBODY if s.kind == "wrong")
