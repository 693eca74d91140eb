"""The visible checks of exercises 3.9 and 3.10: on other digits than the hidden ones."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.datasets import load_mnist
from data_utils.metrics import auroc
from data_utils.selfcheck import nb3_detector, nb3_few_labels, nb3_threshold
from data_utils.selfcheck.words import Ask, Found, expect, finding_for_exception

TARGET_FPR = 0.1  # other than the notebook's, so that an argument that is ignored shows
DIGIT = 0  # left out here
TRAIN, VAL, JUDGED, LABELLED = 1200, 200, 100, 20  # images; more to train on than the quick bank


def check_detector(fit_detector: Ask) -> None:
    """Exercise 3.9 on 1,200 images of nine digits: some seconds."""
    x_train, x_val, normal, anomaly, _ = _images()
    trained, untrained = (
        fit_detector(x_train, x_val, 7, target_fpr=TARGET_FPR, budget="quick", train=train)
        for train in (True, False)
    )
    for detector in (trained, untrained):
        names, kind = nb3_detector.NEIGHBOUR_NAMES, "NeighbourDetector"
        expect(nb3_detector.detector_form(detector, names, kind))
    expect(nb3_detector.bank_size(trained.parameters(), 1000, TRAIN))
    expect(nb3_detector.other_backbone_untrained(trained.parameters(), untrained.parameters()))
    other = fit_detector(x_train, x_val, 8, target_fpr=TARGET_FPR, budget="quick")
    expect(nb3_detector.bank_is_drawn(trained.parameters(), other.parameters()))
    expect(nb3_detector.bank_holds_each_once(trained.parameters()))
    few = [fit_detector(x_train[:40], x_val, seed, budget="quick", train=False) for seed in (7, 8)]
    banks = [nb3_detector.in_order(detector.parameters()) for detector in few]
    expect(nb3_detector.random_weights_follow_seed(*banks))
    scores = _scores_of_parts("neighbour_distance", trained, (normal, anomaly))
    expect(nb3_detector.score_is_upright(auroc(*scores)))
    _check_threshold("neighbour_distance", trained, x_val, TARGET_FPR, {"x_train": x_train})


def check_few_labels(fit_few_labels: Any) -> None:
    """Exercise 3.10 on 1,200 normal images and twenty labelled anomalies: some seconds."""
    x_train, x_val, normal, anomaly, labelled = _images()
    few = fit_few_labels(x_train, labelled, x_val, 7)
    expect(nb3_detector.detector_form(few, nb3_detector.HEAD_NAMES, "HeadDetector"))
    features = fit_few_labels.another("features_of")(few.network, x_train)
    held = np.asarray(few.normal) if hasattr(few, "normal") else None
    expect(nb3_few_labels.scaled_once(held, np.asarray(features, float), len(labelled)))
    reached = auroc(*_scores_of_parts("train_head", few, (normal, anomaly)))
    expect(nb3_detector.score_is_upright(reached))
    mislabelled = fit_few_labels(x_train, normal[:LABELLED], x_val, 7)
    without = auroc(*_scores_of_parts("train_head", mislabelled, (normal, anomaly)))
    expect(nb3_detector.learns_from_labels(reached, without))
    taken = {"x_normal": x_train, "x_anomaly": labelled}
    _check_threshold("train_head", few, x_val, 0.05, taken)


def _images() -> tuple[NDArray[np.uint8], ...]:
    """Return normal images to train on, to validate, to judge; anomalies to judge and labelled."""
    data = load_mnist("embedded")
    draw = np.random.default_rng(31)
    normal = draw.permutation(data.images[data.labels != DIGIT])
    anomaly = draw.permutation(data.images[data.labels == DIGIT])
    x_train, x_val, judged, _ = np.split(normal, np.cumsum([TRAIN, VAL, JUDGED]))
    return x_train, x_val, judged, anomaly[:JUDGED], anomaly[JUDGED : JUDGED + LABELLED]


def _scores_of_parts(name: str, detector: Any, parts: tuple[Any, ...]) -> list[Any]:
    found = []
    for images in parts:
        scores = _asked(name, detector.anomaly_score, images)
        expect(nb3_detector.scores_form(scores, len(images)))
        found.append(np.asarray(scores, float))
    return found


def _check_threshold(
    name: str, detector: Any, x_val: Any, target: float, others: dict[str, Any]
) -> None:
    expect(nb3_detector.threshold_is_set(detector.threshold))
    (scores,) = _scores_of_parts(name, detector, (x_val,))
    taken = {
        kind: lambda images=images: _scores_of_parts(name, detector, (images,))[0]
        for kind, images in others.items()
    }
    expect(nb3_threshold.threshold_value(detector.threshold, scores, target, taken))


def _asked(name: str, function: Callable[..., Any], *args: Any) -> Any:
    """Call what works through another function of the learner's, and name that one if it stops."""
    try:
        return function(*args)
    except Exception as error:
        kind = type(error).__name__
        raise Found(finding_for_exception(name, kind, str(error), "", frozenset())) from None


DETECTOR_CHECKS: dict[str, Callable[[Ask], None]] = {
    "3.9": check_detector,
    "3.10": check_few_labels,
}
