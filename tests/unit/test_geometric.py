"""What notebook 4 gets beside its learner's functions: inputs, probabilities, slopes, effects."""

import numpy as np
import pytest
import torch
from scipy.special import digamma
from torch import nn

from data_utils.dirichlet import dirichlet_start, inverse_digamma
from data_utils.effects import EFFECTS, with_effect
from data_utils.errors import TransformError
from data_utils.geometric import labelled_batches, log_probabilities, slopes
from data_utils.plots_geometric import plot_runs, show_ascent
from data_utils.transforms import Transform, all_transforms, apply_all

IMAGES = np.random.default_rng(3).integers(0, 256, (70, 28, 28)).astype(np.uint8)
TURNS = all_transforms(flips=(False,), shift=0)


def network(scale: float = 1.0) -> nn.Module:
    """A classifier of four transformations with batch norm, whose logits may be huge."""
    torch.manual_seed(1)
    layers = nn.Sequential(
        nn.Conv2d(1, 4, 5, 3), nn.BatchNorm2d(4), nn.Tanh(), nn.Flatten(), nn.Linear(256, 4)
    )
    with torch.no_grad():
        layers[-1].weight.mul_(scale)
    return layers


def test_labelled_batches_hold_every_picture_once_from_minus_one_to_one() -> None:
    seen = [(x, labels) for x, labels in labelled_batches(IMAGES, TURNS, seed=5)]
    assert [tuple(x.shape) for x, _ in seen] == [(n, 1, 28, 28) for n in (128, 128, 24)]
    labels = torch.cat([labels for _, labels in seen])
    assert torch.bincount(labels).tolist() == [70] * 4
    pictures = torch.cat([x for x, _ in seen])
    assert pictures.dtype == torch.float32
    assert (float(pictures.min()), float(pictures.max())) == (-1, 1)
    wanted = 2 * torch.tensor(apply_all(IMAGES, TURNS).reshape(-1, 1, 28, 28) / 255) - 1
    sums = pictures.sum(0).numpy(), wanted.sum(0).numpy()  # in another order
    assert sums[0] == pytest.approx(sums[1], abs=1e-3)


def test_log_probabilities_are_finite_and_each_for_itself() -> None:
    classifier = network(scale=1e5)
    together = log_probabilities(classifier, IMAGES, TURNS)
    assert together.shape == (70, 4, 4)
    assert together.dtype == np.float64
    assert np.isfinite(together).all()
    assert together.min() < -1000  # in single precision the probability would be 0
    assert np.exp(together).sum(axis=2) == pytest.approx(1)
    classifier.train()
    alone = log_probabilities(classifier, IMAGES[11:12], TURNS)
    assert alone[0] == pytest.approx(together[11], rel=1e-4, abs=1)
    assert not classifier.training


def test_slopes_are_those_of_the_weighted_sum() -> None:
    classifier, weights = network().eval(), np.random.default_rng(0).normal(size=(4, 4))
    x = IMAGES[:2] / 255

    def total(some: np.ndarray) -> float:
        pictures = apply_all(torch.tensor(some, dtype=torch.float64), TURNS).reshape(-1, 28, 28)
        with torch.no_grad():
            logits = classifier.double()(2 * pictures[:, None] - 1)
        return float((logits.log_softmax(1).reshape(-1, 4, 4).numpy() * weights).sum())

    found = slopes(classifier, x, TURNS, weights)
    assert found.shape == (2, 28, 28)
    for place in ((0, 14, 14), (1, 3, 20)):
        step = np.zeros_like(x)
        step[place] = 1e-5
        by_hand = (total(x + step) - total(x - step)) / 2e-5
        classifier.float()
        assert found[place] == pytest.approx(by_hand, rel=1e-3, abs=1e-4)
    assert all(weight.grad is None for weight in classifier.parameters())


@pytest.mark.parametrize("effect", EFFECTS)
def test_effects_leave_black_and_white_areas_and_the_input(effect: str) -> None:
    for grey in (0, 255):
        plain = np.full((2, 28, 28), grey, np.uint8)
        assert np.array_equal(with_effect(plain, effect), plain)
    before = IMAGES.copy()
    changed = with_effect(IMAGES, effect)
    assert changed.dtype == np.uint8
    assert not np.array_equal(changed, IMAGES)
    assert np.array_equal(IMAGES, before)
    of_tensor = with_effect(torch.tensor(IMAGES / 255), effect) * 255
    assert of_tensor.numpy() == pytest.approx(changed, abs=0.51)  # rounded to whole grey values


def test_blurring_loses_contrast_and_sharpening_wins_it() -> None:
    spread = {effect: with_effect(IMAGES, effect).std() for effect in ("blur", "sharpen")}
    assert spread["blur"] < IMAGES.std() < spread["sharpen"]


def test_an_effect_goes_before_the_turn_and_has_a_label_of_its_own() -> None:
    both = (*TURNS, *(Transform(turns=t.turns, effect="blur") for t in TURNS))
    found = apply_all(IMAGES, both)
    assert found.shape == (70, 8, 28, 28)
    assert np.array_equal(found[:, :4], apply_all(IMAGES, TURNS))
    assert np.array_equal(found[:, 4:], apply_all(with_effect(IMAGES, "blur"), TURNS))
    on_tensors = apply_all(torch.tensor(IMAGES / 255), both).numpy() * 255
    assert on_tensors == pytest.approx(found, abs=0.51)


def test_an_unknown_effect_is_named() -> None:
    with pytest.raises(TransformError, match="no effect 'swirl'; choose of blur"):
        apply_all(IMAGES, (Transform(effect="swirl"),))


def test_inverse_digamma_undoes_digamma() -> None:
    x = np.logspace(-5, 8, 200).reshape(2, 100)
    assert inverse_digamma(digamma(x)) == pytest.approx(x, rel=1e-9)


def test_a_first_guess_is_positive_and_near() -> None:
    alpha = np.array([[0.3, 2.0, 9.0], [20.0, 5.0, 5.0]])
    draw = np.random.default_rng(2)
    drawn = np.stack([draw.dirichlet(row, 5000) for row in alpha], axis=1)
    start = dirichlet_start(np.log(drawn))
    assert start.shape == (2, 3)
    assert np.all((start > alpha / 3) & (start < 3 * alpha))
    sure = np.full((4, 1, 2), [0.0, -800.0])  # always right: no spread to estimate
    assert np.all(dirichlet_start(sure) > 0)
    assert np.isfinite(dirichlet_start(sure)).all()


def test_pictures_say_what_they_show() -> None:
    runs = plot_runs({"8 against 3, flip": [0.8, 0.9], "one": [0.7]}, (0.646, 0.9))
    axis = runs.axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["8 against 3,\nflip", "one"]
    assert len(axis.get_legend().get_texts()) == 3
    start = IMAGES[:3] / 255
    figure = show_ascent(start, start, np.array([1.0, 2.0, 3.0]), np.array([-1.0, 0.0, 1.0]))
    assert [axis.get_title() for axis in figure.axes[3:]] == [
        "score -1.0",
        "score 0.0",
        "score 1.0",
    ]
