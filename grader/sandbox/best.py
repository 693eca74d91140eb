"""Which isolation this machine has: tried by starting a session in it."""

import functools
import sys

from grader.sandbox.errors import SandboxUnavailable
from grader.sandbox.process import Isolation
from grader.sandbox.session import Session


@functools.cache
def best_isolation() -> Isolation:
    """Return the strongest isolation that really starts here.

    Returns
    -------
    Isolation
        Always `BWRAP`; weaker ones must be asked for.

    Raises
    ------
    SandboxUnavailable
        When bubblewrap does not start; the text names the way out.
    """
    if sys.platform != "linux":
        raise SandboxUnavailable(
            "bubblewrap runs on Linux only. Grade others' notebooks on Linux; for your own, "
            "--isolation none runs them without protection."
        )
    with Session(Isolation.BWRAP) as session:
        session.run_cell("1 + 1")
    return Isolation.BWRAP
