"""Exercise 2.8: what can be wrong with a fitted GAN detector. Measurements come from the caller.

Most questions are those of exercise 1.5; here stand their words for a GAN, and what is new.
"""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.gan_training import GAN_RATE
from data_utils.selfcheck import nb1_detector
from data_utils.selfcheck.values import describe
from data_utils.selfcheck.words import Finding

FIFTH = 5  # the loss of one step is noisy: the first fifth of a training against its last
DETECTOR_NAMES = ("pair", "history", "anomaly_score", "reconstruct", "error_parts", "parameters")
_TRAIN_PAIR = "train_gan(pair, x, GAN_STEPS[budget], seed) when train is true"
_TRAIN_ENCODER = "train_encoder(pair, encoder, x, ENCODER_STEPS[budget], seed) when train is true"
CURES = {"generator": _TRAIN_PAIR, "discriminator": _TRAIN_PAIR, "encoder": _TRAIN_ENCODER}

untrained_on_request = partial(
    nb1_detector.untrained_on_request,
    advice="put train_gan and train_encoder behind `if train:`; the history is empty without them",
)
reconstructions_form = partial(
    nb1_detector.reconstructions_form,
    advice="the generator ends in pictures (n, 1, 28, 28), the encoder in noise (n, LATENT_SIZE)",
)
better_than_untrained = partial(
    nb1_detector.better_than_untrained,
    advice="scale x_train with to_tanh_range, train the pair first and the encoder after it",
)
reaches_floor = partial(
    nb1_detector.reaches_floor,
    advice="train the pair first and the encoder after it, on x_train alone, scaled with "
    "to_tanh_range, for all steps of the budget",
)
score_is_upright = partial(
    nb1_detector.score_is_upright,
    advice="return a GanDetector as it is given; its score is your combined_score of both errors",
)
same_in_any_order = partial(
    nb1_detector.same_in_any_order,
    advice="score through the detector's own methods, which put every network in evaluation mode",
)
same_for_same_seed = partial(
    nb1_detector.same_for_same_seed,
    advice="call torch.manual_seed(seed) before you build the pair and the encoder",
)
RATE_SLACK = 1.5  # Adam's first step changes each weight by its rate; a training by ten times that
MOST_OF_MEAN = 1.1  # of the mean image's error; see copies_know_the_digit


def detector_form(got: Any) -> Finding | None:
    """What comes back has the attributes and methods of a GanDetector."""
    missing = [name for name in DETECTOR_NAMES if not hasattr(got, name)]
    if not missing:
        return None
    return Finding(
        "a GanDetector",
        f"{describe(got)}, without {missing[0]}",
        "something else is returned, or nothing at all",
        "end with return GanDetector(pair, encoder, history, x_val, target_fpr)",
    )


