"""One worker process: its signals, its end, what it uses and what it writes at C level."""

from __future__ import annotations

import contextlib
import enum
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import IO, Any, Protocol

from grader.sandbox import watch

REAP_SECONDS = 5.0  # after SIGKILL, until the kernel has cleared a large process away
TAIL_BYTES = 4096  # enough for the last lines of a C library's complaint
DRAIN_BYTES = 65_536  # the size of a pipe on Linux


class Isolation(enum.Enum):
    """How a session is kept apart from this machine."""

    BWRAP = "bwrap"
    NONE = "none"


class Child(Protocol):
    """How the trusted side is tied to a session, whoever started it.

    Attributes
    ----------
    pid : int
        Number of a process of the session.
    output : file
        What comes on descriptors 1 and 2.
    cpu_seconds : float
        Of the whole session, by the kernel's word; 0 before the end.
    """

    pid: int
    output: IO[bytes]
    cpu_seconds: float

    def poll(self) -> int | None:
        """Return the exit code (negative: a signal), None while it runs."""
        ...

    def give_up(self) -> None:
        """Do what is left to do when its processes do not end."""
        ...

    def close(self) -> None:
        """Let the descriptors of a child that has ended go, but for `output`."""
        ...


class SpawnedChild:
    """A program that this process started; attributes and methods as in `Child`.

    Parameters
    ----------
    popen : subprocess.Popen
        With its output in a pipe.
    status : int, optional
        Descriptor that bubblewrap writes to; open until the end, or SIGPIPE ends bubblewrap before
        it can pass the exit code on.
    """

    def __init__(self, popen: subprocess.Popen[bytes], status: int | None = None) -> None:
        assert popen.stdout is not None
        self.pid = popen.pid
        self.output: IO[bytes] = popen.stdout
        self.cpu_seconds = 0.0
        self._popen = popen
        self._status = status

    def poll(self) -> int | None:
        """Look whether it has ended, and take the processor time of the whole tree."""
        if self._popen.returncode is not None:
            return self._popen.returncode
        if os.name == "nt":
            return self._popen.poll()
        pid, status, used = os.wait4(self.pid, os.WNOHANG)
        if pid:
            self._popen.returncode = os.waitstatus_to_exitcode(status)
            self.cpu_seconds = used.ru_utime + used.ru_stime
        return self._popen.returncode

    def give_up(self) -> None:
        """Kill the program itself."""
        self._popen.kill()

    def close(self) -> None:
        """Close the descriptor for the status."""
        if self._status is not None:
            os.close(self._status)
            self._status = None


class Process:
    """A started worker and its connection.

    Attributes
    ----------
    connection : socket.socket
        To the worker.
    root : int
        Number of the process above all others of the session (the init inside, or the worker
        itself).
    """

    def __init__(self, child: Child) -> None:
        self.child = child
        self.root = child.pid
        self.connection: socket.socket
        self.folder: Path | None = None
        self.cpu_seconds = 0.0
        self.peak_bytes = 0  # of the looks that were taken, which is every half second
        self._worker = child.pid
        self._pinned: dict[int, int] = {}
        self._tail = b""
        self._drainer = threading.Thread(target=self._drain, daemon=True)
        self._drainer.start()

    def _drain(self) -> None:
        """Read what comes on descriptors 1 and 2, and keep the end of it."""
        with contextlib.suppress(OSError, ValueError):
            while part := self.child.output.read(DRAIN_BYTES):
                self._tail = (self._tail + part)[-TAIL_BYTES:]

    @property
    def tail(self) -> str:
        """The last 4 kB that were written at C level."""
        return self._tail.decode("utf-8", "replace").strip()

    def pin(self, root: int | None = None) -> None:
        """Hold on to the processes that get signals, so that a reused number is never hit.

        Parameters
        ----------
        root : int, optional
            The session's init; the worker is its child.
        """
        if root is not None:
            self.root = root
            self._worker = next(iter(watch.children(root)), root)
        for pid in {self.root, self._worker}:
            if hasattr(os, "pidfd_open") and pid not in self._pinned:
                with contextlib.suppress(OSError):
                    self._pinned[pid] = os.pidfd_open(pid)

    def interrupt(self) -> None:
        """Send the worker what Ctrl-C sends."""
        if os.name == "nt":
            os.kill(self._worker, getattr(signal, "CTRL_BREAK_EVENT"))  # noqa: B009
        else:
            self._send(self._worker, signal.SIGINT)

    def usage(self) -> watch.Usage:
        """Look at what the session has used so far."""
        now = watch.usage(self.root)
        self.cpu_seconds = max(self.cpu_seconds, now.cpu_seconds)
        self.peak_bytes = max(self.peak_bytes, now.memory_bytes)
        return now

    def exit_code(self) -> int | None:
        """Return the exit code (negative: a signal), None while it runs."""
        return self._reap(0.0)

    def wait_for_end(self) -> int | None:
        """Return the exit code of a process that is about to end, None when it does not."""
        return self._reap(1.0)

    def kill(self) -> None:
        """End everything and clear up. Can be called more than once."""
        below = self.usage().processes if os.name != "nt" else ()
        if self._reap(0.0) is None:
            # In a namespace of their own all others die with its init. Without one, these are what
            # is known; a daemon that left the tree stays.
            for pid in (self.root, *below):
                self._send(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
            # bubblewrap itself ends after its init; killed first, it would leave a zombie behind.
            if self._reap(REAP_SECONDS) is None:
                self.child.give_up()
                self._reap(REAP_SECONDS)
        for number in self._pinned.values():
            os.close(number)
        self._pinned.clear()
        self.child.close()
        self._drainer.join(0.5)
        if not self._drainer.is_alive():
            self.child.output.close()
        if hasattr(self, "connection"):
            self.connection.close()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _send(self, pid: int, number: int) -> None:
        """Send a signal to a process that may have gone."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if pid in self._pinned:
                signal.pidfd_send_signal(self._pinned[pid], number)
            else:
                os.kill(pid, number)

    def _reap(self, seconds: float) -> int | None:
        """Wait for the end, and take the processor time of the whole session from the kernel."""
        deadline = time.monotonic() + seconds
        while (code := self.child.poll()) is None and time.monotonic() < deadline:
            time.sleep(0.002)
        self.cpu_seconds = max(self.cpu_seconds, self.child.cpu_seconds)
        return code


def spawn(
    command: list[str], environment: dict[str, str], **options: Any
) -> subprocess.Popen[bytes]:
    """Start a program apart from this terminal, its output in one pipe.

    Parameters
    ----------
    command : list of str
        Program and arguments.
    environment : dict of str to str
        All of its environment.
    **options
        For `subprocess.Popen`.

    Returns
    -------
    subprocess.Popen
    """
    options.setdefault("stdin", subprocess.DEVNULL)
    if os.name == "nt":
        options["creationflags"] = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP")  # noqa: B009
    else:
        options["start_new_session"] = True  # Ctrl-C at the grader's terminal is the grader's
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        **options,
    )
