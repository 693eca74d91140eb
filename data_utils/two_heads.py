"""A network with two heads for labelled images: what they show, and how they were transformed.

Golan and El-Yaniv (NeurIPS 2018, section 5.5). `data_utils.outsiders` scores images with it.
"""

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.errors import CourseKitError, ImageFormatError
from data_utils.gan import device_of
from data_utils.geometric import as_input
from data_utils.progress import step_progress
from data_utils.runtime import seed_everything, torch_device
from data_utils.transforms import Transform, apply_each

TRUNK = ((16, 2), (32, 1), (32, 2), (64, 1), (64, 2))  # channels, stride: 28 -> 14 -> 7 -> 4 pixels
POOLED = 2  # means of each quarter of the picture: where something lies is part of the question
TRUNK_FEATURES = TRUNK[-1][0] * POOLED**2
# The paper's code takes 200 epochs of SGD. A processor has time for about a thousand steps: half
# the paper's batch makes more of them, and of the rates 1e-3 to 1e-2 the largest learnt most
# (judged by both heads on digits held out, `benchmarks.two_heads`). It falls to 0.
BATCH, RATE = 64, 1e-2


@functools.cache
def _network_class() -> type:
    """Make the class when torch is wanted, not when this module is imported."""
    from torch import nn

    class TwoHeads(nn.Module):  # type: ignore[misc,unused-ignore]
        """Maps images in [-1, 1] to the logits of both heads."""

        def __init__(self, trunk: Any, features: int, classes: int, transforms: int) -> None:
            super().__init__()
            self.trunk = trunk
            self.category = nn.Linear(features, classes)
            self.transform = nn.Linear(features, transforms)

        def forward(self, x: Any) -> tuple[Any, Any]:
            features = self.trunk(x)
            return self.category(features), self.transform(features)

    return TwoHeads


def two_heads(
    classes: int,
    transforms: Sequence[Transform],
    *,
    seed: int = 0,
    trunk: Any = None,
    features: int = TRUNK_FEATURES,
) -> Any:
    """Return an untrained network with a head for categories and one for transformations.

    Parameters
    ----------
    classes : int
        Categories to tell apart. With 1 the network learns without labels.
    transforms : sequence of Transform
        To tell apart. With the identity alone the network is an ordinary classifier.
    seed : int
        Of the weights made here; torch's global random state stays as it is.
    trunk : torch.nn.Module, optional
        Maps images (n, 1, side, side) to (n, features). Default: five small convolutions. The
        paper's kind of network without its last layer: ``wide_resnet(1)[:-1]``, 256 features.
    features : int
        What the trunk returns for each image.

    Returns
    -------
    torch.nn.Module
        On :func:`data_utils.runtime.torch_device`. From images (n, 1, side, side) in [-1, 1] to
        logits (n, classes) and (n, len(transforms)).
    """
    import torch

    # Not torch.manual_seed: it would seed the graphics cards too, which nothing here restores.
    with torch.device("cpu"), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        body = _small_trunk() if trunk is None else trunk
        network = _network_class()(body, features, classes, len(transforms))
    return network.to(torch_device())


def train_two_heads(
    network: Any,
    images: NDArray[np.uint8],
    labels: NDArray[Any],
    transforms: Sequence[Transform],
    *,
    epochs: int,
    seed: int,
    batch: int = BATCH,
    rate: float = RATE,
) -> list[float]:
    """Train both heads at once; each image comes once an epoch, under one random transformation.

    The sum of both cross-entropies, and Adam, whose rate falls along half a cosine.

    Parameters
    ----------
    network : torch.nn.Module
        From :func:`two_heads`. It is in evaluation mode afterwards.
    images : ndarray of uint8, shape (n, side, side)
    labels : ndarray of int, shape (n,)
        From 0 to classes - 1, without a gap.
    transforms : sequence of Transform
        Those of the network.
    epochs, seed, batch : int
    rate : float
        At the start.

    Returns
    -------
    list of float
        The mean loss of each epoch.

    Raises
    ------
    CourseKitError
        If a label or the number of transformations is not one of the network's.
    ImageFormatError
        If the images are not uint8 of shape (n, side, side).
    """
    from torch.optim import Adam
    from torch.optim.lr_scheduler import CosineAnnealingLR

    check_images(images)
    check_transforms(network, transforms)
    targets = np.asarray(labels, dtype=np.int64)
    _check_labels(network, targets)
    seed_everything(seed)
    optimizer = Adam(network.parameters(), rate)
    schedule = CosineAnnealingLR(optimizer, epochs)
    draw, history = np.random.default_rng(seed), []
    network.train()
    with step_progress(epochs, "two heads") as bar:
        for _ in range(epochs):
            total = 0.0
            for chosen, which in _draws(draw, len(images), len(transforms), batch):
                x = apply_each(images[chosen], transforms, which)
                total += _step(network, optimizer, x, targets[chosen], which) * len(chosen)
            schedule.step()
            history.append(total / len(images))
            bar.set_postfix(loss=history[-1])
            bar.update()
    network.eval()
    return history


def check_images(images: NDArray[np.uint8]) -> None:
    """Raise ImageFormatError for anything else than uint8 images (n, side, side)."""
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1] != images.shape[2]:
        raise ImageFormatError(
            f"These images are {images.dtype} of shape {images.shape}; they must be uint8 of shape "
            "(n, side, side). Give the images as they were loaded, unscaled."
        )


def check_transforms(network: Any, transforms: Sequence[Transform]) -> None:
    """Raise CourseKitError if there are more or fewer than the network tells apart."""
    if len(transforms) != network.transform.out_features:
        raise CourseKitError(
            f"These are {len(transforms)} transformations; the network was made for "
            f"{network.transform.out_features}. Give both the same sequence."
        )


def _small_trunk() -> Any:
    from torch import nn

    layers: list[Any] = []
    for (before, _), (after, stride) in itertools.pairwise(((1, 1), *TRUNK)):
        convolution = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        layers += [convolution, nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(POOLED), nn.Flatten())


def _draws(
    draw: np.random.Generator, images: int, transforms: int, batch: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield an epoch's batches: places of images, and for each of them one of a transformation.

    All batches have about the same size: batch norm takes no statistics from a few left over.
    """
    order = draw.permutation(images)
    for chosen in np.array_split(order, max(1, round(images / batch))):
        yield chosen, draw.integers(transforms, size=len(chosen))


def _step(
    network: Any, optimizer: Any, x: NDArray[np.uint8], labels: Any, which: NDArray[np.int64]
) -> float:
    import torch
    from torch.nn.functional import cross_entropy

    batch = as_input(x, device_of((network,)))
    of_category, of_transform = network(batch)
    loss = cross_entropy(of_category, torch.as_tensor(labels, device=batch.device))
    loss = loss + cross_entropy(of_transform, torch.as_tensor(which, device=batch.device))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return float(loss.item())


def _check_labels(network: Any, labels: NDArray[np.int64]) -> None:
    # On a GPU a label out of bounds ends in an error that names neither it nor the line.
    classes = network.category.out_features
    if not 0 <= labels.min() <= labels.max() < classes:
        raise CourseKitError(
            f"The labels run from {labels.min()} to {labels.max()}; the network was made for 0 to "
            f"{classes - 1}. Number the categories that are left without a gap."
        )
