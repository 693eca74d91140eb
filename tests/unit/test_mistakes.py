"""Typical mistakes, offered to the visible checks: each is named in the learner's words."""

from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from data_utils.images import box_blur, gaussian_blur
from data_utils.selfcheck.nb1_visible import VISIBLE_CHECKS
from data_utils.selfcheck.words import Found

# ------------------------------------------------------------ correct answers, for comparison


def split(images: Any, labels: Any, anomaly_digit: int, seed: int) -> Any:
    normal = np.random.default_rng(seed).permutation(np.flatnonzero(labels != anomaly_digit))
    a, b = round(0.2 * len(normal)), round(0.3 * len(normal))
    parts = (normal[b:], normal[a:b], normal[:a])
    return (*(images[p] for p in parts), images[labels == anomaly_digit])


def score(x: Any, x_hat: Any) -> Any:
    axes = tuple(range(1, x.ndim))
    return ((x - x_hat) ** 2).sum(axes) / np.maximum((x**2).sum(axes), 1e-12)


def pixels(x: Any) -> tuple[int, ...]:
    return tuple(range(1, x.ndim))


def error(x: Any, x_hat: Any) -> Any:
    return ((x - x_hat) ** 2).sum(pixels(x))


def counts(test: Any, anomaly: Any, threshold: float) -> dict[str, Any]:
    tp, fp = int((anomaly > threshold).sum()), int((test > threshold).sum())
    fn, tn = len(anomaly) - tp, len(test) - fp
    return {
        "tp": tp, "fn": fn, "fp": fp, "tn": tn, "tpr": tp / (tp + fn), "fnr": fn / (tp + fn),
        "fpr": fp / (fp + tn), "tnr": tn / (fp + tn),
    }  # fmt: skip


RIGHT = {
    "1.1": [split, lambda *a, **k: list(split(*a, **k))],
    "1.2": [
        score,
        lambda x, r: score(x, r).tolist(),
        lambda x, r: np.array(
            [
                error(a[None], b[None])[0] / max(np.sum(a**2), 1e-9)
                for a, b in zip(x, r, strict=False)
            ]
        ),
        lambda x, r: error(x, r) / ((x**2).sum(pixels(x)) + 1e-9),
        lambda x, r: np.nan_to_num(error(x, r) / (x**2).sum(pixels(x)), posinf=0.0),
    ],
    "1.3": [
        lambda s, f: np.quantile(s, 1 - f),
        lambda s, f: np.quantile(s, 1 - f, method="higher"),
        lambda s, f: np.percentile(s, 100 * (1 - f), method="lower"),
        lambda s, f: sorted(s)[int(np.ceil((1 - f) * len(s))) - 1],
        lambda s, f: np.float32(np.quantile(s, 1 - f)),
    ],
    "1.6": [
        lambda x, r: ((box_blur(x - r) ** 2).sum((1, 2, 3)) / (x**2).sum((1, 2, 3))).tolist(),
        lambda x, r: ((x - r) ** 2).sum((1, 2, 3)) / np.sqrt((x**2).sum((1, 2, 3))),
        lambda x, r: (gaussian_blur(x - r, 1) ** 2).sum((1, 2, 3)) / (x**2).sum((1, 2, 3)),
    ],
    "1.4": [counts, lambda *a, **k: {n: np.asarray(v)[()] for n, v in counts(*a, **k).items()}],
}


@pytest.mark.parametrize(
    ("exercise", "function"), [(e, f) for e, functions in RIGHT.items() for f in functions]
)
def test_right_answers_pass_however_they_are_written(exercise: str, function: Any) -> None:
    VISIBLE_CHECKS[exercise](function)


# ------------------------------------------------------------ mistakes


def shuffled_in_place(images: Any, labels: Any, anomaly_digit: int, seed: int) -> Any:
    np.random.default_rng(seed).shuffle(images)
    return split(images, labels, anomaly_digit, seed)


def unshuffled(images: Any, labels: Any, anomaly_digit: int, seed: int) -> Any:
    normal = np.flatnonzero(labels != anomaly_digit)
    a, b = round(0.2 * len(normal)), round(0.3 * len(normal))
    return (
        images[normal[b:]],
        images[normal[a:b]],
        images[normal[:a]],
        images[labels == anomaly_digit],
    )


def twice_shuffled(images: Any, labels: Any, anomaly_digit: int, seed: int) -> Any:
    train, val, _, anomaly = split(images, labels, anomaly_digit, seed)
    return train, val, split(images, labels, anomaly_digit, seed + 1)[2], anomaly


def scaled(*a: Any, **k: Any) -> Any:
    return tuple(part / 255 for part in split(*a, **k))


