"""What the checks of a detector share in every notebook: its floor, its scores, the whole run.

The questions are asked here and the words come from each notebook's own module of `selfcheck`.
"""

import contextlib
import hashlib
from collections.abc import Callable
from typing import Protocol

import numpy as np

from data_utils.metrics import auroc
from data_utils.selfcheck import nb1_detector, nb1_score
from data_utils.selfcheck.values import as_float_vector, describe
from data_utils.selfcheck.words import Finding, Found, expect
from grader.checklog import Excused
from grader.sandbox import Handle
from grader.series import exam_series, rounded, training_series
from grader.student import Student

CHANCE = 0.5  # AUROC
TARGET_FPR = 0.05  # of every notebook's own threshold
BATCHES = 4  # for the exam's images; each is a call
FEWEST = 30  # images in a batch: scores of one alone are all alike, which a check would take amiss
PIECES = (1, 2, 30)  # where images are cut: one, one more, some, and the rest

FloorWords = Callable[[float, float, str], Finding | None]  # AUROC, floor, of what


def at_floor(
    student: Student, profile: str | None, digit: int, reached: float, words: FloorWords
) -> Finding | None:
    """Compare with the published floor, or with chance where honest and wrong designs lie close.

    Where nothing was measured there is nothing to compare with.
    """
    floor = student.floor(profile, digit)
    if floor is None:
        return None
    where = f"{student.notebook.setting.words(digit)}, exam images"
    return words(reached, CHANCE if floor.auroc is None else floor.auroc, where)


def excuse_without_floors(student: Student) -> None:
    """Excuse a check that asks for a floor and nothing else where none was measured."""
    if student.without_floors:
        raise Excused(student.without_floors)


def own_scores(student: Student, detector: Handle, images: np.ndarray) -> np.ndarray:
    """What the detector itself says of some images, in the right form."""
    scores = student.method(detector, "anomaly_score", images)
    expect(nb1_detector.scores_form(scores, len(images)))
    return np.asarray(scores, float)


def in_other_company(
    score: Callable[[np.ndarray], object], images: np.ndarray, seed: int = 71
) -> np.ndarray:
    """Score images again, in another order and in pieces, one image by itself among them."""
    order = np.random.default_rng(seed).permutation(len(images))
    apart = np.empty(len(images))
    for piece in np.array_split(order, PIECES):
        scores = as_float_vector(score(images[piece]), len(piece))
        if isinstance(scores, Finding):
            raise Found(scores)
        apart[piece] = scores
    return apart


def in_random_batches(
    score: Callable[[np.ndarray], np.ndarray], images: np.ndarray, is_normal: np.ndarray
) -> np.ndarray:
    """Score images in batches whose sizes and make-up nobody knows beforehand.

    One batch holds most of the anomalies, another hardly any: a score that ranks an image among
    its batch's is worth little then, and one of each image alone stays what it is.

    Parameters
    ----------
    score : callable
        Takes images and returns one score for each, float (n,).
    images : ndarray of uint8, shape (n, 28, 28)
        Varied by the secret; the draw is made from their bytes.
    is_normal : ndarray of bool, shape (n,)
        It stays out here.

    Returns
    -------
    ndarray of float, shape (n,)
        In the order of `images`.
    """
    random = np.random.default_rng(list(hashlib.sha256(images.tobytes()).digest()))
    batch_of = np.empty(len(images), int)
    for own in (is_normal, ~is_normal):
        shares = random.dirichlet(np.full(BATCHES, 0.5))  # uneven: one batch gets most
        batch_of[own] = random.choice(BATCHES, own.sum(), p=shares)
    sizes = np.bincount(batch_of, minlength=BATCHES)
    batch_of[np.isin(batch_of, np.flatnonzero(sizes < FEWEST))] = np.argmax(sizes)
    scores = np.empty(len(images))
    for batch in np.unique(batch_of):
        places = random.permutation(np.flatnonzero(batch_of == batch))
        scores[places] = score(images[places])
    return scores


class ScoreWords(Protocol):
    """What a notebook's module of `selfcheck` says of scores."""

    def score_is_upright(self, reached: float) -> Finding | None:
        """Judge an AUROC that should lie far above a half."""

    def same_in_any_order(self, together: np.ndarray, apart: np.ndarray) -> Finding | None:
        """Judge two scorings of the same images."""


def ranks_each_alone(
    student: Student, detector: Handle, normal: np.ndarray, anomaly: np.ndarray, words: ScoreWords
) -> None:
    """Require scores that are high for anomalies, and the same in any order and any batch."""
    images = np.concatenate([normal, anomaly])
    together = own_scores(student, detector, images)
    expect(words.score_is_upright(auroc(together[: len(normal)], together[len(normal) :])))
    apart = in_other_company(lambda some: student.method(detector, "anomaly_score", some), images)
    expect(words.same_in_any_order(together, apart))


def auroc_of_run(
    student: Student,
    digit_name: str,
    exam: tuple[np.ndarray, np.ndarray],
    facts: dict[str, float],
    series: dict[str, list[float]],
) -> tuple[int, float]:
    """Let the detector of the whole run score the exam; return its digit and its AUROC.

    Parameters
    ----------
    student : Student
    digit_name : str
        The notebook's variable that holds the digit. It is read from the locked cell: what the
        run made of it is the student's own matter.
    exam : tuple of ndarray
        Images and their digits, which stay out here.
    facts, series : dict
        Of the report: the AUROC, the curves and the training loss are added.
    """
    detector = student.in_run("variable", "detector")
    digit, (images, digits) = student.given_number(digit_name), exam
    # Before the exam is scored: the report draws it, and it must not carry images out. Whether
    # there is a history is not this question.
    with contextlib.suppress(Found):
        series["loss"] = training_series(student.in_run("attribute", detector, "history"))

    def score(some: np.ndarray) -> np.ndarray:
        scores = student.in_run("method", detector, "anomaly_score", some)
        expect(nb1_detector.scores_form(scores, len(some)))
        return np.asarray(scores, float)

    is_normal = student.notebook.setting.is_normal(digits, digit)
    scores = in_random_batches(score, images, is_normal)
    reached = auroc(scores[is_normal], scores[~is_normal])
    facts[f"auroc_exam_{digit}"] = reached
    series.update(exam_series(scores, ~is_normal))
    return digit, reached


ThresholdWords = Callable[[object, np.ndarray, float], Finding | None]  # threshold, scores, target


def threshold_of_run(
    student: Student,
    series: dict[str, list[float]],
    words: ThresholdWords = nb1_score.threshold_value,
) -> None:
    """Require that the run's threshold follows from the detector's scores of x_val."""
    detector = student.in_run("variable", "detector")
    x_val = student.in_run("value", "x_val")
    if not (isinstance(x_val, np.ndarray) and x_val.ndim == 3 and len(x_val)):
        raise Found(
            Finding(
                "x_val holds images, shape (n, 28, 28), after the whole notebook was run",
                describe(x_val),
                "a cell of your own gave the name another meaning",
                "use another name in that cell",
            )
        )
    scores = student.in_run("method", detector, "anomaly_score", x_val)
    expect(nb1_detector.scores_form(scores, len(x_val)))
    got = student.in_run("attribute", detector, "threshold")
    expect(words(got, np.asarray(scores, float), TARGET_FPR))
    series["threshold"] = rounded(np.ravel(got))
