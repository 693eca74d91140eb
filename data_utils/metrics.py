"""Metrics that a learner uses but does not write. The anomaly is the positive class in each."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data_utils.errors import CourseKitError


def auroc(scores_normal: ArrayLike, scores_anomaly: ArrayLike) -> float:
    """Area under the ROC curve: the chance that an anomaly scores above a normal image.

    Parameters
    ----------
    scores_normal : array_like, shape (n,)
    scores_anomaly : array_like, shape (m,)
        Anomaly scores, higher = more anomalous. Ties count one half.

    Returns
    -------
    float
        In [0, 1]; 0.5 is chance, below 0.5 the ranking is upside down.

    Raises
    ------
    CourseKitError
        If either side is empty or holds a value that is not finite.

    Notes
    -----
    The Mann-Whitney form: U / (n m), from mid-ranks. Written with NumPy alone because the
    grader's trusted process stays small; a test compares it with scikit-learn's.

    Examples
    --------
    >>> auroc([0.1, 0.2], [0.2, 0.9])
    0.875
    """
    normal, anomaly = (
        _scores(scores_normal, "scores_normal"),
        _scores(scores_anomaly, "scores_anomaly"),
    )
    below = np.searchsorted(np.sort(normal), anomaly, side="left").sum()
    below_or_equal = np.searchsorted(np.sort(normal), anomaly, side="right").sum()
    return float((below + below_or_equal) / 2 / (normal.size * anomaly.size))


def _scores(values: ArrayLike, name: str) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64).ravel()
    if array.size == 0:
        raise CourseKitError(f"{name} is empty; AUROC needs scores of both kinds of image.")
    if not np.isfinite(array).all():
        raise CourseKitError(f"{name} holds a value that is not finite; look at it before ranking.")
    return array
