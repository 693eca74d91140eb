"""Typical mistakes of exercises 2.1 to 2.4, offered to the visible checks: each one is named."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from data_utils.gan import GanPair, dense_networks
from data_utils.selfcheck.nb2_probes_training import (
    initial_players,
    losses_report,
    steps_taken,
)
from data_utils.selfcheck.nb2_steps import measured_steps, player_follows_its_loss, raw_form
from data_utils.selfcheck.nb2_training import (
    discriminator_loss,
    gradient_values,
    losses_have_gradients,
    report_form,
)
from data_utils.selfcheck.nb2_visible_training import TRAINING_CHECKS
from data_utils.selfcheck.words import Found
from grader.hidden.nb2_reference_training import plain_pair_slopes

F = nn.functional

# ------------------------------------------------------------ correct answers, for comparison


def in_range(images: Any) -> Any:
    return (images[:, np.newaxis] * np.float32(2 / 255) - np.float32(1)).astype(np.float32)


def pair(
    latent: int,
    end: Callable[[], nn.Module] = nn.Tanh,
    head_end: Callable[[], nn.Module] = nn.Identity,
    weight: Callable[[nn.Module], nn.Module] = lambda layer: layer,
) -> GanPair:
    draw = nn.Sequential(
        *(nn.Linear(latent, 3 * 49), nn.ReLU(), nn.Unflatten(1, (3, 7, 7))),
        *(nn.Upsample(scale_factor=4), nn.Conv2d(3, 1, 3, padding=1), end()),
    )
    features = nn.Sequential(weight(nn.Conv2d(1, 4, 4, 4)), nn.LeakyReLU(0.2), nn.Flatten())
    return GanPair(draw, features, nn.Sequential(nn.Linear(196, 1), head_end()), latent)


class Flat(nn.Module):
    def forward(self, x: Any) -> Any:
        return x.squeeze(1)


def normed(latent: int) -> GanPair:
    made = pair(latent, head_end=Flat)
    made.features = nn.Sequential(*made.features, nn.LayerNorm(196))
    return made


def losses(real: Any, fake: Any, smoothing: float = 0.1) -> Any:
    on_real = (1 - smoothing) * F.softplus(-real) + smoothing * F.softplus(real)
    return on_real.mean() + F.softplus(fake).mean(), F.softplus(-fake).mean()


def losses_with_vectors_of_ones(real: Any, fake: Any, smoothing: float = 0.1) -> Any:
    entropy = nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(len(real)) * (1 - smoothing), torch.zeros(len(fake))
    return [entropy(real, ones) + entropy(fake, zeros), entropy(fake, torch.ones(len(fake)))]


def anew(pair: Any, real: Any, noise: Any, losses: Any, optimizers: Any) -> Any:
    """Draw anew for each half, and judge real and drawn images in one batch."""
    returned = []
    for place, optimizer in enumerate(optimizers):
        drawn = pair.generator(noise)
        logits = pair.logits(torch.cat([real, drawn if place else drawn.detach()]))
        loss = losses(logits[: len(real)], logits[len(real) :])[place]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        returned.append(loss)
    return returned


def frozen(pair: Any, real: Any, noise: Any, losses: Any, optimizers: Any) -> Any:
    """Both losses at once; what a loss is not for is frozen, and gradients are emptied after."""
    judges = [*pair.features.parameters(), *pair.head.parameters()]
    with torch.no_grad():
        drawn = pair.generator(noise)
    first = losses(pair.logits(real), pair.logits(drawn))[0]
    first.backward()
    optimizers[0].step()
    for weight in judges:
        weight.requires_grad_(False)
    second = losses(pair.logits(real), pair.logits(pair.generator(noise)))[1]
    second.backward()
    optimizers[1].step()
    for weight in judges:
        weight.requires_grad_(True)
    for optimizer in optimizers:
        optimizer.zero_grad()
    return np.float64(first.item()), second.detach()


RIGHT: dict[str, list[Any]] = {
    "2.1": [
        in_range,
        lambda i: torch.from_numpy(in_range(i)),
        lambda i: torch.tensor(i).unsqueeze(1).float().div(127.5).sub(1),
    ],
    "2.2": [
        pair,
        normed,
        lambda n: dense_networks(n, 3),
        lambda n: pair(n, head_end=Flat),
        lambda n: pair(n, weight=nn.utils.parametrizations.spectral_norm),
        lambda n: pair(n, end=nn.Hardtanh),
    ],
    "2.3": [losses, losses_with_vectors_of_ones],
    "2.4": [anew, frozen],
}


@pytest.mark.parametrize(
    ("exercise", "function"), [(e, f) for e, functions in RIGHT.items() for f in functions]
)
def test_right_answers_pass_however_they_are_written(exercise: str, function: Any) -> None:
    TRAINING_CHECKS[exercise](function)


# ------------------------------------------------------------ mistakes


def in_place(images: Any) -> Any:
    scaled = in_range(images)
    images //= 2
    return scaled


def with_generator(latent: int, generator: nn.Module) -> GanPair:
    made = pair(latent)
    made.generator = generator
    return made


HEAD = nn.Linear(196, 1)


def sharing_a_head(latent: int) -> GanPair:
    made = pair(latent)
    made.head = HEAD
    return made


class Blind(nn.Module):
    """Draws the same picture for every noise."""

    def __init__(self) -> None:
        super().__init__()
        self.picture = nn.Parameter(torch.randn(1, 1, 28, 28))

    def forward(self, noise: Any) -> Any:
        return torch.tanh(self.picture).expand(len(noise), -1, -1, -1)


class Company(nn.Module):
    def forward(self, x: Any) -> Any:
        return torch.tanh(x - x.mean(dim=0))


def with_losses(of_discriminator: Any = None, of_generator: Any = None) -> Any:
    """Return the right losses with one of them replaced by a function of logits and smoothing."""

    def wrong(real: Any, fake: Any, smoothing: float = 0.1) -> Any:
        first, second = losses(real, fake, smoothing)
        if of_discriminator:
            first = of_discriminator(real, fake, smoothing)
        if of_generator:
            second = of_generator(real, fake, smoothing)
        return first, second

    return wrong


def twice_squashed(real: Any, fake: Any, smoothing: float = 0.1) -> Any:
    return losses(torch.sigmoid(real), torch.sigmoid(fake), smoothing)


def by_logarithm(real: Any, fake: Any, smoothing: float = 0.1) -> Any:
    r, f = torch.sigmoid(real), torch.sigmoid(fake)
    on_real = (1 - smoothing) * torch.log(r) + smoothing * torch.log(1 - r)
    return -on_real.mean() - torch.log(1 - f).mean(), -torch.log(f).mean()


def step_with(
    detach: bool = False, empty: bool = True, places: tuple[int, int] = (0, 1), back: Any = None
) -> Any:
    """Return a step with one thing changed."""

    def step(pair: Any, real: Any, noise: Any, losses: Any, optimizers: Any) -> Any:
        returned = []
        for player, place in enumerate(places):
            drawn = pair.generator(noise)
            cut = drawn.detach() if detach or player == 0 else drawn
            loss = losses(pair.logits(real), pair.logits(cut))[place]
            if empty:
                optimizers[player].zero_grad()
            loss.backward()
            optimizers[player].step()
            returned.append(loss.item())
        return returned if back is None else back(*returned)

    return step


def generator_first(pair: Any, real: Any, noise: Any, losses: Any, optimizers: Any) -> Any:
    returned = []
    for place, optimizer in reversed(list(enumerate(optimizers))):
        drawn = pair.generator(noise)
        loss = losses(pair.logits(real), pair.logits(drawn if place else drawn.detach()))[place]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        returned.insert(0, loss)
    return returned


def gradients_at_once(pair: Any, real: Any, noise: Any, losses: Any, optimizers: Any) -> Any:
    """Both gradients are taken before either step."""
    drawn = pair.generator(noise)
    first = losses(pair.logits(real), pair.logits(drawn.detach()))[0]
    second = losses(pair.logits(real), pair.logits(drawn))[1]
    optimizers[1].zero_grad()
    second.backward()
    optimizers[0].zero_grad()
    first.backward()
    for optimizer in optimizers:
        optimizer.step()
    return first.item(), second.item()


def stepped_before(pair: Any, real: Any, noise: Any, losses: Any, optimizers: Any) -> Any:
    returned = []
    for place, optimizer in enumerate(optimizers):
        optimizer.step()
        optimizer.zero_grad()
        loss = losses(pair.logits(real), pair.logits(pair.generator(noise)))[place]
        loss.backward()
        returned.append(loss.item())
    return returned


MISTAKES: list[tuple[str, Any, str]] = [
    ("2.1", in_place, "an operation worked in place"),
    ("2.1", lambda i: in_range(i) / 2 + 0.5, "the range from 0 to 1"),
    ("2.1", lambda i: in_range(i) + 1, "black is 0"),
    ("2.1", lambda i: in_range(i)[:, 0], "the axis of the channel is missing"),
    ("2.1", lambda i: in_range(i).transpose(0, 2, 3, 1), "as in Keras"),
    ("2.1", lambda i: in_range(i).swapaxes(0, 1), "stands before the images"),
    ("2.1", lambda i: in_range(i).astype(float), "torch's weights are float32"),
    ("2.1", lambda i: -in_range(i), "black is 1 and white is -1"),
    ("2.1", lambda i: np.float32(i // 255)[:, None] * 2 - 1, "in whole numbers"),
    ("2.1", lambda i: ((i - i.mean()) / i.std())[:, None], "the batch's own mean"),
    ("2.1", lambda i: i[:, None].astype(np.float32) - 1, "the formula differs"),
    ("2.1", lambda i: None, "something else than numbers"),
    ("2.2", lambda n: pair(n, end=nn.Identity), "nothing bounds what the generator draws"),
    ("2.2", lambda n: pair(n, end=nn.Sigmoid), "it never draws below 0"),
    ("2.2", lambda n: pair(n, head_end=nn.Sigmoid), "a sigmoid in the head"),
    ("2.2", lambda n: pair(n, head_end=nn.Tanh), "a tanh in the head"),
    ("2.2", lambda n: pair(n, head_end=nn.ReLU), "the head ends in a ReLU"),
    ("2.2", lambda n: pair(4), "the argument latent_size is not used everywhere"),
    ("2.2", functools.cache(pair), "the same network is handed out twice"),
    ("2.2", lambda n: sharing_a_head(n), "the same network is handed out twice"),
    ("2.2", lambda n: with_generator(n, Blind()), "the same picture for every noise"),
    ("2.2", lambda n: pair(n, end=Company), "uses the mean of the whole batch"),
    ("2.2", lambda n: with_generator(n, nn.Linear(n, 784)), "the last layer has another size"),
    ("2.2", lambda n: with_generator(n, nn.Linear(n + 1, 9)), "the shapes of two layers"),
    ("2.2", lambda n: (pair(n).generator, pair(n).head), "the networks are not put together"),
    ("2.3", with_losses(lambda r, f, s: losses(r, f, 0)[0]), "there is no smoothing in it"),
    ("2.3", with_losses(lambda r, f, s: losses(r, f, 0.1)[0]), "the smoothing is always 0.1"),
    (
        "2.3",
        with_losses(
            lambda r, f, s: losses(r, f, s)[0] + s * (F.softplus(-f) - F.softplus(f)).mean()
        ),
        "one-sided",
    ),
    ("2.3", with_losses(lambda r, f, s: losses(r, f, s)[0] / 2), "the two halves were averaged"),
    ("2.3", with_losses(lambda r, f, s: losses(f, r, s)[0]), "the targets are swapped"),
    ("2.3", with_losses(lambda r, f, s: losses(-r, -f, 0)[0]), "the targets are swapped"),
    ("2.3", with_losses(lambda r, f, s: losses(r, f, 1 - s)[0]), "is smoothing, not 1 - smoothing"),
    ("2.3", with_losses(lambda r, f, s: F.softplus(f).mean()), "the half of the real images"),
    (
        "2.3",
        with_losses(None, lambda r, f, s: -F.softplus(f).mean()),
        "flat where drawings are bad",
    ),
    ("2.3", with_losses(None, lambda r, f, s: F.softplus(f).mean()), "it learns to be found out"),
    ("2.3", with_losses(None, lambda r, f, s: F.softplus(-r).mean()), "it judges the real images"),
    ("2.3", with_losses(None, lambda r, f, s: F.softplus(-f).sum()), "this is a sum"),
    ("2.3", with_losses(None, lambda r, f, s: F.softplus(-f)), "a loss is a mean over the batch"),
    ("2.3", lambda *a: losses(*a)[::-1], "returned in the other order"),
    ("2.3", lambda *a: losses(*a)[0], "one of them is not returned"),
    ("2.3", lambda *a: [part.item() for part in losses(*a)], "the losses are numbers"),
    ("2.3", twice_squashed, "the sigmoid was applied twice"),
    ("2.3", by_logarithm, "sigmoid is rounded to 0 or 1"),
    ("2.4", generator_first, "the generator's half came first"),
    ("2.4", gradients_at_once, "before the discriminator's step"),
    ("2.4", step_with(detach=True), "the drawings were detached in its half"),
    ("2.4", step_with(empty=False), "and add up"),
    ("2.4", step_with(places=(0, 0)), "follows another loss than its own"),
    ("2.4", step_with(back=lambda d, g: (g, d)), "in the other order"),
    ("2.4", step_with(back=lambda d, g: d), "both losses are to be returned"),
    ("2.4", step_with(back=lambda d, g: (d, None)), "both losses are to be returned"),
    ("2.4", step_with(back=lambda d, g: (d / 2, g)), "not the losses that `losses` gives"),
    ("2.4", stepped_before, "the gradients were emptied"),
    ("2.4", lambda p, r, n, ls, o: step_with()(p, r, n, ls, o[::-1]), "the optimisers are swapped"),
    ("2.4", lambda p, r, n, ls, o: step_with()(p, r, n.flip(1), ls, o), "other noise"),
]


@pytest.mark.parametrize(("exercise", "function", "words"), MISTAKES)
def test_a_typical_mistake_is_named(exercise: str, function: Any, words: str) -> None:
    with pytest.raises(Found) as caught:
        TRAINING_CHECKS[exercise](function)
    assert words in str(caught.value)
    assert len(caught.value.finding.lines()) <= 5  # with the headline at most six


def test_logits_in_a_column_are_losses_too() -> None:
    """A head may give (n, 1); where a learner's loss takes both, the numbers are the same."""
    real, fake = np.array([[1.0], [2.0]], np.float32), np.array([[-1.0]], np.float32)
    column, row = losses_report(losses, real, fake), losses_report(losses, real[:, 0], fake[:, 0])
    assert column["values"] == pytest.approx(row["values"])
    assert losses_have_gradients(column) is None
    logits = (real, fake)
    assert discriminator_loss(column, row["values"], logits, 0.1) is None


