"""Fits of a submission's detector on arrays handed in, and their scores, worked out here."""

from dataclasses import dataclass

import numpy as np

from data_utils.selfcheck import nb1_detector
from data_utils.selfcheck.nb1_fits import SmallFits
from data_utils.selfcheck.words import expect
from grader.hidden import refits
from grader.hidden.nb1_reference import relative_errors
from grader.hidden.refits import learners_images
from grader.sandbox import Handle
from grader.student import Student

# Digits on which honest networks lie far above an untrained one and the mean image (course.toml).
REFIT_DIGITS = (2, 6)
REFIT_SEEDS = (101, 202)  # other than the notebook's


@dataclass(frozen=True)
class Refit(refits.Refit):
    """A detector fitted here, on arrays that were handed in, and the images to judge it on."""

    trained: Handle

    def scores(self, student: Student, detector: Handle, images: np.ndarray) -> np.ndarray:
        """Return the relative reconstruction errors, computed out here."""
        return scores_outside(student, detector, images)


def scores_outside(student: Student, detector: Handle, images: np.ndarray) -> np.ndarray:
    """Relative error of the detector's reconstructions, whatever exercise 1.2 returns."""
    return relative_errors(images, copies_outside(student, detector, images))


def copies_outside(student: Student, detector: Handle, images: np.ndarray) -> np.ndarray:
    """Return a detector's reconstructions, uint8 (n, 28, 28)."""
    copies = student.method(detector, "reconstruct", images)
    expect(nb1_detector.reconstructions_form(copies, images))
    return np.asarray(copies)


def refit(student: Student, exam: tuple[np.ndarray, np.ndarray], which: int) -> Refit:
    """Fit on nine digits in the quick budget, where nothing but these arrays exists."""
    digit, seed = REFIT_DIGITS[which], REFIT_SEEDS[which]
    images, labels = learners_images()
    normal = np.random.default_rng(seed).permutation(images[labels != digit])
    x_train, x_val = normal[:3150], normal[3150:3600]
    held_out, digits = exam
    exam_normal, exam_anomaly = held_out[digits != digit], held_out[digits == digit]
    trained = student.keep(x_train, x_val, seed, budget="quick")
    return Refit(digit, seed, x_train, x_val, exam_normal, exam_anomaly, trained)


def small_fits(student: Student) -> SmallFits:
    """Return the way to fits of a few images behind the wall."""
    images = np.random.default_rng(SmallFits.SEED).permutation(learners_images()[0][::10])
    return SmallFits(student.keep, student.attribute, student.method, images)
