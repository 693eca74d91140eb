"""Measurements of exercises 4.6 and 4.13: a training that is watched, an ascent on a known hill.

They run where torch is, in the notebook or behind the grader's wall, and return plain data and no
verdict: the findings of `nb4_training` and `nb4_ascent` judge it elsewhere.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.geometric import as_input
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
    """Train a small network that writes down what it sees, and look at what has changed.

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
        type of each entry; ``kind``: that of the whole. ``batches``: for each batch that it saw
        with gradients the ``places`` of its pictures among all (image by image, -1 for others), the
        ``logits``, whether the network was ``training``, and whether it ``learnt`` from it by a
        backward(). ``start`` and ``end``: the logits of all pictures before and after; ``moved``:
        how far the weights moved; ``left_over``: the largest share of a gradient that came from
        earlier batches; ``images``, as they were left.
    """
    import torch

    transforms = all_transforms(flips=(False,), shift=0, turns=tuple(turns))
    mine, before = images.copy(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(3)  # of the first weights, which are always the same
        network = _watched(apply_all(images, transforms), len(transforms))
        torch.default_generator.manual_seed(global_seed)
        np.random.seed(global_seed)
        start, weights = network.of_all(), network.flat()
        network.eval()  # the learner's function is to switch it back
        try:
            history = train_classifier(network, mine, transforms, epochs, seed)
        finally:
            np.random.set_state(before)
    items = list(history) if hasattr(history, "__iter__") else None
    return {
        "history": None if items is None else [_number(item) for item in items],
        "kinds": None if items is None else [type(item).__name__ for item in items],
        "kind": type(history).__name__,
        "batches": network.batches,
        "start": start,
        "end": network.of_all(),
        "moved": float(np.abs(network.flat() - weights).max()),
        "left_over": max(network.left_over, default=0.0),
        "images": mine,
    }


def _watched(pictures: NDArray[np.uint8], count: int) -> Any:
    """Build a linear network that writes down pictures, logits, mode and gradients."""
    import torch
    from torch import nn

    flat = pictures.reshape(-1, pictures.shape[-2] * pictures.shape[-1])
    place_of = {picture.tobytes(): place for place, picture in enumerate(flat)}

    class Watched(nn.Module):  # type: ignore[misc,unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(flat.shape[1], count)
            self.batches: list[Measured] = []
            self.left_over: list[float] = []
            for weight in self.linear.parameters():
                self.watch(weight)

        def watch(self, weight: Any) -> None:
            """Compare what each batch adds to the gradient with the gradient that it makes."""
            added = [torch.zeros(())]
            weight.register_hook(lambda gradient: added.__setitem__(0, gradient.detach().clone()))

            def compare(learning: Any) -> None:
                own = max(float(added[0].norm()), 1e-12)
                self.left_over.append(float((learning.grad - added[0]).norm()) / own)

            weight.register_post_accumulate_grad_hook(compare)

        def forward(self, x: Any) -> Any:
            logits = self.linear(x.flatten(1))
            if logits.requires_grad:
                grey = (x.detach().flatten(1).cpu() + 1) * 127.5
                seen = grey.round().clamp(0, 255).byte().numpy()
                batch = {
                    "places": np.array([place_of.get(row.tobytes(), -1) for row in seen]),
                    "logits": logits.detach().cpu().numpy().astype(np.float64),
                    "training": all(module.training for module in self.modules()),
                    "learnt": False,
                }
                self.batches.append(batch)
                logits.register_hook(lambda _: batch.__setitem__("learnt", True))
            return logits

        def of_all(self) -> NDArray[np.float64]:
            with torch.no_grad():
                x = as_input(flat.reshape(-1, *pictures.shape[-2:]), torch_device())
                return np.asarray(self(x).cpu(), np.float64)

        def flat(self) -> NDArray[np.float64]:
            return np.concatenate(
                [np.asarray(w.detach().cpu(), np.float64).ravel() for w in self.parameters()]
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
