"""Requests and replies of one session, in bounded time and memory."""

from __future__ import annotations

import secrets
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from grader.sandbox import wire
from grader.sandbox.channel import TICK_SECONDS, Channel, ClosedError
from grader.sandbox.errors import BadReply, SandboxError, SessionDied
from grader.sandbox.limits import Limits
from grader.sandbox.process import Process
from grader.sandbox.watch import proportional_bytes

INTERRUPT_SECONDS = 2.0  # from SIGINT to SIGKILL
REMIND_SECONDS = 1.0  # a first interrupt can get lost in a callback or a destructor
ID_BITS = 62  # a thread that forges replies ahead of time cannot guess the next one
# A process that gets less than this share of a core waits for something of its own making; one
# that is only crowded out by others gets more, on two cores even beside thirty of them.
WAITING_SHARE = 0.05
PATIENCE = 5.0  # how many times its limit a crowded-out request may take, whatever it was charged
STATUSES = ("ok", "error", "unfit")
QUESTIONS = 10_000  # of one request; a detector asks once for each batch of images
SIGNAL_BASE = 128  # bubblewrap reports a signal as this plus its number


Answer = Callable[[str, list[Any], dict[str, Any]], Any]


@dataclass(frozen=True)
class Reply:
    """One reply, its body untrusted.

    Attributes
    ----------
    status : {"ok", "error", "unfit"}
        "error": student code raised; "unfit": the value does not cross.
    body : object
        Plain data.
    timed_out : bool
        Whether it came only after an interrupt.
    """

    status: str
    body: Any
    timed_out: bool


class Conversation:
    """Asks one process, and ends it when it cannot be asked any more.

    Parameters
    ----------
    process : Process
        The worker.
    limits : Limits
        Of the session.

    Attributes
    ----------
    over : str or None
        Why nothing can be asked any more.
    answer : callable or None
        Answers what the process asks while it works on a request: a name, arguments and named
        arguments, all untrusted. What it raises as a SandboxError goes back as words.
    """

    def __init__(self, process: Process, limits: Limits) -> None:
        self.process = process
        self.limits = limits
        self.over: str | None = None
        self.answer: Answer | None = None
        self._spent = 0.0
        self._channel = Channel(process.connection, limits.message_bytes)

    def request(self, operation: str, body: dict[str, Any], seconds: float) -> Reply:
        """Ask for one operation.

        Parameters
        ----------
        operation : str
            Name of an operation of the worker.
        body : dict
            Its arguments, plain data.
        seconds : float
            How long it may take.

        Returns
        -------
        Reply

        Raises
        ------
        SandboxError
            When the arguments are not plain, or too large; the session lives on.
        SessionDied
            When the process went away or was ended.
        BadReply
            When the reply is malformed; the session was ended.
        """
        if self.over is not None:
            raise SessionDied(self.over, self.process.tail)
        left = self.limits.total_seconds - self._spent
        if left <= 0:
            raise self.end(self._used_up())
        number = secrets.randbits(ID_BITS)
        try:
            frames = wire.encode(
                {"id": number, "op": operation, "body": body},
                self.limits.message_bytes,
                strict=True,
            )
        except wire.WireError as error:
            raise SandboxError(f"The arguments do not fit through the wall: {error}.") from error
        watchman = Watchman(self.process, self.limits.memory_bytes, min(seconds, left))
        reply = self._exchange(number, frames, watchman)
        timed_out = watchman.interrupted is not None
        if timed_out and left <= seconds:
            raise self.end(self._used_up())
        if not isinstance(reply, dict) or set(reply) != {"id", "status", "body"}:
            raise self.bad("a malformed reply")
        if type(reply["id"]) is not int or reply["id"] != number:
            raise self.bad("a reply to another request")
        status = reply["status"]  # an array would make an array of the comparison
        if not isinstance(status, str) or status not in STATUSES:
            raise self.bad("a malformed reply")
        return Reply(status, reply["body"], timed_out)

    def bad(self, what: str) -> BadReply:
        """End a session whose replies can no longer be told apart; return the exception.

        Parameters
        ----------
        what : str
            What came, as a noun.

        Returns
        -------
        BadReply
        """
        self.end(f"The notebook's process sent {what}.")
        return BadReply(f"The notebook's process sent {what}; the session was ended.")

    def end(self, reason: str) -> SessionDied:
        """End everything inside; return the exception that says why.

        Parameters
        ----------
        reason : str
            One sentence; the first one given stays.

        Returns
        -------
        SessionDied
        """
        if self.over is None:
            self.over = reason
        self.process.kill()
        return SessionDied(reason, self.process.tail)

    def _exchange(self, number: int, frames: list[Any], watchman: Watchman) -> Any:
        """Send frames, answer what is asked back, and return the decoded reply."""
        try:
            for _ in range(QUESTIONS):
                reply = self._channel.exchange(frames, watchman.tick)
                if self.answer is None or not _is_question(reply, number):
                    return reply
                frames = self._answered(number, reply["body"])
            raise GiveUpError("The notebook's process asked for too much.")
        except wire.WireError as error:
            raise self.bad(f"a malformed reply ({error})") from error
        except ClosedError as error:
            raise self.end(self._why_gone()) from error
        except GiveUpError as error:
            raise self.end(str(error)) from error
        except BaseException:
            self.end("The grader was interrupted while it waited.")
            raise
        finally:
            self._spent += watchman.spent()

    def _answered(self, number: int, question: dict[str, Any]) -> list[Any]:
        """Return the frames that answer a question of the process."""
        name, args, kwargs = (question.get(part) for part in ("name", "args", "kwargs"))
        try:
            if (
                self.answer is None
                or not isinstance(name, str)
                or not isinstance(args, list)
                or not isinstance(kwargs, dict)
                or not all(isinstance(key, str) for key in kwargs)
            ):
                raise SandboxError("This is no question.")
            body = {"id": number, "status": "ok", "body": self.answer(name, args, kwargs)}
            return wire.encode(body, self.limits.message_bytes, strict=True)
        except (SandboxError, wire.WireError) as error:
            body = {"id": number, "status": "error", "body": str(error)}
            return wire.encode(body, self.limits.message_bytes, strict=True)

    def _used_up(self) -> str:
        return f"The notebook used up its {self.limits.total_seconds:g} seconds."

    def _why_gone(self) -> str:
        """Say how the process ended."""
        code = self.process.wait_for_end()
        if code is None:
            return "The notebook's process closed its connection."
        number = -code if code < 0 else code - SIGNAL_BASE
        if number in set(signal.Signals):
            return f"The notebook's process was ended by {signal.Signals(number).name}."
        return f"The notebook's process ended by itself, with exit code {code}."


