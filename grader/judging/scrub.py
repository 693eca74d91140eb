"""What student code may put into a report: short texts, few numbers, one exception an exercise.

The process behind the wall has seen the hidden inputs, and the texts of exceptions, source lines
and type names are its own. So they tell what went wrong and carry no data out.
"""

import builtins
import dataclasses
import re
from collections.abc import Iterable

from data_utils.selfcheck.words import Finding
from grader.sandbox import StudentError
from grader.sandbox.trace import LINE_CHARS
from grader.submissions import Cell

TEXT_CHARS = 80  # of an exception's text: "shapes (4,28,28) and (4,28,28,1) ..." fits
REASON_CHARS = 160  # why a session ended: the wall's own sentences are this long, and come once
NAME_CHARS = 40  # of a type's name
WORD_CHARS = 32  # without a space: longer than any name in an error of NumPy, Keras or torch
FINDING_CHARS = 400  # of one of a finding's four lines, four times what fits on a screen's line
NUMBERS = 6  # of a text that stay: two shapes
DIGITS = 4  # of a number that stays
CUT = "..."
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.IGNORECASE)
_WORD = re.compile(rf"\S{{{WORD_CHARS + 1},}}")
_NAME = re.compile(r"[A-Za-z_][\w.]*(?: (?:of|with a key of type) [A-Za-z_][\w.]*(?:\[\w+\])?)?")
_KNOWN_ERRORS = frozenset(
    name for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, BaseException)
)  # fmt: skip


def scrubbed(text: str, chars: int = TEXT_CHARS) -> str:
    """Return the first line of a text, short, without long words and with few short numbers."""
    lines = text.strip().splitlines()
    line = _WORD.sub(lambda word: word[0][: WORD_CHARS - len(CUT)] + CUT, lines[0] if lines else "")
    left = NUMBERS

    def number(found: re.Match[str]) -> str:
        nonlocal left
        left -= 1
        return found[0] if left >= 0 and found[0].isdigit() and len(found[0]) <= DIGITS else CUT

    line = _NUMBER.sub(number, line)
    return line if len(line) <= chars else line[: chars - len(CUT)] + CUT


def type_words(name: str) -> str:
    """Return a type's name as student code gives it, or a word where it is no name."""
    name = name.replace("<locals>.", "")
    return scrubbed(name, NAME_CHARS) if _NAME.fullmatch(name) else "unknown"


def capped(finding: Finding) -> Finding:
    """Return a finding whose lines have a bounded length: a value's own texts may stand in it."""

    def cut(line: str) -> str:
        return line if len(line) <= FINDING_CHARS else line[: FINDING_CHARS - len(CUT)] + CUT

    return dataclasses.replace(
        finding,
        expected=cut(finding.expected),
        got=cut(finding.got),
        why=cut(finding.why),
        advice=cut(finding.advice),
    )


@dataclasses.dataclass(frozen=True)
class Account:
    """What a finding may say of an exception.

    Attributes
    ----------
    ename, evalue : str
        Its type and its text.
    where : str
        Such as ``"line 3: return x / 0"``, or empty.
    """

    ename: str
    evalue: str
    where: str


class Scrubber:
    """Keeps to one text of an exception for each exercise, and to lines that were handed in.

    Parameters
    ----------
    cells : iterable of Cell
        Of the submission.
    """

    def __init__(self, cells: Iterable[Cell]) -> None:
        self._lines: dict[str, set[int]] = {}
        for cell in cells:
            for number, line in enumerate(cell.source.splitlines(), start=1):
                self._lines.setdefault(line.strip()[:LINE_CHARS], set()).add(number)
        self._told: dict[str, Account] = {}

    def account(self, exercise_id: str, error: StudentError) -> Account:
        """Return what may be said of an exception in a finding of an exercise.

        Returns
        -------
        Account
            The first one in full; a later one that differs from it has no text of its own.
        """
        account = Account(
            type_words(error.ename),
            scrubbed(error.evalue),
            self._where(error.line, error.cell_hint.strip()),
        )
        first = self._told.setdefault(exercise_id, account)
        if account == first:
            return account
        known = account.ename if account.ename in _KNOWN_ERRORS else "another exception"
        return Account(known, "its text is not shown; the first one of this exercise is", "")

    def _where(self, line: int | None, text: str) -> str:
        if not text or text not in self._lines:
            return ""
        return f"line {line}: {text}" if line in self._lines[text] else text
