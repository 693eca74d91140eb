"""Breaks into the sandbox on purpose: one probe for each promise of the wall.

`grader doctor` and the tests run it on the machine where others' notebooks will run.
"""

from __future__ import annotations

import os
import secrets as random_secrets
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from grader.sandbox.bwrap import environment_inside
from grader.sandbox.errors import SandboxError, SessionDied
from grader.sandbox.limits import MIB, Limits
from grader.sandbox.places import find_places, protected_folders
from grader.sandbox.probes import PROBES
from grader.sandbox.process import Isolation
from grader.sandbox.session import Session

# Small, so that a probe reaches them within a second.
CANARY_LIMITS = replace(
    Limits(),
    memory_bytes=512 * MIB,
    processes=48,
    file_bytes=8 * MIB,
    tmpfs_bytes=32 * MIB,
    output_chars=5_000,
)
SECRET_SUFFIXES = (
    ".so",
    ".a",
    ".jar",
)  # half of the bytes of a system, and never a page of a course
SEARCH_SECONDS = 1800.0  # 10 GB of system and packages take about 40 s
TIME_LIMIT = 0.5  # of an endless loop
OWN_PROCESSES = 5  # bubblewrap's init, the worker, and room


@dataclass(frozen=True)
class Promise:
    """One promise of the wall.

    Attributes
    ----------
    name : str
        What is promised.
    held : bool
        Whether the probe failed to break it.
    detail : str
        What the probe saw.
    """

    name: str
    held: bool
    detail: str


def run_canary(
    isolation: Isolation = Isolation.BWRAP,
    secrets: Sequence[bytes] = (),
    skip_folders: Sequence[str] = (),
    preload: str = "",
) -> list[Promise]:
    """Try to break every promise of the wall from inside.

    Parameters
    ----------
    isolation : Isolation
        What to try; `NONE` keeps few of the promises.
    secrets : sequence of bytes
        Lines of hidden checks and solutions, bytes of the exam: no file inside may hold one. They
        are sent inside, into a session that runs nothing else.
    skip_folders : sequence of str
        Folders that the search leaves out. With none it takes about 4 s for each GB of system and
        packages; the tests leave out /usr and the base Python but once.
    preload : str
        As for `Session`.

    Returns
    -------
    list of Promise

    Raises
    ------
    SandboxUnavailable
        When the sandbox does not start.
    """
    probes: list[tuple[str, Callable[[Session], tuple[bool, str]]]] = [
        ("no network", _network),
        ("own process namespace", _namespace),
        ("read-only system", _read_only),
        ("grader package covered", _covered),
        ("nothing of the grader's environment", _environment),
        ("memory limit", _memory),
        ("process limit", _processes),
        ("file size limit", _file_size),
        ("size of the private folders", _folders),
        ("time limit", _time),
        ("output cap", _output),
    ]
    if secrets:
        probes.insert(4, ("no secret in any file", _search(secrets, skip_folders)))
    probes.append(("limit on shared memory", _shared_memory))  # last: it ends the session
    promises = []
    with Session(isolation, CANARY_LIMITS, preload=preload) as session:
        session.run_cell(PROBES)
        for name, probe in probes:
            try:
                held, detail = probe(session)
            except SandboxError as error:
                held, detail = False, f"the probe failed: {error}"
            promises.append(Promise(name, held, detail))
    return promises


def _network(session: Session) -> tuple[bool, str]:
    name = "canary-" + random_secrets.token_hex(8)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(getattr(socket, "AF_UNIX", socket.AF_INET)) as abstract,
    ):
        if sys.platform == "linux":
            abstract.bind("\0" + name)
            abstract.listen()
        reached = session.call("reach_listener", listener.getsockname()[1], name)
        came = _came(listener)
    routes, devices = session.call("routes")
    held = reached == [] and not came and routes == 0 and devices == ["lo"]
    return held, f"reached {reached or 'nothing'}; {routes} routes, devices {devices}"


