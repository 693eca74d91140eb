"""Exercise 3.8: what can be wrong with a squared Mahalanobis distance. Right values are given."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.nb3_distances import BY_HAND, Floats, Mistake, short
from data_utils.selfcheck.words import Finding

GAUSSIAN_RTOL = 2e-3  # an inverse in float32 is off by about a tenth of that on these inputs


def gaussian_values(
    got: Any, expected: Floats, bank: NDArray[Any], queries: NDArray[Any], shrinkage: float
) -> Finding | None:
    """Compare squared distances with the right ones; name the mistake behind a difference.

    The variance may be that of n or of n - 1 rows: both are in use, and NumPy and scikit-learn
    differ in it. It scales the whole covariance, so the distance of n is that of n - 1 times
    n / (n - 1).

    Parameters
    ----------
    got : object
        What the learner's function returned, of the right form.
    expected : ndarray, shape (n,)
        The right squared distances, with the variance of n - 1 rows.
    bank, queries, shrinkage : ndarray, ndarray, float
        What the function was called with, or the default that it should have.
    """
    values, factor = np.asarray(got, float), len(bank) / (len(bank) - 1)
    if any(_alike(values, right) for right in (expected, factor * expected)):
        return None
    why, advice = "the formula differs", BY_HAND
    for wrong, reason, cure in _gaussian_mistakes(expected, bank, queries, shrinkage):
        if any(_alike(values, scale * wrong) for scale in (1, factor, 1 / factor)):
            why, advice = reason, cure
            break
    else:
        if values.min() < 0 or values.max() > 1e3 * expected.max():
            why = "the covariance can hardly be inverted, and rounding takes over"
            advice = "shrink it before it is inverted"
    return Finding(f"d^2 of {short(expected)}", f"d^2 of {short(values)}", why, advice)


def _alike(values: Floats, other: Floats) -> bool:
    return np.shape(other) == values.shape and np.allclose(
        values, other, rtol=GAUSSIAN_RTOL, atol=1e-6 * float(np.abs(other).max())
    )


def _gaussian_mistakes(
    expected: Floats, bank: NDArray[Any], queries: NDArray[Any], s: float
) -> Iterator[Mistake]:
    """Yield what typical mistakes give, each with the reason and the cure.

    Each is the right distance times a ratio: how many times larger another center or another
    matrix makes it.
    """
    b, q = bank.astype(float), queries.astype(float)
    away, sigma = q - b.mean(axis=0), np.cov(b, rowvar=False)
    mean_variance = float(np.trace(sigma)) / len(sigma)
    shrunk = (1 - s) * sigma + s * mean_variance * np.eye(len(sigma))
    yield np.sqrt(expected), "the root was taken", "d^2 is asked for: leave the root out"
    for matrix, reason, cure in _other_matrices(b, q, sigma, shrunk, s):
        yield expected * _ratio((away, matrix), (away, shrunk)), reason, cure
    from_bank = "subtract the mean of the bank's rows, axis=0, from each query"
    for moved, reason in (
        (q, "the mean was not taken off"),
        (q - q.mean(axis=0), "centred by the mean of the queries"),
        (q - b.mean(), "one mean for all features"),
    ):
        yield expected * _ratio((moved, shrunk), (away, shrunk)), reason, from_bank
    yield expected / 2, "half of it: that is from the logarithm of the density", "drop the half"
    yield -expected, "the sign is turned", "far away means anomalous: keep it positive"
    yield expected / len(sigma), "a mean over the features", "sum over the features"


def _other_matrices(
    b: Floats, q: Floats, sigma: Floats, shrunk: Floats, s: float
) -> Iterator[tuple[NDArray[Any], str, str]]:
    """Yield the matrices that stand in the shrunk covariance's place, with reason and cure."""
    eye, mean_variance = np.eye(len(sigma)), float(np.trace(sigma)) / len(sigma)
    formula = "shrunk covariance: (1 - s) times the covariance plus s times mean variance times I"
    found: list[tuple[Any, str, str]] = [
        (sigma, "the covariance was not shrunk", formula),
        (s * sigma + (1 - s) * mean_variance * eye, "s and 1 - s are swapped", formula),
        ((1 - s) * sigma + s * eye, "shrunk towards I itself, not I times the mean variance",
         "the sphere is I times the mean of the covariance's diagonal"),
        ((1 - s) * sigma + s * np.trace(sigma) * eye, "the sum of the variances, not their mean",
         "divide the trace by the number of features"),
        ((1 - s) * sigma + s * sigma.mean() * eye, "the mean of the whole covariance was taken",
         "take the mean of its diagonal alone"),
        (sigma + s * mean_variance * eye, "the sphere was added and nothing taken away", formula),
        (sigma + s * eye, "a small number was added to the diagonal: another remedy", formula),
        ((1 - s) * sigma, "the sphere is missing", formula),
        (np.diag(np.diag(shrunk)), "only the variances count, not the covariances",
         "invert the whole matrix"),
        (np.diag(np.diag(sigma)), "only the variances count, not the covariances",
         "invert the whole matrix, after it was shrunk"),
        (mean_variance * eye, "shrunk all the way to the sphere", formula),
        (0.9 * sigma + 0.1 * mean_variance * eye, "the shrinkage is 0.1, whatever was asked for",
         "use the argument shrinkage"),
        (np.corrcoef(b, rowvar=False), "correlations instead of covariances", "use np.cov"),
        (eye, "squared Euclidean distances: the covariance is not in it",
         "put the inverse of the shrunk covariance between the two differences"),
        (shrunk @ shrunk, "the inverse was taken twice", "invert the covariance once"),
        (np.linalg.pinv(shrunk), "the covariance itself, not its inverse", "np.linalg.inv(...)"),
    ]  # fmt: skip
    yield from found
    for sample, reason in (
        (b.T @ b / (len(b) - 1), "the covariance was built without taking the mean off"),
        (np.cov(q, rowvar=False), "this is the covariance of the queries"),
    ):
        sphere = np.trace(sample) / len(sample) * eye
        cure = "use the bank's columns, each minus its mean: np.cov(bank, rowvar=False)"
        yield (1 - s) * sample + s * sphere, reason, cure


def _ratio(wrong: tuple[Floats, NDArray[Any]], right: tuple[Floats, NDArray[Any]]) -> Floats:
    """Return how many times larger a center and a matrix make a distance than others do."""
    up, down = (
        ((away @ np.linalg.pinv(matrix)) * away).sum(axis=1) for away, matrix in (wrong, right)
    )
    ratio: Floats = up / np.where(down > 0, down, np.nan)
    return ratio
