"""Measurements of exercises 3.11 and 3.12, on a small staged network and on two backbones.

They run where torch is, in the notebook or behind the grader's wall, and return plain data and no
verdict: the findings of `nb3_freezing` and `nb3_heat` judge it elsewhere.
"""

import copy
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Measured = dict[str, Any]
CHANNELS = 4
RATE = 0.05  # of plain gradient descent, for a few steps: every weight that learns moves


# ------------------------------------------------------------ exercise 3.11


def small_staged(names: Iterable[str], seed: int) -> Any:
    """Build a network of stages, each a convolution and a batch norm, one inside another module.

    The stored statistics differ from those of any batch, so that the mode makes a difference.
    """
    import torch
    from torch import nn

    class Staged(nn.Module):  # type: ignore[misc,unused-ignore]
        def __init__(self, stages: dict[str, Any]) -> None:
            super().__init__()
            self.stages = nn.ModuleDict(stages)

        def forward(self, x: Any) -> Any:
            for stage in self.stages.values():
                x = stage(x)
            return x.mean(dim=(2, 3))

    def stage(width: int) -> Any:
        norm = nn.BatchNorm2d(CHANNELS)
        norm.running_mean.copy_(0.5 * torch.randn(CHANNELS))
        norm.running_var.copy_(0.5 + torch.rand(CHANNELS))
        block = nn.Sequential(nn.Conv2d(width, CHANNELS, 3, padding=1, bias=False), norm)
        return nn.Sequential(block, nn.LeakyReLU(0.3))

    with torch.device("cpu"), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return Staged({name: stage(CHANNELS if i else 3) for i, name in enumerate(names)})


def freeze_report(
    freeze: Callable[..., Any],
    names: list[str],
    frozen: list[str],
    seed: int,
    before: str = "training",
    steps: int = 3,
) -> Measured:
    """Freeze stages of a small network, train what is returned, and see what has changed.

    Parameters
    ----------
    freeze : callable
        The learner's function.
    names, frozen : list of str
        The network's stages, and those to be frozen.
    seed : int
        Of weights and images.
    before : {"training", "frozen"}
        As the network is handed in: learning, or in evaluation mode with no weight learning.
    steps : int
        Of gradient descent.

    Returns
    -------
    dict
        That of `freeze_report_of`.
    """
    network = small_staged(names, seed)
    if before == "frozen":
        network.eval().requires_grad_(False)
    x = np.random.default_rng(seed).normal(0.4, 1, (steps, 8, 3, 6, 6)).astype(np.float32)
    return freeze_report_of(freeze, network, frozen, x)


def freeze_report_of(
    freeze: Callable[..., Any], network: Any, frozen: list[str], x: NDArray[np.float32]
) -> Measured:
    """Freeze stages of any staged network, train what is returned, and see what has changed.

    Parameters
    ----------
    freeze : callable
    network : torch.nn.Module
        With `stages`; maps images to features (n, k).
    frozen : list of str
    x : ndarray, shape (steps, n, 3, size, size)
        One batch for each step.

    Returns
    -------
    dict
        ``returned``: kind, and for each item the place of that parameter in the network, -1 for
        what is none of its parameters, -2 for what is no parameter at all; None if it cannot be
        gone through. ``stages``: for each its ``places`` among the parameters; the share of its
        weights that ``learns``; the share of its batch norms that ``trains``; how far its
        ``weights`` and stored ``statistics`` moved; and how far what it gives for one fixed
        picture, in the mode in which it was left, lies from what it gave before (``output``).
    """
    import torch

    original = copy.deepcopy(network).eval()
    result = freeze(network, list(frozen))
    # A generator is gone through once: what comes out is kept for the optimiser.
    items = None if isinstance(result, (str, dict)) else _items(result)
    own = {id(weight) for weight in network.parameters()}
    learning = [item for item in items or [] if id(item) in own and item.requires_grad]
    state = {name: _state_of(stage) for name, stage in network.stages.items()}
    _train(network, learning, x)
    stages = _stages_after(original, network, torch.as_tensor(x[0]))
    places = {id(weight): place for place, weight in enumerate(network.parameters())}
    for name, stage in network.stages.items():
        stages[name] |= state[name]
        stages[name]["places"] = [places[id(weight)] for weight in stage.parameters()]
    return {
        "kind": type(result).__name__,
        "returned": None if items is None else [_place(item, places) for item in items],
        "stages": stages,
        "frozen": list(frozen),
    }