def losses_fall(history: Any) -> Finding | None:
    """One finite loss per step, lower in the last fifth than in the first, on average."""
    values = np.asarray(history, dtype=object).ravel()
    numbers = [float(v) for v in values if isinstance(v, (int, float, np.number))]
    ends: Any = history
    if len(numbers) == values.size and len(numbers) >= 2 and np.isfinite(numbers).all():
        some = max(1, len(numbers) // FIFTH)
        ends = [float(np.mean(numbers[:some])), float(np.mean(numbers[-some:]))]
    return nb1_detector.history_falls(
        ends,
        unit="step",
        ends=("on average in the first fifth of the steps", "in the last fifth"),
        advice="hand the list that train_encoder returns to GanDetector",
        cure="train the pair first: the encoder can only learn for a generator that stands still",
    )


def by_network(generator: Any, discriminator: Any, everything: Any) -> dict[str, Any]:
    """Return the weights of each network; `everything` holds the encoder's after the pair's."""
    lists = (generator, discriminator, everything)
    known = all(isinstance(weights, (list, tuple)) for weights in lists)
    encoder = everything[len(generator) + len(discriminator) :] if known else everything
    return {"generator": generator, "discriminator": discriminator, "encoder": encoder}


def networks_learned(trained: dict[str, Any], untrained: dict[str, Any]) -> Finding | None:
    """Each network's weights differ from those of the untrained copy of the same seed.

    Batch norm moves its running statistics whenever it sees a batch in training mode, whether
    or not anything learns; they are few beside the weights, so most numbers must have changed.
    """
    for name, cure in CURES.items():
        finding = nb1_detector.weights_moved(
            trained[name],
            untrained[name],
            advice="build the same networks in both cases, and only skip the training",
            cure=f"the {name} must learn: call {cure}",
        )
        if finding:
            return finding
        pairs = list(zip(trained[name], untrained[name], strict=True))
        moved = sum(np.size(a) for a, b in pairs if not np.array_equal(a, b))
        share = moved / max(sum(np.size(a) for a, _ in pairs), 1)
        if share <= 0.5:
            return Finding(
                f"a {name} whose weights differ from the untrained one's",
                f"{share:.0%} of its numbers changed",
                "batches went through it, and no optimiser changed its weights",
                f"call {cure}",
            )
    return None


def error_beside_mean(copies: Any, images: NDArray[np.uint8], mean: Any) -> float:
    """Return the squared error of the copies, in units of the mean image's."""
    error = float(np.mean((np.asarray(copies, float) - images) ** 2))
    return error / float(np.mean((mean - images.astype(float)) ** 2))


def collapsed(copies: Any, images: NDArray[np.uint8], mean: Any) -> bool:
    """Say whether the copies of normal images are farther off than their mean image; as below."""
    sound = reconstructions_form(copies, images) is None
    return sound and error_beside_mean(copies, images, mean) > MOST_OF_MEAN


def copies_know_the_digit(copies: Any, images: NDArray[np.uint8], mean: Any) -> Finding | None:
    """Copies of normal images come nearer than the mean of the training images does.

    Honest designs, trained for the quick budget, reach 0.38 to 0.90 of its error; an encoder that
    does not know the generator 1.3 or more, for it draws some other image of the digit. So does an
    honest one whose training collapsed, which happens: who asks this trains once more then.

    Parameters
    ----------
    copies : object
        What ``reconstruct`` returned.
    images : ndarray of uint8, shape (n, 28, 28)
        Normal images that were not trained on.
    mean : ndarray, shape (28, 28)
        Of the training images.
    """
    finding = reconstructions_form(copies, images)
    if finding:
        return finding
    ratio = error_beside_mean(copies, images, mean)
    if ratio <= MOST_OF_MEAN:
        return None
    return Finding(
        "copies of normal images that lie nearer than their mean image",
        f"{ratio:.1f} times the squared error of the mean image",
        "the encoder does not know this generator, or the generator cannot draw this digit",
        "train the pair first, then the encoder, both on to_tanh_range(x_train)",
    )


def scores_form(got: Any, count: int) -> Finding | None:
    """One finite score for each image, and not all alike."""
    finding = _finite_row(got, count, "one score per image")
    if finding:
        return finding
    if np.ptp(np.asarray(got, float)) > 0:
        return None
    return Finding(
        "scores that differ from image to image",
        "the same score for every image",
        "both errors are the same for every image, or do not come into the score",
        "print detector.error_parts(x_val[:5]): where they differ, look at your combined_score",
    )


def images_form(got: Any, name: str) -> Finding | None:
    """The run's images are still images: uint8 (n, 28, 28)."""
    shape = got.shape if isinstance(got, np.ndarray) else ()
    if len(shape) == 3 and shape[0] and shape[1:] == (28, 28) and got.dtype == np.uint8:
        return None
    return Finding(
        f"{name}: images (n, 28, 28) of type uint8 after the whole notebook was run",
        describe(got),
        "a cell of your own gave the name another meaning",
        "use another name in that cell",
    )


def _finite_row(got: Any, count: int, what: str) -> Finding | None:
    """One finite number for each image."""
    try:
        values = np.asarray(got)
    except ValueError:
        values = np.zeros(())
    if values.shape != (count,) or values.dtype.kind not in "iuf":
        return Finding(
            f"{what}: shape ({count},)",
            describe(got),
            "your combined_score does not return one number for each image that is judged",
            "look at exercise 2.7, and return a GanDetector as it is given",
        )
    if np.isfinite(values).all():
        return None
    return Finding(
        f"{what}, finite",
        f"{int((~np.isfinite(values)).sum())} of {count} are NaN or infinite",
        "NaN in the networks' weights (a loss ran away), or a standard deviation of 0 in 2.7",
        "print the last losses in history; then detector.error_parts(x_val[:5])",
    )


def error_parts_form(got: Any, count: int) -> Finding | None:
    """Two errors for each image, finite, as GanCopier.error_parts returns them."""
    if not isinstance(got, (list, tuple)) or len(got) != 2:
        return Finding(
            "error_parts: errors in pixels and errors in features",
            describe(got),
            "the detector's own error_parts was replaced",
            "return a GanDetector as it is given",
        )
    found = (_finite_row(part, count, "one error per image") for part in got)
    return next((finding for finding in found if finding), None)


def networks_alike(first: dict[str, Any], other: dict[str, Any]) -> bool:
    """Say whether two fits hold exactly the same weights."""
    return all(np.array_equal(_flat(first[name]), _flat(other[name])) for name in CURES)


def _flat(weights: Any) -> NDArray[np.float64]:
    """Return all weights of a network in one row; empty for what is no list of numbers."""
    rows = [np.ravel(w) for w in weights] if isinstance(weights, (list, tuple)) else []
    if not rows or any(row.dtype.kind not in "iuf" for row in rows):
        return np.zeros(0)
    return np.concatenate(rows).astype(np.float64)


def trained_alike(first: dict[str, Any], other: dict[str, Any]) -> Finding | None:
    """Two trainings with the same images, seed and budget end in the same weights.

    Only their validation images differ. The median tells on a graphics card too, where sums in
    another order change single weights.
    """
    for name in CURES:
        one, two = _flat(first[name]), _flat(other[name])
        if one.shape != two.shape or np.median(np.abs(one - two)) > GAN_RATE / 10:
            return Finding(
                "networks that learn from x_train alone",
                f"another {name} where only x_val was another one",
                "validation images are among those that are trained on: the threshold then comes "
                "from images that were rehearsed",
                "train on to_tanh_range(x_train), and hand x_val to GanDetector alone",
            )
    return None


def budget_heeded(
    history: Any, steps: int, brief: dict[str, Any], untrained: dict[str, Any] | None
) -> Finding | None:
    """A budget of few steps gives a training of few steps.

    Parameters
    ----------
    history : object
        Losses of the encoder's brief training.
    steps : int
        What ENCODER_STEPS says; GAN_STEPS says 1.
    brief : dict
        Weights of each network after it.
    untrained : dict, optional
        Those before it; None where the same seed does not give the same networks.
    """
    count = np.size(np.asarray(history, dtype=object))
    expected = f"{steps} steps of the encoder, and 1 of the pair, where the budget says so"
    cure = "take GAN_STEPS[budget] and ENCODER_STEPS[budget], with the argument budget"
    why = "the argument budget is not used everywhere: BUDGET or a fixed number stands in its place"
    if count != steps:
        return Finding(expected, f"{count} losses of the encoder", why, cure)
    if untrained is None:
        return None
    before, after = (_flat(weights["generator"]) for weights in (untrained, brief))
    if before.shape != after.shape:
        return Finding(expected, "a generator with other weights", "it is another network", cure)
    change = float(np.median(np.abs(after - before)))
    if change <= RATE_SLACK * GAN_RATE:
        return None
    return Finding(expected, f"a generator that changed as in many steps ({change:.2g} a weight)",
                   why, cure)  # fmt: skip


def other_for_other_seed(first: NDArray[np.float64], other: NDArray[np.float64]) -> Finding | None:
    """Another seed gives other networks."""
    if not np.array_equal(first, other):
        return None
    return Finding(
        "another detector for another seed",
        "exactly the same scores",
        "the argument seed is not used, or a fixed number stands in its place",
        "call torch.manual_seed(seed) before you build the pair and the encoder",
    )
