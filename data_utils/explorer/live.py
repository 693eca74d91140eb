"""A detector that is in memory, with a notebook's images, becomes one that the page serves."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.detectors import Detector
from data_utils.errors import ExplorerError
from data_utils.explorer.served import Served

MOST_VAL = 1000  # images that thresholds come from: 1 in 1,000 is the lowest rate worth asking for
MOST_OTHERS = 500  # of each kind, for the counts; the course's slowest detector takes 10 s for them
LEAST_VAL = 20  # below, a rate of 5 % is less than one image


def served_live(
    detector: Detector,
    x_val: Any,
    x_test: Any = None,
    x_anomaly: Any = None,
    *,
    name: str,
    title: str,
    normal: str,
) -> Served:
    """Score a notebook's images and keep the scores, not the images.

    Parameters
    ----------
    detector : Detector
        Called by one thread at a time: a learner's network need not bear more.
    x_val : ndarray of uint8, shape (n, 28, 28)
        Validation normals, at least 20. Of more than 1,000 every second, third ... is scored.
    x_test, x_anomaly : ndarray of uint8, shape (n, 28, 28), optional
        Further normals and anomalies, for the four counts; at most 500 of each are scored.
    name, title, normal : str
        As in `Served`.

    Raises
    ------
    ExplorerError
        If the images or the scores are not what they should be.
    """
    val = _some(x_val, "x_val", MOST_VAL)
    if len(val) < LEAST_VAL:
        raise ExplorerError(
            f"x_val holds {len(val)} images; a threshold needs at least {LEAST_VAL} normal ones."
        )
    others = (_some(x_test, "x_test", MOST_OTHERS), _some(x_anomaly, "x_anomaly", MOST_OTHERS))
    scores_val, scores_normal, scores_anomaly = (
        _scores(detector, images) for images in (val, *others)
    )
    return Served(name, title, normal, detector, scores_val, scores_normal, scores_anomaly)


def _some(images: Any, name: str, most: int) -> NDArray[np.uint8]:
    """Return at most so many images, taken evenly: they may be sorted by digit."""
    if images is None:
        return np.empty((0, 28, 28), np.uint8)
    found: NDArray[Any] = np.asarray(images)
    if found.dtype != np.uint8 or found.shape[1:] != (28, 28):
        raise ExplorerError(
            f"{name} is {found.dtype} of shape {found.shape}; give images as they were loaded, "
            "uint8 of shape (n, 28, 28)."
        )
    if len(found) <= most:
        return found
    chosen: NDArray[np.uint8] = found[np.linspace(0, len(found) - 1, most).astype(int)]
    return chosen


def _scores(detector: Detector, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    if not len(images):
        return np.empty(0)
    scores = np.asarray(detector.anomaly_score(images), dtype=np.float64)
    if scores.shape != (len(images),) or not np.isfinite(scores).all():
        raise ExplorerError(
            f"anomaly_score gave shape {scores.shape} for {len(images)} images, or a score that is "
            "not finite; it should be one finite number each. Run the check of that exercise."
        )
    return scores
