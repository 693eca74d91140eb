"""A clean session beside the submission's: what is expected comes from it, never from theirs."""

from __future__ import annotations

from typing import Any

from grader.errors import GraderError
from grader.sandbox import Handle, SandboxError, Session, StudentError

TWIN_SECONDS = 60.0  # of one question; it takes milliseconds, a short training a few seconds


class Twin:
    """Asks the course's own code, where none of the submission's cells was ever run.

    Parameters
    ----------
    session : Session
        Holds no code of the student.
    """

    def __init__(self, session: Session) -> None:
        self.session = session

    def measure(self, module: str, name: str, *args: Any, seconds: float = TWIN_SECONDS) -> Any:
        """Call a function of data_utils and return its result as plain data.

        Parameters
        ----------
        module, name : str
            Where in data_utils it is, such as ``"selfcheck.nb2_probes_training"``.
        *args
            Plain data, arrays, and handles of this twin.
        seconds : float

        Raises
        ------
        GraderError
            Whatever goes wrong here is the grader's: nothing of the student's is in the process.
        """
        return self._ask("method", self._library(module, name), "__call__", *args, seconds=seconds)

    def keep(self, module: str, name: str, *args: Any) -> Handle:
        """Call a function of data_utils and leave its result inside; exceptions as `measure`."""
        kept: Handle = self._ask("keep_method", self._library(module, name), "__call__", *args)
        return kept

    def method(self, handle: Handle, name: str, *args: Any, seconds: float = TWIN_SECONDS) -> Any:
        """Call a method of a kept object; exceptions as `measure`."""
        return self._ask("method", handle, name, *args, seconds=seconds)

    def _library(self, module: str, name: str) -> Handle:
        found: Handle = self._ask("library", module, name)
        return found

    def _ask(self, operation: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(self.session, operation)(*args, **kwargs)
        except (StudentError, SandboxError) as error:
            raise GraderError(
                f"The clean session could not answer ({type(error).__name__}: {error}). "
                "Nothing of the student's ran in it: grade the submission again."
            ) from error
