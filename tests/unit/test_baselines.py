"""Detectors without a network: they redraw and score as they say."""

import numpy as np
import pytest

from data_utils.baselines import BASELINES, MeanImage, NearestImage, PrincipalComponents
from data_utils.datasets import load_mnist
from data_utils.edge_maps import EdgeMapNeighbours
from data_utils.metrics import auroc


@pytest.fixture(scope="module")
def parts() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Few training images, and few of either kind to judge: digit 0 is the anomaly."""
    data = load_mnist("embedded")
    normal = np.random.default_rng(1).permutation(data.images[data.labels != 0])
    return normal[:900], normal[900:1100], data.images[data.labels == 0][:100]


@pytest.mark.parametrize("make", BASELINES)
def test_a_baseline_redraws_images_as_images(make, parts) -> None:
    x_train, x_test, _ = parts
    before = x_test.copy()
    copies = make(x_train).reconstruct(x_test)
    assert (copies.shape, copies.dtype) == (x_test.shape, np.uint8)
    assert (x_test == before).all()
    alone = make(x_train).reconstruct(x_test[7:8])
    assert np.abs(alone.astype(int) - copies[7:8]).max() <= 1  # whatever the batch


def test_each_baseline_draws_what_its_name_says(parts) -> None:
    x_train, x_test, _ = parts
    mean = MeanImage(x_train).reconstruct(x_test[:2])
    assert (mean == np.rint(x_train.mean(axis=0))).all()
    assert (NearestImage(x_train).reconstruct(x_train[:30]) == x_train[:30]).all()
    nearest = NearestImage(x_train).reconstruct(x_test[:20])
    bank, own = x_train.reshape(900, -1).astype(float), x_test[:20].reshape(20, -1).astype(float)
    slow = [int(np.argmin(((bank - row) ** 2).sum(axis=1))) for row in own]
    assert (nearest == x_train[slow]).all()


def test_principal_components_are_those_of_a_singular_value_decomposition(parts) -> None:
    x_train, x_test, _ = parts
    flat = x_train.reshape(900, -1) / 255
    _, _, rows = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)
    centred = x_test.reshape(200, -1) / 255 - flat.mean(axis=0)
    expected = centred @ rows[:16].T @ rows[:16] + flat.mean(axis=0)
    drawn = PrincipalComponents(x_train, 16).reconstruct(x_test).reshape(200, -1)
    assert np.abs(drawn / 255 - np.clip(expected, 0, 1)).max() < 0.01


def test_edge_maps_find_zeros_and_show_where_they_differ(parts) -> None:
    x_train, x_test, x_anomaly = parts
    detector = EdgeMapNeighbours(x_train, x_test, target_fpr=0.1)
    normal, anomaly = detector.anomaly_score(x_test), detector.anomaly_score(x_anomaly)
    assert auroc(normal, anomaly) > 0.95  # the nearest image reaches 0.85 with four times the bank
    assert np.mean(normal > detector.threshold) <= 0.1
    assert detector.history == []
    assert detector.parameters()[0].shape == (900, 17, 17, 4)
    heat = detector.explain(x_anomaly[:5])
    assert heat.shape == (5, 28, 28)
    assert heat.min() >= 0
    assert np.allclose(heat.max(axis=(1, 2)), 1)


def test_an_edge_map_score_depends_on_the_image_alone(parts) -> None:
    x_train, x_test, _ = parts
    detector = EdgeMapNeighbours(x_train[:300], x_test[:50])
    together = detector.anomaly_score(x_test[:60])  # more than one block
    order = np.random.default_rng(0).permutation(60)
    assert np.allclose(detector.anomaly_score(x_test[:60][order]), together[order], rtol=1e-5)
    assert np.allclose(detector.anomaly_score(x_test[3:4]), together[3:4], rtol=1e-5)
    blank = detector.anomaly_score(np.zeros((1, 28, 28), np.uint8))
    assert np.isfinite(blank).all()


def test_few_training_images_are_enough_to_run(parts) -> None:
    x_train, x_test, _ = parts
    detector = EdgeMapNeighbours(x_train[:5], x_test[:10])
    assert np.isfinite(detector.anomaly_score(x_test[:3])).all()
