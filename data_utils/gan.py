"""What notebook 2 gets beside its learner's networks: the pair, the copier, a dense GAN."""

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.detectors import PREDICT_BATCH
from data_utils.errors import ImageFormatError
from data_utils.images import to_uint8


class GanPair:
    """A generator and a discriminator, the latter cut in two before its last layer.

    Every method works in evaluation mode (no dropout, batch norm by its stored statistics),
    without gradient, in batches, on the device where the networks are, and leaves each layer's
    mode as it was. Arrays go in (a tensor will do too), NumPy arrays on the CPU come out.

    Parameters
    ----------
    generator : torch.nn.Module
        Maps noise (n, latent_size) to images (n, 1, 28, 28) in [-1, 1].
    discriminator_features : torch.nn.Module
        Maps images (n, 1, 28, 28) to features (n, k).
    discriminator_head : torch.nn.Module
        Maps features to logits, (n, 1) or (n,), without a sigmoid; higher = "real".
    latent_size : int
    """

    def __init__(
        self,
        generator: Any,
        discriminator_features: Any,
        discriminator_head: Any,
        latent_size: int,
    ) -> None:
        self.generator = generator
        self.features = discriminator_features
        self.head = discriminator_head
        self.latent_size = latent_size

    def to(self, device: Any) -> "GanPair":
        """Bring all networks to a device and return the pair."""
        for network in (self.generator, self.features, self.head):
            network.to(device)
        return self

    def train(self, mode: bool = True) -> "GanPair":
        """Put all networks into training mode, or into evaluation mode, and return the pair."""
        for network in (self.generator, self.features, self.head):
            network.train(mode)
        return self

    def eval(self) -> "GanPair":
        """Put all networks into evaluation mode and return the pair."""
        return self.train(False)

    def logits(self, x: Any) -> Any:
        """Return the logits of a tensor x as a tensor (n,), for training.

        Unlike the methods below: with gradient, and in whatever mode the layers are.
        """
        return self.head(self.features(x)).reshape(-1)

    def sample(self, noise: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Draw one image from each row of noise (n, latent_size): float32 (n, 1, 28, 28)."""
        return _run((self.generator,), self.generator, noise)

    def judge(self, x: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Return the logits of x (n, 1, 28, 28) in [-1, 1]: (n,), higher = "real".

        Raises
        ------
        ImageFormatError
            If `x` holds whole numbers, as images before scaling do.
        """
        return _run((self.features, self.head), self.logits, x)

    def features_of(self, x: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Return the discriminator's features of x (n, 1, 28, 28) in [-1, 1]: (n, k).

        Raises
        ------
        ImageFormatError
            If `x` holds whole numbers, as images before scaling do.
        """
        return _run((self.features,), lambda batch: self.features(batch).flatten(1), x)

    def generator_parameters(self) -> list[NDArray[np.float32]]:
        """Return copies of the generator's weights and buffers."""
        return _arrays_of(self.generator)

    def discriminator_parameters(self) -> list[NDArray[np.float32]]:
        """Return copies of the discriminator's weights and buffers, the features' first."""
        return _arrays_of(self.features) + _arrays_of(self.head)

    def parameters(self) -> list[NDArray[np.float32]]:
        """Return copies of all weights and buffers, the generator's first."""
        return self.generator_parameters() + self.discriminator_parameters()


class GanCopier:
    """Copies images by way of an encoder and the pair's generator, with the training's history.

    Its methods take images as they are stored (uint8, (n, 28, 28)) and work as those of
    :class:`GanPair` do; each raises ImageFormatError for anything else than such images.

    Parameters
    ----------
    pair : GanPair
    encoder : torch.nn.Module
        Maps images (n, 1, 28, 28) in [-1, 1] to latent codes (n, latent_size).
    history : iterable of float
        The encoder's training loss per recorded step.
    """

    def __init__(self, pair: GanPair, encoder: Any, history: Iterable[float]) -> None:
        self.pair = pair
        self.encoder = encoder
        self.history = [float(loss) for loss in history]

    def encode(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the latent code of each image: float32 (n, latent_size)."""
        x = self._scaled(images)
        return _run((self.encoder,), lambda batch: self.encoder(batch).flatten(1), x)

    def copies(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return what the generator makes of each image's code: float32 (n, 1, 28, 28)."""
        return self.pair.sample(self.encode(images))

    def reconstruct(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the copies as images: uint8 (n, 28, 28)."""
        return to_uint8((self.copies(images)[:, 0, :, :, None] + 1) / 2)

    def feature_pairs(
        self, images: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the discriminator's features (n, k) of the images and of their copies."""
        of_images = self.pair.features_of(self._scaled(images))
        return of_images, self.pair.features_of(self.copies(images))

    def error_parts(
        self, images: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how far each image lies from its copy, in pixels and in features: (n,) each.

        Mean squared differences: of the pixels in [-1, 1], and of the discriminator's features
        (the feature matching of AnoGAN and f-AnoGAN; Schlegl et al., 2017 and 2019).
        """
        x, copies = self._scaled(images), self.copies(images)
        of_images, of_copies = self.pair.features_of(x), self.pair.features_of(copies)
        pixel: NDArray[np.float64] = np.mean((x - copies) ** 2, axis=(1, 2, 3), dtype=np.float64)
        feature: NDArray[np.float64] = np.mean((of_images - of_copies) ** 2, axis=1, dtype=float)
        return pixel, feature

    def discriminator_score(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return minus the discriminator's logit: (n,), higher = more anomalous."""
        return -self.pair.judge(self._scaled(images))

    def parameters(self) -> list[NDArray[np.float32]]:
        """Return copies of all weights and buffers: the pair's, then the encoder's."""
        return self.pair.parameters() + _arrays_of(self.encoder)

    @staticmethod
    def _scaled(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Bring images to the generator's range; private, for the learner writes this too."""
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
            raise ImageFormatError(
                f"These images are {images.dtype} of shape {images.shape}; the detector expects "
                "uint8 of shape (n, 28, 28). Give it the images as they were loaded, unscaled."
            )
        scaled: NDArray[np.float32] = images[:, None].astype(np.float32) / np.float32(127.5)
        return scaled - np.float32(1)


def dense_networks(latent_size: int, seed: int) -> GanPair:
    """Build a GAN of dense layers alone, untrained, to hold beside a convolutional one.

    Parameters
    ----------
    latent_size : int
    seed : int
        Fixes the weights. Torch's global random state stays as it is.

    Returns
    -------
    GanPair
        On the CPU. The features are the last hidden layer: k = 256.
    """
    import torch
    from torch import nn

    slope = 0.2  # of the leaky ReLUs, as in DCGAN
    dropout = 0.3  # so that the discriminator does not learn a few hundred images by rote
    # Not torch.manual_seed: it would seed the graphics cards too, which nothing here restores.
    with torch.device("cpu"), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        draws = nn.Sequential(
            *(nn.Linear(latent_size, 256), nn.LeakyReLU(slope)),
            *(nn.Linear(256, 512), nn.LeakyReLU(slope)),
            *(nn.Linear(512, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28))),
        )
        sees = nn.Sequential(
            *(nn.Flatten(), nn.Linear(784, 512), nn.LeakyReLU(slope), nn.Dropout(dropout)),
            *(nn.Linear(512, 256), nn.LeakyReLU(slope), nn.Dropout(dropout)),
        )
        return GanPair(draws, sees, nn.Linear(256, 1), latent_size)


@contextlib.contextmanager
def evaluating(modules: Iterable[Any]) -> Iterator[None]:
    """Put every layer in evaluation mode; put each one's own mode back after.

    Layer by layer: a learner may have frozen a part of a network that trains as a whole, and
    ``network.train()`` would wake that part too.
    """
    layers = [layer for module in modules for layer in module.modules()]
    modes = [layer.training for layer in layers]
    try:
        for layer in layers:
            layer.training = False
        yield
    finally:
        for layer, mode in zip(layers, modes, strict=True):
            layer.training = mode


def _run(
    modules: tuple[Any, ...], function: Callable[[Any], Any], values: Any
) -> NDArray[np.float32]:
    """Apply a function of `modules` in evaluation mode, batch by batch, on their device."""
    import torch

    device = device_of(modules)
    results = []
    with evaluating(modules), torch.no_grad():
        for start in range(0, max(len(values), 1), PREDICT_BATCH):  # no image: one empty batch
            batch = _to_tensor(values[start : start + PREDICT_BATCH], device)
            results.append(_to_array(function(batch)))
    return np.concatenate(results)


def _to_tensor(values: Any, device: Any) -> Any:
    import torch

    if not torch.is_tensor(values):  # torch takes no array that runs backwards, such as x[::-1]
        values = torch.tensor(np.ascontiguousarray(values))
    if not values.is_floating_point():
        raise ImageFormatError(
            f"These values are {values.dtype}; the networks expect floats, for images in [-1, 1]. "
            "Scale the images first."
        )
    return values.to(device, torch.float32)


def device_of(modules: Iterable[Any]) -> Any:
    """Return where the modules' first weight lies; the CPU for modules without any."""
    import torch

    tensors = (itertools.chain(module.parameters(), module.buffers()) for module in modules)
    first = next(itertools.chain.from_iterable(tensors), None)
    return torch.device("cpu") if first is None else first.device


def _arrays_of(module: Any) -> list[NDArray[np.float32]]:
    """Return copies of a module's weights and buffers, which later training leaves alone."""
    return [_to_array(t).copy() for t in itertools.chain(module.parameters(), module.buffers())]


def _to_array(tensor: Any) -> NDArray[np.float32]:
    import torch

    array: NDArray[np.float32] = tensor.detach().to("cpu", torch.float32).numpy()
    return array
