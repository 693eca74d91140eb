"""The hidden checks of exercises 2.1 to 2.4: scaled images, two networks, losses, a step.

`data_utils.selfcheck.nb2_probes_training` returns raw numbers from behind the wall. They are judged
here, by the reference values of nb2_reference_training and by what the clean twin says of the same
inputs.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from data_utils.selfcheck import nb2_networks, nb2_steps, nb2_training
from data_utils.selfcheck.nb2_steps import PLAYERS
from data_utils.selfcheck.words import Finding, expect
from grader.hidden.nb2_reference_training import (
    plain_pair_slopes,
    reference_losses,
    reference_range,
    reference_slopes,
)
from grader.sandbox import Handle
from grader.student import Student

LOUD = 2000.0
PROBES = "selfcheck.nb2_probes_training"  # of data_utils
SMALL = 1e-3  # the rate of a step that changes next to nothing, so that the next one is like it
LARGE = (
    0.05  # at which the discriminator's step turns the generator's slope by more than its length
)
PairQuestion = Callable[[dict[str, Any]], Finding | None]


# ---------------------------------------------------------------- exercise 2.1


def grey_images(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Noise of all grey values, black and white among them."""
    images = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    images[0, 0, :3] = 0, 255, 128
    return images


@pytest.mark.exercise("2.1", weight=1, core=True)
@pytest.mark.parametrize(
    ("seed", "shape"), [(211, (7, 28, 28)), (212, (1, 28, 28)), (213, (3, 9, 14))]
)
def test_range_values(student: Student, seed: int, shape: tuple[int, ...]) -> None:
    """Every grey value at its place between -1 and 1, with an axis for the channel."""
    images = grey_images(seed, shape)
    expect(nb2_networks.range_values(student.call(images), reference_range(images)))


@pytest.mark.exercise("2.1", weight=3)
def test_range_does_not_depend_on_the_batch(student: Student) -> None:
    """Images without black and white keep their distance from -1 and 1."""
    images = grey_images(214, (4, 28, 28)) // 4 + 90
    expect(nb2_networks.range_values(student.call(images), reference_range(images)))


@pytest.mark.exercise("2.1", weight=3)
def test_range_type(student: Student) -> None:
    """The scaled images are float32."""
    expect(nb2_networks.range_type(student.call(grey_images(215, (2, 28, 28)))))


@pytest.mark.exercise("2.1", weight=3)
def test_range_leaves_its_input_alone(student: Student) -> None:
    """The images that were handed in are as they were."""
    images = grey_images(216, (5, 28, 28))
    _, after = student.call_and_look(images)
    expect(nb2_networks.range_leaves_input_alone(images, after[0]))


# ---------------------------------------------------------------- exercise 2.2


def built(student: Student, seed: int, latent_size: int) -> Handle:
    """Let the learner's function build a pair, with torch's random numbers set to `seed`."""
    student.library(PROBES, "seed_torch", seed)
    return student.keep(latent_size)


