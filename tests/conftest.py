"""How the tests are dealt out to several processes: what shares something dear stays together.

pytest-xdist's own way, `--dist loadgroup` with marks, is not used: with pytest 9.2 it puts no two
tests together and does not say so (pytest-xdist issue 1386), and two processes then make the same
course folder, which takes a minute each.
"""

import os
import signal
from typing import Any

import pytest

from grader.examination import ONE_THREAD

# Start of a test's id -> what its tests share. All others are dealt out one by one.
SHARED = {
    "tests/browser/": "browser and servers",
    "tests/hostile/test_unprivileged.py": "wheel",
    "tests/hostile/test_wheel_install.py": "wheel",
    "tests/nbgrader/test_feedback.py": "gradebook",
    "tests/nbgrader/test_gradebook.py": "gradebook",
    "tests/nbgrader/test_gradebook_trouble.py": "gradebook",
    "tests/nbgrader/test_nbgrader_commands.py": "graded course folder",
}


def pytest_configure() -> None:
    """Heed Ctrl-C: a shell's background job ignores it, and so would all that the tests start.

    And one thread for each process: a framework's would fight over the cores that the processes
    share.
    """
    for name, value in ONE_THREAD.items():
        os.environ.setdefault(name, value)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)  # pytest-xdist's; without it there is one process
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Deal the tests out by `SHARED`, unless another way was asked for."""
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((SHARED[start] for start in SHARED if nodeid.startswith(start)), nodeid)

    return Together(config, log) if config.getvalue("dist") == "load" else None
