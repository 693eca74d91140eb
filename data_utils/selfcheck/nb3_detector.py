"""Exercises 3.9 and 3.10: what can be wrong with detectors that read pretrained features.

Most questions are those of exercises 1.5 and 2.8; here stand their words for a bank of features and
for a head, and what is new. Measurements come from the caller.
"""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck import nb1_detector
from data_utils.selfcheck.values import describe, is_number
from data_utils.selfcheck.words import Finding

NEIGHBOUR_NAMES = ("anomaly_score", "parameters", "threshold", "history")
HEAD_NAMES = ("anomaly_score", "parameters", "threshold")
BRIGHT = 115  # between the mean grey values of the dark and of the bright images
SCALED = 0.01  # rounding in single precision leaves less; features as read are far from it
FALSE_ALARMS = 3  # times the target: 450 validation images are good to a factor of about 1.5

better_than_untrained = partial(
    nb1_detector.better_than_untrained,
    advice="load_backbone(pretrained=train, seed=seed): ImageNet's weights when train is true",
)
reaches_floor = partial(
    nb1_detector.reaches_floor,
    advice="fill the bank with features_of(network, ...) of training images alone, at LAYER",
)
few_labels_reach_floor = partial(
    nb1_detector.reaches_floor,
    advice="standardise both sets by the normal one, label anomalies 1, and hand the normal "
    "features to HeadDetector as the backbone gave them",
)
score_is_upright = partial(
    nb1_detector.score_is_upright,
    advice="label normal images 0 and anomalies 1; far from the normal images means a high score",
)
same_in_any_order = partial(
    nb1_detector.same_in_any_order,
    advice="score through the detector's own method; backbone.features is in evaluation mode",
)
same_for_same_seed = partial(
    nb1_detector.same_for_same_seed,
    advice="draw with np.random.default_rng(seed), and hand seed to load_backbone and train_head",
)


def detector_form(got: Any, names: tuple[str, ...], kind: str) -> Finding | None:
    """What comes back has the attributes and methods of the class that is given."""
    missing = [name for name in names if not hasattr(got, name)]
    if not missing:
        return None
    return Finding(
        f"a {kind}",
        f"{describe(got)}, without {missing[0]}",
        "something else is returned, or nothing at all",
        f"make a {kind}, set its threshold, and return it",
    )


def threshold_is_set(got: Any) -> Finding | None:
    """The threshold is one finite number."""
    if is_number(got) and np.isfinite(float(got)):
        return None
    return Finding(
        "a threshold: one finite number",
        describe(got),
        "the detector was returned before its threshold was set",
        "detector.threshold = threshold_at(detector.anomaly_score(x_val), target_fpr)",
    )


def bank_size(got: Any, wanted: int, images: int) -> Finding | None:
    """The bank holds as many rows as the budget says.

    Parameters
    ----------
    got : object
        What ``parameters()`` returned.
    wanted : int
        Rows.
    images : int
        How many training images there were.
    """
    arrays = list(got) if isinstance(got, (list, tuple)) else []
    rows = np.shape(arrays[0])[0] if arrays and np.ndim(arrays[0]) else 0
    if rows == wanted:
        return None
    why = "the budget is not heeded"
    if rows == 0:
        why = "there is no bank"
    elif rows < min(images, wanted):
        why = "training images were left out"
    return Finding(
        f"a bank of {wanted} rows from {images} training images",
        f"{rows} rows" if rows else describe(got),
        why,
        "draw BANK[budget] of the training images, or all if there are fewer",
    )


def bank_is_drawn(first: Any, other: Any) -> Finding | None:
    """Another seed draws other images for the bank."""
    if not _same(first, other):
        return None
    return Finding(
        "another draw of training images for another seed",
        "exactly the same bank",
        "the first images are taken whatever the seed, or the seed is a fixed number",
        "np.random.default_rng(seed).permutation(len(x_train))[: BANK[budget]]",
    )


