"""What the terminal shows: one report in words, a class as a table."""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from data_utils.course import Notebook, load_course
from data_utils.selfcheck.words import FAILED, PASSED, STOPPED
from grader.floors import floors_applied
from grader.report import GRADED, GRADER_ERROR, ExerciseResult, GradeReport


def number(points: float | None) -> str:
    """Write points without needless decimals; a dash where there are none."""
    return "-" if points is None else f"{points:g}"


def plural(count: int, noun: str) -> str:
    """Write a count with its noun.

    Examples
    --------
    >>> plural(1, "worker"), plural(2, "worker")
    ('1 worker', '2 workers')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def report_lines(report: GradeReport) -> list[str]:
    """Return a report as its student reads it."""
    if report.status != GRADED:
        return [f"{FAILED}  {report.submission}", f"  {report.reason}", "  This is not a zero."]
    lines: list[str] = []
    for exercise in report.exercises:
        lines += exercise_lines(exercise)
    lines.append(f"{number(report.points)} of {sum(e.max_points for e in report.exercises)} points")
    notebook = load_course().notebook(report.notebook)
    lines.append(f"Graded on {report.device}: {floors_applied(notebook, report)}.")
    for question in notebook.questions:
        lines.append(
            f"Question {question.id} is graded by hand: up to {question.points} more points."
        )
    lines += [f"note: {flag}" for flag in report.flags]
    return lines


def exercise_lines(exercise: ExerciseResult) -> list[str]:
    """Return one exercise: a headline, then up to five lines for each thing that was wrong."""
    stopped = [c for c in exercise.checks if c.status == GRADER_ERROR]
    mark = FAILED if exercise.findings else STOPPED if stopped else PASSED
    head = (
        f"{mark}  Exercise {exercise.id}  {exercise.function}   "
        f"{number(exercise.points)} of {exercise.max_points} points"
    )
    lines = [head]
    for finding in exercise.findings:
        lines += finding.lines()
    if stopped:
        lines.append("  The grader stopped, not your answer. No points were taken for it.")
    return lines


def class_table(
    rows: Sequence[tuple[str, GradeReport]],
    notebook: Notebook,
    expected: dict[str, str] | None = None,
    worth: Mapping[str, int] | None = None,
) -> Table:
    """Return a class as a table: points by exercise and in all, in words where there are none.

    Parameters
    ----------
    rows : sequence of (student, report)
    notebook : Notebook
    expected : dict, optional
        What each student must get, for the sample class.
    worth : mapping, optional
        What each exercise is worth, where that was rescored.
    """
    table = Table(title=f"{notebook.id}: {len(rows)} submissions", padding=(0, 0))
    table.add_column("student", no_wrap=True)
    points = worth or {exercise.id: exercise.points for exercise in notebook.exercises}
    for exercise_id, most in points.items():
        table.add_column(f"{exercise_id}\n/{most}", justify="right", no_wrap=True)
    table.add_column(f"total\n/{sum(points.values())}", justify="right", no_wrap=True)
    if expected is not None:
        table.add_column("must be", justify="right", no_wrap=True)
    table.add_column("CPU s", justify="right", no_wrap=True)
    for student, report in rows:
        table.add_row(*_row(student, report, notebook, expected))
    return table


def remark_lines(rows: Sequence[tuple[str, GradeReport]]) -> list[str]:
    """Return one line for each submission that somebody should look at."""
    return [
        f"{student}: {report.reason or '; '.join(report.flags)}"
        for student, report in rows
        if report.reason or report.flags
    ]


def grouped_lines(what: str, reasons: Iterable[tuple[str, str]]) -> list[str]:
    """Return one line for each reason, with everybody whom it concerns.

    Parameters
    ----------
    what : str
        How each line begins.
    reasons : iterable of (reason, student)

    Examples
    --------
    >>> grouped_lines("left out", [("it is locked", "ada"), ("it is locked", "bob")])
    ['left out: ada, bob: it is locked']
    """
    who: dict[str, list[str]] = {}
    for reason, student in reasons:
        who.setdefault(reason, []).append(student)
    return [f"{what}: {', '.join(names)}: {reason}" for reason, names in who.items()]


def print_lines(console: Console, lines: Sequence[str]) -> None:
    """Print plain lines; student names and messages are never read as markup."""
    body: RenderableType = Group(*(Text(line) for line in lines))
    console.print(body)


def _row(
    student: str, report: GradeReport, notebook: Notebook, expected: dict[str, str] | None
) -> list[Text]:
    given = {exercise.id: number(exercise.points) for exercise in report.exercises}
    cells = [student, *(given.get(exercise.id, "") for exercise in notebook.exercises)]
    cells.append(number(report.points) if report.status == GRADED else report.status)
    if expected is not None:
        cells.append(expected[student])
    cells.append(f"{report.cpu_seconds:.0f}" if report.cpu_seconds else "")
    return [Text(cell) for cell in cells]
