"""Exercise 4.10: does fit_detector hand on what it is given?

Measurements come from `nb4_probes_detector`, where simple functions stand in the places of the
learner's others.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.nb4_detector import KIND
from data_utils.selfcheck.values import describe, is_number
from data_utils.selfcheck.words import Finding

# Of the notebook's locked cell: how many transformations and epochs a budget stands for.
BUDGETS = {"quick": (18, 2), "embedded": (36, 5), "full": (36, 1)}
LOSSES = [2.25, 1.5, 0.75]  # what a training returns that only looks like one
Images = NDArray[np.uint8]
Given = tuple[str, int, int]


def put_together_form(report: Any) -> Finding | None:
    """What the measured fit says of itself can be read.

    Parameters
    ----------
    report : object
        As from `data_utils.selfcheck.nb4_probes_detector.fit_report`.
    """
    calls = report.get("calls") if isinstance(report, dict) else None
    if isinstance(calls, (list, tuple)) and all(_is_call(call) for call in calls):
        return None
    return Finding(
        "train_classifier called with images, transformations, epochs and a seed",
        describe(calls if calls is not None else report),
        "something else was handed to it",
        "train_classifier(network, images, transforms, epochs, seed)",
    )


def _is_call(call: Any) -> bool:
    return (
        isinstance(call, dict)
        and {"images", "transforms", "epochs", "seed"} <= set(call)
        and isinstance(call["images"], np.ndarray)
        and call["images"].ndim == 3
        and isinstance(call["transforms"], (list, tuple, np.ndarray))
    )


def nothing_trained(calls: Sequence[Any]) -> Finding | None:
    """With train=False nobody calls train_classifier, but perhaps for no epoch."""
    if all(call["epochs"] == 0 for call in calls):
        return None
    return Finding(
        "no training with train=False",
        "train_classifier was called",
        "the argument train is not handed on to fit_on, or not asked",
        "fit_on(..., seed, train), and there: train_classifier(...) if train else []",
    )


def trained_as_asked(
    calls: Sequence[Mapping[str, Any]], images: Images, given: Given
) -> Finding | None:
    """The training gets all images, and the transformations and epochs of the budget.

    Parameters
    ----------
    calls : sequence of mapping
        As from `data_utils.selfcheck.nb4_probes_detector.fit_report`; none where a detector of
        another kind trains without `train_classifier`.
    images : ndarray of uint8, shape (n, 28, 28)
        What fit_detector was given to train on.
    given : tuple of (str, int, int)
        The budget, and how many transformations and epochs it stands for.
    """
    budget, transforms, epochs = given
    for call in calls:
        for name, value, wanted, why in (
            ("images", len(call["images"]), len(images), "images were left out, or added"),
            ("transformations", len(call["transforms"]), transforms,
             "BUDGET of the notebook, or a fixed set, stands where the argument budget belongs"),
            ("epochs", call["epochs"], epochs,
             "BUDGET of the notebook, or a fixed number, stands where the argument budget belongs"),
        ):  # fmt: skip
            if not is_number(value) or value != wanted:
                return Finding(
                    f'train_classifier called with {wanted} {name}, for budget="{budget}"',
                    describe(value) if not is_number(value) else f"{float(value):g} of them",
                    why,
                    "fit_on(x_train, TRANSFORMS[budget], EPOCHS[budget], seed, train)",
                )
        if not np.array_equal(_sorted_rows(call["images"]), _sorted_rows(images)):
            return Finding(
                "train_classifier called with the images of x_train",
                "other images",
                "it was handed something else than fit_detector was given",
                "train_classifier(network, images, transforms, epochs, seed)",
            )
    return None


def _sorted_rows(images: Images) -> Images:
    rows = np.asarray(images).reshape(len(images), -1)
    found: Images = rows[np.lexsort(rows.T[::-1])]
    return found


def losses_are_handed_on(
    calls: Sequence[Any], history: Any, losses: Sequence[float]
) -> Finding | None:
    """The history is the list that the training returned."""
    kept = np.asarray(history, object).ravel().tolist()
    if not calls or kept == list(losses):
        return None
    return Finding(
        f"a history of {list(losses)}: the losses that train_classifier returned",
        describe(history) if kept != [None] else "None",
        "the losses were not handed on",
        f"hand the list that train_classifier returned to {KIND}",
    )


def training_follows_the_seed(first: Sequence[Any], other: Sequence[Any]) -> Finding | None:
    """The training gets another seed where fit_detector does.

    Parameters
    ----------
    first, other : sequence of mapping
        The calls of two fits, from one seed and from another.
    """
    seeds = [[call["seed"] for call in calls] for calls in (first, other)]
    if seeds[0] != seeds[1] or not first:
        return None
    return Finding(
        "train_classifier called with the argument seed",
        f"{describe(seeds[0][0])}, whatever the seed",
        "SEED of the notebook, or another fixed number, stands where the argument seed belongs",
        "train_classifier(network, images, transforms, epochs, seed)",
    )
