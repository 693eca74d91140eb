"""The student version of a notebook, made by nbgrader's generate_assignment."""

import contextlib
import sqlite3
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from grader.errors import BuildError
from grader.nbgrader_plugin import configure_course


def generate_release(folder: Path, assignment: str, source_text: str) -> NotebookNode:
    """Run generate_assignment on one notebook in an empty course folder.

    Parameters
    ----------
    folder : Path
        An empty folder; source, release and nbgrader's database are put there.
    assignment : str
        Name of the assignment and of its notebook.
    source_text : str
        The source version, with solutions.

    Returns
    -------
    NotebookNode
        The student version.

    Raises
    ------
    BuildError
        If nbgrader refuses the source.
    """
    config = Config()
    configure_course(config)
    config.CourseDirectory.root = str(folder)
    config.CourseDirectory.db_url = f"sqlite:///{_gradebook(folder)}"
    config.CourseDirectory.assignment_id = assignment
    source = folder / config.CourseDirectory.source_directory / assignment / f"{assignment}.ipynb"
    source.parent.mkdir(parents=True)
    source.write_text(source_text, encoding="utf-8")
    converter = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config)
    converter.log.setLevel("ERROR")
    try:
        converter.start()
    except (SystemExit, Exception) as error:
        raise BuildError(f"nbgrader refused {assignment}: {error}.") from error
    released = folder / config.CourseDirectory.release_directory / assignment
    return nbformat.read(released / f"{assignment}.ipynb", as_version=4)


def _gradebook(folder: Path) -> Path:
    """Return the file of a gradebook that nobody will read.

    Into an empty one nbgrader writes the version of its tables, and asks another program for it:
    three seconds for each notebook. So it holds a table already.
    """
    path = folder / "gradebook.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE IF NOT EXISTS thrown_away (id INTEGER)")
    return path
