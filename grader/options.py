"""What several commands share: their options, and the way to the terminal."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from data_utils.course import Notebook, load_course
from grader.sandbox import Isolation

CHECKOUT = Path(__file__).resolve().parent.parent
out = Console(highlight=False, soft_wrap=True)


class Profile(StrEnum):
    """How much is trained: see README, "Profiles"."""

    quick = "quick"
    embedded = "embedded"
    full = "full"


ProfileOption = Annotated[Profile, typer.Option(help="How much the notebook trains.")]
IsolationOption = Annotated[
    Isolation | None, typer.Option(help="'none' runs student code without a sandbox.")
]
AssignmentOption = Annotated[
    str, typer.Option(help="Which notebook; the first one of the course if left out.")
]
CourseOption = Annotated[
    Path, typer.Option(help="The course folder, with submitted/ and reports/ in it.")
]


def notebook_named(assignment: str) -> Notebook:
    """Return the notebook of that name, or the first one where none was named.

    Raises
    ------
    UnknownExerciseError
    """
    course = load_course()
    return course.notebook(assignment) if assignment else course.notebooks[0]