def pair_report(student: Student, seed: int, latent_size: int) -> dict[str, Any]:
    """Measure a new pair on noise and on images of noise."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((5, latent_size), np.float32)
    images = rng.uniform(-1, 1, (5, 1, 28, 28)).astype(np.float32)
    images[1:3, :, 8:20, 8:20] = 1.0  # bright ones among them
    pair, outputs = built(student, seed, latent_size), student.library(PROBES, "pair_outputs")
    report = student.method(outputs, "__call__", pair, noise, images, LOUD)
    expect(nb2_networks.report_form(report, len(noise), latent_size))
    if report["is_pair"] and not report["stop"]:  # the same from the pair itself
        direct = {"drawn": ("sample", noise), "logits": ("judge", images)}
        given = {name: student.method(pair, *asked) for name, asked in direct.items()}
        expect(nb2_networks.report_is_of_the_pair(report, given))
    return dict(report)


def ask_pairs(student: Student, seed: int, question: PairQuestion) -> None:
    """Ask something of three new pairs, whose form is sound."""
    for place in range(3):
        report = pair_report(student, seed + place, latent_size=4)
        expect(nb2_networks.pair_form(report))
        expect(question(report))


@pytest.mark.exercise("2.2", weight=1, core=True)
def test_pair_takes_noise_and_images(student: Student) -> None:
    """A GanPair: noise to images, images to features and to one logit each."""
    report = pair_report(student, 221, latent_size=4)
    expect(nb2_networks.pair_form(report))


@pytest.mark.exercise("2.2", weight=1)
@pytest.mark.parametrize("latent_size", [2, 7, 32])
def test_pair_has_the_latent_size_asked_for(student: Student, latent_size: int) -> None:
    """The generator takes as much noise as latent_size says."""
    expect(nb2_networks.latent_size_honoured(pair_report(student, 222, latent_size)))


@pytest.mark.exercise("2.2", weight=6)
def test_drawings_lie_in_range(student: Student) -> None:
    """What is drawn lies between -1 and 1, whatever the noise."""
    ask_pairs(student, 223, nb2_networks.drawings_in_range)


@pytest.mark.exercise("2.2", weight=2)
def test_drawings_follow_the_noise(student: Student) -> None:
    """Another noise gives another drawing."""
    ask_pairs(student, 226, nb2_networks.drawings_follow_noise)


@pytest.mark.exercise("2.2", weight=6)
def test_logits_are_free(student: Student) -> None:
    """The discriminator gives logits, not probabilities."""
    ask_pairs(student, 229, nb2_networks.logits_are_free)


@pytest.mark.exercise("2.2", weight=2)
def test_judge_looks_at_the_images(student: Student) -> None:
    """Another image has other features and another logit."""
    ask_pairs(student, 232, nb2_networks.judge_looks)


@pytest.mark.exercise("2.2", weight=2)
def test_pair_does_not_depend_on_company(student: Student) -> None:
    """A drawing or a logit is the same alone and among others."""
    ask_pairs(student, 235, nb2_networks.pair_ignores_company)


@pytest.mark.exercise("2.2", weight=2)
def test_each_pair_has_networks_of_its_own(student: Student) -> None:
    """What is learnt by the pair of one call leaves the pair of another call as it is."""
    expect(nb2_networks.pair_form(pair_report(student, 238, latent_size=4)))
    first, second = student.keep(4), student.keep(4)
    before = student.method(first, "parameters")
    student.library(PROBES, "nudge", second)
    expect(nb2_networks.pair_of_its_own(before, student.method(first, "parameters")))


# ---------------------------------------------------------------- exercise 2.3


def logit_batches(seed: int, real: int = 9, fake: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Logits of real and of drawn images, of a discriminator that is often right."""
    rng = np.random.default_rng(seed)
    return rng.normal(1.2, 1.5, real).astype(np.float32), rng.normal(-0.7, 2, fake).astype("f4")


def losses_report(student: Student, *args: Any) -> dict[str, Any]:
    """Measure the losses, whose form every question needs."""
    report = student.probe(PROBES, "losses_report", *args)
    expect(nb2_training.report_form(report))
    expect(nb2_training.losses_form(report))
    return dict(report)


def right_and_reported(
    student: Student, seed: int, smoothing: float
) -> tuple[dict[str, Any], tuple[float, float], tuple[np.ndarray, np.ndarray], float]:
    """Measure losses: the report, the right ones, the logits and the smoothing they are of."""
    logits = logit_batches(seed)
    report = losses_report(student, *logits, smoothing)
    return report, reference_losses(*logits, smoothing), logits, smoothing


@pytest.mark.exercise("2.3", weight=1, core=True)
def test_losses_form(student: Student) -> None:
    """Two losses, each a single number."""
    losses_report(student, *logit_batches(231), 0.1)


@pytest.mark.exercise("2.3", weight=1)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.3])
def test_discriminator_loss(student: Student, smoothing: float) -> None:
    """The discriminator's loss, with the smoothing of real images alone."""
    for seed in (232, 233):
        measured = right_and_reported(student, seed, smoothing)
        expect(nb2_training.discriminator_loss(*measured))


@pytest.mark.exercise("2.3", weight=1)
def test_smoothing_is_a_tenth_unless_asked(student: Student) -> None:
    """Without the argument the smoothing is 0.1."""
    logits = logit_batches(234, real=5, fake=5)
    report = losses_report(student, *logits)
    expect(nb2_training.discriminator_loss(report, reference_losses(*logits, 0.1), logits, 0.1))


@pytest.mark.exercise("2.3", weight=3)
def test_generator_loss(student: Student) -> None:
    """The generator's loss, from the drawn images alone and without smoothing."""
    for seed, smoothing in ((235, 0.1), (236, 0.3), (237, 0.0)):
        expect(nb2_training.generator_loss(*right_and_reported(student, seed, smoothing)))