def test_sums_and_one_mean_over_all_are_told_apart() -> None:
    """Only batches of different sizes can tell."""
    logits = (np.array([0.5, 2.0, 1.0], np.float32), np.array([-1.0], np.float32))
    right = losses_report(losses, *logits)["values"]
    real, fake = (torch.tensor(part) for part in logits)
    summed = float(3 * losses(real, fake)[0] - 2 * F.softplus(fake).mean())
    for factor, words in ((1, "sums over the batch"), (4, "one mean runs over real and drawn")):
        finding = discriminator_loss({"values": (summed / factor, 0)}, right, logits, 0.1)
        assert finding is not None
        assert words in finding.why


def test_a_generator_that_gets_the_other_gradient_too_is_found() -> None:
    """Nothing is detached, and all gradients are emptied at the start only."""

    def attached(pair: Any, real: Any, noise: Any, losses: Any, optimizers: Any) -> Any:
        for optimizer in optimizers:
            optimizer.zero_grad()
        both = losses(pair.logits(real), pair.logits(pair.generator(noise)))
        both[0].backward(retain_graph=True)
        both[1].backward()
        optimizers[1].step()
        return [loss.item() for loss in both]

    rng = np.random.default_rng(3)
    real = rng.uniform(-1, 1, (4, 1, 28, 28)).astype(np.float32)
    noise = rng.standard_normal((4, 5), np.float32)
    raw = steps_taken(attached, 3, (0.0, 1e-3), real, noise)
    found = measured_steps(
        raw, (0.0, 1e-3), lambda players: plain_pair_slopes(players, real, noise)
    )
    finding = player_follows_its_loss(found[0], "generator")
    assert finding is not None
    assert "the discriminator's half was not detached" in finding.why


