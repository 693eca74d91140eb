"""The wall holds for an ordinary user too; when the tests run as root, one is borrowed."""

import json
import os
import shutil
import site
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.conftest import CANARY

pytestmark = pytest.mark.slow
ACCOUNT = 61_234  # nobody's
PROJECT = Path(__file__).resolve().parents[2]
# Python may stand below a folder that only root may enter (/root). In a mount namespace of this
# test's own such folders are replaced by open ones that hold nothing but what is needed.
OPEN_FOLDERS = """
set -e
mount -t tmpfs tmpfs /mnt
number=0
for path in $NEEDED; do
    number=$((number + 1)); mkdir /mnt/$number; mount --rbind "$path" /mnt/$number
done
for folder in $CLOSED; do mount -t tmpfs -o mode=0755 tmpfs "$folder"; done
number=0
for path in $NEEDED; do
    number=$((number + 1)); mkdir -p "$path"; mount --rbind /mnt/$number "$path"
done
exec "$@"
"""


def closed_parents(paths: list[Path]) -> list[Path]:
    """Return the topmost folders on the way to these paths that others may not enter."""
    closed = {}
    for path in paths:
        for parent in reversed(path.parents):
            if not parent.stat().st_mode & 0o001:
                closed[parent] = None
                break
    return list(closed)


def as_ordinary_user(
    command: list[str], *more: Path, typed: str = "", checkout: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a command as nobody, who can reach Python, this project and some more folders."""
    paths = [Path(part).resolve() for part in (sys.base_prefix, sys.prefix, PROJECT)]
    paths += more
    closed = closed_parents(paths)
    needed = [path for path in paths if any(path.is_relative_to(folder) for folder in closed)]
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "NEEDED": " ".join(map(str, needed)),
        "CLOSED": " ".join(map(str, closed)),
    }
    drop = ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups", "--"]
    clean = ["env", "-i", "HOME=/", f"PATH={environment['PATH']}", "PYTHONDONTWRITEBYTECODE=1"]
    clean += [f"PYTHONPATH={PROJECT}"] if checkout else []
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", OPEN_FOLDERS, "sh", *drop, *clean, *command],
        env=environment,
        input=typed,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module", autouse=True)
def _ordinary_users_can_be_tried() -> None:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("the other tests already run as an ordinary user")
    if not all(shutil.which(name) for name in ("unshare", "setpriv")):
        pytest.skip("util-linux is missing, so there is no way to become an ordinary user")
    tried = as_ordinary_user(["true"])
    if tried.returncode != 0:
        pytest.skip("mount namespaces are not allowed here: " + tried.stderr)
    if as_ordinary_user(["unshare", "-U", "true"]).returncode != 0:
        pytest.skip("this kernel allows ordinary users no namespaces")


def require_the_wall(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["user"] == 1000
    assert [promise for promise in told["promises"] if not promise[1]] == []
    assert len(told["promises"]) == 2 * 13
    assert told["trouble"] == ""
    return told


def test_the_wall_holds_for_an_ordinary_user(secrets: list[bytes]) -> None:
    typed = json.dumps([secret.hex() for secret in secrets])
    skip = site.getsitepackages()
    done = as_ordinary_user([sys.executable, "-c", CANARY, *skip], typed=typed)
    assert Path(require_the_wall(done)["grader"]).is_relative_to(PROJECT)


def test_preloaded_sessions_are_kept_apart_for_an_ordinary_user() -> None:
    tests = str(Path(__file__).with_name("test_fork_server.py"))
    options = ["-q", "-x", "-p", "no:cacheprovider", "--rootdir", str(PROJECT)]
    options += ["-k", "rights or each_other or traced or attack or walled or many_sessions"]
    done = as_ordinary_user([sys.executable, "-m", "pytest", *options, tests])
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout
    assert "skipped" not in done.stdout


def test_the_wall_holds_for_an_ordinary_user_from_a_wheel(
    installed: Path, secrets: list[bytes]
) -> None:
    typed = json.dumps([secret.hex() for secret in secrets])
    folder = installed.parents[1]
    command = [str(installed), "-c", CANARY, *site.getsitepackages()]
    done = as_ordinary_user(command, folder, typed=typed, checkout=False)
    assert Path(require_the_wall(done)["grader"]).is_relative_to(folder)
