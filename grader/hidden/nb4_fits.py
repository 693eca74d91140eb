"""Images for fits of a submission's detector of transformations; the exam stays out here."""

import numpy as np

from data_utils.selfcheck import nb4_detector
from data_utils.selfcheck.words import expect
from grader.hidden.refits import Refit, learners_images
from grader.sandbox import Handle
from grader.student import Student

# Digits on which the solution and its untrained copy lie farthest apart in the quick budget. On
# others random weights reach 0.9 and more, and those of some honest designs do on these.
REFIT_DIGITS = (2, 5)
REFIT_SEEDS = (101, 202)  # other than the notebook's
QUICK_EPOCHS = 2  # EPOCHS["quick"] of the notebook; its locked cell cannot be changed
TRAIN_IMAGES = 350  # of about 500 embedded ones of a digit
VAL_IMAGES = 100
EXAM_EACH = 60  # of each digit: every image is looked at under every transformation


class TransformRefit(Refit):
    """A re-fit whose scores are spoken of in this notebook's words."""

    def scores(self, student: Student, detector: Handle, images: np.ndarray) -> np.ndarray:
        """Return the scores that the exam ranks."""
        return scores_of(student, detector, images)


def scores_of(student: Student, detector: Handle, images: np.ndarray) -> np.ndarray:
    """What a detector says of some images, in the right form."""
    scores = student.method(detector, "anomaly_score", images)
    expect(nb4_detector.scores_form(scores, len(images)))
    return np.asarray(scores, float)


def refit_images(exam: tuple[np.ndarray, np.ndarray], which: int) -> TransformRefit:
    """Return the images of one re-fit, shuffled by its seed."""
    digit, seed = REFIT_DIGITS[which], REFIT_SEEDS[which]
    images, labels = learners_images()
    order = np.random.default_rng(seed)
    normal = order.permutation(images[labels == digit])
    x_train, x_val = np.split(normal[: TRAIN_IMAGES + VAL_IMAGES], [TRAIN_IMAGES])
    held_out, digits = exam
    chosen = [order.permutation(np.flatnonzero(digits == other))[:EXAM_EACH] for other in range(10)]
    anomaly = np.concatenate([places for other, places in enumerate(chosen) if other != digit])
    return TransformRefit(digit, seed, x_train, x_val, held_out[digits == digit], held_out[anomaly])
