"""Exercise 4.8: does the fixed point take the steps of the text, and as many as it is told to?"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.dirichlet import dirichlet_start
from data_utils.selfcheck.nb3_distances import short
from data_utils.selfcheck.nb4_dirichlet import (
    LOG_OF_MEAN,
    OVER_TRANSFORMS,
    SAME,
    SETTLED,
    Floats,
    likelihood,
    off_maximum,
    parts,
)
from data_utils.selfcheck.words import Finding
from data_utils.special import digamma

SAME_STEP = 1e-5  # of digammas after one step: they agree to 1e-12, and steps are 1e-3 and more


def one_step(got: Any, log_p: NDArray[Any], later: Sequence[Floats] = ()) -> Finding | None:
    """With steps=1 the parameters are those after one step from dirichlet_start.

    Another method that gets nearer to the maximum by its first step will do.

    Parameters
    ----------
    got : object
        What came back, of the right form.
    log_p : ndarray, shape (n, t, k)
    later : sequence of ndarray
        The parameters after 2, 3, ... steps, where they are known.
    """
    alphas, _ = parts(got)
    start, logs = dirichlet_start(log_p), log_p.mean(axis=0)
    right = digamma(start.sum(axis=1))[:, None] + logs
    if _alike(digamma(alphas), right):
        return None
    why, advice = "another step than that of the text", "see the formula above"
    for reached, reason, cure in _other_steps(alphas, start, log_p):
        if reached:
            why, advice = reason, cure
            break
    else:
        extra = [i for i, other in enumerate(later) if np.allclose(alphas, other, rtol=SAME)]
        if (off_maximum(alphas, log_p) < SETTLED).all():
            why, advice = "it went on to the end: steps is not used", "take at most `steps` steps"
        elif extra:
            why, advice = f"this is what {extra[0] + 2} steps give", "take `steps` steps, not more"
        elif (likelihood(alphas, log_p) > likelihood(start, log_p)).all():
            return None
    return Finding(
        f"digamma(alphas) = {short(right)} after one step from dirichlet_start(log_p)",
        f"{short(digamma(alphas))}",
        why,
        advice,
    )


def _other_steps(
    alphas: Floats, start: Floats, log_p: NDArray[Any]
) -> Iterator[tuple[bool, str, str]]:
    """Yield whether a typical mistake leads to these parameters, its reason and its cure."""
    logs, after = log_p.mean(axis=0), digamma(alphas)
    whole = digamma(start.sum(axis=1, keepdims=True))
    yield (np.allclose(alphas, start, rtol=1e-9),
           "this is dirichlet_start itself: no step was taken",
           "steps=1 means one step: range(steps)")  # fmt: skip
    yield _alike(after, whole + np.log(np.exp(log_p).mean(axis=0))), *LOG_OF_MEAN
    yield _alike(after, digamma(start.sum(axis=0)) + logs), *OVER_TRANSFORMS
    yield (_alike(after, digamma(start.sum()) + logs),
           "the sum of the alphas ran over everything", OVER_TRANSFORMS[1])  # fmt: skip
    yield (_alike(after, digamma(start.mean(axis=1, keepdims=True)) + logs),
           "the mean of the alphas, where their sum belongs", "sum(axis=1)")  # fmt: skip
    yield (_alike(after, whole + log_p.sum(axis=0)),
           "the sum over the images, where their mean belongs", "log_p.mean(axis=0)")  # fmt: skip
    yield (_alike(after, whole + np.exp(log_p).mean(axis=0)),
           "the mean of the probabilities: no logarithm", "log_p.mean(axis=0)")  # fmt: skip
    yield (_alike(after, whole - logs), "the mean of log_p was subtracted", "add it")
    yield (_alike(after, digamma(start) + logs),
           "digamma of the alphas themselves, where that of their sum belongs",
           "sum(axis=1, keepdims=True)")  # fmt: skip
    yield (_alike(after, start.sum(axis=1, keepdims=True) + logs),
           "the sum of the alphas as it is: its digamma is missing", "digamma(total)")  # fmt: skip


def leaves_the_loop(got: Any, log_p: NDArray[Any]) -> Finding | None:
    """With a tolerance above every step, it stops after the first one."""
    if one_step(got, log_p) is None:
        return None
    return Finding(
        "one step alone, with a tolerance above its length",
        "parameters after more steps",
        "tolerance is not used, or the loop is not left",
        "leave the loop when no row moved by tolerance or more",
    )


def stops_in_time(
    got: Any, log_p: NDArray[Any], path: Sequence[Floats], tolerance: float
) -> Finding | None:
    """Each row has steps shorter than tolerance, and it went on no longer than any row needed.

    Who lets each row stop on its own may, and so may a method that is nearer to the maximum.

    Parameters
    ----------
    got : object
        What came back, of the right form.
    log_p : ndarray, shape (n, t, k)
    path : sequence of ndarray
        The parameters at the start and after each step, up to the last one that was allowed.
    tolerance : float
    """
    alphas, _ = parts(got)
    moved = np.array([np.linalg.norm(b - a, axis=1) for a, b in pairwise(path)])
    first = 1 + np.argmax(moved < tolerance, axis=0)  # the step after which a row may stop
    nearer, off = likelihood(alphas, log_p), off_maximum(alphas, log_p)
    for row, own in enumerate(first):
        reached = [s for s, known in enumerate(path) if np.allclose(alphas[row], known[row], SAME)]
        if off[row] < SETTLED or (reached and own <= reached[0] <= first.max()):
            continue
        if reached and reached[0] > first.max():
            why = "tolerance is not used, or the loop is not left"
            advice = "leave the loop when no row moved by tolerance or more"
        elif not reached and nearer[row] >= likelihood(path[own], log_p)[row]:
            continue  # by other means
        else:
            why = "it stopped too early, or the length of a step was measured otherwise"
            advice = "np.linalg.norm(new - old, axis=1), and stop when all rows are below tolerance"
        steps = f"as after {reached[0]} steps" if reached else f"alphas {short(alphas[row])}"
        return Finding(
            f"row {row} as it is after {own} to {first.max()} steps, with tolerance={tolerance:g}",
            steps, why, advice,
        )  # fmt: skip
    return None


def _alike(one: Floats, other: Floats) -> bool:
    return bool(np.allclose(one, other, rtol=SAME_STEP, atol=SAME_STEP))
