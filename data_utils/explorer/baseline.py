"""What the page serves where there is no other detector: principal components of normal digits."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.baselines import PrincipalComponents
from data_utils.datasets import load_mnist
from data_utils.explorer.served import DEFAULT_RATE, Served
from data_utils.splits import nine_vs_one

UNKNOWN_DIGIT = 9  # as in notebook 1
SEED = 0


class BaselineDetector:
    """Principal components, with the mean squared distance of image and copy as the score.

    Parameters
    ----------
    x_train : ndarray of uint8, shape (n, 28, 28)
        Normal images.
    """

    def __init__(self, x_train: NDArray[np.uint8]) -> None:
        self._components = PrincipalComponents(x_train)
        self._bank = x_train
        self.history: list[float] = []
        self.threshold = float("nan")  # `baseline` sets it

    def anomaly_score(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Score images (uint8, (n, 28, 28)): float (n,), higher = more anomalous."""
        lost = images.astype(float) - self.reconstruct(images)
        scores: NDArray[np.float64] = np.square(lost / 255).mean(axis=(1, 2))
        return scores

    def reconstruct(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the images as the components draw them: uint8 (n, 28, 28)."""
        return self._components.reconstruct(images)

    def parameters(self) -> list[NDArray[np.floating[Any]]]:
        """Return the images that it was made from, in [0, 1]."""
        return [self._bank / 255]


def baseline() -> Served:
    """Return principal components of nine digits, fitted on the images that every learner has."""
    data = load_mnist("embedded")
    split = nine_vs_one(data.images, data.labels, anomaly_digit=UNKNOWN_DIGIT, seed=SEED)
    detector = BaselineDetector(split.x_train)
    served = Served(
        name="pca",
        title="Principal components",
        normal=f"every digit but the {UNKNOWN_DIGIT}",
        detector=detector,
        scores_val=detector.anomaly_score(split.x_val),
        scores_normal=detector.anomaly_score(split.x_test),
        scores_anomaly=detector.anomaly_score(split.x_anomaly),
        side_by_side=True,
    )
    detector.threshold = served.threshold_at(DEFAULT_RATE)
    return served
