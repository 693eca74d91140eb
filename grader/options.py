"""What several commands share: their options, and the way to the terminal."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from data_utils.course import Notebook, load_course
from grader.devices import Device
from grader.errors import NotebookChoiceError
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
DeviceOption = Annotated[
    Device, typer.Option(help="What trains: 'auto' takes the GPU where there is one.")
]
AssignmentOption = Annotated[
    str, typer.Option(help="Which notebook; needed where the class handed in several.")
]
CourseOption = Annotated[
    Path, typer.Option(help="The course folder, with submitted/ and reports/ in it.")
]


def notebook_named(assignment: str, submitted: Path | None = None) -> Notebook:
    """Return the notebook of that name; where none was named, the one that was handed in.

    Parameters
    ----------
    assignment : str
        May be empty.
    submitted : Path, optional
        The class's submissions. Without any, it is the first notebook of the course.

    Raises
    ------
    UnknownExerciseError
        If the course has no such notebook.
    NotebookChoiceError
        If none was named and several were handed in.
    """
    course = load_course()
    if assignment:
        return course.notebook(assignment)
    there = [n for n in course.notebooks if submitted and any(submitted.glob(f"*/{n.id}"))]
    if len(there) > 1:
        names = ", ".join(notebook.id for notebook in there)
        raise NotebookChoiceError(
            f"The class handed in several notebooks ({names}), and a command works on one. "
            f"Name it: --assignment {there[-1].id}"
        )
    return there[0] if there else course.notebooks[0]
