"""Tests that share something dear run in one process, and the others in all of them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import SHARED

HERE = Path(__file__).resolve().parent
FOUR_TESTS = """
import pytest
@pytest.mark.parametrize("number", range(4))
def test_it(number): pass
"""


@pytest.mark.slow
def test_what_is_shared_stays_in_one_process(tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    for name in ("browser/test_a.py", "browser/test_b.py", "unit/test_c.py"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(FOUR_TESTS)
    (folder / "conftest.py").write_text((HERE / "conftest.py").read_text())
    command = [sys.executable, "-m", "pytest", "-p", "xdist", "-n", "2", "-v"]
    command += ["-c", "/dev/null", "--rootdir", str(tmp_path), str(folder)]
    quick = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=quick)
    ran = re.findall(r"\[(gw\d)\] \[ *\d+%\] PASSED tests/(\w+)/", done.stdout)
    assert len(ran) == 12, done.stdout
    assert len({process for process, part in ran if part == "browser"}) == 1
    assert {process for process, _ in ran} == {"gw0", "gw1"}


def test_what_is_shared_is_there() -> None:
    assert [start for start in SHARED if not (HERE.parent / start).exists()] == []
