"""Every sample student gets exactly the points it must, and reads the words it must."""

import ast
import contextlib
import functools
import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from data_utils.course import load_course
from grader.classroom import seat_of
from grader.demo import few_students, grade_and_judge, judge_students, write_class
from grader.errors import FragmentError
from grader.examination import CELL_SECONDS, Settings
from grader.grading import grade_submission, hidden_checks
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
# Bad files are graded one by one; who is wrong or hostile, several at once. Beside an attack, what
# is not attacked comes from the honest design that differs most from the solution. The solution by
# itself is graded in test_grading, and the other designs by `grader demo --all`.
GRADED_WHOLE = {"nb1_autoencoder"}  # in test_grading: beside each of its attacks 1.1 is wrong
DESIGNS = {
    "nb1_autoencoder": "convolutional_design",
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


def needed(notebook_id: str) -> set[str]:
    """Exercises whose loss excuses checks of another one."""
    files = hidden_checks(NOTEBOOKS[notebook_id])
    source = "\n".join(file.read_text() for file in files)
    marks = re.findall(r"mark\.needs\(([^)]*)\)", source)
    return {name for mark in marks for name in re.findall(r'"([\d.]+)"', mark)}


@functools.cache
def excusable(notebook_id: str) -> dict[str, set[str]]:
    """The checks that are excused where another exercise lost points, and which exercises."""
    found: dict[str, set[str]] = {}
    for file in hidden_checks(NOTEBOOKS[notebook_id]):
        statements = ast.parse(file.read_text()).body
        named = {
            ast.unparse(s.targets[0]): ast.unparse(s.value)
            for s in statements
            if isinstance(s, ast.Assign) and "mark.needs(" in ast.unparse(s.value)
        }
        for check in (s for s in statements if isinstance(s, ast.FunctionDef)):
            marks = [ast.unparse(mark) for mark in check.decorator_list]
            words = " ".join(w for mark in marks if "needs(" in (w := named.get(mark, mark)))
            if words:
                found[check.name] = set(re.findall(r"'([\d.]+)'", words))
    return found


def excuse_each_other(first: SampleStudent, other: SampleStudent, notebook_id: str) -> bool:
    """Say whether a check that must fail for one of them is excused by the other's mistake."""
    needs = excusable(notebook_id)
    return any(
        second.exercise in needs.get(name, ())
        for one, second in ((first, other), (other, first))
        for name in names_of(one)
    )


def stands_alone(student: SampleStudent, notebook_id: str) -> bool:
    """Say whether all that tells of this mistake is excused beside a mistake that it builds on."""
    if student.kind != "wrong" or student.fails == "all":
        return False
    return names_of(student) <= excusable(notebook_id).keys()


def attacks(notebook_id: str) -> list[list[SampleStudent]]:
    """Every hostile sample once; those that excuse nothing together, so they are run to the end."""
    groups: list[list[SampleStudent]] = []
    for student in (s for s in CLASSES[notebook_id] if s.kind == "hostile"):
        for group in groups:
            if student.exercise not in {s.exercise for s in group} and (
                excuses(student, notebook_id) == excuses(group[0], notebook_id)
            ):
                group.append(student)
                break
        else:
            groups.append([student])
    return groups


def excuses(student: SampleStudent, notebook_id: str) -> bool:
    return bool(student.fails) and student.exercise in needed(notebook_id)


def alone(notebook_id: str) -> list[list[SampleStudent]]:
    """Every one that `stands_alone` once; together where each fails other checks."""
    groups: list[list[SampleStudent]] = []
    for student in (s for s in CLASSES[notebook_id] if stands_alone(s, notebook_id)):
        for group in groups:
            if all(
                names_of(student).isdisjoint(names_of(other))
                and not excuse_each_other(student, other, notebook_id)
                for other in group
            ):
                with contextlib.suppress(FragmentError):  # both change the same lines
                    handed_in([*group, student], notebook_id)
                    group.append(student)
                    break
        else:
            groups.append([student])
    return groups


def names_of(student: SampleStudent) -> set[str]:
    """The checks that must fail, without the case of their parameters."""
    return {name.split("[")[0] for name in student.fails}


def handed_in(students: list[SampleStudent], notebook_id: str) -> NotebookNode:
    """The solution with the answers of several students, one after the other."""
    notebook = solution_notebook(ROOT, notebook_id)
    for student in [*beside_attacks(students, notebook_id), *students]:
        text = submission_of(student, notebook, NOTEBOOKS[notebook_id])
        notebook = nbformat.reads(text, as_version=4)
    return notebook


def beside_attacks(students: list[SampleStudent], notebook_id: str) -> list[SampleStudent]:
    """The other honest design, without its answers to what these students answer."""
    if all(student.kind != "hostile" for student in students):
        return []
    taken = {student.exercise for student in students}
    design = next(s for s in CLASSES[notebook_id] if s.name == DESIGNS[notebook_id])
    own = {e: code for e, code in design.answers.items() if e not in taken}
    return [replace(design, answers=own)]


def mixtures(notebook_id: str) -> list[list[SampleStudent]]:
    """Every wrong and hostile sample once, each beside some of other exercises.

    - Beside an attack that excuses checks: wrong answers that excuse the same ones. The exercise
      that builds on them is right, and must not pay for them.
    - Beside one that `stands_alone`: others of the same exercise that fail other checks, and wrong
      answers that excuse nothing.
    - The rest: one of every exercise that has any left.
    """
    rows = {
        e: [s for s in students if not stands_alone(s, notebook_id)]
        for e, students in wrong_by_exercise(notebook_id).items()
    }
    on_others = [e for e in rows if e not in needed(notebook_id)]
    groups = attacks(notebook_id) + alone(notebook_id)
    for group in groups:
        kind, taken = group[0].kind, {s.exercise for s in group}
        beside = [e for e in rows if e not in on_others] if kind == "hostile" else on_others
        if kind == "wrong" or excuses(group[0], notebook_id):
            group += [rows[e].pop(0) for e in beside if e not in taken and rows[e]]
    # From the ends: of a longer list the first ones stay alone, the plainest mistakes.
    rest = itertools.zip_longest(*(reversed(students) for students in rows.values()))
    return groups + [[student for student in row if student] for row in rest]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("notebook_id", "students"),
    [(notebook_id, students) for notebook_id in NOTEBOOKS for students in mixtures(notebook_id)],
    ids=lambda value: value if isinstance(value, str) else value[0].name,
)
def test_several_mistakes_and_attacks_cost_exactly_their_exercises(
    notebook_id: str,
    students: list[SampleStudent],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if any(student.message == "did not stop" for student in students):
        for way in (Student.call, Student.probe):
            monkeypatch.setitem(way.__kwdefaults__, "seconds", SOON)
        monkeypatch.setitem(CELL_SECONDS, "quick", SOON_CELL)
    path = tmp_path / f"{notebook_id}.ipynb"
    nbformat.write(handed_in(students, notebook_id), path)
    report = grade_submission(path, Settings("quick"))
    assert judge_students("mixture", students, report).complaints == ()
    right = [e for e in report.exercises if e.id not in {s.exercise for s in students}]
    assert all(e.points == e.max_points for e in right)


@pytest.mark.parametrize("notebook_id", sorted(NOTEBOOKS.keys() - GRADED_WHOLE))
def test_every_answer_of_the_other_design_is_judged_beside_some_attack(notebook_id: str) -> None:
    beside = [d for group in mixtures(notebook_id) for d in beside_attacks(group, notebook_id)]
    judged = {exercise for design in beside for exercise in design.answers}
    design = next(s for s in CLASSES[notebook_id] if s.name == DESIGNS[notebook_id])
    assert judged == set(design.answers)


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
    assert sorted(mixed) == sorted(s.name for s in everybody if s.kind != "right")
