"""The words of a check: one finding, at most six lines, no traceback."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from data_utils.course import Exercise

Ask = Callable[..., Any]
"""Calls the learner's function; raises `Found` when it raises."""

NOT_A_FUNCTION = "NotAFunction"  # what is said to have been raised where a value was called
PASSED, FAILED, STOPPED = "[ PASSED ]", "[ FAILED ]", "[ STOPPED ]"


@dataclass(frozen=True)
class Finding:
    """What a check found wrong, in words that a learner can act on.

    Attributes
    ----------
    expected, got : str
        Facts: what should have come out, and what did.
    why : str
        The likely mistake.
    advice : str
        What to try next.
    own : bool
        Whether it can only come from the function itself, whatever it builds on: it raised, is the
        stub, or returned the wrong form.
    """

    expected: str
    got: str
    why: str
    advice: str
    own: bool = False

    def lines(self) -> list[str]:
        """Return the four lines as they stand on the screen."""
        rows = (
            ("expected", self.expected),
            ("got", self.got),
            ("why", self.why),
            ("try", self.advice),
        )
        return [f"  {name:<9} {text}" for name, text in rows]


def headline(mark: str, exercise: Exercise, note: str) -> str:
    """Return the first line of a message: mark, exercise, function, note."""
    return f"{mark}  Exercise {exercise.id}  {exercise.function}   {note}"


def finding_for_exception(
    function: str, ename: str, evalue: str, where: str, notebook_names: frozenset[str]
) -> Finding:
    """Say what an exception inside the learner's function means.

    Parameters
    ----------
    function : str
        The graded function that was called.
    ename, evalue : str
        The exception's type and text.
    where : str
        Such as ``"line 3: return x / 0"``, or empty.
    notebook_names : frozenset of str
        Variables of the notebook that a function must not reach for.
    """
    place = f" ({where})" if where else ""
    if ename == "NotImplementedError":
        return Finding(
            f"{function} gives a result",
            "it raises NotImplementedError",
            "the exercise is still to be done, or its line `raise NotImplementedError` is left",
            f"write {function}, remove that line, run its cell and then this one",
            own=True,
        )
    if ename == NOT_A_FUNCTION:
        return Finding(
            f"a function named {function}",
            f"{function} stands for a value of type {_first_line(evalue)}",
            "another cell gave the name something else after the function was defined",
            f"use another name there, and run the cell that defines {function} again",
            own=True,
        )
    name = _missing_name(ename, evalue)
    if name:
        return _finding_for_name(function, name, place, name in notebook_names)
    return Finding(
        f"{function} gives a result",
        f"it raises {ename}: {_first_line(evalue)}{place}",
        "the code stops before it returns",
        "call the function on the small example above and look at the line that stops",
    )


def _finding_for_name(function: str, name: str, place: str, in_notebook: bool) -> Finding:
    """Say what it means that a name was not found."""
    if in_notebook:
        return Finding(
            f"{function} works with its arguments alone",
            f"it uses the notebook's variable {name}{place}",
            "a function that reaches for another cell's variable breaks when that cell is not run, "
            "and may see data that it must not see",
            f"replace {name} by what {function} is given as arguments",
        )
    if name == function:
        return Finding(
            f"a function named {function}",
            "no such name",
            "its cell was not run, was renamed, or the kernel was restarted",
            "run the set-up cells and the cell that defines it, then this one",
            own=True,
        )
    return Finding(
        f"every name that {function} uses is defined",
        f"there is no {name}{place}",
        "the kernel was restarted and the cell that makes it has not run, or it is misspelt",
        'choose "Run All Above Selected Cell" in the Run menu, then run this cell again',
    )


def _missing_name(ename: str, evalue: str) -> str:
    """Return the name in "name 'x_test' is not defined", else an empty string."""
    if ename not in ("NameError", "UnboundLocalError") or evalue.count("'") < 2:
        return ""
    return evalue.split("'")[1]


def _first_line(text: str) -> str:
    line = text.strip().splitlines()[0] if text.strip() else "(no text)"
    return line if len(line) <= 120 else line[:117] + "..."


class Found(Exception):
    """Carries a finding from where it was made to whoever prints or records it."""

    def __init__(self, finding: Finding) -> None:
        super().__init__("\n".join(finding.lines()))
        self.finding = finding


def expect(finding: Finding | None) -> None:
    """Raise `Found` if there is a finding: one line per question in a check."""
    if finding is not None:
        raise Found(finding)
