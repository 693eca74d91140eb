"""Typical mistakes of exercises 4.6 to 4.9 and 4.11 to 4.13, offered to the visible checks."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import digamma, polygamma
from torch import nn

from data_utils.dirichlet import dirichlet_start, inverse_digamma
from data_utils.geometric import labelled_batches
from data_utils.selfcheck import nb4_dirichlet, nb4_dirichlet_steps, nb4_scores
from data_utils.selfcheck.nb4_visible_scores import SCORE_CHECKS
from data_utils.selfcheck.words import Found
from grader.hidden.nb4_reference_scores import climb, doubt, five_runs, log_density, path, rates

F = nn.functional


# ------------------------------------------------------------ exercise 4.6, with one thing changed


def training(
    optimizer: Callable[..., Any] = torch.optim.Adam,
    batches: Callable[..., Any] = labelled_batches,
    seed_of: Callable[[int, int], int] = lambda seed, epoch: seed + epoch,
    loss_of: Callable[..., Any] = F.cross_entropy,
    mode: Callable[[Any], Any] = lambda network: network.train(),
    order: str = "zero backward step",
    entry: Callable[[list[Any]], Any] = lambda losses: float(np.mean(losses)),
    kept: Callable[[Any], Any] = lambda loss: loss.item(),
    more: int = 0,
    end: Callable[[list[Any]], Any] = lambda history: history,
) -> Any:
    def train_classifier(network: Any, images: Any, transforms: Any, epochs: int, seed: int) -> Any:
        descent, history = optimizer(network.parameters()), []
        mode(network)
        for epoch in range(epochs + more):
            losses = []
            for x, labels in batches(images, transforms, seed_of(seed, epoch)):
                loss = loss_of(network(x), labels)
                deeds = {"zero": descent.zero_grad, "backward": loss.backward, "step": descent.step}
                for word in order.split():
                    deeds[word]()
                losses.append(kept(loss))
            history.append(entry(losses))
        return end(history)

    return train_classifier


def on_a_copy(network: Any, *args: Any) -> Any:
    twin = nn.Sequential(nn.Flatten(), nn.Linear(784, len(args[1])))
    return training()(twin, *args)


def emptied(network: Any, images: Any, *rest: Any) -> Any:
    history = training()(network, images, *rest)
    images[:] = 0
    return history


def first_batch(*args: Any) -> Any:
    return [next(iter(labelled_batches(*args)))]


def full_batches(*args: Any) -> Any:
    return (pair for pair in labelled_batches(*args) if len(pair[1]) == 128)


def in_zero_to_one(*args: Any) -> Any:
    return ((x / 2 + 0.5, labels) for x, labels in labelled_batches(*args))


def drawn_anew(images: Any, transforms: Any, seed: int) -> Any:
    pairs = list(labelled_batches(images, transforms, seed, len(images) * len(transforms)))
    x, labels = pairs[0]
    chosen = torch.randint(len(labels), (len(labels),))
    return ((x[part], labels[part]) for part in chosen.split(128))


def unseeded(images: Any, transforms: Any, seed: int) -> Any:
    return labelled_batches(images, transforms, int(torch.randint(1000, ())))


def unmixed(images: Any, transforms: Any, seed: int) -> Any:
    from data_utils.geometric import as_input
    from data_utils.transforms import apply_all

    x = as_input(apply_all(images, transforms).reshape(-1, 28, 28), "cpu")
    labels = torch.arange(len(transforms)).repeat(len(images))
    return zip(x.split(128), labels.split(128), strict=True)


def with_reports(network: Any, *args: Any) -> Any:
    """Small batches, and a look at the accuracy after them."""
    history = training(batches=lambda *a: labelled_batches(*a, 50))(network, *args)
    with torch.no_grad():
        network.eval()(torch.zeros(3, 1, 28, 28))
    return tuple(history)


# ------------------------------------------------------------ the other exercises, likewise


def simplified(log_p: Any) -> Any:
    return doubt(np.asarray(log_p))


def p_right(log_p: Any) -> Any:
    return np.exp(np.stack([log_p[:, j, j] for j in range(log_p.shape[1])], axis=1))


def dirichlet(
    mean_of: Callable[[Any], Any] = lambda log_p: log_p.mean(axis=0),
    start_of: Callable[[Any], Any] = dirichlet_start,
    total_of: Callable[[Any], Any] = lambda a: a.sum(axis=1, keepdims=True),
    undo: Callable[[Any], Any] = inverse_digamma,
    extra: int = 0,
    length: Callable[[Any], Any] = lambda step: np.linalg.norm(step, axis=1),
    end: Callable[..., Any] = lambda alphas, moved, tolerance: (alphas, moved < tolerance),
) -> Any:
    def fit_dirichlet(log_p: Any, steps: int = 1000, tolerance: float = 1e-6) -> Any:
        logs, now = mean_of(log_p), start_of(log_p)
        moved = np.full(len(now), np.inf)
        with np.errstate(all="ignore"):
            for _ in range(steps + extra):
                after = undo(digamma(total_of(now)) + logs)
                moved = length(after - now)
                now = after
                if (moved < tolerance).all():
                    break
        return end(now, moved, tolerance)

    return fit_dirichlet


def row_by_row(log_p: Any, steps: int = 1000, tolerance: float = 1e-6) -> Any:
    fit = dirichlet()
    rows = [fit(log_p[:, [j]], steps, tolerance) for j in range(log_p.shape[1])]
    return [alphas[0].tolist() for alphas, _ in rows], [settled[0] for _, settled in rows]


@np.errstate(all="ignore")
def by_newton(log_p: Any, steps: int = 1000, tolerance: float = 1e-6) -> Any:
    """Newton's method on the likelihood, all rows at once; never below a quarter at once."""
    logs, now = log_p.mean(axis=0), dirichlet_start(log_p)
    moved = np.full(len(now), np.inf)
    for _ in range(steps):
        total = now.sum(axis=1, keepdims=True)
        slope, bend = digamma(total) - digamma(now) + logs, -polygamma(1, now)
        share = (slope / bend).sum(axis=1, keepdims=True) / (
            1 / polygamma(1, total) + (1 / bend).sum(axis=1, keepdims=True)
        )
        step = np.nan_to_num((slope - share) / bend)  # far out a trigamma overflows
        after = np.clip(now - step, np.maximum(now / 4, 1e-12), 1e12)
        moved, now = np.linalg.norm(after - now, axis=1), after
        if (moved < tolerance).all():
            break
    return now, moved < tolerance