def with_changes(**changes: Any) -> Any:
    return lambda *a, **k: {
        **counts(*a, **k),
        **{n: f(counts(*a, **k)) for n, f in changes.items()},
    }


def not_strict(test: Any, anomaly: Any, threshold: float) -> dict[str, Any]:
    return counts(test, anomaly, threshold - 1e-9)


def leaks(images: Any, labels: Any, anomaly_digit: int, seed: int) -> Any:
    train, val, test, anomaly = split(images, labels, anomaly_digit, seed)
    return np.concatenate([train, anomaly[:5]]), val, test, anomaly


def in_order(*places: int) -> Any:
    return lambda *a, **k: tuple(split(*a, **k)[place] for place in places)


def judged_set_cut(images: Any, labels: Any, anomaly_digit: int, seed: int, first: Any) -> Any:
    normal = np.flatnonzero(labels != anomaly_digit)
    a, b = round(0.2 * len(normal)), round(0.1 * len(normal))
    order = first(normal)
    rest = np.random.default_rng(seed).permutation(order[a:])
    parts = (rest[b:], rest[:b], order[:a])
    return (*(images[p] for p in parts), images[labels == anomaly_digit])


def judged_set_unshuffled(images: Any, labels: Any, anomaly_digit: int, seed: int) -> Any:
    return judged_set_cut(images, labels, anomaly_digit, seed, lambda normal: normal)


def judged_set_without_seed(images: Any, labels: Any, anomaly_digit: int, seed: int) -> Any:
    fixed = np.random.default_rng(0)
    return judged_set_cut(images, labels, anomaly_digit, seed, fixed.permutation)


def by_verdict(test: Any, anomaly: Any, threshold: float) -> dict[str, Any]:
    c = counts(test, anomaly, threshold)
    alarms, passed = c["tp"] + c["fp"], c["fn"] + c["tn"]
    return c | {"tpr": c["tp"] / alarms, "fpr": c["fp"] / alarms,
                "fnr": c["fn"] / passed, "tnr": c["tn"] / passed}  # fmt: skip


def normal_is_positive(test: Any, anomaly: Any, threshold: float) -> dict[str, Any]:
    right = counts(test, anomaly, threshold)
    turned = str.maketrans("pn", "np")
    return {name[0] + name[1].translate(turned) + name[2:]: v for name, v in right.items()}


