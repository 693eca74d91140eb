"""Measurements of what a learner's networks, losses and training step do (2.2 to 2.4).

They run where torch is, in the notebook or behind the grader's wall, and return plain data and no
verdict: the findings of `nb2_networks` and `nb2_training` judge it elsewhere.
"""

import copy
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.gan import GanPair, dense_networks, device_of, evaluating
from data_utils.gan_training import as_number, as_tensor, run_gan_step

PAIR_METHODS = ("sample", "judge", "features_of", "generator", "features", "head")


# ------------------------------------------------------------ exercise 2.2


def pair_report(
    build_pair: Callable[..., Any],
    noise: NDArray[np.float32],
    images: NDArray[np.float32],
    loud: float,
    seed: int,
) -> dict[str, Any]:
    """Build a pair and return what its networks give for noise and images.

    Parameters
    ----------
    build_pair : callable
    noise : ndarray, shape (n, latent_size)
    images : ndarray, shape (n, 1, 28, 28)
    loud : float
        A factor far above 1: what a bounded network bounds, another one makes large.
    seed : int
        Of torch's random numbers meanwhile; its state is put back.
    """
    with _seeded(seed):
        pair = build_pair(noise.shape[1])
        report: dict[str, Any] = {
            "count": len(noise),
            "asked_latent_size": noise.shape[1],
            "kind": type(pair).__name__,
            "is_pair": all(hasattr(pair, name) for name in PAIR_METHODS),
            "latent_size": getattr(pair, "latent_size", None),
            "stop": "",
        }
        if report["is_pair"]:
            try:
                report |= _given_by(pair, noise, images, np.float32(loud))
            except Exception as error:  # layers that do not fit: the learner's, wherever it stops
                report["stop"] = f"{type(error).__name__}: {str(error)[:100]}"
    return report


def _given_by(
    pair: GanPair, noise: NDArray[np.float32], images: NDArray[np.float32], loud: np.float32
) -> dict[str, Any]:
    twice = [[row, row] for row in range(len(noise))]  # alone: some layers refuse one row
    return {
        "drawn": pair.sample(noise),
        "drawn_loud": pair.sample(loud * noise),
        "drawn_alone": np.concatenate([pair.sample(noise[rows])[:1] for rows in twice]),
        "logits": pair.judge(images),
        "logits_loud": np.concatenate([pair.judge(loud * images), _loud_features(pair, images)]),
        "logits_alone": np.concatenate([pair.judge(images[rows])[:1] for rows in twice]),
        "features": pair.features_of(images),
        "generator_weights": _learning(pair.generator),
        "discriminator_weights": _learning(pair.features) + _learning(pair.head),
    }


