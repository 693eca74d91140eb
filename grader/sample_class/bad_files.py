"""Files that are no gradable submission, and the words with which each must be refused."""

import json
from dataclasses import dataclass
from pathlib import Path

from grader.report import MISSING, NOT_GRADED


@dataclass(frozen=True)
class BadFile:
    """What a student handed in instead of the notebook.

    Attributes
    ----------
    student : str
    why : str
    message : str
        Must stand in the reason of the report.
    status : {"failed", "missing"}
    """

    student: str
    why: str
    message: str
    status: str = NOT_GRADED


BAD_FILES = (
    BadFile("not_json", "A text file with the notebook's name.", "not JSON"),
    BadFile("empty_file", "Saving went wrong.", "is empty"),
    BadFile("old_format", "A notebook of format 3.", "format 4"),
    BadFile("renamed", "The notebook under another name.", "Rename it", MISSING),
    BadFile("missing", "Nothing was handed in.", "nothing was handed in", MISSING),
    BadFile("a_link", "A link to the solution.", "is a link"),
    BadFile("another_notebook", "A notebook that is not of this course.", "another notebook"),
)


def write_bad_file(bad: BadFile, folder: Path, name: str, good: str, target: Path) -> None:
    """Put a bad file where the notebook should be.

    Parameters
    ----------
    bad : BadFile
    folder : Path
        The student's folder; it exists and is empty.
    name : str
        The file name that was asked for.
    good : str
        A notebook that could be graded, as JSON text.
    target : Path
        What the link points to.
    """
    path = folder / name
    contents = {
        "not_json": "# My notebook\nprint('hello')\n",
        "empty_file": "",
        "old_format": json.dumps({"nbformat": 3, "nbformat_minor": 0, "worksheets": []}),
        "another_notebook": json.dumps(
            {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
        ),
    }
    if bad.student == "renamed":
        (folder / f"Copy of {name}").write_text(good, encoding="utf-8")
    elif bad.student == "a_link":
        path.symlink_to(target)
    elif bad.student != "missing":
        path.write_text(contents[bad.student], encoding="utf-8")
