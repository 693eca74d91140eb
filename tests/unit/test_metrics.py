"""AUROC by hand, and beside scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from data_utils.errors import CourseKitError
from data_utils.metrics import auroc


@pytest.mark.parametrize(
    ("normal", "anomaly", "expected"),
    [
        ([1, 2], [3, 4], 1.0),  # all four pairs right
        ([3, 4], [1, 2], 0.0),
        ([1, 3], [2, 4], 0.75),  # (1,2) (1,4) (3,4) right, (3,2) wrong
        ([1, 2], [2, 3], 0.875),  # the tie (2,2) counts one half
        ([1, 1], [1, 1], 0.5),
    ],
)
def test_four_points_by_hand(normal: list[int], anomaly: list[int], expected: float) -> None:
    assert auroc(normal, anomaly) == expected


def test_agrees_with_scikit_learn_with_many_ties() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        normal, anomaly = rng.integers(0, 6, 31), rng.integers(1, 8, 17)
        y = np.r_[np.zeros(31), np.ones(17)]
        assert auroc(normal, anomaly) == pytest.approx(roc_auc_score(y, np.r_[normal, anomaly]))


@pytest.mark.parametrize("bad", [[], [np.nan, 1.0], [np.inf]])
def test_scores_that_cannot_be_ranked_are_refused(bad: list[float]) -> None:
    with pytest.raises(CourseKitError):
        auroc([0.1, 0.2], bad)
