"""Fits of a submission's detector on arrays that are handed in, and the exam, which stays here."""

import functools
from dataclasses import dataclass

import numpy as np

from data_utils.datasets import load_mnist
from data_utils.metrics import auroc
from grader.hidden.detector_checks import own_scores
from grader.sandbox import Handle
from grader.student import Student


@dataclass(frozen=True)
class Refit:
    """Images to fit on, and the exam of their digits; its labels never cross the wall."""

    digit: int
    seed: int
    x_train: np.ndarray
    x_val: np.ndarray
    exam_normal: np.ndarray
    exam_anomaly: np.ndarray

    def fit(self, student: Student, train: bool = True) -> Handle:
        """Fit a detector in the quick budget, where nothing but these arrays exists."""
        return student.keep(self.x_train, self.x_val, self.seed, budget="quick", train=train)

    def auroc(self, student: Student, detector: Handle) -> float:
        """AUROC on the exam of the detector's own score."""
        return auroc(*self.exam_scores(student, detector))

    def exam_scores(self, student: Student, detector: Handle) -> tuple[np.ndarray, np.ndarray]:
        """Scores of the exam's normal images and of its anomalies."""
        normal, anomaly = (
            self.scores(student, detector, part) for part in (self.exam_normal, self.exam_anomaly)
        )
        return normal, anomaly

    def scores(self, student: Student, detector: Handle, images: np.ndarray) -> np.ndarray:
        """Return the scores that the exam ranks: here the detector's own."""
        return own_scores(student, detector, images)


@functools.cache
def learners_images() -> tuple[np.ndarray, np.ndarray]:
    """The embedded images and their digits, read once in a long-lived grader."""
    data = load_mnist("embedded")
    for array in (data.images, data.labels):
        array.setflags(write=False)
    return data.images, data.labels
