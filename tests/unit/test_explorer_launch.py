"""explore(...) from a notebook: what is served, where it is shown, and how it ends."""

import sys
import types
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_utils.datasets import load_mnist
from data_utils.errors import ExplorerError
from data_utils.explorer import explore, launch, live
from data_utils.explorer.baseline import baseline
from data_utils.explorer.launch import Explorer, LaunchError
from data_utils.explorer.served import Served

PCA = baseline()
IMAGES = load_mnist("embedded").images
HUB = "JUPYTERHUB_SERVICE_PREFIX"


class Toy:
    """A learner's detector: the ink of an image."""

    threshold = 0.0

    def __init__(self) -> None:
        self.history: list[float] = []
        self.asked: list[int] = []

    def anomaly_score(self, images: np.ndarray) -> np.ndarray:
        self.asked.append(len(images))
        return images.mean(axis=(1, 2))

    def parameters(self) -> list[np.ndarray]:
        return []


@pytest.fixture(autouse=True)
def only_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Neither Colab, hub nor kernel, and no page that goes on after a test."""
    monkeypatch.delenv(HUB, raising=False)
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    monkeypatch.setattr(launch, "_running", None)
    monkeypatch.setattr(launch, "baseline", lambda: PCA)
    yield
    if launch._running is not None:
        launch._running.stop()


def opened(address: str) -> str:
    with urllib.request.urlopen(address, timeout=30) as answer:
        text: str = answer.read().decode()
    return text


def at_home(page: Explorer) -> str:
    """The address behind the proxy."""
    return f"http://127.0.0.1:{page.port}/{launch._SECRET}/"


# ------------------------------------------------------------ what is served


def test_one_line_at_the_end_of_a_notebook_opens_the_page(
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = explore(Toy(), IMAGES[:100], normal="every digit but the 9")
    text = opened(page.url)
    assert "Your detector" in text
    assert "every digit but the 9" in opened(page.url + "api/detectors")
    assert page.url == f"http://127.0.0.1:{page.port}/"
    assert page.url in capsys.readouterr().out
    page.stop()
    with pytest.raises(urllib.error.URLError):
        opened(page.url)
    page.stop()  # a second time is no error


def test_without_a_detector_the_baseline_is_served() -> None:
    assert "Principal components" in opened(explore().url)


def test_others_are_served_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    other = Served("other", "Another one", "x", Toy(), np.arange(20.0))
    saved = Served("nb1", "A saved one", "x", Toy(), np.arange(20.0))
    monkeypatch.setattr(launch, "load_saved", lambda path: saved)
    text = opened(explore(Toy(), IMAGES[:50], beside=[other, Path("detectors/nb1.onnx")]).url)
    for title in ("Your detector", "Another one", "A saved one"):
        assert title in text


def test_a_served_brings_its_own_scores() -> None:
    assert "My own" in opened(explore(Served("mine", "My own", "x", Toy(), np.arange(20.0))).url)


def test_many_images_are_scored_in_part_and_not_kept() -> None:
    toy = Toy()
    images = np.broadcast_to(IMAGES[:1], (60_000, 28, 28))
    served = live.served_live(toy, images, images, images, name="a", title="a", normal="a")
    assert toy.asked == [1000, 500, 500]
    assert (len(served.scores_val), len(served.scores_anomaly)) == (1000, 500)
    assert not served.side_by_side
    assert all(
        not isinstance(value, np.ndarray) or value.ndim == 1 for value in vars(served).values()
    )


def test_images_that_are_taken_in_part_are_taken_from_everywhere() -> None:
    images = np.zeros((5000, 28, 28), np.uint8)
    images[2500:] = 200
    served = live.served_live(Toy(), images, name="a", title="a", normal="a")
    assert np.mean(served.scores_val) == pytest.approx(100)


class Scores(Toy):
    """Gives scores of a wrong kind."""

    def __init__(self, wrong: Any) -> None:
        super().__init__()
        self.wrong = wrong

    def anomaly_score(self, images: np.ndarray) -> Any:
        return self.wrong


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((None, IMAGES[:50]), "no detector yet"),
        ((None, IMAGES[:50], IMAGES[:50]), "no detector yet"),
        ((IMAGES[:50],), "no detector yet"),
        ((Toy(),), "needs the validation images"),
        ((Toy(), IMAGES[:19]), "at least 20"),
        ((Toy(), IMAGES[:50] / 255), "uint8 of shape"),
        ((Toy(), IMAGES[:50], IMAGES[0]), "x_test is uint8 of shape"),
        ((Scores(np.float64(1)), IMAGES[:50]), "one finite number each"),
        ((Scores(np.full(50, np.nan)), IMAGES[:50]), "one finite number each"),
    ],
)
def test_what_cannot_be_served_ends_in_a_sentence(arguments: Any, words: str) -> None:
    with pytest.raises(LaunchError, match=words) as refused:
        explore(*arguments)
    assert refused.value._render_traceback_() == [str(refused.value)]  # all that Jupyter shows


def test_a_second_call_replaces_the_page_at_the_same_address() -> None:
    first = explore(Toy(), IMAGES[:50], title="The first")
    second = explore(Toy(), IMAGES[:50], title="The second")
    assert second.url == first.url
    text = opened(first.url)
    assert "The second" in text
    assert "The first" not in text


def test_a_call_that_fails_leaves_the_page_that_is_open() -> None:
    page = explore(Toy(), IMAGES[:50])
    with pytest.raises(LaunchError):
        explore(None, IMAGES[:50])
    with pytest.raises(ExplorerError):
        explore(PCA, beside=["nothing.onnx"])
    assert "Your detector" in opened(page.url)


def test_a_history_is_kept_where_it_is_asked_for(tmp_path: Path) -> None:
    assert opened(explore(history=tmp_path / "tried.sqlite").url + "history")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        opened(explore().url + "history")


# ------------------------------------------------------------ where it is shown


class Frames:
    """Stands for IPython: notes what is displayed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shown: list[Any] = []
        kernel = types.SimpleNamespace(kernel=object())
        monkeypatch.setattr("IPython.get_ipython", lambda: kernel)
        monkeypatch.setattr("IPython.display.display", self.shown.append)


