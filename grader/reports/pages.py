"""Write the pages of a class: one file each, complete in itself, without any script."""

import base64
import hashlib
import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from data_utils.course import Notebook
from grader.classroom import ClassFolder
from grader.errors import GraderError
from grader.files import write_atomically
from grader.freshness import now
from grader.reports.class_page import class_page
from grader.reports.student_page import student_page
from grader.reports.wording import bar, moment, visible
from grader.rescoring import read_rescorings
from grader.results import Result
from grader.tables import number

if TYPE_CHECKING:
    from jinja2 import Environment

INDEX = "index"
SUFFIX = ".html"
# Stands in the first lines of each page; a file without it is somebody else's and stays.
OURS = '<meta name="generator" content="anomaly-course grader">'
HEAD_BYTES = 2_000  # of a page: enough to hold that line
LONGEST_STEM = 200  # bytes of a file name without its ending; file systems take 255


def write_pages(folder: ClassFolder, notebook: Notebook, results: Sequence[Result]) -> list[Path]:
    """Write the class page and each student's page, and remove those of students who are gone.

    Parameters
    ----------
    folder : ClassFolder
        The pages go to ``pages/NOTEBOOK/index.html`` and ``pages/NOTEBOOK/STUDENT.html``.
    notebook : Notebook
    results : sequence of Result
        See `grader.results.class_results`.

    Returns
    -------
    list of Path
        The class page first.

    Raises
    ------
    GraderError
        If a page cannot be written, or the file of rescorings is broken.
    """
    target = folder.pages / notebook.id
    decisions = read_rescorings(folder.reports)
    environment = _environment()
    name = folder.root.resolve().name
    page = class_page(name, results, notebook, decisions)
    written = [target / f"{INDEX}{SUFFIX}"]
    _write(environment, "class.html", written[0], page)
    for result in results:
        path = target / page_name(result.student)
        _write(environment, "student.html", path, student_page(result, notebook, decisions))
        written.append(path)
    _remove_stale(target, {path.name for path in written})
    return written


def page_name(student: str) -> str:
    """Return the file name of a student's page.

    Examples
    --------
    >>> page_name("ada"), page_name("Index")
    ('ada.html', 'Index_.html')
    """
    stem = student
    if stem.casefold().rstrip("_") == INDEX:  # no student may take the class page's place
        stem += "_"
    if len(stem.encode()) > LONGEST_STEM:
        digest = hashlib.sha256(stem.encode()).hexdigest()[:12]
        stem = f"{stem.encode()[: LONGEST_STEM // 2].decode(errors='ignore')}-{digest}"
    return stem + SUFFIX


def security_policy(style: str) -> str:
    """Return the policy of a page: nothing but its own style, which is named by its hash."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _environment() -> "Environment":
    """Return the templates; every value that they show is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("grader.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = resources.files("grader.reports").joinpath("templates/style.css").read_text("utf-8")
    environment.filters |= {
        "number": number,
        "moment": moment,
        "bar": bar,
        "share": _share,
        "link": _link,
    }
    environment.globals |= {"style": Markup(style), "policy": Markup(security_policy(style))}
    environment.globals |= {"ours": Markup(OURS), "written_at": now()}
    return environment


def _write(environment: "Environment", template: str, path: Path, page: Any) -> None:
    write_atomically(path, environment.get_template(template).render(page=page).encode())


def _share(value: float) -> str:
    return f"{value:.0%}"


def _link(student: str) -> str:
    """Return the address of a student's page, seen from the class page.

    It begins with ``./`` so that a colon in it can never be read as a scheme.
    """
    return "./" + quote(page_name(student))


def _remove_stale(target: Path, keep: set[str]) -> None:
    """Remove pages of ours that were not written now."""
    for path in target.glob(f"*{SUFFIX}"):
        if path.name in keep or path.is_symlink() or not path.is_file():
            continue
        try:
            with path.open("rb") as file:
                if OURS.encode() in file.read(HEAD_BYTES):
                    os.unlink(path)
        except OSError as error:
            raise GraderError(
                f"{path} is an old page and could not be removed ({error.strerror}). Delete it."
            ) from error
