"""Fits of a submission's detector on arrays handed in, and their scores, worked out here."""

import functools
from dataclasses import dataclass

import numpy as np

from data_utils.datasets import load_mnist
from data_utils.metrics import auroc
from data_utils.selfcheck import nb1_detector
from data_utils.selfcheck.words import expect
from grader.hidden.nb1_reference import relative_errors
from grader.sandbox import Handle
from grader.student import Student

# Digits on which honest networks lie far above an untrained one and the mean image (course.toml).
REFIT_DIGITS = (2, 6)
REFIT_SEEDS = (101, 202)  # other than the notebook's


@dataclass(frozen=True)
class Refit:
    """A detector fitted here, on arrays that were handed in, and the images to judge it on."""

    trained: Handle
    seed: int
    x_train: np.ndarray
    x_val: np.ndarray
    exam_normal: np.ndarray
    exam_anomaly: np.ndarray

    def auroc(self, student: Student, detector: Handle) -> float:
        """AUROC on the exam of the relative reconstruction error, computed out here."""
        return auroc(*(scores_outside(student, detector, part)
                       for part in (self.exam_normal, self.exam_anomaly)))  # fmt: skip


def scores_outside(student: Student, detector: Handle, images: np.ndarray) -> np.ndarray:
    """Relative error of the detector's reconstructions, whatever exercise 1.2 returns."""
    copies = student.method(detector, "reconstruct", images)
    expect(nb1_detector.reconstructions_form(copies, images))
    return relative_errors(images, np.asarray(copies))


@functools.cache
def learners_images() -> tuple[np.ndarray, np.ndarray]:
    """The embedded images and their digits, read once in a long-lived grader."""
    data = load_mnist("embedded")
    for array in (data.images, data.labels):
        array.setflags(write=False)
    return data.images, data.labels


def refit(student: Student, exam: tuple[np.ndarray, np.ndarray], which: int) -> Refit:
    """Fit on nine digits in the quick budget, where nothing but these arrays exists."""
    digit, seed = REFIT_DIGITS[which], REFIT_SEEDS[which]
    images, labels = learners_images()
    normal = np.random.default_rng(seed).permutation(images[labels != digit])
    x_train, x_val = normal[:3150], normal[3150:3600]
    trained = student.keep(x_train, x_val, seed, budget="quick")
    held_out, digits = exam
    return Refit(
        trained, seed, x_train, x_val, held_out[digits != digit], held_out[digits == digit]
    )
