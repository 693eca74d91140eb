"""Exercise 2.8's visible check on detectors without any network: right ones pass, mistakes read."""

from typing import Any

import numpy as np
import pytest

from data_utils.datasets import load_mnist
from data_utils.gan_training import GAN_RATE
from data_utils.selfcheck import nb2_detector
from data_utils.selfcheck.nb2_visible_detector import DETECTOR_CHECKS
from data_utils.selfcheck.words import Found

CHECK = DETECTOR_CHECKS["2.8"]


class Networks:
    """Stands for a GanPair: weights that are numbers of the seed, moved by a training."""

    def __init__(self, seed: int, moved: float) -> None:
        self._generator, self._discriminator = (
            [np.random.default_rng(seed + n).random((4, 5)) + moved, np.ones(3) + moved]
            for n in (0, 1)
        )

    def generator_parameters(self) -> Any:
        return self._generator

    def discriminator_parameters(self) -> Any:
        return self._discriminator


class Fake:
    """Stands for a GanDetector: it copies every image as a fainter one."""

    def __init__(self, x_val: Any, seed: int, target_fpr: float, train: bool) -> None:
        self.x_val, self.target_fpr, self.train, self.seed = x_val, target_fpr, train, seed
        self.history = [1 / step for step in range(1, 51)] if train else []
        self.pair = Networks(seed, float(train))

    def parameters(self) -> Any:
        pair = self.pair
        encoder = [np.full((3, 3), float(self.train))]
        return pair.generator_parameters() + pair.discriminator_parameters() + encoder

    def reconstruct(self, images: Any) -> Any:
        return images // 2

    def error_parts(self, images: Any) -> Any:
        errors = (1 + self.seed / 100) * np.mean((images / 255.0) ** 2, axis=(1, 2))
        return errors, 3 * errors

    def anomaly_score(self, images: Any) -> Any:
        return self.error_parts(images)[0]

    @property
    def threshold(self) -> Any:
        return float(np.quantile(self.anomaly_score(self.x_val), 1 - self.target_fpr))


def fit(kind: type[Fake] = Fake) -> Any:
    def fit_detector(
        x_train: Any,
        x_val: Any,
        seed: int,
        *,
        target_fpr: float = 0.05,
        budget: str = "embedded",
        train: bool = True,
    ) -> Any:
        return kind(x_val, seed, target_fpr, train)

    return fit_detector


class ListsAndTuples(Fake):
    def parameters(self) -> Any:
        return tuple(super().parameters())

    def anomaly_score(self, images: Any) -> Any:
        return super().anomaly_score(images).tolist()

    @property
    def threshold(self) -> Any:
        return np.array(sorted(self.anomaly_score(self.x_val))[-1 - int(self.target_fpr * 100)])


class NoisyLosses(Fake):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        noise = np.random.default_rng(0).normal(0, 0.02, len(self.history))
        self.history = list(np.array(self.history) * 0.3 + 0.4 + noise) if self.train else []
        self.history[-1:] = [0.5] if self.train else []  # one step may be bad


@pytest.mark.parametrize("kind", [Fake, ListsAndTuples, NoisyLosses])
def test_right_detectors_pass_whatever_form_their_numbers_have(kind: type[Fake]) -> None:
    CHECK(fit(kind))


class AlwaysTrained(Fake):
    def __init__(self, x_val: Any, seed: int, target_fpr: float, train: bool) -> None:
        super().__init__(x_val, seed, target_fpr, True)


class NeverTrained(Fake):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.pair = Networks(1, 0.0)


