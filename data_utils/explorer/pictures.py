"""What the page shows of a judgement: small pictures, the histogram, and its words.

Pictures are PNG files inside the page (data addresses), the histogram is SVG that takes its colours
from the page's style, so that it follows dark screens.
"""

import base64
import io
from typing import Any

import numpy as np
from markupsafe import Markup, escape
from matplotlib import colormaps
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from PIL import Image

from data_utils.explorer.served import Judgement, Served

# The map of data_utils.plots; importing that for one word would load all of pyplot.
_PALETTE = colormaps["cividis"](np.arange(256), bytes=True)[:, :3].tobytes()

# The histogram, in units of its own that the page scales to the room there is.
_WIDTH, _HEIGHT = 300, 134
_TOP, _BOTTOM = 40, 112  # of the bars; above them two rows of labels, below them the numbers
_ROWS = (13, 30)  # base lines of the two labels
_NUMBERS_ROW = 128
_BINS = 30
_TICKS = 4  # at most so many numbers fit side by side
_MARGIN_LEFT, _MARGIN_RIGHT = 0.06, 0.4  # room beside the bars, in widths of all bars together
_GAP = 4  # between a label and its line
_LETTER = 7.4  # a letter's mean width at 13.5 px, the largest that explorer.css writes here
_MARK = 6.5  # half the size of the mark on the score
_FEWEST_DIGITS, _MOST_DIGITS = 3, 17  # 17 digits tell any two floats apart


def image_uri(image: NDArray[Any]) -> str:
    """Return an image (grey values 0 to 255, (28, 28)) as the address of a grey PNG."""
    return _png(Image.fromarray(_grey(image)))


def difference_uri(image: NDArray[Any], other: NDArray[Any]) -> str:
    """Return how far two images lie apart, pixel by pixel, as the address of a coloured PNG.

    Parameters
    ----------
    image, other : ndarray, shape (28, 28)
        Grey values 0 to 255.

    Returns
    -------
    str
        The colours run from 0 to 255 whatever the images are, so that two pictures compare.
    """
    return _coloured(np.abs(_grey(image).astype(float) - _grey(other)))


def heat_uri(heat: NDArray[Any]) -> str:
    """Return a heat map (float in [0, 1], (28, 28)) as the address of a coloured PNG."""
    return _coloured(255 * np.clip(np.asarray(heat, dtype=float), 0, 1))


def number(value: float, *others: float) -> str:
    """Write a score with three digits, or with as many as tell it from `others`.

    Examples
    --------
    >>> number(0.024314), number(0.024314, 0.024312), number(12345678.0)
    ('0.0243', '0.024314', '1.23e+07')
    """
    for digits in range(_FEWEST_DIGITS, _MOST_DIGITS + 1):
        text = f"{value:.{digits}g}"
        if all(f"{other:.{digits}g}" != text or other == value for other in others):
            break
    return text


def verdict_words(served: Served, judgement: Judgement) -> str:
    """Say what a detector makes of an image, and how unusual the score is.

    Returns
    -------
    str
        Such as "Anomaly: more anomalous than 97 % of normal images". Near 0 and 100 % it counts
        images instead, because a rounded "100 %" of 450 images would promise more than they can.
    """
    verdict = "Anomaly" if judgement.is_anomaly else "Normal"
    total = len(served.scores_val)
    below = round(judgement.percentile / 100 * total)
    if below == 0:
        rank = f"none of {total} normal images"
    elif below == total:
        rank = f"all of {total} normal images"
    elif not 1 <= judgement.percentile <= 99:
        rank = f"{below} of {total} normal images"
    else:
        rank = f"{judgement.percentile:.0f} % of normal images"
    return f"{verdict}: more anomalous than {rank}"


def alt_text(served: Served, judgement: Judgement) -> str:
    """Describe the histogram with this image's score on it in one or two sentences."""
    score, threshold = judgement.score, judgement.threshold
    said = (
        f"{served.title}: score {number(score, threshold)}, "
        f"threshold {number(threshold, score)}. {verdict_words(served, judgement)}."
    )
    nearest = _nearest_if_beyond(served, score)
    return f"{said} Far off the chart: {nearest}." if nearest else said


