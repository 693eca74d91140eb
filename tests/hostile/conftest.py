"""Sessions and secrets for the tests that attack the sandbox."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from grader.sandbox import Isolation, Limits, SandboxUnavailable, Session, best_isolation

PROJECT = Path(__file__).resolve().parents[2]
# Small enough to be reached within a second, large enough for IPython and NumPy.
TIGHT = replace(
    Limits(),
    memory_bytes=512 * 2**20,
    processes=40,
    open_files=64,
    file_bytes=2**20,
    tmpfs_bytes=16 * 2**20,
    output_chars=2_000,
    message_bytes=4 * 2**20,
)
MIN_LINE = 30  # shorter lines may stand anywhere
SLICE = 64  # bytes of a compressed file that no other file has by chance


@pytest.fixture(scope="session")
def wall() -> Isolation:
    try:
        return best_isolation()
    except SandboxUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def shared(wall: Isolation) -> Iterator[Session]:
    with Session(wall, TIGHT) as session:
        yield session


@pytest.fixture
def session(wall: Isolation) -> Iterator[Session]:
    with Session(wall, TIGHT) as session:
        yield session


@pytest.fixture(scope="session")
def secrets() -> list[bytes]:
    """Return a line of each hidden check and solution, and bytes of the exam's files."""
    known = "\n".join(
        path.read_text(errors="replace") for path in (PROJECT / "data_utils").rglob("*.py")
    )
    found = [b"No student may read this line of " + b"grader/sandbox/session.py"]
    for path in (*PROJECT.glob("grader/hidden/*.py"), *PROJECT.glob("solutions/*.py")):
        lines = [line.strip() for line in path.read_text().splitlines()]
        own = [line for line in lines if len(line) >= MIN_LINE and line not in known]
        if own:
            found.append(max(own, key=len).encode())
    for path in PROJECT.glob("grader/exam/*.npz"):
        raw = path.read_bytes()
        found += [raw[len(raw) // part :][:SLICE] for part in (2, 3)]
    return found
