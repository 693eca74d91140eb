"""Exercise 3.5: what can be wrong with a trained head.

Measurements and right values come from the caller.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.words import Finding

FALLEN = 0.2  # of the loss with one label; 300 steps give 0.11, 150 steps 0.23
CHANCE = 0.03  # of probabilities; 300 steps from any start end within 0.01 of the best
FLAT = 0.03  # of a probability: so much apart, and all images are called alike
NEARLY = 0.12  # of probabilities: batches end within 0.08 of the best, 100 steps within 0.12
STRETCHED = 1.4  # of logits: a second sigmoid gives 1.6 to 4, nothing else above 1.3
STEEP = 0.12  # of a loss's largest slope: below it the head has come to rest
LINEAR = 1e-3  # of the largest logit; single precision leaves about 1e-6
ORDER = 0.001  # of probabilities: rounding leaves 1e-7, halves of the images 0.0035
SAME = 1e-4  # relative; float32 keeps about seven digits
RULE = "300 steps of Adam with a rate of 0.01, each on all images"
Floats = NDArray[np.float64]


def head_form(
    report: Mapping[str, Any], features: NDArray[Any], rows: int | None = None
) -> Finding | None:
    """An nn.Linear with one output, that takes features and gives a finite logit for each.

    Parameters
    ----------
    report : mapping
        ``kind``: how the result describes itself; ``weight``, ``bias``: its weights, None without
        any; ``logits``: what it gives for the features, None if it gives nothing; ``stop``: what
        went wrong then.
    features : ndarray, shape (n, k)
        That it was asked about.
    rows : int, optional
        Only for a check of the form; default: as many as there are features.
    """
    expected = f"an nn.Linear from {features.shape[1]} features to one node"
    weight, bias, logits = _numbers(report, "weight"), _numbers(report, "bias"), report["logits"]
    if weight is None:
        return _no_linear(report, expected)
    if weight.shape != (1, features.shape[1]):
        nodes = weight.shape[0] if weight.shape else 0
        why = "the head does not take as many features as there are"
        if nodes > 1:
            why = f"{nodes} nodes, as for {nodes} classes; one sigmoid node is asked for"
        return Finding(expected, f"a weight of shape {weight.shape}", why,
                       "nn.Linear(number of features, 1)")  # fmt: skip
    logits = _numbers(report, "logits")
    if logits is None or logits.shape != (len(features) if rows is None else rows,):
        return Finding("one logit for each row of features", report["stop"] or "another number",
                       "the head does not take features as a float tensor (n, k)",
                       "return the nn.Linear that was trained")  # fmt: skip
    if not np.isfinite(logits).all():
        return Finding("finite logits", "NaN or infinite ones",
                       "the training broke off: a logarithm of 0, or a class weight of 1 / 0",
                       "binary_cross_entropy_with_logits, without class weights")  # fmt: skip
    linear = np.asarray(features, np.float64) @ weight[0] + (0 if bias is None else bias.sum())
    if np.abs(linear - logits).max(initial=0) > LINEAR * (1 + np.abs(linear).max(initial=0)):
        why = "something follows the nn.Linear"
        if (logits >= 0).all() and (logits <= 1).all():
            why = "a sigmoid in the head: it gives probabilities, not logits"
        return Finding(expected, "other numbers than weights times features plus bias", why,
                       "leave the sigmoid out: the loss applies it itself")  # fmt: skip
    return None


def _numbers(report: Mapping[str, Any], name: str) -> Floats | None:
    """Return an array of a report as floats; None where there is none."""
    value = report[name]
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iuf":
        return None
    return value.astype(np.float64)


def _no_linear(report: Mapping[str, Any], expected: str) -> Finding:
    kind = str(report["kind"])
    name = kind.partition("(")[0].strip() or "tuple"
    why, advice = "something else than the head is returned", "return head"
    if "Linear(" in kind and name.isidentifier() and name != "tuple":
        why, advice = "the nn.Linear is packed into another module", "return the nn.Linear itself"
        if "Sigmoid" in kind:
            why = "a sigmoid in the head: it gives probabilities, not logits"
            advice = "leave the sigmoid out: the loss applies it itself"
    return Finding(expected, f"an object of type {name[:60]}", why, advice)


def one_label_falls(report: Mapping[str, Any]) -> Finding | None:
    """With all labels 0 the loss falls far below log 2."""
    logits = np.asarray(report["logits"], np.float64)
    loss = float(np.mean(np.logaddexp(0, logits)))
    if loss < FALLEN:
        return None
    why = (
        "it was trained too little (few or small steps, no step() at all, an optimiser of other "
        "weights), or not by cross-entropy"
    )
    advice = RULE
    if report["bias"] is None:
        why, advice = "there is no bias, and nothing else can call everything 0", "leave bias=True"
    elif np.mean(logits) > 0.5:
        why = "the labels are upside down: with 0 everywhere the logits must fall"
        advice = "the target is the label as it is: 0 normal, 1 anomaly"
    elif np.abs(logits).max() < 0.05:
        why = "the logits themselves aim at 0: a squared error, without the sigmoid"
        advice = "nn.functional.binary_cross_entropy_with_logits"
    return Finding(f"a loss below {FALLEN} where all labels are 0", f"{loss:.3f}", why, advice)


def head_probabilities(
    report: Mapping[str, Any], expected: Floats, features: NDArray[Any], labels: NDArray[Any]
) -> Finding | None:
    """The probabilities are those with the least cross-entropy; names the loss otherwise.

    Parameters
    ----------
    report : mapping
        As in `head_form`, of the features that it trained on.
    expected : ndarray, shape (n,)
        The probabilities at the least loss.
    features, labels : ndarray
        What the learner's function was called with.
    """
    logits = np.asarray(report["logits"], np.float64)
    probabilities = _sigmoid(logits)
    worst = int(np.argmax(np.abs(probabilities - expected)))
    if abs(probabilities[worst] - expected[worst]) <= CHANCE:
        return None
    why, advice = _other_loss(report, features, np.asarray(labels, np.float64), expected)
    return Finding(
        f"a probability of {expected[worst]:.2f} for row {worst} of these features, "
        f"{expected.mean():.2f} on average",
        f"{probabilities[worst]:.2f}, and {probabilities.mean():.2f} on average",
        why,
        advice,
    )


def _other_loss(
    report: Mapping[str, Any], features: NDArray[Any], labels: Floats, expected: Floats
) -> tuple[str, str]:
    """Return which other loss a head has come to rest at, and what to do."""
    logits = np.asarray(report["logits"], np.float64)
    p = _sigmoid(logits)
    entropy = "nn.functional.binary_cross_entropy_with_logits(head(x)[:, 0], targets)"
    if np.ptp(p) < FLAT:
        return "all images get the same: (n, 1) against (n,) compares each with all labels", entropy
    if report["bias"] is None:
        return "the head has no bias", "nn.Linear(x.shape[1], 1), with its bias"
    ones = float(np.sum(labels))
    rates = np.where(labels > 0.5, (len(labels) - ones) / max(ones, 1.0), 1.0)
    losses = (
        (p - 1 + labels, "the labels are upside down", "the target is the label as it is"),
        (rates * (p - labels), "the classes were weighted: both count alike, however rare one is",
         "leave pos_weight, weights and balanced batches out"),
        ((p - labels) * p * (1 - p), "the squared error of the probabilities", entropy),
        (logits - labels, "the squared error of the logits", entropy),
    )  # fmt: skip
    slopes = [_slope(features, pull) for pull, _, _ in losses]
    best = int(np.argmin(slopes))
    if slopes[best] < STEEP and slopes[best] < _slope(features, p - labels) / 2:
        return f"it was trained by another loss: {losses[best][1]}", losses[best][2]
    return _not_at_rest(logits, expected)


def _not_at_rest(logits: Floats, expected: Floats) -> tuple[str, str]:
    """Return why a head lies elsewhere than at the least loss, by how it lies there."""
    best = np.log(expected / (1 - expected))
    away, steep = logits - logits.mean(), best - best.mean()
    stretch = float(away @ steep / max(float(steep @ steep), 1e-12))
    if np.abs(_sigmoid(logits) - expected).max() < NEARLY and stretch > 0:
        return (
            "it came near and did not arrive: batches of some images, where all at once are asked "
            "for, or too few steps"
        ), RULE
    if stretch > STRETCHED and _sigmoid(logits).mean() < expected.mean():
        return (
            "a second sigmoid before the one in the loss: nothing can come near 0 or 1 then, and "
            "the logits run away"
        ), "hand the logits to binary_cross_entropy_with_logits as the head gives them"
    return (
        "it has not come to rest: too few or too small steps, or gradients of earlier steps that "
        "add up"
    ), f"{RULE}, and zero_grad() before each backward()"


def _slope(features: NDArray[Any], pulls: Floats) -> float:
    """Return how steep a loss is, from 0 to 1: near 0 the images' pulls cancel."""
    rows = np.column_stack([np.asarray(features, np.float64), np.ones(len(pulls))])
    all_of = np.abs(pulls) @ np.abs(rows)
    return float(np.max(np.abs(pulls @ rows) / np.maximum(all_of, 1e-12)))


