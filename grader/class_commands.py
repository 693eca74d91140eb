"""The commands of an instructor with a class: autograde, show, rescore."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from data_utils.course import Notebook
from grader.devices import Device, choose_device
from grader.options import (
    CHECKOUT,
    AssignmentOption,
    CourseOption,
    DeviceOption,
    IsolationOption,
    Profile,
    ProfileOption,
    notebook_named,
    out,
)
from grader.tables import class_table, grouped_lines, number, plural, print_lines, remark_lines

if TYPE_CHECKING:
    from grader.autograde import Plan
    from grader.classroom import ClassFolder, Seat
    from grader.examination import Settings
    from grader.report import GradeReport

app = typer.Typer()
HERE = Path(".")


@app.command()
def autograde(
    assignment: AssignmentOption = "",
    student: Annotated[list[str] | None, typer.Option(help="Only this one; repeatable.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; one for each core or GPU if left out.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Grade what did not change, too.")] = False,
    trust_solution: Annotated[
        bool, typer.Option("--trust-solution", help="Do not grade the solution first.")
    ] = False,
    profile: ProfileOption = Profile.embedded,
    device: DeviceOption = Device.cpu,
    isolation: IsolationOption = None,
    course: CourseOption = HERE,
) -> None:
    """Grade what changed in a class; exit 1 if a submission needs a look.

    It can be stopped at any time: the same command goes on where it was.
    """
    from grader import autograde as steps
    from grader.classroom import ClassFolder, list_seats, require_student
    from grader.examination import Settings
    from grader.judging.secret import course_secret
    from grader.sandbox import best_isolation

    folder = ClassFolder(course)
    notebook = notebook_named(assignment, folder.submitted)
    rung = isolation or best_isolation()
    chosen = choose_device(device, notebook.framework, rung)
    if chosen.remark:
        out.print(chosen.remark, markup=False)
    with steps.alone_in(folder):
        seats = list_seats(folder.submitted, notebook.id)
        secret = course_secret(folder.root)
        settings = Settings(profile.value, rung, gpus=chosen.gpus, secret_file=secret)
        if student:
            seats = [require_student(folder.submitted, name, notebook.id) for name in student]
        plan = steps.plan_class(folder, seats, notebook.id, settings, force)
        if plan.tasks:
            seconds = None if trust_solution else _try_solution(folder, notebook, settings)
            _grade(plan, folder, notebook, settings, workers, seconds)
        else:
            out.print(f"Nothing changed since the last time, for {plural(len(seats), 'student')}.")
        _record(folder, notebook, [seat.student for seat in seats])
    raise typer.Exit(_show_class(folder, notebook, {seat.student for seat in seats}))


def _try_solution(folder: ClassFolder, notebook: Notebook, settings: Settings) -> float | None:
    """Try the solution on this machine; return how long it took, None where there is none."""
    from grader.autograde import solution_holds, try_solution

    relative = Path("solutions") / notebook.id / f"{notebook.id}.ipynb"
    found = [root / relative for root in (folder.root, CHECKOUT) if (root / relative).is_file()]
    if not found:
        out.print("There is no solution here, so this machine was not tried with it first.")
        return None
    if not solution_holds(folder, found[0], notebook, settings):
        out.print(f"The solution goes first, in profile {settings.profile}.")
    report = try_solution(folder, found[0], notebook, settings)
    out.print(
        f"The solution gets full marks on this machine, in {report.wall_seconds:.0f} s "
        f"({report.cpu_seconds:.0f} CPU s)."
    )
    return report.wall_seconds


def _grade(
    plan: Plan,
    folder: ClassFolder,
    notebook: Notebook,
    settings: Settings,
    wanted: int | None,
    seconds: float | None,
) -> None:
    """Grade what is planned, with a progress bar, and say which grades are other ones now."""
    from grader.autograde import affordable_workers, changes
    from grader.schedule import Place, grade_class

    workers, warning = affordable_workers(wanted or len(settings.gpus) or None)
    workers = min(workers, len(plan.tasks))
    if warning:
        out.print(warning)
    out.print(_announcement(plan, workers, seconds))
    reports: dict[str, GradeReport] = {}
    results = grade_class(plan.tasks, Place(notebook.id, settings, folder.reports), workers)
    try:
        for seat, report in _with_progress(results, len(plan.tasks)):
            reports[seat.student] = report
    finally:  # Ctrl-C and a full disk too: what is finished is on the disk
        left = len(plan.tasks) - len(reports)
        if left:
            out.print(
                f"Stopped: {len(reports)} were graded and are kept, {left} are left. The same "
                "command goes on from here."
            )
        moved = changes(plan, reports)
        if moved:
            print_lines(out, ["Grades that changed, with before and after:", *moved])


def _record(folder: ClassFolder, notebook: Notebook, students: list[str]) -> None:
    """Bring the grades into nbgrader's gradebook, where there is one, and say what was not."""
    from grader.gradebook import record
    from grader.results import class_results

    if not folder.gradebook.exists():
        return
    with _bar("gradebook", len(students)) as advance:
        done = record(folder, notebook, students, lambda _: advance())
    results = class_results(folder, notebook)
    graded = {result.student for result in results if not result.word}  # the others are told below
    new = sum(not one.reason and not one.kept for one in done)
    out.print(f"nbgrader's gradebook: {plural(new, 'student')} written, of {len(graded)} graded.")
    missed = [(one.reason, one.student) for one in done if one.reason and one.student in graded]
    print_lines(out, grouped_lines("not in the gradebook", missed))


