"""What the maximum-likelihood estimate of a Dirichlet distribution needs beside its fixed point."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.special import digamma, polygamma

_NEWTON_STEPS = 5  # Minka (2000), appendix C: fourteen digits for any y
_SWITCH = -2.22  # where his two first guesses meet


def inverse_digamma(y: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the x > 0 whose digamma is y, for each number of an array.

    Newton's method from the first guess of Minka, "Estimating a Dirichlet distribution" (2000),
    appendix C.

    Parameters
    ----------
    y : ndarray of float
        Of any shape.

    Returns
    -------
    ndarray of float64, of the same shape

    Examples
    --------
    >>> inverse_digamma(digamma(np.array([0.01, 1.0, 50.0]))).round(9).tolist()
    [0.01, 1.0, 50.0]
    """
    y = np.asarray(y, np.float64)
    large = np.exp(np.minimum(y, 700)) + 0.5  # above 700 the exponential of a float64 is infinite
    small = -1 / np.minimum(y - digamma(1.0), -1)  # of those that lie below the switch
    x: NDArray[np.float64] = np.where(y >= _SWITCH, large, small)
    for _ in range(_NEWTON_STEPS):
        x = x - (digamma(x) - y) / polygamma(1, x)
    return x


def dirichlet_start(log_p: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return a first guess of Dirichlet parameters, from which the fixed point is soon reached.

    The mean probabilities, times an estimate of the parameters' sum (Wicker et al., "A maximum
    likelihood approximation method for Dirichlet's parameter estimation", 2008).

    Parameters
    ----------
    log_p : ndarray of float, shape (n, ..., k)
        Logarithms of probabilities that add up to 1 along the last axis.

    Returns
    -------
    ndarray of float64, shape (..., k)
        All positive.
    """
    log_p = np.asarray(log_p, np.float64)
    mean = np.maximum(np.exp(log_p).mean(axis=0), np.finfo(np.float64).tiny)
    apart = (mean * (np.log(mean) - log_p.mean(axis=0))).sum(axis=-1, keepdims=True)
    classes = log_p.shape[-1]
    total = (classes - 1) * -digamma(1.0) / np.maximum(apart, np.finfo(np.float64).eps)
    start: NDArray[np.float64] = mean * total
    return start
