"""Starts the worker: behind bubblewrap, or as a plain child process."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grader.sandbox import bwrap, channel, seccomp
from grader.sandbox.errors import SandboxUnavailable
from grader.sandbox.gpu import Gpu
from grader.sandbox.limits import Limits
from grader.sandbox.places import (
    WORKER_FOLDER,
    Places,
    data_utils_folder,
    find_places,
    weights_file,
)
from grader.sandbox.process import Isolation, Process, SpawnedChild, spawn

START_SECONDS = 60.0  # a start takes half a second; machines that grade a class are busy


def start_bwrap(
    limits: Limits,
    gpu: Gpu | None,
    data_folder: Path | None,
    environment: Mapping[str, str],
    with_images: bool,
) -> tuple[Process, list[str]]:
    """Start a worker behind bubblewrap.

    The kernel ends the sandbox when the *thread* that started it ends, so sessions belong to one
    long-lived thread.

    Parameters
    ----------
    limits : Limits
        For the sizes of the private folders.
    gpu : Gpu or None
        The one that the worker may see.
    data_folder : Path or None
        Seen read-only at /opt/data.
    environment : mapping of str to str
        Added to the environment inside.
    with_images : bool
        Whether the images that installed packages carry are seen.

    Returns
    -------
    Process, list of str
        The process, and the package folders that the worker adds to `sys.path`.

    Raises
    ------
    SandboxUnavailable
        When it does not start.
    """
    places = find_places(with_images)
    process = spawn_bwrap(
        "worker.py",
        socket.socketpair(),
        limits=limits,
        gpu=gpu,
        data_folder=data_folder,
        environment=environment,
        places=places,
    )
    return process, [str(path) for path in places.packages]


def spawn_bwrap(
    script: str,
    pair: tuple[socket.socket, socket.socket],
    *,
    limits: Limits,
    gpu: Gpu | None,
    data_folder: Path | None,
    environment: Mapping[str, str],
    places: Places,
    makes_walls: bool = False,
) -> Process:
    """Start one of the worker's files behind bubblewrap.

    Parameters
    ----------
    script : str
        Its name.
    pair : tuple of socket.socket
        Connected; the first becomes the connection of the process, the second goes inside.
    limits, gpu, data_folder, environment, places, makes_walls
        As for `bwrap.bwrap_arguments`.

    Returns
    -------
    Process

    Raises
    ------
    SandboxUnavailable
        When it does not start.
    """
    ours, theirs = pair
    filter_fd = None if makes_walls else seccomp.open_program(gpu is not None)
    status_read, status_write = os.pipe()
    passed = [theirs.fileno(), status_write, *([] if filter_fd is None else [filter_fd])]
    try:
        arguments = bwrap.bwrap_arguments(
            [sys.executable, f"{WORKER_FOLDER}/{script}", f"fd:{theirs.fileno()}"],
            status_fd=status_write,
            filter_fd=filter_fd,
            limits=limits,
            gpu=gpu,
            data_folder=data_folder,
            environment=environment,
            places=places,
            makes_walls=makes_walls,
        )
        # An empty environment: bubblewrap's own stays readable from inside.
        popen = spawn(arguments, {}, pass_fds=passed, cwd="/")
        process = Process(SpawnedChild(popen, status_read))
    except BaseException:
        ours.close()
        os.close(status_read)
        raise
    finally:
        for number in passed[1:]:
            os.close(number)
        theirs.close()
    process.connection = ours
    process.pin(_child_number(status_read, process))
    return process


def configuration(
    limits: Limits, isolation: Isolation, packages: list[str], gpu: Gpu | None
) -> dict[str, Any]:
    """Return what a worker is told first.

    Parameters
    ----------
    limits : Limits
    isolation : Isolation
    packages : list of str
        Package folders that the worker adds to `sys.path`.
    gpu : Gpu or None
        With one the kernel does not limit memory: CUDA maps far more than it uses. What is left is
        the look that the trusted side takes at resident memory every half second.

    Returns
    -------
    dict
    """
    bounds = {
        "CORE": 0,
        **({"DATA": limits.memory_bytes} if gpu is None else {}),
        "FSIZE": limits.file_bytes,
        "NOFILE": limits.open_files,
    }
    if isolation is Isolation.BWRAP:
        # Counted for each user: without an account of its own the session would be held
        # responsible for everything that this user runs.
        bounds["NPROC"] = limits.processes
    return {
        "message_bytes": limits.message_bytes,
        "output_chars": limits.output_chars,
        "image_bytes": limits.image_bytes,
        "extra_path": packages,
        "rlimits": {} if sys.platform == "win32" else bounds,
        "rlimits_must_hold": isolation is Isolation.BWRAP,
    }


def _child_number(status_read: int, process: Process) -> int:
    """Read the number of bubblewrap's init from its status descriptor."""
    import select  # not for pipes on Windows, where there is no bubblewrap

    deadline = time.monotonic() + START_SECONDS
    raw = b""
    while b"\n" not in raw:
        ready, _, _ = select.select([status_read], [], [], max(deadline - time.monotonic(), 0))
        part = os.read(status_read, 4096) if ready else b""
        if not part:
            process.kill()
            raise SandboxUnavailable(f"bubblewrap did not start: {process.tail}. {bwrap.WAY_OUT}")
        raw += part
    return int(json.loads(raw.partition(b"\n")[0])["child-pid"])


