"""The charts of one detector, drawn from the series of its report (see grader/series.py)."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from grader.reports.charts import HEADROOM, Chart, Frame, Shape
from grader.series import MOST_EPOCHS

# A threshold further from the histogram than this many of its widths would squeeze it to a line.
FAR = 1.0
RATES = (0.01, 0.05, 0.1, 0.2, 0.5)  # false positive rates in the table beside the ROC curve

Series = Mapping[str, Sequence[float]]


def detector_charts(series: Series, reached: float | None) -> list[Chart]:
    """Return the charts that a report's series allow; a series that is missing has none.

    Parameters
    ----------
    series : mapping of str to numbers
    reached : float or None
        AUROC on the exam images.
    """
    made = (score_histogram(series), roc_curve(series, reached), training_loss(series))
    return [chart for chart in made if chart is not None]


def score_histogram(series: Series) -> Chart | None:
    """Draw how the scores of normal and of anomalous exam images lie, and the threshold."""
    edges, normal, anomaly = (
        _numbers(series, f"score_{name}") for name in ("edges", "normal", "anomaly")
    )
    if len(edges) < 2 or not len(normal) == len(anomaly) == len(edges) - 1:
        return None
    if not edges[-1] > edges[0] or min(normal.sum(), anomaly.sum()) <= 0:
        return None
    shares = [100 * counts / counts.sum() for counts in (normal, anomaly)]
    threshold = _threshold(series)
    low, high = float(edges[0]), float(edges[-1])
    seen = threshold is not None and low - FAR * (high - low) < threshold < high + FAR * (
        high - low
    )
    if threshold is not None and seen:
        low, high = min(low, threshold), max(high, threshold)
    frame = Frame(low, high, 0, HEADROOM * float(max(share.max() for share in shares)))
    shapes = [
        Shape(style, frame.stairs(edges, share), f"{style}, {counts.sum():.0f} images")
        for style, share, counts in zip(
            ("normal", "anomaly"), shares, (normal, anomaly), strict=True
        )
    ]
    if threshold is not None and seen:
        shapes.append(
            Shape("threshold", frame.upright(threshold), f"your threshold {threshold:.3g}")
        )
    rows = tuple(
        (f"{name}, {counts.sum():.0f} images", f"{_median(edges, counts):.3g}", above)
        for name, counts in (("normal", normal), ("anomaly", anomaly))
        for above in [_above_in_words(edges, counts, threshold)]
    )
    return Chart(
        title="Scores of the exam images",
        alt="Two histograms of anomaly scores. "
        + " ".join(f"{name}: median {median}; above the threshold: {above}." for name, median, above
                   in rows)
        + ("" if threshold is None else f" The threshold is {threshold:.3g}.")
        + ("" if threshold is None or seen else " It lies outside the picture."),
        reading="The further the dashed outline (anomaly) lies to the right of the solid one "
        "(normal), the better the score tells them apart. What lies right of the threshold is "
        "called an anomaly. The first and the last bin hold what lies beyond.",
        x_label="anomaly score",
        y_label="% of its images",
        x_ticks=frame.x_ticks(),
        y_ticks=frame.y_ticks(),
        shapes=tuple(shapes),
        columns=("images", "median score", "above the threshold"),
        rows=rows,
    )  # fmt: skip


def roc_curve(series: Series, reached: float | None) -> Chart | None:
    """Draw the ROC curve on the exam images."""
    fpr, tpr = _numbers(series, "roc_fpr"), _numbers(series, "roc_tpr")
    if len(fpr) < 2 or len(fpr) != len(tpr):
        return None
    frame = Frame(0, 1, 0, 1)
    rows = tuple((f"{rate:.0%}", f"{np.interp(rate, fpr, tpr):.0%}") for rate in RATES)
    area = "" if reached is None else f"AUROC {reached:.3f}"
    return Chart(
        title="ROC curve",
        alt=f"ROC curve on the exam images{', ' if area else ''}{area}. "
        + "; ".join(f"at {false} false alarms {true} of the anomalies found"
                    for false, true in rows)
        + ".",
        reading="Each point is one possible threshold. The nearer the curve comes to the upper "
        "left corner, the better; the dotted diagonal is guessing (AUROC 0.5).",
        x_label="false positive rate",
        y_label="true positive rate",
        x_ticks=frame.x_ticks(),
        y_ticks=frame.y_ticks(),
        shapes=(
            Shape("chance", frame.line((0, 1), (0, 1)), "guessing, AUROC 0.5"),
            Shape("curve", frame.line(fpr, tpr), f"your detector, {area}" if area else
                  "your detector"),
        ),
        columns=("normal images above the threshold", "anomalies above it"),
        rows=rows,
    )  # fmt: skip


def training_loss(series: Series) -> Chart | None:
    """Draw the training loss; a curve that may have been thinned out counts nothing.

    One notebook records a loss for each epoch, another one for each step.
    """
    loss = _numbers(series, "loss")
    if len(loss) < 2:
        return None
    thinned = len(loss) > MOST_EPOCHS // 2
    where = "from start to end" if thinned else f"over {len(loss)} epochs or steps"
    low, high = min(0.0, float(loss.min())), float(loss.max())
    frame = Frame(1, len(loss), low, low + HEADROOM * ((high - low) or 1.0))
    best = int(np.argmin(loss))
    rows = [("first", f"{loss[0]:.3g}"), ("last", f"{loss[-1]:.3g}")]
    lowest = "lowest" if thinned else f"lowest, number {best + 1} of {len(loss)}"
    rows.append((lowest, f"{loss[best]:.3g}"))
    return Chart(
        title="Training loss",
        alt=f"Training loss {where}: "
        + "; ".join(f"{name} {value}" for name, value in rows) + ".",
        reading="It should fall steeply, then level off. Still falling at the end: train longer. "
        "Jumping up and down: take smaller steps.",
        x_label="training, from start to end" if thinned else "epoch or step",
        y_label="loss",
        x_ticks=() if thinned else tuple(t for t in frame.x_ticks() if float(t.label).is_integer()),
        y_ticks=frame.y_ticks(),
        shapes=(Shape("curve", frame.line(range(1, len(loss) + 1), loss), "training loss"),),
        columns=("when", "loss"),
        rows=tuple(rows),
    )  # fmt: skip


def _numbers(series: Series, name: str) -> np.ndarray:
    """Return a series, or an empty one where it holds anything that cannot be drawn."""
    values = np.asarray(series.get(name, ()), float)
    return values if values.ndim == 1 and np.isfinite(values).all() else np.empty(0)


def _threshold(series: Series) -> float | None:
    values = _numbers(series, "threshold")
    return float(values[0]) if len(values) == 1 else None


def _above(edges: np.ndarray, counts: np.ndarray, threshold: float) -> float:
    """Return the share of a histogram above a value, cutting the bin that it falls into."""
    widths = np.diff(edges)
    inside = np.clip((edges[1:] - threshold) / widths, 0, 1)
    return float((inside * counts).sum() / counts.sum())


def _above_in_words(edges: np.ndarray, counts: np.ndarray, threshold: float | None) -> str:
    return "no threshold" if threshold is None else f"about {_above(edges, counts, threshold):.0%}"


def _median(edges: np.ndarray, counts: np.ndarray) -> float:
    """Return the median of a histogram, as if each bin were evenly filled."""
    below = np.concatenate([[0.0], np.cumsum(counts)])
    value = float(np.interp(below[-1] / 2, below, edges))
    return value if math.isfinite(value) else 0.0
