"""Exercise 4.8: what can be wrong with Dirichlet parameters, and with what is said of them.

Nothing here estimates parameters. Those of the learner are put into the equations that hold where
the likelihood is largest, or after one step; a mistake makes another equation hold.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.dirichlet import dirichlet_start
from data_utils.selfcheck.nb3_distances import short
from data_utils.selfcheck.values import describe
from data_utils.selfcheck.words import Finding
from data_utils.special import digamma, gammaln, polygamma

AT_MAXIMUM = 1e-3  # relative; with the tolerance of 1e-6 that is asked for it is below 1e-5
SETTLED = 1e-5  # the same, of a row that another method has brought there
SAME = 1e-6  # relative, of parameters after equally many steps; two steps in a row differ by more
Floats = NDArray[np.float64]
Parts = tuple[Floats, NDArray[np.bool_]]


LOG_OF_MEAN = (
    "the logarithm of the mean probability, where the mean of the logarithms belongs",
    "log_p.mean(axis=0): no exponential",
)
OVER_TRANSFORMS = (
    "the sum of the alphas ran over the transformations: it goes over the labels of one",
    "add up along axis 1, and keep that axis: keepdims=True",
)


# ------------------------------------------------------------ form


def fit_form(got: Any, log_p: NDArray[Any]) -> Finding | None:
    """Two results: positive parameters (t, k), and a truth value for each row."""
    shape = log_p.shape[1:]
    expected = f"two results: alphas of shape {shape}, and converged of shape ({shape[0]},)"
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        return Finding(expected, describe(got), "one of the two is not returned",
                       "return alphas, and of each row whether it settled")  # fmt: skip
    alphas, settled = (_as_array(part) for part in got)
    if alphas.shape != shape or alphas.dtype.kind not in "iuf":
        why = "the rows of log_p[:, j] belong to transformation j, and each has its own parameters"
        if alphas.shape in (shape[1:], (1, *shape[1:])):
            why = "one row of parameters for all transformations: each has its own"
        return Finding(expected, f"alphas: {describe(got[0])}", why,
                       "take the mean over the images alone (axis=0)")  # fmt: skip
    if not np.isfinite(alphas).all() or (alphas <= 0).any():
        return _not_positive(alphas, log_p)
    if settled.shape != shape[:1] or not _are_truths(settled):
        why = "converged is not one truth value for each row"
        if settled.shape == ():
            why = "one answer for all rows: some may have settled and others not"
        return Finding(expected, f"converged: {describe(got[1])}", why,
                       "measure the step of each row: np.linalg.norm(..., axis=1)")  # fmt: skip
    return None


def _not_positive(alphas: NDArray[Any], log_p: NDArray[Any]) -> Finding:
    bad = int((~np.isfinite(alphas) | (alphas <= 0)).sum())
    why = "the steps began at 0 or below, or inverse_digamma is missing: digamma(x) is not x"
    if np.min(log_p) < -200:
        why = (
            "a probability was rounded to 0, and its logarithm taken; or a step became infinite on "
            "the way, as Newton's can"
        )
    return Finding(
        f"finite parameters above 0 (the least log-probability is {np.min(log_p):.4g})",
        f"{bad} of {alphas.size} are 0, below 0, NaN or infinite",
        why,
        "begin at dirichlet_start(log_p); undo the digamma by inverse_digamma",
    )


def parts(got: Any) -> Parts:
    """Return parameters and truth values of a result of the right form."""
    return _as_array(got[0]).astype(np.float64), _as_array(got[1]).astype(bool)


def _as_array(value: Any) -> NDArray[Any]:
    try:
        return np.asarray(value)
    except ValueError:  # rows of different lengths
        return np.asarray(None)


def _are_truths(values: NDArray[Any]) -> bool:
    return values.dtype.kind in "biuf" and bool(np.isin(values, (0, 1)).all())


# ------------------------------------------------------------ the largest likelihood


def off_maximum(alphas: Floats, log_p: NDArray[Any]) -> Floats:
    """Return how far each row is from the largest likelihood, relative to its parameters.

    The length of the next step that Newton's method would take: exact near the maximum.
    """
    found = []
    for row, logs in zip(alphas, np.swapaxes(log_p, 0, 1), strict=True):
        slope = logs.mean(axis=0) - digamma(row) + digamma(row.sum())
        bend = polygamma(1, row)
        common = (slope / bend).sum() / (1 / polygamma(1, row.sum()) - (1 / bend).sum())
        found.append(float(np.max(np.abs((slope + common) / bend) / row)))
    return np.array(found)


def most_likely(got: Any, log_p: NDArray[Any]) -> Finding | None:
    """Every row has the parameters of the largest likelihood."""
    alphas, _ = parts(got)
    off = off_maximum(alphas, log_p)
    if (off <= AT_MAXIMUM).all():
        return None
    row = int(np.argmax(off))
    why, advice = _why_elsewhere(alphas, row, log_p)
    logs = log_p[:, row].mean(axis=0)
    left = digamma(alphas[row]) - digamma(alphas[row].sum())
    return Finding(
        f"digamma(alpha) - digamma(sum of alphas) = {short(logs)} in row {row}, the mean of log_p",
        f"{short(left)}, with alphas {short(alphas[row])}", why, advice,
    )  # fmt: skip


def _why_elsewhere(alphas: Floats, row: int, log_p: NDArray[Any]) -> tuple[str, str]:
    """Return which mistake leads to a row of parameters, and what to do."""
    logs, shares = log_p.mean(axis=0), np.exp(log_p[:, row]).mean(axis=0)
    total = alphas[row].sum()
    if np.allclose(alphas[row], dirichlet_start(log_p)[row], rtol=SAME):
        return "this is dirichlet_start: no step was taken", "repeat the step, up to steps times"
    if np.allclose(digamma(alphas), digamma(alphas.sum(axis=0)) + logs, atol=1e-3):
        return OVER_TRANSFORMS
    grown = total > 3 * dirichlet_start(log_p)[row].sum()  # with that mistake it grows for ever
    if grown and np.allclose(alphas[row] / total, shares, atol=0.01):
        return LOG_OF_MEAN
    rest = np.abs(digamma(alphas[row]) - digamma(total) - logs[row]).max()
    return (
        f"the equation is off by up to {rest:.2g}: another step is repeated, or too few are taken",
        "the first steps by hand: see whether they are those of the text",
    )


def likelihood(alphas: Floats, log_p: NDArray[Any]) -> Floats:
    """Return the mean log-density of each row."""
    logs = log_p.mean(axis=0)
    constant = gammaln(alphas.sum(axis=1)) - gammaln(alphas).sum(axis=1)
    density: Floats = constant + np.einsum("tk,tk->t", alphas - 1, logs)
    return density


# ------------------------------------------------------------ converged


def says_settled(got: Any, rows: Sequence[int]) -> Finding | None:
    """These rows have settled, and converged says so."""
    _, settled = parts(got)
    silent = [row for row in rows if not settled[row]]
    if not silent:
        return None
    return Finding(
        f"converged = True in row {silent[0]}: its last step is shorter than tolerance",
        f"converged = {settled.tolist()}",
        "all rows are answered together, the comparison is turned round, or tolerance is not used",
        "compare the length of each row's own last step with tolerance",
    )


def says_unsettled(got: Any) -> Finding | None:
    """After so few steps no row has settled, and converged says so."""
    _, settled = parts(got)
    if not settled.any():
        return None
    return Finding(
        "converged = False everywhere: the last steps were far longer than tolerance",
        f"converged = {settled.tolist()}",
        "True whatever happened, the comparison is turned round, or more steps than asked for",
        "compare the length of each row's last step with tolerance; take at most `steps` steps",
    )


def settled_rows_are_there(got: Any, log_p: NDArray[Any]) -> Finding | None:
    """A row of which converged says True is where the likelihood is largest."""
    alphas, settled = parts(got)
    off = off_maximum(alphas, log_p)
    wrong = np.flatnonzero(settled & (off > AT_MAXIMUM))
    if not len(wrong):
        return None
    return Finding(
        f"converged = False in row {wrong[0]}, which is {off[wrong[0]]:.1%} away from the maximum",
        f"converged = {settled.tolist()}",
        "True for every row, or for all of them as soon as one has settled",
        "compare the length of each row's own last step with tolerance",
    )
