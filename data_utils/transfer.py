"""What notebook 3 gets beside its learner's functions: slopes for Grad-CAM, fine-tuning."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.backbones import BATCH
from data_utils.progress import step_progress

FINE_TUNING_RATE = 1e-3  # of Adam; ten times the paper's, for a twentieth of its steps


def maps_and_slopes(
    backbone: Any,
    x: NDArray[np.floating[Any]],
    feature_slopes: NDArray[np.floating[Any]],
    cam_layer: str,
    layer: str = "middle",
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what a stage sees in images, and how a score changes with it.

    The score of an image is the sum of its features times `feature_slopes`; what Grad-CAM
    (Selvaraju et al., 2017, eq. 1) needs of it are the stage's maps and the score's slopes there.

    Parameters
    ----------
    backbone : Backbone
    x : ndarray of float, shape (n, 3, size, size)
        As the backbone takes them.
    feature_slopes : ndarray of float, shape (k,)
        The slopes of the score with respect to the features of `layer`.
    cam_layer, layer : str
        Of `LAYERS`; `cam_layer` must not come after `layer`.

    Returns
    -------
    maps, slopes : ndarray of float32, shape (n, channels, height, width)
        Of `cam_layer`.
    """
    import torch

    place = next(backbone.parameters())
    weights = torch.as_tensor(np.asarray(feature_slopes), dtype=place.dtype, device=place.device)
    found: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
    backbone.eval()
    for part in torch.as_tensor(x).split(BATCH):
        with torch.no_grad():
            maps = backbone.maps(part.to(place.device, place.dtype), cam_layer)
        maps.requires_grad_()
        features = backbone.maps(maps, layer, start=cam_layer).mean(dim=(2, 3))
        (slopes,) = torch.autograd.grad((features @ weights).sum(), maps)
        found.append((maps.detach().cpu().numpy(), slopes.cpu().numpy()))
    maps_of, slopes_of = zip(*found, strict=True)
    return np.concatenate(maps_of), np.concatenate(slopes_of)


def fine_tune(
    network: Any,
    prepare: Callable[[Any], Iterable[Any]],
    x: NDArray[np.floating[Any]],
    labels: NDArray[Any],
    *,
    steps: int,
    seed: int,
    batch: int = 32,
) -> list[float]:
    """Train a network with one output on labelled images, and return the loss of each step.

    A quarter of each batch shows anomalies, if there are any: else a few would hardly be seen.
    Binary cross-entropy and Adam. The network is in evaluation mode afterwards.

    Parameters
    ----------
    network : torch.nn.Module
        Maps images (n, 3, size, size) to logits (n, 1).
    prepare : callable
        Takes the network, sets its modes for training, and returns the parameters that learn.
    x : ndarray of float, shape (n, 3, size, size)
    labels : ndarray, shape (n,)
        0 normal, 1 anomaly.
    steps, seed, batch : int
    """
    import torch

    place = next(network.parameters()).device
    network.to(place)  # a new head stands on the processor
    parameters = list(prepare(network))
    optimizer = torch.optim.Adam(parameters, lr=FINE_TUNING_RATE)
    draw, losses = np.random.default_rng(seed), []
    torch.manual_seed(seed)
    normal, anomaly = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    odd = batch // 4 if len(anomaly) else 0
    with step_progress(steps, "fine-tuning") as bar:
        for _ in range(steps):
            chosen = draw.choice(normal, batch - odd)
            if odd:
                chosen = np.concatenate([chosen, draw.choice(anomaly, odd)])
            targets = torch.as_tensor(labels[chosen], dtype=torch.float32, device=place)
            logits = network(torch.as_tensor(x[chosen]).to(place)).reshape(-1)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
            bar.update()
    network.eval()
    return losses
