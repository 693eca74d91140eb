"""Exercise 3.5: what can be wrong with a trained head.

Measurements come from `nb3_probes_first`, right values from the caller.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.words import Finding

FALLEN = 0.2  # of the loss with one label; 300 steps give 0.11, 150 steps 0.23
CHANCE = 0.03  # of probabilities; 300 steps from any start end within 0.01 of the best
FLAT = 0.03  # of a probability: so much apart, and all images are called alike
STEEP = 0.12  # of a loss's largest slope: below it the head has come to rest
SAME = 1e-4  # relative; float32 keeps about seven digits
RULE = "300 steps of Adam with a rate of 0.01, each on all images"
Floats = NDArray[np.float64]


def head_form(report: Mapping[str, Any], features: int, rows: int) -> Finding | None:
    """An nn.Linear with one output, that takes features and gives a finite logit for each."""
    expected = f"an nn.Linear from {features} features to one node"
    shape, logits = report["shape"], report["logits"]
    if shape is None:
        return _no_linear(report, expected)
    if shape != (1, features):
        nodes = shape[0] if shape else 0
        why = "the head does not take as many features as there are"
        if nodes > 1:
            why = f"{nodes} nodes, as for {nodes} classes; one sigmoid node is asked for"
        return Finding(expected, f"a weight of shape {shape}", why,
                       "nn.Linear(number of features, 1)")  # fmt: skip
    if logits is None or len(logits) != rows:
        return Finding("one logit for each row of features", report["stop"] or "another number",
                       "the head does not take features as a float tensor (n, k)",
                       "return the nn.Linear that was trained")  # fmt: skip
    if not np.isfinite(logits).all():
        return Finding("finite logits", "NaN or infinite ones",
                       "the training broke off: a logarithm of 0, or a class weight of 1 / 0",
                       "binary_cross_entropy_with_logits, without class weights")  # fmt: skip
    return None


def _no_linear(report: Mapping[str, Any], expected: str) -> Finding:
    kind, logits = report["kind"].split(".")[-1], report["logits"]
    why, advice = "something else than the head is returned", "return head"
    if logits is not None:
        why = "the nn.Linear is packed into another module"
        advice = "return the nn.Linear itself"
        if len(logits) and (logits >= 0).all() and (logits <= 1).all():
            why = "a sigmoid in the head: it gives probabilities, not logits"
            advice = "leave the sigmoid out: the loss applies it itself"
    return Finding(expected, f"an object of type {kind}", why, advice)


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
    return Finding("a loss below 0.15 where all labels are 0", f"{loss:.3f}", why, advice)


def head_probabilities(
    report: Mapping[str, Any], expected: Floats, features: NDArray[Any], labels: NDArray[Any]
) -> Finding | None:
    """The probabilities are those with the least cross-entropy; names the loss otherwise.

    Parameters
    ----------
    report : mapping
        Of `nb3_probes_first.head_report`, whose queries were what it trained on.
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
    why, advice = _other_loss(report, features, np.asarray(labels, np.float64))
    return Finding(
        f"a probability of {expected[worst]:.2f} for row {worst} of these features, "
        f"{expected.mean():.2f} on average",
        f"{probabilities[worst]:.2f}, and {probabilities.mean():.2f} on average",
        why,
        advice,
    )


def _other_loss(
    report: Mapping[str, Any], features: NDArray[Any], labels: Floats
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
    return (
        "it has not come to rest: too few or too small steps, gradients of earlier steps that add "
        "up, or a second sigmoid before the one in the loss"
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