def by_products(log_p: Any, alphas: Any) -> Any:
    with np.errstate(all="ignore"):
        return -np.log(np.prod(np.exp(30 * log_p) ** (alphas - 1), axis=2)).mean(axis=1) / 30


def in_place(function: Callable[..., Any]) -> Any:
    def answer(*args: Any, **settings: Any) -> Any:
        result = function(*args, **settings)
        args[0][:] = 0
        return result

    return answer


def summary_with(**changes: Callable[[Any, Any], Any]) -> Any:
    def summary(runs: Any, baseline: Any) -> Any:
        x, b = np.asarray(runs, float), np.asarray(baseline, float)
        return five_runs(x, b) | {name: change(x, b) for name, change in changes.items()}

    return summary


def rates_with(change: Callable[..., Any]) -> Any:
    return lambda truth, called, positive: change(rates(truth, called, positive), truth, called)


def ascent(
    step: Callable[..., Any] = lambda x, slope, rate: x + rate * slope(x),
    cut: Callable[[Any], Any] = lambda x: np.minimum(np.maximum(x, 0), 1),
    end: Callable[[Any], Any] = lambda x: x,
    more: int = 0,
) -> Any:
    def ascend(image: Any, slope: Any, steps: int, rate: float) -> Any:
        now = image
        for _ in range(steps + more):
            now = cut(step(now, slope, rate))
        return end(now)

    return ascend


def first_slope(image: Any, slope: Any, steps: int, rate: float) -> Any:
    uphill = slope(image)
    return ascent(lambda x, _, r: x + r * uphill)(image, slope, steps, rate)


def old_image(image: Any, slope: Any, steps: int, rate: float) -> Any:
    return ascent(lambda x, s, r: x + r * s(image))(image, slope, steps, rate)


def overwritten(image: Any, slope: Any, steps: int, rate: float) -> Any:
    for _ in range(steps):
        image += rate * slope(image)
        np.clip(image, 0, 1, out=image)
    return image


