"""What every notebook ends in: the detector contract, and its framework half for Keras."""

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from data_utils.images import network_input, to_uint8

PREDICT_BATCH = 256  # images copied at once; large enough to be fast, small enough for any machine


class Detector(Protocol):
    """A fitted anomaly detector, as ``fit_detector`` of each notebook returns it.

    Attributes
    ----------
    threshold : float
        An image is called an anomaly if its score is above it.
    history : list of float
        Training loss per epoch; empty for an untrained detector.
    """

    threshold: float
    history: list[float]

    def anomaly_score(self, images: NDArray[np.uint8]) -> NDArray[np.floating[Any]]:
        """Score images (uint8, (n, 28, 28)): float (n,), higher = more anomalous."""
        ...

    def parameters(self) -> list[NDArray[np.floating[Any]]]:
        """Return the fitted weights."""
        ...


class KerasCopier:
    """A Keras network that copies images, with its training history.

    Parameters
    ----------
    network : keras.Model
        Maps float32 (n, 28, 28, 1) in [0, 1] to the same shape.
    history : iterable of float
        Training loss per epoch.
    """

    def __init__(self, network: Any, history: Iterable[float]) -> None:
        self.network = network
        self.history = [float(loss) for loss in history]

    def copies(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the network's copy of each image: float32 (n, 28, 28, 1)."""
        copied: NDArray[np.float32] = self.network.predict(
            network_input(images), batch_size=PREDICT_BATCH, verbose=0
        )
        return copied

    def reconstruct(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the copies as images: uint8 (n, 28, 28)."""
        return to_uint8(self.copies(images))

    def parameters(self) -> list[NDArray[np.floating[Any]]]:
        """Return the network's weights."""
        weights: list[NDArray[np.floating[Any]]] = self.network.get_weights()
        return weights
