"""Hidden checks of notebook 1, exercises 1.1 to 1.4: split, score, threshold, counts.

The reference values come from nb1_reference; no solution is imported.
"""

import numpy as np
import pytest

from data_utils.selfcheck import nb1_counts, nb1_score, nb1_split
from data_utils.selfcheck.words import expect
from grader.hidden.nb1_reference import reference_counts, reference_scores, score_pair
from grader.student import Student

# ---------------------------------------------------------------- exercise 1.1


def split_case(seed: int, digit: int, per_digit: int) -> nb1_split.SplitCase:
    """Noise images, so that no two are alike; sorted by digit, uneven classes."""
    rng = np.random.default_rng(seed)
    counts = per_digit + rng.integers(0, 11, 10)
    labels = np.repeat(np.arange(10, dtype=np.uint8), counts)
    images = rng.integers(0, 256, (len(labels), 28, 28), dtype=np.uint8)
    return nb1_split.SplitCase(images, labels, digit)


def ask_split(
    student: Student, seed: int = 7, digit: int = 4, per_digit: int = 30
) -> tuple[nb1_split.SplitCase, list[np.ndarray]]:
    """Call the split and require its form, which every question needs."""
    case = split_case(seed, digit, per_digit)
    result = student.call(case.images, case.labels, digit, seed)
    expect(nb1_split.split_form(case, result))
    return case, list(result)


@pytest.mark.exercise("1.1", weight=0.5, core=True)
def test_split_returns_images_as_they_came(student: Student) -> None:
    """Four sets of the images that were handed in, unchanged."""
    ask_split(student)


@pytest.mark.exercise("1.1", weight=0.5, core=True)
@pytest.mark.parametrize("digit", [0, 4, 9])
def test_split_keeps_anomalies_out(student: Student, digit: int) -> None:
    """No image of the digit left out in x_train, x_val or x_test."""
    case, result = ask_split(student, seed=digit + 20, digit=digit)
    expect(nb1_split.split_keeps_anomalies_out(case, result))


@pytest.mark.exercise("1.1", weight=1, core=True)
def test_split_is_disjoint(student: Student) -> None:
    """No image stands in two sets or twice in one."""
    case, result = ask_split(student, seed=31)
    expect(nb1_split.split_is_disjoint(case, result))


@pytest.mark.exercise("1.1", weight=1)
def test_split_anomaly_set_is_complete(student: Student) -> None:
    """x_anomaly holds every image of the digit left out."""
    case, result = ask_split(student, seed=32)
    expect(nb1_split.split_anomalies_complete(case, result))


@pytest.mark.exercise("1.1", weight=1)
def test_split_sizes(student: Student) -> None:
    """20 % of the normal images for the test, 10 % for validation."""
    case, result = ask_split(student, seed=33, per_digit=400)
    expect(nb1_split.split_sizes(case, result))


@pytest.mark.exercise("1.1", weight=1, core=True)
def test_split_is_mixed(student: Student) -> None:
    """Every normal digit stands in every set, though the images come sorted."""
    case, result = ask_split(student, seed=34, per_digit=200)  # by chance none: 1 in 10^8
    expect(nb1_split.split_is_mixed(case, result))


@pytest.mark.exercise("1.1", weight=1)
def test_split_follows_the_seed(student: Student) -> None:
    """The same seed gives the same split, another seed another one."""
    case = split_case(35, 6, per_digit=30)
    first, again, other = (student.call(case.images, case.labels, 6, s) for s in (3, 3, 4))
    for result in (first, again, other):
        expect(nb1_split.split_form(case, result))
    expect(nb1_split.split_follows_seed(first, again, other))


@pytest.mark.exercise("1.1", weight=1)
def test_split_leaves_its_input_alone(student: Student) -> None:
    """The arrays that were handed in are as they were."""
    case = split_case(36, 8, per_digit=30)
    _, after = student.call_and_look(case.images, case.labels, 8, 36)
    expect(nb1_split.split_leaves_input_alone(case.images, after[0]))
    expect(nb1_split.split_leaves_input_alone(case.labels, after[1]))


# ---------------------------------------------------------------- exercise 1.2


def ask_scores(student: Student, x: np.ndarray, x_hat: np.ndarray) -> None:
    """Require the right score of each image."""
    expect(nb1_score.score_values(student.call(x, x_hat), x, x_hat, reference_scores(x, x_hat)))


@pytest.mark.exercise("1.2", weight=3, core=True)
@pytest.mark.parametrize(
    ("seed", "shape", "light"),
    [(41, (17, 28, 28, 1), 1), (42, (5, 28, 28), 1), (45, (7, 30), 1), (44, (6, 28, 28), 0.05)],
)
def test_score_values(student: Student, seed: int, shape: tuple[int, ...], light: float) -> None:
    """One right score per image, of bright images and of faint ones."""
    x, x_hat = (np.float32(light) * part for part in score_pair(seed, shape))
    ask_scores(student, x, x_hat)


@pytest.mark.exercise("1.2", weight=1)
def test_score_of_one_image(student: Student) -> None:
    """A batch of one image gives an array of one score."""
    ask_scores(student, *score_pair(43, (1, 28, 28, 1)))


@pytest.mark.exercise("1.2", weight=1)
def test_score_of_an_image_without_ink(student: Student) -> None:
    """An image without any ink has a finite score."""
    x = np.zeros((1, 28, 28, 1), np.float32)
    expect(nb1_score.score_of_blank(student.call(x, x + np.float32(0.1))))


# ---------------------------------------------------------------- exercise 1.3


@pytest.mark.exercise("1.3", weight=1, core=True)
@pytest.mark.parametrize(
    ("seed", "count", "target"), [(51, 450, 0.05), (52, 100, 0.1), (53, 997, 0.01)]
)
def test_threshold_value(student: Student, seed: int, count: int, target: float) -> None:
    """The wanted share of the validation scores lies above the threshold."""
    scores = np.random.default_rng(seed).gamma(3.0, 0.02, count)
    expect(nb1_score.threshold_value(student.call(scores, target), scores, target))


# ---------------------------------------------------------------- exercise 1.4


def counts_case(seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Sets of different sizes, with one score exactly at the threshold in each."""
    rng = np.random.default_rng(seed)
    test, anomaly = rng.normal(0.3, 0.1, 83), rng.normal(0.45, 0.15, 41)
    threshold = 0.42
    test[0] = anomaly[0] = threshold
    return test, anomaly, threshold


def ask_counts(student: Student, seed: int, names: tuple[str, ...]) -> None:
    """Require the right counts, or the right rates."""
    case = counts_case(seed)
    right = reference_counts(*case)
    expect(nb1_counts.counts_values(student.call(*case), right, names, ties=(1, 1)))


@pytest.mark.exercise("1.4", weight=1, core=True)
@pytest.mark.parametrize("seed", [61, 62])
def test_counts(student: Student, seed: int) -> None:
    """The four counts, as whole numbers."""
    ask_counts(student, seed, nb1_counts.COUNTS)


@pytest.mark.exercise("1.4", weight=1)
@pytest.mark.parametrize("seed", [63, 66])  # with other numbers of misses and false alarms
def test_rates(student: Student, seed: int) -> None:
    """The four rates, each a share of its own set."""
    ask_counts(student, seed, nb1_counts.RATES)
