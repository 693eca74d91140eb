"""Exercises 3.7 and 3.8: right answers pass however written, mistakes get the words."""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn.covariance import ShrunkCovariance  # noqa: E402
from sklearn.neighbors import NearestNeighbors  # noqa: E402

from data_utils.selfcheck import nb3_distances, nb3_gaussian, nb3_heat, nb3_scaling  # noqa: E402
from data_utils.selfcheck.nb3_visible_features import FEATURE_CHECKS  # noqa: E402
from data_utils.selfcheck.words import Found  # noqa: E402

# ------------------------------------------------------------ neighbours


def table(bank: Any, queries: Any) -> Any:
    """Distances (n, m) by differences."""
    return np.linalg.norm(queries[:, None] - bank[None], axis=-1)


def nearest(bank: Any, queries: Any, k: int) -> Any:
    return np.sort(table(bank, queries), axis=1)[:, :k]


def neighbours(bank: Any, queries: Any, k: int) -> Any:
    return nearest(bank, queries, k).mean(axis=1)


def by_scikit_learn(bank: Any, queries: Any, k: int) -> Any:
    return NearestNeighbors(n_neighbors=k).fit(bank).kneighbors(queries)[0].mean(axis=1)


def by_the_binomial_formula(bank: Any, queries: Any, k: int) -> Any:
    squares = (queries**2).sum(1)[:, None] - 2 * queries @ bank.T + (bank**2).sum(1)
    return np.sqrt(np.maximum(np.partition(squares, k - 1, axis=1)[:, :k], 0)).mean(1)


def in_single_precision(bank: Any, queries: Any, k: int) -> Any:
    b, q = (torch.tensor(part, dtype=torch.float32) for part in (bank, queries))
    distances = torch.cdist(q, b, compute_mode="use_mm_for_euclid_dist")
    return distances.topk(k, largest=False, sorted=False).values.mean(1)


def in_lists(bank: Any, queries: Any, k: int) -> Any:
    return [sum(sorted(math.dist(q, b) for b in bank)[:k]) / k for q in queries]


def in_place_on_copies(bank: Any, queries: Any, k: int) -> Any:
    means = np.zeros(len(queries))
    for row in range(len(queries)):
        away = bank - queries[row]
        away *= away
        distances = np.sqrt(away.sum(axis=1))
        distances.sort()
        means[row] += distances[:k].sum() / k
    return means


def cosines(bank: Any, queries: Any) -> Any:
    lengths = np.linalg.norm(bank, axis=1) * np.linalg.norm(queries, axis=1)[:, None]
    return queries @ bank.T / np.maximum(lengths, 1e-12)


# ------------------------------------------------------------ a Gaussian


def gaussian(
    bank: Any,
    queries: Any,
    shrinkage: float = 0.1,
    *,
    ddof: int = 1,
    mix: Callable[..., Any] = lambda c, v, s: (1 - s) * c + s * v * np.eye(len(c)),
    center: Callable[[Any, Any], Any] = lambda bank, queries: bank.mean(axis=0),
    finish: Callable[[Any], Any] = lambda d: d,
) -> Any:
    """A squared Mahalanobis distance with every part open to change."""
    covariance = np.cov(bank, rowvar=False, ddof=ddof)
    matrix = mix(covariance, np.diag(covariance).mean(), shrinkage)
    away = queries - center(bank, queries)
    return finish((np.linalg.solve(matrix, away.T).T * away).sum(axis=1))


def by_pinv(bank: Any, queries: Any, shrinkage: float = 0.1) -> Any:
    b = torch.as_tensor(bank)
    c = torch.cov(b.T)
    c = torch.lerp(c, c.diagonal().mean() * torch.eye(len(c), dtype=c.dtype), shrinkage)
    away = torch.as_tensor(queries) - b.mean(0)
    return torch.diagonal(away @ torch.linalg.pinv(c) @ away.T)


def by_shrunk_covariance(bank: Any, queries: Any, shrinkage: float = 0.1) -> Any:
    return ShrunkCovariance(shrinkage=shrinkage).fit(bank).mahalanobis(queries)


def by_eigenvectors(bank: Any, queries: Any, shrinkage: float = 0.1) -> Any:
    values, vectors = np.linalg.eigh(np.cov(bank.T))
    values = (1 - shrinkage) * values + shrinkage * values.mean()
    return [float(row) for row in (((queries - bank.mean(0)) @ vectors) ** 2 / values).sum(1)]


def in_float32(bank: Any, queries: Any, shrinkage: float = 0.1) -> Any:
    b, q = bank.astype(np.float32), queries.astype(np.float32)
    c = ((b - b.mean(0)).T @ (b - b.mean(0)) / len(b)).astype(np.float32)
    c = (1 - shrinkage) * c + shrinkage * np.trace(c) / len(c) * np.eye(len(c), dtype=np.float32)
    inverse = np.linalg.inv(c).astype(np.float32)
    return np.array([row @ inverse @ row for row in q - b.mean(0)], np.float32)


