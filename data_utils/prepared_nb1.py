"""What only notebook 1 has prepared: a split, pairs, and a network as bare arrays.

`benchmarks/prepare_nb1.py` writes them from a run of the solution.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.datasets import load_mnist
from data_utils.errors import UnknownExerciseError
from data_utils.images import network_input
from data_utils.prepared_files import stored

Arrays = Mapping[str, NDArray[Any]]
_SPLIT_PARTS = ("x_train", "x_val", "x_test", "x_anomaly")


def nb1_value_named(arrays: Arrays, name: str) -> Any:
    """Make the value of that name from the arrays of notebook 1's file; None where there is none.

    Parameters
    ----------
    arrays : mapping of str to ndarray
    name : str
        ``"1.1 split"`` and ``"1.1 split 0"`` give four uint8 arrays (k, 28, 28) with digit 9, or
        0, as the anomaly; ``"1.2 pairs"`` gives ten images and their reconstructions, float32
        (10, 28, 28, 1) in [0, 1]; ``"1.2 scores"`` their scores; ``"1.2 baselines"`` a dict of
        AUROCs; ``"scores_val"``, ``"scores_test"`` and ``"scores_anomaly"`` the scores (k,) of a
        trained autoencoder, ``"1.3 threshold"`` its threshold, ``"1.4 counts"`` its counts and
        rates, ``"1.5 network"`` a `PreparedNetwork` and the losses of its training.
    """
    make = _NAMES.get(name)
    return make(arrays) if make else None


def prepared_copies(
    anomaly_digit: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Return images, and what an autoencoder that never saw one of the digits makes of them.

    Parameters
    ----------
    anomaly_digit : int

    Returns
    -------
    x, x_hat : ndarray of float32, shape (n, 28, 28, 1), in [0, 1]
        Held-out training images in mixed order, and their reconstructions.
    is_anomaly : ndarray of bool, shape (n,)

    Raises
    ------
    UnknownExerciseError
        If there are none for that digit.
    """
    arrays = stored("nb1_copies")
    if f"copies_{anomaly_digit}" not in arrays:
        raise UnknownExerciseError(f"There are no prepared copies without digit {anomaly_digit}.")
    data, places = load_mnist("embedded"), arrays[f"positions_{anomaly_digit}"]
    x = network_input(data.images[places])
    x_hat = network_input(arrays[f"copies_{anomaly_digit}"])
    return x, x_hat, data.labels[places] == anomaly_digit


class PreparedNetwork:
    """A trained dense autoencoder as bare arrays: it draws, and cannot be trained.

    It stands where a learner's own network would, so it answers to the same two calls.
    """

    def __init__(self) -> None:
        arrays = stored("nb1_network")
        self._layers = [
            (arrays[f"weights_{place}"].astype(np.float32), arrays[f"bias_{place}"])
            for place in range(len(arrays) // 2)
        ]

    def predict(self, x: NDArray[np.float32], **_: Any) -> NDArray[np.float32]:
        """Return the network's copies of x: float32 (n, 28, 28, 1) in [0, 1]."""
        values: Any = x.reshape(len(x), -1)
        code, last = len(self._layers) // 2 - 1, len(self._layers) - 1
        for place, (weights, bias) in enumerate(self._layers):
            values = values @ weights + bias
            if place not in (code, last):
                values = np.maximum(values, 0)
        copies: NDArray[np.float32] = np.reciprocal(1 + np.exp(-values)).astype(np.float32)
        return copies.reshape(x.shape)

    def get_weights(self) -> list[NDArray[Any]]:
        """Return weights and bias of each layer, in order."""
        return [array for layer in self._layers for array in layer]


def _split(arrays: Arrays, suffix: str = "") -> tuple[NDArray[np.uint8], ...]:
    images = load_mnist("embedded").images
    return tuple(images[arrays[f"{part}_positions{suffix}"]] for part in _SPLIT_PARTS)


_NAMES: dict[str, Callable[[Arrays], Any]] = {
    "1.1 split": _split,
    "1.1 split 0": lambda arrays: _split(arrays, "_0"),
    "1.2 pairs": lambda arrays: (
        network_input(arrays["pair_images"]),
        network_input(arrays["pair_copies"]),
    ),
    "1.2 scores": lambda arrays: arrays["pair_scores"],
    "1.2 baselines": lambda arrays: json.loads(str(arrays["baselines"])),
    "scores_val": lambda arrays: arrays["scores_val"],
    "scores_test": lambda arrays: arrays["scores_test"],
    "scores_anomaly": lambda arrays: arrays["scores_anomaly"],
    "1.3 threshold": lambda arrays: float(arrays["threshold"]),
    "1.4 counts": lambda arrays: json.loads(str(arrays["counts"])),
    "1.5 network": lambda arrays: (PreparedNetwork(), arrays["history"].tolist()),
}
