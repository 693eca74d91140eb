"""Exercise 2.6: what can be wrong with an encoder's loss.

Raw measurements come from `nb2_probes_remedies`, out of a process that the learner's code shares.
What is known without it is brought by the caller; nothing here computes an answer.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.nb2_search import largest_change, networks_changed
from data_utils.selfcheck.values import describe, is_number
from data_utils.selfcheck.words import Finding

Measured = dict[str, Any]
LEARNT = 0.5  # of the first error: the text's loss comes far below it in 20 steps
LOSS_RTOL = 1e-3  # single floats agree to about 1e-6
GRADIENT_SLACK = 0.05  # of the largest part: differences over a shift agree to about 0.01


def raw_form(raw: Any, count: int) -> Finding | None:
    """The measurement holds a loss, and a gradient for each number of the code or none.

    Parameters
    ----------
    raw : object
        Of `encoder_once`.
    count : int
        Numbers of the code.
    """
    gradient: Any = raw.get("gradient", 0) if isinstance(raw, Mapping) else 0
    known = isinstance(gradient, np.ndarray) and gradient.shape == (count,)
    if gradient is None or (known and gradient.dtype.kind == "f" and np.isfinite(gradient).all()):
        return loss_form(raw.get("loss"))
    return Finding(
        "a loss whose gradient is finite",
        "NaN, infinite or missing numbers in it",
        "a root of 0 or a division by 0 stands in the loss",
        "take means of squares, and nothing else",
    )


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
    apart, apart_phi = np.abs(x - x_hat[0]), np.abs(phi - phi_hat[0])
    norms = [np.linalg.norm(part, axis=1).mean() for part in (apart, apart_phi)]
    sums = pixel * x.size + feature * phi.size
    means = "take the mean over all images and all pixels (or features)"
    square, root = "square the differences", "keep the squared errors"
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
        (apart.mean() + apart_phi.mean(), "absolute differences instead of squared ones", square),
        (pixel + apart_phi.mean(), "the features' absolute differences, not squared ones", square),
        (apart.mean() + feature, "the pixels' absolute differences, not squared ones", square),
        (norms[0] + norms[1], "the length of each image's difference: a root was taken", root),
        (pixel + norms[1], "the length of the features' difference: a root was taken", root),
        (pixel + np.sqrt(feature), "a square root of the half of the features was taken", root),
        (np.sqrt(pixel) + feature, "a square root of the half of the pixels was taken", root),
        (np.sqrt(pixel + feature), "a square root was taken", root),
        (np.sqrt(pixel) + np.sqrt(feature), "square roots were taken", root),
        (pixel + 2 * feature, "the half of the features counts twice", "add the two as they are"),
        (2 * pixel + feature, "the half of the pixels counts twice", "add the two as they are"),
        (pixel * feature, "the halves are multiplied", "add them"),
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


def trained_form(raw: Any, start: Measured) -> Finding | None:
    """The weights of encoder and pair are there after a training, and are numbers.

    Parameters
    ----------
    raw : object
        Of `encoder_training`.
    start : dict
        The weights that it started from.
    """
    known = raw if isinstance(raw, Mapping) else {}
    if np.isfinite(largest_change(start["encoder"], known.get("encoder"))):
        return None
    return Finding(
        "an encoder with finite weights after some steps",
        "NaN, infinite or missing ones",
        "the loss or its gradient is not finite",
        "print the loss in each step; take means of squares, and no root of 0",
    )


def encoder_learns(
    raw: Measured, start: Measured, before: tuple[float, float], after: tuple[float, float]
) -> Finding | None:
    """With this loss the encoder learns, and the pair stays as it is.

    Parameters
    ----------
    raw, start : dict
        The weights after some steps and before them, on images that the pair can draw.
    before, after : tuple of float
        How far the copies lie from these images in pixels and in features, at both weights.
    """
    if largest_change(start["pair"], raw.get("pair")) > 0:
        return networks_changed("only the encoder learns", "a pair that has changed too")
    if any(late < LEARNT * early for early, late in zip(before, after, strict=True)):
        return None
    return Finding(
        "copies that come twice as near in a few steps, in pixels or in features",
        f"errors {before[0]:.4g} and {before[1]:.4g} at first, {after[0]:.4g} and {after[1]:.4g} "
        "at last",
        "what is minimised is not the distance of an image from its own copy",
        "compare x with pair.generator(encoder(x)), in the same order",
    )


def _row(values: Any) -> str:
    return "[" + ", ".join(f"{value:.3g}" for value in np.ravel(values)[:4]) + "]"
