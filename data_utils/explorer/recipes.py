"""Each notebook's detector as one function of one image: network, score and pictures together.

A learner's score is Python code, and code is not saved. So the kit has its own version of each
score that a notebook asks for; here are those, and which of them a detector's numbers follow.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.backbones import LAYERS
from data_utils.detectors import KerasCopier
from data_utils.effects import with_effect
from data_utils.explorer.onnx_files import SavedFileError
from data_utils.gan import GanCopier
from data_utils.transforms import apply_all

_SIZES = (32, 28, 64, 56, 112, 224)  # of a backbone's input; the notebook's own comes first
_MOST_NEIGHBOURS = 20
_TINY = 1e-12  # keeps an empty image from dividing by 0


@dataclass(frozen=True)
class Recipe:
    """One way to make a detector's score.

    Attributes
    ----------
    words : str
        For the card.
    framework : str
        ``"keras"`` or ``"torch"``: what `run` is written in, and so who exports it.
    run : callable
        A uint8 image (1, 28, 28), as a tensor of the framework, to float32 ``score`` (1,) and
        perhaps ``reconstruction`` (1, 28, 28) in [0, 1]. Of torch a Module on the processor.
    outputs : tuple of str
        The names of what it returns.
    heat_of : callable or None
        Such a function of the image whose slope by each pixel is the detector's heat map.
    """

    words: str
    framework: str
    run: Any
    outputs: tuple[str, ...] = ("score",)
    heat_of: Any = None


def recipes_for(notebook_id: str, detector: Any) -> Iterator[Recipe]:
    """Yield the ways in which a detector may have made its scores, the likeliest first.

    Parameters
    ----------
    notebook_id : str
        Of the course.
    detector : object
        As that notebook's ``fit_detector`` returns it.

    Raises
    ------
    SavedFileError
        If the detector is not of the notebook's kind.
    """
    fits, make = _KINDS[notebook_id]
    if not fits(detector):
        raise SavedFileError(
            f"This {type(detector).__name__} is not the detector of {notebook_id}. Give what "
            "fit_detector of that notebook returns."
        )
    yield from make(detector)


# ------------------------------------------------------------ notebook 1: Keras


def _is_autoencoder(detector: Any) -> bool:
    return isinstance(detector, KerasCopier) and hasattr(detector.network, "layers")


def _of_autoencoder(detector: Any) -> Iterator[Recipe]:
    import tensorflow as tf

    def shares(wrong: Any, x: Any) -> Any:
        return tf.reduce_sum(wrong**2, (1, 2, 3)) / tf.maximum(
            tf.reduce_sum(x**2, (1, 2, 3)), _TINY
        )

    def smooth(wrong: Any) -> Any:
        return tf.nn.conv2d(wrong, tf.fill((3, 3, 1, 1), 1 / 9), 1, "SAME")

    scores = {
        "squared error of the copy, as a share of the ink": shares,
        "the same, after each error became the mean of 3 x 3 pixels": lambda wrong, x: shares(
            smooth(wrong), x
        ),
        "mean squared error of the copy": lambda wrong, x: tf.reduce_mean(wrong**2, (1, 2, 3)),
        "mean absolute error of the copy": lambda wrong, x: tf.reduce_mean(abs(wrong), (1, 2, 3)),
    }

    def run_with(score: Any) -> Any:
        def run(image: Any) -> tuple[Any, Any]:
            x = tf.cast(image, tf.float32)[..., None] / 255
            drawn = detector.network(x, training=False)
            return score(x - drawn, x), drawn[..., 0]

        return run

    for words, score in scores.items():
        yield Recipe(words, "keras", run_with(score), ("score", "reconstruction"))


# ------------------------------------------------------------ notebooks 2 to 4: torch


def _frozen(network: Any) -> Any:
    """Return a copy of a network on the processor, in evaluation mode, that learns nothing."""
    return copy.deepcopy(network).cpu().eval().requires_grad_(False)


def _is_gan(detector: Any) -> bool:
    return isinstance(detector, GanCopier) and hasattr(detector, "parts_val")


def _of_gan(detector: Any) -> Iterator[Recipe]:
    import torch

    pair = detector.pair
    usual = torch.tensor(np.stack(detector.parts_val), dtype=torch.float32)

    class GanScore(torch.nn.Module):  # type: ignore[misc,unused-ignore]
        """Pixel error and feature error of the copy, each in standard deviations."""

        def __init__(self, weights: tuple[float, float]) -> None:
            super().__init__()
            self.encoder, self.generator = _frozen(detector.encoder), _frozen(pair.generator)
            self.sees = _frozen(pair.features)
            spread = usual.std(dim=1, unbiased=False).clamp_min(_TINY)
            self.register_buffer("factors", torch.tensor(weights) / spread)
            self.register_buffer("means", usual.mean(dim=1))

        def forward(self, image: Any) -> tuple[Any, Any]:
            x = image.float()[:, None] / 127.5 - 1
            drawn = self.generator(self.encoder(x).flatten(1))
            apart = self.sees(x).flatten(1) - self.sees(drawn).flatten(1)
            errors = torch.stack([((x - drawn) ** 2).mean(), (apart**2).mean()])
            score = ((errors - self.means) * self.factors).sum().reshape(1)
            return score, (drawn[:, 0] + 1) / 2

    ways = {
        "pixel error and feature error, in standard deviations of validation normals, added": (
            1,
            1,
        ),
        "pixel error of the copy, in standard deviations of validation normals": (1, 0),
        "feature error of the copy, in standard deviations of validation normals": (0, 1),
    }
    for words, weights in ways.items():
        yield Recipe(words, "torch", GanScore(weights).eval(), ("score", "reconstruction"))


def _is_neighbour(detector: Any) -> bool:
    bank = getattr(detector, "bank", None)
    network = getattr(detector, "network", None)
    return hasattr(network, "stages") and bank is not None and np.ndim(bank) == 2


def _of_neighbours(detector: Any) -> Iterator[Recipe]:
    import torch

    network = _frozen(detector.network)
    bank = torch.as_tensor(np.asarray(detector.bank, np.float32))
    columns, squares = bank.T.contiguous(), (bank**2).sum(dim=1)
    blank = torch.zeros(1, 3, 32, 32)
    widths = {layer: network.maps(blank, layer).shape[1] for layer in LAYERS}

    class NeighbourScore(torch.nn.Module):  # type: ignore[misc,unused-ignore]
        """The mean distance of an image's features to those of the nearest normal images."""

        def __init__(self, layer: str, size: int, neighbours: int) -> None:
            super().__init__()
            names = list(network.stages)
            used = names[: names.index(layer) + 1]
            self.stages = torch.nn.Sequential(*(network.stages[name] for name in used))
            self.size, self.neighbours = size, neighbours
            for name, values in (("mean", network.mean), ("std", network.std)):
                self.register_buffer(name, torch.tensor(values).reshape(1, 3, 1, 1))
            self.register_buffer("columns", columns)
            self.register_buffer("squares", squares)

        def forward(self, image: Any) -> Any:
            x = image.float()[:, None] / 255
            if self.size != x.shape[-1]:
                x = torch.nn.functional.interpolate(x, size=(self.size,) * 2, mode="bilinear")
            features = self.stages((x - self.mean) / self.std).mean(dim=(2, 3))
            apart = self.squares - 2 * features @ self.columns + (features**2).sum()
            nearest = apart.topk(self.neighbours, largest=False).values
            return nearest.clamp_min(0).sqrt().mean(dim=1)

    for size in _SIZES:
        for layer in (name for name in LAYERS if widths[name] == bank.shape[1]):
            for neighbours in range(1, min(_MOST_NEIGHBOURS, len(bank)) + 1):
                words = (
                    f"mean distance to the {neighbours} nearest normal images, by the features of "
                    f"stage {layer!r} at {size} pixels"
                )
                yield Recipe(words, "torch", NeighbourScore(layer, size, neighbours).eval())


