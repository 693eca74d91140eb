"""Keeps fork servers: one for each framework in this process, from which sessions start imported.

Importing TensorFlow takes some 5 CPU seconds, torch with its optimizers 3, forking a process that
has done it 0.1. A server starts when the first session asks for it, proves itself with a session
that trains something tiny, stays for the life of this process, and is started again when it died.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grader.sandbox.errors import PreloadUnavailable, SandboxError
from grader.sandbox.forked import MODULES, Server
from grader.sandbox.gpu import Gpu
from grader.sandbox.limits import Limits
from grader.sandbox.process import Process

MOST_STARTS = 3  # of one server; one that dies again and again costs more than it saves
RUN_TIME_PREFIX = "ANOMALY_COURSE_"  # variables that no import reads, so a server need not know

_servers: dict[Any, Server] = {}
_starts: dict[Any, int] = {}
_troubles: dict[Any, str] = {}  # why a server is not tried again
_lock = threading.Lock()


def start_forked(
    preload: str,
    limits: Limits,
    gpu: Gpu | None,
    data_folder: Path | None,
    environment: Mapping[str, str],
    with_images: bool,
) -> tuple[Process, list[str]]:
    """Start a session that has a framework imported already.

    Parameters
    ----------
    preload : str
        A key of `forked.MODULES`.
    limits, gpu, data_folder, environment, with_images
        As for `start.start_bwrap`, but that the data folder needs `with_images` to be seen: so one
        server serves both kinds of sessions.

    Returns
    -------
    Process, list of str
        As from `start.start_bwrap`.

    Raises
    ------
    PreloadUnavailable
        When that does not work here; the session then has to start the slow way.
    SandboxError
        When the framework is none of those that can be asked for.
    """
    if preload not in MODULES:
        raise SandboxError(f"preload is one of {', '.join(MODULES)}, not {preload!r}.")
    early = {k: v for k, v in environment.items() if not k.startswith(RUN_TIME_PREFIX)}
    key = (preload, gpu, data_folder, tuple(sorted(early.items())))
    with _lock:
        server = _living_server(key, preload, gpu, data_folder, early)
        try:
            process = server.start(limits, environment, with_images)
        except SandboxError as error:
            raise PreloadUnavailable(str(error)) from error
    return process, server.packages


def _living_server(key: Any, *given: Any) -> Server:
    """Return the server for a key, started anew when it has gone."""
    if key in _troubles:
        raise PreloadUnavailable(_troubles[key])
    server = _servers.get(key)
    if server is not None and server.alive:
        return server
    if server is not None:
        server.end()
        del _servers[key]
    if _starts.get(key, 0) == MOST_STARTS:
        _troubles[key] = f"The process that imports {given[0]} died {MOST_STARTS} times."
        raise PreloadUnavailable(_troubles[key])
    _starts[key] = _starts.get(key, 0) + 1
    try:
        _servers[key] = Server(*given)
    except SandboxError as error:
        _troubles[key] = str(error)
        raise PreloadUnavailable(_troubles[key]) from error
    return _servers[key]


@atexit.register
def end_servers() -> None:
    """End all servers of this process, and forget what went wrong with them."""
    with _lock:
        for server in _servers.values():
            server.end()
        for memory in (_servers, _starts, _troubles):
            memory.clear()


if hasattr(os, "register_at_fork"):
    # A forked copy of this process must not speak to servers that are not its own.
    os.register_at_fork(after_in_child=_servers.clear)