@pytest.fixture
def frames(monkeypatch: pytest.MonkeyPatch) -> Frames:
    pytest.importorskip("IPython.display")
    return Frames(monkeypatch)


def test_a_kernel_shows_a_frame(frames: Frames) -> None:
    page = explore()
    (frame,) = frames.shown
    assert (frame.src, frame.width) == (page.url, "100%")
    with urllib.request.urlopen(frame.src, timeout=30) as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self' http://127.0.0.1:*" in policy


def test_a_terminal_shows_a_link_only(capsys: pytest.CaptureFixture[str]) -> None:
    page = explore()
    assert capsys.readouterr().out.endswith(f"The page is at {page.url}\n")


def test_a_hub_shows_the_address_of_its_proxy(
    frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HUB, "/user/ada/")
    monkeypatch.setitem(sys.modules, "jupyter_server_proxy", _module("jupyter_server_proxy"))
    page = explore()
    (frame,) = frames.shown
    assert frame.src == page.url == f"/user/ada/proxy/{page.port}/{launch._SECRET}/"
    assert "Principal components" in opened(at_home(page))
    with pytest.raises(urllib.error.HTTPError, match="404"):  # nothing without the secret
        opened(f"http://127.0.0.1:{page.port}/")
    request = urllib.request.Request(at_home(page), headers={"Host": "hub.example.org"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200
    again = explore()
    assert again.url == page.url


def test_a_hub_without_the_proxy_says_what_is_missing(
    frames: Frames, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(HUB, "/user/ada/")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    explore()
    assert frames.shown == []
    assert "jupyter-server-proxy" in capsys.readouterr().out


def test_colab_is_asked_to_show_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    output: Any = _module("google.colab.output")
    output.serve_kernel_port_as_iframe = lambda port, **options: asked.append((port, options))
    monkeypatch.setitem(sys.modules, "google.colab", _module("google.colab"))
    monkeypatch.setitem(sys.modules, "google.colab.output", output)
    page = explore()
    ((port, options),) = asked
    assert port == page.port
    assert options == {"path": f"/{launch._SECRET}/", "height": str(launch.FRAME_HEIGHT)}
    assert "Principal components" in opened(at_home(page))


def _module(name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__spec__ = types.SimpleNamespace(name=name)  # type: ignore[assignment]
    module.__path__ = []
    return module