def _loud_features(pair: GanPair, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the head's logits of features far above and far below the usual ones."""
    import torch

    with evaluating((pair.features, pair.head)), torch.no_grad():
        features = pair.features(as_tensor(images, device_of([pair.features])))
        both = torch.cat([100 * features, -100 * features])
        logits: NDArray[np.float32] = pair.head(both).reshape(-1).cpu().numpy()
    return logits


def _learning(network: Any) -> int:
    return sum(weight.numel() for weight in network.parameters() if weight.requires_grad)


# ------------------------------------------------------------ exercise 2.3


def losses_report(
    gan_losses: Callable[..., Any],
    real: NDArray[np.float32],
    fake: NDArray[np.float32],
    smoothing: float | None = None,
) -> dict[str, Any]:
    """Call the losses on logits; return their values and gradients.

    Parameters
    ----------
    gan_losses : callable
    real, fake : ndarray
        Logits, of any shape.
    smoothing : float, optional
        Without it, the function's own default.

    Returns
    -------
    dict
        "count" and "shapes" of what came back, "values", and for each of the two losses its
        gradient with respect to both logits ("d_real", "d_fake", "g_real", "g_fake"): None where
        the loss does not depend on them, or is no tensor.
    """
    import torch

    logits = [torch.tensor(part, requires_grad=True) for part in (real, fake)]
    result = gan_losses(*logits) if smoothing is None else gan_losses(*logits, smoothing)
    losses = list(result) if isinstance(result, (tuple, list)) else [result]
    report: dict[str, Any] = {"count": len(losses), "shapes": [_shape(loss) for loss in losses]}
    if report["shapes"] != [(), ()]:
        return report
    report["values"] = [as_number(loss) for loss in losses]
    for player, loss in zip("dg", losses, strict=True):
        found: Any = (None, None)
        if torch.is_tensor(loss) and loss.requires_grad:
            found = torch.autograd.grad(loss, logits, retain_graph=True, allow_unused=True)
        for name, gradient in zip(("real", "fake"), found, strict=True):
            report[f"{player}_{name}"] = None if gradient is None else gradient.numpy()
    return report


def _shape(loss: Any) -> tuple[int, ...] | None:
    """Return the shape of a number or a tensor of numbers, None for anything else."""
    if isinstance(loss, (int, float, np.number)):
        return ()
    return tuple(loss.shape) if hasattr(loss, "shape") else None


# ------------------------------------------------------------ exercise 2.4


def steps_report(
    gan_step: Callable[..., Any],
    seed: int,
    rates: tuple[float, float],
    real: NDArray[np.float32],
    noise: NDArray[np.float32],
    calls: int = 1,
) -> list[dict[str, Any]]:
    """Run a learner's step on the kit's dense pair and measure what each call changes.

    The dropout is off, the optimisers are plain gradient descent and the losses are squared errors
    with targets of their own. So each change is known: minus the rate, times the gradient.

    Parameters
    ----------
    gan_step : callable
    seed : int
        Of the pair.
    rates : tuple of float
        Of the discriminator's and of the generator's optimiser; 0 holds one of them still.
    real, noise : ndarray
        The same at each call.
    calls : int

    Returns
    -------
    list of dict
        For each call: "count" of what came back and "returned" (two numbers; NaN for what is
        none); "losses" before and "losses_after" it; and for each player "moved", the length of
        its change, "slope", that of its gradient times its rate, "along", the cosine of the
        angle between the change and the way down, and "apart", how far the change lies from that
        of the first call, relative to it.
    """
    import torch

    pair = _calm_pair(noise.shape[1], seed)
    optimizers = tuple(torch.optim.SGD(w, r) for w, r in zip(_weights_of(pair), rates, strict=True))
    first: list[NDArray[np.float64]] = []
    before = _known(copy.deepcopy(pair), real, noise)
    reports: list[dict[str, Any]] = []
    for _ in range(calls):
        with _seeded(seed):  # who draws noise of his own draws the same at each call
            result, changes = _one_step(gan_step, pair, optimizers, real, noise)
        first = first or changes
        after = _known(copy.deepcopy(pair), real, noise)
        both = [_change(*p) for p in zip(changes, before[1], rates, first, strict=True)]
        moves = dict(zip(("discriminator", "generator"), both, strict=True))
        reports.append(_returned(result) | {"losses": before[0], "losses_after": after[0]} | moves)
        before = after
    return reports


def _one_step(
    gan_step: Callable[..., Any],
    pair: GanPair,
    optimizers: tuple[Any, ...],
    real: NDArray[np.float32],
    noise: NDArray[np.float32],
) -> tuple[Any, list[NDArray[np.float64]]]:
    """Run the step once; return what it gave and how far each player's weights moved."""
    results: list[Any] = []

    def recorded(*args: Any) -> tuple[float, float]:
        results.append(gan_step(*args))
        return 0.0, 0.0

    players = _weights_of(pair)
    before = [_flat(weights) for weights in players]
    run_gan_step(recorded, pair, _squared_losses, optimizers, real, noise)
    return results[0], [_flat(w) - old for w, old in zip(players, before, strict=True)]


def _squared_losses(real_logits: Any, fake_logits: Any, smoothing: float = 0.0) -> Any:
    """Squared errors whose targets lie apart, so that no loss can be taken for the other."""
    of_discriminator = ((real_logits - 2 + smoothing) ** 2).mean() + ((fake_logits + 1) ** 2).mean()
    return of_discriminator, ((fake_logits - 1.5) ** 2).mean()


def _calm_pair(latent_size: int, seed: int) -> GanPair:
    """Return the kit's dense pair without its dropout."""
    pair = dense_networks(latent_size, seed)
    for layer in pair.features.modules():
        if hasattr(layer, "p"):
            layer.p = 0.0
    return pair


def _weights_of(pair: GanPair) -> tuple[list[Any], list[Any]]:
    judges = [*pair.features.parameters(), *pair.head.parameters()]
    return judges, list(pair.generator.parameters())


def _known(
    twin: GanPair, real: NDArray[np.float32], noise: NDArray[np.float32]
) -> tuple[list[float], list[NDArray[np.float64]]]:
    """Return both losses of a pair, and each one's gradient in its own player's weights."""
    import torch

    players = _weights_of(twin)
    for weight in itertools.chain(*players):  # a step may have frozen some
        weight.requires_grad_()
    drawn = twin.generator(as_tensor(noise, "cpu"))
    losses = _squared_losses(twin.logits(as_tensor(real, "cpu")), twin.logits(drawn))
    slopes = [
        _flat(torch.autograd.grad(loss, weights, retain_graph=True))
        for loss, weights in zip(losses, players, strict=True)
    ]
    return [as_number(loss) for loss in losses], slopes


def _change(
    change: NDArray[np.float64],
    slope: NDArray[np.float64],
    rate: float,
    first: NDArray[np.float64],
) -> dict[str, float]:
    moved, steep = float(np.linalg.norm(change)), float(np.linalg.norm(slope))
    return {
        "moved": moved,
        "slope": rate * steep,
        "along": float(-change @ slope) / max(moved * steep, 1e-30),
        "apart": float(np.linalg.norm(change - first)) / max(float(np.linalg.norm(first)), 1e-30),
    }


def _returned(result: Any) -> dict[str, Any]:
    parts = list(result) if isinstance(result, (tuple, list)) else [result]
    return {"count": len(parts), "returned": [_number(part) for part in parts[:2]]}


def _number(value: Any) -> float:
    try:
        return as_number(value)
    except (TypeError, ValueError, RuntimeError):
        return float("nan")


def _flat(tensors: Any) -> NDArray[np.float64]:
    return np.concatenate([np.asarray(t.detach(), np.float64).ravel() for t in tensors])


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed torch's own random numbers, those of the processor alone, and put them back."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
