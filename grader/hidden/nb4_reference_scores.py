"""Values of exercises 4.7 to 4.13 written again, slow and small, to compare answers with."""

import math
import statistics
from collections.abc import Callable

import numpy as np

from data_utils.dirichlet import dirichlet_start
from data_utils.special import digamma

Slope = Callable[[np.ndarray], np.ndarray]


def doubt(log_p: np.ndarray) -> np.ndarray:
    """Go through images and transformations; minus the mean probability of the right label."""
    return np.array(
        [-statistics.fmean(math.exp(row[j]) for j, row in enumerate(image)) for image in log_p]
    )


def log_density(log_p: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """Go through all terms; minus their sum over the number of transformations."""
    scores = []
    for image in log_p:
        terms = [
            (float(alpha) - 1.0) * float(log)
            for row, parameters in zip(image, alphas, strict=True)
            for log, alpha in zip(row, parameters, strict=True)
        ]
        scores.append(-math.fsum(terms) / len(alphas))
    return np.array(scores)


def path(log_p: np.ndarray, steps: int) -> list[np.ndarray]:
    """Return the start and the parameters after each step; the inverse is found by a search.

    One number at a time: meant for few steps of few labels.
    """
    logs = [[math.fsum(column) / len(log_p) for column in rows.T] for rows in log_p.swapaxes(0, 1)]
    found = [dirichlet_start(log_p)]
    for _ in range(steps):
        rows = [digamma(math.fsum(row)) for row in found[-1]]
        found.append(
            np.array(
                [
                    [_where_digamma_is(whole + log) for log in means]
                    for whole, means in zip(rows, logs, strict=True)
                ]
            )
        )
    return found


def _where_digamma_is(y: float) -> float:
    """Search the logarithm of x: digamma rises all the way."""
    from scipy.optimize import brentq  # not before it is needed: the grader starts without scipy

    return math.exp(brentq(lambda z: digamma(math.exp(z)) - y, -30, 30, xtol=1e-14, rtol=1e-14))


def rates(truth: np.ndarray, called: np.ndarray, positive: str) -> dict[str, float]:
    """Count the four kinds of images one by one."""
    positives, calls = (
        [bool(x) is (positive == "anomaly") for x in part] for part in (truth, called)
    )
    pairs = list(zip(positives, calls, strict=True))
    return {
        "type_1": pairs.count((False, True)) / positives.count(False),
        "type_2": pairs.count((True, False)) / positives.count(True),
    }


def five_runs(runs: np.ndarray, baseline: np.ndarray) -> dict[str, list[float] | float | int]:
    """Sum up class by class, by Python's statistics."""
    means = [statistics.fmean(row) for row in runs.tolist()]
    ours, theirs = statistics.fmean(means), statistics.fmean(baseline.tolist())
    return {
        "mean": means,
        "sem": [statistics.stdev(row) / math.sqrt(len(row)) for row in runs.tolist()],
        "points": (ours - theirs) * 100,
        "relative": (ours / theirs - 1) * 100,
        "behind": sum(b > m for b, m in zip(baseline.tolist(), means, strict=True)),
    }


def climb(image: np.ndarray, slope: Slope, steps: int, rate: float) -> list[np.ndarray]:
    """Return the image at the start and after each step, each pixel cut by itself."""
    images = [np.array(image, float)]
    for _ in range(steps):
        now, up = images[-1], slope(images[-1])
        after = [
            min(max(float(x) + rate * float(s), 0.0), 1.0)
            for x, s in zip(now.ravel(), up.ravel(), strict=True)
        ]
        images.append(np.array(after).reshape(now.shape))
    return images
