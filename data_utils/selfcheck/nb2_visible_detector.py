"""Visible check of notebook 2: exercise 2.8."""

from collections.abc import Callable
from typing import Any

import numpy as np

from data_utils.datasets import load_mnist
from data_utils.selfcheck import nb1_score, nb2_detector
from data_utils.selfcheck.words import Ask, Found, expect, finding_for_exception

TARGET_FPR = 0.2  # other than the notebook's, so that an argument that is ignored shows


def check_detector(fit_detector: Ask) -> None:
    """Exercise 2.8 on 200 fives, trained for the quick budget: some seconds."""
    data = load_mnist("embedded")
    fives = data.images[data.labels == 5]
    x_train, x_val, shown = fives[:200], fives[200:300], fives[300:320]
    trained, untrained = (
        fit_detector(x_train, x_val, 7, target_fpr=TARGET_FPR, budget="quick", train=train)
        for train in (True, False)
    )
    for detector in (trained, untrained):
        expect(nb2_detector.detector_form(detector))
    expect(nb2_detector.losses_fall(list(trained.history)))
    expect(nb2_detector.untrained_on_request(list(untrained.history)))
    expect(nb2_detector.networks_learned(_weights(trained), _weights(untrained)))
    fits = (fit_detector(x_train, x_val, seed, budget="quick", train=False) for seed in (7, 7, 8))
    first, again, other = (np.asarray(fit.error_parts(x_val)[0], float) for fit in fits)
    expect(nb2_detector.same_for_same_seed(first, again))
    expect(nb2_detector.other_for_other_seed(first, other))
    expect(nb2_detector.reconstructions_form(trained.reconstruct(shown), shown))
    scores_val = _asked("combined_score", trained.anomaly_score, x_val)
    expect(nb2_detector.scores_form(scores_val, len(x_val)))
    together = _scores(trained, shown)
    apart = np.concatenate([_scores(trained, shown[i : i + 1]) for i in range(len(shown))])
    expect(nb2_detector.same_in_any_order(together, apart))
    threshold = _asked("threshold_at", lambda: trained.threshold)
    expect(nb1_score.threshold_value(threshold, np.asarray(scores_val, float), TARGET_FPR))


def _weights(detector: Any) -> dict[str, Any]:
    pair = detector.pair
    return nb2_detector.by_network(
        pair.generator_parameters(), pair.discriminator_parameters(), detector.parameters()
    )


def _scores(detector: Any, images: Any) -> Any:
    scores = _asked("combined_score", detector.anomaly_score, images)
    expect(nb2_detector.scores_form(scores, len(images)) if len(images) > 1 else None)
    return np.asarray(scores, float).reshape(-1)


def _asked(name: str, function: Callable[..., Any], *args: Any) -> Any:
    """Call what works through another function of the learner's, and name that one if it stops."""
    try:
        return function(*args)
    except Exception as error:
        kind = type(error).__name__
        raise Found(finding_for_exception(name, kind, str(error), "", frozenset())) from None


DETECTOR_CHECKS: dict[str, Callable[[Ask], None]] = {"2.8": check_detector}
