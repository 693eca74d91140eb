"""Measurements of what comes back from exercises 4.4 and 4.5.

They run where the learner's functions are, in the notebook or behind the grader's wall, and return
plain data and no verdict: the findings of `nb4_sets` and `nb4_networks` judge it elsewhere.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.nb3_images import plain_array
from data_utils.transforms import Transform

STEPS = 10  # of Adam: what starts at 0, as a last layer may, has moved after them
LOUD = 100.0  # a factor far above 1: what bounds its logits is driven to its bounds

# ------------------------------------------------------------ exercise 4.4


def labelled_report(
    self_labelled: Callable[..., Any], images: NDArray[Any], steps: Sequence[Sequence[int]]
) -> dict[str, Any]:
    """Build a self-labelled set and return what it is made of.

    Parameters
    ----------
    self_labelled : callable
    images : ndarray, shape (n, size, size)
    steps : sequence of (flip, down, right, turns)
        The transformations, as plain numbers.

    Returns
    -------
    dict
        "kind" and number of "items" of the result; the first two as arrays where they are some,
        "x" and "labels"; "after", the images as they were left.
    """
    after = images.copy()
    chosen = tuple(Transform(bool(flip), down, right, turns) for flip, down, right, turns in steps)
    result = self_labelled(after, chosen)
    pair = list(result) if isinstance(result, (tuple, list)) else [result]
    x, labels = ([*pair, None])[:2]
    return {
        "kind": f"an object of type {type(result).__name__}",
        "items": len(pair),
        "x": _as_array(x),
        "labels": _as_array(labels),
        "after": after,
    }


def _as_array(value: Any) -> Any:
    """Return a tensor, a list or an array as an array; anything else as it is."""
    value = plain_array(value)
    if isinstance(value, (list, tuple)):
        try:
            return np.asarray([plain_array(part) for part in value])
        except ValueError:  # rows of different lengths
            return value
    return value


# ------------------------------------------------------------ exercise 4.5


def classifier_report(
    build_classifier: Callable[..., Any],
    count: int,
    x: NDArray[np.float32],
    labels: NDArray[np.int64],
    seed: int,
) -> dict[str, Any]:
    """Build a classifier, train it for a few steps, and return what it gives.

    Parameters
    ----------
    build_classifier : callable
    count : int
        Logits of each image.
    x : ndarray, shape (n, 1, 28, 28)
        In [-1, 1].
    labels : ndarray, shape (n,)
        Below `count`.
    seed : int
        Of torch's random numbers meanwhile; their state is put back.

    Returns
    -------
    dict
        "kind" and whether it "is_module"; "stop", what went wrong with the images, or empty;
        "shape" of what it gives, None for what is no tensor, and its kind, "gives". With the right
        shape also: the number of "weights"; the share of their arrays that is "reached" by the
        gradient; the share of the inner layers' weights whose layer is "constant"; how many arrays
        are "shared" with a network of a second call; and after a few steps, in evaluation mode,
        "logits", those of "loud" images, and "alone", the logits of each image by itself,
        or a "refusal", what came instead.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = build_classifier(count)
        report: dict[str, Any] = {
            "kind": f"an object of type {type(network).__name__}",
            "is_module": isinstance(network, torch.nn.Module),
            "count": count,
            "asked": (len(x), count),
            "shape": None,
            "stop": "",
        }
        if report["is_module"]:
            try:
                report |= _given_by(network, x, labels, count)
            except Exception as error:  # layers that do not fit: the learner's, wherever it stops
                report["stop"] = f"{type(error).__name__}: {str(error)[:100]}"
        if "logits" in report:
            report["shared"] = _shared(network, build_classifier(count))
    return report


def _given_by(
    network: Any, x: NDArray[np.float32], labels: NDArray[np.int64], count: int
) -> dict[str, Any]:
    import torch

    device = next((weight.device for weight in network.parameters()), torch.device("cpu"))
    images, truth = torch.as_tensor(x, device=device), torch.as_tensor(labels, device=device)
    with torch.no_grad():
        first = network.train()(images)
    shape = tuple(first.shape) if torch.is_tensor(first) else None
    if shape != (len(x), count):
        return {"shape": shape, "gives": type(first).__name__}
    weights = list(network.parameters())
    constant = _constant(weights, count)
    size = sum(weight.numel() for weight in weights)
    reached = _trained(network, images, truth)
    network.eval()
    with torch.no_grad():
        report = {"logits": network(images), "loud": network(LOUD * images)}
        alone, refusal = _alone(network, images, (1, count))
    if not refusal:
        report["alone"] = alone
    arrays = {name: value.float().cpu().numpy() for name, value in report.items()}
    return arrays | {
        "shape": shape,
        "refusal": refusal,
        "weights": size,
        "reached": reached,
        "constant": constant,
    }


def _alone(network: Any, images: Any, shape: tuple[int, int]) -> tuple[Any, str]:
    """Return the logits of each image by itself; or None, and what came instead of this shape."""
    import torch

    try:
        rows = [network(image[None]) for image in images]
    except Exception as error:  # the learner's, wherever it stops
        return None, f"{type(error).__name__}: {str(error)[:100]}"
    if tuple(rows[0].shape) != shape:
        return None, f"shape {tuple(rows[0].shape)}"
    return torch.cat(rows), ""


def _constant(weights: list[Any], count: int) -> float:
    """Return the share of weights in layers whose weights are all equal; the last may be so."""
    inner = [weight for weight in weights if weight.ndim > 1 and len(weight) != count]
    equal = [weight for weight in inner if bool((weight == weight.flatten()[0]).all())]
    return float(sum(w.numel() for w in equal) / max(sum(w.numel() for w in inner), 1))


def _trained(network: Any, images: Any, truth: Any) -> float:
    """Take a few steps down the cross-entropy; return the share of arrays that it reaches."""
    import torch

    weights = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(weights) if weights else None
    reached = 0.0
    for step in range(STEPS):
        loss = torch.nn.functional.cross_entropy(network(images), truth)
        if optimizer is None or not loss.requires_grad:
            break
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            found = sum(weight.grad is not None for weight in weights)
            reached = found / len(list(network.parameters()))
        optimizer.step()
    return reached


def _shared(first: Any, second: Any) -> int:
    own = {id(weight) for weight in first.parameters()}
    return sum(id(weight) in own for weight in second.parameters())
