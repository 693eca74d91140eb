"""Exercises 2.5 to 2.7, 2.9, 2.10: right answers pass however written, mistakes get the words."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from data_utils.selfcheck.nb2_visible_scores import SCORE_CHECKS  # noqa: E402
from data_utils.selfcheck.words import Found  # noqa: E402

# ------------------------------------------------------------ search


def search(
    pair: Any,
    x: Any,
    seed: int,
    steps: int = 100,
    rate: float = 0.1,
    *,
    start: Callable[..., Any] | None = None,
    mode: bool = False,
    sign: int = 1,
    moved: Callable[[Any, Any], list[Any]] = lambda noise, pair: [noise],
    finish: Callable[[Any, Any], Any] = lambda noise, pair: noise.detach(),
) -> Any:
    """A search with every part open to change."""
    generator = torch.Generator().manual_seed(seed)
    made = start(len(x), pair.latent_size) if start else None
    noise = torch.randn(len(x), pair.latent_size, generator=generator) if made is None else made
    noise.requires_grad_()
    pair.generator.train(mode)
    adam = torch.optim.Adam(moved(noise, pair), lr=rate)
    for _ in range(steps):
        adam.zero_grad()
        (sign * (x - pair.generator(noise)).square().sum()).backward()
        adam.step()
    return finish(noise, pair)


def globally_seeded(pair: Any, x: Any, seed: int, steps: int = 100, rate: float = 0.1) -> Any:
    torch.manual_seed(seed)
    return search(pair, x, seed, steps, rate, start=torch.randn)


def globally_seeded_by_numpy(
    pair: Any, x: Any, seed: int, steps: int = 100, rate: float = 0.1
) -> Any:
    np.random.seed(seed)
    begin = lambda n, k: torch.tensor(np.random.standard_normal((n, k)), dtype=torch.float32)  # noqa: E731
    return search(pair, x, seed, steps, rate, start=begin)


def in_a_fork(pair: Any, x: Any, seed: int, steps: int = 100, rate: float = 0.1) -> Any:
    """Seeds torch as a whole, and puts everything back."""
    with torch.random.fork_rng():
        return globally_seeded(pair.eval(), x, seed, steps, rate)


def seeded_by_numpy(pair: Any, x: Any, seed: int, steps: int = 100, rate: float = 0.1) -> Any:
    rng = np.random.default_rng(seed)
    begin = lambda n, k: torch.tensor(rng.standard_normal((n, k)), dtype=torch.float32)  # noqa: E731
    return search(pair, x, seed, steps, rate, start=begin, finish=lambda z, _: z.tolist())


def by_the_mean(pair: Any, x: Any, seed: int, steps: int = 100, rate: float = 0.1) -> Any:
    """One mean over everything; the networks' modes are put back."""
    noise = torch.randn(len(x), pair.latent_size, generator=torch.Generator().manual_seed(seed))
    noise, was = torch.nn.Parameter(noise), pair.generator.training
    adam = torch.optim.Adam([noise], lr=rate)
    pair.generator.eval()
    for _ in range(steps):
        error = torch.nn.functional.mse_loss(pair.generator(noise), x)
        (noise.grad,) = torch.autograd.grad(error, [noise])
        adam.step()
    pair.generator.train(was)
    return noise


def with_weights(noise: Any, pair: Any) -> list[Any]:
    return [noise, *pair.generator.parameters()]


def deaf_to(name: str, value: float) -> Any:
    return lambda pair, x, seed, **given: search(pair, x, seed, **{**given, name: value})


# ------------------------------------------------------------ the encoder's loss


def encoder_halves(pair: Any, encoder: Any, x: Any) -> tuple[Any, Any]:
    """Differences of pixels and of features."""
    copy = pair.generator(encoder(x))
    return copy - x, pair.features(copy) - pair.features(x)


def loss_of(function: Callable[[Any, Any], Any]) -> Any:
    return lambda pair, encoder, x: function(*encoder_halves(pair, encoder, x))


def by_mse(pair: Any, encoder: Any, x: Any) -> Any:
    copy, mse = pair.generator(encoder(x)), torch.nn.functional.mse_loss
    return mse(copy.flatten(1), x.flatten(1)) + mse(pair.features(copy), pair.features(x).detach())


def cut_off(pair: Any, encoder: Any, x: Any) -> Any:
    copy, mse = pair.generator(encoder(x)), torch.nn.functional.mse_loss
    return mse(copy, x) + mse(pair.features(copy.detach()), pair.features(x))


