"""The hidden checks inside the student's own process, as other autograders run theirs.

`grade_here` is what a grade cell of `benchmarks.peers_notebook` calls. It runs the functions of
`grader/hidden` with pytest, fits and all; but what they call are the names of the notebook that is
being graded. This protects nothing, and is here only to be measured.
"""

import contextlib
import copy
import io
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from data_utils.course import Exercise, Floor, Notebook, Step, load_course
from data_utils.runtime import current_profile
from data_utils.selfcheck.registry import VISIBLE
from data_utils.selfcheck.words import Found, finding_for_exception
from grader.checklog import CheckLog
from grader.errors import GraderError
from grader.grading import HIDDEN, hidden_checks

# Imported by name: with --noconftest this module is the plugin, and `examination` below is its own.
from grader.hidden.conftest import (  # noqa: F401
    LOG,
    exam,
    facts,
    public_exam,
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_runtest_makereport,
    secret,
    series,
    student,
)
from grader.report import GRADER_ERROR

_LOG_NAME = "_log_of_the_hidden_checks"
Namespace = dict[str, Any]


class KernelStudent:
    """Stands in for `grader.student.Student`: calls what the notebook defines, right here."""

    def __init__(self, namespace: Namespace, notebook: Notebook, exercise: Exercise) -> None:
        self._namespace = namespace
        self.notebook = notebook
        self._exercise = exercise

    def call(self, *args: Any, name: str = "", seconds: float | None = None, **kwargs: Any) -> Any:
        """Call the exercise's function; `seconds` is left to the time limit of the cell."""
        function = name or self._exercise.function
        return self._guarded(lambda: self._namespace[function](*args, **kwargs))

    def keep(self, *args: Any, name: str = "", seconds: float | None = None, **kwargs: Any) -> Any:
        """Call the exercise's function; there is no other place to leave its result in."""
        return self.call(*args, name=name, **kwargs)

    def call_and_look(self, *args: Any, name: str = "") -> tuple[Any, list[Any]]:
        """Call the exercise's function; return its result and the arguments as it left them."""
        handed_in = copy.deepcopy(list(args))
        return self.call(*handed_in, name=name), handed_in

    def method(self, handle: Any, name: str, *args: Any, seconds: float | None = None) -> Any:
        """Call a method of an object; for `seconds` see `call`."""
        return self._guarded(lambda: getattr(handle, name)(*args))

    def attribute(self, handle: Any, name: str) -> Any:
        """Return an attribute of an object."""
        return self._guarded(lambda: getattr(handle, name))

    def in_run(self, operation: str, *args: Any) -> Any:
        """Perform an operation on the notebook as it was run, which is this one."""
        if operation in ("variable", "value"):
            return self._guarded(lambda: self._namespace[args[0]])
        return getattr(self, operation)(*args)

    def floor(self, profile: str | None, digit: int, exercise: str = "") -> Floor | None:
        """Return the published floor; `profile` None means that of the notebook's run."""
        return self.notebook.floor(profile or current_profile(), "cpu", digit, exercise=exercise)

    def given_number(self, name: str) -> int:
        """Return a number of the notebook's constants, as the notebook has it now."""
        return int(self._namespace[name])

    @property
    def without_floors(self) -> str:
        """Nothing: what is compared runs on the processor."""
        return ""

    def step(self, number: int) -> Step:
        """Return a step of the exercise, counted from 1."""
        return self.notebook.steps_of(self._exercise.id)[number - 1]

    def _guarded(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except Exception as error:  # whatever the student's code raises is a finding
            name, text = type(error).__name__, str(error)
            function, known = self._exercise.function, VISIBLE[self.notebook.id].names
            raise Found(finding_for_exception(function, name, text, "", known)) from error


class KernelLog(CheckLog):
    """A `CheckLog` that also knows the notebook's names; it lasts as long as they do."""

    def __init__(self, namespace: Namespace) -> None:
        super().__init__()
        self.namespace = namespace


@dataclass(frozen=True)
class _Submission:
    """What the fixtures ask of a submission."""

    notebook: Notebook


@dataclass(frozen=True)
class KernelExamination:
    """Stands in for `grader.examination.Examination`."""

    namespace: Namespace
    submission: _Submission

    def student(self, exercise: Exercise) -> KernelStudent:
        """Return the way to the functions of one exercise."""
        return KernelStudent(self.namespace, self.submission.notebook, exercise)

    @contextlib.contextmanager
    def anew(self) -> Iterator["KernelExamination"]:
        """Give itself: there is one kernel, and no session that has seen nothing yet."""
        yield self


@pytest.fixture(scope="session")
def examination(request: pytest.FixtureRequest) -> KernelExamination:
    """The notebook in whose kernel this runs."""
    log = request.config.stash[LOG]
    assert isinstance(log, KernelLog)
    (exercise,) = request.config.getoption("--exercise")
    return KernelExamination(log.namespace, _Submission(load_course().notebook_of(exercise)))


def grade_here(exercise_id: str, namespace: Namespace) -> float:
    """Run the hidden checks of one exercise on the names of this notebook.

    Parameters
    ----------
    exercise_id : str
        Such as ``"1.2"``. Exercises that others build on come first, as in the grader.
    namespace : dict
        The notebook's ``globals()``, after all of its other cells.

    Returns
    -------
    float
        The points, partial credit with them; as the last value of a grade cell nbgrader reads it.

    Raises
    ------
    GraderError
        If the checks did not run, or one of them broke: that must not look like full marks.
    """
    notebook = load_course().notebook_of(exercise_id)
    log: KernelLog = namespace.setdefault(_LOG_NAME, KernelLog(namespace))
    arguments = [
        *map(str, hidden_checks(notebook)),
        *(f"--rootdir={HIDDEN}", "-c", os.devnull, "--noconftest"),
        *("-q", "-s", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:faulthandler"),
        *("-p", "no:unraisableexception", "-p", "no:threadexception"),
        f"--exercise={exercise_id}",
    ]
    printed = io.StringIO()  # nbgrader takes a word on stderr for a zero
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = pytest.main(arguments, plugins=[sys.modules[__name__], log])
    (result,) = log.exercises(notebook, (exercise_id,))
    broken = [check.note for check in result.checks if check.status == GRADER_ERROR]
    if result.points is None or broken:
        said = printed.getvalue()[-2000:]
        raise GraderError(f"Exercise {exercise_id} was not judged ({code}). {broken} {said}")
    for finding in result.findings:
        print("\n".join(finding.lines()))
    return result.points
