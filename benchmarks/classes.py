"""Classes made of the sample class, and looks at a grader from outside."""

import os
import resource
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from data_utils.course import load_course
from grader.demo import write_class
from grader.sample_class import load_class

ROOT = Path(__file__).resolve().parent.parent
PAGE = resource.getpagesize()
NOTEBOOK = "nb1_autoencoder"


def write_repeated_class(root: Path, count: int) -> list[str]:
    """Write a class of `count` submissions: everybody of the sample class, over and over.

    Returns
    -------
    list of str
        The students' names, such as ``"017_solution"``.
    """
    notebook = load_course().notebook(NOTEBOOK)
    once = root / "sample"
    write_class(once, ROOT, notebook, load_class(NOTEBOOK))
    names = [path.name for path in sorted(once.iterdir())]
    students = [f"{n:03d}_{name}" for n, name in enumerate(islice(cycle(names), count))]
    for student in students:
        place = root / "submitted" / student
        shutil.copytree(once / student.partition("_")[2], place, symlinks=True)
    shutil.rmtree(once)
    return students


def grader_command(root: Path, *options: str) -> list[str]:
    """Return the command that grades the class of a folder in profile quick."""
    command = [sys.executable, "-m", "grader", "autograde", "--course", str(root)]
    return [*command, "--profile", "quick", *options]


@dataclass(frozen=True)
class Look:
    """One look at a grader's processes: the trusted ones and everything below them."""

    trusted_mb: float
    trusted_files: int
    processes: int


def look(pid: int) -> Look:
    """Look at a grader and its workers (trusted), and count what runs below them."""
    trusted = [pid, *(child for child in children(pid) if "spawn_main" in command_of(child))]
    memory = sum(resident_mb(each) for each in trusted)
    files = sum(open_files(each) for each in trusted)
    return Look(memory, files, len(list(tree(pid))))


def tree(pid: int) -> Iterator[int]:
    """Yield a process and everything below it."""
    yield pid
    for child in children(pid):
        yield from tree(child)


def children(pid: int) -> list[int]:
    """Return the children of all threads of a process; none if it has gone."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, path.read_text().split())
        except OSError:
            continue
    return found


def command_of(pid: int) -> str:
    """Return a process's command line; empty if it has gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def resident_mb(pid: int) -> float:
    """Return a process's resident memory."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 1e6
    except (OSError, IndexError):
        return 0.0


def open_files(pid: int) -> int:
    """Return how many files a process holds open."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0