def histogram_svg(served: Served, judgement: Judgement) -> Markup:
    """Draw the scores of validation normals with the threshold and this image's score.

    The axis depends on the validation scores alone, so that nothing jumps while somebody draws or
    moves the rate. A score beyond it is an arrow at the edge, with the number it should be compared
    to. A logarithmic axis would hold more, but scores may be negative, and it would squeeze the
    normal images, among which the threshold lies.

    Returns
    -------
    Markup
        An ``<svg>`` without style of its own; ``explorer.css`` knows its classes.
    """
    axis = _Axis(served.scores_val)
    score, threshold = judgement.score, judgement.threshold
    at_threshold, at_score = axis.x(threshold), axis.x(score)
    nearest = _nearest_if_beyond(served, score)
    above = judgement.is_anomaly
    kind = "anomaly" if above else "normal"
    label = _Label(f"score {number(score, threshold)}" + (f"; {nearest}" if nearest else ""))
    rows = _ROWS if label.reaches(at_score, at_threshold, higher=above) else _ROWS[::-1]
    parts = [
        f'<rect class="alarm" x="{at_threshold:.1f}" y="{_TOP}" '
        f'width="{_WIDTH - at_threshold:.1f}" height="{_BOTTOM - _TOP}"/>',
        f'<path class="bars" d="{axis.bars()}"/>',
        f'<path class="axis" d="M0 {_BOTTOM}H{_WIDTH}"/>',
        axis.numbers(),
        f'<path class="threshold" d="M{at_threshold:.1f} {rows[1] + 4}V{_BOTTOM}"/>',
        f'<path class="score {kind}" d="M{at_score:.1f} {rows[0] + 4}V{_BOTTOM}"/>',
        _Label(f"threshold {number(threshold, score)}").at(at_threshold, rows[1], higher=not above),
        label.at(at_score, rows[0], higher=above),
        _mark(at_score, kind, arrow=(1 if score > axis.left else -1) if nearest else 0),
    ]
    said = escape(alt_text(served, judgement))
    return Markup(  # numbers of our own, and a title that was escaped
        f'<svg class="histogram" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{said}">{"".join(parts)}</svg>'
    )


class _Axis:
    """Where scores lie across the histogram, given those of validation normals."""

    def __init__(self, scores: NDArray[np.float64]) -> None:
        self._scores = scores
        self._low, high = float(scores.min()), float(scores.max())
        self._span = (high - self._low) or max(abs(high), 1.0)  # one score repeated has no width
        self.left = self._low - _MARGIN_LEFT * self._span
        self.right = self._low + (1 + _MARGIN_RIGHT) * self._span

    def x(self, value: float) -> float:
        """Return the place of a score; of one beyond the axis, that of its edge."""
        share = (value - self.left) / (self.right - self.left)
        return min(max(share * _WIDTH, _MARK), _WIDTH - _MARK)

    def bars(self) -> str:
        """Return the path of the bars."""
        edges = np.linspace(self._low, self._low + self._span, _BINS + 1)
        counts, _ = np.histogram(self._scores, edges)
        width = self.x(edges[1]) - self.x(edges[0])
        heights = counts / counts.max() * (_BOTTOM - _TOP)
        return "".join(
            f"M{self.x(edge):.1f} {_BOTTOM}v{-height:.1f}h{width - 0.6:.1f}v{height:.1f}z"
            for edge, height in zip(edges[:-1], heights, strict=True)
            if height
        )

    def numbers(self) -> str:
        """Return round numbers below the axis."""
        places = MaxNLocator(_TICKS).tick_values(self.left, self.right)
        inside = [place for place in places if self.left <= place <= self.right]
        return "".join(
            f'<text x="{min(max(self.x(place), 12), _WIDTH - 12):.1f}" y="{_NUMBERS_ROW}" '
            f'text-anchor="middle">{place:.6g}</text>'
            for place in inside
        )


class _Label:
    """Text beside an upright line: on the side away from the other line if it fits there."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._width = _GAP + _LETTER * len(text)

    def at(self, x: float, y: float, *, higher: bool) -> str:
        """Write it beside the line at `x`, which lies higher than the other one or not."""
        right = self._fits(x, right=True) if higher else not self._fits(x, right=False)
        place, anchor = (x + _GAP, "start") if right else (x - _GAP, "end")
        return f'<text x="{place:.1f}" y="{y}" text-anchor="{anchor}">{self._text}</text>'

    def reaches(self, x: float, other: float, *, higher: bool) -> bool:
        """Return whether there is room for it only across the other line."""
        return not self._fits(x, right=higher) and self._width > abs(x - other)

    def _fits(self, x: float, *, right: bool) -> bool:
        return x + self._width <= _WIDTH if right else x >= self._width


def _mark(x: float, kind: str, arrow: int) -> str:
    """Draw the score's mark: a triangle for an anomaly, a disc for a normal image, or an arrow."""
    y = (_TOP + _BOTTOM) / 2
    if arrow:
        shape = f"M{x + arrow * _MARK:.1f} {y}l{-2 * arrow * _MARK} {_MARK}v{-2 * _MARK}z"
    elif kind == "anomaly":
        shape = f"M{x:.1f} {y - _MARK}l{_MARK} {2 * _MARK}h{-2 * _MARK}z"
    else:
        shape = f"M{x - _MARK:.1f} {y}a{_MARK} {_MARK} 0 1 1 0 .01z"
    return f'<path class="mark {kind}" d="{shape}"/>'


def _nearest_if_beyond(served: Served, score: float) -> str:
    """Name the normal image that is nearest to a score beyond the axis; else return ""."""
    axis = _Axis(served.scores_val)
    if score > axis.right:
        return f"highest normal {number(float(served.scores_val.max()), score)}"
    if score < axis.left:
        return f"lowest normal {number(float(served.scores_val.min()), score)}"
    return ""


def _grey(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Make grey values of what a detector drew: it may have gone outside 0 to 255, or be NaN."""
    values = np.nan_to_num(np.asarray(image, dtype=float))
    grey: NDArray[np.uint8] = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return grey


def _coloured(values: NDArray[Any]) -> str:
    picture = Image.fromarray(_grey(values))
    picture.putpalette(_PALETTE)
    return _png(picture)


def _png(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
