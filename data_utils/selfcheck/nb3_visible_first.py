"""The visible checks of exercises 3.1 to 3.6: on other inputs than hidden ones."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck import nb3_audit, nb3_head, nb3_images, nb3_scaling, nb3_shifts
from data_utils.selfcheck.nb2_audit import has_keys
from data_utils.selfcheck.words import Ask, expect


def _counts(*numbers: int) -> dict[str, int]:
    return dict(zip(nb3_audit.SPLIT_KEYS, numbers, strict=True))


def _asked(train: int, val: int, normal: int, anomaly: int) -> dict[str, int]:
    return {"train": train, "val": val, "test_normal": normal, "test_anomaly": anomaly}


def _available(train: int, normal: int, anomaly: int) -> dict[str, int]:
    return {"train_normal": train, "test_normal": normal, "test_anomaly": anomaly}


def check_split(repair_split: Ask) -> None:
    """Exercise 3.1 on four splits: too much, more than enough, too little to train on, too many."""
    cases = (
        (_asked(50, 12, 25, 9), _available(40, 20, 30), _counts(27, 12, 28, 20, 9)),
        (_asked(20, 7, 11, 30), _available(40, 20, 12), _counts(0, 7, 20, 11, 12)),
        (_asked(38, 6, 9, 5), _available(40, 20, 12), _counts(0, 6, 34, 9, 5)),
        (_asked(10, 45, 30, 5), _available(40, 20, 12), _counts(25, 40, 0, 20, 5)),
    )
    for asked, available, right in cases:
        got = repair_split(dict(asked), dict(available))
        expect(has_keys(got, nb3_audit.SPLIT_KEYS, nb3_audit.SPLIT_KEYS))
        expect(nb3_audit.split_numbers(got, right, asked, available))


def check_forced(forced_numbers: Ask) -> None:
    """Exercise 3.2 on two made-up papers, worked out by hand."""
    cases = (
        # 900 of 1,000 found, 1,200 alarms; 3,700 of 4,000 without one: fpr 0.075
        ((0.9, 0.75), (1000, 4000), (900, 300, 0.92, 0.8, 0.8325, 0.9925)),
        # 1,200 of 2,000 found, 2,400 alarms; 2,000 of 3,200 hold: fpr 0.375
        ((0.6, 0.5), (2000, 3200), (1200, 1200, 3200 / 5200, 3200 / 5200, 0.375, 0.85)),
    )
    for rates, sizes, right in cases:
        got = forced_numbers(*rates, *sizes)
        expect(has_keys(got, nb3_audit.FORCED_KEYS, nb3_audit.FORCED_KEYS))
        for name, value in zip(nb3_audit.FORCED_KEYS, right, strict=True):
            expect(nb3_audit.forced_number(name, got[name], value, rates, sizes))


def _striped(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image that varies from left to right, one from top to bottom, and a grey one."""
    across = np.tile(levels, (28, 1))
    return np.stack([across, across.T, np.full((28, 28), 102, np.uint8)])


def _striped_pictures(levels: NDArray[np.uint8], size: int) -> list[NDArray[np.float64]]:
    """Return them in [0, 1] and enlarged, with pixels as squares and as points of a grid."""
    pictures = []
    for places in ((np.arange(size) + 0.5) * 28 / size - 0.5, np.linspace(0, 27, size)):
        across = np.tile(np.interp(places, np.arange(28), levels / 255), (size, 1))
        pictures.append(np.stack([across, across.T, np.full((size, size), 0.4)]))
    return pictures


def check_backbone(to_backbone: Ask) -> None:
    """Exercise 3.3 on stripes, in two sizes, with two means and standard deviations."""
    levels = np.zeros(28, np.uint8)
    levels[3:25] = np.random.default_rng(33).permutation(np.arange(44, 255, 10))[:22]
    images = _striped(levels)
    for size, mean, std in (
        (32, (0.2, 0.5, 0.35), (0.25, 0.6, 0.8)),
        (44, (0.6, 0.1, 0.4), (0.4, 0.3, 0.2)),
    ):
        before = images.copy()
        got = to_backbone(images, size, mean, std)
        expect(nb3_images.images_left_alone(before, images))
        expect(nb3_images.backbone_values(got, _striped_pictures(levels, size), images, mean, std))
        expect(nb3_images.backbone_is_array(dir(got)))
        expect(nb3_images.backbone_dtype(got))
    for brightest in (70, 1):  # what is scaled by how bright the images are shows here
        dark = np.where(levels > 0, brightest, 0).astype(np.uint8)
        images, mean, std = _striped(dark)[:2], (0.2, 0.5, 0.35), (0.25, 0.6, 0.8)
        pictures = [picture[:2] for picture in _striped_pictures(dark, 32)]
        got = to_backbone(images, 32, mean, std)
        expect(nb3_images.backbone_values(got, pictures, images, mean, std))


