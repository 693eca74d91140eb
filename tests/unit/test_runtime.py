"""The set-up of a notebook: quiet, and honest about what it found."""

import importlib.metadata
import subprocess
import sys

import pytest

from data_utils.errors import CourseKitError
from data_utils.runtime import current_profile, describe_setup, quiet_start, seed_everything


def test_start_up_messages_are_silenced_and_errors_are_not() -> None:
    code = (
        "import os, sys\n"
        "from data_utils.runtime import quiet_start\n"
        "with quiet_start():\n"
        "    os.write(2, b'WARNING: All log messages')\n"
        "os.write(2, b'after')\n"
        "with quiet_start():\n"
        "    import no_such_module\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "WARNING" not in done.stderr
    assert done.stderr.startswith("after")
    assert "No module named 'no_such_module'" in done.stderr


def test_python_s_own_warnings_are_silenced_and_come_back() -> None:
    code = (
        "import logging, sys, warnings\n"
        "from data_utils.runtime import quiet_start\n"
        "sys.stderr = sys.stdout  # as a notebook's, which does not go through descriptor 2\n"
        "def say(number):\n"
        "    warnings.warn(f'warned {number}', FutureWarning)\n"
        "    logging.warning('logged %s', number)\n"
        "with quiet_start():\n"
        "    say(1)\n"
        "    logging.error('an error is told')\n"
        "say(2)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "1" not in done.stdout.replace("string>:1", "")
    for told in ("an error is told", "warned 2", "logged 2"):
        assert told in done.stdout


@pytest.mark.slow
def test_torch_is_described_and_seeded() -> None:
    """In a process of its own: no other test has torch imported."""
    code = (
        "import random\n"
        "import numpy as np\n"
        "from data_utils.runtime import describe_setup, quiet_start\n"
        "from data_utils.runtime import seed_everything, torch_device\n"
        "with quiet_start():\n"
        "    import torch\n"
        "print(describe_setup('torch'))\n"
        "drawn = []\n"
        "for seed in (3, 3, np.int64(4)):\n"
        "    seed_everything(seed)\n"
        "    torchs = float(torch.rand((), device=torch_device()))\n"
        "    drawn.append((random.random(), float(np.random.rand()), torchs))\n"
        "assert drawn[0] == drawn[1]\n"
        "assert not set(drawn[0]) & set(drawn[2])\n"
        "assert torch_device() == ('cuda' if torch.cuda.is_available() else 'cpu')\n"
        "torch.cuda.is_available = lambda: True\n"
        "print(torch_device(), describe_setup('torch'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert "| device " in first
    assert f"torch {importlib.metadata.version('torch')}" in first
    assert second.startswith("cuda profile ")
    assert "| device gpu |" in second


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, "7", None])
def test_what_is_no_seed_is_refused(seed: object) -> None:
    with pytest.raises(CourseKitError, match="whole number from 0 to 4294967295"):
        seed_everything(seed)


def test_a_framework_that_the_course_lacks_is_refused() -> None:
    with pytest.raises(CourseKitError, match="must be: keras, torch"):
        describe_setup("pytorch")


def test_keras_gets_its_backend_unless_the_user_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    with quiet_start():
        assert os.environ["KERAS_BACKEND"] == "tensorflow"
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with quiet_start():
        assert os.environ["KERAS_BACKEND"] == "torch"


def test_the_profile_is_embedded_unless_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANOMALY_COURSE_PROFILE", raising=False)
    assert current_profile() == "embedded"
    monkeypatch.setenv("ANOMALY_COURSE_PROFILE", "full")
    assert current_profile() == "full"
