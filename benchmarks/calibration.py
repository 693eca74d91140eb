"""What the calibration of every notebook shares: its images, its jobs, and how one is described.

`benchmarks.calibrate` drives it; `benchmarks.calibrate_nb1` and its like describe a notebook.
"""

import functools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.masters import MEASURED, design_hash
from data_utils.course import load_course
from data_utils.datasets import load_mnist
from data_utils.metrics import auroc
from grader.examination import ONE_THREAD
from grader.hidden.refits import public_exam, varied_exam

Job = tuple[str, str, int, int]  # row, profile, digit, seed
Scorer = Callable[[np.ndarray], dict[str, np.ndarray]]  # images -> scores (n,) by name
Exam = tuple[np.ndarray, np.ndarray]  # images, digits


@dataclass(frozen=True)
class Calibration:
    """What is particular to the floors of one notebook.

    Attributes
    ----------
    notebook : str
    designs : tuple of str
        The honest designs that every floor must let pass: right members of the sample class.
    plainest : str
        One more honest design, which a floor lets pass where that leaves a floor at all.
    wrong : tuple of str
        The other rows: wrong detectors, whose names `measure` knows.
    digits : mapping of str to tuple of int
        By profile, the digits for which floors are set; what a digit means says the setting.
    solution_digits : mapping of str to sequence of int
        By profile, more digits, for which the solution is measured and no floor is set.
    images : mapping of str to (int, int)
        By profile, how many normal images `split` gives for training and for validation.
    fit : callable
        Fits the detector of a job and returns what scores images: ``auroc`` first, which the floor
        is made of. A function of a module, so that other processes find it.
    timed : bool
        Whether what a fit costs is worth a note.
    beside : tuple of str
        Rows that are measured beside the solution and have no say in a floor: other methods.
    seeds : tuple of int
    function : str
        The function of the notebook whose detectors are measured.
    exercise : str
        As in `data_utils.course_records.Floor`: empty for the detector that the notebook ends in.
    backbone : str
        The pretrained network whose features all rows read; empty where there is none.
    also : tuple of Calibration
        Tables of other functions of the notebook, of the same honest designs.
    """

    notebook: str
    designs: tuple[str, ...]
    plainest: str
    wrong: tuple[str, ...]
    digits: Mapping[str, tuple[int, ...]]
    solution_digits: Mapping[str, Sequence[int]]
    images: Mapping[str, tuple[int, int]]
    fit: Callable[[Job], Scorer]
    beside: tuple[str, ...] = ()
    seeds: tuple[int, ...] = tuple(range(10))
    function: str = MEASURED
    exercise: str = ""
    backbone: str = ""
    also: tuple["Calibration", ...] = ()
    timed: bool = True

    @property
    def tables(self) -> tuple["Calibration", ...]:
        """Return this calibration and those of other functions, which share a part of the file."""
        return (self, *self.also)

    @property
    def honest(self) -> tuple[str, ...]:
        """All honest designs; the hash of a table is that of their code."""
        return (*self.designs, self.plainest)

    def code(self) -> str:
        """Return the hash of the code that is measured."""
        functions = tuple(table.function for table in self.tables)
        return design_hash(self.notebook, self.honest, functions)

    def jobs(self, profiles: list[str]) -> list[Job]:
        """Return all runs: those of the floors' tables, then the solution for more digits."""
        tables = [
            (row, profile, digit, seed)
            for profile in profiles
            for digit in self.digits[profile]
            for row in (*self.honest, *self.wrong, *self.beside)
            for seed in self.seeds
        ]
        others = [
            (row, profile, digit, seed)
            for profile in profiles
            for row in ("solution", *self.beside)
            for seed in self.seeds
            for digit in self.solution_digits.get(profile, ())
        ]
        return tables + [job for job in others if job not in tables]

    def split(
        self, profile: str, digit: int, seed: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return training and validation normals, and the learner's anomalies."""
        images, labels = learners_images(profile)
        is_normal = self.is_normal(labels, digit)
        normal = np.random.default_rng(seed).permutation(np.flatnonzero(is_normal))
        train, val = self.images[profile]
        return images[normal[:train]], images[normal[train : train + val]], images[~is_normal]

    def measure(self, job: Job) -> dict[str, float]:
        """Fit the detector of a job; return its AUROCs on the exam, varied anew for each seed."""
        started = time.process_time()
        scorer = self.fit(job)
        spent = {"fit_cpu_s": round(time.process_time() - started, 2)} if self.timed else {}
        return {**self.aurocs(scorer, job, varied_exam(secret_of(job))), **spent}

    def aurocs(self, scorer: Scorer, job: Job, exam: Exam) -> dict[str, float]:
        """Return the AUROC of each of a detector's scores."""
        images, digits = exam
        is_normal = self.is_normal(digits, job[2])
        return {
            name: round(auroc(scores[is_normal], scores[~is_normal]), 4)
            for name, scores in scorer(images).items()
        }

    def is_normal(self, digits: np.ndarray, digit: int) -> np.ndarray:
        """Return for each image whether it is normal where the detector's digit is that one."""
        normal: np.ndarray = load_course().notebook(self.notebook).setting.is_normal(digits, digit)
        return normal


@functools.cache
def learners_images(profile: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the images and digits that a learner has in that profile."""
    data = load_mnist("full" if profile == "full" else "embedded")
    return data.images, data.labels


def exam_images() -> Exam:
    """Return the exam's images and digits as the file holds them."""
    return public_exam()


def secret_of(job: Job) -> str:
    """Return what the exam of a job is varied by: floors must hold for the secret of any course."""
    return f"calibration {job[3]}"


def squared_error(images: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Return the mean squared difference of each copy from its image: the baselines' score."""
    errors: np.ndarray = np.mean((images / 255 - copies / 255) ** 2, axis=(1, 2))
    return errors


def one_thread() -> None:
    """Train as the grader does: one thread a process. Call it before a framework is imported."""
    os.environ.update(ONE_THREAD)


def measurable(profiles: list[str]) -> list[str]:
    """Return the profiles that can be measured here; say so where ``full`` is not among them."""
    if "full" in profiles and not os.environ.get("ANOMALY_COURSE_DATA"):
        print("Without ANOMALY_COURSE_DATA the profile full is left out.")
        return [profile for profile in profiles if profile != "full"]
    return profiles


def described(
    job: Job, measured: Mapping[str, float], code: str, exercise: str = ""
) -> dict[str, Any]:
    """Return a line of a table: the job, what it gave, and with which code."""
    row, profile, digit, seed = job
    line = {"row": row, "profile": profile, "digit": digit, "seed": seed, **measured, "code": code}
    return {**line, "exercise": exercise} if exercise else line


def rows_of(rows: list[dict[str, Any]], exercise: str) -> list[dict[str, Any]]:
    """Return the lines of the tables of one exercise."""
    return [row for row in rows if row.get("exercise", "") == exercise]
