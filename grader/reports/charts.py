"""Charts as plain numbers that a template draws: paths in a fixed frame, words, and a table.

Drawn as SVG inside the page: it takes its colours from the page's style, so that it follows dark
mode and print, and its letters stay letters. One takes about a millisecond.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

# Units of the drawing: as wide as a phone, so that its letters stay legible there.
WIDTH, HEIGHT = 360, 246
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 26, 42  # around the frame: seven digits, words above and below
HEADROOM = 1.06  # above the highest point, as a share
TICKS = 6  # at most so many steps between the numbers on an axis
SHORT = 4  # characters of a number; longer ones get half as many steps, or they would touch

Numbers = Sequence[float] | NDArray[Any]


@dataclass(frozen=True)
class Tick:
    """A number on an axis, and where it stands in the drawing."""

    at: float
    label: str


@dataclass(frozen=True)
class Shape:
    """One line or area: the path's commands, the name of its style, its words in the legend."""

    style: str
    path: str
    legend: str = ""


@dataclass(frozen=True)
class Chart:
    """One chart, with what it says in words and as a table.

    Attributes
    ----------
    title, alt : str
        `alt` says what the chart shows, with its numbers.
    reading : str
        One sentence on how to read it.
    x_label, y_label : str
    x_ticks, y_ticks : tuple of Tick
    shapes : tuple of Shape
    columns : tuple of str
        Head of the table of its numbers.
    rows : tuple of tuple of str
    """

    title: str
    alt: str
    reading: str
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    shapes: tuple[Shape, ...]
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    left: int = field(default=LEFT, init=False)
    right: int = field(default=WIDTH - RIGHT, init=False)
    top: int = field(default=TOP, init=False)
    bottom: int = field(default=HEIGHT - BOTTOM, init=False)
    width: int = field(default=WIDTH, init=False)
    height: int = field(default=HEIGHT, init=False)


@dataclass(frozen=True)
class Frame:
    """The part of the drawing inside the axes, and the numbers that it spans."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, value: float) -> float:
        """Return where a value of the x axis stands."""
        share = (value - self.x_low) / (self.x_high - self.x_low)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        """Return where a value of the y axis stands; upwards is less."""
        share = (value - self.y_low) / (self.y_high - self.y_low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    def line(self, xs: Numbers, ys: Numbers) -> str:
        """Return a path through points."""
        points = [f"{self.x(x)} {self.y(y)}" for x, y in zip(xs, ys, strict=True)]
        return "M" + "L".join(points)

    def stairs(self, edges: Numbers, heights: Numbers) -> str:
        """Return the outline of a histogram, from the axis and back to it."""
        path = [f"M{self.x(edges[0])} {self.y(self.y_low)}"]
        for place, height in enumerate(heights):
            path.append(f"V{self.y(height)}H{self.x(edges[place + 1])}")
        return "".join(path) + f"V{self.y(self.y_low)}"

    def bars(self, edges: Numbers, heights: Numbers) -> str:
        """Return separate bars; an empty bin has none."""
        path = []
        for left, right, height in zip(edges[:-1], edges[1:], heights, strict=True):
            if height > 0:
                base, top = self.y(self.y_low), self.y(height)
                # A unit of air on the right keeps neighbours apart, in grey print too.
                path.append(f"M{self.x(left)} {base}V{top}H{self.x(right) - 1:.1f}V{base}Z")
        return "".join(path)

    def upright(self, x: float) -> str:
        """Return an upright line over the whole frame."""
        return f"M{self.x(x)} {HEIGHT - BOTTOM}V{TOP}"

    def x_ticks(self) -> tuple[Tick, ...]:
        """Return round numbers along the x axis."""
        ticks = _ticks(self.x_low, self.x_high, self.x, TICKS)
        if max((len(tick.label) for tick in ticks), default=0) <= SHORT:
            return ticks
        return _ticks(self.x_low, self.x_high, self.x, TICKS // 2)

    def y_ticks(self) -> tuple[Tick, ...]:
        """Return round numbers along the y axis."""
        return _ticks(self.y_low, self.y_high, self.y, TICKS)


def nice_step(span: float, parts: int) -> float:
    """Return a step of 1, 2 or 5 times a power of ten that cuts a span into at most `parts`.

    Examples
    --------
    >>> nice_step(26, 5), nice_step(0.7, 5)
    (10.0, 0.2)
    """
    raw = span / parts
    power = 10.0 ** math.floor(math.log10(raw))
    for factor in (1, 2, 5, 10):
        if factor * power >= raw * (1 - 1e-9):  # 0.2 is a hair above a fifth of 1
            break
    return float(f"{factor * power:.3g}")


def _ticks(
    low: float, high: float, place: Callable[[float], float], parts: int
) -> tuple[Tick, ...]:
    step = nice_step(high - low, parts)
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    return tuple(Tick(place(count * step), f"{count * step:g}") for count in range(first, last + 1))