MISTAKES: list[tuple[str, Any, str]] = [
    ("1.1", shuffled_in_place, "a shuffle worked in place"),
    ("1.1", unshuffled, "cut without being shuffled"),
    (
        "1.1",
        lambda i, n, d, seed: split(i, n, d, 0),
        "a fixed number such as SEED stands in its place",
    ),
    ("1.1", twice_shuffled, "shuffled separately"),
    ("1.1", scaled, "scaling comes later"),
    ("1.1", lambda *a, **k: split(*a, **k)[:3], "return x_train, x_val, x_test, x_anomaly"),
    ("1.1", lambda i, n, d, seed: tuple(p[:0] for p in split(i, n, d, seed)), "x_anomaly"),
    ("1.1", lambda i, n, d, seed: split(i, n, 9, seed), "such as ANOMALY_DIGIT"),
    ("1.1", leaks, "has seen the anomaly"),
    ("1.1", in_order(0, 2, 1, 3), "x_test and x_val are exchanged"),
    ("1.1", in_order(2, 1, 0, 3), "x_test and x_train are exchanged"),
    ("1.1", in_order(0, 1, 3, 2), "x_test and x_anomaly are exchanged"),
    ("1.1", judged_set_unshuffled, "cut without being shuffled"),
    ("1.1", judged_set_without_seed, "the same x_test for two seeds"),
    ("1.1", lambda i, n, d, seed: np.flatnonzero(n != d), "something else is returned"),
    ("1.2", lambda x, r: np.mean((x - r) ** 2), "ran over the batch axis"),
    ("1.2", lambda x, r: -score(x, r), "the sign is turned"),
    ("1.2", lambda x, r: error(x, r) / x[0].size, "mean squared error, not yet relative"),
    ("1.2", error, "summed squared error, not yet relative"),
    ("1.2", lambda x, r: error(x, r) / x.sum(pixels(x)), "divided by the sum of x"),
    ("1.2", lambda x, r: error(x, r) / (r**2).sum(pixels(x)), "divided by the ink of the copy"),
    ("1.2", lambda x, r: error(x, r) / ((x**2).sum(pixels(x)) + 1), "about 1 is added to the ink"),
    ("1.2", lambda x, r: error(x, r) / ((x**2).sum(pixels(x)) + 1e-3), "added to the ink"),
    ("1.2", lambda x, r: error(x, r) / np.maximum((x**2).sum(pixels(x)), 1.2), "held above 1.2"),
    ("1.2", lambda x, r: error(x, r) / np.sqrt((x**2).sum(pixels(x))), "root of the ink"),
    ("1.2", lambda x, r: abs(x - r).sum(pixels(x)) / x.sum(pixels(x)), "absolute differences"),
    ("1.2", lambda x, r: error(x, r) / (x**2).sum(pixels(x)), "a division by zero"),
    ("1.2", lambda x, r: np.sqrt(score(x, r)), "a square root was taken"),
    ("1.2", lambda x, r: (x - r) ** 2, "a pixel axis is left"),
    (
        "1.2",
        lambda x, r: error(x, r) / np.sum(x**2),
        "summed over the whole batch",
    ),
    ("1.2", lambda x, r: np.full(len(x), 0.5), "every image has the same score"),
    ("1.2", lambda x, r: score(x, r) * np.nan, "NaN or infinite"),
    ("1.2", lambda x, r: None, "not an array of numbers"),
    ("1.3", lambda s, f: np.quantile(s, f), "the lower quantile"),
    ("1.3", lambda s, f: np.max(s), "one odd image decides"),
    ("1.3", lambda s, f: np.mean(s) + 3 * np.std(s), "mean + 3 sd"),
    ("1.3", lambda s, f: 1 - f, "a share is returned, not a score"),
    ("1.3", lambda s, f: 7.0, "the number lies outside the validation scores"),
    ("1.3", lambda s, f: np.mean(s) + NormalDist().inv_cdf(1 - f) * np.std(s), "normal distribu"),
    ("1.3", lambda s, f: np.quantile(s, 1 - f / 2), "half of the target"),
    ("1.3", lambda s, f: np.percentile(s, 1 - f), "counts from 0 to 100"),
    ("1.3", lambda s, f: s[int((1 - f) * len(s))], "not sorted"),
    ("1.3", lambda s, f: round(np.quantile(s, 1 - f), 1), "was rounded"),
    ("1.3", lambda s, f: (1 - f) * np.max(s), "a share of the largest score"),
    ("1.3", lambda s, f: np.mean(s), "the mean of the scores"),
    ("1.3", lambda s, f: np.median(s), "the median"),
    ("1.3", lambda s, f: s > np.quantile(s, 1 - f), "not an array or a truth value"),
    ("1.3", lambda s, f: np.quantile(s, 0.95), "or a fixed 0.95"),
    ("1.4", with_changes(fpr=lambda c: c["fnr"], fnr=lambda c: c["fpr"]), "swapped"),
    ("1.4", with_changes(tp=lambda c: c["tpr"]), "a count is not a rate"),
    ("1.4", with_changes(fpr=lambda c: c["fp"] / 13), "divided by all images"),
    ("1.4", by_verdict, "tp / (tp + fp) is the precision"),
    ("1.4", with_changes(tpr=lambda c: c["tp"] / (c["tp"] + c["fp"])), "is the precision"),
    ("1.4", with_changes(fpr=lambda c: round(c["fpr"], 2)), "rounded to 2 places"),
    ("1.4", with_changes(tnr=lambda c: int(c["tnr"])), "whole-number division"),
    ("1.4", normal_is_positive, "the normal images are the positive class"),
    ("1.4", lambda t, a, threshold: counts(a, t, threshold), "taken for the anomaly set"),
    ("1.4", lambda t, a, threshold: counts(-t, -a, -threshold), "below the threshold was called"),
    ("1.4", with_changes(tp=lambda c: c["tp"] + 5), "does not follow from these scores"),
    ("1.4", with_changes(tpr=lambda c: 100 * c["tpr"]), "a percentage"),
    ("1.4", lambda t, a, threshold: tuple(counts(t, a, threshold).values()), "a key is missing"),
    ("1.6", lambda x, r: ((x - r) ** 2).sum((1, 2, 3)), "has little ink to get wrong"),
    ("1.6", score, "let off too lightly"),
    ("1.6", lambda x, r: -score(x, r), "upside down"),
    ("1.6", lambda x, r: abs(x - r).max((1, 2, 3)), "hardly knows"),
    ("1.6", lambda x, r: score(x, r) / score(x, r).max(), "computed over the whole batch"),
    ("1.6", lambda x, r: np.mean((x - r) ** 2), "ran over the batch axis"),
    ("1.6", lambda x, r: np.ones(len(x)), "the same score for every image"),
    ("1.4", not_strict, "exactly at the threshold"),
]


@pytest.mark.parametrize(("exercise", "function", "words"), MISTAKES)
def test_a_typical_mistake_is_named(exercise: str, function: Any, words: str) -> None:
    with pytest.raises(Found) as caught:
        VISIBLE_CHECKS[exercise](function)
    assert words in str(caught.value)
    assert len(caught.value.finding.lines()) <= 5  # with the headline at most six
