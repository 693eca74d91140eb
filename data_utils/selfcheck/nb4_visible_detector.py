"""The visible check of exercise 4.10: on another digit than the hidden ones."""

from collections.abc import Callable
from typing import Any

import numpy as np

from data_utils.datasets import load_mnist
from data_utils.metrics import auroc
from data_utils.selfcheck import nb3_detector, nb4_detector, nb4_put_together
from data_utils.selfcheck.nb4_probes_detector import fit_report
from data_utils.selfcheck.nb4_put_together import BUDGETS, LOSSES
from data_utils.selfcheck.words import Ask, Found, expect, finding_for_exception

TARGET_FPR = 0.1  # other than the notebook's, so that an argument that is ignored shows
DIGIT = 0  # normal here
TRAIN, VAL, JUDGED = 200, 100, 60  # images


def check_detector(fit_detector: Ask) -> None:
    """Exercise 4.10 on 200 zeros, trained for the quick budget: some seconds."""
    _check_what_is_handed_on(fit_detector)
    data = load_mnist("embedded")
    zeros, others = data.images[data.labels == DIGIT], data.images[data.labels != DIGIT]
    x_train, x_val, normal, _ = np.split(zeros, np.cumsum([TRAIN, VAL, JUDGED]))
    trained, untrained = (
        fit_detector(x_train, x_val, 7, target_fpr=TARGET_FPR, budget="quick", train=train)
        for train in (True, False)
    )
    for detector in (trained, untrained):
        expect(nb4_detector.detector_form(detector))
    expect(nb4_detector.losses_fall(list(trained.history)))
    expect(nb4_detector.untrained_on_request(list(untrained.history)))
    expect(nb4_detector.network_learned(trained.parameters(), untrained.parameters()))
    log_p = trained.log_p(normal)
    expect(nb4_detector.log_p_form(log_p, len(normal)))
    expect(nb4_detector.knows_transformations(log_p))
    anomaly = others[:: len(others) // JUDGED][:JUDGED]
    scores = [_scores(trained, images) for images in (normal, anomaly)]
    expect(nb4_detector.score_is_upright(auroc(*scores)))
    expect(nb3_detector.threshold_is_set(trained.threshold))
    known, own = (_scores(trained, images) for images in (x_train, x_val))
    expect(nb4_detector.threshold_value(trained.threshold, own, TARGET_FPR, known))


def _check_what_is_handed_on(fit_detector: Ask) -> None:
    """Images, budget, seed and losses, with simple functions in the places of the others."""
    images = np.random.default_rng(48).integers(0, 256, (50, 28, 28)).astype(np.uint8)

    def put_together(seed: int, **settings: Any) -> Any:
        report = fit_report(fit_detector, images[:30], images[30:], seed, settings, LOSSES)
        expect(nb4_put_together.put_together_form(report))
        return report

    for budget, numbers in BUDGETS.items():
        report = put_together(5, budget=budget)
        expect(nb4_put_together.trained_as_asked(report["calls"], images[:30], (budget, *numbers)))
        expect(nb4_put_together.losses_are_handed_on(report["calls"], report["history"], LOSSES))
    seeds = [put_together(seed, budget="quick")["calls"] for seed in (5, 90)]
    expect(nb4_put_together.training_follows_the_seed(*seeds))
    expect(nb4_put_together.nothing_trained(put_together(5, budget="quick", train=False)["calls"]))


def _scores(detector: Any, images: Any) -> Any:
    """Score through the learner's dirichlet_score, and name that one if it stops."""
    try:
        scores = detector.anomaly_score(images)
    except Exception as error:
        kind, name = type(error).__name__, "dirichlet_score"
        raise Found(finding_for_exception(name, kind, str(error), "", frozenset())) from None
    expect(nb4_detector.scores_form(scores, len(images)))
    return np.asarray(scores, float)


DETECTOR_CHECKS: dict[str, Callable[[Ask], None]] = {"4.10": check_detector}
