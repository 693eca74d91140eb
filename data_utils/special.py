"""Three functions of scipy's, imported when they are called: the grader starts without scipy."""

from typing import Any


def digamma(x: Any) -> Any:
    """Return the slope of the logarithm of the gamma function, for each number of an array."""
    from scipy import special

    return special.digamma(x)


def polygamma(order: int, x: Any) -> Any:
    """Return the derivative of that order of `digamma`, for each number of an array."""
    from scipy import special

    return special.polygamma(order, x)


def gammaln(x: Any) -> Any:
    """Return the logarithm of the gamma function, for each number of an array."""
    from scipy import special

    return special.gammaln(x)