def other_backbone_untrained(trained: Any, untrained: Any) -> Finding | None:
    """With train=False the features come from random weights."""
    if not _same(trained, untrained):
        return None
    return Finding(
        "other features with train=False: those of random weights",
        "exactly the same bank",
        "the argument train is not used",
        "load_backbone(pretrained=train, seed=seed)",
    )


def false_alarms_as_promised(rate: float, target: float) -> Finding | None:
    """Unseen normal images are flagged about as often as the target says."""
    if rate <= FALSE_ALARMS * target:
        return None
    return Finding(
        f"about {target:.0%} of unseen normal images above the threshold",
        f"{rate:.1%} of them",
        "the threshold came from images that the detector knows already: their nearest neighbour "
        "is the image itself",
        "keep x_val out of the bank, and take the threshold from its scores",
    )


def labels_belong(got: Any, normal: int, anomaly: int) -> Finding | None:
    """The head was to learn from every image, dark normal ones as 0 and bright anomalies as 1.

    Parameters
    ----------
    got : ndarray, shape (n, 2), or None
        Brightness and label of each row that the head got; None where no head was asked for, as
        in a detector of another kind.
    normal, anomaly : int
        How many images there were.
    """
    if got is None:
        return None
    brightness, labels = np.asarray(got, float).T
    if len(labels) < normal + anomaly:
        return Finding(
            f"a head that learns from all {normal + anomaly} images",
            f"{len(labels)} rows",
            "the normal images or the anomalies were left out",
            "put the features of both together, one below the other",
        )
    bright = brightness > BRIGHT
    for images, label, name in ((~bright, 0, "normal images"), (bright, 1, "anomalies")):
        if not np.all(labels[images] == label):
            return Finding(
                f"the label {label} for {name}",
                f"labels {np.unique(labels[images]).tolist()}",
                "labels and rows do not belong together, or the two labels are swapped",
                "zeros for the normal images, ones for the anomalies, in the order of the features",
            )
    return None


def scaled_once(normal: Any) -> Finding | None:
    """The features that set a HeadDetector's scale are as the backbone gave them.

    Parameters
    ----------
    normal : object
        The detector's attribute `normal`; what is no table of numbers is not judged.
    """
    table = np.asarray(normal) if isinstance(normal, (np.ndarray, list)) else np.empty(0)
    if table.ndim != 2 or table.dtype.kind != "f" or len(table) < 2:
        return None
    spread = table.std(axis=0)
    varies = spread > 0
    scaled = np.abs(table.mean(axis=0)).max() < SCALED and varies.any() and (
        np.abs(spread[varies] - 1).max() < SCALED
    )  # fmt: skip
    if not scaled:
        return None
    return Finding(
        "a HeadDetector with the normal features as the backbone gave them",
        "features of mean 0 and standard deviation 1",
        "they were standardised already, and the detector standardises by them: other images are "
        "then not scaled at all",
        "keep the raw features for HeadDetector, and standardise copies for the head",
    )


def learns_from_labels(with_labels: float, without: float) -> Finding | None:
    """The labelled anomalies make a difference: with normal images as "anomalies" there is none.

    Parameters
    ----------
    with_labels, without : float
        AUROCs of a fit on labelled anomalies, and of one on normal images that were handed in as
        anomalies.
    """
    if with_labels > without:
        return None
    return Finding(
        "a higher AUROC from labelled anomalies than from normal images in their place",
        f"{with_labels:.3f}, and {without:.3f} without a true anomaly",
        "x_anomaly is not used, or its labels are not 1",
        "train the head on the features of both sets, labels 0 and 1",
    )


def _same(first: Any, other: Any) -> bool:
    pairs = list(zip(_arrays(first), _arrays(other), strict=False))
    return bool(pairs) and all(np.array_equal(a, b) for a, b in pairs)


def _arrays(got: Any) -> list[NDArray[Any]]:
    return [np.asarray(part) for part in got] if isinstance(got, (list, tuple)) else []
