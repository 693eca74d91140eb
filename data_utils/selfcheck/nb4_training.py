"""Exercise 4.6: what can be wrong with a training. `nb4_watched` reads what was measured."""

from collections.abc import Iterator

import numpy as np

from data_utils.selfcheck.nb4_watched import Batch, Floats, Training, softmax
from data_utils.selfcheck.words import Finding

FALLEN = 0.7  # of the first loss; Adam's default rate leaves 0.3 to 0.53, a tenth of it 0.9
REPEATED = 1e-3  # of logits: order alone moves them by 1e-2 and more, rounding by 1e-6
LEFT_OVER = 0.01  # of a gradient; it is 0 where the gradient is emptied, above 0.3 where not
ALONG = 0.999  # cosine between two gradients; those of other losses lie below 0.99
FOUR_LINES = "for each batch: the loss, zero_grad(), backward(), step()"


# ------------------------------------------------------------ does it learn?


def training_moves(training: Training) -> Finding | None:
    """The weights of the network that came in move, and it was asked with gradients."""
    if training.batches and not np.array_equal(training.start, training.end):
        return None
    why = (
        "step() or backward() is missing, the gradients were emptied between the two, or "
        "another network was trained than the one that came in"
    )
    if not training.batches:
        why = (
            "network(x) was never asked: another network was trained than the one that came in, or "
            "gradients are switched off"
        )
    return Finding("a network whose weights move", "exactly the same weights", why, FOUR_LINES)


def training_learns(training: Training) -> Finding | None:
    """The loss of the network that came in falls."""
    before, after = (training.loss(weights) for weights in (training.start, training.end))
    if after < FALLEN * before:
        return None
    why = "too few or too small steps, or another loss than the cross-entropy of logits and labels"
    if not np.isfinite(after) or after > 1.05 * before:
        why = "it follows another loss or other labels, climbs, or takes steps that are too large"
    return Finding(
        f"a loss that falls from {before:.2f} to less than {FALLEN * before:.2f}, on images that "
        "are bright at the top",
        f"{after:.2f}",
        why,
        f"Adam with its default rate; {FOUR_LINES}",
    )


def training_mode(training: Training) -> Finding | None:
    """The network is in training mode whenever it learns."""
    modes = [batch.training for batch in training.learnt()]
    if modes and all(modes):
        return None
    why, advice = "it came in evaluation mode and was left so", "network.train() before the loop"
    if any(modes):
        why = "it was switched to evaluation mode on the way"
        advice = "network.train() at the start of each epoch"
    if not modes:
        why, advice = "network(x) was never asked with gradients", FOUR_LINES
    return Finding(
        "a network in training mode, for every batch from which it learns",
        f"in {modes.count(False)} of {len(modes)} batches it was in evaluation mode", why, advice,
    )  # fmt: skip


def gradients_are_emptied(training: Training) -> Finding | None:
    """Each step follows the gradient of its own batch alone."""
    finding = training_moves(training)
    if finding:
        return finding
    shares = [0.0]
    for batch in training.batches:
        if batch.learnt and batch.held.size and (batch.places >= 0).all():
            own = training.gradient(batch)
            left = float(np.linalg.norm(batch.held - own))
            shares.append(left / max(float(np.linalg.norm(own)), 1e-12))
    if max(shares) <= LEFT_OVER:
        return None
    return Finding(
        "gradients of the present batch alone",
        f"beside it, up to {max(shares):.1f} times as much from batches before",
        "gradients add up: zero_grad() is missing, or is called once per epoch",
        "optimizer.zero_grad() for every batch, before backward()",
    )


def loss_is_cross_entropy(training: Training) -> Finding | None:
    """The gradient at the logits is that of the cross-entropy with the right labels."""
    batches = [b for b in training.batches if b.learnt and (b.places >= 0).all()]
    for batch in batches:
        right = (softmax(batch.logits) - _labels(batch)) / len(batch.places)
        if _along(batch.pull, right):
            continue
        why, advice = (
            "another loss, or other labels",
            "nn.functional.cross_entropy(network(x), labels)",
        )
        for wrong, reason in _other_pulls(batch):
            if _along(batch.pull, wrong):
                why = reason
                break
        return Finding("a loss that is the cross-entropy of logits and labels",
                       "a gradient that points elsewhere", why, advice)  # fmt: skip
    if batches:
        return None
    return Finding("a loss that is the cross-entropy of logits and labels",
                   "no gradient reaches the network", "backward() was never called, or the inputs "
                   "were changed", FOUR_LINES)  # fmt: skip