def in_torch(image: Any, slope: Any, steps: int, rate: float) -> Any:
    now = torch.tensor(image, dtype=torch.float32)
    for _ in range(steps):
        now = (now + rate * torch.from_numpy(slope(now.numpy())).float()).clamp(0, 1)
        slope(now.numpy())  # to print how steep it is
    return now


RIGHT: dict[str, list[Any]] = {
    "4.6": [
        training(),
        with_reports,
        training(torch.optim.AdamW, order="backward step zero"),
        training(lambda w: torch.optim.SGD(w, lr=0.05, momentum=0.9)),
        training(lambda w: torch.optim.Adam(w, lr=5e-3), end=np.array),
        training(seed_of=lambda seed, epoch: 1000 * seed + epoch),
        training(loss_of=lambda z, y: F.nll_loss(z.log_softmax(1), y)),
    ],
    "4.7": [
        simplified,
        lambda log_p: [float(-np.exp(one.diagonal()).mean()) for one in log_p],
        lambda log_p: -torch.tensor(log_p).diagonal(dim1=1, dim2=2).exp().mean(1),
    ],
    "4.8": [dirichlet(), row_by_row, by_newton],
    "4.9": [
        log_density,
        lambda log_p, a: torch.einsum("ntk,tk->n", torch.tensor(log_p), 1 - torch.tensor(a))
        / len(a),
    ],
    "4.11": [
        rates,
        rates_with(lambda r, *_: r | {"tp": 3, "type_1": np.float32(r["type_1"])}),
    ],
    "4.12": [summary_with(), summary_with(behind=lambda x, b: (b > x.mean(axis=1)).sum())],
    "4.13": [ascent(), in_torch, lambda image, *rest: climb(image, *rest)[-1]],
}  # fmt: skip


@pytest.mark.parametrize(
    ("exercise", "function"), [(e, f) for e, functions in RIGHT.items() for f in functions]
)
def test_right_answers_pass_however_they_are_written(exercise: str, function: Any) -> None:
    SCORE_CHECKS[exercise](function)