def _stages_after(original: Any, network: Any, picture: Any) -> dict[str, Measured]:
    """Say what has moved in each stage, and how far its output lies from what it was."""
    import torch

    found = {}
    for (name, old), new in zip(original.stages.items(), network.stages.values(), strict=True):
        with torch.no_grad():
            right, given = old(picture), copy.deepcopy(new)(picture)
        found[name] = {
            "weights": _moved(old.parameters(), new.parameters()),
            "statistics": _moved(old.buffers(), new.buffers()),
            "output": float((given - right).abs().max()),
        }
        picture = right
    return found


def _items(result: Any) -> list[Any] | None:
    try:
        return list(result)
    except TypeError:
        return None


def _place(item: Any, places: dict[int, int]) -> int:
    import torch

    return places.get(id(item), -1) if torch.is_tensor(item) else -2


def _state_of(stage: Any) -> Measured:
    weights = list(stage.parameters())
    norms = [module for module in stage.modules() if hasattr(module, "running_mean")]
    return {
        "learns": sum(weight.requires_grad for weight in weights) / len(weights),
        "trains": sum(norm.training for norm in norms) / max(len(norms), 1),
    }


def _train(network: Any, learning: list[Any], x: NDArray[np.float32]) -> None:
    """Run some steps of gradient descent; without anything that learns, only the forward pass."""
    import torch

    once = list({id(weight): weight for weight in learning}.values())
    optimizer = torch.optim.SGD(once, RATE) if once else None
    for batch in x:
        loss = (network(torch.as_tensor(batch)) - 1).square().mean()
        if optimizer is not None and loss.requires_grad:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def _moved(before: Iterable[Any], after: Iterable[Any]) -> float:
    pairs = zip(before, after, strict=True)
    return max((float((a.detach() - b.detach()).abs().max()) for a, b in pairs), default=0.0)


# ------------------------------------------------------------ exercise 3.12


def heat_report(
    grad_cam: Callable[..., Any], x: NDArray[np.float32], cam_layer: str, seed: int
) -> list[Measured]:
    """Draw heat maps of a trained backbone and of the same one with random weights.

    Parameters
    ----------
    grad_cam : callable
        The learner's function.
    x : ndarray of float32, shape (n, 3, size, size)
        As the backbone takes them.
    cam_layer : str
        The stage whose maps are asked for.
    seed : int
        Of the random weights, and of a head over the features of the middle stage.

    Returns
    -------
    list of dict
        Trained first: ``maps`` and ``slopes`` as they were handed in, and ``heat`` as it came.
    """
    from data_utils.backbones import load_backbone
    from data_utils.transfer import maps_and_slopes

    trained = load_backbone()
    reports = []
    for backbone in (trained, load_backbone(trained.name, pretrained=False, seed=seed)):
        width = backbone.features(x[:1]).shape[1]
        head = np.random.default_rng(seed).normal(size=width)
        maps, slopes = maps_and_slopes(backbone, x, head, cam_layer)
        heat = grad_cam(maps.copy(), slopes.copy())
        reports.append({"maps": maps, "slopes": slopes, "heat": _plain(heat)})
    return reports


def _plain(value: Any) -> Any:
    """Return a tensor as an array; anything else as it is."""
    import torch

    return value.detach().cpu().numpy() if torch.is_tensor(value) else value
