"""What the tests of the explorer's page share: detectors, a server, and the hands of a user."""

import base64
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageDraw
from playwright.sync_api import expect

from data_utils.datasets import load_mnist
from data_utils.explorer.app import create_app
from data_utils.explorer.baseline import SEED, UNKNOWN_DIGIT, baseline
from data_utils.explorer.history import History
from data_utils.explorer.served import Served
from data_utils.explorer.serving import Server
from data_utils.splits import nine_vs_one

BUILD = Path(__file__).resolve().parents[2] / "build" / "explorer"
SERIOUS = {"serious", "critical"}
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 780}  # a laptop, a phone
SCREENS = {"wide": WIDE, "narrow": NARROW}
PCA, NEAREST, THIRD = "Principal components", "Nearest image", "Slices <of> ink & more"
# In pixels of the canvas.
THREE = [(70, 80), (120, 50), (190, 60), (200, 110), (150, 140), (200, 170), (200, 220), (80, 225)]
ZIGZAG = [(30, 30), (55, 250), (110, 30), (150, 250), (200, 30), (250, 250)]
REFUSED = re.compile(r"Failed to load resource: the server responded with a status of (4\d\d|502)")


class NearestImage:
    """Scores an image by its distance to the nearest of some normal ones."""

    def __init__(self, bank: np.ndarray, *, copies: bool = True) -> None:
        self._bank = bank
        self.threshold, self.history = 0.0, []
        if copies:
            self.reconstruct = self._nearest

    def anomaly_score(self, images: np.ndarray) -> np.ndarray:
        return self._lost(images).mean(axis=(1, 2))

    def explain(self, images: np.ndarray) -> np.ndarray:
        return np.sqrt(self._lost(images))

    def parameters(self) -> list[np.ndarray]:
        return [self._bank]

    def _lost(self, images: np.ndarray) -> np.ndarray:
        return np.square((images.astype(float) - self._nearest(images)) / 255)

    def _nearest(self, images: np.ndarray) -> np.ndarray:
        flat, bank = (x.reshape(len(x), -1).astype(float) for x in (images, self._bank))
        distance = np.square(bank).sum(axis=1) - 2 * flat @ bank.T
        return self._bank[distance.argmin(axis=1)]


def three_detectors() -> list[Served]:
    """Return one without a heat map, one with everything, and one with nothing but a heat map."""
    data = load_mnist("embedded")
    split = nine_vs_one(data.images, data.labels, anomaly_digit=UNKNOWN_DIGIT, seed=SEED)
    served = [baseline()]
    for name, title, copies in (("nearest", NEAREST, True), ("slices", THIRD, False)):
        detector = NearestImage(split.x_train[::8], copies=copies)
        parts = (split.x_val, split.x_test, split.x_anomaly) if copies else (split.x_val,)
        scores = [detector.anomaly_score(images) for images in parts]
        served.append(Served(name, title, "every digit but the 9", detector, *scores))
    return served


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Serve three detectors, with a history in a folder; give the address."""
    history = History(folder / "history.sqlite")
    server = Server(create_app(three_detectors(), history=history), 0)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.port}/"
    finally:
        server.stop()


def draw(page: Any, *strokes: list[tuple[int, int]]) -> None:
    """Draw with the mouse, and do not wait."""
    box = page.locator("#paper").bounding_box()
    for stroke in strokes:
        for place, (x, y) in enumerate(stroke):
            page.mouse.move(box["x"] + x, box["y"] + y, steps=4)
            if place == 0:
                page.mouse.down()
        page.mouse.up()


def card(page: Any, title: str) -> Any:
    return page.get_by_role("article").filter(has=page.get_by_role("heading", name=title))


def titles(page: Any) -> list[str]:
    return page.get_by_role("article").get_by_role("heading").all_inner_texts()


def wait_for_status(page: Any, beginning: str) -> None:
    """Wait until the region that screen readers listen to says something."""
    expect(page.get_by_role("status")).to_have_text(re.compile(f"^{beginning}"))


def threshold(page: Any, title: str) -> float:
    said = card(page, title).locator("svg.histogram").get_attribute("aria-label")
    return float(re.search(r"threshold ([\d.e-]+)", said)[1].rstrip("."))


def photograph() -> bytes:
    """Return a dark stroke on bright paper, as a camera would see it."""
    picture = Image.new("L", (400, 300), 225)
    ImageDraw.Draw(picture).line([(190, 60), (215, 240)], fill=30, width=24)
    file = io.BytesIO()
    picture.save(file, "JPEG")
    return file.getvalue()


def phone_photo() -> bytes:
    """Return a 1 on paper, 12 megapixels, held upright: the camera stores it lying and says so."""
    picture = Image.new("L", (4000, 3000), 205)
    ImageDraw.Draw(picture).line([(900, 1450), (3100, 1600)], fill=40, width=150)
    grain = np.random.default_rng(0).normal(0, 6, (3000, 4000))
    noisy = np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    file = io.BytesIO()
    Image.fromarray(noisy).convert("RGB").save(file, "JPEG", quality=90, exif=exif)
    return file.getvalue()


def seen_pixels(page: Any) -> np.ndarray:
    """Return the image that was judged last: uint8 (28, 28)."""
    encoded = page.locator("[data-seen]").get_attribute("data-seen")
    return np.frombuffer(base64.b64decode(encoded), np.uint8).reshape(28, 28)


def a_file(data: bytes, name: str = "photograph.jpg") -> dict[str, Any]:
    return {"name": name, "mimeType": "image/jpeg", "buffer": data}


def tab_to(page: Any, name: str) -> None:
    """Press Tab until the focus is on the element that a screen reader calls `name`."""
    what = "document.activeElement.ariaLabel || document.activeElement.id"
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(what) == name:
            outline = "getComputedStyle(document.activeElement).outlineStyle"
            assert page.evaluate(outline) != "none"  # a ring that can be seen
            return
    pytest.fail(f"no Tab leads to {name}")


def states(page: Any) -> Iterator[str]:
    """Bring the page into each of its states."""
    yield "empty"
    draw(page, ZIGZAG)
    wait_for_status(page, "Your drawing")
    page.get_by_text("What the rate means").click()
    yield "result"
    page.get_by_label("Image file").set_input_files(a_file(b"no image"))
    expect(page.locator("#result")).to_contain_text("Not judged.")
    yield "refused"
    page.get_by_role("link", name="History").click()
    page.get_by_role("heading", name="History").wait_for()
    yield "history"
