"""Ten digits as somebody draws them on the page: strokes with a slight wobble, a round pen.

`benchmarks.explorer` sends them to the page, and `verdicts` says what a detector makes of them and
of the same digits drawn in unusual ways.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from data_utils.drawing import as_mnist
from data_utils.explorer.served import Served

CANVAS = 280  # pixels, as on the page
PEN = 26  # pixels, as on the page
_WOBBLE = 2.0  # pixels: a hand with a mouse
_STEP = 4.0  # pixels between two points that a browser reports
_FINE = 4  # drawn so many times larger and scaled down: a canvas smooths its edges

Stroke = list[tuple[float, float]]


def _arc(
    x: float, y: float, across: float, down: float, start: float, end: float
) -> list[tuple[float, float]]:
    """Return points of an ellipse; degrees from the right, clockwise as on a screen."""
    angles = np.radians(np.linspace(start, end, 24))
    return [(x + across * np.cos(a), y + down * np.sin(a)) for a in angles]


STROKES: dict[int, list[Stroke]] = {
    0: [_arc(140, 140, 58, 88, -70, 300)],
    1: [[(150, 50), (138, 230)]],
    2: [[*_arc(140, 100, 52, 48, 190, 395), (88, 222), (200, 220)]],
    3: [[*_arc(135, 95, 50, 42, 200, 440), *_arc(135, 182, 58, 46, -80, 155)]],
    4: [[(112, 55), (80, 155), (205, 152)], [(170, 90), (160, 235)]],
    5: [[(190, 58), (108, 60), (100, 130), *_arc(135, 175, 58, 52, -110, 150)]],
    6: [[(170, 50), (112, 120), *_arc(140, 178, 50, 50, 200, 540)]],
    7: [[(80, 65), (200, 62), (130, 230)]],
    8: [_arc(140, 95, 44, 42, 90, 450), _arc(140, 180, 54, 44, -90, 270)],
    9: [[*_arc(140, 105, 48, 48, -20, 330), (186, 90), (178, 230)]],
}
"""For each digit its strokes, in pixels of the canvas: (right, down)."""


@dataclass(frozen=True)
class Way:
    """A way of drawing.

    Attributes
    ----------
    pen : int
        The pen's width in pixels.
    size, turn : float
        Of the digit: 1 and 0 degrees as it is usually drawn.
    shift : (float, float)
        To the right and down, in pixels.
    """

    pen: int = PEN
    size: float = 1.0
    turn: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)


WAYS = {
    "as usual": Way(),
    "thin pen": Way(pen=6),
    "thick pen": Way(pen=40),
    "small, in a corner": Way(size=0.4, shift=(-80, -80)),
    "turned by 20 degrees": Way(turn=20),
    "turned by 90 degrees": Way(turn=90),
    "upside down": Way(turn=180),
}
"""The usual way and the unusual ones."""


def drawn(digit: int, way: Way = WAYS["as usual"], seed: int = 0) -> NDArray[np.uint8]:
    """Draw a digit as the page's canvas does.

    Parameters
    ----------
    digit : int
    way : Way
    seed : int
        Of the wobble.

    Returns
    -------
    ndarray of uint8, shape (280, 280)
        White on black.
    """
    image = Image.new("L", (CANVAS * _FINE, CANVAS * _FINE))
    pen = ImageDraw.Draw(image)
    random = np.random.default_rng([seed, digit])
    for stroke in STROKES[digit]:
        points = _FINE * _placed(_wobbly(stroke, random), way)
        width = way.pen * _FINE
        pen.line([tuple(point) for point in points], fill=255, width=width)
        for right, down in points:  # round joints and ends
            pen.circle((right, down), width / 2, fill=255)
    return np.asarray(image.resize((CANVAS, CANVAS), Image.Resampling.BOX))


def _wobbly(stroke: Stroke, random: np.random.Generator) -> NDArray[np.float64]:
    """Return points along a stroke, each a little beside it; neighbours err alike."""
    corners = np.array(stroke)
    along = np.r_[0, np.cumsum(np.hypot(*np.diff(corners, axis=0).T))]
    places = np.linspace(0, along[-1], max(2, int(along[-1] / _STEP)))
    points = np.stack([np.interp(places, along, corners[:, axis]) for axis in (0, 1)], axis=1)
    noise = random.normal(0, _WOBBLE, (len(points) // 5 + 2, 2))
    few = np.linspace(0, len(points) - 1, len(noise))
    every = np.arange(len(points))
    return points + np.stack([np.interp(every, few, noise[:, axis]) for axis in (0, 1)], axis=1)


def _placed(points: NDArray[np.float64], way: Way) -> NDArray[np.float64]:
    """Turn, scale and shift points about the middle of the canvas."""
    angle = np.radians(way.turn)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    middle = CANVAS / 2
    placed: NDArray[np.float64] = (points - middle) @ turn * way.size + middle + way.shift
    return placed


def verdicts(served: Sequence[Served], seeds: int = 5) -> dict[str, dict[str, list[float]]]:
    """Return for each detector and way how often each digit is called an anomaly: shares, 0 to 9.

    Parameters
    ----------
    served : sequence of Served
    seeds : int
        How often each digit is drawn.
    """

    def share(each: Served, digit: int, way: Way) -> float:
        images = [as_mnist(drawn(digit, way, seed) / 255) for seed in range(seeds)]
        return float(np.mean([each.judge(image).is_anomaly for image in images]))

    return {
        each.name: {
            name: [share(each, digit, way) for digit in STROKES] for name, way in WAYS.items()
        }
        for each in served
    }
