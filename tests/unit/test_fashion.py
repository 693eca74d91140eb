"""Fashion-MNIST where it is, a plain sentence where it is not, and no other set under its name."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from data_utils.datasets import MNIST_COUNTS, load_fashion_mnist, load_mnist
from data_utils.errors import DataSourceError

REAL_FOLDER = os.environ.get("ANOMALY_COURSE_DATA", "")  # before the fixture takes it away
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
EVEN = (6000,) * 10


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data folder of this machine takes part."""
    monkeypatch.delenv("ANOMALY_COURSE_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def idx_files(folder: Path, counts: tuple[int, ...], packed: bool = False) -> None:
    """Write blank images of these class counts as torchvision would lay them out."""
    raw = folder / "FashionMNIST/raw"
    raw.mkdir(parents=True)
    total = sum(counts)
    sides = b"".join(n.to_bytes(4, "big") for n in (total, 28, 28))
    labels = np.repeat(np.arange(10, dtype=np.uint8), counts).tobytes()
    for name, content in (
        (IMAGES, (2051).to_bytes(4, "big") + sides + bytes(784 * total)),
        (LABELS, (2049).to_bytes(4, "big") + total.to_bytes(4, "big") + labels),
    ):
        path = raw / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(content, 1) if packed else content)


def archive(folder: Path, **arrays: np.ndarray) -> Path:
    path = folder / "FashionMNIST/fashion_mnist_resplit.npz"
    path.parent.mkdir(parents=True)
    np.savez_compressed(path, **arrays)
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_torchvisions_files_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    idx_files(tmp_path / "mine", EVEN, packed)
    monkeypatch.setenv("ANOMALY_COURSE_DATA", str(tmp_path / "mine"))
    data = load_fashion_mnist()
    assert data.images.shape == (60_000, 28, 28)
    assert data.labels[[0, -1]].tolist() == [0, 9]
    assert data.profile == "full"
    assert "random split" not in data.source


def test_the_archive_says_that_its_split_is_not_the_official_one() -> None:
    labels = np.repeat(np.arange(10, dtype=np.uint8), EVEN)
    archive(Path("data"), x_train=np.zeros((60_000, 28, 28), np.uint8), y_train=labels)
    data = load_fashion_mnist()  # found in ./data without any variable
    assert np.array_equal(data.labels, labels)
    assert "not the official one" in data.source


def test_without_files_there_is_a_plain_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataSourceError, match="Fashion-MNIST is not here"):
        load_fashion_mnist()
    idx_files(Path("data"), EVEN)
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("ANOMALY_COURSE_DATA", str(tmp_path / "empty"))  # it alone counts
    with pytest.raises(DataSourceError, match="no exercise needs it"):
        load_fashion_mnist()


def test_half_of_the_files_is_not_a_data_set() -> None:
    idx_files(Path("data"), EVEN)
    Path("data/FashionMNIST/raw", LABELS).unlink()
    with pytest.raises(DataSourceError, match="is not here"):
        load_fashion_mnist()


def test_mnist_under_fashions_name_is_refused() -> None:
    idx_files(Path("data"), MNIST_COUNTS["train"])
    with pytest.raises(DataSourceError, match="6,000 images of each"):
        load_fashion_mnist()


@pytest.mark.parametrize("name", [IMAGES, LABELS])
def test_a_file_that_is_cut_short_is_refused(name: str) -> None:
    idx_files(Path("data"), EVEN)
    path = Path("data/FashionMNIST/raw", name)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataSourceError, match="cut short"):
        load_fashion_mnist()


def test_images_and_labels_swapped_are_refused() -> None:
    idx_files(Path("data"), EVEN)
    raw = Path("data/FashionMNIST/raw")
    (raw / IMAGES).write_bytes((raw / LABELS).read_bytes())
    with pytest.raises(DataSourceError, match="not an IDX file of images"):
        load_fashion_mnist()


def test_an_archive_that_cannot_be_read_is_refused() -> None:
    path = archive(Path("data"), x_train=np.zeros((3, 28, 28), np.uint8))
    with pytest.raises(DataSourceError, match="cannot be read"):  # no y_train
        load_fashion_mnist()
    path.write_bytes(b"no archive at all")
    with pytest.raises(DataSourceError, match="cannot be read"):
        load_fashion_mnist()


@pytest.mark.skipif(
    not Path(REAL_FOLDER, "FashionMNIST").is_dir() or not REAL_FOLDER,
    reason="ANOMALY_COURSE_DATA has no FashionMNIST",
)
def test_the_real_images_are_fashion_not_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANOMALY_COURSE_DATA", REAL_FOLDER)
    data = load_fashion_mnist()
    assert np.bincount(data.labels).tolist() == list(EVEN)
    # Clothes fill their frame: 29 % of the largest grey value on average, digits 13 %.
    assert data.images.mean() > 2 * load_mnist("embedded").images.mean()
