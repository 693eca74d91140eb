"""Fits of a submission's GAN detector on arrays handed in, and their scores, worked out here."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from data_utils.metrics import auroc
from data_utils.selfcheck import nb2_detector
from data_utils.selfcheck.values import is_whole_number
from data_utils.selfcheck.words import expect
from grader.hidden import refits
from grader.hidden.detector_checks import own_scores
from grader.hidden.refits import learners_images
from grader.sandbox import Handle
from grader.student import Student

REFIT_DIGITS = (6, 7)  # untrained networks lie lowest there: at most about 0.6
REFIT_SEEDS = (101, 202)  # other than the notebook's
TRAIN_IMAGES = 350  # of about 500 embedded ones of a digit
VAL_IMAGES = 100


class Refit(refits.Refit):
    """Images of one digit to fit on, and the exam of it."""

    def scores(self, student: Student, detector: Handle, images: np.ndarray) -> np.ndarray:
        """Return both errors, put together out here."""
        return scores_outside(student, detector, images, self.x_val)


@dataclass(frozen=True)
class Fitted:
    """A detector that was fitted here, and the images that belong to it."""

    images: Refit
    detector: Handle


def fit_that_stands(student: Student, images: Refit) -> Fitted:
    """Fit a detector; where its training collapsed, another one with another seed.

    Among 90 trainings of honest designs there was one whose encoder ran away, so that all copies
    were one picture (benchmarks/results/nb2_designs.json). A mistake fails twice; networks that
    never learnt have not collapsed, and get no second try.
    """
    detector = images.fit(student, train=True)
    copies = student.method(detector, "reconstruct", images.x_val)
    fell = nb2_detector.collapsed(copies, images.x_val, images.x_train.mean(axis=0))
    if fell and learned(student, images, detector):
        images = replace(images, seed=images.seed + 1)
        detector = images.fit(student, train=True)
    return Fitted(images, detector)


def learned(student: Student, images: Refit, detector: Handle) -> bool:
    """Say whether every network of a fitted detector differs from the untrained one."""
    both = detector, images.fit(student, train=False)
    return nb2_detector.networks_learned(*(weights(student, fit) for fit in both)) is None


def second_training_of_run(
    student: Student, exam: tuple[np.ndarray, np.ndarray], digit: int
) -> float | None:
    """Return what a second training of the run's detector reaches, where the first one collapsed.

    The seed stands in a locked cell, so a student cannot choose a luckier one.
    """
    x_train, x_val, seed = (student.in_run("value", name) for name in ("x_train", "x_val", "SEED"))
    if not (_are_images(x_train) and _are_images(x_val) and is_whole_number(seed)):
        return None
    detector = student.in_run("variable", "detector")
    copies = student.in_run("method", detector, "reconstruct", x_val)
    if not nb2_detector.collapsed(copies, x_val, x_train.mean(axis=0)):
        return None
    again = student.keep(x_train, x_val, int(seed) + 1, budget=student.profile)
    scores, is_normal = own_scores(student, again, exam[0]), exam[1] == digit
    return auroc(scores[is_normal], scores[~is_normal])


def _are_images(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim == 3


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
