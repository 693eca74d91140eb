"""Exercise 4.6: a watched training as it came out of `nb4_probes_scores`, and what follows from it.

The probe writes down; here is worked out what the network must have said, and what its gradients
must have been. So a report that was made up does not hold together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.values import describe
from data_utils.selfcheck.words import Finding

AGREES = 1e-3  # of logits around 1, worked out from the weights: single floats agree to 1e-5
Floats = NDArray[np.float64]
Ints = NDArray[np.int_]


@dataclass(frozen=True)
class Batch:
    """What the network saw at a time, and what was done with it.

    Attributes
    ----------
    places : ndarray of int, shape (b,)
        Of its pictures among all, -1 for others.
    weights : ndarray, shape (t * pixels + t,)
        At that time.
    logits, pull : ndarray, shape (b, t)
        What it said, and the gradient of the loss there; `pull` is empty without a backward().
    held : ndarray
        What stood in the weights' gradients after the backward(); empty where they are not used.
    training : bool
    """

    places: Ints
    weights: Floats
    logits: Floats
    pull: Floats
    held: Floats
    training: bool

    @property
    def learnt(self) -> bool:
        """Whether a backward() came through."""
        return len(self.pull) > 0

    def losses(self) -> Floats:
        """Return the cross-entropy of each picture."""
        return entropies(self.logits, self.places)


@dataclass(frozen=True)
class Training:
    """A training of the small network.

    Attributes
    ----------
    pictures : ndarray, shape (m, pixels)
        All of them in [-1, 1], image by image; the label of a picture is its place modulo t.
    count : int
        Transformations, t.
    start, end : ndarray, shape (t * pixels + t,)
        The weights before and after.
    batches : list of Batch
    history : list of float or None
    kinds : list of str
        The types of its entries.
    kind : str
        Its own.
    images : object
        As they were left.
    """

    pictures: Floats
    count: int
    start: Floats
    end: Floats
    batches: list[Batch]
    history: list[float] | None
    kinds: list[str]
    kind: str
    images: Any

    def logits(self, weights: Floats) -> Floats:
        """Return what a network of these weights says of all pictures."""
        return said(weights, self.pictures, self.count)

    def loss(self, weights: Floats) -> float:
        """Return the mean cross-entropy of all pictures."""
        return float(entropies(self.logits(weights), np.arange(len(self.pictures))).mean())

    def gradient(self, batch: Batch) -> Floats:
        """Return the gradient of a batch alone, from the pull on its logits."""
        x = self.pictures[batch.places]
        return np.concatenate([(batch.pull.T @ x).ravel(), batch.pull.sum(axis=0)])

    def learnt(self) -> list[Batch]:
        """Return the batches that it learnt from; all that it saw if nobody called backward()."""
        return [batch for batch in self.batches if batch.learnt] or self.batches

    def epochs(self, count: int) -> list[Ints]:
        """Return the places of the pictures, cut after each epoch's number of batches."""
        places = [batch.places for batch in self.learnt()]
        if not places or len(places) % count:
            return [np.concatenate(places)] if places else []
        each = len(places) // count
        return [np.concatenate(places[i : i + each]) for i in range(0, len(places), each)]


def as_training(
    report: Any, images: NDArray[np.uint8], turns: Sequence[int], start: Any = None
) -> Training | Finding:
    """Read a report, and require that it holds together.

    Parameters
    ----------
    report : object
        As from `data_utils.selfcheck.nb4_probes_scores.training_report`.
    images : ndarray of uint8, shape (n, size, size)
        What was handed in.
    turns : sequence of int
        The transformations.
    start : ndarray, optional
        The weights with which the network must start.
    """
    turned = np.stack([np.rot90(images, turn, axes=(1, 2)) for turn in turns], axis=1)
    pictures = turned.reshape(len(images) * len(turns), -1) / 127.5 - 1
    size = len(turns) * pictures.shape[1] + len(turns)
    strange = Finding("the network that came in is trained", describe(report),
                      "another network was asked, or it was changed",
                      "network(x), with the network and the batches as they come")  # fmt: skip
    if not isinstance(report, Mapping) or not isinstance(report.get("batches"), (list, tuple)):
        return strange
    first, last = (_numbers(report.get(name), (size,)) for name in ("start", "end"))
    batches = [_as_batch(part, len(pictures), (size, len(turns))) for part in report["batches"]]
    if first is None or last is None or any(batch is None for batch in batches):
        return strange
    known = [batch for batch in batches if batch is not None]
    if start is not None and not np.allclose(first, start, atol=AGREES):
        return strange
    for batch in known:
        own = batch.places >= 0
        right = said(batch.weights, pictures[batch.places[own]], len(turns))
        room = AGREES * (1 + np.abs(right).max(initial=0))
        if np.abs(batch.logits[own] - right).max(initial=0) > room:
            return strange
    history, kinds = report.get("history"), report.get("kinds")
    entries = history if isinstance(history, (list, tuple, np.ndarray)) else None
    return Training(
        pictures, len(turns), first, last, known,
        None if entries is None else [_number(entry) for entry in entries],
        [str(kind) for kind in kinds] if isinstance(kinds, (list, tuple)) else [],
        str(report.get("kind")), report.get("images"),
    )  # fmt: skip


def _as_batch(part: Any, pictures: int, size: tuple[int, int]) -> Batch | None:
    if not isinstance(part, Mapping):
        return None
    places = _numbers(part.get("places"), (-1,))
    if places is None or not np.isin(places, np.arange(-1, pictures)).all():
        return None
    shape = (len(places), size[1])
    weights, logits = _numbers(part.get("weights"), size[:1]), _numbers(part.get("logits"), shape)
    pull = _numbers(part.get("pull"), (-1, size[1]))
    held = _numbers(part.get("held"), (-1,))
    if weights is None or logits is None or pull is None or held is None:
        return None
    if len(pull) not in (0, len(places)) or held.size not in (0, size[0]):
        return None
    return Batch(places.astype(int), weights, logits, pull, held, part.get("training") is True)


def _numbers(value: Any, shape: tuple[int, ...]) -> Floats | None:
    """Return an array of this shape as floats; -1 stands for any length."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iuf":
        return None
    if value.ndim != len(shape):
        return None
    if any(wanted not in (-1, there) for wanted, there in zip(shape, value.shape, strict=True)):
        return None
    return np.nan_to_num(value.astype(np.float64), nan=1e6, posinf=1e6, neginf=-1e6)


def _number(entry: Any) -> float:
    try:
        return float(entry)
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def said(weights: Floats, pictures: Floats, count: int) -> Floats:
    """Return the logits of pictures (m, pixels) from flat weights: (m, count)."""
    matrix = weights[:-count].reshape(count, -1)
    logits: Floats = pictures @ matrix.T + weights[-count:]
    return logits


def entropies(logits: Floats, places: Ints) -> Floats:
    """Return the cross-entropy of each picture; its label follows from its place."""
    shares = softmax(logits)[np.arange(len(places)), places % logits.shape[1]]
    found: Floats = -np.log(np.maximum(shares, 1e-300))
    return found


def softmax(logits: Floats) -> Floats:
    """Return the probabilities that stand behind logits (m, t)."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares
