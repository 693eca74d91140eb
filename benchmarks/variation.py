"""Do the floors hold on varied images? The plain and the varied exam, scored by the same fits.

    python -m benchmarks.variation --notebook nb1_autoencoder [--seeds 10] [--profile quick]
                                   [--digit 9] [--refits]

Each honest design of the calibration is fitted for each digit of its floors, and each seed. With
`--refits` it is fitted once more, on varied images, as the grader's own fits are. The exam is
varied by another secret for each seed. `results/nb1_variation.json` holds the AUROCs and, under
``summary``, how far the variation moves each mean, in standard deviations over the seeds of the
calibration's table, and what is left of that design's room above its floor. The same fit is scored
twice, so a few seeds tell how far it moves. A run that was stopped goes on where it was.
"""

import argparse
import functools
import hashlib
import importlib
import json
import statistics
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np

import benchmarks.calibration
from benchmarks.calibrate import CALIBRATIONS
from benchmarks.calibration import Calibration, Job, exam_images, secret_of
from benchmarks.lessons import measure_missing
from benchmarks.masters import results_path
from data_utils.course import Floor, load_course
from data_utils.runtime import PROFILES
from grader.files import write_atomically
from grader.hidden import refits
from grader.judging.variation import varied

MOVED = 1 / 3  # of the seeds' sd: what the variation may move a mean by
TRAINING_SECRET = "training"  # one for all seeds: pretrained networks read each image once


def compared(calibration: Calibration, job: Job) -> dict[str, float]:
    """Fit once; return the AUROC on the plain exam and on the varied one."""
    scorer = calibration.fit(job)
    exams = {"plain": exam_images(), "varied": refits.varied_exam(secret_of(job))}
    return {name: calibration.aurocs(scorer, job, exam)["auroc"] for name, exam in exams.items()}


def compared_refit(calibration: Calibration, job: Job) -> dict[str, float]:
    """Fit on varied images; return the AUROC on the varied exam."""
    with mock.patch.object(benchmarks.calibration, "learners_images", _varied_images):
        return {"varied": compared(calibration, job)["varied"]}


def _varied_images(profile: str) -> tuple[np.ndarray, np.ndarray]:
    refits.vary_by(TRAINING_SECRET)
    return refits.learners_images()


def jobs(
    notebook_id: str, profile: str, seeds: int, only: list[int] | None, with_refits: bool
) -> dict[str, Any]:
    """Return what is to be measured, by name: exercise, design, digit, seed, and on what."""
    digits = _fits(notebook_id).REFIT_DIGITS if with_refits else ()
    todo: dict[str, Any] = {}
    for table in CALIBRATIONS[notebook_id].tables:
        for digit in only or table.digits[profile]:
            for seed in table.seeds[:seeds]:
                for row in table.honest:
                    job = (row, profile, digit, seed)
                    name = f"{table.exercise} {row} {digit} {seed} {profile}".strip()
                    todo[name] = functools.partial(compared, table, job)
                    if digit in digits:
                        todo[f"{name} refit"] = functools.partial(compared_refit, table, job)
    return todo


def _fits(notebook_id: str) -> Any:
    """Return the module with the grader's own fits of a notebook."""
    return importlib.import_module(f"grader.hidden.{notebook_id.partition('_')[0]}_fits")


def summary(
    calibration: Calibration, profile: str, done: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Say for each design and digit how far the variation moves its mean."""
    for table in calibration.tables:
        for digit in table.digits[profile]:
            floor = load_course().notebook(table.notebook).floor(
                profile, "cpu", digit, backbone=table.backbone, exercise=table.exercise
            )  # fmt: skip
            for row in table.honest:
                names = [f"{table.exercise} {row} {digit} {s} {profile}".strip() for s in range(99)]
                runs = [done[name] for name in names if name in done]
                if not runs:
                    continue
                again = [done[f"{n} refit"]["varied"] for n in names if f"{n} refit" in done]
                yield _line((table.exercise, row, digit), runs, again, floor)


def _line(
    what: tuple[str, str, int],
    runs: list[dict[str, float]],
    again: list[float],
    floor: Floor | None,
) -> dict[str, Any]:
    plain, moved = (statistics.mean(run[name] for run in runs) for name in ("plain", "varied"))
    known = next((row for row in floor.table if row.design == what[1]), None) if floor else None
    if floor is None or known is None:  # the designs changed since: calibrate first
        mean, sd, least = plain, float("nan"), None
    else:
        mean, sd, least = known.mean, known.sd, floor.auroc
    line = {
        **dict(zip(("exercise", "design", "digit"), what, strict=True)), "seeds": len(runs),
        "plain": round(plain, 4), "varied": round(moved, 4), "sd": sd,
        "moved_in_sd": round((moved - plain) / sd, 2), "floor": least,
        "varied_less_3_sd": round(mean + moved - plain - 3 * sd, 3),
    }  # fmt: skip
    if again:
        line["refit"] = round(statistics.mean(again), 4)
        line["refit_moved_in_sd"] = round((statistics.mean(again) - plain) / sd, 2)
    return line


def code_hash(calibration: Calibration) -> str:
    """Return the hash of the designs' code, and that of some varied images."""
    some = varied(exam_images()[0][:100], "a secret", "some images")
    return f"{calibration.code()} {hashlib.sha256(some.tobytes()).hexdigest()[:16]}"


def main() -> None:
    """Measure what is missing, then say what came out."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--notebook", choices=list(CALIBRATIONS), default=next(iter(CALIBRATIONS)))
    parser.add_argument("--profile", choices=PROFILES, default="quick")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--digit", type=int, action="append")
    parser.add_argument("--refits", action="store_true")
    options = parser.parse_args()
    calibration, profile = CALIBRATIONS[options.notebook], options.profile
    results, code = results_path(options.notebook, "variation.json"), code_hash(calibration)
    if results.exists() and json.loads(results.read_text()).get("code") != code:
        results.unlink()
    command = f"python -m benchmarks.variation --notebook {options.notebook}"
    todo = jobs(options.notebook, profile, options.seeds, options.digit, options.refits)
    done = measure_missing(results, command, {"code": lambda: code, **todo})
    done["summary"] = list(summary(calibration, profile, done))
    write_atomically(results, (json.dumps(done, indent=1) + "\n").encode())
    for line in done["summary"]:
        far = "  MOVED" if abs(line["moved_in_sd"]) > MOVED else ""
        low = "  BELOW" if line["floor"] and line["varied_less_3_sd"] < line["floor"] else ""
        print(line, far, low, sep="")


if __name__ == "__main__":
    main()
