"""The command line: python -m grader COMMAND.

Exit codes: 0 all well, 1 something failed or needs a look, 2 wrong usage or environment.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from data_utils.course import Notebook, load_course
from data_utils.errors import CourseKitError
from grader import class_commands, result_commands
from grader.devices import Device, choose_device
from grader.errors import SubmissionError
from grader.options import (
    CHECKOUT,
    DeviceOption,
    IsolationOption,
    Profile,
    ProfileOption,
    out,
)
from grader.sandbox import Isolation, SandboxError

if TYPE_CHECKING:  # a command imports what it needs when it runs
    from grader.examination import Settings

app = typer.Typer(
    help="Build, check and grade the notebooks of the course.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(class_commands.app)
app.add_typer(result_commands.app)


@app.command()
def build(
    check: Annotated[
        bool, typer.Option(help="Compare only; exit 1 if something is stale.")
    ] = False,
) -> None:
    """Write the solution and student notebooks from the masters."""
    from grader.build import build_all, stale_files

    if not check:
        for path in build_all(CHECKOUT):
            out.print(f"wrote {path.relative_to(CHECKOUT)}")
        return
    stale = stale_files(CHECKOUT)
    for path in stale:
        out.print(f"{path.relative_to(CHECKOUT)} is not what its master gives. Run: make build")
    if not stale:
        out.print("All generated notebooks are what their masters give.")
    raise typer.Exit(1 if stale else 0)


@app.command("check")
def check_notebook(
    notebook: Annotated[Path, typer.Argument(help="Your notebook, an .ipynb file.")],
    exercise: Annotated[str, typer.Option(help="Judge this one only, such as 1.2.")] = "",
    profile: ProfileOption = Profile.quick,
    device: DeviceOption = Device.cpu,
    isolation: IsolationOption = None,
) -> None:
    """Check one notebook of your own with the hidden checks, and say what is wrong."""
    from grader.examination import Settings
    from grader.grading import grade_submission
    from grader.tables import print_lines, report_lines

    rung = isolation or _isolation_or_a_line()
    if exercise:
        load_course().notebook_of(exercise)  # or a sentence that names those there are
    cost = _cost_of(notebook, profile.value, exercise)
    out.print(f"Checking {notebook.name}{': ' + cost if cost else ''}.", markup=False)
    gpus = _gpus_for(notebook, device, rung)
    settings = Settings(profile.value, rung, gpus=gpus)
    report = grade_submission(notebook, settings, only=(exercise,) if exercise else ())
    print_lines(out, report_lines(report))
    full = report.points == sum(e.max_points for e in report.exercises)
    raise typer.Exit(0 if report.status == "graded" and full else 1)


@app.command()
def demo(
    notebook: Annotated[
        list[str] | None, typer.Option(help="Which one; again for more. All if left out.")
    ] = None,
    everybody: Annotated[
        bool, typer.Option("--all", help="The whole classes, not a part of each.")
    ] = False,
    profile: ProfileOption = Profile.quick,
) -> None:
    """Grade the sample class of each notebook; exit 1 unless all get exactly what they must."""
    from grader.examination import Settings
    from grader.sandbox import best_isolation

    course = load_course()
    chosen = [course.notebook(name) for name in notebook or [n.id for n in course.notebooks]]
    settings = Settings(profile.value, isolation=best_isolation())
    right = [_class_gets_what_it_must(each, settings, everybody) for each in chosen]
    raise typer.Exit(0 if all(right) else 1)


@app.command()
def doctor() -> None:
    """Look at this machine: what is there, what is missing, and what to do about it."""
    from grader.doctor import examine_machine

    lines, healthy = examine_machine(CHECKOUT)
    for line in lines:
        out.print(line, markup=False)
    raise typer.Exit(0 if healthy else 1)


def main() -> NoReturn:
    """Run the command line; the kit's own errors end in a sentence and exit code 2."""
    try:
        app()
    except (CourseKitError, SandboxError) as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"grader: {error}", markup=False
        )
        sys.exit(2)
    sys.exit(0)


def _class_gets_what_it_must(notebook: Notebook, settings: "Settings", everybody: bool) -> bool:
    """Grade a notebook's sample class, print its table, and say whether nothing is wrong."""
    from grader.demo import Graded, grade_sample_class
    from grader.tables import class_table, print_lines, remark_lines

    done: list[str] = []

    def say(result: Graded) -> None:
        done.append(result.student)
        word = "as it must" if not result.complaints else "WRONG: " + "; ".join(result.complaints)
        out.print(f"{len(done):3d}  {result.student}: {word}", markup=False)

    graded = grade_sample_class(notebook.id, CHECKOUT, settings, say, everybody)
    must_be = {result.student: result.must_be for result in graded}
    rows = [(result.student, result.report) for result in graded]
    Console().print(class_table(rows, notebook, must_be))
    print_lines(out, remark_lines(rows))
    right = sum(not result.complaints for result in graded)
    out.print(f"{right} of {len(graded)} samples got exactly what they must.")
    return right == len(graded)


def _gpus_for(notebook: Path, device: Device, isolation: Isolation) -> tuple[int, ...]:
    """Return the GPUs that were asked for; say in one line why ``auto`` takes none."""
    from grader.submissions import read_submission

    if device is Device.cpu:
        return ()
    try:
        framework = read_submission(notebook).notebook.framework
    except SubmissionError:  # the report says what is wrong with the file
        return ()
    chosen = choose_device(device, framework, isolation)
    if chosen.remark:
        out.print(chosen.remark, markup=False)
    return chosen.gpus


def _cost_of(notebook: Path, profile: str, exercise: str) -> str:
    """Say what checking a notebook costs; empty where that is not known."""
    from grader.judging.costs import cost_words
    from grader.submissions import read_submission

    try:
        return cost_words(read_submission(notebook).notebook.id, profile, exercise)
    except SubmissionError:  # the report says what is wrong with the file
        return ""


def _isolation_or_a_line() -> Isolation:
    """Return the best isolation there is; say in one line if there is none."""
    from grader.sandbox import SandboxUnavailable, best_isolation

    try:
        return best_isolation()
    except SandboxUnavailable as error:
        out.print(f"No sandbox here, so your own code runs as you: {error}", markup=False)
        return Isolation.NONE
