"""One fork server and the sessions that it started, from the trusted side.

What happens inside is told in `forkserver.py`. A session has the same shape as one that was
spawned: a connection, an output, a process number from the kernel, and at the end an exit code and
the processor time of all its processes, which the server reports.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from grader.sandbox import bwrap, seccomp
from grader.sandbox.conversation import Conversation
from grader.sandbox.errors import SandboxError
from grader.sandbox.gpu import Gpu
from grader.sandbox.limits import Limits
from grader.sandbox.places import DATA_FOLDER, find_places
from grader.sandbox.process import Isolation, Process
from grader.sandbox.start import START_SECONDS, configuration, spawn_bwrap
from grader.sandbox.trials import canary_of

IMPORT_SECONDS = 180.0  # a cold import of TensorFlow on a busy machine takes most of a minute
CANARY_SECONDS = 30.0  # training takes 1 CPU second; a child of a server that went wrong hangs
END_SECONDS = 2.0  # for a server that was told to end
MESSAGE_BYTES = 65_536
CREDENTIALS = struct.Struct("3i")  # struct ucred: process, user, group
# What every session imports. Not pyplot's backend, which looks for the session's own shell.
COMMON = ("numpy", "matplotlib", "matplotlib.figure", "matplotlib.backends.backend_agg")
MODULES = {
    "numpy": COMMON,
    "tensorflow": (*COMMON, "tensorflow", "keras"),
    # The first optimizer of a process imports torch._dynamo, which costs as much as torch itself.
    "torch": (*COMMON, "torch", "torch._dynamo"),
}


class ForkedChild:
    """A session that a fork server started; attributes and methods as in `process.Child`.

    Parameters
    ----------
    pid : int
        Of the session's init.
    output : file
        What comes on descriptors 1 and 2.
    report : socket.socket
        On which the server tells the end.
    """

    def __init__(self, pid: int, output: IO[bytes], report: socket.socket) -> None:
        self.pid = pid
        self.output = output
        self.cpu_seconds = 0.0
        self._report = report
        self._report.setblocking(False)
        self._code: int | None = None

    def poll(self) -> int | None:
        """Look whether the server has told the end; with the server all of its sessions end."""
        if self._code is None:
            try:
                raw = self._report.recv(MESSAGE_BYTES)
            except BlockingIOError:
                return None
            except ConnectionError:
                raw = b""
            end = json.loads(raw) if raw else {"code": -signal.SIGKILL, "cpu_seconds": 0.0}
            self._code, self.cpu_seconds = int(end["code"]), float(end["cpu_seconds"])
        return self._code

    def give_up(self) -> None:
        """Do nothing: the init was killed, and nothing else is known."""

    def close(self) -> None:
        """Close the socket for the report."""
        if self._code is None:
            self._code = -signal.SIGKILL
        self._report.close()


class Server:
    """One fork server. It lives as long as this process, whichever thread asked for it.

    Parameters
    ----------
    preload : str
        A key of `MODULES`.
    gpu : Gpu or None
        The one that its sessions may see.
    data_folder : Path or None
        Seen by those of its sessions that may see images.
    environment : mapping of str to str
        There before the imports.

    Attributes
    ----------
    packages : list of str
        Package folders that a worker adds to `sys.path`.

    Raises
    ------
    SandboxError
        When it does not start; the text says why.
    """

    def __init__(
        self,
        preload: str,
        gpu: Gpu | None,
        data_folder: Path | None,
        environment: Mapping[str, str],
    ) -> None:
        places = find_places(with_images=True)
        hidden = set(find_places(with_images=False).covered) - set(places.covered)
        self._covers = [str(path) for path in hidden]
        if data_folder is not None:
            self._covers.append(DATA_FOLDER)
        self.packages = [str(path) for path in places.packages]
        self._gpu = gpu
        self._with_data = data_folder is not None
        self._control, inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process: Process | None = None
        self._failure: BaseException | None = None
        self._started, self._ended = threading.Event(), threading.Event()
        options: dict[str, Any] = {
            "limits": Limits(),
            "gpu": gpu,
            "data_folder": data_folder,
            "environment": environment,
            "places": places,
            "makes_walls": True,
        }
        # The sandbox ends with the thread that started it: so that thread does nothing else.
        threading.Thread(target=self._keep, args=(inside, options), daemon=True).start()
        self._started.wait()
        if self._process is None:
            raise SandboxError(str(self._failure)) from self._failure
        try:
            self._set_up(preload)
            self._try_out(preload)
        except BaseException:
            self.end()
            raise

    @property
    def alive(self) -> bool:
        """Whether it can still start sessions."""
        return self._process is not None and self._process.exit_code() is None

    def _keep(self, inside: socket.socket, options: dict[str, Any]) -> None:
        """Start the process, and keep this thread until its end."""
        try:
            self._process = spawn_bwrap("forkserver.py", (self._control, inside), **options)
        except BaseException as error:
            self._failure = error
            self._ended.set()
        self._started.set()
        self._ended.wait()

    def _set_up(self, preload: str) -> None:
        """Tell what to import and wait for it."""
        setup = {
            "modules": MODULES[preload],
            "packages": self.packages,
            "own_users": os.geteuid() != 0,
            "writable": bwrap.PRIVATE_FOLDERS,
            "filter": (seccomp.program(with_gpu=self._gpu is not None) or b"").hex(),
        }
        try:
            self._control.send(json.dumps(setup).encode())
            self._control.settimeout(IMPORT_SECONDS)
            raw = self._control.recv(MESSAGE_BYTES)
        except OSError as error:
            raise SandboxError(f"The process that imports {preload} gave no answer.") from error
        told = json.loads(raw) if raw else {"trouble": self._process and self._process.tail}
        if "ready" not in told:
            raise SandboxError(f"{preload} could not be imported beforehand: {told['trouble']}")

    def _try_out(self, preload: str) -> None:
        """Train something tiny in a session of its own."""
        limits = Limits(total_seconds=CANARY_SECONDS)
        process = self.start(limits, {}, with_images=False)
        talk = Conversation(process, limits)
        try:
            config = configuration(limits, Isolation.BWRAP, self.packages, self._gpu)
            reply = talk.request("start", {"config": config}, START_SECONDS)
            if reply.status == "ok":
                source = canary_of(preload, self._gpu is not None)
                cell = {"source": source, "definitions_only": False}
                reply = talk.request("cell", cell, CANARY_SECONDS)
            if reply.status != "ok" or reply.body.get("error"):
                raise SandboxError(f"the trial gave {reply.body}.")
        except SandboxError as error:
            raise SandboxError(f"{preload} does not work in a forked process: {error}") from error
        finally:
            talk.end("The trial is over.")

    def start(self, limits: Limits, environment: Mapping[str, str], with_images: bool) -> Process:
        """Start a session.

        Parameters
        ----------
        limits : Limits
            For the sizes of the private folders.
        environment : mapping of str to str
            Added to the environment inside.
        with_images : bool
            Whether images are seen.

        Returns
        -------
        Process

        Raises
        ------
        SandboxError
            When it does not start.
        """
        shows_data = self._with_data and with_images
        request = {
            "tmpfs_bytes": limits.tmpfs_bytes,
            "covers": [] if with_images else self._covers,
            "environment": bwrap.environment_inside(self._gpu, environment, shows_data),
            "account": bwrap.own_slot() if os.geteuid() == 0 else None,
        }
        with contextlib.ExitStack() as undo:
            ours, theirs = socket.socketpair()
            report, their_report = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            read, write = os.pipe()
            output = os.fdopen(read, "rb", buffering=0)
            for opened in (ours, report, output):
                undo.callback(opened.close)
            report.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            try:
                given = [theirs.fileno(), write, their_report.fileno()]
                socket.send_fds(self._control, [json.dumps(request).encode()], given)
            except OSError as error:
                raise SandboxError("The process that starts sessions has gone.") from error
            finally:
                theirs.close()
                their_report.close()
                os.close(write)
            process = Process(ForkedChild(self._await(report), output, report))
            undo.pop_all()
        process.connection = ours
        process.pin(process.root)
        return process

    def _await(self, report: socket.socket) -> int:
        """Return the number of a session's init, once its wall stands."""
        report.settimeout(START_SECONDS)
        try:
            raw, more, _, _ = report.recvmsg(MESSAGE_BYTES, socket.CMSG_SPACE(CREDENTIALS.size))
        except OSError as error:
            self.end()  # it hangs, and what it has begun would stay
            raise SandboxError("The process that starts sessions gave no answer.") from error
        told = json.loads(raw) if raw else {}
        if "ready" not in told:
            raise SandboxError(f"A session could not be walled off: {told.get('trouble', told)}")
        pid: int = CREDENTIALS.unpack(more[0][2])[0]  # from the kernel, in this side's numbers
        return pid

    def end(self) -> None:
        """End the server and all of its sessions. Can be called more than once."""
        self._control.close()
        if self._process is not None:
            deadline = time.monotonic() + END_SECONDS
            while self._process.exit_code() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            self._process.kill()
        self._ended.set()
