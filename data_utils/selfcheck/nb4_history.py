"""Exercise 4.6: what can be wrong with the losses that a training hands back."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from data_utils.selfcheck.nb3_distances import short
from data_utils.selfcheck.nb4_training import training_moves
from data_utils.selfcheck.nb4_watched import Batch, Floats, Training, entropies, softmax
from data_utils.selfcheck.words import Finding

SAME_LOSS = 1e-3  # relative; single floats agree to 1e-6, one batch differs from all by per cents


def history_form(training: Training, epochs: int) -> Finding | None:
    """One plain finite number for each epoch."""
    history = training.history
    expected = f"a list of {epochs} numbers, one for each epoch"
    if history is None:
        return Finding(expected, f"an object of type {training.kind}",
                       "nothing is returned, or something else", "return history")  # fmt: skip
    if len(history) != epochs:
        why = "not one entry for each epoch"
        if epochs and len(history) == len(training.learnt()):
            why = "one entry for each batch"
        elif len(history) == 1:
            why = "the return stands inside the loop, or only one number was kept"
        return Finding(expected, f"{len(history)} entries", why,
                       "history.append(...) once, at the end of each epoch")  # fmt: skip
    if "Tensor" in training.kinds:
        return Finding(expected, "tensors", "they hold on to the whole computation",
                       "loss.item() gives the number")  # fmt: skip
    if not np.isfinite(history).all():
        return Finding(expected, "something that is no finite number",
                       "lists or arrays in the list, or a loss that grew without end",
                       "append float(np.mean(losses))")  # fmt: skip
    return None


def no_epoch(training: Training) -> Finding | None:
    """With epochs=0 nothing is learnt, and the list is empty."""
    finding = history_form(training, 0)
    if finding is None and (training.learnt() or not np.array_equal(training.start, training.end)):
        return Finding("with epochs=0 a network that stays as it is", "weights that moved",
                       "a number of epochs of its own", "for epoch in range(epochs)")  # fmt: skip
    return finding


def history_is_mean_loss(training: Training, epochs: int) -> Finding | None:
    """Each number is the mean loss of its epoch, over batches or over pictures."""
    batches = training.learnt()
    finding = training_moves(training)
    if finding:
        return finding
    known = all((batch.places >= 0).all() for batch in batches)
    if len(batches) % epochs or not known:
        return None  # whether it sees the right pictures is another check's question
    losses = [batch.losses() for batch in batches]
    groups = [
        losses[i : i + len(losses) // epochs] for i in range(0, len(losses), len(losses) // epochs)
    ]
    history = np.asarray(training.history, np.float64)
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
    groups: list[list[Floats]], batches: list[Batch]
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
    twice = [entropies(softmax(batch.logits), batch.places) for batch in batches]
    again = [twice[i : i + count] for i in range(0, len(twice), count)]
    yield _each(again, np.mean), "a softmax before the cross-entropy, which takes logits"


def _each(groups: list[list[Floats]], reduce: Any) -> Floats:
    return np.array([reduce([loss.mean() for loss in group]) for group in groups])


def _near(history: Floats, other: Floats) -> bool:
    return bool(np.allclose(history, other, rtol=SAME_LOSS, atol=1e-6))
