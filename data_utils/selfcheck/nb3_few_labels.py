"""Exercise 3.10: what the head learns from, and what the detector keeps. Right tables are given."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.values import describe
from data_utils.selfcheck.words import Finding

Floats = NDArray[np.float64]
SAME_ROW = 1e-3  # of the largest number; single precision leaves about 1e-6


def labels_belong(rows: Any, labels: Any, normal: Floats, anomaly: Floats) -> Finding | None:
    """The head was to learn from every image: standardised by the normal ones, 0 and 1.

    Parameters
    ----------
    rows, labels : ndarray, shape (n, k) and (n,), or None
        What the head was to learn from; None where no head was asked for, as in a detector of
        another kind.
    normal, anomaly : ndarray, shape (a, k) and (b, k)
        Features of all images. "Standardising" took the largest number of its first table off.
    """
    table, given = _table(rows, normal.shape[1]), _numbers(labels)
    if table is None or given is None or len(table) != len(given):
        return None
    count = len(normal) + len(anomaly)
    if len(table) < count:
        return Finding(
            f"a head that learns from all {count} images",
            f"{len(table)} rows",
            "the normal images or the anomalies were left out",
            "put the features of both together, one below the other",
        )
    for features, why in _standardised(normal, anomaly):
        found = _places(table, features)
        if found is None:
            continue
        if why:
            return Finding(
                "a head that learns on features in standard deviations of the normal ones",
                "other features",
                why,
                "features = np.concatenate(standardise(normal, anomaly))",
            )
        return _labels(given, found < len(normal))
    return None


def _standardised(normal: Floats, anomaly: Floats) -> Iterator[tuple[Floats, str]]:
    """Yield the features that a head may learn from, with what is wrong with them."""
    both = np.concatenate([normal, anomaly])
    yield both - normal.max(), ""
    yield both, "they were not standardised"
    yield both - both.max(), "they were standardised by the anomalies, or by all images together"
    yield (
        np.concatenate([normal - normal.max(), anomaly - anomaly.max()]),
        "each set was standardised by itself, so that the difference between them is lost",
    )


def _labels(labels: Floats, is_normal: NDArray[np.bool_]) -> Finding | None:
    for images, label, name in ((is_normal, 0, "normal images"), (~is_normal, 1, "anomalies")):
        if not np.all(labels[images] == label):
            shown = ", ".join(f"{value:g}" for value in np.unique(labels[images])[:3])
            return Finding(
                f"the label {label} for {name}",
                f"labels {shown}",
                "labels and rows do not belong together, or the two labels are swapped",
                "zeros for the normal images, ones for the anomalies, in the order of the features",
            )
    return None


def scaled_once(normal: Any, expected: Floats, anomalies: int) -> Finding | None:
    """The features that set a HeadDetector's scale are those of the normal images, as they were.

    Parameters
    ----------
    normal : object
        The detector's attribute `normal`. A detector of another kind has none, or one of other
        features: then it is not judged.
    expected : ndarray, shape (n, k)
        The features of the normal images, as the backbone gave them.
    anomalies : int
        How many labelled anomalies there were.
    """
    table = _table(normal, expected.shape[1])
    other_kind = isinstance(normal, np.ndarray) and normal.ndim == 2 and normal.dtype.kind in "iuf"
    if table is None and (normal is None or other_kind):
        return None
    if table is None:
        return Finding("a HeadDetector whose attribute normal is a table of features",
                       describe(normal), "something else was handed in",
                       "HeadDetector(network, normal, head)")  # fmt: skip
    room = SAME_ROW * (float(np.std(expected)) + 1e-12)
    mean, spread = table.mean(axis=0), table.std(axis=0)
    if len(table) == len(expected) and (
        np.abs(mean - expected.mean(axis=0)).max() <= room
        and np.abs(spread - expected.std(axis=0)).max() <= room
    ):
        return None
    why = "these are other features than those of x_normal"
    got = f"{len(table)} rows of features"
    if len(table) == len(expected) + anomalies:
        why = "the anomalies are among them: the scale is to be that of normal images alone"
    elif len(table) == anomalies:
        why = "these are the features of the anomalies"
    moved = np.abs(spread - expected.std(axis=0)).max() <= room or np.abs(mean).max() <= SAME_ROW
    if moved and np.abs(mean - expected.mean(axis=0)).max() > room:
        got = f"{len(table)} rows, standardised already"
        why = "the detector standardises by them itself: other images are then not scaled at all"
        if len(table) != len(expected):
            why += "; and the anomalies are among them"
    return Finding(
        f"a HeadDetector with the {len(expected)} normal features as the backbone gave them",
        got,
        why,
        "keep the raw features for HeadDetector, and standardise copies for the head",
    )


def _places(rows: Floats, features: Floats) -> NDArray[np.int_] | None:
    """Return for each row which of some features it is; None unless each is there once."""
    if rows.shape != features.shape:
        return None
    gaps = np.abs(rows[:, None] - features[None]).max(axis=2)
    nearest = gaps.argmin(axis=1)
    fits = gaps.min(axis=1) <= SAME_ROW * max(float(np.abs(features).max()), 1.0)
    return nearest if fits.all() and len(set(nearest.tolist())) == len(rows) else None


def _table(value: Any, columns: int) -> Floats | None:
    """Return rows of so many finite features as floats; None for anything else."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iuf" or value.ndim != 2:
        return None
    if value.shape[1] != columns or not len(value) or not np.isfinite(value).all():
        return None
    return value.astype(np.float64)


def _numbers(value: Any) -> Floats | None:
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf" or value.ndim != 1:
        return None
    return value.astype(np.float64)
