"""The trusted side of a sandbox: runs cells, calls what they define, takes plain data back."""

from __future__ import annotations

import os
import secrets
import stat
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from grader.sandbox.conversation import Answer, Conversation
from grader.sandbox.errors import (
    BadReply,
    CallTimeout,
    PreloadUnavailable,
    SandboxError,
    SandboxUnavailable,
    SessionDied,
)
from grader.sandbox.gpu import Gpu
from grader.sandbox.limits import Limits
from grader.sandbox.nursery import start_forked
from grader.sandbox.process import Isolation, Process
from grader.sandbox.results import (
    CellResult,
    Handle,
    Statement,
    cell_result,
    statements_of,
    student_error,
    text_of,
)
from grader.sandbox.start import START_SECONDS, configuration, start_bwrap, start_plain
from grader.sandbox.wire import TEXT_CHARS

DEFAULT_FILE_BYTES = 1_000_000  # a file of scores; larger ones are asked for by name and size


class Session:
    """One notebook in one process behind the wall.

    Values that come back were computed by student code and may be forged: judge them outside.
    The sandbox ends when the thread that made the session ends (the kernel's rule for
    `--die-with-parent`; with `preload` it ends with this process), so make sessions in a long-lived
    thread. A session serves one thread.

    Parameters
    ----------
    isolation : Isolation
        `NONE` is a plain child process, for one's own notebooks.
    limits : Limits
        What it may use.
    gpu : Gpu, optional
        The one that it may use; without it every GPU is hidden.
    data_folder : Path, optional
        Seen read-only inside, named by ANOMALY_COURSE_DATA.
    environment : mapping of str to str, optional
        Added to the environment inside, e.g. OMP_NUM_THREADS.
    with_images : bool
        Without them no data set is seen inside: neither `data_folder` nor those that packages
        carry.
    preload : {"", "numpy", "tensorflow", "torch"}
        What the notebook will import anyway. The session then comes from a process that imported
        it once, and skips the import; where that does not work it starts as without. Weaker
        isolations ignore it.

    Attributes
    ----------
    preloaded : bool
        Whether the session came with the import done.
    preload_trouble : str
        Why it did not although it was asked for; else empty.

    Raises
    ------
    SandboxUnavailable
        When it does not start here; the text names the way out.
    """

    def __init__(
        self,
        isolation: Isolation = Isolation.BWRAP,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        gpu: Gpu | None = None,
        data_folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        with_images: bool = True,
        preload: str = "",
    ) -> None:
        if data_folder is not None:
            _check_data_folder(Path(data_folder))
        self.isolation = isolation
        self.limits = limits
        self._identity = secrets.token_hex(8)
        self.preloaded, self.preload_trouble = False, ""
        given = (limits, gpu, data_folder, environment or {}, with_images)
        self._process, packages = self._start(preload, *given)
        self._talk = Conversation(self._process, limits)
        try:
            config = configuration(limits, isolation, packages, gpu)
            reply = self._talk.request("start", {"config": config}, START_SECONDS)
        except SessionDied as error:
            raise SandboxUnavailable(
                f"The sandbox did not start: {error.reason} {error.output_tail}"
            ) from error
        if reply.status != "ok":
            self._talk.end("The worker could not set itself up.")
            raise SandboxUnavailable(f"The worker could not set itself up: {reply.body}")
        if isolation is Isolation.BWRAP:
            self._process.pin(self._process.root)  # the worker runs now, and can be found

    def _start(
        self,
        preload: str,
        limits: Limits,
        gpu: Gpu | None,
        data_folder: Path | None,
        environment: Mapping[str, str],
        with_images: bool,
    ) -> tuple[Process, list[str]]:
        """Start the worker in the cheapest way that works here."""
        shown = data_folder if with_images else None
        if self.isolation is not Isolation.BWRAP:
            return start_plain(limits, gpu, shown, environment, with_images)
        if preload:
            try:
                started = start_forked(preload, limits, gpu, data_folder, environment, with_images)
            except PreloadUnavailable as error:
                self.preload_trouble = str(error)
            else:
                self.preloaded = True
                return started
        return start_bwrap(limits, gpu, shown, environment, with_images)

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether the session can still answer."""
        return self._talk.over is None

    @property
    def cpu_seconds(self) -> float:
        """User and system seconds of everything inside so far, measured from outside."""
        if self.alive:
            self._process.usage()
        return self._process.cpu_seconds

    @property
    def peak_bytes(self) -> int:
        """The most resident memory of everything inside, as far as it was looked at."""
        return self._process.peak_bytes

    def close(self) -> None:
        """End the session and everything in it. Can be called more than once."""
        self._talk.end("The session was closed.")

    def run_cell(
        self, source: str, definitions_only: bool = False, seconds: float | None = None
    ) -> CellResult:
        """Run one cell as a notebook would.

        Parameters
        ----------
        source : str
            The cell.
        definitions_only : bool
            Run imports, functions, classes and constants only, each on its own.
        seconds : float, optional
            Instead of `limits.cell_seconds`.

        Returns
        -------
        CellResult

        Raises
        ------
        SessionDied
            When the process went away, or did not stop when its time was up.
        BadReply
            When the reply cannot be used.
        """
        if len(source) > TEXT_CHARS:
            raise BadReply(f"The cell is longer than {TEXT_CHARS} characters, so it was not run.")
        cpu, wall = self.cpu_seconds, time.monotonic()
        bound = self.limits.cell_seconds if seconds is None else seconds
        body = {"source": source, "definitions_only": definitions_only}
        reply = self._talk.request("cell", body, bound)
        spent = time.monotonic() - wall
        if reply.status == "unfit":
            raise BadReply(text_of(reply.body))
        if not isinstance(reply.body, dict):
            raise self._talk.bad("something else than the result of a cell")
        return cell_result(
            reply.body,
            # An interrupt that came outside the student's code: the body is its account.
            reply.body if reply.status == "error" else reply.body.get("error"),
            stopped_after=bound if reply.timed_out else None,
            limits=self.limits,
            cpu_seconds=max(self.cpu_seconds - cpu, 0.0),
            wall_seconds=spent,
        )

    def open_cell(self, source: str) -> list[Statement]:
        """Take a cell apart, for its statements to be run one by one by `run_statement`.

        Raises
        ------
        StudentError
            When it is no Python; SessionDied and BadReply as for `run_cell`.
        """
        return statements_of(self._plain("open_cell", {"source": source}, None))

    def run_statement(self, number: int, seconds: float | None = None) -> None:
        """Run one statement of the opened cell; exceptions as for `call`."""
        self._plain("statement", {"number": number}, seconds)

    def answer_with(self, answer: Answer) -> None:
        """Say who answers the functions that `stand_in` put into the notebook.

        Parameters
        ----------
        answer : callable
            From a name, a list of arguments and a dict of named ones, all of them untrusted plain
            data, to plain data. It may raise SandboxError; the notebook sees its words.
        """
        self._talk.answer = answer

    def stand_in(self, name: str) -> None:
        """Let a name of the notebook stand for a function that is answered outside."""
        self._plain("stand_in", {"name": name}, None)

    def reference(self, names: list[str], source: str) -> None:
        """Let names stand for the course's functions, as the cell `source` defines them."""
        self._plain("reference", {"names": names, "source": source}, None)

    def call(self, function: str, *args: Any, seconds: float | None = None, **kwargs: Any) -> Any:
        """Call a function of the notebook with plain data.

        Parameters
        ----------
        function : str
            Its name.
        *args, **kwargs
            Plain data and arrays; a positional one may be the handle of a kept object.
        seconds : float, optional
            Instead of `limits.call_seconds`.

        Returns
        -------
        object
            Plain data; `Opaque` for what is none.

        Raises
        ------
        StudentError
            When the function raised, or is missing (then its ename is "NameError").
        CallTimeout
            When it was interrupted; the session lives on.
        SessionDied, BadReply
            As for `run_cell`.
        """
        return self._call([None, function], args, kwargs, False, seconds)

    def call_and_look(
        self, function: str, *args: Any, seconds: float | None = None
    ) -> tuple[Any, list[Any]]:
        """Call a function of the notebook; return its result and the arguments as it left them.

        Parameters, exceptions: as for `call`.
        """
        reply = self._call([None, function], args, {}, False, seconds, look=True)
        if not isinstance(reply, list) or len(reply) != 2 or not isinstance(reply[1], list):
            raise self._talk.bad("something else than a result and the arguments")
        if len(reply[1]) != len(args):  # an honest worker sends back as many as it got
            raise self._talk.bad("another number of arguments")
        return reply[0], reply[1]

    def keep(
        self, function: str, *args: Any, seconds: float | None = None, **kwargs: Any
    ) -> Handle:
        """Call a function of the notebook and leave its result inside.

        Parameters, exceptions: as for `call`.

        Returns
        -------
        Handle
        """
        return self._handle(self._call([None, function], args, kwargs, True, seconds))

    def method(
        self, handle: Handle, name: str, *args: Any, seconds: float | None = None, **kwargs: Any
    ) -> Any:
        """Call a method of a kept object.

        Parameters, returns, exceptions: as for `call`.
        """
        return self._call([self._number(handle), name], args, kwargs, False, seconds)

    def keep_method(self, handle: Handle, name: str, *args: Any) -> Handle:
        """Call a method of a kept object and leave its result inside.

        Parameters, exceptions: as for `call`.
        """
        return self._handle(self._call([self._number(handle), name], args, {}, True, None))

    def attribute(self, handle: Handle, name: str, seconds: float | None = None) -> Any:
        """Return an attribute of a kept object as plain data; exceptions as for `call`."""
        return self._plain("attribute", {"handle": self._number(handle), "name": name}, seconds)

    def variable(self, name: str) -> Handle:
        """Return what a name of the notebook stands for as a handle; exceptions as for `call`."""
        return self._handle(self._plain("variable", {"name": name}, None))

    def library(self, module: str, name: str) -> Handle:
        """Return what a module of data_utils defines as a handle; exceptions as for `call`."""
        return self._handle(self._plain("library", {"module": module, "name": name}, None))

    def value(self, name: str) -> Any:
        """Return what a name of the notebook stands for as plain data; exceptions as for `call`."""
        return self._plain("value", {"name": name}, None)

    def forget(self, handle: Handle) -> None:
        """Let a kept object go."""
        self._plain("forget", {"handle": self._number(handle)}, None)

    def read_file(self, name: str, max_bytes: int = DEFAULT_FILE_BYTES) -> bytes:
        """Return a regular file of the work folder.

        Parameters
        ----------
        name : str
            Relative to the work folder; links and ".." are refused.
        max_bytes : int
            Larger files are refused.

        Returns
        -------
        bytes

        Raises
        ------
        StudentError
            When there is no such file.
        BadReply
            When it is refused.
        """
        raw = self._plain("read_file", {"name": name, "max_bytes": max_bytes}, None)
        if not isinstance(raw, bytes) or len(raw) > max_bytes:
            raise self._talk.bad("something else than the file that was asked for")
        return raw

    def _call(
        self,
        target: list[Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        keep: bool,
        seconds: float | None,
        look: bool = False,
    ) -> Any:
        kept = {n: self._number(arg) for n, arg in enumerate(args) if isinstance(arg, Handle)}
        body = {
            "target": target,
            "args": [None if place in kept else arg for place, arg in enumerate(args)],
            "kept": kept,
            "kwargs": kwargs,
            "keep": keep,
            "look": look,
        }
        return self._plain("call", body, seconds)

    def _plain(self, operation: str, body: dict[str, Any], seconds: float | None) -> Any:
        """Perform a request that gives a value or raises."""
        bound = self.limits.call_seconds if seconds is None else seconds
        reply = self._talk.request(operation, body, bound)
        if reply.timed_out:
            raise CallTimeout(f"The call took longer than {bound:g} seconds and was stopped.")
        if reply.status == "error":
            raise student_error(reply.body)
        if reply.status == "unfit":
            raise BadReply(text_of(reply.body))
        return reply.body

    def _handle(self, number: Any) -> Handle:
        if type(number) is not int:
            raise self._talk.bad("something else than a handle")
        return Handle(self._identity, number)

    def _number(self, handle: Handle) -> int:
        if not isinstance(handle, Handle) or handle.session != self._identity:
            raise SandboxError("The handle belongs to another session; objects do not move.")
        return handle.number


def _check_data_folder(folder: Path) -> None:
    """Raise when a folder is missing, or would be seen inside and not be readable."""
    if not folder.is_dir():
        raise SandboxError(f"The data folder {folder} is missing.")
    everyone = stat.S_IROTH | stat.S_IXOTH
    if (
        sys.platform == "linux"
        and os.geteuid() == 0
        and folder.stat().st_mode & everyone != everyone
    ):
        raise SandboxError(
            f"The data folder {folder} is closed to other accounts, and the notebook runs in one. "
            f"Open it: chmod -R o+rX {folder}"
        )