MISTAKES: list[tuple[str, Any, str]] = [
    ("4.6", training(order="backward step"), "gradients add up"),
    ("4.6", training(order="backward zero step"), "the gradients were emptied between the two"),
    ("4.6", training(order="zero backward"), "step() or backward() is missing"),
    ("4.6", training(order="zero step"), "step() or backward() is missing"),
    ("4.6", on_a_copy, "another network was trained"),
    ("4.6", training(lambda w: torch.optim.Adam(w, lr=1e-5)), "too few or too small steps"),
    ("4.6", training(loss_of=lambda z, y: -F.cross_entropy(z, y)), "climbs"),
    ("4.6", training(loss_of=lambda z, y: F.cross_entropy(z, 1 - y)), "other labels"),
    ("4.6", training(loss_of=lambda z, y: F.cross_entropy(z.softmax(1), y)), "a softmax before"),
    ("4.6", training(mode=lambda network: network), "it came in evaluation mode"),
    ("4.6", training(batches=first_batch), "not all batches were taken"),
    ("4.6", training(batches=full_batches), "not all batches were taken"),
    ("4.6", training(batches=in_zero_to_one), "the inputs were changed"),
    ("4.6", training(batches=drawn_anew), "drawn anew"),
    ("4.6", training(batches=unmixed), "nothing mixes them"),
    ("4.6", training(batches=unseeded), "seed is not used"),
    ("4.6", training(seed_of=lambda seed, epoch: seed + epoch + int(torch.randint(99, ()))),
     "something is drawn at random"),
    ("4.6", training(seed_of=lambda seed, epoch: seed), "the same seed in each epoch"),
    ("4.6", training(seed_of=lambda seed, epoch: epoch), "seed is not used"),
    ("4.6", training(entry=lambda losses: losses[-1]), "the loss of the last batch alone"),
    ("4.6", training(entry=sum), "the sum over the batches"),
    ("4.6", training(entry=lambda losses: losses), "lists or arrays"),
    ("4.6", training(entry=lambda losses: sum(losses) / 280), "divided by the number of pictures"),
    ("4.6", training(kept=lambda loss: loss, entry=lambda losses: sum(losses) / len(losses)),
     "they hold on to the whole computation"),
    ("4.6", training(more=1), "not one entry for each epoch"),
    ("4.6", training(end=lambda history: None), "nothing is returned"),
    ("4.6", training(end=lambda history: history[-1:]), "only one number was kept"),
    ("4.6", emptied, "an operation worked in place"),
    ("4.7", lambda log_p: p_right(log_p).mean(axis=1), "the sign"),
    ("4.7", lambda log_p: -p_right(log_p).sum(axis=1), "a sum over the transformations"),
    ("4.7", lambda log_p: 1 - p_right(log_p).mean(axis=1), "this is 1 minus the mean"),
    ("4.7", lambda log_p: -np.log(p_right(log_p)).mean(axis=1), "the logarithm was not undone"),
    ("4.7", lambda log_p: -np.exp(np.log(p_right(log_p)).mean(axis=1)), "and then undone"),
    ("4.7", lambda log_p: -np.exp(log_p).mean(axis=(1, 2)), "always add up to 1"),
    ("4.7", lambda log_p: -np.exp(log_p).max(axis=2).mean(axis=1), "the largest probability"),
    ("4.7", lambda log_p: -np.exp(log_p)[:, :, 0].mean(axis=1), "label 0 was taken"),
    ("4.7", lambda log_p: -p_right(log_p).mean(axis=0), "the mean ran over"),
    ("4.7", lambda log_p: -p_right(log_p).mean(), "ran over the images too"),
    ("4.7", lambda log_p: -p_right(log_p), "were not brought together"),
    ("4.7", lambda log_p: -np.exp(log_p).mean(axis=1), "were not brought together"),
    ("4.7", lambda log_p: "scores", "does not hold one number"),
    ("4.7", in_place(simplified), "an operation worked in place"),
    ("4.8", dirichlet(mean_of=lambda x: np.log(np.exp(x).mean(axis=0))), "logarithm of the mean"),
    ("4.8", dirichlet(mean_of=lambda x: x.sum(axis=0)), "the sum over the images"),
    ("4.8", dirichlet(mean_of=lambda x: np.exp(x).mean(axis=0)), "the mean of the probabilities"),
    ("4.8", dirichlet(total_of=lambda a: a.sum(axis=0)), "ran over the transformations"),
    ("4.8", dirichlet(total_of=lambda a: a.sum()), "ran over everything"),
    ("4.8", dirichlet(total_of=lambda a: a.mean(axis=1, keepdims=True)), "the mean of the alphas"),
    ("4.8", dirichlet(total_of=lambda a: a), "digamma of the alphas themselves"),
    ("4.8", dirichlet(undo=lambda y: y), "inverse_digamma is missing"),
    ("4.8", dirichlet(extra=-1), "no step was taken"),
    ("4.8", dirichlet(start_of=lambda x: np.ones(x.shape[1:])), "another step"),
    ("4.8", dirichlet(end=lambda a, moved, t: (a, np.full(len(a), True))), "True whatever"),
    ("4.8", dirichlet(end=lambda a, moved, t: (a, np.full(len(a), False))), "turned round"),
    ("4.8", dirichlet(end=lambda a, moved, t: (a, moved > t)), "turned round"),
    ("4.8", dirichlet(end=lambda a, moved, t: (a, np.full(len(a), (moved < t).all()))),
     "all rows are answered together"),
    ("4.8", dirichlet(end=lambda a, moved, t: (a, (moved < t).all())), "one answer for all rows"),
    ("4.8", dirichlet(end=lambda a, moved, t: a), "one of the two is not returned"),
    ("4.8", dirichlet(end=lambda a, moved, t: (a[0], moved < t)), "one row of parameters for all"),
    ("4.8", dirichlet(end=lambda a, moved, t: (a, moved)), "not one truth value"),
    ("4.8", in_place(dirichlet()), "an operation worked in place"),
    ("4.9", lambda x, a: -log_density(x, a), "the sign"),
    ("4.9", lambda x, a: log_density(x, a) * len(a), "the sum over the transformations"),
    ("4.9", lambda x, a: log_density(x, a + 1), "the 1 is missing"),
    ("4.9", lambda x, a: log_density(x, a + 2), "1 is added"),
    ("4.9", lambda x, a: log_density(x, a) / 3, "a mean over the labels as well"),
    ("4.9", lambda x, a: log_density(np.exp(x), a), "the logarithm was undone"),
    ("4.9", lambda x, a: -((a - 1) * x).sum(axis=2), "not brought together"),
    ("4.9", lambda x, a: -((a - 1) * x).sum(), "ran over the images too"),
    ("4.9", lambda x, a: -np.diagonal((a - 1) * x, axis1=1, axis2=2).mean(axis=1), "right labels"),
    ("4.9", lambda x, a: log_density(x, np.where(a < 1, 1, a)), "the formula differs"),
    ("4.9", in_place(log_density), "an operation worked in place"),
    ("4.11", lambda truth, called, positive: rates(truth, called, "anomaly"), "change places"),
    ("4.11", rates_with(lambda r, *_: dict(zip(r, [*r.values()][::-1], strict=True))), "other"),
    ("4.11", rates_with(lambda r, t, c: {"type_1": (c & ~t).sum(), "type_2": 1}), "a count"),
    ("4.11", rates_with(lambda r, t, c: r | {"type_1": (c & ~t).mean()}), "a share of all images"),
    ("4.11", rates_with(lambda r, t, c: r | {"type_1": (c & ~t).sum() / t.sum()}), "other class"),
    ("4.11", rates_with(lambda r, t, c: r | {"type_1": (~t)[c].mean()}), "a share of the verdicts"),
    ("4.11", rates_with(lambda r, *_: r | {"type_2": 1 - r["type_2"]}), "the share that is right"),
    ("4.11", rates_with(lambda r, *_: r | {"type_2": 100 * r["type_2"]}), "a percentage"),
    ("4.11", rates_with(lambda r, *_: tuple(r.values())), "a key is missing"),
    ("4.11", rates_with(lambda r, *_: r | {"type_1": None}), "something else is returned"),
    ("4.11", in_place(rates), "an operation worked in place"),
    ("4.12", summary_with(sem=lambda x, b: x.std(axis=1) / np.sqrt(x.shape[1])), "of n - 1"),
    ("4.12", summary_with(sem=lambda x, b: x.std(axis=1, ddof=1)), "not divided by the root"),
    ("4.12", summary_with(sem=lambda x, b: x.std(axis=1)), "nothing was divided"),
    ("4.12", summary_with(sem=lambda x, b: x.std(axis=1, ddof=1) / x.shape[1]), "divided by n"),
    ("4.12", summary_with(mean=lambda x, b: x.mean(axis=0)), "the mean over the classes"),
    ("4.12", summary_with(mean=lambda x, b: x.mean()), "the mean over classes and runs"),
    ("4.12", summary_with(mean=lambda x, b: x.max(axis=1)), "the best run"),
    ("4.12", summary_with(mean=lambda x, b: "mean"), "something else is returned"),
    ("4.12", summary_with(points=lambda x, b: x.mean() - b.mean()), "0.05 is 5 points"),
    ("4.12", summary_with(points=lambda x, b: 100 * (b.mean() - x.mean())), "minus the runs"),
    ("4.12", summary_with(points=lambda x, b: 100 * (x.mean() / b.mean() - 1)), "relative gain"),
    ("4.12", summary_with(relative=lambda x, b: x.mean() / b.mean() - 1), "a fraction"),
    ("4.12", summary_with(relative=lambda x, b: 100 * (1 - b.mean() / x.mean())), "own mean"),
    ("4.12", summary_with(relative=lambda x, b: 100 * (x.mean(axis=1) / b - 1).mean()),
     "each class"),
    ("4.12", summary_with(relative=lambda x, b: 100 * (x.mean() - b.mean()) / (b.mean() - 0.5)),
     "above chance"),
    ("4.12", summary_with(behind=lambda x, b: (b >= x.mean(axis=1)).sum()), "does not count"),
    ("4.12", summary_with(behind=lambda x, b: (b > x.mean(axis=1)).mean()), "a share of the"),
    ("4.12", summary_with(behind=lambda x, b: (b[:, None] > x).sum()), "single runs were counted"),
    ("4.12", lambda runs, baseline: {"mean": 1}, "a key is missing"),
    ("4.12", in_place(summary_with()), "an operation worked in place"),
    ("4.13", ascent(cut=lambda x: x, end=lambda x: x.clip(0, 1)), "at the end only"),
    ("4.13", ascent(cut=lambda x: x), "not cut above 1"),
    ("4.13", first_slope, "taken once"),
    ("4.13", old_image, "in each step"),
    ("4.13", ascent(lambda x, slope, rate: x - rate * slope(x)), "downhill"),
    ("4.13", ascent(lambda x, slope, rate: x + slope(x)), "rate is not used"),
    ("4.13", ascent(lambda x, slope, rate: x + rate * np.sign(slope(x))), "the sign of the slope"),
    ("4.13", ascent(lambda x, slope, rate: x + 2 * rate * slope(x)), "another step is taken"),
    ("4.13", ascent(more=1), "one step more"),
    ("4.13", ascent(more=-1), "only 2 of 3 steps"),
    ("4.13", ascent(end=lambda x: [x, x]), "all images of the way"),
    ("4.13", ascent(end=lambda x: None), "something else than the last image"),
    ("4.13", overwritten, "an operation worked in place"),
]  # fmt: skip


