"""The commands that bring submissions in and results out: collect, report, feedback, export."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data_utils.course import Notebook
from grader.options import AssignmentOption, CourseOption, notebook_named, out

if TYPE_CHECKING:
    from grader.classroom import ClassFolder
    from grader.results import Result

app = typer.Typer()
HERE = Path(".")


class ExportFormat(StrEnum):
    """Whose file it is."""

    plain = "plain"
    canvas = "canvas"
    moodle = "moodle"


@app.command()
def collect(
    source: Annotated[Path, typer.Argument(help="A zip from Moodle or Canvas, or a folder.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Also where another notebook lies already.")
    ] = False,
    assignment: AssignmentOption = "",
    course: CourseOption = HERE,
) -> None:
    """Bring notebooks from a zip or a folder into submitted/; exit 1 if a file was refused."""
    from grader.classroom import ClassFolder
    from grader.collect import collect as take
    from grader.tables import print_lines

    result = take(source, ClassFolder(course), notebook_named(assignment).id, replace=replace)
    print_lines(out, result.lines())
    raise typer.Exit(1 if result.needs_a_look else 0)


@app.command()
def report(assignment: AssignmentOption = "", course: CourseOption = HERE) -> None:
    """Write a page for the class and one for each student, to be read without a network."""
    from grader.classroom import ClassFolder
    from grader.results import results_of

    folder = ClassFolder(course)
    notebook = notebook_named(assignment, folder.submitted)
    _write_pages(folder, notebook, results_of(folder, notebook))


@app.command()
def feedback(assignment: AssignmentOption = "", course: CourseOption = HERE) -> None:
    """Write feedback/STUDENT/: nbgrader's page where there is one, and the student's own page."""
    from grader.classroom import ClassFolder
    from grader.feedback import write_feedback
    from grader.reports.pages import page_name
    from grader.results import results_of
    from grader.tables import grouped_lines, print_lines

    folder = ClassFolder(course)
    notebook = notebook_named(assignment, folder.submitted)
    results = results_of(folder, notebook)
    _write_pages(folder, notebook, results)
    pages = folder.pages / notebook.id
    students = [result.student for result in results]
    done = write_feedback(
        folder, notebook, students, lambda name: pages / page_name(name), lambda _: None
    )
    graded = {result.student for result in results if not result.word}
    missed = [(given.reason, given.student) for given in done
              if given.reason and given.student in graded]  # fmt: skip
    out.print(
        f"Feedback for {len(done)} students lies in {folder.root / 'feedback'}; "
        f"{len(graded)} of them were graded."
    )
    print_lines(out, grouped_lines("no page of nbgrader's", missed))


@app.command()
def export(
    format: Annotated[ExportFormat, typer.Option(help="Whose file.")] = ExportFormat.plain,
    roster: Annotated[
        Path | None, typer.Option(help="Canvas's gradebook or Moodle's worksheet, to fill in.")
    ] = None,
    to: Annotated[Path | None, typer.Option(help="The file to write.")] = None,
    column: Annotated[str, typer.Option(help="The assignment's title in Canvas.")] = "",
    assignment: AssignmentOption = "",
    course: CourseOption = HERE,
) -> None:
    """Write the points of a class as CSV: plain, for Canvas, or for Moodle.

    Exit 1 if somebody has no points, or a row of the roster has no result.
    """
    from grader.classroom import ClassFolder
    from grader.export import export_class
    from grader.rescoring import read_rescorings, worth
    from grader.results import results_of
    from grader.roster import read_roster
    from grader.tables import print_lines

    folder = ClassFolder(course)
    notebook = notebook_named(assignment, folder.submitted)
    target = to or folder.root / f"grades_{format.value}.csv"
    done = export_class(
        results_of(folder, notebook),
        notebook,
        worth(notebook, read_rescorings(folder.reports)),
        format.value,
        target,
        roster,
        people=read_roster(folder.root),
        column=column,
    )
    print_lines(out, done.lines())
    raise typer.Exit(1 if done.words or (roster and done.remarks) else 0)


def _write_pages(folder: ClassFolder, notebook: Notebook, results: list[Result]) -> list[Path]:
    from grader.reports import write_pages

    pages = write_pages(folder, notebook, results)
    out.print(f"{len(pages)} pages. Open {folder.pages / notebook.id / 'index.html'}")
    return pages
