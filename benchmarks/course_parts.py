"""The parts of course.toml that benchmarks write, each between two lines in its notebook's part."""

import tomllib
from collections.abc import Sequence
from pathlib import Path

from data_utils.course import parse_course
from grader.files import write_atomically


def marks(notebook_id: str, command: str) -> tuple[str, str]:
    """Return the lines between which a command writes what it measured of a notebook."""
    return (
        f"# ---- {notebook_id}: written by `{command}`; do not edit down to the end line ----",
        f"# ---- {notebook_id}: end of what `{command}` writes ----",
    )


def write_part(path: Path, notebook_id: str, command: str, lines: Sequence[str]) -> None:
    """Replace what stands between the two marks.

    Parameters
    ----------
    path : Path
        Of course.toml. It is left alone unless the result is a course.
    notebook_id, command : str
        Whose part, and who writes it.
    lines : sequence of str

    Raises
    ------
    SystemExit
        If the marks do not stand once each, in their order, in the part of their notebook.
    CourseFileError
        If the course could not be read with these lines in it.
    """
    text = path.read_text(encoding="utf-8")
    begin, end = marks(notebook_id, command)
    places = [place for place, line in enumerate(text.splitlines()) if line in (begin, end)]
    found = [text.splitlines()[place] for place in places]
    if found != [begin, end] or _last_notebook(text.split(begin)[0]) != notebook_id:
        raise SystemExit(
            f"{path.name} has no place for what `{command}` measured of {notebook_id}. Its part, "
            f"behind the exercises and before the next [[notebooks]], needs these two lines:\n"
            f"{begin}\n{end}"
        )
    whole = text.split(begin)[0] + "\n".join([begin, *lines, end]) + text.split(end)[1]
    parse_course(whole)
    write_atomically(path, whole.encode())


def _last_notebook(text: str) -> str:
    notebooks = tomllib.loads(text).get("notebooks", [])
    return str(notebooks[-1]["id"]) if notebooks else ""
