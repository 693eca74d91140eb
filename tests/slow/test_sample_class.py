"""Every sample student gets exactly the points it must, and reads the words it must."""

import functools
import itertools
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from _pytest.mark import ParameterSet
from nbformat import NotebookNode

from data_utils.course import load_course
from grader.classroom import seat_of
from grader.demo import few_students, grade_and_judge, judge_students, write_class
from grader.examination import CELL_SECONDS, Settings
from grader.grading import grade_submission
from grader.report import GradeReport
from grader.sample_class import SampleStudent, load_class, solution_notebook, submission_of
from grader.sample_class.bad_files import BAD_FILES
from grader.student import Student
from grader.submissions import read_submission

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = {notebook.id: notebook for notebook in load_course().notebooks}
CLASSES = {notebook_id: load_class(notebook_id) for notebook_id in NOTEBOOKS}
SAVED_ELSEWHERE = [
    (notebook_id, s.name)
    for notebook_id in NOTEBOOKS
    for s in CLASSES[notebook_id]
    if s.saved_by != "jupyter"
]
# Bad files are graded one by one; who is wrong or hostile, several at once where their exercises
# stand for themselves. The solution is graded in test_grading, notebook 1's other design beside a
# deadly cell there, and the other designs by `grader demo --all`.
DESIGNS = {
    "nb2_gan_detector": "written_otherwise",
    "nb3_resnet_transfer": "written_otherwise",
    "nb4_geometric_transforms": "pooling_design",
}
NAMES = [(notebook_id, bad.student) for notebook_id in NOTEBOOKS for bad in BAD_FILES]
# Seconds that a call or a cell that never ends gets here; in a class it gets 20, and minutes. The
# longest honest cell of profile quick takes 7.
SOON, SOON_CELL = 5.0, 20.0


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


@pytest.mark.slow
@pytest.mark.parametrize(("notebook_id", "name"), SAVED_ELSEWHERE)
def test_who_saved_it_elsewhere_is_graded_as_the_solution_is(
    notebook_id: str, name: str, submitted: Callable[[str], Path]
) -> None:
    """The same cells in the same order: all that grading looks at."""
    saved, solution = (
        seat_of(submitted(notebook_id), student, notebook_id).path for student in (name, "solution")
    )
    assert saved.read_bytes() != solution.read_bytes()
    first, second = (
        replace(read_submission(path, notebook_id), path=Path(), sha256="")
        for path in (saved, solution)
    )
    assert first == second


def wrong_by_exercise(notebook_id: str) -> dict[str, list[SampleStudent]]:
    return {
        e.id: [s for s in CLASSES[notebook_id] if s.kind == "wrong" and s.exercise == e.id]
        for e in NOTEBOOKS[notebook_id].exercises
    }


def on_others(notebook_id: str) -> list[str]:
    """Exercises that build on others: dear to judge, so each mistake of theirs stands alone."""
    return [e.id for e in NOTEBOOKS[notebook_id].exercises if e.builds_on]


def columns(notebook_id: str) -> list[list[SampleStudent]]:
    """Every wrong answer once, those of exercises that stand for themselves beside each other."""
    rows = wrong_by_exercise(notebook_id)
    dear = on_others(notebook_id)
    beside = itertools.zip_longest(*(rows[e] for e in rows if e not in dear))
    alone = [[student] for e in dear for student in rows[e]]
    return [[student for student in row if student] for row in beside] + alone


def attacks(notebook_id: str) -> list[list[SampleStudent]]:
    """Every hostile sample once, one for an exercise; no two of a group change the same cell."""
    groups: list[list[SampleStudent]] = []
    for student in (s for s in CLASSES[notebook_id] if s.kind == "hostile"):
        for group in groups:
            if student.exercise not in {s.exercise for s in group}:
                group.append(student)
                break
        else:
            groups.append([student])
    return groups


