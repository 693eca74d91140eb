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
from typing import Any

from grader.sandbox import watch

REAP_SECONDS = 5.0  # after SIGKILL, until the kernel has cleared a large process away
TAIL_BYTES = 4096  # enough for the last lines of a C library's complaint
DRAIN_BYTES = 65_536  # the size of a pipe on Linux


class Isolation(enum.Enum):
    """How a session is kept apart from this machine."""

    BWRAP = "bwrap"
    NONE = "none"


class Process:
    """A started worker and its connection.

    Attributes
    ----------
    connection : socket.socket
        To the worker.
    status : int or None
        Descriptor that bubblewrap writes to; open until the end, or SIGPIPE ends bubblewrap before
        it can pass the exit code on.
    root : int
        Number of the process above all others of the session (bubblewrap's init inside, or the
        worker itself).
    """

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self.popen = popen
        self.root = popen.pid
        self.connection: socket.socket
        self.folder: Path | None = None
        self.cpu_seconds = 0.0
        self._worker = popen.pid
        self._pinned: dict[int, int] = {}
        self.status: int | None = None
        self._tail = b""
        self._drainer = threading.Thread(target=self._drain, daemon=True)
        self._drainer.start()

    def _drain(self) -> None:
        """Read what comes on descriptors 1 and 2, and keep the end of it."""
        assert self.popen.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            while part := self.popen.stdout.read(DRAIN_BYTES):
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
            bubblewrap's init; the worker is its child.
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
            self.popen.send_signal(getattr(signal, "CTRL_BREAK_EVENT"))  # noqa: B009
        else:
            self._send(self._worker, signal.SIGINT)

    def usage(self) -> watch.Usage:
        """Look at what the session has used so far."""
        now = watch.usage(self.root)
        self.cpu_seconds = max(self.cpu_seconds, now.cpu_seconds)
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
        if self.popen.returncode is None:
            # In a namespace of their own all others die with its init. Without one, these are what
            # is known; a daemon that left the tree stays.
            for pid in (self.root, *below):
                self._send(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
            # bubblewrap itself ends after its init; killed first, it would leave a zombie behind.
            if self._reap(REAP_SECONDS) is None:
                self.popen.kill()
                self._reap(REAP_SECONDS)
        for number in self._pinned.values():
            os.close(number)
        self._pinned.clear()
        if self.status is not None:
            os.close(self.status)
            self.status = None
        self._drainer.join(0.5)
        if self.popen.stdout is not None and not self._drainer.is_alive():
            self.popen.stdout.close()
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
        """Wait for the end, and take the processor time of the whole tree from the kernel."""
        deadline = time.monotonic() + seconds
        while self.popen.returncode is None:
            if os.name == "nt":
                self.popen.poll()
            else:
                pid, status, used = os.wait4(self.popen.pid, os.WNOHANG)
                if pid:
                    self.popen.returncode = os.waitstatus_to_exitcode(status)
                    self.cpu_seconds = max(self.cpu_seconds, used.ru_utime + used.ru_stime)
            if self.popen.returncode is None and time.monotonic() >= deadline:
                break
            if self.popen.returncode is None:
                time.sleep(0.002)
        return self.popen.returncode


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
