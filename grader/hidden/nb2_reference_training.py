"""The right answers of exercises 2.1 and 2.3, worked out again beside their checks."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from data_utils.selfcheck.nb2_probes_training import (
    DRAWN_AIM,
    FOOLED_AIM,
    HIDDEN,
    REAL_AIM,
    SLOPE,
)


def reference_range(images: np.ndarray) -> np.ndarray:
    """Grey values 0 to 255 on a line from -1 to 1, with an axis for the channel."""
    line = np.array([2 * grey / 255 - 1 for grey in range(256)])
    values: np.ndarray = line[images].reshape(len(images), 1, *images.shape[1:])
    return values


def reference_losses(
    real: Iterable[float], fake: Iterable[float], smoothing: float
) -> tuple[float, float]:
    """Losses of discriminator and generator, logit by logit; for logits of moderate size."""
    p_real = [1 / (1 + math.exp(-float(logit))) for logit in real]
    p_fake = [1 / (1 + math.exp(-float(logit))) for logit in fake]
    on_real = [(1 - smoothing) * math.log(p) + smoothing * math.log(1 - p) for p in p_real]
    on_fake = [math.log(1 - p) for p in p_fake]
    for_generator = [math.log(p) for p in p_fake]
    return -_mean(on_real) - _mean(on_fake), -_mean(for_generator)


def reference_slopes(real: np.ndarray, fake: np.ndarray, smoothing: float) -> dict[str, np.ndarray]:
    """Derivatives of both losses by each logit: sigmoid minus target, over the batch."""
    p_real, p_fake = (
        np.array([1 / (1 + math.exp(-float(z))) for z in part]) for part in (real, fake)
    )
    return {
        "d_real": (p_real - (1 - smoothing)) / len(p_real),
        "d_fake": p_fake / len(p_fake),
        "g_fake": (p_fake - 1) / len(p_fake),
    }


def plain_pair_slopes(
    players: Sequence[np.ndarray], real: np.ndarray, noise: np.ndarray
) -> tuple[list[float], list[np.ndarray]]:
    """Both squared losses of the plain pair of `nb2_probes_training`, and their gradients.

    Parameters
    ----------
    players : sequence of ndarray
        Flat weights of discriminator and generator.
    real : ndarray, shape (n, 1, 28, 28)
    noise : ndarray, shape (m, latent_size)

    Returns
    -------
    list of float
        Of the discriminator, of the generator.
    list of ndarray
        Each one's gradient in its own player's weights, flat.
    """
    eye, bias, head, shift = _parts(players[0], ((HIDDEN, 784), (HIDDEN,), (1, HIDDEN), (1,)))
    first, start, last, end = _parts(
        players[1], ((HIDDEN, noise.shape[1]), (HIDDEN,), (784, HIDDEN), (784,))
    )
    code = noise.astype(float)
    wide = code @ first.T + start
    drawn = np.tanh(_leaky(wide) @ last.T + end)

    def judged(x: np.ndarray, aim: float) -> tuple[float, np.ndarray, list[np.ndarray]]:
        """Squared error of the logits of x; its slope in x, and in the discriminator's weights."""
        seen = x @ eye.T + bias
        off = (_leaky(seen) @ head.T + shift) - aim
        by_logit = 2 * off / len(x)
        by_seen = by_logit @ head * _leaky_slope(seen)
        weights = [by_seen.T @ x, by_seen.sum(0), by_logit.T @ _leaky(seen), by_logit.sum(0)]
        return float(np.mean(off**2)), by_seen @ eye, weights

    on_real, _, from_real = judged(real.reshape(len(real), -1).astype(float), REAL_AIM)
    on_drawn, _, from_drawn = judged(drawn, DRAWN_AIM)
    fooled, by_pixel, _ = judged(drawn, FOOLED_AIM)
    by_end = by_pixel * (1 - drawn**2)
    by_wide = by_end @ last * _leaky_slope(wide)
    generator = [by_wide.T @ code, by_wide.sum(0), by_end.T @ _leaky(wide), by_end.sum(0)]
    discriminator = [a + b for a, b in zip(from_real, from_drawn, strict=True)]
    flat = [
        np.concatenate([part.ravel() for part in parts]) for parts in (discriminator, generator)
    ]
    return [on_real + on_drawn, fooled], flat


def _parts(flat: np.ndarray, shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    sizes = [math.prod(shape) for shape in shapes]
    pieces = np.split(np.asarray(flat, float), np.cumsum(sizes)[:-1])
    return [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]


def _leaky(values: np.ndarray) -> np.ndarray:
    return np.where(values > 0, values, SLOPE * values)


def _leaky_slope(values: np.ndarray) -> np.ndarray:
    return np.where(values > 0, 1.0, SLOPE)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
