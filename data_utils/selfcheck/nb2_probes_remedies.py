"""Raw measurements of 2.5 and 2.6, on small networks that are made here and never trained.

`search_once`, `encoder_once` and `encoder_training` run the learner's function and return what came
of it. What is known of the same networks without it say `drawings_of`, `pair_state`,
`encoder_known` and `encoder_start`, which the grader asks in a session of its own.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.gan import GanPair
from data_utils.gan_training import run_encoder_training

Measured = dict[str, Any]
Floats = NDArray[np.float32]
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


# ------------------------------------------------------------ exercise 2.5


def search_once(
    search_noise: Callable[..., Any],
    pair_seed: int,
    latent_size: int,
    images: Floats,
    seed: int,
    settings: dict[str, Any],
    global_seed: int,
) -> Measured:
    """Let the learner search the noise of images, and return what came of it.

    Parameters
    ----------
    search_noise : callable
    pair_seed, latent_size : int
        Of `small_pair`.
    images : ndarray of float32, shape (n, 1, 28, 28)
    seed, settings : int, dict
        What the learner's function gets beside pair and images.
    global_seed : int
        Torch's and NumPy's own random numbers are set to it before the call.

    Returns
    -------
    dict
        "noise" as it came; "weights" and "buffers" of the pair afterwards, lists of arrays; and
        where torch's and NumPy's own random numbers stood then, "torch_state" and "numpy_state".
    """
    import torch

    pair = small_pair(pair_seed, latent_size)
    legacy = np.random.get_state()  # NumPy's global ones: who seeds them in the call is found by it
    try:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(global_seed)
            np.random.seed(global_seed)
            noise = as_plain(search_noise(pair, torch.tensor(images), seed, **settings))
            torch_state = torch.get_rng_state().numpy().copy()
            numbers: Any = np.random.get_state()
            numpy_state = np.array(numbers[1], np.uint32)
    finally:
        np.random.set_state(legacy)
    weights, buffers = state_of(pair)
    states = {"torch_state": torch_state, "numpy_state": numpy_state}
    return {"noise": noise, "weights": weights, "buffers": buffers, **states}


def drawings_of(pair_seed: int, latent_size: int, noise: NDArray[Any]) -> Floats:
    """Return what a `small_pair` draws from noise (n, latent_size): float32 (n, 1, 28, 28)."""
    return small_pair(pair_seed, latent_size).sample(np.asarray(noise, np.float32))


def pair_state(pair_seed: int, latent_size: int) -> tuple[list[Floats], list[Any]]:
    """Return weights and buffers of a `small_pair` that nobody touched."""
    return state_of(small_pair(pair_seed, latent_size))


def state_of(pair: GanPair) -> tuple[list[Any], list[Any]]:
    """Return copies of the weights of all three networks, and of what they store beside them."""
    networks = (pair.generator, pair.features, pair.head)
    return (
        [as_plain(w).copy() for network in networks for w in network.parameters()],
        [as_plain(b).copy() for network in networks for b in network.buffers()],
    )


# ------------------------------------------------------------ exercise 2.6


def encoder_once(
    encoder_loss: Callable[..., Any], seed: int, latent_size: int, x: Floats
) -> Measured:
    """Ask the learner for the loss of one batch (n, 1, 28, 28), and see where its gradient flows.

    Returns
    -------
    dict
        "loss" as it came; "gradient" with respect to a shift of each number of the code (k,),
        None if there is none.
    """
    import torch

    pair, encoder = _encoder_case(seed, latent_size)
    loss, gradient = encoder_loss(pair, encoder, torch.tensor(x)), None
    if torch.is_tensor(loss) and loss.requires_grad and loss.numel() == 1:
        loss.backward()
        shift = encoder[-1].bias.grad
        gradient = None if shift is None else as_plain(shift)
    return {"loss": as_plain(loss), "gradient": gradient}


def encoder_training(
    encoder_loss: Callable[..., Any], seed: int, latent_size: int, x: Floats, steps: int
) -> Measured:
    """Train an encoder for some steps on one batch, with the learner's loss.

    Returns
    -------
    dict
        The weights of the "encoder" and those of the "pair" afterwards, lists of arrays.
    """
    pair, encoder = _encoder_case(seed, latent_size)
    run_encoder_training(encoder_loss, pair, encoder, [x] * steps)
    encoder_weights = [as_plain(w).copy() for w in encoder.parameters()]
    return {"encoder": encoder_weights, "pair": state_of(pair)[0]}


def encoder_start(seed: int, latent_size: int) -> Measured:
    """Return the weights that `encoder_training` starts from, as it returns them."""
    pair, encoder = _encoder_case(seed, latent_size)
    encoder_weights = [as_plain(w).copy() for w in encoder.parameters()]
    return {"encoder": encoder_weights, "pair": state_of(pair)[0]}


def encoder_known(
    seed: int, latent_size: int, x: Floats, weights: Sequence[Floats] | None = None
) -> Measured:
    """Return what a loss of one batch is made of.

    Parameters
    ----------
    seed, latent_size : int
    x : ndarray of float32, shape (n, 1, 28, 28)
    weights : sequence of ndarray, optional
        Of the encoder, in place of those that it starts from.

    Returns
    -------
    dict
        The images "x" (n, 784) and their features "phi" (n, f); and for the codes as they are,
        then each of their numbers shifted by +-SHIFT: the copies "x_hat" (1 + 2k, n, 784), their
        features "phi_hat" and logits "logit_hat", of which "logit" is that of the images.
    """
    import torch

    pair, encoder = _encoder_case(seed, latent_size)
    with torch.no_grad():
        for weight, values in zip(encoder.parameters(), weights or (), strict=False):
            weight.copy_(torch.tensor(values))
        codes = encoder(torch.tensor(x)).numpy()
    shifts = [sign * SHIFT * row for row in np.eye(latent_size) for sign in (1, -1)]
    copies = [pair.sample(codes + shift) for shift in (np.zeros(latent_size), *shifts)]
    return {
        "x": x.reshape(len(x), -1),
        "phi": pair.features_of(x),
        "logit": pair.judge(x),
        "x_hat": np.array([copy.reshape(len(x), -1) for copy in copies]),
        "phi_hat": np.array([pair.features_of(copy) for copy in copies]),
        "logit_hat": np.array([pair.judge(copy) for copy in copies]),
    }


def _encoder_case(seed: int, latent_size: int) -> tuple[GanPair, Any]:
    """Return a pair in evaluation mode, and an encoder whose last layer is linear."""
    import torch
    from torch import nn

    pair = small_pair(seed, latent_size).eval()
    with torch.device("cpu"), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed + 1)
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, latent_size))
    return pair, encoder


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
