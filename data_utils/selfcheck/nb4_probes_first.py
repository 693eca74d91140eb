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
AXES = 8  # that a weight array may have; a convolution's has four
MOST = 1_000_000  # weights of which all arrays are returned: the exercise allows 300,000
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
    """Build a classifier, train it for a few steps, build another, and return what there was.

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
        "gives", the kind of what it gives for them in training mode, and "first", that itself where
        it is a tensor. With the right shape also: "shapes" of its weight arrays, a row
        for each, filled up with 0, and the arrays at
        the "start", at the "end" and of the "other" network, flat and one after the other, where
        there are not far too many; and after the steps, in evaluation mode, "logits", those of
        "loud" images, and "alone", the logits of each image by itself, or a "refusal", what came
        instead.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = build_classifier(count)
        report: dict[str, Any] = {
            "kind": f"an object of type {type(network).__name__}",
            "is_module": isinstance(network, torch.nn.Module),
            "stop": "",
        }
        if report["is_module"]:
            try:
                report |= _given_by(network, x, labels, count)
            except Exception as error:  # layers that do not fit: the learner's, wherever it stops
                report["stop"] = f"{type(error).__name__}: {str(error)[:100]}"
        if "end" in report:
            other = build_classifier(count)
            with torch.no_grad():  # some layers find their size with the first images
                other(torch.as_tensor(x, device=_device(other)))
            report["other"] = _flat(other)
    return report


def _given_by(
    network: Any, x: NDArray[np.float32], labels: NDArray[np.int64], count: int
) -> dict[str, Any]:
    import torch

    device = _device(network)
    images, truth = torch.as_tensor(x, device=device), torch.as_tensor(labels, device=device)
    with torch.no_grad():
        first = network.train()(images)
    report: dict[str, Any] = {"gives": type(first).__name__}
    if not torch.is_tensor(first):
        return report
    report["first"] = first.float().cpu().numpy()
    if tuple(first.shape) != (len(x), count):
        return report
    report["shapes"] = np.zeros((sum(1 for _ in network.parameters()), AXES), np.int64)
    for row, weight in zip(report["shapes"], network.parameters(), strict=True):
        row[: weight.ndim] = weight.shape
    few = sum(weight.numel() for weight in network.parameters()) <= MOST
    if few:
        report["start"] = _flat(network)
    _train(network, images, truth)
    if few:
        report["end"] = _flat(network)
    network.eval()
    with torch.no_grad():
        for name, given in (("logits", images), ("loud", LOUD * images)):
            report[name] = network(given).float().cpu().numpy()
        alone, report["refusal"] = _alone(network, images, (1, count))
    if not report["refusal"]:
        report["alone"] = alone.float().cpu().numpy()
    return report


def _device(network: Any) -> Any:
    return next((weight.device for weight in network.parameters()), "cpu")


def _flat(network: Any) -> NDArray[np.float32]:
    """Return all weights of a network, one after the other."""
    parts = [weight.detach().float().cpu().numpy().ravel() for weight in network.parameters()]
    return np.concatenate([np.zeros(0, np.float32), *parts])


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


def _train(network: Any, images: Any, truth: Any) -> None:
    """Take a few steps down the cross-entropy, where the gradient reaches anything."""
    import torch

    weights = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(weights) if weights else None
    for _ in range(STEPS):
        loss = torch.nn.functional.cross_entropy(network(images), truth)
        if optimizer is None or not loss.requires_grad:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
