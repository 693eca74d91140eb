"""When a check proves unfair: exercises worth other points, checks that no longer count.

Nothing is graded again and no report changes. What was decided stands in ``reports/rescored.json``
and is applied whenever reports are read, so it can be taken back.
"""

import dataclasses
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_utils.course import Exercise, Notebook
from grader.errors import GraderError
from grader.files import write_atomically
from grader.freshness import now
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


def worth(notebook: Notebook, decisions: Mapping[str, Rescoring]) -> dict[str, int]:
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


def decide(
    reports: Path,
    exercise: Exercise,
    points: int | None,
    drop: Sequence[str],
    reason: str,
    undo: bool,
    known_checks: Collection[str],
) -> None:
    """Write down one decision, in place of an earlier one about the same exercise.

    Parameters
    ----------
    reports : Path
    exercise : Exercise
    points : int or None
        What it is worth from now on.
    drop : sequence of str
        Names of checks that no longer count.
    reason : str
    undo : bool
        Take back what was decided about this exercise.
    known_checks : collection of str
        The exercise's checks, as the reports of the class name them.

    Raises
    ------
    GraderError
        If there is nothing to decide, nothing to take back, or no check of that name.
    """
    decisions = read_rescorings(reports)
    if undo:
        if decisions.pop(exercise.id, None) is None:
            raise GraderError(f"Nothing was decided about exercise {exercise.id}.")
        write_rescorings(reports, decisions)
        return
    if points is None and not drop:
        raise GraderError("Say what is to change: --points N, or --drop CHECK, or --undo.")
    unknown = sorted(set(drop) - set(known_checks))
    if unknown:
        raise GraderError(
            f"Exercise {exercise.id} has no check {', '.join(unknown)}. It has: "
            f"{', '.join(sorted(known_checks)) or 'none, as nobody was graded yet'}."
        )
    decisions[exercise.id] = Rescoring(exercise.id, points, tuple(drop), reason, now())
    write_rescorings(reports, decisions)
