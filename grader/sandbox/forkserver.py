"""Imports a framework once, then forks a child for each session, which skips the import.

Started as `python forkserver.py fd:7` behind bubblewrap. No student code ever runs in this process,
and it imports only: after a single operation of TensorFlow every child would hang. On a machine
with a GPU the same holds once CUDA was initialised, which an import alone does not do.

A session is three processes. The launcher leaves the server's namespaces and waits, so that the
kernel counts the whole session's processor time for the server to report. The init (process 1 of
the new namespace) makes the wall and gives up all rights. The worker is its child, and does what
`worker.py` does when it is started by itself.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import random
import select
import signal
import socket
import sys
import traceback
import warnings
from typing import Any, NoReturn

if __package__:
    from . import enclose, worker
else:
    import enclose  # type: ignore[no-redef, import-not-found]
    import worker  # type: ignore[no-redef, import-not-found]

MESSAGE_BYTES = 65_536  # a request holds an environment and a filter, about 4 kB
SIGNAL_BASE = 128  # as bubblewrap and shells report a signal
OWN_MODULES = ("enclose", "worker")  # no business of the student's


class PreloadError(Exception):
    """What was imported cannot be shared by sessions, in one sentence."""


class Relay(io.TextIOBase):
    """Stands for stderr or stdout during the imports, and passes on to what is there later.

    A library that keeps the stream for its warnings so writes into the cell that caused them, as
    it does when the cell imports it.
    """

    def __init__(self, name: str) -> None:
        self.name, self.real = name, getattr(sys, name)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Name of the encoding, which libraries ask for."""
        return "utf-8"

    def writable(self) -> bool:
        """Say that one can write here."""
        return True

    def write(self, text: str) -> int:
        """Pass the text on."""
        now = getattr(sys, self.name)
        return int((self.real if now is self else now).write(text))

    def flush(self) -> None:
        """Pass it on."""
        now = getattr(sys, self.name)
        (self.real if now is self else now).flush()


def preload(modules: list[str], packages: list[str]) -> None:
    """Import, and check that children share nothing that they could write.

    Parameters
    ----------
    modules : list of str
        Their names.
    packages : list of str
        Package folders, added to `sys.path`.

    Raises
    ------
    PreloadError
        When something is open or mapped that sessions would share.
    """
    known = open_descriptors()
    sys.path += [path for path in packages if path not in sys.path]
    real = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Relay("stdout"), Relay("stderr")
    try:
        for name in modules:
            importlib.import_module(name)
    finally:
        sys.stdout, sys.stderr = real
    opened = open_descriptors() - known
    if opened:
        raise PreloadError(f"the imports left descriptors open: {sorted(opened)}")
    with open("/proc/self/maps") as maps:
        shared = [
            line.split()[-1] for line in maps if "w" in (kind := line.split()[1]) and "s" in kind
        ]
    if shared:
        raise PreloadError(f"the imports left shared memory that can be written: {shared}")
    gc.collect()
    gc.freeze()  # else the first collection in a child copies every page


