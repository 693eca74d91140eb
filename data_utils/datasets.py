"""Where the images come from.

The learner's images are always MNIST *training* images: the 60,000 official ones (profile
``full``) or the 5,000 that the kit carries (profiles ``quick`` and ``embedded``). The official
test set is the exam; :func:`load_mnist` never returns it.
"""

import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_utils.errors import DataSourceError
from data_utils.fashion_files import read_fashion_folder
from data_utils.idx_files import download_training_files, has_idx_files, read_idx_folder
from data_utils.runtime import current_profile

MNIST_COUNTS = {
    "train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
    "test": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
}
"""Official class counts, digits 0 to 9 (counted from the official files)."""

_NOT_FULL = (
    "NOT the full MNIST ({reason}): these are the 5,000 images that the kit carries. "
    "Set ANOMALY_COURSE_DATA to a folder that holds MNIST/raw to use all 60,000."
)


@dataclass(frozen=True)
class Dataset:
    """Images with their labels, and where they came from.

    Attributes
    ----------
    images : ndarray of uint8, shape (n, 28, 28)
    labels : ndarray of uint8, shape (n,)
        The digit on each image, 0 to 9 (of Fashion-MNIST: the class).
    profile : {"quick", "embedded", "full"}
        What was found, which may be less than what was asked for.
    source : str
        One sentence for the screen.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    profile: str
    source: str


def load_mnist(profile: str | None = None) -> Dataset:
    """Load the learner's MNIST images.

    Parameters
    ----------
    profile : {"quick", "embedded", "full"}, optional
        Default: what :func:`data_utils.runtime.current_profile` says.

    Returns
    -------
    Dataset
        With ``full`` and no official files to be had, the embedded images; `profile` and
        `source` say so. That is not an error: a notebook works without any network.

    Raises
    ------
    DataSourceError
        If ``ANOMALY_COURSE_DATA`` names a folder whose files are not MNIST's.

    Examples
    --------
    >>> load_mnist("embedded").images.shape
    (5000, 28, 28)
    """
    wanted = profile or current_profile()
    if wanted != "full":
        images, labels = _embedded()
        return Dataset(images, labels, wanted, "5,000 training images that the kit carries")
    try:
        images, labels, origin = _full()
    except DataSourceError as error:
        if os.environ.get("ANOMALY_COURSE_DATA"):
            raise
        images, labels = _embedded()
        return Dataset(images, labels, "embedded", _NOT_FULL.format(reason=error))
    return Dataset(images, labels, "full", f"60,000 training images from {origin}")


def load_fashion_mnist() -> Dataset:
    """Load Fashion-MNIST's 60,000 training images, where this machine has them.

    Nothing is fetched: no exercise needs them. They are looked for in ``ANOMALY_COURSE_DATA``
    or, without it, where :func:`load_mnist` looks for MNIST.

    Returns
    -------
    Dataset
        Of profile ``full``; `source` says whether the split is the official one.

    Raises
    ------
    DataSourceError
        If they are not here, or a file does not hold them.
    """
    chosen = os.environ.get("ANOMALY_COURSE_DATA")
    folders = (Path(chosen),) if chosen else _usual_folders()
    for folder in folders:
        found = read_fashion_folder(folder)
        if found is not None:
            images, labels, source = found
            return Dataset(images, labels, "full", source)
    raise DataSourceError(
        f"Fashion-MNIST is not here (looked in {', '.join(map(str, folders))}). Set "
        "ANOMALY_COURSE_DATA to a folder that holds FashionMNIST/raw as torchvision lays it out, "
        "or leave this cell out: no exercise needs it."
    )


def _full() -> tuple[NDArray[np.uint8], NDArray[np.uint8], Path]:
    """Return the 60,000 images: the user's folder, then caches, then a download."""
    chosen = os.environ.get("ANOMALY_COURSE_DATA")
    if chosen:
        return *read_idx_folder(Path(chosen)), Path(chosen)
    cache = _cache()
    for folder in _usual_folders():
        if has_idx_files(folder):
            return *read_idx_folder(folder), folder
    archive = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets/mnist.npz"
    if archive.is_file():
        with np.load(archive, allow_pickle=False) as arrays:
            return arrays["x_train"], arrays["y_train"], archive
    download_training_files(cache)
    return *read_idx_folder(cache), cache


def _usual_folders() -> tuple[Path, ...]:
    return Path("data"), Path.home() / "data", _cache()


def _cache() -> Path:
    return Path.home() / ".cache" / "anomaly_course"


def _embedded() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    path = resources.files("data_utils").joinpath("embedded/mnist_5000.npz")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return arrays["images"], arrays["labels"]
    except FileNotFoundError as error:
        raise DataSourceError(
            "The 5,000 embedded images are not here. While a function is being graded it sees no "
            "data set: work with the arrays that it is given."
        ) from error
