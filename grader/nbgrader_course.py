"""nbgrader's own steps in this process: with the course's settings, quietly, and never a traceback.

nbgrader logs a lot, prints, and exits in places. Here a step ends in nothing or in one sentence.
"""

import contextlib
import errno
import io
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from nbgrader.api import Assignment, Gradebook
from nbgrader.apps.baseapp import NbGrader
from nbgrader.coursedir import CourseDirectory
from sqlalchemy import update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from traitlets.config import Application, Config

from grader.errors import ClassRecordError, RecordError
from grader.nbgrader_grading import GradeInSandbox
from grader.nbgrader_plugin import configure_course

CONFIG = "nbgrader_config"
EXECUTING = "NBGRADER_EXECUTION"  # nbgrader leaves it set when a notebook fails
_IN_USE = "nbgrader's gradebook is in use by another program. Close it, or wait"
_READ_ONLY = "nbgrader's gradebook cannot be written. Make it and its folder writable"
_DAMAGED = "nbgrader's gradebook is damaged. Put a copy back"
_OLD = "nbgrader's gradebook is of another version. Run nbgrader db upgrade"
_FULL = "The disk is full. Free some space"
_SQLITE = r"\(sqlite3\.\w+\) "
# How an error of SQLite or the system begins -> what stands in the way of everybody, and what to
# do. Only the beginning counts: what follows may hold the name of a student's file.
_OBSTACLES = {
    _SQLITE + "database is locked": _IN_USE,
    _SQLITE + "(attempt to write a readonly|unable to open)": _READ_ONLY,
    _SQLITE + "(file is not a database|database disk image)": _DAMAGED,
    _SQLITE + "no such": _OLD,
    _SQLITE + "database or disk is full": _FULL,
    rf"\[Errno {errno.ENOSPC}\]": _FULL,
    rf"\[Errno {errno.EROFS}\]": "The course folder cannot be written. Make it writable",
}
_AGAIN = "then run the same command again; what was recorded before stays."
_LAST_ERROR = re.compile(r"^(?:\w+\.)*\w+(?:Error|Exception|Entry|Exit): (.+)$", re.MULTILINE)
_MOST_CHARACTERS = 300  # of what nbgrader said, in a sentence of ours
_LOG = logging.getLogger("grader.nbgrader")
_LOG.propagate = False
_LOG.addHandler(logging.NullHandler())


class NbgraderCourse:
    """A course folder as nbgrader's commands see it.

    Attributes
    ----------
    app : nbgrader.apps.NbGrader
        The parent of every step; it holds the settings.
    directory : nbgrader.coursedir.CourseDirectory
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.app = NbGrader(log=_LOG)
        self.app.load_cwd_config = False
        self.app.raise_config_file_errors = True
        reason = quietly(self._load)
        if reason:
            raise ClassRecordError(f"{self.root / CONFIG}.py cannot be read: {reason}")
        self.directory: CourseDirectory = self.app.coursedir
        steps = self.app.config.Autograde.get("autograde_preprocessors", [])
        if GradeInSandbox not in steps:
            raise ClassRecordError(
                f"{self.root / CONFIG}.py does not set this course's grading. Add: from "
                "grader.nbgrader_plugin import configure_course; configure_course(c)"
            )

    def _load(self) -> None:
        self.app.coursedir = CourseDirectory(parent=self.app)
        with _on_path(self.root):
            self.app.load_config_file()  # of this machine and its user
            if (self.root / f"{CONFIG}.py").exists():
                Application.load_config_file(self.app, CONFIG, str(self.root))
            else:
                settings = Config()
                configure_course(settings)
                self.app.update_config(settings)
        self.app.update_config(Config({"CourseDirectory": {"root": str(self.root)}}))

    def has_gradebook(self) -> bool:
        """Say whether there is a gradebook; opening a missing one would make it."""
        url = make_url(self.directory.db_url)
        file = url.database or ""
        if url.get_backend_name() != "sqlite" or file.startswith("file:"):
            return True
        return (self.root / file).exists()

    @contextlib.contextmanager
    def gradebook(self) -> Iterator[Gradebook]:
        """Open the gradebook.

        Raises
        ------
        ClassRecordError
            If it cannot be read or written, now or inside the block.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # SQLAlchemy's, about nbgrader's own models
                with Gradebook(self.directory.db_url, self.directory.course_id) as book:
                    yield book
        except SQLAlchemyError as error:
            raise ClassRecordError(_obstacle(str(error)) or _short(str(error))) from error

    def folder(self, step: str, student: str, assignment: str) -> Path:
        """Return the folder of a student in one of nbgrader's steps."""
        return Path(self.directory.format_path(step, student, assignment))


def require_writable(book: Gradebook) -> None:
    """Write nothing to the gradebook, which SQLite refuses where it could not write anything."""
    book.db.execute(update(Assignment).values(name=Assignment.name))
    book.db.rollback()


def quietly(step: Callable[[], object]) -> str:
    """Run something of nbgrader's and return why it stopped; an empty string if it did not.

    Raises
    ------
    ClassRecordError
        If it stopped at something that would stop it at every student.
    """
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    executing = os.environ.get(EXECUTING)
    _LOG.addHandler(handler)
    try:
        with (
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            step()
    except RecordError:
        raise
    except (Exception, SystemExit) as error:  # nbgrader's own kinds are many, and it exits
        obstacle = _obstacle(f"{said.getvalue()}\n{error}")
        if obstacle:
            raise ClassRecordError(obstacle) from error
        return _last_error(said.getvalue()) or _short(str(error) or type(error).__name__)
    finally:
        _LOG.removeHandler(handler)
        os.environ.pop(EXECUTING, None)
        if executing is not None:
            os.environ[EXECUTING] = executing
    return ""


def _obstacle(said: str) -> str:
    """Return what stands in the way of every student, or an empty string."""
    for sign, words in _OBSTACLES.items():
        if re.search(rf"^(?:[\w.]+: )?{sign}", said, re.MULTILINE):
            return f"{words}, {_AGAIN}"
    return ""


def _last_error(logged: str) -> str:
    found = _LAST_ERROR.findall(logged)
    return _short(found[-1]) if found else ""


def _short(words: str) -> str:
    return " ".join(words.split())[:_MOST_CHARACTERS]


@contextlib.contextmanager
def _on_path(root: Path) -> Iterator[None]:
    """Let nbgrader_config.py import what lies beside it, as nbgrader's commands do."""
    sys.path.insert(0, str(root))
    try:
        yield
    finally:
        sys.path.remove(str(root))