def test_probes_leave_torchs_random_numbers_alone() -> None:
    before = torch.get_rng_state()
    TRAINING_CHECKS["2.2"](pair)
    TRAINING_CHECKS["2.4"](anew)
    assert torch.equal(before, torch.get_rng_state())


def test_a_measurement_that_was_made_up_is_no_pair_of_this_seed() -> None:
    """What a replaced probe could return: steps of another pair, nothing, or numbers of nobody."""
    rng = np.random.default_rng(5)
    real = rng.uniform(-1, 1, (4, 1, 28, 28)).astype(np.float32)
    noise, initial = rng.standard_normal((4, 5), np.float32), initial_players(5, 8)
    own = steps_taken(anew, 8, (0.0, 0.0), real, noise)
    assert raw_form(own, initial, 1) is None
    other = steps_taken(anew, 9, (0.0, 0.0), real, noise)
    no_numbers = [{**own[0], "after": [np.full(part.shape, np.nan) for part in initial]}]
    for made_up in (None, [], [{}], other, no_numbers, [{**own[0], "before": "both"}], own * 2):
        assert raw_form(made_up, initial, 1) is not None
    for report in (None, 3, {}, {"count": 2, "shapes": [(), ()], "values": [1, "2"]}):
        assert report_form(report) is not None


