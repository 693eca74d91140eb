"""Images for fits of a submission's detectors on pretrained features; the exam stays out here."""

from dataclasses import dataclass

import numpy as np

from data_utils.metrics import auroc
from grader.hidden.detector_checks import own_scores
from grader.hidden.nb1_fits import learners_images
from grader.sandbox import Handle
from grader.student import Student

# Digits on which pixels, random weights and the last stage lie far below honest features; on others
# random weights reach nearly as much in one seed of ten (benchmarks/results/nb3_floors.jsonl).
REFIT_DIGITS = (9, 7)
REFIT_SEEDS = (101, 202)  # other than the notebook's
QUICK_BANK = 1000  # BANK["quick"] of the notebook; its locked cell cannot be changed
TRAIN_IMAGES = 1300  # more than that bank holds
VAL_IMAGES = 450
LABELLED = 20


@dataclass(frozen=True)
class Refit:
    """Images of nine digits to fit on, and the exam; its labels never cross the wall."""

    digit: int
    seed: int
    x_train: np.ndarray
    x_val: np.ndarray
    x_labelled: np.ndarray
    exam_normal: np.ndarray
    exam_anomaly: np.ndarray

    def fit(self, student: Student, train: bool = True) -> Handle:
        """Fit a NeighbourDetector in the quick budget, where nothing but these arrays exists."""
        return student.keep(self.x_train, self.x_val, self.seed, budget="quick", train=train)

    def fit_few(self, student: Student, x_anomaly: np.ndarray | None = None) -> Handle:
        """Fit a HeadDetector on the labelled anomalies, or on what is handed in for them."""
        labelled = self.x_labelled if x_anomaly is None else x_anomaly
        return student.keep(self.x_train, labelled, self.x_val, self.seed)

    def auroc(self, student: Student, detector: Handle) -> float:
        """AUROC on the exam of the detector's own score."""
        parts = (self.exam_normal, self.exam_anomaly)
        return auroc(*(own_scores(student, detector, part) for part in parts))


def refit_images(exam: tuple[np.ndarray, np.ndarray], which: int) -> Refit:
    """Return the images of one re-fit, shuffled by its seed."""
    digit, seed = REFIT_DIGITS[which], REFIT_SEEDS[which]
    images, labels = learners_images()
    order = np.random.default_rng(seed)
    normal = order.permutation(images[labels != digit])[: TRAIN_IMAGES + VAL_IMAGES]
    x_train, x_val = np.split(normal, [TRAIN_IMAGES])
    labelled = order.permutation(images[labels == digit])[:LABELLED]
    held_out, digits = exam
    return Refit(
        digit, seed, x_train, x_val, labelled, held_out[digits != digit], held_out[digits == digit]
    )