def _is_question(reply: Any, number: int) -> bool:
    """Say whether an untrusted message asks something, for the request that is under way."""
    return (
        isinstance(reply, dict)
        and set(reply) == {"id", "status", "body"}
        and type(reply["id"]) is int
        and reply["id"] == number
        and isinstance(reply["status"], str)
        and reply["status"] == "ask"
        and isinstance(reply["body"], dict)
    )


class GiveUpError(Exception):
    """The session has to be ended, for the reason in its text."""


class Watchman:
    """Looks at deadline, memory and life of a session while it is waited for.

    A request pays for the processor time that it uses, and for time in which it uses none, such as
    a long sleep. What other work on the machine takes from it is not charged: a right answer must
    not fail because the machine is busy.
    """

    def __init__(self, process: Process, memory_bytes: int, seconds: float) -> None:
        self.process = process
        self.memory_bytes = memory_bytes
        self.seconds = seconds
        self.started = self.looked = time.monotonic()
        self.cpu_seconds = process.usage().cpu_seconds
        self.charged = 0.0
        self.deadline = self.started + seconds  # the first moment at which time may be up
        self.next_look = self.started + TICK_SECONDS
        self.interrupted: float | None = None
        self.reminded = False

    def tick(self) -> float:
        """Return the seconds until the next look; raise `GiveUpError` to end the session."""
        now = time.monotonic()
        if now >= self.next_look:
            self.next_look = now + TICK_SECONDS
            self._look()
        if now >= self.deadline and self.interrupted is None:
            self._look()
            self.deadline = now + self._left(now)
        due = self.deadline
        if now >= self.deadline:
            if self.interrupted is None:
                self.interrupted = now
                self.process.interrupt()
            elif not self.reminded and now >= self.interrupted + REMIND_SECONDS:
                self.reminded = True
                self.process.interrupt()
            if now >= self.interrupted + INTERRUPT_SECONDS:
                raise GiveUpError("The notebook's code did not stop when its time was up.")
            due = self.interrupted + (INTERRUPT_SECONDS if self.reminded else REMIND_SECONDS)
        return min(due, self.next_look) - now

    def spent(self) -> float:
        """Return what was charged so far, and the moments since the last look."""
        return self.charged + time.monotonic() - self.looked

    def _left(self, now: float) -> float:
        """Return the least time that is left, 0 where it is up."""
        most = self.started + PATIENCE * self.seconds
        return max(0.0, min(self.seconds - self.charged, most - now))

    def _charge(self, cpu_seconds: float) -> None:
        """Charge the time since the last look."""
        now = time.monotonic()
        passed, self.looked = now - self.looked, now
        used = max(
            0.0, cpu_seconds - self.cpu_seconds
        )  # a child that nobody waited for takes its own
        self.cpu_seconds = cpu_seconds
        self.charged += min(used, passed) if used >= WAITING_SHARE * passed else passed

    def _look(self) -> None:
        """Check that the process lives and keeps to its memory; charge it for its time."""
        if self.process.exit_code() is not None:
            raise ClosedError
        usage = self.process.usage()
        self._charge(usage.cpu_seconds)
        if usage.memory_bytes <= self.memory_bytes:
            return
        exact = proportional_bytes(usage.processes)
        if (usage.memory_bytes if exact is None else exact) > self.memory_bytes:
            raise GiveUpError(
                f"The notebook used more than {self.memory_bytes / 2**20:.0f} MiB of memory."
            )
