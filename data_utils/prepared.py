"""Arrays of a finished run, so that an unsolved exercise does not block the next one."""

import json
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.datasets import load_mnist
from data_utils.errors import UnknownExerciseError

_SPLIT_PARTS = ("x_train", "x_val", "x_test", "x_anomaly")


def prepared_arrays(name: str) -> Any:
    """Return prepared arrays of notebook 1.

    Parameters
    ----------
    name : str
        ``"1.1 split"`` gives four uint8 arrays (k, 28, 28) with digit 9 as the anomaly;
        ``"1.2 pairs"`` gives ten images and their reconstructions, float32 (10, 28, 28, 1) in
        [0, 1]; ``"1.2 scores"`` their scores; ``"scores_val"``, ``"scores_test"`` and
        ``"scores_anomaly"`` the scores (k,) of a trained autoencoder, ``"1.3 threshold"`` its
        threshold, ``"1.4 counts"`` its counts and rates.

    Raises
    ------
    UnknownExerciseError
    """
    with resources.files("data_utils").joinpath("prepared/nb1_autoencoder.npz").open("rb") as file:
        arrays: dict[str, NDArray[Any]] = dict(np.load(file, allow_pickle=False))
    if name == "1.1 split":
        images = load_mnist("embedded").images
        return tuple(images[arrays[f"{part}_positions"]] for part in _SPLIT_PARTS)
    if name == "1.2 pairs":
        images, copies = arrays["pair_images"], arrays["pair_copies"]
        return images[..., None] / np.float32(255), copies[..., None] / np.float32(255)
    if name == "1.3 threshold":
        return float(arrays["threshold"])
    if name == "1.4 counts":
        return json.loads(str(arrays["counts"]))
    stored = {"1.2 scores": "pair_scores"}.get(name, name)
    if stored in arrays and "scores" in stored:
        return arrays[stored]
    raise UnknownExerciseError(f"There are no prepared arrays named {name!r}.")
