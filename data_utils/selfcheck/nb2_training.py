"""Exercise 2.3: what can be wrong with two losses.

Expected values and measurements come from the caller (see `nb2_probes_training`).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.words import Finding

LOSS_RTOL = 1e-3  # float32 sums agree to about 1e-6; the mistakes are off by per cents
GRADIENTS = ("d_real", "d_fake", "g_real", "g_fake")
VANISHING = 0.05  # of the full gradient; the loss of the text keeps more than 0.99 of it there
# A reason and its cure.
OTHER_ORDER = ("the two are returned in the other order", "return the discriminator's loss first")
SQUASHED_TWICE = (
    "the sigmoid was applied twice: the function takes logits and squashes them itself",
    "hand the logits over as they are",
)

Mistakes = Iterable[tuple[float, str, str]]  # a wrong value, its reason, its cure
Logits = tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]  # of real and of drawn images


# ------------------------------------------------------------ exercise 2.3


def report_form(report: Any) -> Finding | None:
    """The measurement holds a count, shapes, and numbers where there are two of them.

    Parameters
    ----------
    report : object
        Of `nb2_probes_training.losses_report`, from a process that the learner's code shares.
    """
    known = report if isinstance(report, dict) else {}
    shapes: Any = known.get("shapes")
    sound = isinstance(shapes, (list, tuple)) and isinstance(known.get("count"), int)
    sound = sound and all(s is None or isinstance(s, (list, tuple)) for s in shapes)
    if sound and [s if s is None else tuple(s) for s in shapes] == [(), ()]:
        values: Any = known.get("values")
        sound = isinstance(values, (list, tuple)) and len(values) == 2
        sound = sound and all(isinstance(v, (int, float)) for v in values)
        sound = sound and all(_is_gradient(known.get(name, 0)) for name in GRADIENTS)
    if sound:
        return None
    return Finding(
        "two losses that can be measured",
        "something else in their place",
        "what came back is neither numbers nor tensors",
        "return discriminator_loss, generator_loss",
    )


def _is_gradient(value: Any) -> bool:
    return value is None or (isinstance(value, np.ndarray) and value.dtype.kind == "f")


def losses_form(report: Mapping[str, Any]) -> Finding | None:
    """Two losses, each a single number."""
    if report["count"] != 2:
        return Finding(
            "two losses: (of the discriminator, of the generator)",
            f"{report['count']} value" + ("s" if report["count"] != 1 else ""),
            "one of them is not returned, or more than the two are",
            "return discriminator_loss, generator_loss",
        )
    shapes = [None if shape is None else tuple(shape) for shape in report["shapes"]]
    if shapes != [(), ()]:
        return Finding(
            "two single numbers: shapes () and ()",
            " and ".join("no number" if s is None else f"shape {s}" for s in shapes),
            "a loss is a mean over the batch, and here none was taken",
            'leave reduction="mean" as it is, or take .mean()',
        )
    return None


def discriminator_loss(
    report: Mapping[str, Any],
    expected: Sequence[float],
    logits: Logits,
    smoothing: float,
) -> Finding | None:
    """Compare the discriminator's loss with the right one; name the mistake.

    Parameters
    ----------
    report : mapping
        Of `nb2_probes_training.losses_report`.
    expected : sequence of float
        The right losses of discriminator and generator.
    logits : tuple of ndarray
    smoothing : float
    """
    cure = "aim at 1 - smoothing for real images, at 0 for drawn ones"
    mistakes = (
        (expected[1], f"this is the generator's loss: {OTHER_ORDER[0]}", OTHER_ORDER[1]),
        *_wrong_targets(logits, smoothing, cure),
        *_wrong_sums(logits, smoothing),
    )
    return _loss_value("discriminator", report["values"][0], expected[0], mistakes, cure)


def _wrong_targets(logits: Logits, smoothing: float, cure: str) -> Mistakes:
    """Return what the discriminator's loss is with other targets than 1 - smoothing and 0."""
    (real, real_0), (fake_1, fake) = (_entropies(part) for part in logits)
    smooth = (1 - smoothing) * real + smoothing * real_0
    return (
        (real + fake, "there is no smoothing in it", cure),
        (0.9 * real + 0.1 * real_0 + fake, "the smoothing is always 0.1",
         "use the argument smoothing"),
        (smooth + (1 - smoothing) * fake + smoothing * fake_1,
         "the drawn images were smoothed too: it is to be one-sided",
         "keep the target of drawn images at 0"),
        (smoothing * real + (1 - smoothing) * real_0 + fake,
         "the target of real images is smoothing, not 1 - smoothing", cure),
        (real_0 + (1 - smoothing) * fake_1 + smoothing * fake,
         "the targets are swapped: real images are called drawn", cure),
        (real_0 + fake_1, "the targets are swapped: real images are called drawn", cure),
    )  # fmt: skip


