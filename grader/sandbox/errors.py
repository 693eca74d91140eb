"""What can go wrong with a session, each as a sentence an instructor can act on."""

from __future__ import annotations


class SandboxError(Exception):
    """Anything that the sandbox could not do; the base of the others here."""


class SandboxUnavailable(SandboxError):
    """The asked isolation does not start on this machine; the text names the way out."""


class GpuUnavailable(SandboxUnavailable):
    """There is no GPU here, or none that a session could use; the text says what was looked for."""


class SessionDied(SandboxError):
    """The process inside went away, was stopped, or used more than it may.

    Parameters
    ----------
    reason : str
        One sentence for people.
    output_tail : str
        The last 4 kB that were written to descriptors 1 and 2 at C level. Not part of the message:
        student code wrote it, and after a first call it may have seen the hidden inputs.
    """

    def __init__(self, reason: str, output_tail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.output_tail = output_tail


class StudentError(SandboxError):
    """The student's own code raised.

    Parameters
    ----------
    ename, evalue : str
        Name and text of the exception, both capped.
    line : int or None
        Line in the student's cell where it happened, counted from 1.
    cell_hint : str
        The text of that line, or "" when it is not known.
    """

    def __init__(
        self, ename: str, evalue: str, line: int | None = None, cell_hint: str = ""
    ) -> None:
        where = f" (line {line}: {cell_hint.strip()})" if line is not None else ""
        super().__init__(f"{ename}: {evalue}{where}")
        self.ename = ename
        self.evalue = evalue
        self.line = line
        self.cell_hint = cell_hint


class CallTimeout(SandboxError):
    """A call took longer than it may and was interrupted; the session lives on."""


class BadReply(SandboxError):
    """A reply that cannot be used: malformed, too large, too deep, or of another request."""


class PreloadUnavailable(SandboxError):
    """A session cannot come with its framework imported; it can start the slow way."""
