"""The set-up of a notebook: quiet, and honest about what it found."""

import subprocess
import sys

import pytest

from data_utils.runtime import current_profile, quiet_start


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
