"""The visible checks of exercises 2.1 to 2.4: small inputs, other than the hidden ones."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from data_utils.selfcheck import nb2_networks, nb2_steps, nb2_training
from data_utils.selfcheck.nb2_probes_training import (
    initial_players,
    losses_report,
    nudge,
    pair_outputs,
    plain_pair,
    players_of,
    seeded,
    squared_losses,
    steps_taken,
)
from data_utils.selfcheck.words import Ask, expect

LOUD = 1000.0
SMALL, LARGE = 1e-3, 0.05  # rates: one that changes next to nothing, and one that turns slopes


def check_range(to_tanh_range: Ask) -> None:
    """Exercise 2.1 on three small images of six grey values, and on fainter ones."""
    levels = np.random.default_rng(21).integers(0, 6, (3, 4, 5))
    levels[0, 0, :2] = 0, 5
    images = (51 * levels).astype(np.uint8)
    before = images.copy()
    got = to_tanh_range(images)
    expect(nb2_networks.range_leaves_input_alone(before, images))
    expect(nb2_networks.range_values(got, 0.4 * levels[:, np.newaxis] - 1))
    expect(nb2_networks.range_type(got))
    faint = (51 * np.minimum(levels, 3)).astype(np.uint8)  # without white, and one without black
    faint[1] = np.maximum(faint[1], 51)
    expect(nb2_networks.range_values(to_tanh_range(faint), faint[:, np.newaxis] / 127.5 - 1))


def check_pair(build_pair: Ask) -> None:
    """Exercise 2.2 with noise of two sizes, ordinary and loud."""
    rng = np.random.default_rng(22)
    images = rng.uniform(-1, 1, (4, 1, 28, 28)).astype(np.float32)
    for latent_size in (4, 6):
        noise = rng.standard_normal((4, latent_size), np.float32)
        with seeded(latent_size):
            report = pair_outputs(build_pair(latent_size), noise, images, LOUD)
        if latent_size != 4:
            expect(nb2_networks.latent_size_honoured(report))
        expect(nb2_networks.pair_form(report))
        expect(nb2_networks.latent_size_honoured(report))
        for question in (
            nb2_networks.drawings_in_range,
            nb2_networks.drawings_follow_noise,
            nb2_networks.logits_are_free,
            nb2_networks.judge_looks,
            nb2_networks.pair_ignores_company,
        ):
            expect(question(report))
    with seeded(5):
        first, second = build_pair(4), build_pair(4)
    before = first.parameters()
    nudge(second)
    expect(nb2_networks.pair_of_its_own(before, first.parameters()))


def check_losses(gan_losses: Ask) -> None:
    """Exercise 2.3 on logits whose probabilities are 3/4, 1/2 and 1/4."""
    three = np.log(3)
    real = np.array([three, 0], np.float32)
    fake = np.array([-three, 0, 0], np.float32)
    # Of real images -log(3/4) and -log(1/2), and -log(1/4) and -log(1/2) for the smoothed part;
    # of drawn ones -log(3/4) and twice -log(1/2) as "drawn", -log(1/4) and twice that as "real".
    by_hand = {None: (1.103337, 0.924196), 0.0: (1.048407, 0.924196), 0.4: (1.268129, 0.924196)}
    for smoothing, expected in by_hand.items():
        report = losses_report(gan_losses, real, fake, smoothing)
        asked = (report, expected, (real, fake), 0.1 if smoothing is None else smoothing)
        expect(nb2_training.losses_form(report))
        expect(nb2_training.discriminator_loss(*asked))
        expect(nb2_training.generator_loss(*asked))
        expect(nb2_training.losses_have_gradients(report))
    ends = np.array([-200, 200], np.float32)
    expect(nb2_training.losses_finite(losses_report(gan_losses, ends, ends)))
    bad = np.array([-14, -16], np.float32)
    expect(nb2_training.generator_learns_when_it_is_bad(losses_report(gan_losses, real, bad)))


def check_step(gan_step: Ask) -> None:
    """Exercise 2.4 on a small dense pair: each player for itself, once and twice; then both."""
    import torch

    rng = np.random.default_rng(24)
    real = rng.uniform(-1, 1, (6, 1, 28, 28)).astype(np.float32)
    noise = 3 * rng.standard_normal((6, 5), np.float32)
    initial = initial_players(5, 24)

    def known(players: nb2_steps.Players) -> Any:
        pair = plain_pair(5, 0)
        weights = players_of(pair)
        for tensors, values in zip(weights, players, strict=True):
            flat = torch.tensor(np.asarray(values, np.float32))
            torch.nn.utils.vector_to_parameters(flat, tensors)
        drawn = pair.generator(torch.tensor(noise))
        losses = squared_losses(pair.logits(torch.tensor(real)), pair.logits(drawn))
        slopes = [
            torch.autograd.grad(loss, tensors, retain_graph=True)
            for loss, tensors in zip(losses, weights, strict=True)
        ]
        flat_slopes = [np.concatenate([s.numpy().ravel() for s in some]) for some in slopes]
        return [loss.item() for loss in losses], flat_slopes

    def steps(rates: Sequence[float], calls: int) -> list[dict[str, Any]]:
        raw = steps_taken(gan_step, 24, rates, real, noise, calls)
        expect(nb2_steps.raw_form(raw, initial, calls))
        return nb2_steps.measured_steps(raw, rates, known)

    alone = {"discriminator": steps((SMALL, 0.0), 2), "generator": steps((0.0, SMALL), 2)}
    for player, reports in alone.items():
        expect(nb2_steps.player_learns(reports[0], player))
    for player, reports in alone.items():
        expect(nb2_steps.player_follows_its_loss(reports[0], player))
        expect(nb2_steps.gradients_are_emptied(reports, player))
    expect(nb2_steps.generator_meets_the_improved(steps((LARGE, SMALL), 1)[0]))
    expect(nb2_steps.step_returns(steps((0.0, 0.0), 1)[0]))


TRAINING_CHECKS: dict[str, Callable[[Ask], None]] = {
    "2.1": check_range,
    "2.2": check_pair,
    "2.3": check_losses,
    "2.4": check_step,
}
