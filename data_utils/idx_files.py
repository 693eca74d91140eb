"""MNIST's original IDX files: found, read, checked, and fetched when they are missing."""

import gzip
import hashlib
import os
import tempfile
import urllib.error
import urllib.request
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_utils.errors import DataSourceError

# The mirror that torchvision uses first. Only the training files: the test set is the exam.
MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"
DOWNLOAD_SECONDS = 20  # a machine without a network should not keep a learner waiting

IMAGES_MAGIC, LABELS_MAGIC = 2051, 2049  # first four bytes of an IDX file of images / labels
_RAW = Path("MNIST") / "raw"  # torchvision's layout
_HEADER_BYTES = {IMAGES_MAGIC: 16, LABELS_MAGIC: 8}

# Of the unpacked files: gzip files of the same content differ from mirror to mirror.
_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def has_idx_files(folder: Path, part: str = "train") -> bool:
    """Say whether `folder` holds the images of `part` in torchvision's layout."""
    return idx_path(folder / _RAW, f"{part}-images-idx3-ubyte") is not None


def read_idx_folder(
    folder: Path, part: str = "train"
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read MNIST's original files as torchvision lays them out.

    Parameters
    ----------
    folder : Path
        Holds ``MNIST/raw/*-ubyte`` or ``*-ubyte.gz``.
    part : {"train", "t10k"}

    Returns
    -------
    images : ndarray of uint8, shape (n, 28, 28)
    labels : ndarray of uint8, shape (n,)

    Raises
    ------
    DataSourceError
        If a file is missing, cannot be read, or is another data set under the same name
        (Fashion-MNIST uses the same file names).
    """
    images = _read(folder, f"{part}-images-idx3-ubyte", IMAGES_MAGIC)
    labels = _read(folder, f"{part}-labels-idx1-ubyte", LABELS_MAGIC)
    return images.reshape(-1, 28, 28), labels


def download_training_files(folder: Path) -> None:
    """Fetch the two training files into `folder`, each checked before it gets its name.

    Raises
    ------
    DataSourceError
        If there is no network, or what came is not MNIST.
    """
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        if idx_path(folder / _RAW, name) is not None:
            continue
        try:
            with urllib.request.urlopen(f"{MIRROR}{name}.gz", timeout=DOWNLOAD_SECONDS) as reply:
                packed = reply.read()
            unpacked = gzip.decompress(packed)
        except (OSError, EOFError, zlib.error, urllib.error.URLError) as error:
            raise DataSourceError(f"MNIST could not be fetched from {MIRROR} ({error}).") from error
        _verify(unpacked, name, f"{MIRROR}{name}.gz")
        _write_atomically(folder / _RAW / f"{name}.gz", packed)


def idx_path(folder: Path, name: str) -> Path | None:
    """Return the file `name` in `folder`, plain or packed as ``.gz``; None if it is not there."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    return None


def unpacked(path: Path) -> bytes:
    """Return the bytes of an IDX file, plain or ``.gz``.

    Raises
    ------
    DataSourceError
        If it cannot be read.
    """
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise DataSourceError(f"{path} cannot be read ({error}). Fetch it again.") from error


def idx_values(raw: bytes, magic: int, origin: str) -> NDArray[np.uint8]:
    """Return the values of an unpacked IDX file in one row: uint8 (n,).

    Parameters
    ----------
    raw : bytes
    magic : int
        `IMAGES_MAGIC` or `LABELS_MAGIC`: what the file should hold.
    origin : str
        Where it came from, for the message.

    Raises
    ------
    DataSourceError
        If it holds anything else.
    """
    if int.from_bytes(raw[:4], "big") != magic:
        kind = "images" if magic == IMAGES_MAGIC else "labels"
        raise DataSourceError(f"{origin} is not an IDX file of {kind}. Fetch it again.")
    return np.frombuffer(raw, np.uint8, offset=_HEADER_BYTES[magic])


def _read(folder: Path, name: str, magic: int) -> NDArray[np.uint8]:
    path = idx_path(folder / _RAW, name)
    if path is None:
        raise DataSourceError(
            f"{folder} has no MNIST/raw/{name} (nor {name}.gz). "
            "Put the official MNIST files there, or unset ANOMALY_COURSE_DATA."
        )
    raw = unpacked(path)
    _verify(raw, name, str(path))
    return idx_values(raw, magic, str(path))


def _verify(raw: bytes, name: str, origin: str) -> None:
    if hashlib.sha256(raw).hexdigest() != _SHA256[name]:
        raise DataSourceError(
            f"{origin} is not MNIST's {name}: its checksum differs. It may be cut short, or be "
            "Fashion-MNIST, which uses the same file names. Fetch MNIST's file again."
        )


def _write_atomically(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    os.replace(file.name, path)
