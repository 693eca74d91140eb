"""The sample class, graded as a class: what must come out stands beside what came out."""

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_utils.course import Notebook, load_course
from grader.classroom import Seat, seat_of
from grader.examination import Settings
from grader.report import EXCUSED, FAILED, PASSED, GradeReport
from grader.sample_class import (
    SampleStudent,
    expected_points,
    fails,
    load_class,
    solution_notebook,
    submission_of,
)
from grader.sample_class.bad_files import BAD_FILES, write_bad_file
from grader.schedule import Place, Task, grade_class, grade_seat
from grader.tables import number


@dataclass(frozen=True)
class Graded:
    """One sample submission: what came out, what had to, and where the two differ."""

    student: str
    report: GradeReport
    must_be: str
    complaints: tuple[str, ...]


def grade_sample_class(
    notebook_id: str,
    root: Path,
    settings: Settings,
    on_report: Callable[[Graded], None],
    everybody: bool = False,
) -> list[Graded]:
    """Grade the sample class of a notebook on all cores.

    Parameters
    ----------
    notebook_id : str
    root : Path
        The checkout.
    settings : Settings
    on_report : callable
        Called with each result as it comes.
    everybody : bool
        Grade the whole class, not only its `demo_students`.

    Returns
    -------
    list of Graded
        In the class's order.
    """
    graded: dict[str, Graded] = {}
    with tempfile.TemporaryDirectory() as folder:
        students = load_class(notebook_id) if everybody else demo_students(notebook_id)
        notebook = load_course().notebook(notebook_id)
        seats = write_class(Path(folder) / "submitted", root, notebook, students)
        reports = Path(folder) / "reports"
        workers = os.cpu_count() or 1
        tasks, place = [Task(seat) for seat in seats], Place(notebook_id, settings, reports)
        for seat, report in grade_class(tasks, place, workers):
            graded[seat.student] = judge(seat.student, notebook_id, report)
            on_report(graded[seat.student])
    return [graded[seat.student] for seat in seats]


def grade_and_judge(
    name: str, notebook_id: str, submitted: Path, settings: Settings, reports: Path
) -> Graded:
    """Grade one sample student in this process, of a class that `write_class` wrote."""
    task = Task(seat_of(submitted, name, notebook_id))
    return judge(name, notebook_id, grade_seat(task, Place(notebook_id, settings, reports)))


def judge(name: str, notebook_id: str, report: GradeReport) -> Graded:
    """Compare a sample student's report with what must come out."""
    for student in load_class(notebook_id):
        if student.name == name:
            return judge_students(name, [student], report)
    bad = next(bad for bad in BAD_FILES if bad.student == name)
    refused = report.status == bad.status and bad.message in report.reason
    complaints = () if refused else (f"not refused with {bad.message!r}",)
    return Graded(name, report, bad.status, complaints)


def few_students(notebook_id: str) -> tuple[SampleStudent, ...]:
    """Return the sample class with one wrong student for each exercise: the first."""
    everybody = load_class(notebook_id)
    first: dict[str, SampleStudent] = {}
    for student in everybody:
        if student.kind == "wrong":
            first.setdefault(student.exercise, student)
    return tuple(s for s in everybody if s.kind != "wrong" or s in first.values())


def demo_students(notebook_id: str) -> tuple[SampleStudent, ...]:
    """Return the part of the sample class that `make demo` grades, so that it takes minutes.

    Of the first notebook all `few_students`. Of a later one the solution and one more design, one
    wrong student for every fourth exercise, and the first attack that no earlier class holds.
    """
    course = load_course()
    notebook = course.notebook(notebook_id)
    before = course.notebooks[: course.notebooks.index(notebook)]
    earlier = {s.name for each in before for s in load_class(each.id)}
    few = few_students(notebook_id)
    if not earlier:
        return few
    designs = [s for s in few if s.kind == "right" and s.saved_by == "jupyter"][:2]
    exercises = [e.id for e in notebook.exercises[::4]]
    wrong = [s for s in few if s.kind == "wrong" and s.exercise in exercises]
    new = [s for s in few if s.kind == "hostile" and s.name not in earlier]
    return (*designs, *wrong, *new[:1])


def write_class(
    submitted: Path, root: Path, notebook: Notebook, students: Sequence[SampleStudent]
) -> list[Seat]:
    """Write a class in nbgrader's layout, the bad files with it, and return its seats.

    The first student is the one whose good file the bad ones are made from.
    """
    solution = solution_notebook(root, notebook.id)
    name = f"{notebook.id}.ipynb"
    seats = []
    for student in students:
        seats.append(_new_seat(submitted, student.name, notebook.id))
        seats[-1].path.write_text(submission_of(student, solution, notebook), encoding="utf-8")
    good, target = seats[0].path.read_text(encoding="utf-8"), seats[0].path
    for bad in BAD_FILES:
        seats.append(_new_seat(submitted, bad.student, notebook.id))
        write_bad_file(bad, seats[-1].path.parent, name, good, target)
    return seats


def _new_seat(submitted: Path, student: str, notebook_id: str) -> Seat:
    seat = seat_of(submitted, student, notebook_id)
    seat.path.parent.mkdir(parents=True)
    return seat


def judge_students(name: str, students: Sequence[SampleStudent], report: GradeReport) -> Graded:
    """Compare every exercise's points and every check with what the fragments declare.

    Parameters
    ----------
    name : str
    students : sequence of SampleStudent
        Whose answers the submission holds; two of the same exercise fail other checks of it.
    report : GradeReport
    """
    complaints = [] if report.exercises else [f"nothing was judged: {report.reason}"]
    total = 0.0
    for exercise in report.exercises:
        wanted = expected_points(students, exercise)
        total += wanted or 0.0
        if exercise.points != wanted:
            complaints.append(f"{exercise.id}: {number(exercise.points)}, not {number(wanted)}")
        for check in exercise.checks:
            wanted_status = FAILED if fails(students, exercise.id, check) else PASSED
            if check.status not in (EXCUSED, wanted_status):
                complaints.append(f"{check.name}: {check.status}")
    said = "\n".join(
        line for e in report.exercises for finding in e.findings for line in finding.lines()
    )
    complaints += [f"nobody said {s.message!r}" for s in students if s.message not in said]
    return Graded(name, report, number(total), tuple(complaints))
