"""Exercise 4.6: what can be wrong with a training. Measurements come from `nb4_probes_scores`."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.nb3_distances import short
from data_utils.selfcheck.words import Finding

FALLEN = 0.7  # of the first loss; Adam's default rate leaves 0.3 to 0.53, a tenth of it 0.9
SAME_LOSS = 1e-3  # relative; single floats agree to 1e-6, one batch differs from all by per cents
REPEATED = 1e-3  # of logits: order alone moves them by 1e-2 and more, rounding by 1e-6
LEFT_OVER = 0.01  # of a gradient; it is 0 where the gradient is emptied, above 0.3 where not
FOUR_LINES = "for each batch: the loss, zero_grad(), backward(), step()"
Report = Mapping[str, Any]
Floats = NDArray[np.float64]


# ------------------------------------------------------------ does it learn?


def training_learns(report: Report) -> Finding | None:
    """The weights of the network that came in move, and its loss falls."""
    logits = [np.asarray(report[name], np.float64) for name in ("start", "end")]
    places = np.arange(len(logits[0]))
    before, after = (float(_entropies(part, places).mean()) for part in logits)
    if report["moved"] == 0:
        why = (
            "step() or backward() is missing, the gradients were emptied between the two, or "
            "another network was trained than the one that came in"
        )
        if not report["batches"]:
            why = "network(x) was never asked, or with gradients switched off"
        return Finding("a network whose weights move", "exactly the same weights", why,
                       FOUR_LINES)  # fmt: skip
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


def training_mode(report: Report) -> Finding | None:
    """The network is in training mode whenever it learns."""
    modes = [batch["training"] for batch in _learnt(report)]
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


def gradients_are_emptied(report: Report) -> Finding | None:
    """Each step follows the gradient of its own batch alone."""
    share = float(report["left_over"])
    if share <= LEFT_OVER:
        return None
    return Finding(
        "gradients of the present batch alone",
        f"beside it, up to {share:.1f} times as much from batches before",
        "gradients add up: zero_grad() is missing, or is called once per epoch",
        "optimizer.zero_grad() for every batch, before backward()",
    )


# ------------------------------------------------------------ what does it see?


def every_picture_once(report: Report, epochs: int) -> Finding | None:
    """In each epoch every image comes once under every transformation."""
    total, groups = len(report["start"]), _epochs(report, epochs)
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


def another_order(report: Report, other: Report, epochs: int) -> Finding | None:
    """The order is mixed, differs from epoch to epoch, and from seed to seed."""
    orders, others = (_epochs(part, epochs) for part in (report, other))
    cure = "labelled_batches(images, transforms, seed + epoch)"
    for epoch, places in enumerate(orders):
        if len(places) and (np.diff(places) > 0).all():
            return Finding("pictures in mixed order", f"in epoch {epoch + 1} image after image",
                           "nothing mixes them", cure)  # fmt: skip
        if epoch and np.array_equal(places, orders[0]):
            return Finding("another order in each epoch", f"epoch {epoch + 1} is as epoch 1",
                           "the same seed in each epoch", cure)  # fmt: skip
    if orders and others and np.array_equal(orders[0], others[0]):
        return Finding("another order for another seed", "the same order in the first epoch",
                       "seed is not used: a fixed number, or the epoch alone", cure)  # fmt: skip
    return None


def training_repeats(first: Report, again: Report) -> Finding | None:
    """The same seed gives the same network, whatever was drawn at random before."""
    one, two = (np.asarray(report["end"], np.float64) for report in (first, again))
    if one.shape == two.shape and np.abs(one - two).max() <= REPEATED:
        return None
    return Finding(
        "the same network for the same seed",
        f"logits that differ by up to {np.abs(one - two).max():.2g} at the second call",
        "something is drawn at random that seed does not decide",
        "mix by labelled_batches(images, transforms, seed + epoch), and by nothing else",
    )


# ------------------------------------------------------------ history


def history_form(report: Report, epochs: int) -> Finding | None:
    """One plain finite number for each epoch."""
    history = report["history"]
    expected = f"a list of {epochs} numbers, one for each epoch"
    if history is None:
        return Finding(expected, f"an object of type {report['kind']}",
                       "nothing is returned, or something else", "return history")  # fmt: skip
    if len(history) != epochs:
        why = "not one entry for each epoch"
        if epochs and len(history) == len(_learnt(report)):
            why = "one entry for each batch"
        elif len(history) == 1:
            why = "the return stands inside the loop, or only one number was kept"
        return Finding(expected, f"{len(history)} entries", why,
                       "history.append(...) once, at the end of each epoch")  # fmt: skip
    if "Tensor" in report["kinds"]:
        return Finding(expected, "tensors", "they hold on to the whole computation",
                       "loss.item() gives the number")  # fmt: skip
    if not np.isfinite(history).all():
        return Finding(expected, "something that is no finite number",
                       "lists or arrays in the list, or a loss that grew without end",
                       "append float(np.mean(losses))")  # fmt: skip
    return None


def no_epoch(report: Report) -> Finding | None:
    """With epochs=0 nothing is learnt, and the list is empty."""
    finding = history_form(report, 0)
    if finding is None and (report["moved"] > 0 or _learnt(report)):
        return Finding("with epochs=0 a network that stays as it is", "weights that moved",
                       "a number of epochs of its own", "for epoch in range(epochs)")  # fmt: skip
    return finding


def history_is_mean_loss(report: Report, epochs: int) -> Finding | None:
    """Each number is the mean loss of its epoch, over batches or over pictures."""
    batches = _learnt(report)
    known = all((np.asarray(batch["places"]) >= 0).all() for batch in batches)
    if not batches or len(batches) % epochs or not known:
        return None  # whether it sees the right pictures is another check's question
    losses = [_entropies(np.asarray(b["logits"]), np.asarray(b["places"])) for b in batches]
    groups = [
        losses[i : i + len(losses) // epochs] for i in range(0, len(losses), len(losses) // epochs)
    ]
    history = np.asarray(report["history"], np.float64)
    right = _each(groups, np.mean)
    pooled = np.array([np.concatenate(group).mean() for group in groups])
    if _near(history, right) or _near(history, pooled):
        return None
    why, advice = "another loss, or another mean", "float(np.mean(losses)), with one loss per batch"
    for wrong, reason in _other_histories(groups, batches):
        if _near(history, wrong):
            why = reason
            break
    return Finding(f"the mean losses {short(right)}", short(history), why, advice)


def _other_histories(
    groups: list[list[Floats]], batches: list[Report]
) -> Iterator[tuple[Floats, str]]:
    """Yield what typical mistakes would write down, each with the reason."""
    flat = [np.mean(loss) for group in groups for loss in group]
    count = len(groups[0])
    pictures = sum(len(loss) for loss in groups[0])
    sums = _each(groups, np.sum)
    yield np.array([group[-1].mean() for group in groups]), "the loss of the last batch alone"
    yield np.array([group[0].mean() for group in groups]), "the loss of the first batch alone"
    yield sums, "the sum over the batches"
    yield sums / pictures, "the sum of the batches' means, divided by the number of pictures"
    yield (np.array([np.mean(flat[: (i + 1) * count]) for i in range(len(groups))]),
           "the losses of earlier epochs are in it: empty the list in each epoch")  # fmt: skip
    yield np.cumsum(sums), "the losses of earlier epochs are added: begin at 0 in each epoch"
    yield (
        np.cumsum(sums) / count,
        "the losses of earlier epochs are added: begin at 0 in each epoch",
    )
    twice = [
        _entropies(_softmax(np.asarray(b["logits"])), np.asarray(b["places"])) for b in batches
    ]
    again = [twice[i : i + count] for i in range(0, len(twice), count)]
    yield _each(again, np.mean), "a softmax before the cross-entropy, which takes logits"


def _each(groups: list[list[Floats]], reduce: Any) -> Floats:
    return np.array([reduce([loss.mean() for loss in group]) for group in groups])


def _learnt(report: Report) -> list[Report]:
    """Return the batches that it learnt from; all that it saw if it never called backward()."""
    batches = list(report["batches"])
    return [batch for batch in batches if batch["learnt"]] or batches


def _epochs(report: Report, epochs: int) -> list[NDArray[np.int_]]:
    """Return the places of the pictures, cut after each epoch's number of batches."""
    places = [np.asarray(batch["places"]) for batch in _learnt(report)]
    if not places or len(places) % epochs:
        return [np.concatenate(places)] if places else []
    each = len(places) // epochs
    return [np.concatenate(places[i : i + each]) for i in range(0, len(places), each)]


def _entropies(logits: Floats, places: NDArray[np.int_]) -> Floats:
    """Return the cross-entropy of each picture; its label follows from its place."""
    found: Floats = -np.log(_softmax(logits)[np.arange(len(places)), places % logits.shape[1]])
    return found


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return np.maximum(shares, 1e-300)


def _near(history: Floats, other: Floats) -> bool:
    return bool(np.allclose(history, other, rtol=SAME_LOSS, atol=1e-6))
