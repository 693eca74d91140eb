"""The hidden checks of exercises 3.5 and 3.6: on inputs that nobody has seen."""

from typing import Any

import numpy as np
import pytest

from data_utils.selfcheck import nb3_head, nb3_scaling
from data_utils.selfcheck.words import Found, expect
from grader.hidden.nb3_reference_first import best_head, standardised
from grader.student import CALL_SECONDS, FIT_SECONDS, Student

# ---------------------------------------------------------------- exercise 3.5


def head_of(
    student: Student,
    features: np.ndarray,
    labels: np.ndarray,
    seed: int,
    queries: np.ndarray | None = None,
) -> dict[str, Any]:
    """Train a head behind the wall; return its weights and what it says, in the right form."""
    asked = features if queries is None else queries
    head = student.keep(features, labels, seed, seconds=FIT_SECONDS)
    names = student.method(head, "__dir__", seconds=CALL_SECONDS)
    there = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    report: dict[str, Any] = {"weight": None, "bias": None, "logits": None, "stop": ""}
    report["kind"] = student.method(head, "__repr__", seconds=CALL_SECONDS)
    for name in ("weight", "bias"):
        if name in there:
            report[name] = student.attribute(head, name)
    try:  # the notebook's own way to ask a head
        report["logits"] = student.call(head, asked, name="logits_of")
    except Found as stopped:
        report["stop"] = stopped.finding.got
    expect(nb3_head.head_form(report, asked))
    return report


def overlapping(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of two kinds of images that overlap, the rarer one with a few far outliers."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(70, 4))
    logits = 1.2 * features[:, 0] - 0.8 * features[:, 1] - 0.9
    labels = (rng.random(70) < 1 / (1 + np.exp(-logits))).astype(np.float64)
    labels[np.argsort(features[:, 0])[:4]] = 1
    return features.astype(np.float32), labels


@pytest.mark.exercise("3.5", weight=1, core=True)
def test_head_is_one_node(student: Student) -> None:
    """An nn.Linear that gives one logit."""
    features, labels = overlapping(351)
    head_of(student, features, labels, 1)


@pytest.mark.exercise("3.5", weight=1)
def test_head_learns_one_label(student: Student) -> None:
    """With labels of 0 alone the loss falls towards 0."""
    for seed, columns in ((352, 9), (353, 25)):
        features = np.random.default_rng(seed).standard_normal((150, columns), np.float32)
        expect(nb3_head.one_label_falls(head_of(student, features, np.zeros(150), seed)))


@pytest.mark.exercise("3.5", weight=2)
@pytest.mark.parametrize("seed", [457, 355, 458])
def test_head_minimises_cross_entropy(student: Student, seed: int) -> None:
    """Where two kinds overlap, the probabilities are those with the least cross-entropy."""
    features, labels = overlapping(seed)
    report = head_of(student, features, labels, seed)
    expect(nb3_head.head_probabilities(report, best_head(features, labels), features, labels))


@pytest.mark.exercise("3.5", weight=1)
def test_head_knows_how_rare_ones_are(student: Student) -> None:
    """Where the features tell nothing, the mean probability is the share of ones."""
    features = np.random.default_rng(357).standard_normal((240, 3), np.float32)
    labels = np.zeros(240)
    labels[::4] = 1
    expect(nb3_head.head_believes_shares(head_of(student, features, labels, 5), labels))


@pytest.mark.exercise("3.5", weight=2)
def test_head_learns_from_all_images_at_once(student: Student) -> None:
    """In each step all images count, so that their order makes no difference."""
    rng = np.random.default_rng(356)
    features = rng.standard_normal((160, 6), np.float32)
    labels = (features[:, 1] + rng.standard_normal(160) > 1).astype(np.float64)
    order = rng.permutation(160)
    first = head_of(student, features, labels, 9)
    finding = nb3_head.head_sees_all_at_once(
        first, head_of(student, features[order], labels[order], 9, features)
    )
    if finding is not None:  # who does not start at the seed is told so elsewhere
        again = head_of(student, features, labels, 9)
        expect(finding if nb3_head.head_sees_all_at_once(first, again) is None else None)


@pytest.mark.exercise("3.5", weight=2)
def test_head_follows_the_seed(student: Student) -> None:
    """The same seed gives the same head whatever was drawn before, another seed another one."""
    features = np.random.default_rng(358).standard_normal((30, 40), np.float32)
    zeros = np.zeros(30)
    first, other, again = (head_of(student, features, zeros, seed) for seed in (6, 7, 6))
    expect(nb3_head.head_follows_seed(first, again, other))


@pytest.mark.exercise("3.5", weight=1)
@pytest.mark.parametrize("kind", ["int64", "uint8", "float32"])
def test_head_takes_numbers_of_any_type(student: Student, kind: str) -> None:
    """Features may be float64, labels whole numbers."""
    features, labels = overlapping(359)
    head_of(student, features.astype(np.float64), labels.astype(kind), 8)


# ---------------------------------------------------------------- exercise 3.6


def tables(seed: int, *rows: int, columns: int = 5) -> list[np.ndarray]:
    """Features whose columns differ in scale, and whose arrays differ in mean and scale."""
    rng = np.random.default_rng(seed)
    scales = rng.uniform(0.3, 9, columns)
    shift = rng.normal(size=columns)
    return [
        scales * ((1 + 0.4 * place) * rng.normal(size=(count, columns)) + 1 + place * shift)
        for place, count in enumerate(rows)
    ]


def ask_tables(student: Student, parts: list[np.ndarray]) -> None:
    """Standardise the tables and compare."""
    expect(nb3_scaling.scaled_values(student.call(*parts), standardised(parts), parts))


@pytest.mark.exercise("3.6", weight=1, core=True)
def test_standardised_train(student: Student) -> None:
    """The training features alone have mean 0 and deviation 1, column by column."""
    for seed in (361, 362):
        ask_tables(student, tables(seed, 37))


@pytest.mark.exercise("3.6", weight=3)
@pytest.mark.parametrize("rows", [(40, 23), (31, 8, 54), (26, 26, 26, 1)])
def test_scaler_sees_train_alone(student: Student, rows: tuple[int, ...]) -> None:
    """All others are measured with mean and standard deviation of the first array."""
    ask_tables(student, tables(363 + len(rows), *rows))


@pytest.mark.exercise("3.6", weight=1)
def test_scaler_does_not_care_what_others_there_are(student: Student) -> None:
    """An array comes out the same whatever stands beside it."""
    train, near, far = tables(368, 30, 12, 12, columns=3)
    for parts in ([train, near, 50 * far], [train, 50 * far]):
        ask_tables(student, parts)


@pytest.mark.exercise("3.6", weight=2)
def test_constant_column_does_not_divide_by_zero(student: Student) -> None:
    """A column that does not vary in train gives finite numbers."""
    train, other = tables(369, 28, 15)
    train[:, 2], other[::2, 2], other[1::2, 2] = 4.0, 4.0, 5.5
    expect(nb3_scaling.constant_column(student.call(train, other), [train, other], 2))