def test_a_part_of_a_loss_that_teaches_nothing_is_found() -> None:
    """Its value is right, and its gradient is not."""

    def half_detached(real: Any, fake: Any, smoothing: float = 0.1) -> Any:
        first, second = losses(torch.cat([real[:1], real[1:].detach()]), fake, smoothing)
        return first, second

    real, fake = np.array([0.5, -1.0], np.float32), np.array([0.0], np.float32)
    right, wrong = (losses_report(f, real, fake, 0.1) for f in (losses, half_detached))
    assert wrong["values"] == pytest.approx(right["values"])
    expected = {name: right[name] for name in ("d_real", "d_fake", "g_fake")}
    assert gradient_values(right, expected) is None
    finding = gradient_values(wrong, expected)
    assert finding is not None
    assert "a part of the loss was detached" in finding.why


def test_slopes_by_hand_are_those_of_torch() -> None:
    """The grader works them out in NumPy, so that nothing of the learner's is asked."""
    rng = np.random.default_rng(6)
    real = rng.uniform(-1, 1, (5, 1, 28, 28)).astype(np.float32)
    noise, before = rng.standard_normal((3, 4), np.float32), initial_players(4, 2)
    raw = steps_taken(anew, 2, (1e-3, 0.0), real, noise)
    known_losses, slopes = plain_pair_slopes(before, real, noise)
    assert raw[0]["returned"] == pytest.approx(
        [known_losses[0], plain_pair_slopes(raw[0]["after"], real, noise)[0][1]], rel=1e-5
    )
    assert raw[0]["after"][0] - before[0] == pytest.approx(-1e-3 * slopes[0], abs=2e-8)
    raw = steps_taken(anew, 2, (0.0, 1e-3), real, noise)
    assert raw[0]["after"][1] - before[1] == pytest.approx(-1e-3 * slopes[1], abs=2e-8)
