"""What notebook 4 gets beside its learner's functions: inputs, log-probabilities, slopes."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.runtime import torch_device
from data_utils.transforms import Transform, apply_all, labelled_stream

BATCH = 128  # transformed images at a time in training, as in the paper (section 5.3)
_IMAGES = 64  # images whose transformations are looked at at once; 72 of each are 4,608 pictures


def as_input(images: Any, device: Any) -> Any:
    """Return images as a network of notebook 4 takes them.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, 28, 28); or a tensor of float in [0, 1]
    device : str or torch.device
        Where an array goes, as from `data_utils.runtime.torch_device`; a tensor stays where it is.

    Returns
    -------
    torch.Tensor of float32, shape (n, 1, 28, 28)
        In [-1, 1].
    """
    import torch

    if isinstance(images, np.ndarray):
        # A copy: torch takes no array that runs backwards, and warns of one that is read-only.
        images = torch.as_tensor(images.copy(), device=device).float() / 255
    return 2 * images[:, None] - 1


def labelled_batches(
    images: NDArray[np.uint8], transforms: Sequence[Transform], seed: int, batch: int = BATCH
) -> Iterator[tuple[Any, Any]]:
    """Yield the self-labelled set once, in mixed order, as a network takes it.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, 28, 28)
    transforms : sequence of Transform
    seed : int
        Of the order.
    batch : int
        Pictures at a time; the last batch may be smaller.

    Yields
    ------
    x : torch.Tensor of float32, shape (b, 1, 28, 28)
    labels : torch.Tensor of int64, shape (b,)
        The place of each picture's transformation. Both lie on the GPU if there is one.
    """
    import torch

    device = torch_device()
    for x, labels in labelled_stream(images, transforms, batch, seed):
        yield as_input(x, device), torch.as_tensor(labels, device=device)


def log_probabilities(
    network: Any, images: NDArray[np.uint8], transforms: Sequence[Transform]
) -> NDArray[np.float64]:
    """Return what a classifier of transformations says of every transformation of every image.

    In evaluation mode, a few images at a time. The logarithm of the softmax is taken in double
    precision and from the logits, so none is minus infinity: in single precision a probability of
    1e-46 is 0.

    Parameters
    ----------
    network : torch.nn.Module
        From (m, 1, 28, 28) in [-1, 1] to logits (m, k).
    images : ndarray of uint8, shape (n, 28, 28)
    transforms : sequence of t Transform

    Returns
    -------
    ndarray of float64, shape (n, t, k)
        At [i, j, c]: the logarithm of the probability of class c for image i under
        transformation j.
    """
    import torch

    device = torch_device()
    network.to(device).eval()
    found = []
    with torch.no_grad():
        for start in range(0, len(images), _IMAGES):
            some = apply_all(images[start : start + _IMAGES], transforms)
            logits = network(as_input(some.reshape(-1, *images.shape[1:]), device))
            found.append(logits.double().log_softmax(dim=1).cpu().numpy())
    rows: NDArray[np.float64] = np.concatenate(found)
    return rows.reshape(len(images), len(transforms), -1)


def slopes(
    network: Any,
    x: NDArray[np.floating[Any]],
    transforms: Sequence[Transform],
    weights: NDArray[np.floating[Any]],
) -> NDArray[np.float32]:
    """Return how a weighted sum of log-probabilities changes with each pixel.

    Parameters
    ----------
    network : torch.nn.Module
        As for `log_probabilities`.
    x : ndarray of float, shape (n, 28, 28)
        Images in [0, 1].
    transforms : sequence of t Transform
    weights : ndarray of float, shape (t, k)
        Of each class's log-probability under each transformation.

    Returns
    -------
    ndarray of float32, shape (n, 28, 28)
    """
    import torch

    device = torch_device()
    network.to(device).eval()
    factors = torch.as_tensor(np.asarray(weights), dtype=torch.float64, device=device)
    found = []
    for start in range(0, len(x), _IMAGES):
        some = torch.as_tensor(x[start : start + _IMAGES], dtype=torch.float32, device=device)
        some.requires_grad_()
        seen = apply_all(some, transforms).reshape(-1, *x.shape[1:])
        log_p = network(as_input(seen, device)).double().log_softmax(dim=1)
        total = (log_p.reshape(len(some), *factors.shape) * factors).sum()
        (slope,) = torch.autograd.grad(total, some)
        found.append(slope.cpu().numpy())
    return np.concatenate(found)