def check_shifted(shifted: Ask) -> None:
    """Exercise 3.4 on images of noise without black, so that each move can be told."""
    images = np.random.default_rng(34).integers(1, 256, (150, 28, 28), dtype=np.uint8)
    before = images.copy()
    for most in (2, 1):
        got = shifted(images, 5, most)
        expect(nb3_images.images_left_alone(before, images))
        expect(nb3_shifts.shifts_are_spread(got, images, most))
    few = images[:8]
    first, again, other = (shifted(few, seed) for seed in (6, 6, 7))
    expect(nb3_shifts.shifts_are_right(first, few, 2))
    expect(nb3_shifts.shifts_follow_seed(first, again, other))


def head_report(
    train_head: Callable[..., Any],
    features: NDArray[Any],
    labels: NDArray[Any],
    seed: int,
    global_seed: int = 1,
    queries: NDArray[Any] | None = None,
) -> dict[str, Any]:
    """Train a head; return what it is and what it says, as `nb3_head.head_form` takes it.

    Torch's own random numbers start at `global_seed`; their state is put back.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(global_seed)
        head = train_head(features.copy(), labels.copy(), seed)
    parts: list[Any] = [getattr(head, name, None) for name in ("weight", "bias")]
    weight, bias = (p.detach().cpu().numpy() if torch.is_tensor(p) else None for p in parts)
    report = {"kind": repr(head), "weight": weight, "bias": bias, "logits": None, "stop": ""}
    try:
        place = next(iter(head.parameters()))
        rows = torch.as_tensor(np.asarray(features if queries is None else queries))
        with torch.no_grad():
            logits = head(rows.to(place.device, place.dtype))
        report["logits"] = logits.detach().cpu().numpy().reshape(-1)
    except Exception as error:  # layers that do not fit: the learner's, wherever it stops
        report["stop"] = f"{type(error).__name__}: {str(error)[:100]}"
    return report


def check_head(train_head: Ask) -> None:
    """Exercise 3.5: labels of one kind, then of two that overlap, in any order; then two seeds."""
    rng = np.random.default_rng(35)
    features = rng.standard_normal((120, 6)).astype(np.float32)
    zeros = np.zeros(len(features))
    first, again = (head_report(train_head, features, zeros, 3, before) for before in (1, 2))
    expect(nb3_head.head_form(first, features))
    expect(nb3_head.one_label_falls(first))
    heaps, labels, right = _three_heaps()
    report = head_report(train_head, heaps, labels, 3)
    expect(nb3_head.head_form(report, heaps))
    expect(nb3_head.head_probabilities(report, right, heaps, labels))
    mixed = (features[:, 0] + rng.standard_normal(len(features)) > 1).astype(np.int64)
    order = rng.permutation(len(features))
    pair = [
        head_report(train_head, features[rows], mixed[rows], 3, queries=features)
        for rows in (np.arange(len(features)), order)
    ]
    expect(nb3_head.head_sees_all_at_once(*pair))
    other = head_report(train_head, features, zeros, 4)
    expect(nb3_head.head_follows_seed(first, again, other))


def _three_heaps() -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64]]:
    """Return features in three places, their labels, and the best probabilities, by hand.

    The least cross-entropy has p = 1/5, 1/3, 1/2 there: labels less probabilities, 1/6, -1/3 and
    1/6 on average, add up to 0, and so they do when each is multiplied by its place -1, 0, 1.
    """
    places = np.repeat([-1.0, 0.0, 1.0], 30)
    ones = [11, 0, 20]
    labels = np.concatenate([np.arange(30) < count for count in ones]).astype(np.int64)
    return np.repeat(places[:, None], 3, axis=1), labels, np.repeat([1 / 5, 1 / 3, 1 / 2], 30)


def check_standardise(standardise: Ask) -> None:
    """Exercise 3.6 on small tables whose means and deviations are whole numbers."""
    train = np.array([[1.0, 40.0], [5.0, 0.0], [5.0, 40.0], [1.0, 0.0]])  # means 3, 20; sds 2, 20
    others = (np.array([[9.0, 60.0], [3.0, -20.0], [7.0, 30.0]]), np.array([[-1.0, 100.0]]))
    right = [
        np.array([[-1.0, 1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, -1.0]]),
        np.array([[3.0, 2.0], [0.0, -2.0], [2.0, 0.5]]),
        np.array([[-2.0, 4.0]]),
    ]
    for count in (3, 1, 2):
        parts = [train, *others][:count]
        got = standardise(*(part.copy() for part in parts))
        expect(nb3_scaling.scaled_values(got, right[:count], parts))
    flat = [np.array([[2.0, 1.0], [2.0, 5.0]]), np.array([[2.0, 3.0], [4.0, 3.0]])]
    got = standardise(*(part.copy() for part in flat))
    expect(nb3_scaling.constant_column(got, flat, 0))


FIRST_CHECKS: dict[str, Callable[[Ask], None]] = {
    "3.1": check_split,
    "3.2": check_forced,
    "3.3": check_backbone,
    "3.4": check_shifted,
    "3.5": check_head,
    "3.6": check_standardise,
}
