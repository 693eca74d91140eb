"""What grading a notebook costs, as it was measured on the solutions."""

import json
from importlib import resources

# Honest work costs less and more than the solution: a smaller network, a slower loop.
LEAST, MOST = 0.7, 1.6


def cost_words(notebook_id: str, profile: str, exercise: str = "") -> str:
    """Say how much processor time grading takes; empty where nobody measured it.

    Parameters
    ----------
    notebook_id : str
    profile : {"quick", "embedded", "full"}
    exercise : str
        The one that is judged, with what it builds on; empty for the whole notebook.

    Examples
    --------
    >>> cost_words("nb1_autoencoder", "full")
    ''
    """
    measured = _measured().get(notebook_id, {}).get(profile, {}).get(exercise or "all")
    if measured is None:
        return ""
    return f"{_rounded(LEAST * measured)} to {_rounded(MOST * measured)} s of processor time"


def _measured() -> dict[str, dict[str, dict[str, float]]]:
    """Return CPU seconds by notebook, profile and exercise, as benchmarks.grading_cost wrote."""
    text = resources.files("grader.judging").joinpath("costs.json").read_text("utf-8")
    costs: dict[str, dict[str, dict[str, float]]] = json.loads(text)["cpu_seconds"]
    return costs


def _rounded(seconds: float) -> int:
    """Return whole seconds, from ten on in steps of five."""
    return round(seconds) if seconds < 10 else 5 * round(seconds / 5)
