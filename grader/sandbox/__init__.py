"""Run an untrusted notebook, and call from outside what it defines.

Only plain data crosses the wall. What comes back was made by student code: take values, never
verdicts.
"""

from grader.sandbox.best import best_isolation
from grader.sandbox.errors import (
    BadReply,
    CallTimeout,
    GpuUnavailable,
    SandboxError,
    SandboxUnavailable,
    SessionDied,
    StudentError,
)
from grader.sandbox.gpu import Gpu
from grader.sandbox.limits import Limits
from grader.sandbox.plain import Opaque
from grader.sandbox.process import Isolation
from grader.sandbox.results import CellResult, Display, Handle, Statement
from grader.sandbox.session import Session

__all__ = [
    "BadReply",
    "CallTimeout",
    "CellResult",
    "Display",
    "Gpu",
    "GpuUnavailable",
    "Handle",
    "Isolation",
    "Limits",
    "Opaque",
    "SandboxError",
    "SandboxUnavailable",
    "Session",
    "SessionDied",
    "Statement",
    "StudentError",
    "best_isolation",
]
