"""What a learner calls in the notebook: check, hint, progress, attempt."""

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import numpy as np

from data_utils.course import Exercise, load_course
from data_utils.errors import CheckFailed, UnknownExerciseError
from data_utils.prepared import prepared_arrays
from data_utils.selfcheck.beforehand import finding_beforehand
from data_utils.selfcheck.forms import misfit
from data_utils.selfcheck.registry import VISIBLE
from data_utils.selfcheck.words import (
    FAILED,
    NOT_A_FUNCTION,
    PASSED,
    STOPPED,
    Finding,
    Found,
    expect,
    finding_for_exception,
    headline,
)

_results: dict[str, bool] = {}  # exercise id -> passed, for progress()


def check(exercise_id: str) -> None:
    """Run the visible checks of one exercise on the function in the notebook, and print the result.

    Parameters
    ----------
    exercise_id : str
        Such as ``"1.2"``.

    Raises
    ------
    CheckFailed
        Only when nbgrader runs the notebook (``NBGRADER_EXECUTION`` is set) and the check fails:
        nbgrader must see an error where a learner sees a message.
    """
    exercise = _exercise(exercise_id)
    if exercise is None:
        return
    text, passed = visible_result(exercise, _notebook_namespace(), _cells_run())
    _results[exercise_id] = passed
    print(text)
    if not passed and os.environ.get("NBGRADER_EXECUTION"):
        raise CheckFailed("\n" + text)


def hint(exercise_id: str, number: int = 1) -> None:
    """Print hint 1 or 2 of an exercise."""
    exercise = _exercise(exercise_id)
    if exercise is None:
        return
    hints = exercise.hints
    number = min(max(int(number), 1), len(hints))
    print(f"Hint {number} of {len(hints)} for exercise {exercise_id}: {hints[number - 1]}")


def _exercise(exercise_id: str) -> Exercise | None:
    """Return an exercise; where there is none of that name, say so."""
    try:
        return load_course().notebook_of(exercise_id).exercise(exercise_id)
    except UnknownExerciseError as error:
        print(error)
        return None


def progress() -> None:
    """Print which exercises passed their visible checks since the kernel started.

    Of the notebooks that this kernel checked something of; of all of them before the first check.
    """
    course = load_course()
    checked = {course.notebook_of(exercise_id).id for exercise_id in _results}
    for notebook in course.notebooks:
        if checked and notebook.id not in checked:
            continue
        done = [e for e in notebook.exercises if _results.get(e.id)]
        left = sum(e.minutes for e in notebook.exercises if e not in done)
        points = sum(e.points for e in done)
        print(
            f"{notebook.id}: {len(done)} of {len(notebook.exercises)} exercises pass their visible "
            f"checks ({points} of {notebook.points} points at stake), about {left} min left"
        )


def attempt(name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call the learner's function; where cells cannot go on with it, take prepared arrays.

    Parameters
    ----------
    name : str
        Of the prepared arrays, such as ``"1.1 split"``.
    function : callable
        Called with the other arguments.

    Returns
    -------
    object
        The function's result, or the prepared arrays if it raised NotImplementedError or
        returned something of another form. An unsolved exercise never blocks the next one; a wrong
        one still shows its own result, as long as that can be shown.
    """
    prepared = prepared_arrays(name)
    try:
        result = function(*map(_own_copy, args), **kwargs)
    except NotImplementedError:
        trouble = "not solved yet"
    else:
        trouble = misfit(result, prepared)
        if not trouble:
            return result
        trouble = f"your function returned {trouble}"
    print(f"{name}: {trouble}, so this cell goes on with prepared arrays.")
    return prepared


def _own_copy(value: Any) -> Any:
    """Return a copy of an array: a function that writes into it spoils no later cell."""
    return value.copy() if isinstance(value, np.ndarray) else value


def visible_result(
    exercise: Exercise, namespace: dict[str, Any], cells: Sequence[str] = ()
) -> tuple[str, bool]:
    """Run the visible checks of an exercise on a notebook's variables.

    Parameters
    ----------
    exercise : Exercise
    namespace : dict
    cells : sequence of str
        What was run so far: an answer may lean on it in a way that breaks while grading.

    Returns
    -------
    str
        What the learner reads.
    bool
        Whether the checks passed.
    """
    visible = VISIBLE[load_course().notebook_of(exercise.id).id]
    try:
        visible.checks[exercise.id](_Asker(exercise.function, namespace, visible.names))
        expect(finding_beforehand(exercise.function, namespace, cells, visible.names))
    except Found as found:
        first = headline(FAILED, exercise, f"worth {exercise.points} points")
        return "\n".join([first, *found.finding.lines()]), False
    except Exception as error:  # the check's own trouble must not look like the learner's
        first = headline(STOPPED, exercise, "the check stopped, not your answer")
        return f"{first}\n  {type(error).__name__}: {error}", False
    return headline(PASSED, exercise, "visible checks; hidden ones give the points"), True


class _Asker:
    """Calls the learner's function of a name, and turns exceptions into findings."""

    def __init__(self, name: str, namespace: dict[str, Any], known: frozenset[str]) -> None:
        self._name, self._namespace, self._known = name, namespace, known

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        name, known = self._name, self._known
        if name not in self._namespace:
            raise Found(finding_for_exception(name, "NameError", f"name '{name}'", "", known))
        function = self._namespace[name]
        if not callable(function):
            kind = type(function).__name__
            raise Found(finding_for_exception(name, NOT_A_FUNCTION, kind, "", known))
        try:
            return function(*args, **kwargs)
        except Exception as error:
            raise Found(_finding(name, error, known)) from None

    @property
    def __globals__(self) -> dict[str, Any]:
        """The learner's variables, as a function has them: a check may put others in."""
        return self._namespace

    def another(self, name: str) -> "_Asker":
        """Return a caller of another function: of an exercise that asks for two."""
        return _Asker(name, self._namespace, self._known)


def _finding(name: str, error: Exception, known: frozenset[str]) -> Finding:
    where = _place(error.__traceback__)
    return finding_for_exception(name, type(error).__name__, str(error), where, known)


def _place(trace: TracebackType | None) -> str:
    """Return "line 3: source" of the innermost frame that stands in the notebook."""
    here = [
        frame for frame in traceback.extract_tb(trace) if "site-packages" not in frame.filename
        and "data_utils" not in frame.filename
    ]  # fmt: skip
    return f"line {here[-1].lineno}: {here[-1].line}" if here and here[-1].line else ""


def _cells_run() -> list[str]:
    """Return the sources of the cells that the kernel ran so far, magics included."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return [str(cell) for cell in shell.history_manager.input_hist_raw] if shell else []


def _notebook_namespace() -> dict[str, Any]:
    """Return the variables of the running notebook (or of the script, outside IPython)."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None:
        namespace: dict[str, Any] = shell.user_ns
        return namespace
    return vars(sys.modules["__main__"])
