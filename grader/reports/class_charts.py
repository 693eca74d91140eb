"""The charts of a class: how points and AUROCs are spread."""

import math
from collections.abc import Sequence

import numpy as np

from grader.reports.charts import HEADROOM, Chart, Frame, Shape, Tick, nice_step

MOST_BINS = 15  # of points: wide enough on a phone
AUROC_BIN = 0.02  # about the spread of one design over seeds, so that one design is one or two bars


def points_histogram(points: Sequence[float], most: float) -> Chart | None:
    """Draw how many students have how many points of `most`."""
    if not points or most <= 0:
        return None
    width = max(1.0, nice_step(most, MOST_BINS))
    edges = np.arange(math.ceil(most / width) + 1) * width
    # The last bin holds full marks; points never lie above it.
    counts = np.histogram(np.clip(points, 0, edges[-1]), edges)[0]
    frame = Frame(0, float(edges[-1]), 0, HEADROOM * int(counts.max()))
    median = round(float(np.median(points)), 2)
    low, high = min(points), max(points)
    return Chart(
        title="How the points are spread",
        alt=f"Histogram of the points of {len(points)} graded students: median {median:g} of "
        f"{most:g}, lowest {low:g}, highest {high:g}.",
        reading=f"{len(points)} students have points; the median is {median:g} of {most:g}, the "
        f"lowest {low:g}, the highest {high:g}. Who has no points is not in this picture.",
        x_label="points",
        y_label="students",
        x_ticks=frame.x_ticks(),
        y_ticks=_whole(frame),
        shapes=(
            Shape("filled", frame.bars(edges, counts), "students"),
            Shape("threshold", frame.upright(median), f"median {median:g}"),
        ),
        columns=("points", "students"),
        rows=tuple(
            (f"{left:g} to {'' if right == edges[-1] else 'under '}{right:g}", str(count))
            for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True)
        ),
    )


def auroc_histogram(
    title: str, values: Sequence[float], floor: float | None, solution: float | None
) -> Chart:
    """Draw how the AUROCs of a class are spread, with the floor and what the solution reaches.

    Parameters
    ----------
    title : str
    values : sequence of float
        At least one.
    floor : float or None
    solution : float or None
        Mean of the course's own solution over ten seeds.
    """
    lines = [("floor", "floor", floor), ("solution", "solution, mean of ten seeds", solution)]
    marks = [(style, name, at) for style, name, at in lines if at is not None]
    shown = [*values, *(at for _, _, at in marks)]
    first = math.floor(min(shown) / AUROC_BIN + 1e-9) - 1
    last = min(math.ceil(max(shown) / AUROC_BIN - 1e-9) + 1, round(1 / AUROC_BIN))
    edges = np.arange(first, max(last, first + 2) + 1) * AUROC_BIN
    counts = np.histogram(values, edges)[0]
    frame = Frame(float(edges[0]), float(edges[-1]), 0, HEADROOM * max(1, int(counts.max())))
    said = "; ".join(f"{name} {at:.3f}" for _, name, at in marks) or "no floor for this setting"
    numbers = (
        f"{len(values)} detectors: lowest {min(values):.3f}, median {np.median(values):.3f}, "
        f"highest {max(values):.3f}; {said}"
    )
    below = "" if floor is None else f" Below the floor: {sum(v < floor for v in values)}."
    return Chart(
        title=title,
        alt=f"Histogram of AUROC. {numbers}.{below}",
        reading=f"{numbers}.{below}",
        x_label="AUROC",
        y_label="students",
        x_ticks=frame.x_ticks(),
        y_ticks=_whole(frame),
        shapes=(
            Shape("filled", frame.bars(edges, counts), "students"),
            *(Shape(style, frame.upright(at), f"{name} {at:.3f}") for style, name, at in marks),
        ),
        columns=("AUROC", "students"),
        rows=tuple(
            (f"{left:.2f} to {right:.2f}", str(count))
            for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True)
            if count
        ),
    )


def _whole(frame: Frame) -> tuple[Tick, ...]:
    return tuple(tick for tick in frame.y_ticks() if float(tick.label).is_integer())