def _labels(batch: Batch) -> Floats:
    count = batch.logits.shape[1]
    labels: Floats = np.eye(count)[batch.places % count]
    return labels


def _other_pulls(batch: Batch) -> Iterator[tuple[Floats, str]]:
    """Yield the gradients at the logits of other losses, each with the reason."""
    p, labels = softmax(batch.logits), _labels(batch)
    twice = softmax(p) - labels  # of the probabilities; then on through the first softmax
    yield (p * (twice - (p * twice).sum(axis=1, keepdims=True)),
           "a softmax before the cross-entropy, which takes logits")  # fmt: skip
    squared = p - labels
    yield (p * (squared - (p * squared).sum(axis=1, keepdims=True)),
           "the squared error of the probabilities")  # fmt: skip
    yield batch.logits - labels, "the squared error of the logits"
    yield labels - p, "the loss has a minus: it climbs"
    yield -labels, "minus the logit of the right label: the softmax is missing"
    smooth = 0.9 * labels + 0.1 / labels.shape[1]
    yield p - smooth, "smoothed labels"
    yield p - labels[::-1], "pictures and labels are in different orders"


def _along(one: Floats, other: Floats) -> bool:
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return lengths > 0 and float((one * other).sum()) >= ALONG * lengths


# ------------------------------------------------------------ what does it see?


def every_picture_once(training: Training, epochs: int) -> Finding | None:
    """In each epoch every image comes once under every transformation."""
    total, groups = len(training.pictures), training.epochs(epochs)
    expected = f"each of {total} pictures once in each of {epochs} epochs"
    seen = np.concatenate([np.zeros(0, int), *groups])
    if (seen < 0).any():
        return Finding(expected, f"{int((seen < 0).sum())} pictures that are none of them",
                       "the inputs were changed, or other transformations were used",
                       "hand x to the network as labelled_batches yields it, with the transforms "
                       "that came in")  # fmt: skip
    if len(seen) != epochs * total:
        done = len(seen) / total
        why = "one epoch too many or too few, or a return inside the loop"
        if done != round(done):
            why = "not all batches were taken, or not all of each: the last one is smaller"
        return Finding(expected, f"{len(seen)} pictures in all: {done:.3g} epochs", why,
                       "for epoch in range(epochs), and inside it for every batch")  # fmt: skip
    for epoch, places in enumerate(groups):
        times = np.bincount(places, minlength=total)
        if not (times == 1).all():
            return Finding(
                expected,
                f"in epoch {epoch + 1} {int((times == 0).sum())} of them never, and "
                f"{int((times > 1).sum())} more than once",
                "the batches are drawn anew instead of gone through",
                "go through labelled_batches(...) once in each epoch",
            )
    return None


def another_order(training: Training, other: Training, epochs: int) -> Finding | None:
    """The order is mixed, differs from epoch to epoch, and from seed to seed."""
    orders, others = (part.epochs(epochs) for part in (training, other))
    cure = "labelled_batches(images, transforms, seed + epoch)"
    for epoch, places in enumerate(orders):
        if len(places) and (np.diff(places) > 0).all():
            return Finding("pictures in mixed order", f"in epoch {epoch + 1} image after image",
                           "nothing mixes them", cure)  # fmt: skip
        if any(np.array_equal(places, before) for before in orders[:epoch]):
            return Finding("another order in each epoch", f"epoch {epoch + 1} is as one before",
                           "the same seed in each epoch", cure)  # fmt: skip
    if orders and others and np.array_equal(orders[0], others[0]):
        return Finding("another order for another seed", "the same order in the first epoch",
                       "seed is not used: a fixed number, or the epoch alone", cure)  # fmt: skip
    return None if orders else training_moves(training)


def training_repeats(first: Training, again: Training) -> Finding | None:
    """The same seed gives the same network, whatever was drawn at random before."""
    finding = training_moves(first)
    if finding:
        return finding
    one, two = (part.logits(part.end) for part in (first, again))
    if np.abs(one - two).max() <= REPEATED:
        return None
    return Finding(
        "the same network for the same seed",
        f"logits that differ by up to {np.abs(one - two).max():.2g} at the second call",
        "something is drawn at random that seed does not decide",
        "mix by labelled_batches(images, transforms, seed + epoch), and by nothing else",
    )
