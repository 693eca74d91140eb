"""Fits of a submission's GAN detector on arrays handed in, and their scores, worked out here."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from data_utils.metrics import auroc
from data_utils.selfcheck import nb2_detector
from data_utils.selfcheck.words import expect
from grader.hidden.nb1_fits import learners_images
from grader.sandbox import Handle
from grader.student import Student

REFIT_DIGITS = (6, 7)  # untrained networks lie lowest there: at most about 0.6
REFIT_SEEDS = (101, 202)  # other than the notebook's
TRAIN_IMAGES = 350  # of about 500 embedded ones of a digit
VAL_IMAGES = 100


@dataclass(frozen=True)
class Refit:
    """Images of one digit to fit on, and the exam of it; its labels never cross the wall."""

    digit: int
    seed: int
    x_train: np.ndarray
    x_val: np.ndarray
    exam_normal: np.ndarray
    exam_anomaly: np.ndarray

    def fit(self, student: Student, train: bool) -> Handle:
        """Fit a detector in the quick budget, where nothing but these arrays exists."""
        return student.keep(self.x_train, self.x_val, self.seed, budget="quick", train=train)

    def auroc(self, student: Student, detector: Handle) -> float:
        """AUROC on the exam of both errors, put together out here."""
        exam = (self.exam_normal, self.exam_anomaly)
        return auroc(*(scores_outside(student, detector, part, self.x_val) for part in exam))


def refit_images(exam: tuple[np.ndarray, np.ndarray], which: int) -> Refit:
    """Return the images of one re-fit, shuffled by its seed."""
    digit, seed = REFIT_DIGITS[which], REFIT_SEEDS[which]
    images, labels = learners_images()
    normal = np.random.default_rng(seed).permutation(images[labels == digit])
    x_train, x_val = np.split(normal[: TRAIN_IMAGES + VAL_IMAGES], [TRAIN_IMAGES])
    held_out, digits = exam
    return Refit(digit, seed, x_train, x_val, held_out[digits == digit], held_out[digits != digit])


def scores_outside(
    student: Student, detector: Handle, images: np.ndarray, x_val: np.ndarray
) -> np.ndarray:
    """Both errors of the detector's copies as one score, whatever exercise 2.7 returns."""
    parts = []
    for some in (images, x_val):
        errors = student.method(detector, "error_parts", some)
        expect(nb2_detector.error_parts_form(errors, len(some)))
        parts += [np.asarray(part, float) for part in errors]
    return standardised_sum(*parts)


def standardised_sum(
    pixel: np.ndarray, feature: np.ndarray, pixel_val: np.ndarray, feature_val: np.ndarray
) -> np.ndarray:
    """Return the sum of two errors, each counted in standard deviations of validation normals."""
    total = np.zeros(len(pixel))
    for errors, known in ((pixel, pixel_val), (feature, feature_val)):
        spread = float(np.std(known))
        total = total + (errors - np.mean(known)) / (spread if spread > 0 else 1.0)
    return total


def weights(student: Student, detector: Handle) -> dict[str, Any]:
    """Return the weights of each of the detector's networks."""
    pair = student.keep_method(detector, "__getattribute__", "pair")
    return nb2_detector.by_network(
        student.method(pair, "generator_parameters"),
        student.method(pair, "discriminator_parameters"),
        student.method(detector, "parameters"),
    )
