"""Measurements of exercises 4.6 and 4.13: a training that is watched, an ascent on a known hill.

They run where torch is, in the notebook or behind the grader's wall, and return plain data and no
verdict: the findings of `nb4_training` and `nb4_ascent` judge it elsewhere.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.runtime import torch_device
from data_utils.selfcheck.nb3_images import plain_array
from data_utils.transforms import all_transforms, apply_all

Measured = dict[str, Any]


# ------------------------------------------------------------ exercise 4.6


def training_report(
    train_classifier: Callable[..., Any],
    images: NDArray[np.uint8],
    turns: Sequence[int],
    epochs: int,
    seed: int,
    global_seed: int = 1,
) -> Measured:
    """Train a small network that writes down what it sees, as it comes.

    Parameters
    ----------
    train_classifier : callable
        The learner's function.
    images : ndarray of uint8, shape (n, 28, 28)
        No two of them may look alike under any two of the transformations.
    turns : sequence of int
        Quarter turns: the transformations, without flips and translations.
    epochs, seed : int
        What the learner's function gets.
    global_seed : int
        NumPy's and torch's own random numbers are set to it before, and put back.

    Returns
    -------
    dict
        ``history``: what came back, as numbers, None if it cannot be gone through; ``kinds``: the
        type of each entry; ``kind``: that of the whole. ``start`` and ``end``: the weights before
        and after, flat: the matrix (t, 784), then the bias. ``batches``: for each batch that the
        network saw with gradients the ``places`` of its pictures among all (image by image, -1 for
        others), the ``weights`` at that time, the ``logits``, whether it was in ``training`` mode,
        the ``pull`` on the logits, their gradient, which is empty without a backward(), and what
        was ``held`` in the weights' gradients after it. ``images``, as they were left.
    """
    import torch

    transforms = all_transforms(flips=(False,), shift=0, turns=tuple(turns))
    mine, before = images.copy(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        network = _watched(apply_all(images, transforms), len(transforms))
        torch.default_generator.manual_seed(global_seed)
        np.random.seed(global_seed)
        start = network.flat()
        network.eval()  # the learner's function is to switch it back
        try:
            history = train_classifier(network, mine, transforms, epochs, seed)
        finally:
            np.random.set_state(before)
    items = list(history) if hasattr(history, "__iter__") else None
    for batch in network.batches:
        batch.pop("parts", None)
    return {
        "history": None if items is None else [_number(item) for item in items],
        "kinds": None if items is None else [type(item).__name__ for item in items],
        "kind": type(history).__name__,
        "batches": network.batches,
        "start": start,
        "end": network.flat(),
        "images": mine,
    }


def first_weights(count: int) -> NDArray[np.float32]:
    """Return the weights with which the small network always starts, flat."""
    import torch

    with torch.random.fork_rng(devices=[]):
        weights: NDArray[np.float32] = _watched(np.zeros((1, 1, 28, 28), np.uint8), count).flat()
    return weights


def _watched(pictures: NDArray[np.uint8], count: int) -> Any:
    """Build a linear network that writes down pictures, logits, mode and gradients."""
    import torch
    from torch import nn

    flat = pictures.reshape(-1, pictures.shape[-2] * pictures.shape[-1])
    place_of = {picture.tobytes(): place for place, picture in enumerate(flat)}
    torch.default_generator.manual_seed(3)  # of the first weights, which are always the same

    class Watched(nn.Module):  # type: ignore[misc,unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(flat.shape[1], count)
            self.batches: list[Measured] = []
            self.present: Measured = {}  # the batch whose gradient is on its way
            for place, weight in enumerate(self.linear.parameters()):
                self.watch(place, weight)

        def watch(self, place: int, weight: Any) -> None:
            def look(learning: Any) -> None:
                held = self.present.setdefault("parts", {})
                held[place] = learning.grad.detach().cpu().numpy().ravel().copy()
                self.present["held"] = np.concatenate([held[key] for key in sorted(held)])

            weight.register_post_accumulate_grad_hook(look)

        def forward(self, x: Any) -> Any:
            logits = self.linear(x.flatten(1))
            if logits.requires_grad:
                grey = (x.detach().flatten(1).cpu() + 1) * 127.5
                seen = grey.round().clamp(0, 255).byte().numpy()
                batch: Measured = {
                    "places": np.array([place_of.get(row.tobytes(), -1) for row in seen]),
                    "weights": self.flat(),
                    "logits": logits.detach().cpu().numpy().copy(),
                    "training": all(module.training for module in self.modules()),
                    "pull": np.zeros((0, count), np.float32),
                    "held": np.zeros(0, np.float32),
                }
                self.batches.append(batch)

                def pulled(gradient: Any) -> None:
                    batch["pull"] = gradient.detach().cpu().numpy().copy()
                    self.present = batch

                logits.register_hook(pulled)
            return logits

        def flat(self) -> NDArray[np.float32]:
            return np.concatenate(
                [w.detach().cpu().numpy().ravel().copy() for w in self.linear.parameters()]
            )

    return Watched().to(torch_device())


def _number(item: Any) -> float:
    """Return an entry of a history as a number; NaN for what is none."""
    try:
        return float(plain_array(item))
    except (TypeError, ValueError, RuntimeError):
        return float("nan")


def one_sided(count: int, seed: int) -> NDArray[np.uint8]:
    """Return images that are brighter at the top, so that a network can tell how they are turned.

    Noise makes each of them different, and some are so dim that not all can be told at once.
    """
    drawing = np.random.default_rng(seed)
    ramp = np.linspace(1, 0, 28)[:, None]
    contrast = drawing.uniform(0.1, 1, (count, 1, 1))
    grey = 60 * contrast * (ramp - 0.5) + 128 + drawing.normal(0, 40, (count, 28, 28))
    images: NDArray[np.uint8] = np.clip(grey, 0, 255).astype(np.uint8)
    return images


# ------------------------------------------------------------ exercise 4.13


def ascent_report(
    ascend: Callable[..., Any],
    image: NDArray[np.float64],
    target: NDArray[np.float64],
    pull: float,
    steps: int,
    rate: float,
) -> Measured:
    """Climb a round hill, and write down at which images its slope was asked for.

    Parameters
    ----------
    ascend : callable
        The learner's function.
    image : ndarray, shape (28, 28)
    target : ndarray, shape (28, 28)
        The top of the hill.
    pull : float
        The slope is `pull` times what lacks to the top.
    steps, rate : int, float

    Returns
    -------
    dict
        ``result``, the images ``seen`` by the slope in their order, and the ``image`` that was
        handed in, as it was left.
    """
    seen: list[NDArray[np.float64]] = []

    def slope(x: Any) -> NDArray[np.float64]:
        now = np.array(x, np.float64)
        seen.append(now)
        return pull * (target - now)

    mine = image.copy()
    result = plain_array(ascend(mine, slope, steps, rate))
    return {"result": result, "seen": seen, "image": mine}
