"""Lists of numbers that the report's pages draw, made from a detector's scores on the exam.

Only what was computed in the trusted process goes in, rounded and of a size known beforehand.
"""

import numpy as np

from data_utils.metrics import roc_points

BINS = 40  # of the histogram; 2,000 scores leave about 50 in each
ROC_POINTS = 101  # one for each hundredth of the false positive rate
MOST_EPOCHS = 500  # of a training curve; longer ones are thinned out
TAIL = 0.005  # share of the scores beyond either end of the histogram, which goes into its last bin
LARGEST = 1e30  # of a score that is drawn: differences of larger ones overflow
DIGITS = 6  # significant; a plot shows three


def exam_series(scores: np.ndarray, is_anomaly: np.ndarray) -> dict[str, list[float]]:
    """Return the histogram of a detector's scores and its ROC curve.

    Parameters
    ----------
    scores : ndarray of float, shape (n,)
        Finite; higher = more anomalous.
    is_anomaly : ndarray of bool, shape (n,)

    Returns
    -------
    dict
        ``score_edges`` (41 bin edges), ``score_normal`` and ``score_anomaly`` (40 counts each),
        ``roc_fpr`` and ``roc_tpr`` (101 points each, from (0, 0) to (1, 1)).
    """
    scores = np.clip(scores, -LARGEST, LARGEST)
    low, high = np.quantile(scores, [TAIL, 1 - TAIL])
    if not high > low:  # a constant score
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    inside = np.clip(scores, low, high)
    fpr, tpr, _ = roc_points(scores[~is_anomaly], scores[is_anomaly])
    grid = np.linspace(0, 1, ROC_POINTS)
    return {
        "score_edges": rounded(edges),
        "score_normal": rounded(np.histogram(inside[~is_anomaly], edges)[0]),
        "score_anomaly": rounded(np.histogram(inside[is_anomaly], edges)[0]),
        "roc_fpr": rounded(grid),
        "roc_tpr": rounded(np.interp(grid, fpr, tpr)),
    }


def training_series(history: np.ndarray) -> list[float]:
    """Return the recorded training losses; what is no short list of finite numbers is empty."""
    try:
        losses = np.asarray(history, float)
    except (TypeError, ValueError):
        return []
    if losses.ndim != 1 or not np.isfinite(losses).all():
        return []
    step = max(1, -(-len(losses) // MOST_EPOCHS))
    return rounded(losses[::step])


def rounded(values: np.ndarray) -> list[float]:
    """Return numbers with six significant digits, which JSON holds as short as they are."""
    return [float(f"{value:.{DIGITS}g}") for value in np.asarray(values, float)]