def of_logits(pair: Any, encoder: Any, x: Any) -> Any:
    copy, mse = pair.generator(encoder(x)), torch.nn.functional.mse_loss
    return mse(copy, x) + mse(pair.logits(copy), pair.logits(x))


def through_arrays(pair: Any, encoder: Any, x: Any) -> Any:
    copy = pair.sample(encoder(x))
    features = pair.features_of(copy) - pair.features_of(x)
    return torch.tensor(np.mean((copy - x.numpy()) ** 2) + np.mean(features**2))


def mean_square(values: Any) -> Any:
    return (values**2).mean()


# ------------------------------------------------------------ scores, verdicts, audit


def z_score(values: Any, usual: Any, ddof: int = 0) -> Any:
    return (np.asarray(values) - np.mean(usual)) / (np.std(usual, ddof=ddof) + 1e-12)


def clipped(values: Any, usual: Any) -> Any:
    return np.maximum(z_score(values, usual), 0)


def combined(p: Any, q: Any, p_val: Any, q_val: Any, ddof: int = 0) -> Any:
    return z_score(p, p_val, ddof) + z_score(q, q_val, ddof)


def table(scores: Any, digits: Any, normal_digit: int, threshold: float) -> dict[str, Any]:
    """Verdicts by masks."""
    odd, called = digits != normal_digit, scores > threshold
    counts = [[np.sum((odd == t) & (called == v)) for v in (0, 1)] for t in (0, 1)]
    right = float(counts[0][0] + counts[1][1]) / len(digits)
    return {"truth": odd, "verdict": called, "matrix": np.array(counts), "accuracy": right}


def crosstab(result: dict[str, Any], *_: Any) -> Any:
    """As scikit-learn's confusion_matrix without labels: rows for what occurs alone."""
    there = sorted({*result["truth"].astype(int), *result["verdict"].astype(int)})
    return result["matrix"][np.ix_(there, there)]


def audited(tp: int, fn: int, fp: int, tn: int, errors: Any, limits: Any, images: Any) -> Any:
    n = tp + fn + fp + tn
    return {
        "tpr": tp / (tp + fn),
        "tpr_upper": np.nan if tp else 1 - 0.025 ** (1.0 / fn),
        "accuracy": np.float64(tn + tp) / n,
        "always_anomaly": 1 - (fp + tn) / n,
        "flagged": np.array([np.sum(np.array(errors) > limit) for limit in limits]),
        "black_error": np.square(images / np.float32(255)).mean(),
    }


def changed(function: Callable[..., dict[str, Any]], **changes: Any) -> Any:
    """Return the function with some entries worked out otherwise, from result and arguments."""

    def wrong(*given: Any) -> dict[str, Any]:
        result = function(*given)
        return {**result, **{name: change(result, *given) for name, change in changes.items()}}

    return wrong


audit_with = functools.partial(changed, audited)
table_with = functools.partial(changed, table)

