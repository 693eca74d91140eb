"""From an installed wheel the grader's files are covered as well as from a checkout."""

import json
import shutil
import site
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from grader.sandbox import Isolation

PROJECT = Path(__file__).resolve().parents[2]
CANARY = """
import json, os, sys
import grader
from grader.sandbox.canary import run_canary
secrets = [bytes.fromhex(line) for line in json.load(sys.stdin)]
skip = ["/usr", os.path.realpath(sys.base_prefix), *sys.argv[1:]]
promises = [[p.name, p.held, p.detail] for p in run_canary(secrets=secrets, skip_folders=skip)]
print(json.dumps({"grader": grader.__path__[0], "promises": promises}))
"""


@pytest.fixture(scope="module")
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


def test_the_wall_holds_from_a_wheel(
    wall: Isolation, installed: Path, secrets: list[bytes], tmp_path: Path
) -> None:
    done = subprocess.run(
        [str(installed), "-c", CANARY, *site.getsitepackages()],
        input=json.dumps([secret.hex() for secret in secrets]),
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert Path(told["grader"]).is_relative_to(installed.parents[1])
    assert [promise for promise in told["promises"] if not promise[1]] == []


def test_the_installed_secrets_are_really_there(installed: Path, secrets: list[bytes]) -> None:
    """Or the test above would hold for a wheel that ships nothing."""
    package = next(installed.parents[1].glob("lib/python*/site-packages/grader"))
    raw = b"".join(path.read_bytes() for path in package.rglob("*") if path.is_file())
    assert b"class Session" in raw
    hidden = list(PROJECT.glob("grader/hidden/*.py"))
    found = [secret for secret in secrets if secret in raw]
    assert len(found) >= len([path for path in hidden if path.stat().st_size > 1000])
