"""Exercises 3.9 and 3.10: what can be wrong with detectors that read pretrained features.

Most questions are those of exercises 1.5 and 2.8; here stand their words for a bank of features and
for a head, and what is new. Measurements come from the caller.
"""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck import nb1_detector
from data_utils.selfcheck.values import as_float_vector, describe, is_number
from data_utils.selfcheck.words import Finding

NEIGHBOUR_NAMES = ("anomaly_score", "parameters", "threshold", "history")
HEAD_NAMES = ("anomaly_score", "parameters", "threshold")
TWICE = 1e-8  # of the mean squared distance from the middle; two images are 1e-3 apart or more
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


def scores_form(got: Any, count: int) -> Finding | None:
    """One finite score per image, and not all alike."""
    numbers = np.asarray(got) if isinstance(got, (np.ndarray, list, tuple)) and _even(got) else None
    if numbers is not None and numbers.dtype.kind == "f" and numbers.shape == (count,):
        lost = int((~np.isfinite(numbers)).sum())
        if lost:
            return Finding(
                "finite scores",
                f"{lost} of {count} are NaN or infinite",
                "features that are not finite, a division by zero, or a head whose training broke "
                "off",
                "look at features_of(network, x_val[:3]): are they finite numbers?",
            )
    scores = as_float_vector(got, count)
    if isinstance(scores, Finding):
        return scores
    if np.ptp(scores) == 0:
        return Finding(
            "scores that differ from image to image",
            "the same score for every image",
            "the score does not depend on the image: a constant, or features that are all alike",
            "look at features_of(network, x_val[:3]): do the rows differ?",
        )
    return None


def _even(rows: Any) -> bool:
    """Say whether nested rows make an array."""
    try:
        np.asarray(rows)
    except ValueError:
        return False
    return True


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
    arrays = _arrays(got)
    rows = len(arrays[0]) if arrays and arrays[0].ndim else 0
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
    if _tables(first) and _tables(other) and not _same(first, other):
        return None
    return Finding(
        "another draw of training images for another seed",
        "exactly the same bank, or none",
        "the first images are taken whatever the seed, or the seed is a fixed number",
        "np.random.default_rng(seed).permutation(len(x_train))[: BANK[budget]]",
    )


def bank_holds_each_once(bank: Any) -> Finding | None:
    """No training image stands in the bank twice.

    Two rows of the same image differ by rounding, those of two images by far more.
    """
    tables = _tables(bank)
    if not tables:
        return Finding("a bank: features of training images", describe(bank), "there is no bank",
                       "NeighbourDetector(network, features_of(network, ...))")  # fmt: skip
    rows = np.nan_to_num(np.asarray(tables[0], np.float64))
    rows = rows - rows.mean(axis=0)
    squares = (rows**2).sum(axis=1)
    gaps = squares[:, None] + squares - 2 * rows @ rows.T
    np.fill_diagonal(gaps, np.inf)
    twice = int((gaps.min(axis=1) < TWICE * squares.mean()).sum())
    if twice == 0:
        return None
    return Finding(
        "a bank in which each row comes from another image",
        f"{twice} of {len(rows)} rows that stand there more than once",
        "the images were drawn with replacement",
        "np.random.default_rng(seed).permutation(len(x_train))[: BANK[budget]], or "
        "choice(..., replace=False)",
    )


def in_order(bank: Any) -> list[NDArray[Any]]:
    """Return the rows of a bank sorted by all their numbers, however they were drawn."""
    return [table[np.lexsort(table.T)] for table in _tables(bank)]


def random_weights_follow_seed(first: Any, other: Any) -> Finding | None:
    """With train=False another seed gives other random weights.

    Parameters
    ----------
    first, other : list of ndarray
        The banks of two fits on the same images, as `in_order` gives them.
    """
    pairs = list(zip(first, other, strict=False))
    if any(a.shape != b.shape or not np.allclose(a, b, rtol=1e-3) for a, b in pairs):
        return None
    return Finding(
        "other random weights for another seed with train=False",
        "exactly the same features of the same images, or none",
        "load_backbone was not given the seed",
        "load_backbone(pretrained=train, seed=seed)",
    )


def other_backbone_untrained(trained: Any, untrained: Any) -> Finding | None:
    """With train=False the features come from random weights."""
    if _tables(trained) and _tables(untrained) and not _same(trained, untrained):
        return None
    return Finding(
        "other features with train=False: those of random weights",
        "exactly the same bank, or none",
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


def _tables(bank: Any) -> list[NDArray[Any]]:
    """Return the tables of finite numbers in a bank, none where there is no bank."""
    found = [part for part in _arrays(bank) if part.ndim == 2 and part.dtype.kind in "iuf"]
    return [table for table in found if table.size and np.isfinite(table).all()]


def _same(first: Any, other: Any) -> bool:
    pairs = list(zip(_arrays(first), _arrays(other), strict=False))
    return bool(pairs) and all(np.array_equal(a, b) for a, b in pairs)


def _arrays(got: Any) -> list[NDArray[Any]]:
    parts = got if isinstance(got, (list, tuple)) else ()
    return [np.asarray(part) for part in parts if isinstance(part, (np.ndarray, float, int))]
