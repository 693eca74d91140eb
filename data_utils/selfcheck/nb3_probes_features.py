"""What exercises 3.11 and 3.12 need of torch: a small staged network, and maps of two backbones.

Everything here returns the arrays as they are. What they should be comes from elsewhere: in the
grader from a session without any code of the learner's, in the notebook from a second network.
"""

import copy
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Measured = dict[str, Any]
CHANNELS = 4
RATE = 0.05  # of plain gradient descent, for a few steps: every weight that learns moves
STEPS = 3
DROPPED = 0.2  # share of the channels that a stage drops in training mode


# ------------------------------------------------------------ exercise 3.11


def small_staged(names: Iterable[str], seed: int) -> Any:
    """Build a network of stages, each a convolution and a batch norm in another module, a dropout.

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
        return nn.Sequential(block, nn.LeakyReLU(0.3), nn.Dropout2d(DROPPED))

    with torch.device("cpu"), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return Staged({name: stage(CHANNELS if i else 3) for i, name in enumerate(names)})


def staged_start(names: list[str], seed: int, before: str = "training") -> tuple[Any, Any]:
    """Return a small network, as it is handed to the learner's function, and batches of images.

    Parameters
    ----------
    names : list of str
        Of its stages.
    seed : int
        Of weights and images.
    before : {"training", "frozen"}
        Learning, or in evaluation mode with no weight learning.

    Returns
    -------
    torch.nn.Module
    ndarray, shape (steps, n, 3, size, size)
    """
    network = small_staged(names, seed)
    if before == "frozen":
        network.eval().requires_grad_(False)
    x = np.random.default_rng(seed).normal(0.4, 1, (STEPS, 8, 3, 6, 6)).astype(np.float32)
    return network, x


def freeze_raw(
    freeze: Callable[..., Any], names: list[str], frozen: list[str], seed: int, before: str
) -> Measured:
    """Let the learner's function freeze stages, and train what it returned for some steps.

    Returns
    -------
    dict
        That of `raw_of`.
    """
    network, x = staged_start(names, seed, before)
    return raw_of(freeze, network, frozen, x)


def raw_of(
    freeze: Callable[..., Any], network: Any, frozen: list[str], x: NDArray[np.float32]
) -> Measured:
    """Freeze stages of any staged network, train what is returned, and hand out what there is.

    Returns
    -------
    dict
        ``kind`` of what came back; ``returned``: for each item the place of that parameter in the
        network, -1 for what is none of its parameters, -2 for what is no parameter at all, None
        if it cannot be gone through; ``learns``: requires_grad of each parameter; ``modes``: of
        each module in each stage, whether it is in training mode; and what `training` gives.
    """
    inputs = stage_inputs(network, x[0])
    result = freeze(network, list(frozen))
    # A generator is gone through once: what comes out is kept for the optimiser.
    items = None if isinstance(result, (str, dict)) else _items(result)
    places = {id(weight): place for place, weight in enumerate(network.parameters())}
    return {
        "kind": type(result).__name__,
        "returned": None if items is None else [_place(item, places) for item in items],
        "learns": [bool(weight.requires_grad) for weight in network.parameters()],
        "modes": modes_of(network),
        **training(network, items or [], x, inputs),
    }


def replayed(
    names: list[str],
    seed: int,
    returned: list[int],
    learns: list[bool],
    modes: list[list[bool]],
) -> Measured:
    """Train a fresh small network in the state that somebody's function left it in.

    Parameters
    ----------
    names, seed
        Of `staged_start`.
    returned, learns, modes
        Of `raw_of`.

    Returns
    -------
    dict
        That of `training`, and as ``start`` the numbers before any step, ``places`` of each
        stage's parameters, ``still``: each stage's outputs in evaluation mode before any step.
    """
    network, x = staged_start(names, seed)
    before, inputs = _numbers(network), stage_inputs(network, x[0])
    weights = list(network.parameters())
    for weight, learning in zip(weights, learns, strict=True):
        weight.requires_grad_(learning)
    for stage, chosen in zip(network.stages.values(), modes, strict=True):
        for module, mode in zip(stage.modules(), chosen, strict=True):
            module.training = mode
    places = {id(weight): place for place, weight in enumerate(weights)}
    found = training(network, [weights[place] for place in returned if place >= 0], x, inputs)
    return found | {
        "start": before,
        "still": [part.numpy() for part in inputs[1:]],
        "places": [[places[id(w)] for w in s.parameters()] for s in network.stages.values()],
    }


def stage_inputs(network: Any, x: NDArray[np.float32]) -> list[Any]:
    """Return what each stage sees of some images, and what the last one gives: all in eval mode."""
    import torch

    inputs = [torch.as_tensor(x)]
    with torch.no_grad():
        for stage in copy.deepcopy(network).eval().stages.values():
            inputs.append(stage(inputs[-1]))
    return inputs


def training(network: Any, items: list[Any], x: NDArray[np.float32], inputs: list[Any]) -> Measured:
    """Run gradient descent on some parameters; without any that learns, the forward pass alone.

    Returns
    -------
    dict
        ``after``: for each stage its weights and stored statistics, one array each; ``outputs``:
        what each stage gives for its one of `inputs`, in the mode in which it was left.
    """
    import torch

    own = {id(weight) for weight in network.parameters()}
    learning = {id(item): item for item in items if id(item) in own and item.requires_grad}
    optimizer = torch.optim.SGD(list(learning.values()), RATE) if learning else None
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)  # of the dropout
        for batch in x:
            loss = (network(torch.as_tensor(batch)) - 1).square().mean()
            if optimizer is not None and loss.requires_grad:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        after = _numbers(network)
        with torch.no_grad():
            stages = copy.deepcopy(network).stages.values()
            outputs = [stage(seen).numpy() for stage, seen in zip(stages, inputs, strict=False)]
    return {"after": after, "outputs": outputs}


def modes_of(network: Any) -> list[list[bool]]:
    """Return the mode of each module of each stage."""
    return [
        [bool(module.training) for module in stage.modules()] for stage in network.stages.values()
    ]


def _numbers(network: Any) -> list[list[NDArray[Any]]]:
    """Return copies of each stage's weights and stored statistics, flat: two arrays a stage."""
    return [
        [
            np.concatenate([part.detach().numpy().ravel() for part in parts] or [np.empty(0)])
            for parts in (list(stage.parameters()), list(stage.buffers()))
        ]
        for stage in network.stages.values()
    ]


def _items(result: Any) -> list[Any] | None:
    try:
        return list(result)
    except TypeError:
        return None


def _place(item: Any, places: dict[int, int]) -> int:
    import torch

    return places.get(id(item), -1) if torch.is_tensor(item) else -2


# ------------------------------------------------------------ exercise 3.12


def maps_of_two(
    x: NDArray[np.float32], cam_layer: str, seed: int
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Return maps and slopes of a trained backbone, and of the same one with random weights.

    Parameters
    ----------
    x : ndarray of float32, shape (n, 3, size, size)
        As the backbone takes them.
    cam_layer : str
        The stage whose maps are asked for.
    seed : int
        Of the random weights, and of a head over the features of the middle stage.
    """
    from data_utils.backbones import load_backbone
    from data_utils.transfer import maps_and_slopes

    trained = load_backbone()
    found = []
    for backbone in (trained, load_backbone(trained.name, pretrained=False, seed=seed)):
        width = backbone.features(x[:1]).shape[1]
        head = np.random.default_rng(seed).normal(size=width)
        found.append(maps_and_slopes(backbone, x, head, cam_layer))
    return found