def handed_in(students: list[SampleStudent], notebook_id: str) -> NotebookNode:
    """The solution with the answers of several students, one after the other."""
    notebook = solution_notebook(ROOT, notebook_id)
    for student in students:
        text = submission_of(student, notebook, NOTEBOOKS[notebook_id])
        notebook = nbformat.reads(text, as_version=4)
    return notebook


def graded(
    students: list[SampleStudent],
    notebook_id: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    only: Collection[str] = (),
) -> GradeReport:
    """Grade what these students hand in together; one that never stops is given seconds."""
    if any(student.message == "did not stop" for student in students):
        for way in (Student.call, Student.probe):
            monkeypatch.setitem(way.__kwdefaults__, "seconds", SOON)
        monkeypatch.setitem(CELL_SECONDS, "quick", SOON_CELL)
    path = folder / f"{notebook_id}.ipynb"
    nbformat.write(handed_in(students, notebook_id), path)
    return grade_submission(path, Settings("quick"), only=only)


def named(groups: Callable[[str], list[list[SampleStudent]]]) -> list[ParameterSet]:
    """Every group of every notebook, by the name of its first student."""
    return [
        pytest.param(notebook_id, students, id=f"{notebook_id}-{students[0].name}")
        for notebook_id in NOTEBOOKS
        for students in groups(notebook_id)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("notebook_id", "students"), named(columns))
def test_a_mistake_costs_exactly_what_it_must(
    notebook_id: str,
    students: list[SampleStudent],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only = [student.exercise for student in students]
    report = graded(students, notebook_id, tmp_path, monkeypatch, only)
    assert judge_students("mixture", students, report).complaints == ()


@pytest.mark.slow
@pytest.mark.parametrize(("notebook_id", "students"), named(attacks))
def test_an_attack_costs_its_exercise_and_no_other(
    notebook_id: str,
    students: list[SampleStudent],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report = graded(students, notebook_id, tmp_path, monkeypatch)
    assert judge_students("attacks", students, report).complaints == ()
    right = [e for e in report.exercises if e.id not in {s.exercise for s in students}]
    assert all(e.points == e.max_points for e in right)


@pytest.mark.slow
@pytest.mark.parametrize("notebook_id", NOTEBOOKS)
def test_who_builds_on_nothing_but_mistakes_pays_for_none_of_them(
    notebook_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, dear = wrong_by_exercise(notebook_id), on_others(notebook_id)
    students = [students[0] for e, students in rows.items() if e not in dear]
    report = graded(students, notebook_id, tmp_path, monkeypatch)
    points = {e.id: (e.points, e.max_points) for e in report.exercises}
    assert all(points[e][0] == points[e][1] for e in dear), points
    assert all(points[s.exercise][0] != points[s.exercise][1] for s in students), points


@pytest.mark.slow
@pytest.mark.parametrize("notebook_id", DESIGNS)
def test_the_design_that_differs_most_gets_every_point(
    notebook_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    design = next(s for s in CLASSES[notebook_id] if s.name == DESIGNS[notebook_id])
    report = graded([design], notebook_id, tmp_path, monkeypatch)
    assert report.points == NOTEBOOKS[notebook_id].points


@pytest.mark.parametrize("notebook_id", NOTEBOOKS)
def test_the_sample_class_holds_what_it_must(notebook_id: str) -> None:
    everybody, wrong = CLASSES[notebook_id], wrong_by_exercise(notebook_id)
    kinds = [student.kind for student in everybody]
    assert kinds.count("right") >= 6  # the solution, three other designs, Colab, VS Code
    assert kinds.count("wrong") >= 25
    assert kinds.count("hostile") >= 5
    assert all(len(students) >= 3 for students in wrong.values())
    assert all(s.message for students in wrong.values() for s in students)
    groups = columns(notebook_id) + attacks(notebook_id)
    assert sorted(s.name for group in groups for s in group) == sorted(
        s.name for s in everybody if s.kind != "right"
    )
