"""The reference in the place of an earlier exercise that lost points.

One mistake is paid for once: an exercise that builds on an earlier one is judged by what it does
itself, in a session of its own in which the earlier function is the reference's. Where arrays go in
and come out, that is a call of the clean twin, so that no solution is in the student's process;
where a network or a loss has to live in the process, it is the reference's own code.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from data_utils.course import Exercise
from grader.sandbox import SandboxError, Session, StudentError

REFERENCE_SECONDS = 60.0  # of one call; honest ones take milliseconds


@dataclass(frozen=True)
class StandIns:
    """What is put in the place of some functions.

    Attributes
    ----------
    exercises : tuple of Exercise
        Whose functions are replaced.
    sources : dict
        The reference's answer cells by exercise.
    names : dict
        What such a cell defines, by exercise: its function, and another where it asks for two.
    twin : callable
        Returns the session that answers for functions of arrays.
    """

    exercises: tuple[Exercise, ...] = ()
    sources: dict[str, str] = dataclasses.field(default_factory=dict)
    names: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    twin: Callable[[], Session] | None = None

    @property
    def with_code(self) -> bool:
        """Whether a reference's own code is in the student's process: what it says is scrubbed."""
        return any(exercise.stand_in == "code" for exercise in self.exercises)

    def prepare(self, session: Session) -> None:
        """Say who answers, before any cell is run."""
        if self.exercises and self.twin is not None:
            self.twin()  # now: its start must not count as the learner's time
            session.answer_with(self._answer)

    def install(self, session: Session) -> None:
        """Put the references in place, after one of the learner's cells was run."""
        for exercise in self.exercises:
            if exercise.stand_in == "arrays":
                for name in self.names[exercise.id]:
                    session.stand_in(name)
                continue
            # Before its own place a name that it needs may be missing; a later cell tries again.
            with contextlib.suppress(StudentError):
                session.reference(list(self.names[exercise.id]), self.sources[exercise.id])

    def _answer(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Answer a call of a replaced function; its arguments come from the student's process."""
        if self.twin is None or not any(name in names for names in self.names.values()):
            raise SandboxError(f"There is no function {name[:40]} to be asked.")
        try:
            return self.twin().call(name, *args, seconds=REFERENCE_SECONDS, **kwargs)
        except (StudentError, TypeError) as error:  # arguments that the reference does not take
            ename = error.ename if isinstance(error, StudentError) else "TypeError"
            raise SandboxError(f"{name} takes no such arguments: {ename}") from error
