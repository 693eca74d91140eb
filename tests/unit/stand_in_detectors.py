"""Detectors for tests of the explorer: what they answer is known beforehand."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flask")

from flask.testing import FlaskClient
from PIL import Image

from data_utils.explorer.app import create_app
from data_utils.explorer.samples import Samples
from data_utils.explorer.served import Served

SAMPLES = Samples(np.full((3, 28, 28), 51, np.uint8), np.arange(3))  # mean grey 0.2
STEPS = np.arange(101) / 100  # validation scores: at a rate of 5 % the threshold is 0.95


class StandIn:
    """Scores an image by its mean grey, and counts how often it was asked."""

    def __init__(self, score: Callable[[np.ndarray], Any] | None = None) -> None:
        self._score = score
        self.threshold = 0.95
        self.history: list[float] = []
        self.asked = 0

    def anomaly_score(self, images: np.ndarray) -> Any:
        self.asked += 1
        if self._score:
            return self._score(images)
        return images.mean(axis=(1, 2)) / 255

    def parameters(self) -> list[Any]:
        return []


def stand_in(name: str, score: Callable[[np.ndarray], Any] | None = None, **more: Any) -> Served:
    """Return a stand-in as the page serves it, called "Detector <name>"."""
    settings: dict[str, Any] = {
        "title": f"Detector {name}",
        "normal": "dark images",
        "detector": StandIn(score),
        "scores_val": STEPS,
        "scores_normal": STEPS,
        "scores_anomaly": STEPS + 0.5,
    }
    return Served(name, **(settings | more))


def fails(error: BaseException) -> Callable[[np.ndarray], Any]:
    """Return a score that only raises."""

    def score(images: np.ndarray) -> Any:
        raise error

    return score


def client_of(*served: Served, **more: Any) -> FlaskClient:
    """Return a client of the page that serves these."""
    return create_app(served, **({"samples": SAMPLES} | more)).test_client()


def upload(data: bytes, name: str = "digit.png") -> tuple[io.BytesIO, str]:
    """Return a file as a form sends it."""
    return io.BytesIO(data), name


def png(grey: float = 0.2, side: int = 28) -> bytes:
    """Return a PNG of a bright square on black whose mean is nearly `grey`."""
    picture = np.zeros((side, side), np.uint8)
    half = round(side * grey**0.5 / 2)
    middle = side // 2
    picture[middle - half : middle + half, middle - half : middle + half] = 255
    return png_of_any(picture)


def png_of_any(picture: np.ndarray) -> bytes:
    """Return an array of uint8 as a PNG."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()