def _announcement(plan: Plan, workers: int, seconds: float | None) -> str:
    """Say how many are to be graded, how many are kept, and how long it will take."""
    known = plan.seconds_known
    each = sum(known) / len(known) if known else seconds
    text = f"{len(plan.tasks)} to grade with {plural(workers, 'worker')}"
    if plan.kept:
        text += f", {len(plan.kept)} whose grades still hold"
    if each is None:
        return text + "."
    total = each * len(plan.tasks) / workers
    return text + f"; at most about {_duration(total)}, if all take as long as the solution."


def _with_progress(
    results: Iterable[tuple[Seat, GradeReport]], count: int
) -> Iterator[tuple[Seat, GradeReport]]:
    """Pass results on; show a bar on a terminal, and a line for each where there is none."""
    with _bar("grading", count) as advance:
        for place, (seat, report) in enumerate(results, start=1):
            advance()
            if not out.is_terminal:
                out.print(f"{place} of {count}  {seat.student}", markup=False)
            yield seat, report


@contextlib.contextmanager
def _bar(what: str, count: int) -> Iterator[Callable[[], None]]:
    """Show a progress bar on a terminal; yield what moves it on by one."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=out, disable=not out.is_terminal) as bar:
        task = bar.add_task(what, total=count)
        yield lambda: bar.advance(task)


def _show_class(folder: ClassFolder, notebook: Notebook, students: set[str]) -> int:
    """Print the class as a table and what needs a look; return the exit code."""
    from grader.rescoring import read_rescorings, worth
    from grader.results import results_of

    results = results_of(folder, notebook)
    now_worth = worth(notebook, read_rescorings(folder.reports))
    rows = [(r.student, r.report) for r in results if r.student in students]
    Console().print(class_table(rows, notebook, worth=now_worth))
    print_lines(out, remark_lines(rows))
    return 1 if any(report.needs_a_look for _, report in rows) else 0


@app.command()
def show(
    student: Annotated[str, typer.Argument(help="Whose grade.")],
    exercise: Annotated[str, typer.Argument(help="This exercise only, such as 1.5.")] = "",
    assignment: AssignmentOption = "",
    course: CourseOption = HERE,
) -> None:
    """Tell the whole story of a grade: every check, what was measured, what changed and why."""
    from grader.classroom import ClassFolder, require_student
    from grader.rescoring import read_rescorings
    from grader.results import current_report
    from grader.story import story_lines

    folder = ClassFolder(course)
    notebook = notebook_named(assignment, folder.submitted)
    if exercise:
        notebook.exercise(exercise)  # or a sentence that names those there are
    seat = require_student(folder.submitted, student, notebook.id)
    decisions = read_rescorings(folder.reports)
    report = current_report(folder, seat, notebook, decisions)
    print_lines(out, story_lines(seat.student, report, notebook, decisions, exercise))


@app.command()
def rescore(
    exercise: Annotated[str, typer.Option(help="Which exercise, such as 1.5.")],
    points: Annotated[
        int | None, typer.Option(min=0, help="What it is worth from now on; 0 takes it out.")
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option(help="A check that no longer counts; repeatable.")
    ] = None,
    reason: Annotated[str, typer.Option(help="For those who read the grades.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take the decision back.")] = False,
    assignment: AssignmentOption = "",
    course: CourseOption = HERE,
) -> None:
    """Change what an exercise is worth, or drop an unfair check, without grading again."""
    from grader.autograde import alone_in
    from grader.classroom import ClassFolder
    from grader.rescoring import decide
    from grader.results import class_results

    folder = ClassFolder(course)
    notebook = notebook_named(assignment, folder.submitted)
    with alone_in(folder):
        before = class_results(folder, notebook)
        known = {c.name.split("[")[0] for r in before for e in r.report.exercises
                 if e.id == exercise for c in e.checks}  # fmt: skip
        decide(folder.reports, notebook.exercise(exercise), points, drop or [], reason, undo, known)
        after = class_results(folder, notebook)
        moved = [
            f"{old.student}: {number(old.report.points)} -> {number(new.report.points)}"
            for old, new in zip(before, after, strict=True)
            if old.report.points != new.report.points
        ]
        said = f"{plural(len(moved), 'grade')} of {len(after)} changed; nothing was graded again."
        print_lines(out, [said, *moved])
        _record(folder, notebook, [result.student for result in after])


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"
