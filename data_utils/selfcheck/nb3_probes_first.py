"""Measurements of what comes back from exercises 3.3 and 3.5, where torch is.

They return plain data and no verdict: the findings of `nb3_images` and `nb3_head` judge it
elsewhere.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def kind_of_result(function: Callable[..., Any], *args: Any) -> str:
    """Call a function and return module and name of its result's type."""
    kind = type(function(*args))
    return f"{kind.__module__}.{kind.__qualname__}"


def head_report(
    train_head: Callable[..., Any],
    features: NDArray[Any],
    labels: NDArray[Any],
    seed: int,
    queries: NDArray[Any] | None = None,
    global_seed: int = 1,
) -> dict[str, Any]:
    """Train a head and return what it is and what it says.

    Parameters
    ----------
    train_head : callable
    features, labels, seed : ndarray, ndarray, int
        What the learner's function gets.
    queries : ndarray, shape (m, k), optional
        Features that are judged; without it, those that were trained on.
    global_seed : int
        Torch's own random numbers are set to it before; their state is put back.

    Returns
    -------
    dict
        "kind" of the result; "shape" of its weight, None without one; "bias", a number or None;
        "logits" of the queries as a flat array, None if there are none; "stop", what went wrong
        with them.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(global_seed)
        head = train_head(features.copy(), labels.copy(), seed)
    weight: Any = getattr(head, "weight", None)
    bias: Any = getattr(head, "bias", None)
    report: dict[str, Any] = {
        "kind": f"{type(head).__module__}.{type(head).__qualname__}",
        "shape": tuple(weight.shape) if torch.is_tensor(weight) else None,
        "bias": bias.sum().item() if torch.is_tensor(bias) else None,
        "logits": None,
        "stop": "",
    }
    if isinstance(head, torch.nn.Module):
        try:
            report["logits"] = _logits(head, features if queries is None else queries)
        except Exception as error:  # layers that do not fit: the learner's, wherever it stops
            report["stop"] = f"{type(error).__name__}: {str(error)[:100]}"
    return report


def _logits(head: Any, features: NDArray[Any]) -> NDArray[Any]:
    import torch

    weight = next(iter(head.parameters()))
    with torch.no_grad():
        rows = torch.as_tensor(np.asarray(features)).to(weight.device, weight.dtype)
        logits: NDArray[Any] = head(rows).detach().cpu().numpy().reshape(-1)
    return logits
