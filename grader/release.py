"""The student version of a notebook, made by nbgrader's generate_assignment."""

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
    config.CourseDirectory.db_url = f"sqlite:///{folder / 'gradebook.db'}"
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
