"""Images for fits of a submission's detectors on pretrained features; the exam stays out here."""

import dataclasses
import functools
from dataclasses import dataclass

import numpy as np

from data_utils.selfcheck import nb3_detector, nb3_threshold
from data_utils.selfcheck.words import expect
from grader.hidden import refits
from grader.hidden.refits import learners_images
from grader.sandbox import Handle
from grader.student import Student

# Digits on which pixels, random weights and the last stage lie far below honest features; on others
# random weights reach nearly as much in one seed of ten (benchmarks/results/nb3_floors.jsonl).
REFIT_DIGITS = (9, 7)
REFIT_SEEDS = (101, 202)  # other than the notebook's
QUICK_BANK = 1000  # BANK["quick"] of the notebook; its locked cell cannot be changed
TRAIN_IMAGES = 1300  # more than that bank holds
VAL_IMAGES = 450
FEW_IMAGES = 200  # to train on and to validate, where a fit only has to set its threshold
LABELLED = 20


@dataclass(frozen=True)
class Refit(refits.Refit):
    """Images of nine digits to fit on, some labelled ones of the tenth, and the exam."""

    x_labelled: np.ndarray

    @functools.cached_property
    def for_ranks(self) -> "Refit":
        """The same to learn from, and fewer to judge by: enough where ranks lie far apart."""
        return dataclasses.replace(
            self, x_val=self.x_val[:FEW_IMAGES], exam_normal=self.exam_normal[::3]
        )

    def scores(self, student: Student, detector: Handle, images: np.ndarray) -> np.ndarray:
        """Return the detector's own scores, in the right form."""
        return scores_of(student, detector, images)

    def fit_few(self, student: Student, x_anomaly: np.ndarray | None = None) -> Handle:
        """Fit a HeadDetector on the labelled anomalies, or on what is handed in for them."""
        labelled = self.x_labelled if x_anomaly is None else x_anomaly
        return student.keep(self.x_train, labelled, self.x_val, self.seed)


def refit_images(exam: tuple[np.ndarray, np.ndarray], which: int) -> Refit:
    """Return the images of one re-fit, shuffled by its seed."""
    digit, seed = REFIT_DIGITS[which], REFIT_SEEDS[which]
    images, labels = learners_images()
    order = np.random.default_rng(seed)
    normal = order.permutation(images[labels != digit])[: TRAIN_IMAGES + VAL_IMAGES]
    x_train, x_val = np.split(normal, [TRAIN_IMAGES])
    labelled = order.permutation(images[labels == digit])[:LABELLED]
    held_out, digits = exam
    exam_normal, exam_anomaly = held_out[digits != digit], held_out[digits == digit]
    return Refit(digit, seed, x_train, x_val, exam_normal, exam_anomaly, labelled)


def scores_of(student: Student, detector: Handle, images: np.ndarray) -> np.ndarray:
    """What a detector says of some images, in the right form."""
    scores = student.method(detector, "anomaly_score", images)
    expect(nb3_detector.scores_form(scores, len(images)))
    return np.asarray(scores, float)


def ask_threshold(
    student: Student,
    detector: Handle,
    x_val: np.ndarray,
    target: float,
    others: dict[str, np.ndarray],
) -> None:
    """Require that a threshold leaves the wanted share of the scores of `x_val` above it.

    Parameters
    ----------
    student : Student
    detector : Handle
    x_val : ndarray of uint8, shape (n, 28, 28)
    target : float
    others : dict of str to ndarray
        Images whose scores may have been taken by mistake, by their name.
    """
    got = student.attribute(detector, "threshold")
    expect(nb3_detector.threshold_is_set(got))
    asked = {
        name: functools.partial(scores_of, student, detector, images)
        for name, images in others.items()
    }
    scores = scores_of(student, detector, x_val)
    expect(nb3_threshold.threshold_value(got, scores, target, asked))
