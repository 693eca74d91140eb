"""Measure the floors of notebook 1: `make calibrate`, or `make calibrate CHECK=1`.

For each row, profile, anomaly digit and seed: fit on the learner's training images, score the exam
images, write the AUROC to `results/nb1_floors.jsonl` (a run that was stopped goes on where it
was). Then the floors and their table go into course.toml. `auroc` is that of the relative error,
which the floors are made of; `auroc_squared` and `auroc_blurred` are those of two relatives.

    python -m benchmarks.calibrate [--workers 2] [--profile quick] [--check]

Profile ``full`` needs ``ANOMALY_COURSE_DATA``; without it, it is left out and said so.
"""

import argparse
import functools
import json
import multiprocessing
import os
import time
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.floors import write_floors
from benchmarks.masters import ROOT, design_hash, design_namespace
from data_utils.baselines import MeanImage
from data_utils.datasets import load_mnist
from data_utils.metrics import auroc
from grader.hidden.nb1_reference import blurred_errors, relative_errors, squared_errors

NOTEBOOK = "nb1_autoencoder"
RESULTS = ROOT / "benchmarks" / "results" / "nb1_floors.jsonl"
DESIGNS = ("solution", "convolutional_design", "variational_design")
PLAINEST = "plain_design"  # the tutorial's 32 numbers: honest, and measured, but for digit 9
WRONG = ("untrained", "leaked", "mean_image")
SEEDS = tuple(range(10))
DIGITS = {"quick": (2, 6, 9), "embedded": (9, 0), "full": (9, 0)}  # floors are set for these
EVERY_DIGIT = ("embedded", "full")  # where the solution is measured with each digit left out
IMAGES = {"quick": (3150, 450), "embedded": (3150, 450), "full": (20_000, 5_000)}  # train, val
LEAKED_SHARE = 9  # anomalies among the training images: as many as there are of each normal digit
CHECK_DESIGNS = DESIGNS[:2]
CHECK_TOLERANCE = 0.02  # other processors sum in another order; seeds differ by more

Job = tuple[str, str, int, int]  # row, profile, digit, seed


def jobs(profiles: list[str]) -> list[Job]:
    """Return all runs: honest designs and wrong detectors, then the solution for every digit."""
    tables = [
        (row, profile, digit, seed)
        for profile in profiles
        for digit in DIGITS[profile]
        for row in (*DESIGNS, PLAINEST, *WRONG)
        for seed in SEEDS
    ]
    others = [
        ("solution", profile, digit, seed)
        for profile in profiles
        if profile in EVERY_DIGIT
        for seed in SEEDS
        for digit in range(10)
    ]
    return tables + [job for job in others if job not in tables]


@functools.cache
def learners_images(profile: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the images and digits that a learner has in that profile."""
    data = load_mnist("full" if profile == "full" else "embedded")
    return data.images, data.labels


@functools.cache
def exam_images() -> tuple[np.ndarray, np.ndarray]:
    """Return the exam's images and digits."""
    with resources.files("grader").joinpath("exam/mnist_exam.npz").open("rb") as file:
        arrays = dict(np.load(file))
    return arrays["images"], arrays["labels"]


def split(profile: str, digit: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return training and validation normals, and the learner's images of the anomaly digit."""
    images, labels = learners_images(profile)
    normal = np.random.default_rng(seed).permutation(np.flatnonzero(labels != digit))
    train, val = IMAGES[profile]
    return images[normal[:train]], images[normal[train : train + val]], images[labels == digit]


def fitted(job: Job) -> Any:
    """Fit the detector, or the mean image, of one job."""
    row, profile, digit, seed = job
    x_train, x_val, x_anomaly = split(profile, digit, seed)
    if row == "mean_image":
        return MeanImage(x_train)
    here = design_namespace(NOTEBOOK, "solution" if row in WRONG else row)
    here["keras"].utils.clear_session()
    if row == "leaked":
        x_train = np.concatenate([x_train, x_anomaly[: len(x_train) // LEAKED_SHARE]])
    return here["fit_detector"](x_train, x_val, seed, budget=profile, train=row != "untrained")


def measure(job: Job) -> dict[str, Any]:
    """Fit one detector and return its AUROCs on the exam."""
    row, profile, digit, seed = job
    started = time.process_time()
    detector = fitted(job)
    spent = time.process_time() - started
    images, digits = exam_images()
    copies = detector.reconstruct(images)
    reached = {}
    for name, errors in (
        ("auroc", relative_errors),
        ("auroc_squared", squared_errors),
        ("auroc_blurred", blurred_errors),
    ):
        scores = errors(images, copies)
        reached[name] = round(auroc(scores[digits != digit], scores[digits == digit]), 4)
    return {"row": row, "profile": profile, "digit": digit, "seed": seed,
            **reached, "fit_cpu_s": round(spent, 2)}  # fmt: skip


def one_thread() -> None:
    """Train as the grader does: one thread a process."""
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ[name] = "1"


def check_rows(rows: list[dict[str, Any]]) -> None:
    """Measure the first seed of two designs of each table again, and compare."""
    chosen = [
        row
        for row in rows
        if row["row"] in CHECK_DESIGNS
        and row["seed"] == SEEDS[0]
        and row["digit"] in DIGITS[row["profile"]]
    ]
    if not chosen:
        raise SystemExit("No row belongs to the code as it is. Run: make calibrate")
    for row in chosen:
        again = measure((row["row"], row["profile"], row["digit"], row["seed"]))
        if abs(again["auroc"] - row["auroc"]) > CHECK_TOLERANCE:
            raise SystemExit(f"{row} gave {again['auroc']} this time: calibrate again.")
    print("The table holds.")


def measured_rows(code: str) -> list[dict[str, Any]]:
    """Return the rows that were measured with the code of that hash."""
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    return [row for row in map(json.loads, lines) if row["code"] == code]


def main() -> None:
    """Run what is missing, then write the floors."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--profile", choices=list(DIGITS), action="append")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    one_thread()
    code = design_hash(NOTEBOOK, (*DESIGNS, PLAINEST))
    done = measured_rows(code)
    profiles = options.profile or list(DIGITS)
    if "full" in profiles and not os.environ.get("ANOMALY_COURSE_DATA"):
        print("Without ANOMALY_COURSE_DATA the profile full is left out.")
        profiles.remove("full")
    if options.check:
        check_rows([row for row in done if row["profile"] in profiles])
        return
    finished = {(row["row"], row["profile"], row["digit"], row["seed"]) for row in done}
    todo = [job for job in jobs(profiles) if job not in finished]
    context = multiprocessing.get_context("spawn")
    RESULTS.parent.mkdir(exist_ok=True)
    with context.Pool(options.workers, one_thread) as pool, RESULTS.open("a") as file:
        for result in pool.imap_unordered(measure, todo):
            done.append({**result, "code": code})
            file.write(json.dumps(done[-1]) + "\n")
            file.flush()
    write_floors(Path(ROOT / "data_utils" / "course.toml"), done, code, DESIGNS, PLAINEST)


if __name__ == "__main__":
    main()
