"""Arrays of a finished run, so that an unsolved exercise does not block the next one.

`benchmarks/prepare_nb1.py` writes them from a run of the solution.
"""

import functools
import json
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.datasets import load_mnist
from data_utils.errors import UnknownExerciseError
from data_utils.images import network_input

_SPLIT_PARTS = ("x_train", "x_val", "x_test", "x_anomaly")
_STORED = {"1.2 scores": "pair_scores"}  # names in the notebook -> names in the file


def prepared_arrays(name: str) -> Any:
    """Return prepared arrays of notebook 1.

    Parameters
    ----------
    name : str
        ``"1.1 split"`` and ``"1.1 split 0"`` give four uint8 arrays (k, 28, 28) with digit 9, or
        0, as the anomaly; ``"1.2 pairs"`` gives ten images and their reconstructions, float32
        (10, 28, 28, 1) in [0, 1]; ``"1.2 scores"`` their scores; ``"1.2 baselines"`` a dict of
        AUROCs; ``"scores_val"``, ``"scores_test"`` and ``"scores_anomaly"`` the scores (k,) of a
        trained autoencoder, ``"1.3 threshold"`` its threshold, ``"1.4 counts"`` its counts and
        rates, ``"1.5 network"`` a `PreparedNetwork` and the losses of its training.

    Raises
    ------
    UnknownExerciseError
    """
    arrays = _stored("nb1_autoencoder")
    if name in ("1.1 split", "1.1 split 0"):
        images = load_mnist("embedded").images
        suffix = "_0" if name.endswith("0") else ""
        return tuple(images[arrays[f"{part}_positions{suffix}"]] for part in _SPLIT_PARTS)
    if name == "1.2 pairs":
        images, copies = arrays["pair_images"], arrays["pair_copies"]
        return network_input(images), network_input(copies)
    if name == "1.3 threshold":
        return float(arrays["threshold"])
    if name in ("1.4 counts", "1.2 baselines"):
        return json.loads(str(arrays[name.split()[1]]))
    if name == "1.5 network":
        return PreparedNetwork(), arrays["history"].tolist()
    stored = _STORED.get(name, name)
    if stored in arrays and "scores" in stored:
        return arrays[stored]
    raise UnknownExerciseError(f"There are no prepared arrays named {name!r}.")


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
    arrays = _stored("nb1_copies")
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
        arrays = _stored("nb1_network")
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


@functools.cache
def _stored(name: str) -> dict[str, NDArray[Any]]:
    with resources.files("data_utils").joinpath(f"prepared/{name}.npz").open("rb") as file:
        return dict(np.load(file, allow_pickle=False))
