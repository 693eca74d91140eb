"""Looks at a session's processes from outside, through /proc; empty where there is none."""

from __future__ import annotations

import os
from dataclasses import dataclass

CPU_FIELDS = slice(11, 15)  # utime, stime, cutime, cstime of /proc/PID/stat, after the name


@dataclass(frozen=True)
class Usage:
    """What a tree of processes has used.

    Attributes
    ----------
    cpu_seconds : float
        User and system time of all processes and of those they waited for.
    memory_bytes : int
        Resident memory of all together; shared pages count once for each process.
    processes : tuple of int
        Their numbers, the root first.
    """

    cpu_seconds: float
    memory_bytes: int
    processes: tuple[int, ...]


def children(pid: int) -> list[int]:
    """Return the child processes of all threads of a process.

    Parameters
    ----------
    pid : int
        Process number.

    Returns
    -------
    list of int
        Empty when the process has gone.
    """
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += [int(child) for child in file.read().split()]
    except OSError:
        return found
    return found


def usage(root: int) -> Usage:
    """Sum up a process and everything below it.

    Parameters
    ----------
    root : int
        Process number.

    Returns
    -------
    Usage
        Zeros when /proc does not tell.
    """
    ticks, pages, seen = 0, 0, []
    waiting = [root]
    while waiting:
        pid = waiting.pop(0)
        try:
            with open(f"/proc/{pid}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
            with open(f"/proc/{pid}/statm") as file:
                pages += int(file.read().split()[1])
        except (OSError, IndexError, ValueError):
            continue
        ticks += sum(int(field) for field in fields[CPU_FIELDS])
        seen.append(pid)
        waiting += children(pid)
    if not seen:
        return Usage(0.0, 0, ())
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE"), tuple(seen))


def proportional_bytes(pids: tuple[int, ...]) -> int | None:
    """Sum up memory with shared pages counted once; slower than `usage`.

    Parameters
    ----------
    pids : tuple of int
        Process numbers.

    Returns
    -------
    int or None
        None when the kernel does not tell for any of them.
    """
    total, told = 0, False
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                for line in file:
                    if line.startswith("Pss:"):
                        total += int(line.split()[1]) * 1024
                        told = True
        except OSError:
            continue
    return total if told else None
