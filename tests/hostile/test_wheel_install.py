"""From an installed wheel the grader's files are covered as well as from a checkout."""

import json
import site
import subprocess
from pathlib import Path

import pytest

from grader.sandbox import Isolation
from tests.hostile.conftest import CANARY

pytestmark = pytest.mark.slow
PROJECT = Path(__file__).resolve().parents[2]


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
    assert told["trouble"] == ""
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
