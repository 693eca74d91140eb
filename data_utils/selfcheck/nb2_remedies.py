"""Exercises 2.5 and 2.6: what can be wrong with a search for noise, and with an encoder's loss.

The measurements come from `nb2_probes_remedies`; nothing here computes an answer.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.values import describe, is_number
from data_utils.selfcheck.words import Finding

Measured = dict[str, Any]
FOUND = 0.05  # of the error of any noise: a search that works comes below 0.001, a wrong one stays
LOSS_RTOL = 1e-3  # single floats agree to about 1e-6
GRADIENT_SLACK = 0.05  # of the largest part: differences over a shift agree to about 0.01


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
        return _networks_changed(expected, got)
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
        return _networks_changed(expected, f"weights that moved by up to {found['weights']:.2g}")
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


def loss_form(got: Any) -> Finding | None:
    """The loss is one finite number."""
    if is_number(got) and np.isfinite(float(got)):
        return None
    return Finding(
        "one finite number: a loss for the whole batch",
        describe(got),
        "a loss that an optimiser can minimise is a single number",
        "take the mean over all images and pixels, and over all images and features",
    )


def encoder_value(measured: Measured, pixel: float, feature: float) -> Finding | None:
    """Compare the loss with its two halves; name the mistake that explains a difference.

    Parameters
    ----------
    measured : dict
        Of `encoder_once`.
    pixel, feature : float
        The right halves.
    """
    got = float(measured["loss"])
    if np.isclose(got, pixel + feature, rtol=LOSS_RTOL):
        return None
    why = "the formula differs, or other things are compared than x with its copy, phi(x) with phi"
    advice = "make x_hat first; then one mean of squared differences for pixels, one for features"
    for wrong, reason, cure in _loss_mistakes(measured, pixel, feature):
        if np.isclose(got, wrong, rtol=LOSS_RTOL):
            why, advice = reason, cure
            break
    expected = f"a loss of {pixel + feature:.4g}: {pixel:.4g} of pixels, {feature:.4g} of features"
    return Finding(expected, f"{got:.4g}", why, advice)


def _loss_mistakes(
    measured: Measured, pixel: float, feature: float
) -> tuple[tuple[float, str, str], ...]:
    """Return what typical mistakes give, each with the reason and the cure."""
    x, x_hat = (np.asarray(measured[n], float) for n in ("x", "x_hat"))
    phi, phi_hat = (np.asarray(measured[n], float) for n in ("phi", "phi_hat"))
    logits = np.asarray(measured["logit"]) - measured["logit_hat"][0]
    absolute = np.abs(x - x_hat[0]).mean() + np.abs(phi - phi_hat[0]).mean()
    sums = pixel * x.size + feature * phi.size
    means = "take the mean over all images and all pixels (or features)"
    return (
        (pixel, "the half of the features is missing", "add the features' squared error"),
        (feature, "the half of the pixels is missing", "add the pixels' squared error"),
        (sums, "both halves are sums, not means", means),
        (sums / len(x), "the halves are summed over pixels and features, not averaged", means),
        (pixel * x.size + feature, "the pixels are summed, not averaged", means),
        (pixel + feature * phi.size, "the features are summed, not averaged", means),
        (pixel * x[0].size + feature, "the pixels are summed, not averaged", means),
        (pixel + feature * phi[0].size, "the features are summed, not averaged", means),
        ((pixel + feature) / 2, "the two halves were averaged", "add them"),
        (absolute, "absolute differences instead of squared ones", "square the differences"),
        (np.sqrt(pixel + feature), "a square root was taken", "keep the squared errors"),
        (np.sqrt(pixel) + np.sqrt(feature), "square roots were taken", "keep the squared errors"),
        (pixel + np.mean(logits**2), "the logits are compared, not the features",
         "pair.features(x) is what comes before the head"),
        (pixel - feature, "the halves are subtracted", "add them"),
        (-pixel - feature, "the sign is turned: the loss rewards bad copies", "drop the minus"),
    )  # fmt: skip


def encoder_reached(measured: Measured) -> Finding | None:
    """Some gradient reaches the encoder, whatever the loss."""
    if measured["gradient"] is not None and np.any(measured["gradient"]):
        return None
    return Finding(
        "a loss whose gradient reaches the encoder's weights",
        "no gradient",
        "a tensor was detached or turned into a number or an array on the way; the pair's "
        "methods sample and features_of do that",
        "use pair.generator(...) and pair.features(...), and return the tensor as it is",
    )


def encoder_gradient(
    measured: Measured, pixel: NDArray[np.float64], feature: NDArray[np.float64]
) -> Finding | None:
    """The gradient of both halves reaches the encoder.

    Parameters
    ----------
    measured : dict
        Of `encoder_once`.
    pixel, feature : ndarray, shape (k,)
        The right gradient of each half, with respect to a shift of the codes.
    """
    finding = encoder_reached(measured)
    if finding is not None:
        return finding
    got = measured["gradient"]
    total = pixel + feature
    slack = GRADIENT_SLACK * float(np.max(np.abs(total)))
    if np.allclose(got, total, rtol=0, atol=slack):
        return None
    why, advice = "the gradient is not that of this loss", "detach nothing, and change nothing else"
    for part, name in ((pixel, "features"), (feature, "pixels")):
        if np.allclose(got, part, rtol=0, atol=slack):
            why = f"the half of the {name} is cut off from the encoder: its value counts, and "
            why += "nothing is learnt from it"
            advice = "do not detach the copy or its features, and use no torch.no_grad there"
    return Finding(f"a gradient of {_row(total)}", _row(got), why, advice)


def encoder_learns(measured: Measured) -> Finding | None:
    """With this loss the encoder learns, and the pair stays as it is.

    Parameters
    ----------
    measured : dict
        Of `encoder_training`, on images that the pair can draw.
    """
    history = measured["history"]
    if measured["pair"] > 0:
        return _networks_changed("only the encoder learns", "a pair that has changed too")
    if measured["encoder"] > 0 and history[-1] < 0.5 * history[0]:
        return None
    return Finding(
        "a loss that falls to less than half in a few steps on drawn images",
        f"{history[0]:.4g} at first, {history[-1]:.4g} at last",
        "what is minimised is not the distance of an image from its own copy",
        "compare x with pair.generator(encoder(x)), in the same order",
    )


def _networks_changed(expected: str, got: str) -> Finding:
    return Finding(
        expected,
        got,
        "the weights of the networks were changed: they stand still, and something else moves",
        "keep the pair's parameters out of every optimiser in this function",
    )


def _row(values: Any) -> str:
    return "[" + ", ".join(f"{value:.3g}" for value in np.ravel(values)[:4]) + "]"
