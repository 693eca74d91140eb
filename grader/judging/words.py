"""Words for what ended a process or a call, shared by all that run a student's code."""

from __future__ import annotations

from data_utils.selfcheck.words import Finding
from grader.submissions import Cell


def title_of(cell: Cell) -> str:
    """Name a cell for a reader."""
    return f"cell {cell.name}" if cell.name else f"the added cell {cell.source[:40]!r}"


def death_finding(expected: str, reason: str) -> Finding:
    """Say what it means that the process died, or that its time was up."""
    if "did not stop" in reason or "used up" in reason:
        return too_long_finding(expected, reason)
    return Finding(
        expected,
        reason,
        "the code ended or broke the Python process (exit, memory, a crash in a library)",
        "restart your kernel, run all cells, and see which one stops",
    )


def too_long_finding(expected: str, reason: str) -> Finding:
    """Say what it means that a call did not come back."""
    return Finding(
        expected,
        reason,
        "a loop that never ends, or far more work than the exercise asks for",
        "call it on the small example above and watch where it stays",
    )