def _came(listener: socket.socket) -> bool:
    """Say whether anybody connected, whatever the probe says."""
    listener.settimeout(0)
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def _namespace(session: Session) -> tuple[bool, str]:
    pids, link = session.call("own_numbers")
    outside = os.readlink("/proc/self/ns/pid")
    reached = session.call("signal_outside", os.getpid())
    held = len(pids) <= OWN_PROCESSES and link != outside and reached is False
    return held, f"{len(pids)} processes seen"


def _read_only(session: Session) -> tuple[bool, str]:
    folders = ["/", "/usr", "/usr/bin", "/etc", "/opt", "/opt/kit", "/opt/kit/data_utils"]
    folders += [
        "/opt/worker",
        "/dev",
        "/home",
        sys.prefix,
        sys.base_prefix,
        os.path.dirname(os.__file__),
    ]
    found = session.call("writable", folders)
    return found == [], f"can write in {found or 'none of ' + str(len(folders)) + ' folders'}"


def _covered(session: Session) -> tuple[bool, str]:
    importable = session.call("can_import", "grader.sandbox")
    covered = [str(path) for path in (*protected_folders(), *find_places().covered)]
    seen = session.call("seen_of", covered)
    own = {str(path) for path in find_places().seen}
    # The way to a virtual environment inside the checkout may be seen, and nothing else.
    open_ways = [path for path in seen if not any(place.startswith(path) for place in own)]
    held = importable is False and open_ways == []
    return held, f"{len(covered)} folders covered, {open_ways[:3] or 'nothing'} seen of them"


def _search(
    secrets: Sequence[bytes], skip_folders: Sequence[str]
) -> Callable[[Session], tuple[bool, str]]:
    def probe(session: Session) -> tuple[bool, str]:
        hits, files = session.call(
            "search",
            list(secrets),
            list(SECRET_SUFFIXES),
            list(skip_folders),
            seconds=SEARCH_SECONDS,
        )
        return hits == [] and files > 0, f"{files} files searched, found in {hits[:3] or 'none'}"

    return probe


def _environment(session: Session) -> tuple[bool, str]:
    inside = session.call("environments")
    given = environment_inside(None, {})  # what we set may have the same value on both sides
    leaked = [
        name
        for name, value in os.environ.items()
        if value and inside.get(name) == value and given.get(name) != value
    ]
    return leaked == [], f"{len(inside)} variables inside, {leaked or 'none'} of the grader's"


def _memory(session: Session) -> tuple[bool, str]:
    given = session.call("take_memory", 2 * CANARY_LIMITS.memory_bytes)
    return given is False, "twice the limit was " + ("given" if given else "refused")


def _processes(session: Session) -> tuple[bool, str]:
    count = session.call("fork_many", 2 * CANARY_LIMITS.processes)
    return count < CANARY_LIMITS.processes, f"{count} started, limit {CANARY_LIMITS.processes}"


def _file_size(session: Session) -> tuple[bool, str]:
    size = session.call("write_file", 2 * CANARY_LIMITS.file_bytes)
    return size <= CANARY_LIMITS.file_bytes, f"{size} bytes, limit {CANARY_LIMITS.file_bytes}"


def _folders(session: Session) -> tuple[bool, str]:
    took = session.call("fill_folders", [".", "/tmp", "/dev/shm"], 2 * CANARY_LIMITS.tmpfs_bytes)
    return max(
        took
    ) <= CANARY_LIMITS.tmpfs_bytes, f"{took} bytes, limit {CANARY_LIMITS.tmpfs_bytes}"


def _time(session: Session) -> tuple[bool, str]:
    result = session.run_cell("while True: pass", seconds=TIME_LIMIT)
    after = session.run_cell("1").status
    held = result.status == "timeout" and after == "ok"
    return held, f"an endless loop ended after {result.wall_seconds:.1f} s, the next cell: {after}"


def _output(session: Session) -> tuple[bool, str]:
    result = session.run_cell("print('x' * 10_000_000)")
    held = result.truncated and len(result.stdout) <= CANARY_LIMITS.output_chars
    return held, f"{len(result.stdout)} of 10,000,000 characters came out"


def _shared_memory(session: Session) -> tuple[bool, str]:
    try:
        session.call("share_memory", 2 * CANARY_LIMITS.memory_bytes)
    except SessionDied as error:
        return "memory" in error.reason, error.reason
    return False, "twice the limit was filled"
