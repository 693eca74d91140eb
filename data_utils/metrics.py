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


def average_precision(scores_normal: ArrayLike, scores_anomaly: ArrayLike) -> float:
    """Mean precision over the anomalies, going down the ranking from the highest score.

    Parameters
    ----------
    scores_normal : array_like, shape (n,)
    scores_anomaly : array_like, shape (m,)
        Anomaly scores, higher = more anomalous.

    Returns
    -------
    float
        In (0, 1]. Chance level is the :func:`prevalence`, so print that beside it.

    Raises
    ------
    CourseKitError
        If either side is empty or holds a value that is not finite.

    Notes
    -----
    The step-wise sum over distinct scores, sum of (recall_k - recall_(k-1)) precision_k, without
    interpolation; a test compares it with scikit-learn's.

    Examples
    --------
    >>> round(average_precision([0.1, 0.8], [0.7, 0.9]), 4)
    0.8333
    """
    _, false_alarms, found = _ranking(scores_normal, scores_anomaly)
    precision = found / (found + false_alarms)
    return float(np.sum(np.diff(found, prepend=0) / found[-1] * precision))


def prevalence(scores_normal: ArrayLike, scores_anomaly: ArrayLike) -> float:
    """Share of anomalies among all images, in [0, 1].

    Examples
    --------
    >>> prevalence([0.1, 0.2, 0.3], [0.9])
    0.25
    """
    anomalies = np.size(scores_anomaly)
    return anomalies / (anomalies + np.size(scores_normal))


def roc_points(
    scores_normal: ArrayLike, scores_anomaly: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the ROC curve: one point for each threshold that changes something.

    Parameters
    ----------
    scores_normal : array_like, shape (n,)
    scores_anomaly : array_like, shape (m,)
        Anomaly scores, higher = more anomalous.

    Returns
    -------
    fpr, tpr : ndarray of float64, shape (k,)
        From (0, 0) to (1, 1).
    thresholds : ndarray of float64, shape (k,)
        Falling; at the k-th point every score of at least thresholds[k] is called an anomaly.

    Raises
    ------
    CourseKitError
        If either side is empty or holds a value that is not finite.

    Examples
    --------
    >>> roc_points([0.1, 0.8], [0.9])[1].tolist()
    [0.0, 1.0, 1.0, 1.0]
    """
    values, false_alarms, found = _ranking(scores_normal, scores_anomaly)
    fpr = np.concatenate([[0.0], false_alarms / false_alarms[-1]])
    tpr = np.concatenate([[0.0], found / found[-1]])
    return fpr, tpr, np.concatenate([[np.inf], values])


def _ranking(
    scores_normal: ArrayLike, scores_anomaly: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct scores, falling, and how many images of either kind reach each."""
    normal = _scores(scores_normal, "scores_normal")
    anomaly = _scores(scores_anomaly, "scores_anomaly")
    values = np.unique(np.concatenate([normal, anomaly]))[::-1]
    reached = [
        scores.size - np.searchsorted(np.sort(scores), values) for scores in (normal, anomaly)
    ]
    return values, reached[0], reached[1]


def _scores(values: ArrayLike, name: str) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64).ravel()
    if array.size == 0:
        raise CourseKitError(f"{name} is empty; a metric needs scores of both kinds of image.")
    if not np.isfinite(array).all():
        raise CourseKitError(f"{name} holds a value that is not finite; look at it before ranking.")
    return array
