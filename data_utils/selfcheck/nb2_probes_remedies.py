"""Measurements of exercises 2.5 and 2.6, on small networks that are made here and never trained."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.gan import GanPair
from data_utils.gan_training import run_encoder_training

Measured = dict[str, Any]
SHIFT = 0.02  # of a code, up and down; the losses are smooth on this scale
FEATURES = 16


def small_pair(seed: int, latent_size: int) -> GanPair:
    """Build a pair with batch norm in its generator, in training mode.

    The stored statistics differ from those of any batch, so that the mode makes a difference; the
    layers are nearly linear, so that a search from any start finds the noise of a drawing.
    """
    import torch
    from torch import nn

    with torch.device("cpu"), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        norm = nn.BatchNorm1d(32)
        norm.running_mean.copy_(0.7 * torch.randn(32))
        norm.running_var.copy_(0.5 + torch.rand(32))
        code_to_pixels = (nn.Linear(latent_size, 32), norm, nn.LeakyReLU(0.6), nn.Linear(32, 784))
        generator = nn.Sequential(*code_to_pixels, nn.Tanh(), nn.Unflatten(1, (1, 28, 28)))
        features = nn.Sequential(nn.Flatten(), nn.Linear(784, FEATURES), nn.LeakyReLU(0.6))
        return GanPair(generator, features, nn.Linear(FEATURES, 1), latent_size)


def search_once(
    search_noise: Callable[..., Any],
    case: tuple[int, int, int],
    seed: int,
    settings: dict[str, Any],
    global_seed: int,
) -> Measured:
    """Search the noise of drawings whose noise is known, and see what came of it.

    Parameters
    ----------
    case : tuple of int
        Seed of pair and drawings, latent size, number of drawings.
    seed, settings : int, dict
        What the learner's function gets beside pair and images.
    global_seed : int
        Torch's own random numbers are set to it before the call.

    Returns
    -------
    dict
        ``noise`` as it came; its right ``shape``; and, if it has that, ``errors`` (n,) of its
        drawings, the ``typical`` error of others, and changes of the ``weights`` and ``buffers``.
    """
    import torch

    pair, images, _ = _drawn_case(*case)
    before = _state(pair)
    torch.manual_seed(global_seed)
    noise = as_plain(search_noise(pair, torch.tensor(images), seed, **settings))
    measured: Measured = {"noise": noise, "shape": (len(images), pair.latent_size)}
    if not _is_numbers(noise, measured["shape"]):
        return measured
    weights, buffers = (_largest_change(a, b) for a, b in zip(before, _state(pair), strict=True))
    fresh, _, others = _drawn_case(*case)  # whatever was done to the other pair
    typical = float(np.mean([_squared_errors(others, image) for image in images]))
    errors = _squared_errors(fresh.sample(noise.astype(np.float32)), images)
    changes = {"weights": weights, "buffers": buffers}
    return measured | {"errors": errors, "typical": typical, **changes}


def encoder_once(
    encoder_loss: Callable[..., Any], seed: int, latent_size: int, count: int
) -> Measured:
    """Ask for the loss of one batch, and see what it was made of and where its gradient flows.

    Returns
    -------
    dict
        ``loss`` as it came; ``gradient`` with respect to a shift of each number of the code (k,),
        None if there is none; the images ``x`` (n, 784) and their features ``phi`` (n, f); and for
        the codes as they are, then each of their numbers shifted by +-SHIFT: the copies ``x_hat``
        (1 + 2k, n, 784), their features ``phi_hat`` and logits ``logit_hat``, of which ``logit`` is
        that of the images.
    """
    import torch

    pair, encoder, x = _encoder_case(seed, latent_size, count)
    loss = encoder_loss(pair, encoder, torch.tensor(x))
    gradient = None
    if torch.is_tensor(loss) and loss.requires_grad and loss.numel() == 1:
        loss.backward()
        shift = encoder[-1].bias.grad
        gradient = None if shift is None else as_plain(shift)
    with torch.no_grad():
        codes = encoder(torch.tensor(x)).numpy()
    shifts = [sign * SHIFT * row for row in np.eye(latent_size) for sign in (1, -1)]
    copies = [pair.sample(codes + shift) for shift in (np.zeros(latent_size), *shifts)]
    return {
        "loss": as_plain(loss),
        "gradient": gradient,
        "x": x.reshape(count, -1),
        "phi": pair.features_of(x),
        "logit": pair.judge(x),
        "x_hat": np.array([copy.reshape(count, -1) for copy in copies]),
        "phi_hat": np.array([pair.features_of(copy) for copy in copies]),
        "logit_hat": np.array([pair.judge(copy) for copy in copies]),
    }


def encoder_training(
    encoder_loss: Callable[..., Any], seed: int, latent_size: int, steps: int
) -> Measured:
    """Train an encoder for some steps on one batch.

    Returns
    -------
    dict
        ``history`` of losses; how far the ``encoder`` and the ``pair`` moved.
    """
    pair, encoder, x = _encoder_case(seed, latent_size, 16)
    x = pair.sample(np.random.default_rng(seed).standard_normal((16, latent_size)))
    before, pair_before = [as_plain(w).copy() for w in encoder.parameters()], pair.parameters()
    history = run_encoder_training(encoder_loss, pair, encoder, [x] * steps)
    return {
        "history": history,
        "encoder": _largest_change(before, [as_plain(w) for w in encoder.parameters()]),
        "pair": _largest_change(pair_before, pair.parameters()),
    }


def as_plain(value: Any) -> Any:
    """Return a tensor as an array, and a list of numbers too; anything else as it is."""
    import torch

    if torch.is_tensor(value):
        return value.detach().cpu().numpy()
    return np.asarray(value, float) if _is_table(value) else value


def _is_table(value: Any) -> bool:
    try:
        return isinstance(value, (list, tuple)) and np.asarray(value).dtype.kind in "iuf"
    except ValueError:  # rows of different lengths
        return False


def _is_numbers(value: Any, shape: tuple[int, ...]) -> bool:
    return isinstance(value, np.ndarray) and value.shape == shape and value.dtype.kind in "iuf"


def _drawn_case(
    seed: int, latent_size: int, count: int
) -> tuple[GanPair, NDArray[np.float32], NDArray[np.float32]]:
    """Return a pair, drawings of it to be searched for, and fifty others."""
    pair, rng = small_pair(seed, latent_size), np.random.default_rng(seed)
    images, others = (pair.sample(rng.standard_normal((n, latent_size))) for n in (count, 50))
    return pair, images, others


def _encoder_case(seed: int, latent_size: int, count: int) -> tuple[GanPair, Any, Any]:
    """Return a pair in evaluation mode, an encoder whose last layer is linear, and images."""
    import torch
    from torch import nn

    pair = small_pair(seed, latent_size)
    for network in (pair.generator, pair.features, pair.head):
        network.eval()
    with torch.device("cpu"), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed + 1)
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, latent_size))
    x = np.random.default_rng(seed).uniform(-1, 1, (count, 1, 28, 28)).astype(np.float32)
    return pair, encoder, x


def _state(pair: GanPair) -> tuple[list[Any], list[Any]]:
    """Return copies of the weights of all three networks, and of what they store beside them."""
    networks = (pair.generator, pair.features, pair.head)
    return (
        [as_plain(w).copy() for network in networks for w in network.parameters()],
        [as_plain(b).copy() for network in networks for b in network.buffers()],
    )


def _largest_change(before: list[Any], after: list[Any]) -> float:
    return max(float(np.max(np.abs(a - b))) for a, b in zip(before, after, strict=True))


def _squared_errors(copies: NDArray[Any], images: NDArray[Any]) -> NDArray[np.float64]:
    difference = np.asarray(copies, np.float64) - images
    errors: NDArray[np.float64] = np.einsum("nchw,nchw->n", difference, difference) / 784
    return errors
