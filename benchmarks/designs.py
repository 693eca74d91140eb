"""Does honest work get full marks whatever its seed? Every honest design, through the grader.

    python -m benchmarks.designs [--notebook nb1_autoencoder] [--profile quick]

Each honest design of the sample class is graded once for each seed of the calibration: with that
`SEED` in the notebook's constants, and with other seeds of the hidden checks' own fits (seed 0 is
the grader as it is). `results/nb1_designs.json` holds the points of each run, the checks that
failed, and what was measured. A run that was stopped goes on where it was; one worker.
"""

import argparse
import dataclasses
import functools
import importlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.calibrate import CALIBRATIONS
from benchmarks.lessons import measure_missing
from benchmarks.masters import ROOT, results_path
from data_utils.course import load_course
from data_utils.runtime import PROFILES
from grader.examination import Settings
from grader.grading import grade_submission
from grader.report import FAILED, GRADER_ERROR
from grader.sample_class import load_class, solution_notebook, submission_of
from grader.submissions import Cell, Submission, read_submission

CONSTANTS = "given_constants"  # the cell that holds the notebook's own seed
APART = 1000  # between the re-fits' seeds of one run and of the next


def graded(notebook_id: str, design: str, seed: int, profile: str) -> dict[str, Any]:
    """Grade one design with one seed; return its points, its failed checks and its facts."""
    notebook = load_course().notebook(notebook_id)
    student = next(s for s in load_class(notebook_id) if s.name == design)
    with tempfile.TemporaryDirectory() as folder, seeds_of(notebook_id, seed):
        path = Path(folder) / f"{notebook_id}.ipynb"
        path.write_text(submission_of(student, solution_notebook(ROOT, notebook_id), notebook))
        report = grade_submission(path, Settings(profile))
    checks = [check for exercise in report.exercises for check in exercise.checks]
    return {
        "points": report.points,
        "of": notebook.points,
        "lost": [check.name for check in checks if check.status in (FAILED, GRADER_ERROR)],
        "facts": report.facts,
        "flags": list(report.flags),
        "cpu_s": report.cpu_seconds,
    }


@contextmanager
def seeds_of(notebook_id: str, seed: int) -> Iterator[None]:
    """Let the grader read a submission with another SEED, and re-fit with other seeds."""
    fits = importlib.import_module(f"grader.hidden.{notebook_id.partition('_')[0]}_fits")
    refits = tuple(own + APART * seed for own in fits.REFIT_SEEDS)

    def read(path: Path, expected: str | None = None) -> Submission:
        submission = read_submission(path, expected)
        cells = tuple(_seeded(cell, seed) for cell in submission.cells)
        return dataclasses.replace(submission, cells=cells)

    with (
        mock.patch("grader.grading.read_submission", read),
        mock.patch.object(fits, "REFIT_SEEDS", refits),
    ):
        yield


def _seeded(cell: Cell, seed: int) -> Cell:
    if cell.name != CONSTANTS:
        return cell
    source, count = re.subn(r"(?m)^SEED = \d+", f"SEED = {seed}", cell.source)
    if count != 1:
        raise SystemExit(f"The cell {CONSTANTS} holds no SEED any more: change the benchmark.")
    return dataclasses.replace(cell, source=source)


def summary(rows: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Say which runs lost points, and between which ends each measurement lies."""
    for name, row in rows.items():
        if row["points"] != row["of"]:
            yield f"{name}: {row['points']} of {row['of']} points, {', '.join(row['lost'])}"
    for fact in sorted({fact for row in rows.values() for fact in row["facts"]}):
        values = [row["facts"][fact] for row in rows.values() if fact in row["facts"]]
        yield f"{fact}: {min(values):.3f} to {max(values):.3f} in {len(values)} runs"


def main() -> None:
    """Grade what is missing and say what came out."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--notebook", choices=list(CALIBRATIONS), default=next(iter(CALIBRATIONS)))
    parser.add_argument("--profile", choices=PROFILES, default="quick")
    options = parser.parse_args()
    calibration, profile = CALIBRATIONS[options.notebook], options.profile
    command = f"python -m benchmarks.designs --notebook {options.notebook} --profile {profile}"
    runs = {
        f"{design} {seed} {profile}": functools.partial(
            graded, options.notebook, design, seed, profile
        )
        for seed in calibration.seeds
        for design in calibration.honest
    }
    done = measure_missing(results_path(options.notebook, "designs.json"), command, runs)
    print(*summary({name: done[name] for name in runs}), sep="\n")


if __name__ == "__main__":
    main()
