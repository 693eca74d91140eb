"""Measure the floors of the notebooks: `make calibrate`, or `make calibrate CHECK=1`.

For each row, profile, digit and seed: fit on the learner's training images, score the exam images,
write the AUROC to `results/nb1_floors.jsonl` (a run that was stopped goes on where it was). Then
the floors and their table go into course.toml. What is particular to a notebook stands in
`benchmarks/calibrate_nb1.py` and its like.

    python -m benchmarks.calibrate [--notebook nb1_autoencoder] [--workers 2] [--profile quick]
                                   [--check]

Profile ``full`` needs ``ANOMALY_COURSE_DATA``; without it, it is left out and said so.
"""

import argparse
import functools
import json
import multiprocessing
import os
from typing import Any

from benchmarks.calibrate_nb1 import NB1
from benchmarks.calibrate_nb2 import NB2
from benchmarks.calibrate_nb3 import NB3
from benchmarks.calibrate_nb4 import NB4
from benchmarks.calibration import (
    Calibration,
    Job,
    described,
    measurable,
    one_thread,
    rows_of,
)
from benchmarks.floors import write_floors
from benchmarks.masters import ROOT, results_path
from data_utils.runtime import PROFILES

CALIBRATIONS = {calibration.notebook: calibration for calibration in (NB1, NB2, NB3, NB4)}
CHECKED_DESIGNS = 2  # of each table, with their first seed
CHECK_TOLERANCE = 0.02  # other processors sum in another order; seeds differ by more


def check_rows(calibration: Calibration, rows: list[dict[str, Any]]) -> None:
    """Measure the first seed of two designs of each table again, and compare."""
    chosen = [
        row
        for row in rows
        if row["row"] in calibration.designs[:CHECKED_DESIGNS]
        and row["seed"] == calibration.seeds[0]
        and row["digit"] in calibration.digits[row["profile"]]
    ]
    if not chosen:
        raise SystemExit("No row belongs to the code as it is. Run: make calibrate")
    for row in chosen:
        again = calibration.measure(_job(row))["auroc"]
        if abs(again - row["auroc"]) > CHECK_TOLERANCE:
            raise SystemExit(f"{row} gave {again} this time: calibrate again.")
    print(f"The table of {calibration.notebook} holds.")


def measured_rows(notebook_id: str, code: str) -> list[dict[str, Any]]:
    """Return the rows of a notebook that were measured with the code of that hash."""
    results = results_path(notebook_id, "floors.jsonl")
    lines = results.read_text().splitlines() if results.exists() else []
    return [row for row in map(json.loads, lines) if row["code"] == code]


def measured(notebook_id: str, exercise: str, code: str, job: Job) -> dict[str, Any]:
    """Run one job and return its line of the table, in whichever process this is."""
    tables = {table.exercise: table for table in CALIBRATIONS[notebook_id].tables}
    return described(job, tables[exercise].measure(job), code, exercise)


def calibrate(calibration: Calibration, profiles: list[str], workers: int | None) -> None:
    """Run what is missing, then write the floors."""
    notebook_id, code = calibration.notebook, calibration.code()
    done = measured_rows(notebook_id, code)
    results = results_path(notebook_id, "floors.jsonl")
    results.parent.mkdir(exist_ok=True)
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, one_thread) as pool, results.open("a") as file:
        for table in calibration.tables:
            finished = {_job(row) for row in rows_of(done, table.exercise)}
            here = [profile for profile in profiles if profile in table.digits]
            todo = [job for job in table.jobs(here) if job not in finished]
            run = functools.partial(measured, notebook_id, table.exercise, code)
            for row in pool.imap_unordered(run, todo):
                done.append(row)
                file.write(json.dumps(row) + "\n")
                file.flush()
    write_floors(ROOT / "data_utils" / "course.toml", calibration, done, code)


def main() -> None:
    """Calibrate, or check, the notebooks that were asked for: all of them where none was."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--notebook", choices=list(CALIBRATIONS), action="append")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--profile", choices=PROFILES, action="append")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    one_thread()
    profiles = measurable(options.profile or list(PROFILES))
    for calibration in (CALIBRATIONS[name] for name in options.notebook or CALIBRATIONS):
        if options.check:
            rows = measured_rows(calibration.notebook, calibration.code())
            for table in calibration.tables:
                chosen = rows_of(rows, table.exercise)
                check_rows(table, [row for row in chosen if row["profile"] in profiles])
        else:
            calibrate(calibration, profiles, options.workers)


def _job(row: dict[str, Any]) -> Job:
    return row["row"], row["profile"], row["digit"], row["seed"]


if __name__ == "__main__":
    main()