@pytest.mark.parametrize(("exercise", "function", "why"), MISTAKES)
def test_mistakes_are_named(exercise: str, function: Any, why: str) -> None:
    with pytest.raises(Found) as found:
        SCORE_CHECKS[exercise](function)
    assert why in found.value.finding.why


# ------------------------------------------------------------ what only hidden checks ask


def two_rows(count: int = 80) -> Any:
    rng = np.random.default_rng(3)
    return np.log(np.stack([rng.dirichlet(a, count) for a in ([7, 3, 5], [2, 0.5, 1.2])], axis=1))


def test_the_path_by_a_search_is_that_of_the_fixed_point() -> None:
    log_p = two_rows()
    for steps, alphas in enumerate(path(log_p, 4)):
        assert np.allclose(alphas, dirichlet()(log_p, steps)[0], rtol=1e-9)


def test_more_steps_than_asked_are_counted() -> None:
    log_p = two_rows()
    finding = nb4_dirichlet_steps.one_step(dirichlet(extra=1)(log_p, 1), log_p, path(log_p, 3)[2:])
    assert finding is not None
    assert "this is what 2 steps give" in finding.why


@pytest.mark.parametrize(
    ("fit", "why"),
    [
        (dirichlet(), ""),
        (row_by_row, ""),
        (by_newton, ""),
        (lambda log_p, steps, tolerance: dirichlet()(log_p, steps), "the loop is not left"),
        (dirichlet(length=lambda step: step.max(axis=1) / 5), "stopped too early"),
    ],
)
def test_a_tolerance_is_heeded(fit: Any, why: str) -> None:
    log_p = two_rows()
    got = fit(log_p, steps=120, tolerance=0.02)
    finding = nb4_dirichlet_steps.stops_in_time(got, log_p, path(log_p, 120), 0.02)
    assert (
        (finding.why if finding else "") == ""
        if not why
        else why in (finding.why if finding else "")
    )


