"""Exercise 2.5: what can be wrong with a search for noise.

Raw measurements come from `nb2_probes_remedies`, out of a process that the learner's code shares.
What is known without it is brought by the caller; nothing here computes an answer.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.values import describe
from data_utils.selfcheck.words import Finding

Measured = dict[str, Any]
FOUND = 0.05  # of the error of any noise: a search that works comes below 0.001, a wrong one stays


def search_measured(
    raw: Any,
    images: NDArray[np.floating[Any]],
    typical: float,
    untouched: tuple[Sequence[Any], Sequence[Any]],
    draw: Callable[[Any], Any],
) -> Measured:
    """Work out what a search found, from what `search_once` returned.

    Parameters
    ----------
    raw : object
    images : ndarray, shape (n, 1, 28, 28)
        Those that were searched for.
    typical : float
        The mean squared error between them and other drawings.
    untouched : tuple of lists of ndarray
        Weights and buffers of the pair, as it was handed out.
    draw : callable
        Returns what an untouched copy of the pair draws from noise.

    Returns
    -------
    dict
        "noise" as it came, its right "shape", the two random "states" after the call; and, if the
        noise has that shape, the "errors" (n,) of its drawings, the "typical" one, and the largest
        changes of "weights" and "buffers".
    """
    known = raw if isinstance(raw, Mapping) else {}
    latent_size = untouched[0][0].shape[1]  # the generator's first layer: (hidden, latent size)
    noise: Any = known.get("noise")
    shape = (len(images), latent_size)
    states = [known.get(f"{name}_state") for name in ("torch", "numpy")]
    measured: Measured = {"noise": noise, "shape": shape, "states": states}
    if not _is_array(noise, shape) or not np.isfinite(noise).all():
        return measured
    errors = _squared_errors(draw(noise.astype(np.float32)), images)
    changes = {
        name: largest_change(before, known.get(name))
        for name, before in zip(("weights", "buffers"), untouched, strict=True)
    }
    return measured | {"errors": errors, "typical": typical, **changes}


def largest_change(before: Sequence[Any], after: Any) -> float:
    """Return the largest change of a number in lists of arrays; infinite where the forms differ."""
    if not isinstance(after, (list, tuple)) or len(after) != len(before):
        return float("inf")
    if not all(_is_array(b, np.shape(a)) for a, b in zip(before, after, strict=True)):
        return float("inf")
    pairs = zip(before, after, strict=True)
    change = max(float(np.max(np.abs(np.asarray(a, float) - b))) for a, b in pairs)
    return float("inf") if np.isnan(change) else change


def _is_array(value: Any, shape: tuple[int, ...]) -> bool:
    return isinstance(value, np.ndarray) and value.shape == shape and value.dtype.kind in "iuf"


def _squared_errors(copies: Any, images: NDArray[Any]) -> NDArray[np.float64]:
    difference = np.asarray(copies, np.float64) - images
    errors: NDArray[np.float64] = np.einsum("nchw,nchw->n", difference, difference) / 784
    return errors


def search_form(found: Measured) -> Finding | None:
    """One row of finite noise for each image."""
    noise, (count, latent_size) = found["noise"], found["shape"]
    expected = f"noise of shape ({count}, {latent_size}): one row for each image"
    if np.shape(noise) == (count, 1, 28, 28):
        return Finding(
            expected,
            f"shape {np.shape(noise)}",
            "these are the copies, not the noise that they are drawn from",
            "return the tensor that the optimiser moves; pair.sample(noise) makes copies of it",
        )
    if not isinstance(noise, np.ndarray) or noise.shape != (count, latent_size):
        return Finding(
            expected,
            describe(noise),
            "every image needs pair.latent_size numbers of its own",
            "start from torch.randn(len(x), pair.latent_size, ...) and return that tensor",
        )
    if noise.dtype.kind not in "iuf" or not np.isfinite(noise).all():
        return Finding(expected, "NaN or infinite noise", "the search ran away",
                       "look at the error in each step, and at the learning rate")  # fmt: skip
    return None


def search_finds(late: Measured, early: Measured) -> Finding | None:
    """After all steps the copies are those that were asked for; name what keeps them away.

    Parameters
    ----------
    late, early : dict
        Measurements after the usual number of steps, and after one.
    """
    errors, typical = np.asarray(late["errors"]), float(late["typical"])
    if errors.max() <= FOUND * typical:
        return None
    expected = f"a copying error near 0: the images are drawings of this pair (not {typical:.3f})"
    got = f"errors up to {errors.max():.3f} of what pair.sample makes of the noise"
    if late["weights"] > 0:
        return networks_changed(expected, got)
    return Finding(expected, got, *_why_not_found(late, early))


def _why_not_found(late: Measured, early: Measured) -> tuple[str, str]:
    """Return the likely mistake of a search that does not come near, and what to try."""
    error, noise = np.mean(late["errors"]), np.asarray(late["noise"])
    if late["buffers"] > 0:
        return (
            "the search ran in training mode: batch norm drew with the batch's own statistics, "
            "so the noise found belongs to other drawings",
            "call pair.generator.eval() before the first step",
        )
    if error > 1.5 * late["typical"] and error > 1.2 * np.mean(early["errors"]):
        return (
            "the error grows from step to step: the sign is turned",
            "minimise the squared error, without a minus sign",
        )
    if np.allclose(noise, early["noise"], atol=1e-6):
        return (
            "the noise after 1 step and after all of them is the same: it is not in the optimiser, "
            "was detached or copied before the error was computed, or the start is returned",
            "give the optimiser [noise], draw pair.generator(noise) in every step, return noise",
        )
    if len(noise) > 1 and np.allclose(noise, noise[:1], atol=1e-4):
        return "all images share one noise", "start from one row of noise for each image"
    return (
        "too few steps, or the error is not that of image and copy",
        "print the error in each step: it should fall to almost nothing on drawn images",
    )


def search_leaves_pair(found: Measured) -> Finding | None:
    """Neither the weights of the pair nor its batch statistics have changed."""
    expected = "networks as they were before the search"
    if found["weights"] > 0:
        return networks_changed(expected, f"weights that moved by up to {found['weights']:.2g}")
    if found["buffers"] > 0:
        return Finding(
            expected,
            "other stored statistics in batch norm",
            "the generator ran in training mode, so batch norm learnt from what was drawn",
            "call pair.generator.eval() before the first step",
        )
    return None


def search_follows_seed(first: Measured, again: Measured, other: Measured) -> Finding | None:
    """One seed gives one noise, whatever was drawn before; another seed another one.

    Parameters
    ----------
    first, again, other : dict
        Measurements after a single step: two with one seed and different random numbers drawn
        before, one with another seed.
    """
    if not np.allclose(first["noise"], again["noise"], atol=1e-4):
        gap = np.max(np.abs(np.asarray(first["noise"]) - again["noise"]))
        return Finding(
            "the same noise for the same seed",
            f"noise that differs by up to {gap:.2g} in two calls",
            "the start is drawn without the seed, so an image would have another score every time",
            "torch.randn(..., generator=torch.Generator().manual_seed(seed))",
        )
    if np.allclose(first["noise"], other["noise"], atol=1e-6):
        return Finding(
            "another start for another seed",
            "the same noise",
            "the seed is not used: the start is always the same",
            "hand seed to manual_seed; a number of your own has no place there",
        )
    return None


def search_draws_on_its_own(first: Measured, again: Measured) -> Finding | None:
    """The start comes from a generator of its own: nobody else's random numbers are set.

    Parameters
    ----------
    first, again : dict
        Measurements of the same call, where torch and NumPy had been seeded differently before.
        Whoever seeds them in the call leaves both in the same state.
    """
    calls = ("torch.manual_seed", "np.random.seed")
    for call, one, other in zip(calls, first["states"], again["states"], strict=True):
        if not isinstance(one, np.ndarray) or np.array_equal(one, other):
            return Finding(
                "random numbers of the rest of the program that go on as they were",
                "they were set anew in the call",
                f"{call} was called: whoever draws next gets the same numbers again and again",
                "torch.randn(..., generator=torch.Generator().manual_seed(seed))",
            )
    return None


def search_heeds_settings(usual: Measured, more: Measured, faster: Measured) -> Finding | None:
    """More steps, and a larger rate, lead to other noise.

    Parameters
    ----------
    usual, more, faster : dict
        Measurements with few steps, with more of them, and with a larger rate.
    """
    for name, changed in (("steps", more), ("rate", faster)):
        if np.allclose(usual["noise"], changed["noise"], atol=1e-6):
            return Finding(
                f"other noise for other {name}",
                "exactly the same noise",
                f"{name} is not used: a fixed number stands in its place, or the noise stays as "
                "it was",
                f"use the argument {name} in the loop or in the optimiser",
            )
    return None


def networks_changed(expected: str, got: str) -> Finding:
    """Say that the weights of the pair moved, which neither remedy may do."""
    return Finding(
        expected,
        got,
        "the weights of the networks were changed: they stand still, and something else moves",
        "keep the pair's parameters out of every optimiser in this function",
    )
