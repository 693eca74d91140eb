"""Statements of a learner's cell that did not run while grading, and what that explains."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from data_utils.selfcheck.words import Finding
from data_utils.statements import cells_behind, parsed, used_names
from grader.sandbox import Statement, StudentError
from grader.submissions import Cell

ALONE = "make that line work by itself, without the notebook's data, or move it into the function"
LINE_CHARS = 60  # of a source line that a message quotes


@dataclass(frozen=True)
class Trouble:
    """One statement that did not run.

    Attributes
    ----------
    cell : Cell
    line : int
        In its cell, counted from 1.
    names : frozenset of str
        What it would have defined; empty where that is not known.
    reason : str
        The exception or the time limit, in the student's process's own words.
    fatal : bool
        Whether the process ended in it.
    """

    cell: Cell
    line: int
    names: frozenset[str]
    reason: str
    fatal: bool = False

    @classmethod
    def of(cls, cell: Cell, statement: Statement, reason: str) -> Trouble:
        """Return the trouble with a statement."""
        return cls(cell, statement.line, statement.names, reason)

    @classmethod
    def of_cell(cls, cell: Cell, error: StudentError) -> Trouble:
        """Return the trouble with a cell that is no Python at all."""
        return cls(cell, error.line or 1, frozenset(), f"{error.ename}: {error.evalue}")

    @property
    def text(self) -> str:
        """The line of the cell, as the student wrote it."""
        lines = self.cell.source.splitlines()
        line = lines[self.line - 1].strip() if self.line <= len(lines) else ""
        return line if len(line) <= LINE_CHARS else line[: LINE_CHARS - 3] + "..."

    @property
    def words(self) -> str:
        """Say which line it was and what happened there."""
        reason = self.reason.splitlines()[0][: LINE_CHARS * 2] if self.reason else "it was left out"
        return f"line {self.line} of its cell, `{self.text}`, did not run while grading ({reason})"


def explained(
    finding: Finding,
    function: str,
    answer: Cell | None,
    own: Iterable[Cell],
    troubles: Iterable[Trouble],
) -> Finding:
    """Add to a finding the statement that did not run and that it may come from.

    Parameters
    ----------
    finding : Finding
    function : str
        The exercise's.
    answer : Cell or None
        The exercise's answer cell.
    own : iterable of Cell
        The cells that the learner added.
    troubles : iterable of Trouble
    """
    if answer is None:
        return finding
    own = list(own)
    behind = [own[place] for place in cells_behind([c.source for c in own], [answer.source])]
    used = {
        name
        for cell in (answer, *behind)
        for statement in parsed(cell.source)
        for name in used_names(statement)
    } | {function}
    for trouble in troubles:
        mine = trouble.cell is answer or trouble.cell in behind
        if mine and (not trouble.names or trouble.names & used):
            if finding.got.startswith(("no such name", "there is no ")):
                return dataclasses.replace(finding, why=trouble.words, advice=ALONE)
            return dataclasses.replace(finding, why=f"{trouble.words}; {finding.why}")
    return finding
