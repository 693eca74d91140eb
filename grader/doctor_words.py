"""What the parts of the doctor share: lines that say what was found, processes that try it."""

import importlib.metadata
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from grader.errors import GraderError

OK, NOTE, MISSING = "[ ok ]", "[ note ]", "[ missing ]"
CHILD_SECONDS = 180.0  # a cold import of TensorFlow on a busy machine takes most of a minute
INSTALL_GRADER = "Run: pip install '.[tf,torch,lab,grade]'"


class ChildError(GraderError):
    """A process that was to try something ended without an answer; the text is its last line."""


@dataclass(frozen=True)
class Line:
    """One thing that was looked at.

    Attributes
    ----------
    mark : {"[ ok ]", "[ note ]", "[ missing ]"}
        Grading works without what a note names, and not without what is missing.
    text : str
        What was found and, unless it is well, what to do.
    """

    mark: str
    text: str

    def __str__(self) -> str:
        """Return the line as it stands on the screen."""
        return f"{self.mark:<{len(MISSING)}}  {self.text}"


def version_of(name: str) -> str | None:
    """Return the version of an installed package, None where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def ask_child(code: str, environment: dict[str, str] | None = None) -> dict[str, Any]:
    """Run `code` in a Python of its own; its last line is the answer, as JSON."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **quiet, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=CHILD_SECONDS,
            check=False,
        )
        answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    except subprocess.TimeoutExpired:
        raise ChildError(f"no answer within {CHILD_SECONDS:.0f} seconds") from None
    except (IndexError, ValueError):
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise ChildError(said[-1]) from None
    return answer
