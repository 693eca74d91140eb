"""Exercise 4.5: what can be wrong with an untrained classifier of transformations.

Measurements come from `nb4_probes_first.classifier_report`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.nb2_networks import COMPANY
from data_utils.selfcheck.words import Finding

LARGEST = 300_000  # weights; what the exercise allows
REACHED = 0.9  # of the weight arrays; a cut before the last layer leaves two of them
CONSTANT = 0.9  # of the inner layers' weights; the last ones of residual blocks may start at 0
SEES = 1e-5  # of the largest logit; float32 keeps about seven digits
SUM = 1e-3  # off 1, of probabilities in single precision
Report = Mapping[str, Any]


def classifier_form(report: Report) -> Finding | None:
    """A network that takes images (n, 1, 28, 28) and gives finite numbers (n, count)."""
    n, count = report["asked"]
    if not report["is_module"]:
        why = "the layers are not put together"
        if report["kind"].endswith(" type"):
            why = "the class itself is returned, not a network of it"
        return Finding("an nn.Module", report["kind"], why, "return nn.Sequential(...)")
    if report["stop"]:
        return Finding(
            f"a network that takes images ({n}, 1, 28, 28)",
            report["stop"],
            "the shapes of two layers do not fit",
            "send images through layer by layer, and print the shapes",
        )
    if report["shape"] is None:
        return Finding(f"logits of shape ({n}, {count})", f"a {report['gives']}",
                       "the network gives something else than one tensor",
                       "return the logits alone")  # fmt: skip
    if report["shape"] != (n, count):
        return Finding(f"logits of shape ({n}, {count})", f"shape {report['shape']}",
                       *_why_shape(report["shape"], n, count))  # fmt: skip
    if not np.isfinite(report["logits"]).all():
        return Finding("finite logits", "NaN or infinite ones",
                       "a division by zero or a logarithm in a layer", "leave it out")  # fmt: skip
    return None


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
    if report["weights"] <= LARGEST:
        return None
    return Finding(
        f"at most {LARGEST:,} weights",
        f"{report['weights']:,}",
        "a layer is too wide: a linear layer on large maps, or many channels",
        "16 to 64 channels, and stride 2 three times before nn.Flatten()",
    )


def classifier_can_learn(report: Report) -> Finding | None:
    """Most weights start at random, and the gradient of the loss reaches them."""
    if not report["weights"]:
        return Finding(
            "a network with weights that can learn",
            "none",
            "its layers have no weights, or are not registered in their module",
            "use layers of nn, and keep lists of them in nn.Sequential or nn.ModuleList",
        )
    if report["reached"] < REACHED:
        return Finding(
            "a gradient that reaches the weights",
            f"it reaches {100 * report['reached']:.0f} % of the layers' arrays",
            "layers are frozen, or detach(), no_grad() or NumPy cuts the gradient off",
            "leave requires_grad as it is, and use torch's operations alone",
        )
    if report["constant"] > CONSTANT:
        return Finding(
            "weights that start at random",
            f"{100 * report['constant']:.0f} % of them lie in layers where all are equal",
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


def classifier_ignores_company(report: Report) -> Finding | None:
    """In evaluation mode an image's logits are the same alone and among others."""
    count = report["count"]
    if report["refusal"]:
        why, advice = "an axis of length 1 was squeezed away", "nn.Flatten(), without squeeze()"
        if not report["refusal"].startswith("shape"):
            why, advice = "a layer needs other images beside it", "leave that layer out"
        return Finding(f"logits of shape (1, {count}) for one image, in evaluation mode",
                       report["refusal"], why, advice)  # fmt: skip
    logits = np.asarray(report["logits"], np.float64)
    spread = float(np.mean(np.std(logits, axis=0)))
    if np.abs(logits - report["alone"]).max() <= COMPANY * spread + SEES * np.abs(logits).max():
        return None
    return Finding(
        "the same logits alone and among others",
        "others among other images, in evaluation mode",
        "a layer uses the mean of the whole batch, or draws numbers, in evaluation mode too",
        "nn.BatchNorm2d and nn.Dropout as they are: eval() changes how they work",
    )


def classifier_is_new(report: Report) -> Finding | None:
    """Two calls return two networks."""
    if not report["shared"]:
        return None
    return Finding(
        "another network for each call",
        f"two calls share {report['shared']} of their weight arrays",
        "the layers were made once, outside the function",
        "make the layers inside build_classifier",
    )
