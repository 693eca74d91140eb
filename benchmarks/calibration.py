"""What the calibration of every notebook shares: its images, its jobs, and how one is described.

`benchmarks.calibrate` drives it; `benchmarks.calibrate_nb1` and its like describe a notebook.
"""

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from benchmarks.masters import MEASURED, design_hash
from data_utils.course import load_course
from data_utils.datasets import load_mnist
from grader.examination import ONE_THREAD

Job = tuple[str, str, int, int]  # row, profile, digit, seed


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
    measure : callable
        Fits the detector of a job and returns its AUROCs on the exam, ``auroc`` first, and
        perhaps ``fit_cpu_s``. A function of a module, so that other processes find it.
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
    measure: Callable[[Job], dict[str, float]]
    beside: tuple[str, ...] = ()
    seeds: tuple[int, ...] = tuple(range(10))
    function: str = MEASURED
    exercise: str = ""
    backbone: str = ""
    also: tuple["Calibration", ...] = ()

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

    def is_normal(self, digits: np.ndarray, digit: int) -> np.ndarray:
        """Return for each image whether it is normal where the detector's digit is that one."""
        normal: np.ndarray = load_course().notebook(self.notebook).setting.is_normal(digits, digit)
        return normal


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
