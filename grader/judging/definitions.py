"""The session that holds what a submission defines, and no image; rebuilt after a death."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from data_utils.selfcheck.words import Found
from data_utils.statements import cells_behind
from grader.judging.stand_ins import StandIns
from grader.judging.troubles import Trouble
from grader.judging.words import death_finding, title_of
from grader.sandbox import (
    BadReply,
    CallTimeout,
    SandboxError,
    Session,
    SessionDied,
    StudentError,
)
from grader.submissions import Cell, Submission

CELL_SECONDS = 90.0  # the set-up cell imports TensorFlow: about 5 CPU seconds
STATEMENT_SECONDS = 20.0  # of the learner's own; definitions and tables take milliseconds
MAX_BUILDS = 4  # in a row; each costs an import of the framework where it is not forked
WHOLE = -1  # number of a statement that stands for its whole cell


@dataclass(frozen=True)
class Definitions:
    """Builds one session from the cells of a submission.

    Given cells run by their definitions only. Of answer cells, and of cells of the learner's own
    that define something an answer uses, every statement runs, one by one; one that fails, takes
    too long or ends the process costs what depends on it and nothing else.

    Attributes
    ----------
    submission : Submission
    start, end : callable
        Make a session, and close one.
    stand_ins : StandIns
        What takes the place of earlier exercises' functions in this session.
    troubles : list of Trouble
        The statements that did not run.
    """

    submission: Submission
    start: Callable[[], Session]
    end: Callable[[Session], None]
    stand_ins: StandIns
    troubles: list[Trouble]
    _left_out: set[tuple[int, int]]  # (place of the cell, number of the statement)

    @classmethod
    def of(
        cls,
        submission: Submission,
        start: Callable[[], Session],
        end: Callable[[Session], None],
        stand_ins: StandIns,
    ) -> Definitions:
        """Return definitions of which nothing was tried yet."""
        return cls(submission, start, end, stand_ins, [], set())

    def build(self) -> Session:
        """Return a new session that holds the definitions.

        Raises
        ------
        Found
            If they could not be loaded in `MAX_BUILDS` attempts.
        """
        for _ in range(MAX_BUILDS):
            session = self.start()
            self.troubles[:] = [t for t in self.troubles if t.fatal]
            self.stand_ins.prepare(session)
            whole = self._run_in_full()
            for place, cell in enumerate(self.submission.cells):
                if not session.alive:
                    break
                self._define(session, place, cell, place in whole)
            if session.alive:
                return session
            self.end(session)
        last = next((t.reason for t in reversed(self.troubles) if t.fatal), "")
        raise Found(death_finding("the notebook's definitions can be loaded", last))

    def _run_in_full(self) -> set[int]:
        """Return the places of the cells of which every statement runs."""
        cells = self.submission.cells
        answers = [place for place, cell in enumerate(cells) if cell.role == "answer"]
        added = [place for place, cell in enumerate(cells) if cell.role == "added"]
        behind = cells_behind(
            [cells[place].source for place in added], [cells[place].source for place in answers]
        )
        return {*answers, *(added[number] for number in behind)}

    def _define(self, session: Session, place: int, cell: Cell, in_full: bool) -> None:
        try:
            if in_full:
                self._run_statements(session, place, cell)
            elif cell.in_definitions and (place, WHOLE) not in self._left_out:
                session.run_cell(cell.source, definitions_only=True, seconds=CELL_SECONDS)
            if session.alive and cell.role in ("answer", "added"):
                self.stand_ins.install(session)
        except SandboxError as death:  # whatever the process sent, it costs this cell
            self._give_up(place, WHOLE, cell, str(death))

    def _run_statements(self, session: Session, place: int, cell: Cell) -> None:
        """Run every statement of a cell that none of them has to be left out of."""
        if (place, WHOLE) in self._left_out:
            return
        try:
            statements = session.open_cell(cell.source)
        except StudentError as error:
            self.troubles.append(Trouble.of_cell(cell, error))
            return
        for number, statement in enumerate(statements):
            if (place, number) in self._left_out:
                continue
            try:
                session.run_statement(number, STATEMENT_SECONDS)
            except StudentError as error:
                self.troubles.append(Trouble.of(cell, statement, f"{error.ename}: {error.evalue}"))
            except CallTimeout as error:
                self.troubles.append(Trouble.of(cell, statement, str(error)))
            except (SessionDied, BadReply) as death:
                self._give_up(place, number, cell, str(death), statement.line, statement.names)
                return

    def _give_up(
        self,
        place: int,
        number: int,
        cell: Cell,
        reason: str,
        line: int = 1,
        names: frozenset[str] = frozenset(),
    ) -> None:
        """Leave what the process died of out of the next attempt."""
        self._left_out.add((place, number))
        words = f"In {title_of(cell)}: {reason}"
        self.troubles.append(Trouble(cell, line, names, words, fatal=True))
