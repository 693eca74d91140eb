"""Exercise 1.5: what can be wrong with a fitted detector. Measurements come from the caller.

The advice speaks of Keras and of autoencoders unless another one is handed in: a detector of
another notebook is judged by the same questions.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.values import as_float_vector, describe
from data_utils.selfcheck.words import Finding

UPSIDE_DOWN = 0.45  # AUROC; chance is 0.5, and a hundred images of a digit are good to about 0.03


def history_falls(
    history: Any,
    *,
    unit: str = "epoch",
    ends: tuple[str, str] = ("in the first epoch", "in the last"),
    advice: str = 'pass network.fit(...).history["loss"] to AutoencoderDetector',
    cure: str = "the target of an autoencoder is its input: network.fit(x, x, ...)",
) -> Finding | None:
    """One finite training loss per epoch (or other unit), lower at the end than at the start."""
    values = np.asarray(history, dtype=object).ravel()
    numbers = [float(v) for v in values if isinstance(v, (int, float, np.number))]
    if len(numbers) < 2 or len(numbers) != values.size or not np.isfinite(numbers).all():
        return Finding(
            f"history: one finite loss per {unit}, two {unit}s or more",
            describe(history),
            "the network was not trained, or the losses were not handed on",
            advice,
        )
    if numbers[-1] >= numbers[0]:
        return Finding(
            "a training loss that falls",
            f"{numbers[0]:.4g} {ends[0]}, {numbers[-1]:.4g} {ends[1]}",
            "the network does not learn: learning rate, loss or target is wrong",
            cure,
        )
    return None


def untrained_on_request(
    history: Any,
    *,
    advice: str = "call network.fit only if train is true; the untrained copy is for comparison",
) -> Finding | None:
    """With train=False there is no training, so no history of losses."""
    if np.size(np.asarray(history, dtype=object)) == 0:
        return None
    return Finding(
        "an empty history with train=False",
        describe(history),
        "the network is trained although train is false",
        advice,
    )


def weights_moved(
    trained: Any,
    untrained: Any,
    *,
    advice: str = "build the same network in both cases, and only skip network.fit",
    cure: str = "call network.fit(x, x, ...) when train is true",
) -> Finding | None:
    """Training changed the weights (compared with the untrained copy of the same seed)."""
    same_form = (
        isinstance(trained, (list, tuple))
        and isinstance(untrained, (list, tuple))
        and len(trained) == len(untrained)
        and all(np.shape(a) == np.shape(b) for a, b in zip(trained, untrained, strict=True))
    )
    if not same_form or not trained:
        return Finding(
            "the same weights' shapes with train=True and train=False",
            f"{describe(trained)} and {describe(untrained)}",
            "train=False builds another network",
            advice,
        )
    if all(np.array_equal(a, b) for a, b in zip(trained, untrained, strict=True)):
        return Finding(
            "weights that differ from the untrained network's",
            "exactly the same weights",
            "the network was built but never trained",
            cure,
        )
    return None


def reconstructions_form(
    got: Any,
    images: NDArray[np.uint8],
    *,
    advice: str = "end the network with 784 values, reshaped to (28, 28, 1)",
) -> Finding | None:
    """One picture of the same size for each image, and not all alike."""
    if not isinstance(got, np.ndarray) or got.shape != images.shape:
        return Finding(
            f"reconstructions of shape {images.shape}",
            describe(got),
            "the network's output does not have the form of its input",
            advice,
        )
    if got.dtype.kind not in "iuf" or not np.isfinite(got).all():
        return Finding("finite grey values", describe(got), "NaN or no numbers at all",
                       "look at the loss: did it become NaN?")  # fmt: skip
    return None


def better_than_untrained(
    trained: float,
    untrained: float,
    margin: float,
    *,
    advice: str = "check that fit gets x as input and as target, and that it runs when train is "
    "true",
) -> Finding | None:
    """Training must improve the AUROC by `margin` on a digit where the two lie far apart."""
    if trained >= untrained + margin:
        return None
    return Finding(
        f"an AUROC at least {margin:.2f} above that of the untrained network",
        f"{trained:.3f}, untrained {untrained:.3f}",
        "this detector knows hardly more than a network that was never trained",
        advice,
    )


def reaches_floor(
    auroc: float,
    floor: float,
    what: str,
    *,
    advice: str = "train on normal images only, with a middle layer of about 8 numbers and a few "
    "layers on either side, for all epochs of the budget",
) -> Finding | None:
    """The AUROC on `what` reaches the published floor."""
    if auroc >= floor:
        return None
    why = "the detector is weaker than the honest designs that were measured"
    if auroc < UPSIDE_DOWN:
        why = "the ranking is upside down: anomalies come back better than normal images"
    return Finding(
        f"AUROC of at least {floor:.2f} ({what})",
        f"{auroc:.3f}",
        why,
        advice,
    )


def score_is_upright(reached: float, *, advice: str) -> Finding | None:
    """The detector's own score ranks anomalies above normal images, better than a coin."""
    if reached > UPSIDE_DOWN:
        return None
    return Finding(
        "anomaly_score: higher = more anomalous",
        f"an AUROC of {reached:.3f}",
        "the score is upside down: normal images have the higher scores",
        advice,
    )


def same_in_any_order(
    together: NDArray[np.float64],
    apart: NDArray[np.float64],
    *,
    advice: str = "use network.predict, which never runs in training mode",
) -> Finding | None:
    """A score does not depend on the other images of the batch nor on their order.

    Tolerance: 1 % of the scores' standard deviation, far above float noise and far below what
    batch statistics change.
    """
    spread = float(np.std(together))
    worst = float(np.max(np.abs(together - apart)))
    if spread > 0 and worst <= 0.01 * spread:
        return None
    return Finding(
        "the same score for an image in any batch and any order",
        "all scores alike"
        if spread == 0
        else f"differences up to {worst / spread:.1%} of their sd",
        "the network still behaves as in training (batch statistics, dropout), or draws noise",
        advice,
    )


def same_for_same_seed(
    first: NDArray[np.float64],
    again: NDArray[np.float64],
    *,
    advice: str = "call keras.utils.set_random_seed(seed) before you build the network",
) -> Finding | None:
    """Two fits with one seed give the same scores.

    Tolerance: 5 % of the scores' standard deviation on average. Two seeds differ by far more;
    parallel sums on several cores by less.
    """
    difference = float(np.mean(np.abs(first - again))) / max(float(np.std(first)), 1e-12)
    if difference <= 0.05:
        return None
    return Finding(
        "the same detector for the same seed",
        f"scores that differ by {difference:.0%} of their sd",
        "the network starts from other random weights each time",
        advice,
    )


def scores_form(got: Any, count: int) -> Finding | None:
    """One finite score per image, and not all alike."""
    scores = as_float_vector(got, count)
    if isinstance(scores, Finding):
        return scores
    if np.ptp(scores) == 0:
        return Finding(
            "scores that differ from image to image",
            "the same score for every image",
            "the detector does not look at the image",
            "print what your network gives for two different images, step by step",
        )
    return None
