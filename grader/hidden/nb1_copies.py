"""The exam of exercise 1.6: pairs of image and copy, scored in batches of random make-up."""

from collections.abc import Iterator

import numpy as np

from data_utils.images import network_input
from data_utils.metrics import auroc
from data_utils.selfcheck import nb1_steps
from data_utils.selfcheck.words import expect
from grader.hidden.nb1_reference import exam_copies
from grader.judging.variation import random_numbers
from grader.student import Student

BATCH_SIZES = (1, 2, 9, 40, 150, 400)  # single images, few, and more than a digit's own set
SCORED_AGAIN = 500  # pairs, in another session, in other batches
FARTHEST = 2  # pixels that a pair is moved along each axis; digits keep four from the edge
GRAIN = 2.0  # grey levels, standard deviation
Pairs = tuple[np.ndarray, np.ndarray]


def moved_pairs(images: np.ndarray, copies: np.ndarray, random: np.random.Generator) -> Pairs:
    """Move each image and its copy alike, and roughen the image's ink.

    What scores make of a pair changes in the fourth digit (benchmarks/steps.py); what somebody
    may have stored about the image does not fit it any more.

    Parameters
    ----------
    images, copies : ndarray of uint8, shape (n, 28, 28)
    random : numpy.random.Generator

    Returns
    -------
    images, copies : ndarray of uint8, shape (n, 28, 28)
    """
    rough = images + random.normal(0, GRAIN, images.shape) * (images > 0)
    steps = random.integers(0, 2 * FARTHEST + 1, (2, len(images), 1))
    rows, columns = (step + np.arange(images.shape[1]) for step in steps)
    margin = ((0, 0), (FARTHEST, FARTHEST), (FARTHEST, FARTHEST))
    places = np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None, :]
    drawn = np.clip(np.rint(rough), 0, 255).astype(np.uint8)
    return np.pad(drawn, margin)[places], np.pad(copies, margin)[places]


class ScoredCopies:
    """A student's scores of all pairs.

    Which digit was left out stands nowhere in a call: each batch holds pairs of all eight digits.

    Parameters
    ----------
    student : Student
        The way to ``improved_error``.
    public_exam : tuple of ndarray
        Images as they are known, uint8 (n, 28, 28), and their digits.
    secret : str
        What the pairs are moved and mixed by.
    """

    def __init__(self, student: Student, public_exam: Pairs, secret: str) -> None:
        sets = exam_copies(public_exam)
        self._left_out = np.concatenate([np.full(len(x), d) for d, (x, _, _) in sets.items()])
        images, copies, self._is_anomaly = map(np.concatenate, zip(*sets.values(), strict=True))
        self._random = random_numbers(secret, "pairs of nb1")
        self._pairs = tuple(map(network_input, moved_pairs(images, copies, self._random)))
        self._scores = self._ask(student, np.arange(len(images)))

    def auroc(self, digit: int) -> float:
        """AUROC of the scores with that digit left out; the labels stay out here."""
        own = self._left_out == digit
        scores, is_anomaly = self._scores[own], self._is_anomaly[own]
        return auroc(scores[~is_anomaly], scores[is_anomaly])

    def again(self, student: Student) -> Pairs:
        """Return the scores of some pairs, and those that they get in another session."""
        some = self._random.permutation(len(self._scores))[:SCORED_AGAIN]
        return self._scores[some], self._ask(student, some)

    def _ask(self, student: Student, which: np.ndarray) -> np.ndarray:
        """Score pairs in batches of random size and make-up; return scores (len(which),)."""
        found = np.empty(len(which))
        for places in self._batches(len(which)):
            chosen = which[places]
            scores = student.call(*(part[chosen] for part in self._pairs))
            expect(nb1_steps.error_form(scores, len(chosen)))
            found[places] = np.asarray(scores, float)
        return found

    def _batches(self, count: int) -> Iterator[np.ndarray]:
        order = self._random.permutation(count)
        while len(order):
            size = int(self._random.choice(BATCH_SIZES))
            yield order[:size]
            order = order[size:]
