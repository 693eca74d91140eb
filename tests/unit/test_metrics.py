"""AUROC, average precision and the ROC curve by hand, and beside scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from data_utils.errors import CourseKitError
from data_utils.metrics import auroc, average_precision, prevalence, roc_points


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


def test_average_precision_and_roc_of_four_images_by_hand() -> None:
    normal, anomaly = [0.1, 0.8], [0.7, 0.9]
    # Falling: 0.9 (anomaly, precision 1), 0.8 (alarm), 0.7 (anomaly, precision 2/3), 0.1.
    assert average_precision(normal, anomaly) == pytest.approx((1 + 2 / 3) / 2)
    fpr, tpr, thresholds = roc_points(normal, anomaly)
    assert fpr.tolist() == [0, 0, 0.5, 0.5, 1]
    assert tpr.tolist() == [0, 0.5, 0.5, 1, 1]
    assert thresholds.tolist() == [np.inf, 0.9, 0.8, 0.7, 0.1]
    assert prevalence(normal, anomaly) == 0.5


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_and_roc_agree_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    normal, anomaly = rng.integers(0, 30, 80) / 10, rng.integers(5, 35, 33) / 10  # many ties
    y, scores = np.r_[np.zeros(80), np.ones(33)], np.r_[normal, anomaly]
    ours, theirs = average_precision(normal, anomaly), average_precision_score(y, scores)
    assert ours == pytest.approx(theirs)
    fpr, tpr, _ = roc_points(normal, anomaly)
    expected = roc_curve(y, scores, drop_intermediate=False)
    assert np.allclose(fpr, expected[0])
    assert np.allclose(tpr, expected[1])
    assert np.trapezoid(tpr, fpr) == pytest.approx(auroc(normal, anomaly))


def test_average_precision_of_alike_scores_is_the_prevalence() -> None:
    assert average_precision(np.ones(30), np.ones(10)) == pytest.approx(0.25)
    with pytest.raises(CourseKitError, match="empty"):
        average_precision([], [1.0])