def _wrong_sums(logits: Logits, smoothing: float) -> Mistakes:
    """Return what the discriminator's loss is with the right targets and another sum of them."""
    (real, real_0), (_, fake) = (_entropies(part) for part in logits)
    smooth = (1 - smoothing) * real + smoothing * real_0
    sizes = [np.size(part) for part in logits]
    squashed_real, squashed_fake = (_entropies(1 / (1 + np.exp(-part))) for part in logits)
    add = "add the two means"
    return (
        ((smooth + fake) / 2, "the two halves were averaged", add),
        ((sizes[0] * smooth + sizes[1] * fake) / sum(sizes),
         "one mean runs over real and drawn images together", add),
        (2 * (sizes[0] * smooth + sizes[1] * fake) / sum(sizes),
         "twice one mean over real and drawn images together: right only for as many of each", add),
        (sizes[0] * smooth + sizes[1] * fake, "these are sums over the batch",
         "take the mean of each batch, so that the batch size does not matter"),
        (smooth, "the half of the drawn images is missing", add),
        (fake, "the half of the real images is missing", add),
        (-smooth - fake, "the sign is turned", "a loss is smaller when things are better"),
        ((1 - smoothing) * squashed_real[0] + smoothing * squashed_real[1] + squashed_fake[1],
         *SQUASHED_TWICE),
    )  # fmt: skip


def generator_loss(
    report: Mapping[str, Any],
    expected: Sequence[float],
    logits: Logits,
    smoothing: float,
) -> Finding | None:
    """Compare the generator's loss with the right one; parameters as `discriminator_loss`."""
    (real, real_0), (fake, fake_0) = (_entropies(part) for part in logits)
    squashed = _entropies(1 / (1 + np.exp(-logits[1])))
    cure = "the target is 1, for drawn images alone, without smoothing"
    mistakes = (
        (expected[0], f"this is the discriminator's loss: {OTHER_ORDER[0]}", OTHER_ORDER[1]),
        (-fake_0, "this is the mean of log(1 - sigmoid(f)), which is flat where drawings are bad",
         "take minus the mean of log(sigmoid(f))"),
        (fake_0, "its target is 0: it learns to be found out", cure),
        (real, "it judges the real images, which the generator cannot change", cure),
        (real_0, "it judges the real images, which the generator cannot change", cure),
        (real + fake, "it judges the real images as well", cure),
        ((1 - smoothing) * fake + smoothing * fake_0, "the generator's target was smoothed", cure),
        (0.9 * fake + 0.1 * fake_0, "the generator's target was smoothed", cure),
        (fake / 2, "it was halved", "take the mean as it is"),
        (fake * np.size(logits[1]), "this is a sum over the batch",
         "take the mean, so that the batch size does not matter"),
        (-fake, "the sign is turned", "a loss is smaller when things are better"),
        (-expected[0], "this is minus the discriminator's loss", cure),
        (squashed[0], *SQUASHED_TWICE),
    )  # fmt: skip
    return _loss_value("generator", report["values"][1], expected[1], mistakes, cure)


