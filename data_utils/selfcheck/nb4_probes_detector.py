"""What a check of exercise 4.10 asks inside the wall, the learner's other functions set aside."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.nb3_probes_detector import in_place

LOSSES = [2.0, 1.0]  # of the training that only looks like one


def fit_report(
    fit_detector: Callable[..., Any],
    x_train: NDArray[np.uint8],
    x_val: NDArray[np.uint8],
    seed: int,
) -> dict[str, Any]:
    """Call the learner's function with simple things in the places of what it goes through.

    The network is a linear layer, training only writes down what it was given, all Dirichlet
    parameters are 2, and the score is minus the sum of the log-probabilities. So no other exercise
    has a say in what comes back.

    Returns
    -------
    dict
        ``"trained"``: for each call of `train_classifier` how many images and epochs it was given,
        and the seed. ``"losses"``: whether the detector's history is what the training returned.
        ``"threshold"``: the detector's.
    """
    asked: list[list[int]] = []

    def linear(count: int) -> Any:
        from torch import nn

        return nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, count))

    def looked_at(network: Any, images: Any, transforms: Any, epochs: int, seed: int) -> Any:
        asked.append([len(images), int(epochs), int(seed)])
        return list(LOSSES)

    def flat(log_p: Any, *args: Any, **kwargs: Any) -> Any:
        return np.full(np.shape(log_p)[1:], 2.0), np.ones(np.shape(log_p)[1], bool)

    places = {
        "build_classifier": linear,
        "train_classifier": looked_at,
        "fit_dirichlet": flat,
        "dirichlet_score": lambda log_p, alphas: -np.sum(log_p, axis=(1, 2)),
        "simplified_score": lambda log_p: -np.sum(log_p, axis=(1, 2)),
    }
    with in_place(fit_detector, places):
        detector = fit_detector(x_train, x_val, seed, budget="quick")
        threshold, history = (getattr(detector, name, None) for name in ("threshold", "history"))
    same = not asked or np.array_equal(np.asarray(history, float), LOSSES)
    return {"trained": asked, "losses": bool(same), "threshold": threshold}
