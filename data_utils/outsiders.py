"""Scores that tell images of no known category, "out of distribution", from those of known ones.

One reads the head for transformations (Golan and El-Yaniv, NeurIPS 2018, section 5.5), two read
the head for categories: the largest softmax probability (Hendrycks and Gimpel, ICLR 2017) and ODIN
(Liang, Li and Srikant, ICLR 2018). All work in batches, in evaluation mode, where the network is.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.detectors import PREDICT_BATCH
from data_utils.gan import device_of, evaluating
from data_utils.geometric import as_input
from data_utils.transforms import Transform, apply_all
from data_utils.two_heads import check_images, check_transforms

TEMPERATURE, EPSILON = 1000.0, 0.0014  # those of the example beside ODIN's code, for CIFAR-10


def transform_score(
    network: Any, images: NDArray[np.uint8], transforms: Sequence[Transform]
) -> NDArray[np.float64]:
    """Return how little the head for transformations recognises what was done to each image.

    The simplified normality score of the paper's section 4.2, with the sign turned round.

    Parameters
    ----------
    network : torch.nn.Module
        From :func:`data_utils.two_heads.two_heads`.
    images : ndarray of uint8, shape (n, side, side)
    transforms : sequence of Transform
        Those of the network.

    Returns
    -------
    ndarray of float64, shape (n,)
        From -1 to 0, higher = more anomalous.

    Raises
    ------
    CourseKitError
        If there are more or fewer transformations than the network tells apart.
    ImageFormatError
        If the images are not uint8 of shape (n, side, side).
    """
    import torch

    check_transforms(network, transforms)
    count = len(transforms)

    def score(part: NDArray[np.uint8]) -> Any:
        every = apply_all(part, transforms).reshape(-1, *part.shape[1:])
        with torch.no_grad():
            found = _probabilities(network(as_input(every, device_of((network,))))[1])
        return -found.reshape(len(part), count, count).diagonal(dim1=1, dim2=2).mean(dim=1)

    return _scores(network, images, max(1, PREDICT_BATCH // count), score)


def softmax_score(network: Any, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return minus the probability of each image's likeliest category.

    Hendrycks and Gimpel (ICLR 2017), on the images as they are.

    Parameters
    ----------
    network : torch.nn.Module
        From :func:`data_utils.two_heads.two_heads`.
    images : ndarray of uint8, shape (n, side, side)

    Returns
    -------
    ndarray of float64, shape (n,)
        From -1 to -1 / classes, higher = more anomalous.

    Raises
    ------
    ImageFormatError
        If the images are not uint8 of shape (n, side, side).
    """
    return odin_score(network, images, temperature=1.0, epsilon=0.0)


def odin_score(
    network: Any,
    images: NDArray[np.uint8],
    temperature: float = TEMPERATURE,
    epsilon: float = EPSILON,
) -> NDArray[np.float64]:
    """Return minus the largest softmax probability, tempered, after a step that raises it.

    Liang, Li and Srikant (ICLR 2018, eq. 1 and 2). The step is taken by every image; that of a
    known category is meant to gain more by it.

    Parameters
    ----------
    network : torch.nn.Module
        From :func:`data_utils.two_heads.two_heads`.
    images : ndarray of uint8, shape (n, side, side)
    temperature : float
        By which the logits are divided.
    epsilon : float
        The step of each pixel, where black is 0 and white is 1. It may leave that range, as in
        the paper.

    Returns
    -------
    ndarray of float64, shape (n,)
        From -1 to -1 / classes, higher = more anomalous.

    Raises
    ------
    ImageFormatError
        If the images are not uint8 of shape (n, side, side).
    """
    import torch

    def score(part: NDArray[np.uint8]) -> Any:
        x = as_input(part, device_of((network,)))
        if epsilon:
            x = x + 2 * epsilon * _uphill(network, x, temperature)  # [-1, 1] is twice as wide
        with torch.no_grad():
            return -_probabilities(network(x)[0], temperature).amax(dim=1)

    return _scores(network, images, PREDICT_BATCH, score)


def _uphill(network: Any, x: Any, temperature: float) -> Any:
    """Return the sign of the slope of the largest log-probability; no weight keeps a gradient."""
    import torch

    with torch.enable_grad():
        point = x.detach().requires_grad_()
        largest = torch.log_softmax(network(point)[0] / temperature, dim=1).amax(dim=1)
        (slope,) = torch.autograd.grad(largest.sum(), point)
    return slope.sign()


def _probabilities(logits: Any, temperature: float = 1.0) -> Any:
    """Return softmax in double precision: in single a sure network gives many images just 1."""
    return (logits.double() / temperature).softmax(dim=1)


def _scores(
    network: Any, images: NDArray[np.uint8], batch: int, score: Callable[[NDArray[np.uint8]], Any]
) -> NDArray[np.float64]:
    """Judge images in evaluation mode, in batches."""
    check_images(images)
    found = np.empty(len(images))
    with evaluating((network,)):
        for start in range(0, len(images), batch):
            found[start : start + batch] = score(images[start : start + batch]).cpu().numpy()
    return found
