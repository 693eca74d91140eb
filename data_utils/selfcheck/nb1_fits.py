"""Exercise 1.5: what several fits tell together: seed, budget, and what x_val is used for.

The visible check and the hidden one make the same fits of a few images and ask the same questions.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.nb1_detector import reconstructions_form, same_for_same_seed
from data_utils.selfcheck.values import describe
from data_utils.selfcheck.words import Finding, expect

FEW_TRAIN, FEW_VAL = 128, 100  # images of the small fits: one batch or a few, a second each
FIRST_EPOCHS = 2  # compared between two fits; a rate that falls with the loss on x_val acts later
SAME_LOSS = 0.02  # relative; two fits of one seed agree to 1e-4, other images change 8 % and more
SAME_PICTURE = 1.0  # mean grey values; copies are rounded to whole ones
EPOCHS = {"quick": 12, "full": 10}  # the notebook's own, of the budgets that are tried
CLOSE, FAR = 0.15, 0.3  # relative; a loss is one of these errors, and clearly not another

Losses = list[float]


class SmallFits:
    """Fits on a few images, made when a question needs them.

    `one` and `two` have one seed and differ in their validation images, which nobody may learn
    from: those of `two` are more, and white where digits are black, so whoever trains on them or
    reports their loss gets other numbers. Both have the budget "full", and whoever asks has larger
    fits of the budget "quick": so the two can be compared.

    Parameters
    ----------
    fit : callable
        The learner's ``fit_detector``; what it returns is only handed to the other two.
    attribute : callable
        Returns an attribute of a fit, by its name.
    method : callable
        Calls a method of a fit, by its name, with arguments.
    images : ndarray of uint8, shape (n, 28, 28)
        Normal, mixed, at least 400.
    """

    SEED = 5

    def __init__(
        self,
        fit: Callable[..., Any],
        attribute: Callable[[Any, str], Any],
        method: Callable[..., Any],
        images: NDArray[np.uint8],
    ) -> None:
        self._fit, self._attribute, self._method = fit, attribute, method
        self.x_train, rest = images[:FEW_TRAIN], images[FEW_TRAIN:]
        self.x_val, self.other_val = rest[:FEW_VAL], 255 - images
        self._shown = rest[-FEW_VAL:]

    def untrained(self, seed: int) -> Any:
        """Return the network of a seed before it learns."""
        return self._fit(self.x_train, self.x_val, seed, budget="quick", train=False)

    def _small(self, x_val: NDArray[np.uint8], seed: int = SEED) -> Any:
        return self._fit(self.x_train, x_val, seed, budget="full")

    @functools.cached_property
    def one(self) -> Any:
        """The fit that the others are compared with."""
        return self._small(self.x_val)

    @functools.cached_property
    def two(self) -> Any:
        """The same with other validation images."""
        return self._small(self.other_val)

    @functools.cached_property
    def _again(self) -> Any:
        """The same as `one`, for who stops early: there `two` may differ for a good reason."""
        return self._small(self.x_val)

    def follows_seed(self) -> Finding | None:
        """One seed gives one network."""
        if self._repeatable:
            return None
        errors = [
            np.mean((self._shown - self._copies(fit, self._shown).astype(float)) ** 2, axis=(1, 2))
            for fit in (self.one, self._again)
        ]
        return same_for_same_seed(*errors)

    def another_seed(self, weights: Any) -> Finding | None:
        """Another seed gives another network: from the start, or at least in the end.

        Parameters
        ----------
        weights : list of ndarray
            Of an untrained network of a seed other than this class's.
        """
        own = self._method(self.untrained(self.SEED), "parameters")
        if weights_follow_seed(own, weights) is None:
            return None
        other = self._small(self.x_val, self.SEED + 1)
        copies = [self._copies(fit, self._shown) for fit in (self.one, other)]
        return weights_follow_seed(copies[:1], copies[1:])

    def follows_budget(self, length: int) -> Finding | None:
        """As many epochs as the budget has, or fewer; `length`: of a larger quick fit's history."""
        full = [len(self._losses(fit)) for fit in (self.one, self.two)]
        return budget_followed({"quick": [length], "full": full})

    def hands_on_training_losses(self, others: Any) -> Finding | None:
        """The history is that of x_train; `others`: a history of other images."""
        one, two = self._losses(self.one), self._losses(self.two)
        made_up = history_is_its_own(one, loss_list(others))
        if made_up or _losses_agree(one, two, max(EPOCHS.values())):
            return made_up
        own = (self.x_train, self._copies(self.two, self.x_train))
        validation = (self.other_val, self._copies(self.two, self.other_val))
        is_validation = is_error_of(two[-1], validation, own)
        return history_is_of_training(one, two, self._same_network, is_validation)

    def learns_from_x_train_alone(self) -> Finding | None:
        """Other validation images leave the training as it is."""
        if not self._repeatable:  # then no two fits can be compared
            return None
        one, two = self._losses(self.one), self._losses(self.two)
        return validation_left_alone(one, two, self._same_network)

    @functools.cached_property
    def _same_network(self) -> bool:
        return self._alike(self.one, self.two)

    @functools.cached_property
    def _repeatable(self) -> bool:
        return self._same_network or self._alike(self.one, self._again)

    def _alike(self, *fits: Any) -> bool:
        one, two = (self._copies(fit, self._shown).astype(float) for fit in fits)
        return float(np.mean(np.abs(one - two))) <= SAME_PICTURE

    def _losses(self, fit: Any) -> Losses:
        history = self._attribute(fit, "history")
        expect(losses_form(history))
        return loss_list(history)

    def _copies(self, fit: Any, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        copies = self._method(fit, "reconstruct", images)
        expect(reconstructions_form(copies, images))
        return np.asarray(copies)


def loss_list(history: Any) -> Losses:
    """Return a history that `history_falls` accepted as plain floats."""
    return [float(loss) for loss in np.asarray(history, dtype=object).ravel()]


def budget_followed(lengths: Mapping[str, Sequence[int]]) -> Finding | None:
    """Judge how many losses several fits have, by the budget asked for: two of `EPOCHS`.

    Fewer than the budget has is fine: a fit may stop early. The same number in every fit is not.
    """
    for budget, counts in lengths.items():
        if max(counts) > EPOCHS[budget]:
            return Finding(
                f'a loss for each of at most {EPOCHS[budget]} epochs with budget="{budget}"',
                f"{max(counts)} losses",
                "the number of epochs does not come from the argument budget, or there is more "
                "than one loss per epoch",
                "network.fit(..., epochs=EPOCHS[budget]) and its history['loss']",
            )
    found = {count for counts in lengths.values() for count in counts}
    if len(found) > 1:
        return None
    return Finding(
        "EPOCHS[budget] epochs: "
        + ", ".join(f"{EPOCHS[budget]} with {budget}" for budget in lengths),
        f"with each budget as many losses: {found.pop()}",
        "the number of epochs is fixed, or comes from BUDGET and not from the argument budget",
        "network.fit(..., epochs=EPOCHS[budget])",
    )


def weights_follow_seed(first: Any, other: Any) -> Finding | None:
    """Two seeds give two networks: lists of weights that differ."""
    pairs = list(zip(first, other, strict=False)) if _lists(first, other) else []
    if not all(np.array_equal(a, b) for a, b in pairs):
        return None
    return Finding(
        "another network for another seed",
        "the same weights with two seeds",
        "the argument seed is not used: a fixed number or SEED stands in its place",
        "keras.utils.set_random_seed(seed), with the seed that the function is given",
    )


def history_is_its_own(few: Losses, many: Losses) -> Finding | None:
    """Fits on other images have other losses: a made-up history has not."""
    if few != many:
        return None
    return Finding(
        "other losses for other training images",
        f"the same {len(few)} numbers: {few[0]:.4g} to {few[-1]:.4g}",
        "the history does not come from the training",
        'hand on network.fit(...).history["loss"]',
    )


def _losses_agree(one: Losses, two: Losses, epochs: int = FIRST_EPOCHS) -> bool:
    """Say whether two fits began alike: other validation images do not change that."""
    count = min(len(one), len(two), epochs)
    first, second = np.array(one[:count]), np.array(two[:count])
    return bool(np.allclose(first, second, rtol=SAME_LOSS, atol=1e-9))


def history_is_of_training(
    one: Losses, two: Losses, same_network: bool, is_validation: bool
) -> Finding | None:
    """The losses are those of x_train.

    Parameters
    ----------
    one, two : list of float
        Histories of two fits that differ in their validation images only.
    same_network : bool
        Whether the two fits gave the same network.
    is_validation : bool
        Whether the second one's last loss is its error on x_val, as `is_error_of` has it.
    """
    if not is_validation and (not same_network or _losses_agree(one, two)):
        return None
    return Finding(
        "a history of training losses, the same whatever images x_val holds",
        f"{one[-1]:.4g} at the end; {two[-1]:.4g} with other validation images",
        "this is the loss on the validation images",
        'hand on history["loss"], not history["val_loss"]',
    )


def copies_come_nearer(
    x_train: NDArray[np.uint8], before: NDArray[np.uint8], after: NDArray[np.uint8]
) -> Finding | None:
    """Training images come back better than from the untrained network.

    Parameters
    ----------
    x_train, before, after : ndarray of uint8, shape (n, 28, 28)
        Images that were learnt, their copies by the untrained network, and by the trained one.
    """
    untrained, trained = (_errors(x_train, copies)[0] for copies in (before, after))
    if trained < untrained:
        return None
    return Finding(
        "training images that come back better than from the untrained network",
        f"a mean squared error of {trained:.3g}, untrained {untrained:.3g}",
        "the network learnt something else: the target is not the input, or it was trained on "
        "images from 0 to 255, and is shown images from 0 to 1 later",
        "x = network_input(x_train), then network.fit(x, x, ...)",
    )


def validation_left_alone(one: Losses, two: Losses, same_network: bool) -> Finding | None:
    """Validation images may end a training early; they are not trained on."""
    if same_network or _losses_agree(one, two):
        return None
    return Finding(
        "a network that learns from x_train alone",
        "other weights and other losses from the first epochs on, when only x_val is exchanged",
        "x_val is among the images that network.fit trains on: the threshold then comes from "
        "images that were rehearsed, and is too low",
        "x = network_input(x_train), and nothing else",
    )


def is_error_of(
    loss: float,
    mine: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    other: tuple[NDArray[np.uint8], NDArray[np.uint8]],
) -> bool:
    """Say whether a loss is the error of some copies, and clearly not that of others.

    Parameters
    ----------
    loss : float
    mine, other : tuple of two ndarrays of uint8, shape (n, 28, 28)
        Images and their copies.
    """
    near = [abs(loss - error) <= CLOSE * error for error in _errors(*mine)]
    far = [abs(loss - error) > FAR * error for error in _errors(*other)]
    return any(near) and all(far)


def _errors(images: NDArray[np.uint8], copies: NDArray[np.uint8]) -> list[float]:
    """Return the losses that Keras knows for this: squared, absolute, cross-entropy."""
    x = images.astype(float) / 255
    drawn = np.clip(copies.astype(float) / 255, 0.002, 0.998)  # copies are rounded to 1/255
    entropy = -(x * np.log(drawn) + (1 - x) * np.log(1 - drawn))
    return [float(np.mean(e)) for e in ((x - drawn) ** 2, np.abs(x - drawn), entropy)]


def _lists(*values: Any) -> bool:
    return all(isinstance(value, (list, tuple)) and len(value) > 0 for value in values)


def losses_form(history: Any) -> Finding | None:
    """A history that can be compared: a list of finite numbers, one at least."""
    try:
        losses = loss_list(history)
    except (TypeError, ValueError, OverflowError):
        losses = []
    if losses and np.isfinite(losses).all():
        return None
    return Finding(
        "history: a list of finite losses, one per epoch",
        describe(history),
        "the network was not trained, or the losses were not handed on",
        'pass network.fit(...).history["loss"] to AutoencoderDetector',
    )