gaussian_with = functools.partial(functools.partial, gaussian)


def fixed_shrinkage(bank: Any, queries: Any, shrinkage: float = 0.0) -> Any:
    return gaussian(bank, queries, 0.1)


def inverted(bank: Any, queries: Any, shrinkage: float) -> Any:
    """The covariance where its inverse belongs."""
    sphere = lambda c, v, s: np.linalg.inv((1 - s) * c + s * v * np.eye(len(c)))  # noqa: E731
    return gaussian(bank, queries, shrinkage, mix=sphere)


# ------------------------------------------------------------ right answers

RIGHT: dict[str, list[Any]] = {
    "3.7": [neighbours, by_scikit_learn, by_the_binomial_formula, in_single_precision, in_lists,
            in_place_on_copies],
    "3.8": [gaussian, gaussian_with(ddof=0), by_pinv, by_shrunk_covariance, by_eigenvectors,
            in_float32],
}  # fmt: skip


@pytest.mark.parametrize(
    ("exercise", "function"), [(e, f) for e, functions in RIGHT.items() for f in functions]
)
def test_right_answers_pass_however_they_are_written(exercise: str, function: Any) -> None:
    FEATURE_CHECKS[exercise](function)


# ------------------------------------------------------------ mistakes

MISTAKES: list[tuple[str, Any, str]] = [
    ("3.7", lambda b, q, k: nearest(b, q, k).sum(1), "added, not averaged"),
    ("3.7", lambda b, q, k: nearest(b, q, k)[:, -1], "only the k-th nearest counts"),
    ("3.7", lambda b, q, k: nearest(b, q, k)[:, 0], "only the nearest counts"),
    ("3.7", lambda b, q, k: np.median(nearest(b, q, k), 1), "the median"),
    ("3.7", lambda b, q, k: (nearest(b, q, k) ** 2).mean(1), "the distances are squared"),
    ("3.7", lambda b, q, k: (nearest(b, q, k) ** 2).mean(1) ** 0.5, "root was taken after"),
    ("3.7", lambda b, q, k: neighbours(b, q, k) / 2**0.5, "a mean over the features"),
    ("3.7", lambda b, q, k: -np.sort(-table(b, q))[:, :k].mean(1), "the k largest distances"),
    ("3.7", lambda b, q, k: table(b, q).mean(1), "all rows of the bank count"),
    ("3.7", lambda b, q, k: nearest(b, q, 2).mean(1), "mean of 2 distances, and k is 4"),
    ("3.7", lambda b, q, k: nearest(b, q, k + 1)[:, 1:].mean(1), "as if it were the query itself"),
    ("3.7", lambda b, q, k: neighbours(np.unique(b, axis=0), q, k), "were counted once"),
    ("3.7", lambda b, q, k: np.sort(abs(q[:, None] - b).sum(-1))[:, :k].mean(1), "(L1)"),
    ("3.7", lambda b, q, k: np.sort(1 - cosines(b, q))[:, :k].mean(1), "cosine distances"),
    ("3.7", lambda b, q, k: -neighbours(b, q, k), "the sign is turned"),
    ("3.7", lambda b, q, k: table(b, q)[:, :k].mean(1), "the first k rows of the bank count"),
    ("3.7", lambda b, q, k: neighbours(b, q, k)[::-1], "in another order"),
    ("3.7", lambda b, q, k: np.full(len(q), neighbours(b, q, k).mean()), "the same score"),
    ("3.7", lambda b, q, k: neighbours(q, b, min(k, len(q))), "bank and queries are swapped"),
    ("3.7", lambda b, q, k: nearest(b, q, k).mean(), "a single number"),
    ("3.7", lambda b, q, k: table(b, q), "this is the whole table"),
    ("3.7", lambda b, q, k: nearest(b, q, k)[:, :, None].mean(1), "is still there"),
    ("3.7", lambda b, q, k: neighbours(b, q, k).squeeze(), "was squeezed away"),
    ("3.7", lambda b, q, k: np.sqrt(-neighbours(b, q, k)), "pushed below zero"),
    ("3.7", lambda b, q, k: None, "None"),
    ("3.8", gaussian_with(finish=np.sqrt), "the root was taken"),
    ("3.8", gaussian_with(mix=lambda c, v, s: c), "was not shrunk"),
    ("3.8", gaussian_with(mix=lambda c, v, s: s * c + (1 - s) * v * np.eye(2)), "s and 1 - s"),
    ("3.8", gaussian_with(mix=lambda c, v, s: (1 - s) * c + s * np.eye(2)), "towards I itself"),
    ("3.8", gaussian_with(mix=lambda c, v, s: c + s * v * np.eye(2)), "nothing taken away"),
    ("3.8", gaussian_with(mix=lambda c, v, s: (1 - s) * c + 2 * s * v * np.eye(2)), "the sum of"),
    ("3.8", gaussian_with(mix=lambda c, v, s: np.diag(np.diag(c))), "only the variances count"),
    ("3.8", gaussian_with(mix=lambda c, v, s: v * np.eye(2)), "shrunk all the way"),
    ("3.8", gaussian_with(mix=lambda c, v, s: np.eye(2)), "squared Euclidean distances"),
    ("3.8", lambda b, q, shrinkage=0.1: inverted(b, q, shrinkage), "not its inverse"),
    ("3.8", gaussian_with(mix=lambda c, v, s: c / np.sqrt(c[0, 0] * c[1, 1])), "formula differs"),
    ("3.8", fixed_shrinkage, "the shrinkage is 0.1, whatever"),
    ("3.8", lambda b, q, shrinkage=0.5: gaussian(b, q, shrinkage), "the formula differs"),
    ("3.8", gaussian_with(center=lambda b, q: 0), "the mean was not taken off"),
    ("3.8", gaussian_with(center=lambda b, q: q.mean(0)), "by the mean of the queries"),
    ("3.8", gaussian_with(center=lambda b, q: b.mean()), "one mean for all features"),
    ("3.8", gaussian_with(finish=lambda d: d / 2), "logarithm of the density"),
    ("3.8", gaussian_with(finish=lambda d: -d), "the sign is turned"),
    ("3.8", gaussian_with(finish=lambda d: np.diag(d)), "only its diagonal was meant"),
    ("3.8", gaussian_with(finish=lambda d: d.sum()), "ran over the queries"),
    ("3.8", gaussian_with(finish=lambda d: d[:, None]), "is still there"),
    ("3.8", gaussian_with(finish=lambda d: d * np.nan), "NaN or infinite"),
]  # fmt: skip