class OnlyStatistics(Fake):
    """Every small array moves, as running means do, and no large one."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.pair = Networks(1, 0.0)
        self.pair.generator_parameters()[1] += float(self.train)


class EncoderForgotten(Fake):
    def parameters(self) -> Any:
        return [*super().parameters()[:-1], np.zeros((3, 3))]


class NoHistory(Fake):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.history = []


class RisingLosses(Fake):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.history.reverse()


class JudgedTogether(Fake):
    def anomaly_score(self, images: Any) -> Any:
        score = super().anomaly_score(images)
        return score - score.mean() + 1e-3 * score


class OneScore(Fake):
    def anomaly_score(self, images: Any) -> Any:
        return np.ones(len(images))


class DeafToTarget(Fake):
    @property
    def threshold(self) -> Any:
        return float(np.quantile(self.anomaly_score(self.x_val), 0.95))


class DeafToSeed(Fake):
    def error_parts(self, images: Any) -> Any:
        self.seed = 0
        return super().error_parts(images)


class NoNumber(Fake):
    def anomaly_score(self, images: Any) -> Any:
        return super().anomaly_score(images) * np.nan


class Unwritten(Fake):
    @property
    def threshold(self) -> Any:
        raise NotImplementedError("Exercise 2.8 is still to be done.")


class NoScore(Fake):
    def anomaly_score(self, images: Any) -> Any:
        raise NotImplementedError("Exercise 2.7 is still to be done.")


MISTAKES: list[tuple[Any, str]] = [
    (lambda *args, **kwargs: None, "end with return GanDetector"),
    (fit(AlwaysTrained), "trained although train is false"),
    (fit(NeverTrained), "the generator must learn"),
    (fit(OnlyStatistics), "no optimiser changed its weights"),
    (fit(EncoderForgotten), "the encoder must learn"),
    (fit(NoHistory), "hand the list that train_encoder returns"),
    (fit(RisingLosses), "train the pair first"),
    (fit(JudgedTogether), "in any batch and any order"),
    (fit(OneScore), "look at your combined_score"),
    (fit(DeafToTarget), "in place of the argument"),
    (fit(DeafToSeed), "the argument seed is not used"),
    (fit(NoNumber), "detector.error_parts"),
    (fit(Unwritten), "write threshold_at"),
    (fit(NoScore), "write combined_score"),
]


@pytest.mark.parametrize(("function", "words"), MISTAKES)
def test_a_typical_mistake_is_named(function: Any, words: str) -> None:
    with pytest.raises(Found) as caught:
        CHECK(function)
    assert words in str(caught.value)
    assert len(caught.value.finding.lines()) <= 5  # with the headline at most six


def test_seeds_and_error_parts_are_judged_on_plain_arrays() -> None:
    scores = np.arange(10.0)
    assert nb2_detector.same_for_same_seed(scores, scores + 1e-6) is None
    assert nb2_detector.other_for_other_seed(scores, scores + 1) is None
    same = nb2_detector.other_for_other_seed(scores, scores)
    assert same is not None
    assert "a fixed number" in same.why
    assert nb2_detector.error_parts_form((scores, scores.tolist()), 10) is None
    for wrong in (scores, (scores, scores[:3]), (scores, scores * np.nan)):
        assert nb2_detector.error_parts_form(wrong, 10) is not None


@pytest.mark.parametrize(("reached", "fine"), [(0.9, True), (0.5, True), (0.1, False)])
def test_a_score_upside_down_is_told_from_a_weak_one(reached: float, fine: bool) -> None:
    assert (nb2_detector.score_is_upright(reached) is None) == fine


def test_forged_weights_are_a_finding_and_no_crash() -> None:
    forged = nb2_detector.by_network("weights", [], None)
    assert nb2_detector.networks_learned(forged, forged) is not None


def test_copies_of_another_image_are_worse_than_the_mean_image() -> None:
    data = load_mnist("embedded")
    fives = data.images[data.labels == 5]
    shown, mean = fives[:100], fives[100:].mean(axis=0)
    near = (0.5 * shown + 0.5 * mean).astype(np.uint8)
    assert nb2_detector.copies_know_the_digit(near, shown, mean) is None
    finding = nb2_detector.copies_know_the_digit(fives[200:300], shown, mean)
    assert finding is not None
    assert "the encoder does not know this generator" in finding.why


def weights_of(change: float) -> dict[str, Any]:
    """Weights of three networks, each changed by that much."""
    rng = np.random.default_rng(4)
    return {name: [rng.random((6, 7)) + change] for name in nb2_detector.CURES}


@pytest.mark.parametrize(
    ("history", "change", "fine"),
    [
        ([0.3, 0.2, 0.2, 0.1], GAN_RATE, True),
        ([0.3, 0.2, 0.2, 0.1], 10 * GAN_RATE, False),  # a whole training of the pair
        ([0.1] * 100, GAN_RATE, False),  # and of the encoder
        (None, GAN_RATE, False),
        ("four", 0.0, False),
    ],
)
def test_a_budget_that_is_ignored_is_noticed(history: Any, change: float, fine: bool) -> None:
    before, after = weights_of(0.0), weights_of(change)
    assert (nb2_detector.budget_heeded(history, 4, after, before) is None) == fine
    assert nb2_detector.networks_alike(before, weights_of(0.0))
    assert not nb2_detector.networks_alike(before, weights_of(1.0))


def test_where_no_seed_fixes_the_networks_only_the_encoders_steps_tell() -> None:
    assert nb2_detector.budget_heeded([1.0] * 4, 4, weights_of(1.0), None) is None


def test_a_budget_is_judged_on_forged_weights_without_a_crash() -> None:
    forged = dict.fromkeys(nb2_detector.CURES, "weights")
    assert nb2_detector.budget_heeded([1.0] * 4, 4, forged, weights_of(0.0)) is not None
