"""Where images come from, with and without files, with wrong files, with and without a network."""

import gzip
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from data_utils import idx_files
from data_utils.datasets import MNIST_COUNTS, load_mnist
from data_utils.errors import CourseKitError, DataSourceError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data folder, no cache, no mirror of this machine takes part."""
    monkeypatch.delenv("ANOMALY_COURSE_DATA", raising=False)
    monkeypatch.delenv("ANOMALY_COURSE_PROFILE", raising=False)
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(idx_files, "MIRROR", "http://127.0.0.1:9/")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A mirror on this machine."""
    folder = tmp_path / "mirror"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, directory=str(folder), **kwargs)  # type: ignore[arg-type]

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/", folder
        running.shutdown()


def small_idx(name: str, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Three images or labels as an IDX file, with its checksum made known."""
    import hashlib

    rng = np.random.default_rng(1)
    if "images" in name:
        head = (2051).to_bytes(4, "big") + b"".join(n.to_bytes(4, "big") for n in (3, 28, 28))
        raw = head + rng.integers(0, 256, 3 * 784, dtype=np.uint8).tobytes()
    else:
        raw = (2049).to_bytes(4, "big") + (3).to_bytes(4, "big") + bytes([5, 0, 4])
    monkeypatch.setitem(idx_files._SHA256, name, hashlib.sha256(raw).hexdigest())
    return raw


NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")


def test_the_embedded_images_are_500_a_digit() -> None:
    data = load_mnist()
    assert data.images.shape == (5000, 28, 28)
    assert data.images.dtype == np.uint8
    assert np.bincount(data.labels).tolist() == [500] * 10
    assert data.profile == "embedded"


def test_full_without_files_and_network_says_so_loudly() -> None:
    data = load_mnist("full")
    assert data.profile == "embedded"
    assert data.source.startswith("NOT the full MNIST")
    assert "ANOMALY_COURSE_DATA" in data.source


def test_the_users_folder_is_read_gzipped_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = tmp_path / "mine/MNIST/raw"
    raw.mkdir(parents=True)
    (raw / NAMES[0]).write_bytes(small_idx(NAMES[0], monkeypatch))
    (raw / f"{NAMES[1]}.gz").write_bytes(gzip.compress(small_idx(NAMES[1], monkeypatch)))
    monkeypatch.setenv("ANOMALY_COURSE_DATA", str(tmp_path / "mine"))
    data = load_mnist("full")
    assert data.images.shape == (3, 28, 28)
    assert data.labels.tolist() == [5, 0, 4]


@pytest.mark.parametrize(
    "content",
    [b"", b"not gzip at all", gzip.compress(b"\0" * 100, mtime=0)],
    ids=["empty", "no gzip", "another file"],
)
def test_a_wrong_file_in_the_users_folder_is_an_error_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    raw = tmp_path / "MNIST/raw"
    raw.mkdir(parents=True)
    (raw / f"{NAMES[0]}.gz").write_bytes(content)
    monkeypatch.setenv("ANOMALY_COURSE_DATA", str(tmp_path))
    with pytest.raises(DataSourceError, match="again"):
        load_mnist("full")


def test_an_empty_users_folder_is_an_error_not_a_fallback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANOMALY_COURSE_DATA", str(tmp_path))
    with pytest.raises(DataSourceError, match="ANOMALY_COURSE_DATA"):
        load_mnist("full")


def test_a_download_is_checked_and_kept(
    server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, folder = server
    for name in NAMES:
        (folder / f"{name}.gz").write_bytes(gzip.compress(small_idx(name, monkeypatch)))
    monkeypatch.setattr(idx_files, "MIRROR", address)
    assert load_mnist("full").profile == "full"
    monkeypatch.setattr(idx_files, "MIRROR", "http://127.0.0.1:9/")
    assert load_mnist("full").images.shape == (3, 28, 28)  # from the cache now


def test_a_download_of_something_else_is_not_kept(
    server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, folder = server
    for name in NAMES:
        (folder / f"{name}.gz").write_bytes(gzip.compress(b"Fashion-MNIST"))
    monkeypatch.setattr(idx_files, "MIRROR", address)
    data = load_mnist("full")
    assert data.profile == "embedded"
    assert "checksum" in data.source
    assert not list((Path.home() / ".cache").rglob("*ubyte*"))


def test_an_unknown_profile_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANOMALY_COURSE_PROFILE", "huge")
    with pytest.raises(CourseKitError, match="quick, embedded, full"):
        load_mnist()


def test_official_class_counts_sum_to_the_official_sizes() -> None:
    assert sum(MNIST_COUNTS["train"]) == 60_000
    assert sum(MNIST_COUNTS["test"]) == 10_000
