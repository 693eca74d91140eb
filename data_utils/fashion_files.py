"""Fashion-MNIST's files: found in the user's folder, read and checked. Nothing is fetched."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_utils.errors import DataSourceError
from data_utils.idx_files import IMAGES_MAGIC, LABELS_MAGIC, idx_path, idx_values, unpacked

_FOLDER = "FashionMNIST"  # torchvision's name
_ARCHIVE = "fashion_mnist_resplit.npz"  # x_train, y_train: all 70,000 images, split anew
_IDX_NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")

# 60,000 images, ten classes of the same size. MNIST, which uses the same file names, has other
# class counts, so this tells the two apart. It holds for the official and for the new split.
_CLASS_COUNTS = [6000] * 10

FashionArrays = tuple[NDArray[np.uint8], NDArray[np.uint8], str]


def read_fashion_folder(folder: Path) -> FashionArrays | None:
    """Read Fashion-MNIST's training images.

    Parameters
    ----------
    folder : Path
        Holds ``FashionMNIST/raw/train-*-ubyte`` or ``.gz``, as torchvision lays them out, or
        ``FashionMNIST/fashion_mnist_resplit.npz``, a random split of all images.

    Returns
    -------
    images : ndarray of uint8, shape (60000, 28, 28)
    labels : ndarray of uint8, shape (60000,)
        The class, 0 to 9.
    source : str
        One sentence for the screen. None instead of all three if the folder has neither.

    Raises
    ------
    DataSourceError
        If a file is there and does not hold what it should.
    """
    raw = folder / _FOLDER / "raw"
    paths = [path for name in _IDX_NAMES if (path := idx_path(raw, name))]
    if len(paths) == len(_IDX_NAMES):
        images = idx_values(unpacked(paths[0]), IMAGES_MAGIC, str(paths[0]))
        labels = idx_values(unpacked(paths[1]), LABELS_MAGIC, str(paths[1]))
        if images.size % (28 * 28) == 0:  # else it is cut short, and fails the check below
            images = images.reshape(-1, 28, 28)
        _verify(images, labels, raw)
        return images, labels, f"60,000 Fashion-MNIST training images from {raw}"
    archive = folder / _FOLDER / _ARCHIVE
    if not archive.is_file():
        return None
    images, labels = _arrays_of(archive)
    _verify(images, labels, archive)
    return (
        images,
        labels,
        (f"60,000 Fashion-MNIST images from {archive}: a random split, not the official one"),
    )


def _arrays_of(archive: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    try:
        with np.load(archive, allow_pickle=False) as arrays:
            return arrays["x_train"], arrays["y_train"]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise DataSourceError(f"{archive} cannot be read ({error}). Fetch it again.") from error


def _verify(images: NDArray[np.uint8], labels: NDArray[np.uint8], origin: Path) -> None:
    right = (
        images.dtype == labels.dtype == np.uint8
        and images.shape == (sum(_CLASS_COUNTS), 28, 28)
        and labels.shape == (sum(_CLASS_COUNTS),)
        and np.bincount(labels).tolist() == _CLASS_COUNTS
    )
    if not right:
        raise DataSourceError(
            f"{origin} does not hold Fashion-MNIST's training set, which has 6,000 images of each "
            "of ten classes. It may be cut short, or be MNIST, which uses the same file names. "
            "Fetch it again."
        )
