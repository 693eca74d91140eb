"""Exercise 4.5: what can be wrong with an untrained classifier of transformations.

Measurements come from `nb4_probes_first.classifier_report`.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.nb2_networks import COMPANY
from data_utils.selfcheck.nb4_probes_first import STEPS
from data_utils.selfcheck.values import describe
from data_utils.selfcheck.words import Finding

Floats = NDArray[np.float64]

LARGEST = 300_000  # weights; what the exercise allows
REACHED = 0.9  # of the weight arrays; a cut before the last layer leaves two of them
CONSTANT = 0.9  # of the inner layers' weights; the last ones of residual blocks may start at 0
SEES = 1e-5  # of the largest logit; float32 keeps about seven digits
SUM = 1e-3  # off 1, of probabilities in single precision
Report = Mapping[str, Any]


def classifier_form(report: Any, n: int, count: int) -> Finding | None:
    """A network that takes images (n, 1, 28, 28) and gives finite numbers (n, count).

    Parameters
    ----------
    report : object
        As from `nb4_probes_first.classifier_report`.
    n, count : int
        Images, and transformations.
    """
    kind = str(report.get("kind")) if isinstance(report, Mapping) else describe(report)
    if not isinstance(report, Mapping) or report.get("is_module") is not True:
        why = "the layers are not put together"
        if kind.endswith(" type"):
            why = "the class itself is returned, not a network of it"
        return Finding("an nn.Module", kind, why, "return nn.Sequential(...)")
    stop = report.get("stop")
    if not isinstance(stop, str) or stop:
        return Finding(
            f"a network that takes images ({n}, 1, 28, 28)",
            str(stop)[:120],
            "the shapes of two layers do not fit",
            "send images through layer by layer, and print the shapes",
        )
    first = _numbers(report, "first")
    if first is None:
        return Finding(f"logits of shape ({n}, {count})", f"a {report.get('gives')}",
                       "the network gives something else than one tensor",
                       "return the logits alone")  # fmt: skip
    if first.shape != (n, count):
        return Finding(f"logits of shape ({n}, {count})", f"shape {first.shape}",
                       *_why_shape(first.shape, n, count))  # fmt: skip
    for name in ("logits", "loud"):
        logits = _numbers(report, name)
        if logits is None or logits.shape != (n, count):
            return Finding(f"logits of shape ({n}, {count}) in evaluation mode",
                           describe(report.get(name)), "evaluation mode gives something else",
                           "the same layers in both modes")  # fmt: skip
    if not np.isfinite(report["logits"]).all():
        return Finding("finite logits", "NaN or infinite ones",
                       "a division by zero or a logarithm in a layer", "leave it out")  # fmt: skip
    return None


def _numbers(report: Report, name: str) -> Floats | None:
    """Return an array of the report as floats, None where there is none."""
    value = report.get(name)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iuf":
        return None
    return value.astype(np.float64)


def _sizes(report: Report) -> list[tuple[int, ...]]:
    """Return the shapes of the network's weight arrays."""
    shapes = _numbers(report, "shapes")
    if shapes is None or shapes.ndim != 2 or not np.isfinite(shapes).all():
        return []
    return [tuple(int(n) for n in row[row > 0]) for row in shapes]


def _arrays(report: Report, name: str) -> list[Floats]:
    """Return the weight arrays at a time, cut out of the flat list; none where it does not fit."""
    flat, sizes = _numbers(report, name), [math.prod(shape) for shape in _sizes(report)]
    if flat is None or flat.shape != (sum(sizes),):
        return []
    return list(np.split(flat, np.cumsum(sizes)[:-1]))


def _why_shape(shape: tuple[int, ...], n: int, count: int) -> tuple[str, str]:
    if len(shape) == 2 and shape[0] == n:
        return ("a fixed number stands in the place of the argument count",
                "nn.Linear(..., count)")  # fmt: skip
    if shape[:2] == (n, count):
        return ("rows and columns of the last maps are still there",
                "nn.Flatten() and a linear layer after the last convolution")  # fmt: skip
    if shape[:1] == (n,):
        return "the logits of an image are still a map", "nn.Flatten() before the linear layer"
    return ("the images were mixed: the first axis is theirs",
            "nn.Flatten() leaves the first axis alone; torch.flatten(x) does not")  # fmt: skip


def classifier_gives_logits(report: Report) -> Finding | None:
    """A logit can be any number, on both sides of 0; a softmax makes something else of it."""
    rows = np.concatenate([report["logits"], report["loud"]]).astype(np.float64)
    low, high = float(rows.min()), float(rows.max())
    expected = "logits: any numbers, below and above 0"
    got = f"from {low:.3g} to {high:.3g}"
    if low >= 0:
        why, advice = "it never gives a number below 0, as after a ReLU", "end with nn.Linear"
        if np.abs(rows.sum(axis=1) - 1).max() < SUM:
            got, why = "rows that add up to 1", "a softmax at the end: these are probabilities"
            advice = "leave it out: cross_entropy takes logits and does this itself"
        elif high <= 1:
            why, advice = "a sigmoid at the end", "leave it out: cross_entropy takes logits"
        return Finding(expected, got, why, advice)
    if high <= 0 and np.abs(np.logaddexp.reduce(rows, axis=1)).max() < SUM:
        return Finding(expected, f"{got}; their exponentials add up to 1",
                       "a log-softmax at the end: these are logarithms of probabilities",
                       "leave it out: cross_entropy takes logits and does this itself")  # fmt: skip
    if high <= 0:
        return Finding(expected, got, "it never gives a number above 0", "end with nn.Linear")
    if 0.9999 < max(-low, high) <= 1.0001:
        return Finding(expected, f"{got}, however loud the image", "a tanh at the end",
                       "leave it out: cross_entropy takes logits")  # fmt: skip
    return None