def head_believes_shares(report: Mapping[str, Any], labels: NDArray[Any]) -> Finding | None:
    """Where features tell nothing, the mean probability is the share of ones."""
    mean, share = float(np.mean(_sigmoid(report["logits"]))), float(np.mean(labels))
    if abs(mean - share) <= CHANCE:
        return None
    why, advice = "it was trained too little, or not by cross-entropy", RULE
    if abs(mean - float(_sigmoid(share))) <= 0.015:
        why = "the logits themselves aim at the labels: a squared error, without the sigmoid"
        advice = "nn.functional.binary_cross_entropy_with_logits"
    elif abs(mean - 0.5) <= 0.04:
        why = "the classes were weighted, so that both seem equally common"
        advice = "leave pos_weight, weights and balanced batches out"
    elif abs(mean - (1 - share)) <= CHANCE:
        why, advice = "the labels are upside down", "the target is the label as it is"
    return Finding(
        f"a mean probability of {share:.2f}, the share of ones, where features tell nothing",
        f"{mean:.2f}", why, advice,
    )  # fmt: skip


def head_sees_all_at_once(first: Mapping[str, Any], again: Mapping[str, Any]) -> Finding | None:
    """With all images in each step their order makes no difference.

    Parameters
    ----------
    first, again : mapping
        As in `head_form`, for the same features: trained on them in two orders.
    """
    one, two = (np.asarray(part["logits"], np.float64) for part in (first, again))
    apart = float(np.abs(_sigmoid(one) - _sigmoid(two)).max())
    if apart <= ORDER:
        return None
    return Finding(
        "the same head for the same images in another order",
        f"probabilities that differ by up to {apart:.3f}",
        "it was trained on batches of some images, or on one after the other",
        f"{RULE}: head(x) of all of x, in each step",
    )


def head_follows_seed(
    first: Mapping[str, Any], again: Mapping[str, Any], other: Mapping[str, Any]
) -> Finding | None:
    """The same seed gives the same head whatever was drawn before; another one another head."""
    one, two, three = (np.asarray(part["logits"], np.float64) for part in (first, again, other))
    spread = max(float(np.std(one)), 1e-9)
    if np.abs(one - two).max() > SAME * spread * 10:
        return Finding("the same head for the same seed", "another one at the second call",
                       "torch is not seeded, or only after the nn.Linear was made",
                       "torch.manual_seed(seed) in the first line")  # fmt: skip
    if np.abs(one - three).max() <= SAME * spread:
        return Finding(
            "another head for another seed",
            "the same head",
            "seed is not used: a fixed number stands in its place, or the weights do not start at "
            "random",
            "torch.manual_seed(seed), then nn.Linear(...)",
        )
    return None


def _sigmoid(logits: Any) -> Floats:
    values: Floats = 1 / (1 + np.exp(-np.clip(np.asarray(logits, np.float64), -60, 60)))
    return values
