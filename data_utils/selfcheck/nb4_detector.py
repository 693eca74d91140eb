"""Exercise 4.10: what can be wrong with a fitted detector of transformations.

Most questions are those of exercises 1.5, 2.8 and 3.9; here stand their words for a classifier of
transformations. Measurements come from the caller.
"""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck import nb1_detector, nb3_detector
from data_utils.selfcheck.values import describe
from data_utils.selfcheck.words import Finding

NAMES = ("anomaly_score", "parameters", "threshold", "history", "log_p")
KIND = "ExplainedDetector"
# Of the transformations of unseen normal images, those that are named rightly. Honest designs reach
# 0.96 in the quick budget; without training it is chance. An AUROC would not do: with random
# weights the Dirichlet score of one design reaches 0.89 on digit 2.
LEAST_RIGHT = 0.8

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


def put_together(got: Any, images: int, epochs: int, seed: int) -> Finding | None:
    """The training gets all images, the budget's epochs and the seed; its losses are handed on.

    Parameters
    ----------
    got : dict
        As from `data_utils.selfcheck.nb4_probes_detector.fit_report`; a detector of another kind
        may train without `train_classifier`.
    images, epochs, seed : int
        What there was to be handed on.
    """
    for given in np.asarray(got["trained"], float).reshape(-1, 3):
        for name, value, wanted in zip(
            ("images", "epochs", "as the seed"), given, (images, epochs, seed), strict=True
        ):
            if value != wanted:
                return Finding(
                    f"train_classifier called with {wanted} {name}",
                    f"{value:.0f}",
                    "it was handed something else than fit_detector was given",
                    "train_classifier(network, images, transforms, epochs, seed)",
                )
    if got["losses"]:
        return None
    return Finding(
        "a history: the losses that train_classifier returned",
        "something else",
        "the losses were not handed on",
        f"hand the list that train_classifier returned to {KIND}",
    )


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
