"""One digit against the rest, nine against one: pinned counts, nothing twice, seeds that decide."""

import numpy as np
import pytest

from data_utils.datasets import MNIST_COUNTS, load_mnist
from data_utils.errors import SplitError
from data_utils.splits import (
    NINE_VS_ONE_COUNTS,
    ONE_VS_REST_COUNTS,
    NineVsOne,
    OneVsRest,
    nine_vs_one,
    one_vs_rest,
)

NINE_PARTS = ("x_train", "x_val", "x_test", "x_labelled", "x_anomaly")


def sizes(split: OneVsRest) -> tuple[int, ...]:
    return tuple(len(x) for x in (split.x_train, split.x_val, split.x_test, split.x_anomaly))


def numbered(counts: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Images that carry their own position, so that a test can tell where each one went."""
    labels = np.random.default_rng(0).permutation(
        np.repeat(np.arange(len(counts), dtype=np.uint8), counts)
    )
    images = np.zeros((len(labels), 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.divmod(np.arange(len(labels)), 256)
    return images, labels


def positions(x: np.ndarray) -> np.ndarray:
    return x[:, 0, 0].astype(int) * 256 + x[:, 0, 1]


@pytest.mark.parametrize("digit", range(10))
def test_counts_of_the_embedded_images(digit: int) -> None:
    data = load_mnist("embedded")
    split = one_vs_rest(data.images, data.labels, normal_digit=digit, seed=digit)
    assert sizes(split) == ONE_VS_REST_COUNTS["embedded"][digit] == (350, 100, 50, 4500)


@pytest.mark.parametrize("digit", range(10))
def test_counts_of_the_full_set(digit: int) -> None:
    labels = np.repeat(np.arange(10, dtype=np.uint8), MNIST_COUNTS["train"])
    images = np.broadcast_to(np.uint8(0), (60_000, 28, 28))
    split = one_vs_rest(images, labels, normal_digit=digit, seed=0)
    assert sizes(split) == ONE_VS_REST_COUNTS["full"][digit]
    train, val, test, _ = ONE_VS_REST_COUNTS["full"][digit]
    assert train + val + test == MNIST_COUNTS["train"][digit]
    assert np.bincount(split.anomaly_labels, minlength=10).tolist() == [
        0 if other == digit else 555 for other in range(10)
    ]


def test_no_image_is_in_two_sets_and_labels_belong_to_their_images() -> None:
    images, labels = numbered([40, 30, 20, 50])
    split = one_vs_rest(images, labels, normal_digit=3, seed=4)
    normal = np.concatenate([positions(x) for x in (split.x_train, split.x_val, split.x_test)])
    assert sorted(normal) == np.flatnonzero(labels == 3).tolist()
    anomaly = positions(split.x_anomaly)
    assert len(set(anomaly)) == len(anomaly) == 60
    assert np.array_equal(labels[anomaly], split.anomaly_labels)
    assert split.anomaly_labels.dtype == np.uint8
    assert np.bincount(split.anomaly_labels).tolist() == [20, 20, 20]  # as many as the rarest has


def test_both_kinds_come_in_mixed_order() -> None:
    images, labels = numbered([100] * 4)
    split = one_vs_rest(images, labels, normal_digit=0, seed=1)
    assert len(set(split.anomaly_labels[:20])) == 3
    for x in (split.x_train, split.x_anomaly):
        assert np.any(np.diff(positions(x)) < 0)


def test_the_seed_decides() -> None:
    images, labels = numbered([100] * 3)
    first, again, other = (one_vs_rest(images, labels, normal_digit=1, seed=s) for s in (5, 5, 6))
    for name in ("x_train", "x_val", "x_test", "x_anomaly", "anomaly_labels"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
        assert not np.array_equal(getattr(first, name), getattr(other, name))


@pytest.mark.parametrize(
    ("count", "expected"),
    [(10, (7, 2, 1)), (400, (280, 80, 40)), (900, (710, 100, 90)), (1000, (800, 100, 100))],
)
def test_a_small_set_keeps_most_for_training(count: int, expected: tuple[int, ...]) -> None:
    images, labels = numbered([count, 5])
    assert sizes(one_vs_rest(images, labels, normal_digit=0, seed=0))[:3] == expected


def test_input_stays_as_it_is() -> None:
    images, labels = numbered([20, 20])
    before = images.copy(), labels.copy()
    split = one_vs_rest(images, labels, normal_digit=0, seed=0)
    split.x_train[:], split.anomaly_labels[:] = 255, 9
    assert np.array_equal(images, before[0])
    assert np.array_equal(labels, before[1])


@pytest.mark.parametrize(
    ("counts", "digit", "cut", "words"),
    [
        ([20, 20], 7, 40, "0 of 40 images show the normal digit 7"),
        ([20, 9], 1, 29, "at least 10"),
        ([20], 0, 20, "images of other digits"),
        ([20, 20], 0, 39, "40 images and 39 labels"),
    ],
)
def test_what_cannot_be_split_is_refused(
    counts: list[int], digit: int, cut: int, words: str
) -> None:
    images, labels = numbered(counts)
    with pytest.raises(SplitError, match=words):
        one_vs_rest(images, labels[:cut], normal_digit=digit, seed=0)


# --------------------------------------------------------------- nine_vs_one


def nine_sizes(split: NineVsOne) -> tuple[int, ...]:
    return tuple(len(getattr(split, name)) for name in NINE_PARTS)


@pytest.mark.parametrize("digit", range(10))
def test_counts_of_nine_embedded_digits(digit: int) -> None:
    data = load_mnist("embedded")
    split = nine_vs_one(data.images, data.labels, anomaly_digit=digit, seed=digit)
    expected = (3600, 450, 450, 50, 450)
    assert nine_sizes(split) == NINE_VS_ONE_COUNTS["embedded"][digit] == expected


@pytest.mark.parametrize("digit", range(10))
def test_counts_of_nine_digits_of_the_full_set(digit: int) -> None:
    labels = np.repeat(np.arange(10, dtype=np.uint8), MNIST_COUNTS["train"])
    images = np.broadcast_to(np.uint8(0), (60_000, 28, 28))
    split = nine_vs_one(images, labels, anomaly_digit=digit, seed=0)
    train, val, test, labelled, anomaly = NINE_VS_ONE_COUNTS["full"][digit]
    assert nine_sizes(split) == (train, val, test, labelled, anomaly)
    assert train + val + test == 60_000 - MNIST_COUNTS["train"][digit]
    assert val == test == (60_000 - MNIST_COUNTS["train"][digit]) // 10
    assert (labelled, anomaly) == (50, min(5000, MNIST_COUNTS["train"][digit] - 50))


def test_no_image_is_in_two_of_the_five_sets_and_no_anomaly_among_the_normal_ones() -> None:
    images, labels = numbered([40, 30, 200, 50])
    split = nine_vs_one(images, labels, anomaly_digit=2, seed=4)
    found = {name: positions(getattr(split, name)) for name in NINE_PARTS}
    normal = np.concatenate([found[name] for name in ("x_train", "x_val", "x_test")])
    assert sorted(normal) == np.flatnonzero(labels != 2).tolist()
    anomaly = np.concatenate([found["x_labelled"], found["x_anomaly"]])
    assert sorted(anomaly) == np.flatnonzero(labels == 2).tolist()
    assert len(found["x_labelled"]) == 20  # a tenth of a small set
    assert np.array_equal(labels[found["x_train"]], split.train_labels)
    assert split.train_labels.dtype == np.uint8
    assert set(split.train_labels[:20]) == {0, 1, 3}  # in mixed order
    for x in found.values():
        assert np.any(np.diff(x) < 0)


def test_the_seed_decides_the_five_sets() -> None:
    images, labels = numbered([100] * 3)
    first, again, other = (nine_vs_one(images, labels, anomaly_digit=1, seed=s) for s in (5, 5, 6))
    for name in (*NINE_PARTS, "train_labels"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
        assert not np.array_equal(getattr(first, name), getattr(other, name))


def test_what_nine_vs_one_takes_stays_as_it_is() -> None:
    images, labels = numbered([20, 20])
    before = images.copy(), labels.copy()
    split = nine_vs_one(images, labels, anomaly_digit=0, seed=0)
    split.x_train[:], split.x_labelled[:], split.train_labels[:] = 255, 255, 9
    assert np.array_equal(images, before[0])
    assert np.array_equal(labels, before[1])


@pytest.mark.parametrize(
    ("counts", "digit", "cut", "words"),
    [
        ([20, 20], 7, 40, "0 of 40 images show the anomaly digit 7"),
        ([20, 9], 1, 29, "at least 10"),
        ([20], 0, 20, "images of other digits"),
        ([20, 20], 0, 39, "40 images and 39 labels"),
    ],
)
def test_what_has_no_nine_and_one_is_refused(
    counts: list[int], digit: int, cut: int, words: str
) -> None:
    images, labels = numbered(counts)
    with pytest.raises(SplitError, match=words):
        nine_vs_one(images, labels[:cut], anomaly_digit=digit, seed=0)
