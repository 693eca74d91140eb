"""Sessions and secrets for the tests that attack the sandbox."""

import shutil
import site
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from grader.doctor import course_secrets
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
# Reads the secrets from standard input; the arguments are folders that need no search.
CANARY = """
import json, os, sys
import grader
from grader.sandbox import Session
from grader.sandbox.canary import run_canary
secrets = [bytes.fromhex(line) for line in json.load(sys.stdin)]
skip = ["/usr", os.path.realpath(sys.base_prefix), *sys.argv[1:]]
with Session() as session:
    session.run_cell("import os; user = os.getuid()")
    user = session.value("user")
promises = [[p.name, p.held, p.detail] for p in run_canary(secrets=secrets, skip_folders=skip)]
with Session(preload="numpy") as session:
    trouble = session.preload_trouble
found = run_canary(secrets=secrets, skip_folders=skip, preload="numpy")
promises += [["preloaded: " + p.name, p.held, p.detail] for p in found]
told = {"grader": grader.__path__[0], "promises": promises, "user": user, "trouble": trouble}
print(json.dumps(told))
"""


@pytest.fixture(scope="session")
def wall() -> Isolation:
    try:
        return best_isolation()
    except SandboxUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module", params=["", "numpy"], ids=["spawned", "preloaded"])
def preload(request: pytest.FixtureRequest) -> str:
    """Return what a session comes with; NumPy takes the way of a framework and costs little."""
    return str(request.param)


@pytest.fixture(scope="module")
def shared(wall: Isolation, preload: str) -> Iterator[Session]:
    with Session(wall, TIGHT, preload=preload) as session:
        assert not session.preload_trouble
        yield session


@pytest.fixture
def session(wall: Isolation, preload: str) -> Iterator[Session]:
    with Session(wall, TIGHT, preload=preload) as session:
        assert not session.preload_trouble
        yield session


@pytest.fixture(scope="session")
def secrets() -> list[bytes]:
    """Return a line of each hidden check and solution, and bytes of the exam's files."""
    line_of_the_grader = b"No student may read this line of " + b"grader/sandbox/session.py"
    return [line_of_the_grader, *course_secrets(PROJECT)]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment that holds the wheel and borrows all other packages."""
    if not (PROJECT / "pyproject.toml").exists():
        pytest.skip("the tests run from an installation, without a checkout to build from")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # a build leaves folders behind, so it gets a copy
    ignored = shutil.ignore_patterns(".*", "__pycache__", "build", "*.egg-info", "tests")
    shutil.copytree(PROJECT, source, ignore=ignored)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source)),
        ],
        check=True,
        timeout=120,
    )
    shutil.rmtree(source)
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    packages = next(venv.glob("lib/python*/site-packages"))
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(packages)
    (packages / "borrowed.pth").write_text("\n".join(site.getsitepackages()))
    return venv / "bin" / "python"