def test_distance_from_the_maximum_is_that_of_newtons_method() -> None:
    log_p = two_rows()
    best, _ = by_newton(log_p)
    assert (nb4_dirichlet.off_maximum(best, log_p) < 1e-9).all()
    assert np.allclose(nb4_dirichlet.off_maximum(best * 1.01, log_p), 0.01, rtol=0.05)


def test_a_product_of_densities_is_not_finite() -> None:
    log_p, alphas = np.full((2, 3, 3), -20.0), np.full((3, 3), 9.0)
    finding = nb4_scores.score_form(by_products(log_p, alphas), log_p)
    assert finding is not None
    assert "a probability was rounded to 0" in finding.why


def test_ranks_pass_either_sign_and_any_scale() -> None:
    expected = np.array([0.3, 0.1, 0.7])
    assert nb4_scores.score_ranks(-5 * expected, expected, ()) is None
    assert nb4_scores.score_ranks(expected[::-1], expected, ()) is not None


def test_the_side_of_odd_images_is_told() -> None:
    odd = np.array([True, False, True])
    assert nb4_scores.odd_is_high([2, 1, 3], odd) is None
    for scores, why in (([1, 4, 2], "the sign"), ([1, 2, 3], "something else")):
        finding = nb4_scores.odd_is_high(scores, odd)
        assert finding is not None
        assert why in finding.why


def test_checks_leave_random_numbers_alone() -> None:
    before, mine = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]
    SCORE_CHECKS["4.6"](training())
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(mine, np.random.get_state()[1])  # type: ignore[index]
