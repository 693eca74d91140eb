"""The right answers of exercises 2.6, 2.7, 2.9 and 2.10, worked out again: small and slow."""

import math
from typing import Any

import numpy as np


def loss_halves(measured: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the loss of pixels and of features for each row of copies, in float64."""
    pixel = [_mean_square(measured["x"], copies) for copies in measured["x_hat"]]
    feature = [_mean_square(measured["phi"], copies) for copies in measured["phi_hat"]]
    return np.array(pixel), np.array(feature)


def slopes(losses: np.ndarray, shift: float) -> np.ndarray:
    """Return the slope along each number of the code, from shifts up and down."""
    rows = losses[1:].reshape(-1, 2)  # the first row is the loss without a shift
    found: np.ndarray = (rows[:, 0] - rows[:, 1]) / (2 * shift)
    return found


def combined_scores(parts: tuple[np.ndarray, ...]) -> np.ndarray:
    """Add the two errors of each image, each in standard deviations (n values) of the normals."""
    pixel, feature, pixel_val, feature_val = (part.tolist() for part in parts)
    p_mean, p_sd = _mean_and_sd(pixel_val)
    q_mean, q_sd = _mean_and_sd(feature_val)
    pairs = zip(pixel, feature, strict=True)
    return np.array([(p - p_mean) / p_sd + (q - q_mean) / q_sd for p, q in pairs])


def verdict_table(
    scores: np.ndarray, digits: np.ndarray, normal: int, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Go through the images one by one: truth, verdict, matrix."""
    truth, verdict, matrix = [], [], [[0, 0], [0, 0]]
    for score, digit in zip(scores.tolist(), digits.tolist(), strict=True):
        truth.append(0 if digit == normal else 1)
        verdict.append(1 if score > threshold else 0)
        matrix[truth[-1]][verdict[-1]] += 1
    return np.array(truth), np.array(verdict), np.array(matrix)


def upper_bound(found: int, count: int) -> float:
    """Upper end of the 95 % interval of Clopper and Pearson, by bisection.

    The rate at which `found` or fewer of `count` turn up with a probability of 2.5 %.
    """
    low, high = 0.0, 1.0
    for _ in range(60):
        rate = (low + high) / 2
        below = sum(
            math.comb(count, k) * rate**k * (1 - rate) ** (count - k) for k in range(found + 1)
        )
        low, high = (rate, high) if below > 0.025 else (low, rate)
    return low


def black_error(images: np.ndarray) -> float:
    """Mean squared grey value on the scale [0, 1], from how often each value occurs."""
    counts = np.bincount(images.ravel(), minlength=256)
    squares = [float(n) * (value / 255) ** 2 for value, n in enumerate(counts.tolist())]
    return math.fsum(squares) / images.size


def _mean_square(first: np.ndarray, second: np.ndarray) -> float:
    difference = first.astype(np.float64) - second
    return float(np.sum(difference * difference) / difference.size)


def _mean_and_sd(values: list[float]) -> tuple[float, float]:
    mean = math.fsum(values) / len(values)
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))
