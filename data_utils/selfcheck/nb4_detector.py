"""Exercise 4.10: what can be wrong with a fitted detector of transformations.

Most questions are those of exercises 1.5, 2.8 and 3.9; here stand their words for a classifier of
transformations. Measurements come from the caller.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck import nb1_detector, nb1_score, nb3_detector
from data_utils.selfcheck.values import describe, is_number
from data_utils.selfcheck.words import Finding

NAMES = ("anomaly_score", "parameters", "threshold", "history", "log_p")
KIND = "ExplainedDetector"
# Of the transformations of unseen normal images, those that are named rightly. Honest designs reach
# 0.96 in the quick budget; without training it is chance. An AUROC would not do: with random
# weights the Dirichlet score of one design reaches 0.89 on digit 2.
LEAST_RIGHT = 0.8  # the text of the exercise says so
NEAR = 1e-6  # of the spread of the scores: rounding is far below, the next score far above
FROM_VAL = "np.quantile(detector.anomaly_score(x_val), 1 - target_fpr)"
Scores = NDArray[np.float64]

detector_form = partial(nb3_detector.detector_form, names=NAMES, kind=KIND)
losses_fall = partial(
    nb1_detector.history_falls,
    advice="hand the list that train_classifier returned to ExplainedDetector",
    cure="train_classifier must get the network that the detector keeps, and the images of x_train",
)
untrained_on_request = partial(
    nb1_detector.untrained_on_request,
    advice="call train_classifier only if train is true; the untrained copy is for comparison",
)
reaches_floor = partial(
    nb1_detector.reaches_floor,
    advice="train on normal images alone, for all epochs of the budget; fit the Dirichlet "
    "parameters to the training images after the training",
)
score_is_upright = partial(
    nb1_detector.score_is_upright,
    advice="anomaly_score is minus a log-density: see 4.9",
)
same_in_any_order = partial(
    nb1_detector.same_in_any_order,
    advice="score through log_probabilities, which puts the network into evaluation mode",
)
same_for_same_seed = partial(
    nb1_detector.same_for_same_seed,
    advice="call seed_everything(seed) before you build the classifier, and hand seed on to "
    "train_classifier",
)
SEED_ADVICE = "call seed_everything(seed) first, with the argument and no other number"


def threshold_value(
    got: Any, scores: Scores, target_fpr: float, train_scores: Scores | None = None
) -> Finding | None:
    """The threshold leaves the wanted share of the validation scores above it.

    Parameters
    ----------
    got : object
    scores : ndarray of float, shape (n,)
        The detector's own, of x_val.
    target_fpr : float
    train_scores : ndarray of float, shape (m,), optional
        Those of x_train, to name the mistake of who took them.
    """
    finding = nb1_score.threshold_value(got, scores, target_fpr)
    if finding is None or not is_number(got) or not np.isfinite(float(got)):
        return finding
    threshold, spread = float(got), max(float(np.ptp(scores)), 1e-300)
    why, advice = "the number does not follow from these scores and this target", FROM_VAL
    for reached, reason, cure in _other_thresholds(threshold, scores, target_fpr, train_scores):
        if reached:
            why, advice = reason, cure
            break
    else:
        if not -NEAR * spread <= threshold - scores.min() <= (1 + NEAR) * spread:
            why = "it lies outside the scores of x_val: it came from other scores"
    return replace(finding, why=why, advice=advice)


def _other_thresholds(
    threshold: float, scores: Scores, target_fpr: float, train_scores: Scores | None
) -> Iterator[tuple[bool, str, str]]:
    """Yield whether a typical mistake leads to this threshold, its reason and its cure.

    Scores of this notebook can be 1e8 large and lie 1 apart, so "near" is meant by their spread.
    """

    def near(other: float) -> bool:
        return abs(threshold - other) <= NEAR * max(float(np.ptp(scores)), 1e-300)

    percent = "np.percentile takes percent: 100 * (1 - target_fpr); np.quantile takes fractions"
    if train_scores is not None:
        share = float(np.mean(train_scores > threshold))
        yield (abs(share - target_fpr) <= 1.5 / len(train_scores),
               "it is this quantile of the scores of x_train, which the network knows by heart",
               FROM_VAL)  # fmt: skip
    yield (near(np.percentile(scores, 1 - target_fpr)),
           "nearly the smallest score: a fraction where percent belong", percent)  # fmt: skip
    yield (near(np.percentile(scores, target_fpr)),
           "nearly the smallest score: target_fpr, as a fraction where percent belong",
           percent)  # fmt: skip
    yield (near(float(np.max(scores))),
           "the largest score of x_val: the target is ignored", FROM_VAL)  # fmt: skip
    yield (abs(float(np.mean(scores > threshold)) - (1 - target_fpr)) <= 1.5 / len(scores),
           "the lower quantile: nearly all normal images lie above it", FROM_VAL)  # fmt: skip
    for usual in (0.05, 0.1, 0.01):
        share = float(np.mean(scores > threshold))
        yield (usual != target_fpr and abs(share - usual) <= 1.5 / len(scores),
               f"{usual:.0%} whatever is asked for: the argument target_fpr is not used",
               FROM_VAL)  # fmt: skip
    for times in (2, 3):
        yield (near(float(np.mean(scores) + times * np.std(scores))),
               f"mean + {times} sd: the target is ignored", FROM_VAL)  # fmt: skip
    yield near(float(np.mean(scores))), "the mean of the scores: the target is ignored", FROM_VAL


def scores_form(got: Any, count: int) -> Finding | None:
    """One finite score for each image, and not all alike."""
    expected, advice = f"one score per image: shape ({count},)", "score as in 4.9: one per image"
    try:
        scores = np.asarray(got)
    except ValueError:  # rows of different lengths
        scores = np.asarray(None)
    if scores.dtype.kind not in "iuf" or scores.shape != (count,):
        return Finding(expected, describe(got), "anomaly_score gives something else", advice)
    if not np.isfinite(scores).all():
        return Finding(
            "finite scores",
            f"{int((~np.isfinite(scores)).sum())} of {count} are NaN or infinite",
            "a logarithm of 0, alphas that are NaN or infinite, or a loss that grew without end",
            "look at detector.alphas and at detector.history",
        )
    if count > 1 and np.ptp(scores) == 0:
        return Finding(
            "scores that differ from image to image",
            "the same score for every image",
            "all alphas are 1, or the network gives the same logits for every image",
            "look at detector.alphas and at detector.log_p(images)",
        )
    return None


def log_p_form(got: Any, images: int) -> Finding | None:
    """Log-probabilities of every label for every transformation of every image."""
    shape = np.shape(got) if isinstance(got, np.ndarray) else ()
    if len(shape) == 3 and shape[0] == images and shape[1] == shape[2] and np.all(got <= 0):
        return None
    return Finding(
        f"log_p: log-probabilities of shape ({images}, t, t)",
        describe(got),
        "the detector's own log_p was replaced",
        f"return an {KIND} as it is given",
    )


def knows_transformations(log_p: NDArray[np.floating[Any]]) -> Finding | None:
    """The network names the transformations of normal images that it has not seen.

    Parameters
    ----------
    log_p : ndarray of float, shape (n, t, t)
        What the detector's ``log_p`` gave for them.
    """
    count = log_p.shape[1]
    right = float(np.mean(log_p.argmax(axis=2) == np.arange(count)))
    if right >= LEAST_RIGHT:
        return None
    return Finding(
        f"at least {LEAST_RIGHT:.0%} of the transformations of unseen normal images named rightly",
        f"{right:.0%} of them; guessing gives {1 / count:.0%}",
        "the network that scores has not learnt to tell the transformations apart",
        "train for EPOCHS[budget], and hand the network that was trained to ExplainedDetector",
    )


def network_learned(trained: Any, untrained: Any) -> Finding | None:
    """Training changed more than half of the numbers of the untrained detector.

    Parameters
    ----------
    trained, untrained : object
        What ``parameters()`` returned; the running means of batch norm are no weights, so most
        numbers must have changed.
    """
    finding = nb1_detector.weights_moved(
        trained,
        untrained,
        advice="build the same network in both cases, and only skip the training",
        cure="call train_classifier(network, images, transforms, epochs, seed) when train is true",
    )
    if finding:
        return finding
    pairs = list(zip(trained, untrained, strict=True))
    moved = sum(np.size(a) for a, b in pairs if not np.array_equal(a, b))
    share = moved / max(sum(np.size(a) for a, _ in pairs), 1)
    if share > 0.5:  # an optimiser that holds the last layer alone moves a thirtieth
        return None
    return Finding(
        "a network whose weights differ from the untrained one's",
        f"{share:.0%} of its numbers changed",
        "batches went through it, and no optimiser changed most of its weights",
        "hand the network that was trained to ExplainedDetector",
    )


def budget_is_heeded(history: Any, wanted: int) -> Finding | None:
    """The history has one loss for each epoch of the budget.

    Parameters
    ----------
    history : object
    wanted : int
        EPOCHS[budget].
    """
    count = int(np.size(np.asarray(history, dtype=object)))
    if count == wanted:
        return None
    return Finding(
        f"a history of {wanted} epochs in this budget",
        f"{count} of them",
        "the budget is not heeded, or the history is not that of all epochs",
        "fit_on(x_train, TRANSFORMS[budget], EPOCHS[budget], seed, train)",
    )


def other_for_other_seed(first: Any, other: Any) -> Finding | None:
    """Another seed gives another network.

    Parameters
    ----------
    first, other : object
        What ``parameters()`` returned.
    """
    if nb1_detector.weights_moved(first, other) is None:
        return None
    return Finding(
        "another network for another seed",
        "exactly the same weights",
        "the argument seed is not used, or a fixed number stands in its place",
        SEED_ADVICE,
    )
