"""Raw measurements of a learner's networks, losses and training step (2.2 to 2.4).

What runs on the learner's functions returns what came out, and nothing that judges it: outputs,
gradients, weights before and after. What is expected comes from elsewhere: from NumPy, from whoever
asks, and from `initial_players`, which the grader asks in a session without the learner's code.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.gan import GanPair, device_of, evaluating
from data_utils.gan_training import as_number, as_tensor, run_gan_step

PAIR_METHODS = ("sample", "judge", "features_of", "generator", "features", "head")
REAL_AIM, DRAWN_AIM, FOOLED_AIM = 2.0, -1.0, 1.5  # of the squared losses: logits that cost nothing
SLOPE, HIDDEN = 0.2, 24  # of the plain pair: its leaky ReLUs, and numbers in its hidden layers
Floats = NDArray[np.float32]


# ------------------------------------------------------------ exercise 2.2


def seed_torch(seed: int) -> None:
    """Set torch's own random numbers, those of the processor alone."""
    import torch

    torch.default_generator.manual_seed(seed)


def pair_outputs(pair: Any, noise: Floats, images: Floats, loud: float) -> dict[str, Any]:
    """Return what the networks of a learner's pair give for noise and images.

    Parameters
    ----------
    pair : object
        What the learner's function returned.
    noise : ndarray of float32, shape (n, latent_size)
    images : ndarray of float32, shape (n, 1, 28, 28)
    loud : float
        A factor far above 1: what a bounded network bounds, another one makes large.
    """
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


def _given_by(pair: GanPair, noise: Floats, images: Floats, loud: np.float32) -> dict[str, Any]:
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


def _loud_features(pair: GanPair, images: Floats) -> Floats:
    """Return the head's logits of features far above and far below the usual ones."""
    import torch

    with evaluating((pair.features, pair.head)), torch.no_grad():
        features = pair.features(as_tensor(images, device_of([pair.features])))
        both = torch.cat([100 * features, -100 * features])
        logits: Floats = pair.head(both).reshape(-1).cpu().numpy()
    return logits


def _learning(network: Any) -> int:
    return sum(weight.numel() for weight in network.parameters() if weight.requires_grad)


def nudge(pair: Any) -> None:
    """Add 1 to every weight of a pair, in place."""
    import torch

    with torch.no_grad():
        for network in (pair.generator, pair.features, pair.head):
            for weight in network.parameters():
                weight += 1


# ------------------------------------------------------------ exercise 2.3


def losses_report(
    gan_losses: Callable[..., Any],
    real: Floats,
    fake: Floats,
    smoothing: float | None = None,
) -> dict[str, Any]:
    """Call the losses on logits; return their values and gradients.

    Parameters
    ----------
    gan_losses : callable
    real, fake : ndarray of float32
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


def steps_taken(
    gan_step: Callable[..., Any],
    seed: int,
    rates: Sequence[float],
    real: Floats,
    noise: Floats,
    calls: int = 1,
) -> list[dict[str, Any]]:
    """Let a learner's step train a small pair; return the weights before and after each call.

    The optimisers are plain gradient descent and the losses are squared errors with targets of
    their own, so that each right change is known from outside: minus the rate, times the gradient.

    Parameters
    ----------
    gan_step : callable
    seed : int
        Of the pair.
    rates : sequence of float
        Of the discriminator's and of the generator's optimiser; 0 holds one of them still.
    real, noise : ndarray of float32
        The same at each call.
    calls : int

    Returns
    -------
    list of dict
        For each call the weights of both players, flat, "before" and "after" it (two arrays of
        float32 each), the "count" of what came back and "returned" (two numbers; NaN for what is
        none).
    """
    import torch

    pair = plain_pair(noise.shape[1], seed)
    players = players_of(pair)
    optimizers = tuple(torch.optim.SGD(w, r) for w, r in zip(players, rates, strict=True))
    reports = []
    for _ in range(calls):
        before = [_flat(weights) for weights in players]
        with seeded(seed):  # who draws noise of his own draws the same at each call
            result = _one_step(gan_step, pair, optimizers, real, noise)
        after = [_flat(weights) for weights in players]
        reports.append(_returned(result) | {"before": before, "after": after})
    return reports


def _one_step(
    gan_step: Callable[..., Any],
    pair: GanPair,
    optimizers: tuple[Any, ...],
    real: Floats,
    noise: Floats,
) -> Any:
    results: list[Any] = []

    def recorded(*args: Any) -> tuple[float, float]:
        results.append(gan_step(*args))
        return 0.0, 0.0

    run_gan_step(recorded, pair, squared_losses, optimizers, real, noise)
    return results[0]


def squared_losses(real_logits: Any, fake_logits: Any, smoothing: float = 0.0) -> Any:
    """Squared errors whose targets lie apart, so that no loss can be taken for the other."""
    aims = REAL_AIM - smoothing, DRAWN_AIM, FOOLED_AIM
    of_discriminator = ((real_logits - aims[0]) ** 2).mean() + ((fake_logits - aims[1]) ** 2).mean()
    return of_discriminator, ((fake_logits - aims[2]) ** 2).mean()


def plain_pair(latent_size: int, seed: int) -> GanPair:
    """Build a small dense pair without dropout and without batch norm, on the processor."""
    import torch
    from torch import nn

    with torch.device("cpu"), seeded(seed):
        draws = (nn.Linear(latent_size, HIDDEN), nn.LeakyReLU(SLOPE), nn.Linear(HIDDEN, 784))
        generator = nn.Sequential(*draws, nn.Tanh(), nn.Unflatten(1, (1, 28, 28)))
        features = nn.Sequential(nn.Flatten(), nn.Linear(784, HIDDEN), nn.LeakyReLU(SLOPE))
        return GanPair(generator, features, nn.Linear(HIDDEN, 1), latent_size)


def players_of(pair: GanPair) -> tuple[list[Any], list[Any]]:
    """Return the weights of the discriminator, and those of the generator."""
    judges = [*pair.features.parameters(), *pair.head.parameters()]
    return judges, list(pair.generator.parameters())


def initial_players(latent_size: int, seed: int) -> list[Floats]:
    """Return the flat weights that `steps_taken` starts from: discriminator, generator."""
    return [_flat(weights) for weights in players_of(plain_pair(latent_size, seed))]


def _returned(result: Any) -> dict[str, Any]:
    parts = list(result) if isinstance(result, (tuple, list)) else [result]
    return {"count": len(parts), "returned": [_number(part) for part in parts[:2]]}


def _number(value: Any) -> float:
    try:
        return as_number(value)
    except (TypeError, ValueError, RuntimeError):
        return float("nan")


def _flat(tensors: Any) -> Floats:
    return np.concatenate([np.asarray(t.detach(), np.float32).ravel() for t in tensors])


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's own random numbers, those of the processor alone, and put them back."""
    import torch

    with torch.random.fork_rng(devices=[]):
        seed_torch(seed)
        yield
