"""The process inside the wall: answers requests over one socket, one after the other.

Started as `python worker.py fd:7` or `python worker.py tcp:127.0.0.1:5000` (then the first line of
stdin is a token). Everything here shares its process with student code: whatever it replies may be
forged, and the trusted side treats it so.
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import stat
import sys
import threading
from typing import Any

if __package__:
    from . import trace, wire
    from .shell import Shell
else:
    import trace  # type: ignore[no-redef]

    import wire  # type: ignore[no-redef, import-not-found]
    from shell import Shell  # type: ignore[no-redef, import-not-found]

CHUNK = 2**20


class UnfitError(Exception):
    """A request that cannot be answered, in one sentence."""


class NotAFunction(Exception):
    """A name that is to be called stands for something else; the text is its type."""


class Worker:
    """One session, seen from inside.

    Parameters
    ----------
    connection : socket.socket
        To the trusted side.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.busy = False
        self.limit = 2**20  # of the first message, the configuration
        self.handles: dict[int, Any] = {}
        self.number = 0  # of the request that is being answered
        self.asking = threading.Lock()
        self.pid = os.getpid()
        self.shell: Shell = None  # type: ignore[assignment]
        # Bound now: student code may patch the modules.
        self._signal, self._getpid, self._exit = signal.signal, os.getpid, os._exit

    def serve(self) -> None:
        """Answer requests until the connection ends."""
        self._watch_interrupts()
        while True:
            request = wire.receive(self._read_exactly, self.limit)
            frames = self._answer(request)
            if self._getpid() != self.pid:
                self._exit(0)  # a child that student code forked fell through to here
            for frame in frames:
                self.connection.sendall(frame)

    def _watch_interrupts(self) -> None:
        for name in ("SIGINT", "SIGBREAK"):  # the second is what Windows sends
            if hasattr(signal, name):
                self._signal(getattr(signal, name), self._on_interrupt)

    def _on_interrupt(self, *_: Any) -> None:
        if self.busy:  # else the work was done before the signal came
            raise KeyboardInterrupt

    def _read_exactly(self, count: int) -> bytearray:
        raw = bytearray(count)
        view = memoryview(raw)
        while view:
            got = self.connection.recv_into(view, min(len(view), CHUNK))
            if not got:
                self._exit(0)  # the trusted side has gone
            view = view[got:]
        return raw

    def _answer(self, request: Any) -> list[Any]:
        """Perform one request and return the frames of its reply, whatever student code raises."""
        number = self.number = request["id"]
        try:
            try:
                self._watch_interrupts()
                self.busy = True
                body = getattr(self, "op_" + request["op"])(**request["body"])
                frames = wire.encode({"id": number, "status": "ok", "body": body}, self.limit)
                self.busy = False
                return frames
            except (wire.WireError, UnfitError) as error:
                self.busy = False
                reply = {"id": number, "status": "unfit", "body": str(error)}
            except BaseException as error:
                self.busy = False
                reply = {"id": number, "status": "error", "body": trace.describe(error)}
            return wire.encode(reply, self.limit)
        except BaseException:  # a second interrupt, between the lines above
            self.busy = False
            reply = {"id": number, "status": "unfit", "body": "the reply was interrupted"}
            return wire.encode(reply, self.limit)

    def op_start(self, config: dict[str, Any]) -> None:
        """Lower the limits, make the shell."""
        self.limit = config["message_bytes"]
        for path in config["extra_path"]:
            if path not in sys.path:
                sys.path.append(path)
        sys.path.insert(0, "")  # as in a notebook: files of the work folder can be imported
        self.shell = Shell(config["output_chars"], config["image_bytes"])
        _lower_limits(config["rlimits"], config["rlimits_must_hold"])

    def op_cell(self, source: str, definitions_only: bool) -> dict[str, Any]:
        """Run a cell."""
        self.shell.start_capture()
        if definitions_only:
            error = self.shell.run_definitions(source)
        else:
            result = self.shell.run_cell(source, store_history=True)
            error = result.error_before_exec or result.error_in_exec
        try:
            self.shell.flush_figures()
        except Exception as figure_error:
            error = error or figure_error
        text, text_cut = self.shell.capture.take()
        displays, displays_cut = self.shell.displays.take()
        return {
            "error": None if error is None else trace.describe(error),
            "stdout": text,
            "truncated": text_cut or displays_cut,
            "displays": displays,
        }

    def op_open_cell(self, source: str) -> list[list[Any]]:
        """Take a cell apart; its statements are run one by one."""
        return self.shell.open_cell(source)

    def op_statement(self, number: int) -> None:
        """Run one statement of the opened cell; what it prints or draws is dropped."""
        self.shell.start_capture()
        self.shell.capture.take()
        try:
            self.shell.run_statement(number)
        finally:
            _close_figures()

    def op_stand_in(self, name: str) -> None:
        """Let a name stand for a function that is asked for outside."""

        def stand_in(*args: Any, **kwargs: Any) -> Any:
            return self._ask({"name": name, "args": list(args), "kwargs": kwargs})

        self.shell.user_ns[name] = stand_in

    def op_reference(self, names: list[str], source: str) -> None:
        """Let names stand for the course's own functions, which have to live in this process."""
        self.shell.run_reference(names, source)

    def _ask(self, question: dict[str, Any]) -> Any:
        """Ask the other side something while one of its requests is being answered."""
        if self._getpid() != self.pid:
            raise RuntimeError("a child process cannot call this function")
        with self.asking:
            self.busy = False  # an interrupt between two bytes would break the connection
            try:
                message = {"id": self.number, "status": "ask", "body": question}
                for frame in wire.encode(message, self.limit):
                    self.connection.sendall(frame)
                reply = wire.receive(self._read_exactly, self.limit)
            finally:
                self.busy = True
        if reply["status"] != "ok":
            raise RuntimeError(reply["body"])
        return reply["body"]

    def op_call(
        self,
        target: Any,
        args: list[Any],
        kept: dict[int, int],
        kwargs: dict[str, Any],
        keep: bool,
        look: bool,
    ) -> Any:
        """Call a function of the notebook, or a method of a kept object.

        `kept` says which places of `args` stand for kept objects. With `look` the reply is the
        result and the arguments as they are after the call.
        """
        owner, name = target
        self.shell.start_capture()
        self.shell.capture.take()  # what a call prints is dropped
        for place, handle in kept.items():
            args[place] = self._kept(handle)
        try:
            function = self._name(name) if owner is None else getattr(self._kept(owner), name)
            if not callable(function):
                raise NotAFunction(type(function).__name__)
            result = function(*args, **kwargs)
            # Encoding tensors may run student code too, so it happens here, under the time limit.
            if look:
                return [result, args]
            return self._keep(result) if keep else result
        finally:
            _close_figures()

    def op_attribute(self, handle: int, name: str) -> Any:
        """Return an attribute of a kept object."""
        return getattr(self._kept(handle), name)

    def op_variable(self, name: str) -> int:
        """Keep what a name of the notebook stands for."""
        return self._keep(self._name(name))

    def op_library(self, module: str, name: str) -> int:
        """Keep what a module of the course's own package defines, whatever the notebook imports."""
        return self._keep(getattr(importlib.import_module(f"data_utils.{module}"), name))

    def op_value(self, name: str) -> Any:
        """Return what a name of the notebook stands for."""
        return self._name(name)

    def op_forget(self, handle: int) -> None:
        """Drop a kept object."""
        self.handles.pop(handle, None)

    def op_read_file(self, name: str, max_bytes: int) -> bytes:
        """Return a regular file of the work folder."""
        home = os.path.realpath(os.environ["HOME"])
        path = os.path.normpath(os.path.join(home, name))
        if os.path.realpath(path) != path or not path.startswith(home + os.sep):
            raise UnfitError(f"{name} is not a file of the work folder, or a link")
        if not os.path.exists(path):
            raise FileNotFoundError(f"the notebook wrote no file {name}")
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise UnfitError(f"{name} is not a regular file")
        with open(path, "rb") as file:
            raw = file.read(max_bytes + 1)
        if len(raw) > max_bytes:
            raise UnfitError(f"{name} is larger than {max_bytes} bytes")
        return raw

    def _name(self, name: str) -> Any:
        if name not in self.shell.user_ns:
            raise NameError(f"name '{name}' is not defined")
        return self.shell.user_ns[name]

    def _kept(self, handle: int) -> Any:
        if handle not in self.handles:
            raise UnfitError("the handle is not known; its object was forgotten")
        return self.handles[handle]

    def _keep(self, value: Any) -> int:
        number = len(self.handles)
        while number in self.handles:
            number += 1
        self.handles[number] = value
        return number


def _close_figures() -> None:
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None and pyplot.get_fignums():
        pyplot.close("all")


def _lower_limits(limits: dict[str, int], must_hold: bool) -> None:
    """Lower resource limits, for good; names as in the `resource` module, without RLIMIT_."""
    if not limits:
        return
    import resource

    for name, value in limits.items():
        number = getattr(resource, "RLIMIT_" + name)
        hard = resource.getrlimit(number)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(number, (bound, bound))
        except (ValueError, OSError):  # macOS knows some of the names only
            if must_hold:
                raise


def connect(address: str) -> socket.socket:
    """Open the connection that the command line names.

    Parameters
    ----------
    address : str
        "fd:NUMBER" or "tcp:HOST:PORT".

    Returns
    -------
    socket.socket
    """
    kind, _, rest = address.partition(":")
    if kind == "fd":
        os.set_inheritable(int(rest), False)  # programs that student code starts need it not
        return socket.socket(fileno=int(rest))
    host, _, port = rest.rpartition(":")
    connection = socket.create_connection((host, int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(sys.stdin.readline().strip().encode("ascii"))
    return connection


if __name__ == "__main__":
    sys.path.pop(0)  # this folder: its module names are not the student's business
    Worker(connect(sys.argv[1])).serve()
