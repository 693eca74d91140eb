"""The hidden checks of notebook 1: is the work right in meaning, on inputs that it has not seen?

The reference values come from nb1_reference; no solution is imported.
"""

import numpy as np
import pytest

from data_utils.images import network_input
from data_utils.metrics import auroc
from data_utils.selfcheck import nb1_detector, nb1_score, nb1_split, nb1_steps
from data_utils.selfcheck.words import expect
from grader.examination import Examination
from grader.hidden.detector_checks import (
    TARGET_FPR,
    at_floor,
    auroc_of_run,
    excuse_without_floors,
    in_other_company,
    threshold_of_run,
)
from grader.hidden.nb1_fits import (
    REFIT_DIGITS,
    Refit,
    learners_images,
    refit,
    scores_outside,
)
from grader.hidden.nb1_reference import exam_copies, reference_counts, reference_scores
from grader.sandbox import Handle
from grader.student import Student

UNTRAINED_MARGIN = 0.15  # AUROC; the plainest honest design leads by more on digit 2


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


@pytest.mark.exercise("1.1", weight=1, core=True)
def test_split_returns_images_as_they_came(student: Student) -> None:
    """Four sets of the images that were handed in, unchanged."""
    ask_split(student)


@pytest.mark.exercise("1.1", weight=2, core=True)
@pytest.mark.parametrize("digit", [0, 4, 9])
def test_split_keeps_anomalies_out(student: Student, digit: int) -> None:
    """No image of the digit left out in x_train, x_val or x_test."""
    case, result = ask_split(student, seed=digit + 20, digit=digit)
    expect(nb1_split.split_keeps_anomalies_out(case, result))


@pytest.mark.exercise("1.1", weight=2, core=True)
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


@pytest.mark.exercise("1.1", weight=1)
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
    images, labels = (np.asarray(left) for left in after[:2])
    expect(nb1_split.split_leaves_input_alone(case.images, images))
    expect(nb1_split.split_leaves_input_alone(case.labels, labels))


# ---------------------------------------------------------------- exercise 1.2


