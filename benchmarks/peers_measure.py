"""Run a command to its end and say what it and everything that it started cost. Linux only."""

import os
import resource
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.2  # the kernel keeps each process's peak, so only its last moments are missed
_WORKER = b"--multiprocessing-fork"  # stands in the command line of a process pool's workers
_TICKS = os.sysconf("SC_CLK_TCK")


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


class _Watch:
    """What was seen of a command's processes while it ran."""

    def __init__(self, root: int) -> None:
        self.root = root
        self.peaks: dict[int, float] = {}
        self.sandboxed: dict[tuple[int, int], float] = {}

    def look(self) -> None:
        """Look at every process that the command has started and that is still there."""
        for pid in _with_descendants(self.root):
            status = _fields(pid)
            if len(status.get(b"NSpid", [])) > 1:
                self._see_sandboxed(pid)
            elif pid == self.root or _WORKER in _read(f"/proc/{pid}/cmdline"):
                # the kernel says kB and means KiB; a process that has just ended has none
                peak = int(status.get(b"VmHWM", [b"0"])[0]) / 1024
                self.peaks[pid] = max(self.peaks.get(pid, 0.0), peak)

    def _see_sandboxed(self, pid: int) -> None:
        """Note the CPU seconds of a process that no parent will ever be told about.

        When the first process of a PID namespace ends, the kernel clears up the others, and what
        they used is added to nobody's account.
        """
        stat = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        if stat:
            user, system, started = (int(stat[place]) for place in (11, 12, 19))
            self.sandboxed[pid, started] = (user + system) / _TICKS


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
    cpu, started = _children_cpu(), time.monotonic()
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=file, stderr=subprocess.STDOUT
        )
        watch = _Watch(process.pid)
        while process.poll() is None:
            watch.look()
            time.sleep(POLL_SECONDS)
    wall = time.monotonic() - started
    spent = _children_cpu() - cpu + sum(watch.sandboxed.values())
    peaks = watch.peaks.values()
    return Cost(process.returncode, wall, spent, max(peaks, default=0.0), sum(peaks))


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _with_descendants(pid: int) -> Iterator[int]:
    yield pid
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in _read(str(path)).split():
            yield from _with_descendants(int(child))


def _fields(pid: int) -> dict[bytes, list[bytes]]:
    """Return the lines of a process's status file; none if it is gone."""
    pairs = (line.partition(b":") for line in _read(f"/proc/{pid}/status").splitlines())
    return {name: text.split() for name, _, text in pairs}


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:  # the process has just ended
        return b""
