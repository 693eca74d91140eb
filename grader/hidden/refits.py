"""Fits of a submission's detector on arrays that are handed in, and the exam, which stays here.

All of these images are varied by the course's secret (grader/judging/variation.py).
"""

import functools
from dataclasses import dataclass
from importlib import resources

import numpy as np

from data_utils.datasets import load_mnist
from data_utils.metrics import auroc
from grader.hidden.detector_checks import in_random_batches, own_scores
from grader.judging.secret import PUBLIC_SECRET
from grader.judging.variation import random_numbers, varied
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
        images = np.concatenate([self.exam_normal, self.exam_anomaly])
        is_normal = np.arange(len(images)) < len(self.exam_normal)
        scores = in_random_batches(
            lambda some: self.scores(student, detector, some), images, is_normal
        )
        return scores[is_normal], scores[~is_normal]

    def scores(self, student: Student, detector: Handle, images: np.ndarray) -> np.ndarray:
        """Return the scores that the exam ranks: here the detector's own."""
        return own_scores(student, detector, images)


_secret = PUBLIC_SECRET


def vary_by(secret: str) -> None:
    """Let `learners_images` vary its images by a secret from now on."""
    global _secret
    _secret = secret


def learners_images() -> tuple[np.ndarray, np.ndarray]:
    """The embedded images, varied, and their digits; made once in a long-lived grader.

    They lie in another order than in the package, but each digit where it lies there.
    """
    return _varied_learners_images(_secret)


@functools.lru_cache(maxsize=1)  # a grader works with one secret; 4 MB
def _varied_learners_images(secret: str) -> tuple[np.ndarray, np.ndarray]:
    data = load_mnist("embedded")
    random, order = random_numbers(secret, "order", "learner"), np.arange(len(data.labels))
    for digit in np.unique(data.labels):
        places = np.flatnonzero(data.labels == digit)
        order[places] = random.permutation(places)
    return _read_only(varied(data.images[order], secret, "learner"), data.labels)


@functools.lru_cache(maxsize=1)
def varied_exam(secret: str) -> tuple[np.ndarray, np.ndarray]:
    """The exam's images, varied and in an order of the secret's, and their digits."""
    images, digits = public_exam()
    order = random_numbers(secret, "order", "exam").permutation(len(digits))
    return _read_only(varied(images[order], secret, "exam"), digits[order])


@functools.cache
def public_exam() -> tuple[np.ndarray, np.ndarray]:
    """The exam's images and digits as the file holds them."""
    path = resources.files("grader").joinpath("exam/mnist_exam.npz")
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return _read_only(arrays["images"], arrays["labels"])


def _read_only(images: np.ndarray, digits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    for array in (images, digits):
        array.setflags(write=False)
    return images, digits
