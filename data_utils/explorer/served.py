"""A detector as the page serves it: with what it needs to put a score into words."""

import threading
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.detectors import Detector
from data_utils.errors import ExplorerError

DEFAULT_RATE = 0.05  # false alarms among normal images, as in all notebooks
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """How often a threshold is right and wrong on images that no detector was fitted on."""

    tp: int
    fn: int
    fp: int
    tn: int


@dataclass(frozen=True)
class Judgement:
    """What one detector says of one image.

    Attributes
    ----------
    score : float
        Higher = more anomalous.
    threshold : float
        At the false positive rate that was asked for.
    is_anomaly : bool
        Whether the score is above it.
    percentile : float
        The share of validation normals whose score is lower, in percent.
    reconstruction : ndarray of uint8, shape (28, 28), or None
    heat : ndarray of float, shape (28, 28), in [0, 1], or None
    """

    score: float
    threshold: float
    is_anomaly: bool
    percentile: float
    reconstruction: NDArray[np.uint8] | None
    heat: NDArray[np.floating[Any]] | None


@dataclass(frozen=True)
class Served:
    """A fitted detector with its name and the scores of images that it was not fitted on.

    Attributes
    ----------
    name : str
        In addresses and files: letters, digits, ``-`` and ``_``.
    title : str
        On screen, such as "Notebook 1: autoencoder".
    normal : str
        What is normal to it, such as "the digits 0 to 8".
    detector : Detector
        With ``reconstruct`` and ``explain`` where it has them.
    scores_val : ndarray of float, shape (n,)
        Of validation normals; thresholds come from them alone.
    scores_normal, scores_anomaly : ndarray of float, shape (m,) and (k,)
        Of further normal images and of anomalies, for the four counts; empty where there are none.
    side_by_side : bool
        Whether several threads may call the detector at once; else a lock keeps them apart.
    """

    name: str
    title: str
    normal: str
    detector: Detector
    scores_val: Scores
    scores_normal: Scores = field(default_factory=lambda: np.empty(0))
    scores_anomaly: Scores = field(default_factory=lambda: np.empty(0))
    side_by_side: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not len(self.scores_val) or not np.isfinite(self.scores_val).all():
            raise ExplorerError(
                f"{self.title} came with {len(self.scores_val)} validation scores, or with some "
                "that are not finite. The page needs them to set a threshold: give the scores of "
                "at least 20 normal images."
            )

    def threshold_at(self, rate: float) -> float:
        """Return the validation score that at most a share `rate` of the others lies above."""
        if not 0 <= rate <= 1:
            raise ExplorerError(f"A false positive rate lies between 0 and 1; this is {rate:g}.")
        ordered = np.sort(self.scores_val)
        place = int(np.ceil(round((1 - rate) * (len(ordered) - 1), 9)))
        return float(ordered[place])

    def counts_at(self, rate: float) -> Counts | None:
        """Return the four counts at a rate; None where there are no images to count."""
        if not len(self.scores_normal) or not len(self.scores_anomaly):
            return None
        threshold = self.threshold_at(rate)
        alarms = int(np.sum(self.scores_normal > threshold))
        found = int(np.sum(self.scores_anomaly > threshold))
        return Counts(
            found, len(self.scores_anomaly) - found, alarms, len(self.scores_normal) - alarms
        )

    def judge(self, image: NDArray[np.uint8], rate: float = DEFAULT_RATE) -> Judgement:
        """Judge one image.

        Parameters
        ----------
        image : ndarray of uint8, shape (28, 28)
            White on black, as `data_utils.drawing` makes it.
        rate : float
            The share of validation normals that may lie above the threshold.

        Raises
        ------
        ExplorerError
            If the detector gave no finite score, or a picture of another shape.
        """
        threshold = self.threshold_at(rate)
        with nullcontext() if self.side_by_side else self._lock:
            score = self._score(image)
            copy = self._picture("reconstruct", image)
            heat = self._picture("explain", image)
        percentile = 100 * float(np.mean(self.scores_val < score))
        return Judgement(score, threshold, score > threshold, percentile, copy, heat)

    def _score(self, image: NDArray[np.uint8]) -> float:
        scores = np.asarray(self.detector.anomaly_score(image[None]), dtype=np.float64)
        if scores.shape != (1,) or not np.isfinite(scores[0]):
            raise ExplorerError(
                f"{self.title} gave {scores!r} for one image; it should be one finite number in an "
                "array of shape (1,). Run the check of its score in the notebook."
            )
        return float(scores[0])

    def _picture(self, method: str, image: NDArray[np.uint8]) -> NDArray[Any] | None:
        draw = getattr(self.detector, method, None)
        if draw is None:
            return None
        pictures = np.asarray(draw(image[None]))
        if pictures.shape != (1, *image.shape):
            raise ExplorerError(
                f"{method} of {self.title} returned {pictures.shape} for one image; it should "
                f"be {(1, *image.shape)}."
            )
        picture: NDArray[Any] = pictures[0]
        return picture
