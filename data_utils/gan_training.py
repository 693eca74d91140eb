"""What a training of notebook 2 needs beside the learner's own step and losses."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.gan import GanPair, device_of, evaluating

GAN_RATE, GAN_BETAS = 3e-3, (0.5, 0.999)  # Radford et al., 2016, with a higher rate: few steps
ENCODER_RATE = 3e-3


def gan_optimizers(pair: GanPair, rate: float = GAN_RATE) -> tuple[Any, Any]:
    """Return an optimiser of the discriminator's weights, and one of the generator's.

    Parameters
    ----------
    pair : GanPair
    rate : float
        Learning rate of both.
    """
    from torch.optim import Adam

    judges = [*pair.features.parameters(), *pair.head.parameters()]
    return (
        Adam(judges, rate, betas=GAN_BETAS),
        Adam(pair.generator.parameters(), rate, betas=GAN_BETAS),
    )


def run_gan_step(
    step: Callable[..., Any],
    pair: GanPair,
    losses: Callable[..., Any],
    optimizers: tuple[Any, Any],
    real: NDArray[np.float32],
    noise: NDArray[np.float32],
) -> tuple[float, float]:
    """Put the networks into training mode and run one step on arrays.

    Parameters
    ----------
    step : callable
        Called as ``step(pair, real, noise, losses, optimizers)`` with tensors on the networks'
        device; returns the losses of discriminator and generator.
    pair : GanPair
    losses : callable
        Of the logits of real and of drawn images; returns both losses.
    optimizers : tuple
        Of the discriminator, of the generator.
    real : ndarray of float32, shape (n, 1, 28, 28), in [-1, 1]
    noise : ndarray of float32, shape (n, latent_size)

    Returns
    -------
    tuple of float
        The two losses.
    """
    for network in (pair.generator, pair.features, pair.head):
        network.train()
    device = device_of([pair.generator])
    of_discriminator, of_generator = step(
        pair, as_tensor(real, device), as_tensor(noise, device), losses, optimizers
    )
    return as_number(of_discriminator), as_number(of_generator)


def run_encoder_training(
    encoder_loss: Callable[..., Any],
    pair: GanPair,
    encoder: Any,
    batches: Any,
    rate: float = ENCODER_RATE,
) -> list[float]:
    """Train an encoder for a pair that stays as it is; return the loss of each batch.

    Parameters
    ----------
    encoder_loss : callable
        Called as ``encoder_loss(pair, encoder, x)`` with a tensor; returns the loss as a tensor.
    pair : GanPair
        In evaluation mode meanwhile.
    encoder : torch.nn.Module
    batches : iterable of ndarray, float32, (n, 1, 28, 28) in [-1, 1]
    rate : float
        Learning rate of Adam.
    """
    from torch.optim import Adam

    encoder.train()
    optimizer, device, history = Adam(encoder.parameters(), rate), device_of([encoder]), []
    with evaluating((pair.generator, pair.features, pair.head)):
        for batch in batches:
            loss = encoder_loss(pair, encoder, as_tensor(batch, device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            history.append(as_number(loss))
    return history


def as_tensor(values: Any, device: Any) -> Any:
    """Return an array as a float tensor on a device."""
    import torch

    return torch.tensor(np.ascontiguousarray(values), dtype=torch.float32, device=device)


def as_number(loss: Any) -> float:
    """Return a loss as a plain number, whether it is a tensor or one already."""
    return float(loss.item() if hasattr(loss, "item") else loss)