def classifier_is_small(report: Report) -> Finding | None:
    """No more weights than the exercise allows."""
    weights = sum(math.prod(shape) for shape in _sizes(report))
    if weights <= LARGEST:
        return None
    return Finding(
        f"at most {LARGEST:,} weights",
        f"{weights:,}",
        "a layer is too wide: a linear layer on large maps, or many channels",
        "16 to 64 channels, and stride 2 three times before nn.Flatten()",
    )


def classifier_can_learn(report: Report, count: int) -> Finding | None:
    """Most weights start at random, and a few steps down the loss move them."""
    shapes = _sizes(report)
    if not sum(math.prod(shape) for shape in shapes):
        return Finding(
            "a network with weights that can learn",
            "none",
            "its layers have no weights, or are not registered in their module",
            "use layers of nn, and keep lists of them in nn.Sequential or nn.ModuleList",
        )
    start, end = _arrays(report, "start"), _arrays(report, "end")
    if not start or not end:
        return classifier_is_small(report) or Finding(
            "a network whose weights can be read", "something else", "its weights change their "
            "number on the way", "build all layers in build_classifier")  # fmt: skip
    moved = [not np.array_equal(a, b) for a, b in zip(start, end, strict=True)]
    if np.mean(moved) < REACHED:
        return Finding(
            "a gradient that reaches the weights",
            f"{STEPS} steps move {np.mean(moved):.0%} of the layers' arrays",
            "layers are frozen, or detach(), no_grad() or NumPy cuts the gradient off",
            "leave requires_grad as it is, and use torch's operations alone",
        )
    inner = [
        (part, bool((part == part[0]).all()))
        for part, shape in zip(start, shapes, strict=True)
        if len(shape) > 1 and shape[0] != count and part.size
    ]
    equal = sum(part.size for part, alike in inner if alike)
    share = equal / max(sum(part.size for part, _ in inner), 1)
    if share > CONSTANT:
        return Finding(
            "weights that start at random",
            f"{share:.0%} of them lie in layers where all are equal",
            "channels that start alike stay alike: they learn the same",
            "leave the weights as torch starts them",
        )
    return None


def classifier_sees(report: Report, changed: Mapping[str, NDArray[np.int_]]) -> Finding | None:
    """The logits of a changed image differ from those of the image.

    Parameters
    ----------
    report : mapping
    changed : mapping of str to ndarray of int, shape (k, 2)
        What was done, such as "moved": the rows of an image and of the changed one.
    """
    logits = np.asarray(report["logits"], np.float64)
    room = SEES * float(np.abs(logits).max())
    for what, rows in changed.items():
        apart = np.abs(logits[rows[:, 0]] - logits[rows[:, 1]]).max()
        if apart <= room:
            return Finding(
                f"other logits for an image that was {what}",
                "the same logits",
                "the network looks at each pixel by itself, at their mean, or not at the image",
                "convolutions of 3 x 3 pixels see which pixels lie side by side",
            )
    return None


def classifier_ignores_company(report: Report, count: int) -> Finding | None:
    """In evaluation mode an image's logits are the same alone and among others."""
    refusal, alone = report.get("refusal"), _numbers(report, "alone")
    refusal = refusal if isinstance(refusal, str) else ""
    logits = np.asarray(report["logits"], np.float64)
    if refusal or alone is None or alone.shape != logits.shape:
        why, advice = "an axis of length 1 was squeezed away", "nn.Flatten(), without squeeze()"
        if not refusal.startswith("shape"):
            why, advice = "a layer needs other images beside it", "leave that layer out"
        return Finding(f"logits of shape (1, {count}) for one image, in evaluation mode",
                       refusal or describe(report.get("alone")), why, advice)  # fmt: skip
    spread = float(np.mean(np.std(logits, axis=0)))
    if np.abs(logits - alone).max() <= COMPANY * spread + SEES * np.abs(logits).max():
        return None
    return Finding(
        "the same logits alone and among others",
        "others among other images, in evaluation mode",
        "a layer uses the mean of the whole batch, or draws numbers, in evaluation mode too",
        "nn.BatchNorm2d and nn.Dropout as they are: eval() changes how they work",
    )


def classifier_is_new(report: Report) -> Finding | None:
    """Two calls return two networks, which start from weights of their own."""
    start, end, other = (_arrays(report, name) for name in ("start", "end", "other"))
    if not start or not end or not other:
        return classifier_is_small(report) or Finding(
            "another network of the same kind for each call", "another kind of network",
            "the second call builds something else", "build the same layers each time")  # fmt: skip
    pairs = list(zip(start, end, other, strict=True))
    shared = sum(np.array_equal(b, c) and not np.array_equal(a, b) for a, b, c in pairs)
    why = "the layers were made once, outside the function, or the network is kept and handed out"
    if not shared:
        drawn = [(a, c) for a, _, c in pairs if a.size and (a != a[0]).any()]
        if not drawn or not all(np.array_equal(a, c) for a, c in drawn):
            return None
        why = "the weights are those of the first call: a copy, or a fixed seed inside"
    return Finding(
        "another network for each call, with random weights of its own",
        f"two calls share {shared} of their weight arrays"
        if shared
        else "exactly the same weights",
        why,
        "make the layers inside build_classifier, and leave the weights as torch starts them",
    )