def _loss_value(
    player: str, got: float, expected: float, mistakes: Mistakes, cure: str
) -> Finding | None:
    if np.isclose(got, expected, rtol=LOSS_RTOL, atol=1e-6):
        return None
    why, advice = "the formula differs", cure
    for wrong, reason, remedy in mistakes:
        if np.isclose(got, wrong, rtol=LOSS_RTOL, atol=1e-6):
            why, advice = reason, remedy
            break
    return Finding(f"{expected:.5g} as the {player}'s loss", f"{got:.5g}", why, advice)


def losses_finite(report: Mapping[str, Any]) -> Finding | None:
    """Very large logits give finite losses and gradients."""
    gradients = [report[name] for name in GRADIENTS]
    numbers = [np.asarray(part) for part in (report["values"], *gradients) if part is not None]
    if all(np.isfinite(part).all() for part in numbers):
        return None
    return Finding(
        "finite losses and gradients for logits of -200 or 200",
        f"losses {report['values'][0]:.4g} and {report['values'][1]:.4g}"
        + (", gradients NaN or infinite" if np.isfinite(report["values"]).all() else ""),
        "sigmoid is rounded to 0 or 1, and then comes its logarithm",
        "use binary_cross_entropy_with_logits, which takes the logits as they are",
    )


def losses_have_gradients(report: Mapping[str, Any]) -> Finding | None:
    """The discriminator's loss leads back to all logits, the generator's to the drawn ones."""
    missing = [name for name in ("d_real", "d_fake", "g_fake") if _flat(report[name])]
    if not missing:
        return None
    player = "generator" if missing == ["g_fake"] else "discriminator"
    images = "real" if missing[0] == "d_real" else "drawn"
    why = f"the {images} logits were detached, or do not stand in that loss"
    if len(missing) == 3:
        why = "the losses are numbers (.item(), float()), or all logits were detached"
    return Finding(
        "losses whose gradients lead back to the logits",
        f"no gradient of the {player}'s loss with respect to the {images} logits",
        why,
        "return tensors, and compute them from the logits you are given",
    )


def gradient_values(report: Mapping[str, Any], expected: Mapping[str, Any]) -> Finding | None:
    """Compare gradients with the right ones, where the losses themselves are right.

    Parameters
    ----------
    report : mapping
    expected : mapping of str to ndarray
        The right ones of "d_real", "d_fake" and "g_fake".
    """
    for name, right in expected.items():
        got = np.asarray(report[name], float)
        if got.shape != right.shape or not np.allclose(got, right, rtol=1e-2, atol=1e-5):
            player = "discriminator" if name.startswith("d") else "generator"
            images = "real" if name.endswith("real") else "drawn"
            return Finding(
                f"a gradient of the {player}'s loss that fits its value",
                f"another one with respect to the {images} logits",
                "a part of the loss was detached: its value counts, and nothing is learnt from it",
                "compute the whole loss from the logits you are given, and detach nothing",
            )
    return None


def generator_learns_when_it_is_bad(report: Mapping[str, Any]) -> Finding | None:
    """Where the discriminator is sure that images are drawn, the generator still has a gradient."""
    gradient = report["g_fake"]
    share = 0.0 if gradient is None else -float(np.sum(gradient))  # of drawings that all are bad
    if share >= VANISHING:
        return None
    return Finding(
        "a gradient that pulls bad drawings towards 'real': about 1 in all",
        f"{share:.2g}",
        "the generator's loss is flat there, or has no gradient, or pulls the other way",
        "minimise minus the mean of log(sigmoid(f)), with the logits not detached",
    )


def _flat(gradient: Any) -> bool:
    return gradient is None or not np.any(gradient)


def _entropies(logits: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """Return the means of -log(sigmoid) and of -log(1 - sigmoid)."""
    z = np.asarray(logits, float)
    return float(np.mean(np.logaddexp(0, -z))), float(np.mean(np.logaddexp(0, z)))