def _is_transforms(detector: Any) -> bool:
    return all(hasattr(detector, name) for name in ("network", "transforms", "alphas"))


def _of_transforms(detector: Any) -> Iterator[Recipe]:
    import torch

    transforms, count = detector.transforms, len(detector.transforms)
    effects = sorted({transform.effect for transform in transforms})
    plain = [replace(transform, effect="") for transform in transforms]
    places = apply_all(np.arange(784).reshape(1, 28, 28), plain)[0].reshape(count, 784)
    places += 784 * np.array([[effects.index(transform.effect)] for transform in transforms])

    class TransformScore(torch.nn.Module):  # type: ignore[misc,unused-ignore]
        """What a classifier says of an image under all transformations, weighted and added."""

        def __init__(self, weights: NDArray[np.float64], exponent: bool) -> None:
            super().__init__()
            self.network, self.exponent = _frozen(detector.network), exponent
            self.register_buffer("weights", torch.as_tensor(weights / count))
            self.register_buffer("places", torch.as_tensor(places.reshape(-1)))

        def forward(self, image: Any) -> Any:
            x = image.float() / 255
            versions = torch.cat([with_effect(x, e).reshape(-1) for e in effects])
            seen = versions[self.places].reshape(count, 1, 28, 28)
            said = self.network(2 * seen - 1).double().log_softmax(dim=1)
            said = said.exp() if self.exponent else said
            return (said * self.weights).sum().reshape(1).float()

    weights = 1 - np.asarray(detector.alphas, np.float64)
    densities = TransformScore(weights, False).eval()  # the notebook's heat map is always theirs
    words = "the Dirichlet densities of what is said of {0} transformations: minus their mean log"
    yield Recipe(words.format(count), "torch", densities, heat_of=densities)
    if weights.shape == (count, count):
        words = "minus the mean probability of the right one of {0} transformations"
        simplified = TransformScore(-np.eye(count), True).eval()
        yield Recipe(words.format(count), "torch", simplified, heat_of=densities)


_KINDS = {
    "nb1_autoencoder": (_is_autoencoder, _of_autoencoder),
    "nb2_gan_detector": (_is_gan, _of_gan),
    "nb3_resnet_transfer": (_is_neighbour, _of_neighbours),
    "nb4_geometric_transforms": (_is_transforms, _of_transforms),
}