def start_plain(
    limits: Limits,
    gpu: Gpu | None,
    data_folder: Path | None,
    environment: Mapping[str, str],
    with_images: bool,
) -> tuple[Process, list[str]]:
    """Start a worker as a plain child process, for one's own notebooks and other systems.

    Parameters
    ----------
    limits, gpu, data_folder, environment, with_images
        As for `start_bwrap`; the data folder stays where it is, and a plain process hides nothing.

    Returns
    -------
    Process, list of str
        The process, and the package folders that the worker adds to `sys.path`.

    Raises
    ------
    SandboxUnavailable
        When it does not connect.
    """
    folder = Path(tempfile.mkdtemp(prefix="notebook-"))
    inside = {**bwrap.environment_inside(gpu, {}), **_plain_environment(folder)}
    inside |= gpu.environment(walled=False) if gpu is not None else {}
    if data_folder is not None:
        inside["ANOMALY_COURSE_DATA"] = str(data_folder)
    weights = weights_file()
    if weights is not None:
        inside["ANOMALY_COURSE_WEIGHTS"] = str(weights.parent)
    token = secrets.token_hex(32)
    worker = Path(__file__).resolve().parent / "worker.py"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"tcp:127.0.0.1:{listener.getsockname()[1]}"
        command = [sys.executable, str(worker), address]
        popen = spawn(command, {**inside, **environment}, stdin=subprocess.PIPE, cwd=folder)
        process = Process(SpawnedChild(popen))
        process.folder = folder
        process.pin()
        try:
            assert popen.stdin is not None
            with popen.stdin as stdin:
                stdin.write(token.encode() + b"\n")
            process.connection = channel.accept_with_token(listener, token.encode(), START_SECONDS)
        except OSError as error:
            process.kill()
            raise SandboxUnavailable(f"The worker did not start: {process.tail}") from error
    return process, [str(path) for path in find_places().packages]


def _plain_environment(folder: Path) -> dict[str, str]:
    """Return what differs where there is no wall: folders, and what Windows cannot do without."""
    names = ("PATH", "SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "NUMBER_OF_PROCESSORS")
    changed = {name: os.environ[name] for name in names if name in os.environ}
    for name in ("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP"):
        changed[name] = str(folder)
    for name, part in (
        ("MPLCONFIGDIR", ".matplotlib"),
        ("IPYTHONDIR", ".ipython"),
        ("KERAS_HOME", ".keras"),
        ("XDG_CACHE_HOME", ".cache"),
    ):
        changed[name] = str(folder / part)
    data_utils = data_utils_folder()
    changed["PYTHONPATH"] = str(data_utils.parent) if data_utils is not None else ""
    return changed