def open_descriptors() -> set[str]:
    """Return what the open descriptors stand for; the listing itself is left out."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{name} {os.readlink(f'/proc/self/fd/{name}')}")
        except OSError:
            continue
    return found


class Server:
    """Answers requests until the trusted side goes.

    Parameters
    ----------
    control : socket.socket
        To the trusted side; a request comes with three descriptors.
    setup : dict
        What all sessions have in common.
    """

    def __init__(self, control: socket.socket, setup: dict[str, Any]) -> None:
        self.control = control
        self.setup = setup
        self.launchers: dict[int, tuple[int, int]] = {}  # pidfd -> process, report
        self.poll = select.poll()
        self.poll.register(control, select.POLLIN)

    def serve(self) -> None:
        """Start sessions and report their ends."""
        while True:
            for descriptor, _ in self.poll.poll():
                if descriptor in self.launchers:
                    self.report_end(descriptor)
                elif not self.answer():
                    return

    def answer(self) -> bool:
        """Start one session; say whether there was a request."""
        raw, descriptors, _, _ = socket.recv_fds(self.control, MESSAGE_BYTES, 3)
        if not raw:
            return False
        connection, output, report = descriptors
        pid = fork()
        if pid == 0:
            self.launch(json.loads(raw), connection, output, report)
        os.close(connection)
        os.close(output)
        launcher = os.pidfd_open(pid)
        self.launchers[launcher] = (pid, report)
        self.poll.register(launcher, select.POLLIN)
        return True

    def report_end(self, launcher: int) -> None:
        """Tell how a session ended and what it used, all of its processes together."""
        pid, report = self.launchers.pop(launcher)
        self.poll.unregister(launcher)
        os.close(launcher)
        _, status, used = os.wait4(pid, 0)
        end = {"code": exit_code(status), "cpu_seconds": used.ru_utime + used.ru_stime}
        tell(report, end)
        os.close(report)

    def launch(
        self, request: dict[str, Any], connection: int, output: int, report: int
    ) -> NoReturn:
        """Be a session's launcher."""
        try:
            os.dup2(output, 1)
            os.dup2(output, 2)
            self.control.detach()
            enclose.close_all_but({connection, report})
            enclose.new_namespaces(self.setup["own_users"])
            pid = fork()
            if pid == 0:
                self.be_init(request, connection, report)
            os.close(connection)
            os.close(report)
            os._exit(exit_code(os.waitpid(pid, 0)[1]))
        except BaseException as error:
            fail(report, error)

    def be_init(self, request: dict[str, Any], connection: int, report: int) -> NoReturn:
        """Be the first process of a session's namespaces: make the wall, start the worker, reap."""
        try:
            os.setsid()  # signals to "my group" must not reach the server's
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # process 1 then ignores it
            enclose.own_folders(
                self.setup["writable"],
                request["tmpfs_bytes"],
                request["covers"],
                self.setup["own_users"],
            )
            enclose.loopback_up()
            enclose.drop_privileges(request["account"], bytes.fromhex(self.setup["filter"]))
            enclose.set_dumpable(False)
            pid = fork()
            if pid == 0:
                be_worker(request["environment"], connection, report)
            tell(report, {"ready": True})  # the kernel adds this process's number
            os.close(connection)
            os.close(report)
            while True:
                ended, status = os.wait()
                if ended == pid:
                    os._exit(exit_code(status))
        except BaseException as error:
            fail(report, error)


def be_worker(environment: dict[str, str], connection: int, report: int) -> NoReturn:
    """Do what `worker.py` does; everything from here on shares its process with student code."""
    try:
        os.close(report)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        enclose.set_dumpable(True)
        os.environ.clear()
        os.environ.update(environment, PWD=os.getcwd())  # which bubblewrap sets too
        reseed()
        sys.argv = [str(worker.__file__), f"fd:{connection}"]
        for name in OWN_MODULES:
            del sys.modules[name]
        worker.Worker(worker.connect(sys.argv[1])).serve()
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
    os._exit(1)


def reseed() -> None:
    """Give the global generators a state of this session's own, as after an import."""
    random.seed()
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
    torch = sys.modules.get("torch")
    if torch is not None:
        # The processor's alone: those of GPUs are made when a session first uses one.
        torch.default_generator.seed()


def fork() -> int:
    """Fork without Python's warning: the threads of an import do not come along, and need not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def exit_code(status: int) -> int:
    """Return an exit code, 128 more than the number for a signal."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else SIGNAL_BASE - code


def tell(report: int, message: dict[str, Any]) -> None:
    """Send a message about one session to the trusted side, which may have gone."""
    try:
        os.write(report, json.dumps(message).encode())
    except OSError:
        return


def fail(report: int, error: BaseException) -> NoReturn:
    """Tell why a session could not be started, and end."""
    tell(report, {"trouble": f"{type(error).__name__}: {error}"})
    os._exit(1)


def main(control: socket.socket) -> None:
    """Read the set-up, import, say so, serve."""
    setup = json.loads(control.recv(MESSAGE_BYTES))
    try:
        preload(setup["modules"], setup["packages"])
    except Exception as error:
        control.send(json.dumps({"trouble": f"{type(error).__name__}: {error}"}).encode())
        return
    control.send(json.dumps({"ready": True}).encode())
    Server(control, setup).serve()


if __name__ == "__main__":
    sys.path.pop(0)  # this folder: its module names are not the student's business
    main(worker.connect(sys.argv[1]))
    os._exit(0)  # a framework may take its time to clear up, and nobody waits for that