@pytest.mark.parametrize(("exercise", "function", "words"), MISTAKES)
def test_a_typical_mistake_is_named(exercise: str, function: Any, words: str) -> None:
    with np.errstate(all="ignore"), pytest.raises(Found) as caught:
        FEATURE_CHECKS[exercise](function)
    assert any(word in str(caught.value) for word in words.split("|"))
    assert len(caught.value.finding.lines()) <= 5  # with the headline at most six


# ------------------------------------------------------------ no answer is shipped


def like(values: Any, right: Any) -> bool:
    """Say whether finite values are the right ones, up to sign, scale and order."""
    a, b = (np.sort(np.abs(np.asarray(part, float)).ravel()) for part in (values, right))
    if a.shape != b.shape or not np.isfinite(a).all() or not a.max(initial=0) > 0:
        return False
    return np.allclose(a / a.max(), b / b.max(), rtol=1e-4, atol=1e-6)


def test_mistakes_say_nothing_without_right_values() -> None:
    rng = np.random.default_rng(8)
    bank, queries = rng.gamma(2, 1, (9, 4)), rng.gamma(2, 1, (6, 4))
    none, k = np.full(6, np.nan), 3
    made = [
        *nb3_distances._neighbour_mistakes(none, np.full((6, 9), np.nan), k, 4),
        *nb3_distances._other_numbers(none, np.full((6, 9), np.nan), k),
        *nb3_distances._other_tables(bank, queries, k),
        *nb3_distances._other_tables(bank[:, :1], queries[:, :1], k),
    ]
    near = neighbours(bank, queries, k)
    assert not [why for value, why, _ in made if like(value, near)]
    for share in (0.0, 0.1, 0.9):
        right = gaussian(bank, queries, 0.1)
        made = list(nb3_gaussian._gaussian_mistakes(none, bank, queries, share))
        assert len(made) > 20
        assert not [why for value, why, _ in made if like(value, right)]
    parts = [bank, queries]
    lost = [np.full(part.shape, np.nan) for part in parts]
    spread = bank.std(axis=0)
    scaled = [(part - bank.mean(axis=0)) / spread for part in parts]
    for tables, why, _ in nb3_scaling._scaling_mistakes(lost, parts):
        pairs = zip(tables, scaled, strict=True)
        assert not [why for value, right in pairs if like(value, right)]
    maps, slopes = rng.normal(size=(2, 1, 3, 1, 3))
    sums = (slopes.mean(axis=(2, 3), keepdims=True) * maps).sum(axis=1)
    unknown = np.full(sums.shape, np.nan)
    for value, why, _ in (
        *nb3_heat._scaling_mistakes(unknown),
        *nb3_heat._sum_mistakes(unknown, maps, slopes),
    ):
        assert not like(value, np.maximum(sums, 0)), why