RIGHT = {
    "2.5": [search, in_a_fork, seeded_by_numpy, by_the_mean],
    "2.6": [by_mse, loss_of(lambda p, f: p.norm() ** 2 / p.numel() + f.pow(2).mean(1).mean())],
    "2.7": [
        combined,
        functools.partial(combined, ddof=1),
        lambda *parts: combined(*parts).tolist(),
        lambda *parts: torch.tensor(combined(*parts), dtype=torch.float32),
    ],
    "2.9": [
        table,
        table_with(
            truth=lambda r, *_: r["truth"].astype(int).tolist(),
            verdict=lambda r, *_: r["verdict"].astype(np.uint8),
            matrix=lambda r, *_: r["matrix"].astype(float).tolist(),
        ),
    ],
    "2.10": [
        audited,
        audit_with(flagged=lambda r, *_: list(r["flagged"]), tpr=lambda r, *_: np.array(r["tpr"])),
        audit_with(tpr_upper=lambda r, tp, *_: 0.96815 if tp else r["tpr_upper"]),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("exercise", "function"), [(e, f) for e, functions in RIGHT.items() for f in functions]
)
def test_right_answers_pass_however_they_are_written(exercise: str, function: Any) -> None:
    SCORE_CHECKS[exercise](function)


# ------------------------------------------------------------ mistakes

MISTAKES: list[tuple[str, Any, str]] = [
    ("2.5", functools.partial(search, start=torch.randn), "drawn without the seed"),
    ("2.5", lambda p, x, s, **k: search(p, x, 0, **k), "the seed is not used"),
    ("2.5", globally_seeded, "they were set anew in the call"),
    ("2.5", globally_seeded_by_numpy, "they were set anew in the call"),
    ("2.5", functools.partial(search, mode=True), "the search ran in training mode"),
    ("2.5", functools.partial(search, sign=-1), "the sign is turned"),
    ("2.5", functools.partial(search, moved=with_weights), "keep the pair's parameters out"),
    ("2.5", functools.partial(search, moved=lambda z, p: [z.clone().detach()]), "not in the optim"),
    ("2.5", functools.partial(search, finish=lambda z, p: p.generator(z)), "these are the copies"),
    ("2.5", functools.partial(search, finish=lambda z, p: z[0]), "numbers of its own"),
    ("2.5", functools.partial(search, finish=lambda z, p: 0 * z + z[:1]), "all images share one"),
    ("2.5", functools.partial(search, finish=lambda z, p: z * np.nan), "NaN or infinite noise"),
    ("2.5", functools.partial(search, finish=lambda z, p: None), "None"),
    ("2.5", deaf_to("steps", 100), "steps is not used"),
    ("2.5", deaf_to("rate", 0.1), "rate is not used"),
    ("2.6", loss_of(lambda p, f: mean_square(p)), "the half of the features is missing"),
    ("2.6", loss_of(lambda p, f: mean_square(f)), "the half of the pixels is missing"),
    ("2.6", loss_of(lambda p, f: (p**2).sum() + (f**2).sum()), "both halves are sums"),
    ("2.6", loss_of(lambda p, f: (p**2).sum() + mean_square(f)), "the pixels are summed"),
    ("2.6", loss_of(lambda p, f: mean_square(p) + (f**2).sum()), "the features are summed"),
    ("2.6", loss_of(lambda p, f: p.abs().mean() + f.abs().mean()), "absolute differences"),
    ("2.6", loss_of(lambda p, f: mean_square(p) + f.abs().mean()), "the features' absolute"),
    ("2.6", loss_of(lambda p, f: mean_square(p) + f.norm(dim=1).mean()), "a root was taken"),
    ("2.6", loss_of(lambda p, f: (mean_square(p) + mean_square(f)).sqrt()), "a square root"),
    ("2.6", loss_of(lambda p, f: (mean_square(p) + mean_square(f)) / 2), "were averaged"),
    ("2.6", loss_of(lambda p, f: (mean_square(p) + mean_square(f)).item()), "no gradient"),
    ("2.6", loss_of(lambda p, f: p**2), "one finite number"),
    ("2.6", loss_of(lambda p, f: None), "one finite number"),
    ("2.6", loss_of(lambda p, f: mean_square(p + 1) + mean_square(f)), "the formula differs"),
    ("2.6", of_logits, "the logits are compared"),
    ("2.6", cut_off, "the half of the features is cut off"),
    ("2.6", through_arrays, "the pair's methods sample and features_of do that"),
    ("2.7", lambda p, q, a, b: combined(p, q, p, q), "the images that are judged"),
    ("2.7", lambda p, q, a, b: p + q, "added as they are"),
    ("2.7", lambda p, q, a, b: p / a.std() + q / b.std(), "no mean was taken off"),
    ("2.7", lambda p, q, a, b: z_score(p, a), "the feature error is missing"),
    ("2.7", lambda p, q, a, b: clipped(p, a) + clipped(q, b), "cut off at 0"),
    ("2.7", lambda p, q, a, b: abs(z_score(p, a)) + abs(z_score(q, b)), "the sign of each part"),
    ("2.7", lambda p, q, a, b: z_score(q, b), "the pixel error is missing"),
    ("2.7", lambda p, q, a, b: z_score(p, a) * z_score(q, b), "multiplied"),
    ("2.7", lambda p, q, a, b: combined(p, q, a, a), "by the pixel errors"),
    ("2.7", lambda p, q, a, b: combined(p, q, b, b), "by the feature errors"),
    ("2.7", lambda p, q, a, b: -combined(p, q, a, b), "the sign is turned"),
    ("2.7", lambda p, q, a, b: combined(p, q, a, b) / 2, "the mean of the two"),
    ("2.7", lambda p, q, a, b: z_score(p, a) + (q - b.mean()) / a.std(), "used for both"),
    ("2.7", lambda p, q, a, b: z_score(p, a) / a.std() + z_score(q, b) / b.std(), "the variance"),
    ("2.7", lambda p, q, a, b: combined(p, q, a, b).sum(), "a single number"),
    ("2.7", lambda p, q, a, b: [z_score(p, a), z_score(q, b)], "side by side"),
    ("2.7", lambda p, q, a, b: None, "one number for each"),
    ("2.7", lambda p, q, a, b: combined(p, q, a, b) / (b.std() > 0), "standard deviation of 0"),
    ("2.9", table_with(truth=lambda r, *_: ~r["truth"]), "upside down"),
    ("2.9", table_with(truth=lambda r, s, digits, *_: digits != 5), "digit 5 is taken"),
    ("2.9", table_with(verdict=lambda r, s, d, n, t: s >= t), "exactly at the threshold"),
    ("2.9", table_with(verdict=lambda r, *_: r["verdict"][:-1]), "one id for each image"),
    ("2.9", table_with(matrix=lambda r, *_: [[4, 2], [1, 3]]), "class 1 stands first"),
    ("2.9", table_with(matrix=lambda r, *_: r["matrix"] / 9), "shares, where counts"),
    ("2.9", table_with(matrix=lambda r, *_: r["matrix"].T), "turned about its diagonal"),
    ("2.9", table_with(matrix=lambda r, *_: [3, 1, 1, 4]), "four counts in two rows"),
    ("2.9", table_with(matrix=lambda r, *_: r["matrix"][::-1]), "rows are swapped"),
    ("2.9", table_with(matrix=crosstab), "a class that does not occur"),
    ("2.9", table_with(accuracy=lambda r, *_: 100 * r["accuracy"]), "a percentage"),
    ("2.9", table_with(accuracy=lambda r, *_: 2 / 3), "this is the true positive rate"),
    ("2.9", table_with(accuracy=lambda r, *_: 7), "a count of right verdicts"),
    ("2.9", lambda *a: tuple(table(*a).values()), "a key is missing"),
    ("2.10", audit_with(tpr_upper=lambda r, tp, fn, *_: 1 - 0.05 ** (1 / fn)), "one-sided"),
    ("2.10", audit_with(tpr_upper=lambda r, tp, fn, *_: 3 / fn), "the rule of three"),
    ("2.10", audit_with(tpr_upper=lambda r, *_: np.nan), "nan is for the case"),
    ("2.10", audit_with(tpr_upper=lambda r, tp, fn, *_: 1 - 0.025 ** (1 / (tp + fn))), "tp = 0"),
    ("2.10", audit_with(tpr=lambda r, *counts: counts[0] / sum(counts[:4])), "by all images"),
    ("2.10", audit_with(tpr=lambda r, *c: c[0] / (c[0] + c[2])), "this is the precision"),
    (
        "2.10",
        audit_with(accuracy=lambda r, *c: c[3] / (c[2] + c[3]) if c[0] == 0 else 10 / 13),
        "the formula differs",
    ),
    ("2.10", audit_with(tpr=lambda r, *_: 100 * r["tpr"]), "a percentage"),
    ("2.10", audit_with(accuracy=lambda r, *a: a[3] / sum(a[:4])), "verdicts on anomalies"),
    ("2.10", audit_with(always_anomaly=lambda r, *_: 1 - r["always_anomaly"]), "share of normal"),
    ("2.10", audit_with(flagged=lambda r, *_: 3 - r["flagged"]), "below the threshold"),
    ("2.10", audit_with(flagged=lambda r, *_: [2, 3]), "exactly at the threshold"),
    ("2.10", audit_with(flagged=lambda r, *_: [2, 1, 2]), "one entry for each error"),
    ("2.10", audit_with(black_error=lambda r, *a: np.mean(a[-1] ** 2.0)), "from 0 to 255"),
    ("2.10", audit_with(black_error=lambda r, *a: np.mean(a[-1] ** 2)), "overflow"),
    ("2.10", audit_with(black_error=lambda r, *_: 4 * r["black_error"]), "scale of the GAN"),
    ("2.10", audit_with(black_error=lambda r, *a: np.mean(a[-1]) / 255), "square is missing"),
    ("2.10", lambda *a: None, "a key is missing"),
]


@pytest.mark.parametrize(("exercise", "function", "words"), MISTAKES)
def test_a_typical_mistake_is_named(exercise: str, function: Any, words: str) -> None:
    with np.errstate(all="ignore"), pytest.raises(Found) as caught:
        SCORE_CHECKS[exercise](function)
    assert words in str(caught.value)
    assert len(caught.value.finding.lines()) <= 5  # with the headline at most six