@pytest.mark.exercise("2.3", weight=3)
def test_losses_have_gradients(student: Student) -> None:
    """Both losses lead back to the logits that they are computed from, with the right slopes."""
    report, right, logits, smoothing = right_and_reported(student, 238, 0.1)
    expect(nb2_training.losses_have_gradients(report))
    if np.allclose(report["values"], right, rtol=nb2_training.LOSS_RTOL):
        expect(nb2_training.gradient_values(report, reference_slopes(*logits, smoothing)))


@pytest.mark.exercise("2.3", weight=1)
def test_generator_learns_from_bad_drawings(student: Student) -> None:
    """Where the discriminator is sure of itself, the generator's loss is not flat."""
    real, fake = logit_batches(239)
    report = losses_report(student, real, -np.abs(fake) - np.float32(12), 0.1)
    expect(nb2_training.generator_learns_when_it_is_bad(report))


@pytest.mark.exercise("2.3", weight=1)
def test_losses_stay_finite(student: Student) -> None:
    """Very large logits give finite losses and gradients."""
    ends = np.array([-200, 200, 0, 120], np.float32)
    expect(nb2_training.losses_finite(losses_report(student, ends, ends[::-1].copy(), 0.1)))


# ---------------------------------------------------------------- exercise 2.4


def batch_for_steps(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images (8, 1, 28, 28) and noise (8, 6), both float32."""
    rng = np.random.default_rng(seed)
    real = rng.uniform(-1, 1, (8, 1, 28, 28)).astype(np.float32) ** 3
    return real, 3 * rng.standard_normal((8, 6), np.float32)


def steps_report(
    student: Student, seed: int, rates: tuple[float, float], calls: int = 1
) -> list[dict[str, Any]]:
    """Measure steps on a small dense pair, always with the same images and noise."""
    real, noise = batch_for_steps(seed)
    raw = student.probe(PROBES, "steps_taken", seed, rates, real, noise, calls)
    initial = student.twin.measure(PROBES, "initial_players", noise.shape[1], seed)
    expect(nb2_steps.raw_form(raw, initial, calls))

    def known(players: Sequence[np.ndarray]) -> Any:
        return plain_pair_slopes(players, real, noise)

    return nb2_steps.measured_steps(raw, rates, known)


def alone(player: str, rate: float = SMALL) -> tuple[float, float]:
    """Return the rates with which one player learns and the other one stands still."""
    return (rate, 0.0) if player == "discriminator" else (0.0, rate)


@pytest.mark.exercise("2.4", weight=1, core=True)
def test_step_improves_a_network(student: Student) -> None:
    """The step changes at least one of the two networks, and its own loss falls."""
    found = [
        nb2_steps.player_learns(steps_report(student, 241, alone(player))[0], player)
        for player in PLAYERS
    ]
    if None not in found:
        expect(found[0])


@pytest.mark.exercise("2.4", weight=7)
def test_step_returns_both_losses(student: Student) -> None:
    """Two numbers: the discriminator's loss, then the generator's."""
    for seed in (242, 243):
        expect(nb2_steps.step_returns(steps_report(student, seed, (0.0, 0.0))[0]))


@pytest.mark.exercise("2.4", weight=10)
@pytest.mark.parametrize("player", PLAYERS)
def test_each_player_learns(student: Student, player: str) -> None:
    """With its optimiser alone at work a player's loss falls, and the other one stays."""
    for seed in (244, 245):
        expect(nb2_steps.player_learns(steps_report(student, seed, alone(player))[0], player))


@pytest.mark.exercise("2.4", weight=10)
@pytest.mark.parametrize("player", PLAYERS)
def test_each_player_follows_its_own_loss(student: Student, player: str) -> None:
    """Each player goes down the slope of its own loss, for these images and this noise."""
    for seed in (246, 247):
        report = steps_report(student, seed, alone(player))[0]
        expect(nb2_steps.player_follows_its_loss(report, player))


@pytest.mark.exercise("2.4", weight=13)
@pytest.mark.parametrize("player", PLAYERS)
def test_gradients_are_emptied(student: Student, player: str) -> None:
    """A second step on the same images is like the first: nothing is left over from before."""
    reports = steps_report(student, 248, alone(player, SMALL / 2), calls=2)
    expect(nb2_steps.gradients_are_emptied(reports, player))


@pytest.mark.exercise("2.4", weight=26)
def test_generator_is_judged_by_the_improved_discriminator(student: Student) -> None:
    """Where both learn, the generator's step follows the discriminator that has learnt already."""
    for seed in (249, 250):
        report = steps_report(student, seed, (LARGE, SMALL))[0]
        expect(nb2_steps.generator_meets_the_improved(report))
