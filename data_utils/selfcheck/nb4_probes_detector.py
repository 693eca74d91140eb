"""What a check of exercise 4.10 sees inside the wall, the learner's other functions set aside.

It returns what the learner's function handed on and what came back, and no verdict.
"""

import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.nb3_probes_detector import in_place
from data_utils.selfcheck.values import describe


def fit_report(
    fit_detector: Callable[..., Any],
    x_train: NDArray[np.uint8],
    x_val: NDArray[np.uint8],
    seed: int,
    settings: dict[str, Any],
    losses: list[float],
) -> dict[str, Any]:
    """Call the learner's function with simple things in the places of what it goes through.

    The network is a linear layer, training only writes down what it was given, all Dirichlet
    parameters are 2, and the score is minus the sum of the log-probabilities. So no other exercise
    has a say in what comes back.

    Parameters
    ----------
    fit_detector : callable
    x_train, x_val : ndarray of uint8, shape (n, 28, 28)
    seed : int
    settings : dict
        ``budget``, and perhaps ``target_fpr`` and ``train``.
    losses : list of float
        What the training that only looks like one returns.

    Returns
    -------
    dict
        ``"calls"``: what each call of `train_classifier` was given: ``images``, ``transforms`` as
        lists of numbers, ``epochs`` and ``seed``. ``"history"`` and ``"threshold"`` of the
        detector, and its ``"scores"`` of x_val.
    """
    calls: list[dict[str, Any]] = []

    def linear(count: int) -> Any:
        from torch import nn

        return nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, count))

    def looked_at(network: Any, images: Any, transforms: Any, epochs: int, seed: int) -> Any:
        steps = [[int(t.flip), t.down, t.right, t.turns] for t in transforms]
        calls.append({
            "images": np.array(images), "transforms": steps, "epochs": epochs, "seed": seed,
        })  # fmt: skip
        return list(losses)

    def flat(log_p: Any, *args: Any, **kwargs: Any) -> Any:
        return np.full(np.shape(log_p)[1:], 2.0), np.ones(np.shape(log_p)[1], bool)

    places = {
        "build_classifier": linear,
        "train_classifier": looked_at,
        "fit_dirichlet": flat,
        "dirichlet_score": lambda log_p, alphas: -np.sum(log_p, axis=(1, 2)),
        "simplified_score": lambda log_p: -np.sum(log_p, axis=(1, 2)),
    }
    with in_place(_names_around(fit_detector), places):
        detector = fit_detector(x_train, x_val, seed, **settings)
        report = {name: getattr(detector, name, None) for name in ("threshold", "history")}
        ask = getattr(detector, "anomaly_score", None)
        scores = ask(x_val) if callable(ask) else None
    return {"calls": calls, "scores": scores, "kind": describe(detector), **report}


def _names_around(function: Callable[..., Any]) -> Any:
    """Return something with the names that a function finds, be it decorated or an object."""
    inner = inspect.unwrap(function)
    while hasattr(inner, "func"):  # functools.partial
        inner = inspect.unwrap(inner.func)
    found = getattr(inner, "__globals__", None)
    if found is None:
        found = type(inner).__call__.__globals__
    return SimpleNamespace(__globals__=found)
