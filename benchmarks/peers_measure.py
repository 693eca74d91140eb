"""Run a command to its end and say what it and everything that it started cost. Linux only."""

import ctypes
import os
import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.2  # the kernel keeps each process's peak, so only its last moments are missed
ORPHAN_SECONDS = 10.0  # what is left behind ends by itself once its parent is gone
_SET_CHILD_SUBREAPER = 36  # prctl(2)
_WORKER = b"--multiprocessing-fork"  # stands in the command line of a process pool's workers


@dataclass(frozen=True)
class Cost:
    """What one command cost.

    Attributes
    ----------
    exit_code : int
    wall_s : float
    cpu_s : float
        Of all its processes: the trusted ones, the kernels, the sandboxes.
    peak_mb : float
        Resident memory of the largest trusted process.
    total_mb : float
        The peaks of all trusted processes, added up.
    """

    exit_code: int
    wall_s: float
    cpu_s: float
    peak_mb: float
    total_mb: float


def measure(command: list[str], folder: Path, environment: dict[str, str], log: Path) -> Cost:
    """Run a command and measure it.

    Trusted are the command's own process and the workers of its process pool; a kernel or a
    sandbox, in which student code runs, is not.

    Parameters
    ----------
    command : list of str
    folder : Path
        Where it runs.
    environment : dict
        All of its variables.
    log : Path
        Where what it prints goes.
    """
    # Orphans come to this process, so that their CPU seconds are counted too.
    ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    peaks: dict[int, float] = {}
    cpu, wall = _children_cpu(), time.monotonic()
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=file, stderr=subprocess.STDOUT
        )
        while process.poll() is None:
            for pid in (process.pid, *_workers(process.pid)):
                peaks[pid] = max(peaks.get(pid, 0.0), _peak_megabytes(pid))
            time.sleep(POLL_SECONDS)
    wall = time.monotonic() - wall
    _wait_for_orphans()
    spent = _children_cpu() - cpu
    return Cost(process.returncode, wall, spent, max(peaks.values()), sum(peaks.values()))


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _wait_for_orphans() -> None:
    until = time.monotonic() + ORPHAN_SECONDS
    while time.monotonic() < until:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(POLL_SECONDS)
        except ChildProcessError:
            return


def _workers(pid: int) -> list[int]:
    """Return the workers among the children of a process."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in _read(path).split():
            if _WORKER in _read(Path(f"/proc/{int(child)}/cmdline")):
                found.append(int(child))
    return found


def _peak_megabytes(pid: int) -> float:
    """Return the largest resident memory of a process so far; 0 if it is gone."""
    for line in _read(Path(f"/proc/{pid}/status")).splitlines():
        if line.startswith(b"VmHWM:"):
            return int(line.split()[1]) / 1024  # the kernel says kB and means KiB
    return 0.0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # the process has just ended
        return b""
