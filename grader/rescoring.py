"""When a check proves unfair: exercises worth other points, checks that no longer count.

Nothing is graded again and no report changes. What was decided stands in ``reports/rescored.json``
and is applied whenever reports are read, so it can be taken back.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from data_utils.course import Notebook
from grader.errors import GraderError
from grader.files import write_atomically
from grader.report import EXCUSED, ExerciseResult, GradeReport, points_of

FILE = "rescored.json"


@dataclass(frozen=True)
class Rescoring:
    """One decision about one exercise.

    Attributes
    ----------
    exercise : str
    points : int or None
        What the exercise is worth from now on; None leaves it as it is.
    dropped : tuple of str
        Names of checks that count for nothing, on either side.
    reason : str
        For those who read the grades.
    decided_at : str
        UTC, ISO 8601.
    """

    exercise: str
    points: int | None
    dropped: tuple[str, ...]
    reason: str
    decided_at: str


def read_rescorings(reports: Path) -> dict[str, Rescoring]:
    """Return the decisions of a class by exercise; none where there is no file.

    Raises
    ------
    GraderError
        If the file is there and cannot be read.
    """
    path = reports / FILE
    if not path.exists():
        return {}
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        decisions = [Rescoring(**{**row, "dropped": tuple(row["dropped"])}) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GraderError(
            f"{path} cannot be read ({error}). Repair it, or delete it to undo every rescoring."
        ) from error
    return {decision.exercise: decision for decision in decisions}


def write_rescorings(reports: Path, decisions: dict[str, Rescoring]) -> None:
    """Write the decisions of a class."""
    rows = [dataclasses.asdict(decision) for decision in decisions.values()]
    text = json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
    write_atomically(reports / FILE, text.encode())


def rescored(report: GradeReport, decisions: dict[str, Rescoring]) -> GradeReport:
    """Return a report with the decisions applied to its exercises."""
    exercises = tuple(
        _rescored(exercise, decisions[exercise.id]) if exercise.id in decisions else exercise
        for exercise in report.exercises
    )
    return dataclasses.replace(report, exercises=exercises)


def worth(notebook: Notebook, decisions: dict[str, Rescoring]) -> dict[str, int]:
    """Return what each exercise of a notebook is worth, by its id."""
    changed = {d.exercise: d.points for d in decisions.values() if d.points is not None}
    return {e.id: changed.get(e.id, e.points) for e in notebook.exercises}


def _rescored(exercise: ExerciseResult, decision: Rescoring) -> ExerciseResult:
    """Apply one decision: dropped checks are excused, and the points follow from the rest."""
    note = f"does not count: {decision.reason or 'dropped by the instructor'}"
    checks = tuple(
        dataclasses.replace(check, status=EXCUSED, finding=None, note=note)
        if check.name.split("[")[0] in decision.dropped
        else check
        for check in exercise.checks
    )
    most = exercise.max_points if decision.points is None else decision.points
    points = points_of(checks, most)
    return dataclasses.replace(
        exercise, checks=checks, max_points=most, points=0.0 if most == 0 else points
    )
