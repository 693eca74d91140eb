"""Every sample student gets exactly the points it must, and reads the words it must."""

import functools
from collections.abc import Callable
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
NOTEBOOKS = {notebook.id: notebook for notebook in load_course().notebooks}
CLASSES = {notebook_id: load_class(notebook_id) for notebook_id in NOTEBOOKS}
NAMES = [
    (notebook_id, name)
    for notebook_id in NOTEBOOKS
    for name in [s.name for s in few_students(notebook_id)] + [bad.student for bad in BAD_FILES]
]
# Their checks are excused where another exercise lost points, so nothing else may be wrong.
ALONE = ("threshold_from_training_images", "target_not_handed_on")


@pytest.fixture(scope="module")
def submitted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a notebook's class, written when it is first asked for."""

    @functools.cache
    def written(notebook_id: str) -> Path:
        folder = tmp_path_factory.mktemp("class") / "submitted"
        write_class(folder, ROOT, NOTEBOOKS[notebook_id], few_students(notebook_id))
        return folder

    return written


@pytest.mark.slow
@pytest.mark.parametrize(("notebook_id", "name"), NAMES)
def test_a_sample_student_gets_exactly_what_it_must(
    notebook_id: str, name: str, submitted: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = submitted(notebook_id)
    graded = grade_and_judge(name, notebook_id, folder, Settings("quick"), tmp_path)
    assert graded.complaints == ()


def wrong_by_exercise(notebook_id: str) -> dict[str, list[SampleStudent]]:
    return {
        e.id: [s for s in CLASSES[notebook_id] if s.kind == "wrong" and s.exercise == e.id]
        for e in NOTEBOOKS[notebook_id].exercises
    }


def mixtures(notebook_id: str) -> list[list[SampleStudent]]:
    """Every wrong sample once, each beside one of every other exercise where there is one."""
    alone = [[s] for s in CLASSES[notebook_id] if s.name in ALONE]
    rows = {
        e: [s for s in students if s.name not in ALONE]
        for e, students in wrong_by_exercise(notebook_id).items()
    }
    count = max(map(len, rows.values()))
    return alone + [
        [students[place] for students in rows.values() if place < len(students)]
        for place in range(count)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("notebook_id", "students"),
    [(notebook_id, students) for notebook_id in NOTEBOOKS for students in mixtures(notebook_id)],
    ids=lambda value: value if isinstance(value, str) else value[0].name,
)
def test_wrong_in_several_exercises_loses_exactly_those(
    notebook_id: str, students: list[SampleStudent], tmp_path: Path
) -> None:
    notebook = solution_notebook(ROOT, notebook_id)
    for student in students:
        text = submission_of(student, notebook, NOTEBOOKS[notebook_id])
        notebook = nbformat.reads(text, as_version=4)
    path = tmp_path / f"{notebook_id}.ipynb"
    nbformat.write(notebook, path)
    report = grade_submission(path, Settings("quick"))
    assert judge_students("mixture", students, report).complaints == ()
    right = [e for e in report.exercises if e.id not in {s.exercise for s in students}]
    assert all(e.points == e.max_points for e in right)


@pytest.mark.parametrize("notebook_id", NOTEBOOKS)
def test_the_sample_class_holds_what_it_must(notebook_id: str) -> None:
    everybody, wrong = CLASSES[notebook_id], wrong_by_exercise(notebook_id)
    kinds = [student.kind for student in everybody]
    assert kinds.count("right") >= 6  # the solution, three other designs, Colab, VS Code
    assert kinds.count("wrong") >= 25
    assert kinds.count("hostile") >= 5
    assert all(len(students) >= 3 for students in wrong.values())
    assert all(s.message for students in wrong.values() for s in students)
    mixed = [student.name for students in mixtures(notebook_id) for student in students]
    assert sorted(mixed) == sorted(s.name for s in everybody if s.kind == "wrong")