def score_pair(seed: int, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Images in [0, 1] with different amounts of ink, and imperfect copies."""
    rng = np.random.default_rng(seed)
    x = rng.random(shape) * (rng.random(shape) < rng.uniform(0.1, 0.6))
    x[:, 0] = 0.5  # some ink in every image
    return x.astype(np.float32), np.clip(x + rng.normal(0, 0.2, shape), 0, 1).astype(np.float32)


@pytest.mark.exercise("1.2", weight=3, core=True)
@pytest.mark.parametrize(
    ("seed", "shape", "light"),
    [(41, (17, 28, 28, 1), 1), (42, (5, 28, 28), 1), (44, (6, 28, 28), 0.05)],
)
def test_score_values(student: Student, seed: int, shape: tuple[int, ...], light: float) -> None:
    """One right score per image, of bright images and of faint ones."""
    x, x_hat = (np.float32(light) * part for part in score_pair(seed, shape))
    expected, ink = reference_scores(x, x_hat)
    expect(nb1_score.score_values(student.call(x, x_hat), expected, ink, pixels=28 * 28))


@pytest.mark.exercise("1.2", weight=1)
def test_score_of_one_image(student: Student) -> None:
    """A batch of one image gives an array of one score."""
    x, x_hat = score_pair(43, (1, 28, 28, 1))
    expected, ink = reference_scores(x, x_hat)
    expect(nb1_score.score_values(student.call(x, x_hat), expected, ink, pixels=28 * 28))


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


@pytest.mark.exercise("1.4", weight=1, core=True)
@pytest.mark.parametrize("seed", [61, 62])
def test_counts(student: Student, seed: int) -> None:
    """The four counts, as whole numbers."""
    case = counts_case(seed)
    expect(nb1_score.counts_values(student.call(*case), reference_counts(*case), nb1_score.COUNTS))


@pytest.mark.exercise("1.4", weight=1, core=True)
@pytest.mark.parametrize("seed", [63, 64])
def test_rates(student: Student, seed: int) -> None:
    """The four rates, each a share of its own set."""
    case = counts_case(seed)
    expect(nb1_score.counts_values(student.call(*case), reference_counts(*case), nb1_score.RATES))


# ---------------------------------------------------------------- exercise 1.5


@pytest.fixture(scope="session")
def fitter(examination: Examination) -> Student:
    """The way to exercise 1.5, shared by the fits below."""
    return examination.student(examination.submission.notebook.exercise("1.5"))


@pytest.fixture(scope="session")
def first_fit(fitter: Student, exam: tuple[np.ndarray, np.ndarray]) -> Refit:
    """One digit, fitted once for several checks."""
    return refit(fitter, exam, 0)


@pytest.fixture(scope="session")
def untrained(fitter: Student, first_fit: Refit) -> Handle:
    """The same network, of the same seed, untrained."""
    seed, x_train, x_val = first_fit.seed, first_fit.x_train, first_fit.x_val
    return fitter.keep(x_train, x_val, seed, budget="quick", train=False)


@pytest.mark.exercise("1.5", weight=2, core=True)
def test_fit_trains_the_network(student: Student, first_fit: Refit, untrained: Handle) -> None:
    """The training loss falls and the weights move."""
    expect(nb1_detector.history_falls(student.attribute(first_fit.trained, "history")))
    expect(nb1_detector.untrained_on_request(student.attribute(untrained, "history")))
    expect(
        nb1_detector.weights_moved(
            student.method(first_fit.trained, "parameters"),
            student.method(untrained, "parameters"),
        )
    )


@pytest.mark.exercise("1.5", weight=3, core=True)
def test_fit_beats_its_untrained_copy(
    student: Student, first_fit: Refit, untrained: Handle, facts: dict[str, float]
) -> None:
    """On exam images the detector ranks much better than the same network untrained."""
    reached = first_fit.auroc(student, first_fit.trained)
    before = first_fit.auroc(student, untrained)
    facts[f"auroc_refit_{REFIT_DIGITS[0]}"] = reached
    facts[f"auroc_untrained_{REFIT_DIGITS[0]}"] = before
    expect(nb1_detector.better_than_untrained(reached, before, UNTRAINED_MARGIN))
    expect(at_floor(student, "quick", REFIT_DIGITS[0], reached, nb1_detector.reaches_floor))


@pytest.mark.exercise("1.5", weight=2)
def test_fit_works_for_another_digit(
    student: Student, exam: tuple[np.ndarray, np.ndarray], facts: dict[str, float]
) -> None:
    """A re-fit with another digit left out, and another seed, reaches its floor."""
    other = refit(student, exam, 1)
    reached = other.auroc(student, other.trained)
    facts[f"auroc_refit_{REFIT_DIGITS[1]}"] = reached
    excuse_without_floors(student)
    expect(at_floor(student, "quick", REFIT_DIGITS[1], reached, nb1_detector.reaches_floor))


@pytest.mark.exercise("1.5", weight=1)
def test_fit_scores_do_not_depend_on_company(
    student: Student, first_fit: Refit, exam: tuple[np.ndarray, np.ndarray]
) -> None:
    """The same score for an image in any order and any batch."""
    images = exam[0][:200]
    together = scores_outside(student, first_fit.trained, images)
    apart = in_other_company(lambda some: scores_outside(student, first_fit.trained, some), images)
    expect(nb1_detector.same_in_any_order(together, apart))


@pytest.mark.exercise("1.5", weight=1)
def test_fit_follows_the_seed(student: Student) -> None:
    """The same seed gives the same detector."""
    images = learners_images()[0][::10]
    fits = [student.keep(images[:300], images[300:400], 5, budget="quick") for _ in range(2)]
    first, again = (scores_outside(student, fit, images[400:]) for fit in fits)
    expect(nb1_detector.same_for_same_seed(first, again))


@pytest.mark.exercise("1.5", weight=1)
@pytest.mark.needs("1.2", "1.3")
def test_fit_threshold_follows_the_target(student: Student, first_fit: Refit) -> None:
    """The threshold leaves the wanted share of x_val above it: 5 %, or what was asked for."""
    x_val = first_fit.x_val
    asked = student.keep(
        first_fit.x_train[:100], x_val, 7, target_fpr=0.2, budget="quick", train=False
    )
    for detector, target in ((first_fit.trained, TARGET_FPR), (asked, 0.2)):
        scores = student.method(detector, "anomaly_score", x_val)
        expect(nb1_detector.scores_form(scores, len(x_val)))
        got = student.attribute(detector, "threshold")
        expect(nb1_score.threshold_value(got, np.asarray(scores, float), target))


@pytest.mark.exercise("1.5", weight=2)
@pytest.mark.needs("1.1", "1.2", "1.3")
def test_run_gives_a_working_detector(
    student: Student,
    exam: tuple[np.ndarray, np.ndarray],
    facts: dict[str, float],
    series: dict[str, list[float]],
) -> None:
    """After the whole notebook ran, its detector scores the exam as it should."""
    digit, reached = auroc_of_run(student, "ANOMALY_DIGIT", exam, facts, series)
    excuse_without_floors(student)
    expect(at_floor(student, None, digit, reached, nb1_detector.reaches_floor))


@pytest.mark.exercise("1.5", weight=1)
@pytest.mark.needs("1.1", "1.2", "1.3")
def test_run_threshold_comes_from_validation(
    student: Student, series: dict[str, list[float]]
) -> None:
    """The detector's threshold follows from its scores of x_val, and from nothing else."""
    threshold_of_run(student, series)


# ---------------------------------------------------------------- exercise 1.6


@pytest.fixture(scope="session")
def improver(examination: Examination) -> Student:
    """The way to exercise 1.6, shared by its steps."""
    return examination.student(examination.submission.notebook.exercise("1.6"))


@pytest.fixture(scope="session")
def reached(improver: Student, exam: tuple[np.ndarray, np.ndarray]) -> dict[int, float]:
    """AUROC of the student's score for each digit left out; the labels stay out here."""
    found = {}
    for digit, (images, copies, is_anomaly) in exam_copies(exam).items():
        scores = improver.call(network_input(images), network_input(copies))
        expect(nb1_steps.error_form(scores, len(images)))
        scores = np.asarray(scores, float)
        found[digit] = auroc(scores[~is_anomaly], scores[is_anomaly])
    return found


@pytest.mark.exercise("1.6", weight=1, core=True)
def test_improved_error_is_one_score_for_each_image_alone(student: Student) -> None:
    """One finite score per image, which does not depend on the other images."""
    x, x_hat = score_pair(81, (12, 28, 28, 1))
    together = student.call(x, x_hat)
    expect(nb1_steps.error_form(together, len(x)))
    apart = student.call(x[4:5], x_hat[4:5])
    expect(nb1_steps.error_form(apart, 1))
    expect(nb1_steps.error_of_each_image_alone(np.asarray(together, float)[4:5], apart))
    blank = student.call(np.zeros_like(x[:1]), np.full_like(x[:1], 0.1))
    expect(nb1_steps.error_form(blank, 1))


@pytest.mark.exercise("1.6", weight=1)
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_improved_error_reaches_step(
    student: Student, reached: dict[int, float], facts: dict[str, float], number: int
) -> None:
    """Over several digits left out, the score ranks anomalies as high as the step asks."""
    step = student.step(number)
    facts[f"auroc_step_{number}"] = float(np.mean([reached[digit] for digit in step.digits]))
    expect(nb1_steps.reaches_step(step, reached, step.auroc))
