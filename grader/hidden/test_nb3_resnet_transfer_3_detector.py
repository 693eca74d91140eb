"""The hidden checks of exercise 3.9: re-fits on other digits, and the whole run."""

from dataclasses import replace

import numpy as np
import pytest

from data_utils.metrics import auroc
from data_utils.selfcheck import nb3_detector, nb3_threshold
from data_utils.selfcheck.words import expect
from grader.examination import Examination
from grader.hidden.detector_checks import (
    TARGET_FPR,
    at_floor,
    auroc_of_run,
    excuse_without_floors,
    ranks_each_alone,
    threshold_of_run,
)
from grader.hidden.nb3_fits import (
    FEW_IMAGES,
    QUICK_BANK,
    VAL_IMAGES,
    Refit,
    ask_threshold,
    refit_images,
    scores_of,
)
from grader.sandbox import Handle
from grader.student import Student

SMALL, VAL_OF_SMALL = 40, 100  # images, where a fit is asked for its bank alone
UNTRAINED_MARGIN = 0.2  # AUROC; honest designs lead by 0.35 on digit 9 on average


@pytest.fixture(scope="session")
def first(exam: tuple[np.ndarray, np.ndarray]) -> Refit:
    """The images of the re-fit that several checks share."""
    return refit_images(exam, 0)


@pytest.fixture(scope="session")
def fitter(examination: Examination) -> Student:
    """The way to exercise 3.9, shared by the fits below."""
    return examination.student(examination.submission.notebook.exercise("3.9"))


@pytest.fixture(scope="session")
def trained(fitter: Student, first: Refit) -> Handle:
    """One digit left out, fitted once."""
    return first.fit(fitter)


@pytest.fixture(scope="session")
def untrained(fitter: Student, first: Refit) -> Handle:
    """The same on random weights."""
    return first.for_ranks.fit(fitter, train=False)


@pytest.fixture(scope="session")
def exam_scores(fitter: Student, first: Refit, trained: Handle) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the exam's normal images and of its anomalies, asked for once."""
    return first.exam_scores(fitter, trained)


@pytest.mark.exercise("3.9", weight=1)
@pytest.mark.parametrize(("seed", "count", "target"), [(83, 450, 0.05), (84, 997, 0.2)])
def test_threshold_at_a_false_positive_rate(
    student: Student, seed: int, count: int, target: float
) -> None:
    """threshold_at: the wanted share of the validation scores lies above the threshold."""
    scores = np.random.default_rng(seed).gamma(9.0, 2.0, count)
    got = student.call(scores, target, name="threshold_at")
    expect(nb3_threshold.threshold_value(got, scores, target))


@pytest.fixture(scope="session")
def small(fitter: Student, first: Refit) -> Handle:
    """A fit on fewer images than the budget allows."""
    return small_fit(fitter, first, first.seed)


def small_fit(student: Student, images: Refit, seed: int, train: bool = True) -> Handle:
    """Fit on forty images, for what does not depend on their number."""
    some = images.x_train[:SMALL], images.x_val[:VAL_OF_SMALL]
    return student.keep(*some, seed, budget="quick", train=train)


@pytest.mark.exercise("3.9", weight=2)
def test_bank_is_as_large_as_the_budget(
    student: Student, first: Refit, trained: Handle, small: Handle
) -> None:
    """The bank holds as many training images as the budget says, or all if there are fewer."""
    for detector, wanted, images in (
        (trained, QUICK_BANK, len(first.x_train)),
        (small, SMALL, SMALL),
    ):
        bank = student.method(detector, "parameters")
        expect(nb3_detector.bank_size(bank, wanted, images))


@pytest.mark.exercise("3.9", weight=2)
def test_bank_holds_each_image_once(student: Student, trained: Handle, small: Handle) -> None:
    """Images are drawn without putting them back."""
    for detector in (small, trained):
        expect(nb3_detector.bank_holds_each_once(student.method(detector, "parameters")))


@pytest.mark.exercise("3.9", weight=2)
def test_bank_is_drawn_by_the_seed(student: Student, first: Refit, trained: Handle) -> None:
    """Another seed draws other images, and with train=False other random weights."""
    bank = student.method(trained, "parameters")
    other = replace(first.for_ranks, seed=first.seed + 1).fit(student)
    expect(nb3_detector.bank_is_drawn(bank, student.method(other, "parameters")))
    pair = [small_fit(student, first, first.seed + more, train=False) for more in (0, 1)]
    banks = [student.method(detector, "parameters") for detector in pair]
    expect(nb3_detector.random_weights_follow_seed(*map(nb3_detector.in_order, banks)))


@pytest.mark.exercise("3.9", weight=1, core=True)
def test_fit_takes_random_weights_on_request(
    student: Student, trained: Handle, untrained: Handle
) -> None:
    """With train=False the same detector reads a network with random weights."""
    banks = [student.method(detector, "parameters") for detector in (trained, untrained)]
    expect(nb3_detector.other_backbone_untrained(*banks))


@pytest.mark.exercise("3.9", weight=3, core=True)
def test_features_beat_random_weights(
    student: Student,
    first: Refit,
    untrained: Handle,
    exam_scores: tuple[np.ndarray, np.ndarray],
    facts: dict[str, float],
) -> None:
    """On exam images pretrained features rank much better than those of random weights."""
    reached, before = auroc(*exam_scores), first.for_ranks.auroc(student, untrained)
    facts[f"auroc_refit_{first.digit}"] = reached
    facts[f"auroc_untrained_{first.digit}"] = before
    expect(nb3_detector.better_than_untrained(reached, before, UNTRAINED_MARGIN))
    expect(at_floor(student, "quick", first.digit, reached, nb3_detector.reaches_floor))


@pytest.mark.exercise("3.9", weight=2)
def test_fit_works_for_another_digit(
    student: Student, exam: tuple[np.ndarray, np.ndarray], facts: dict[str, float]
) -> None:
    """A re-fit with another digit left out, and another seed, reaches its floor."""
    other = refit_images(exam, 1)
    reached = other.auroc(student, other.fit(student))
    facts[f"auroc_refit_{other.digit}"] = reached
    excuse_without_floors(student)
    expect(at_floor(student, "quick", other.digit, reached, nb3_detector.reaches_floor))


@pytest.mark.exercise("3.9", weight=1)
def test_scores_are_upright_and_each_for_itself(
    student: Student, first: Refit, trained: Handle
) -> None:
    """anomaly_score is high for anomalies, and the same in any order and any batch."""
    some = first.exam_normal[:100], first.exam_anomaly[:100]
    ranks_each_alone(student, trained, *some, nb3_detector)


@pytest.mark.exercise("3.9", weight=1)
def test_fit_is_the_same_for_the_same_seed(student: Student, first: Refit, trained: Handle) -> None:
    """The same seed gives the same detector."""
    images = first.exam_anomaly[:100]
    again = scores_of(student, first.fit(student), images)
    expect(nb3_detector.same_for_same_seed(scores_of(student, trained, images), again))


@pytest.mark.exercise("3.9", weight=2)
def test_threshold_follows_the_target(student: Student, first: Refit, trained: Handle) -> None:
    """The threshold leaves the wanted share of x_val above it: 5 %, or what was asked for."""
    # Fainter images than those to train on: a threshold from x_train would be far off.
    faint = first.x_val[:FEW_IMAGES] // 3
    some = first.x_train[:FEW_IMAGES]
    asked = student.keep(some, faint, first.seed, target_fpr=0.2, budget="quick")
    train = {"x_train": first.x_train[:VAL_IMAGES]}
    ask_threshold(student, trained, first.x_val, TARGET_FPR, train)
    ask_threshold(student, asked, faint, 0.2, {"x_train": some})


@pytest.mark.exercise("3.9", weight=1)
def test_false_alarms_are_as_promised(
    student: Student,
    trained: Handle,
    exam_scores: tuple[np.ndarray, np.ndarray],
    facts: dict[str, float],
) -> None:
    """Unseen normal images are flagged about as often as was asked for."""
    threshold = student.attribute(trained, "threshold")
    expect(nb3_detector.threshold_is_set(threshold))
    rate = float(np.mean(exam_scores[0] > float(threshold)))
    facts["false_alarms"] = rate
    expect(nb3_detector.false_alarms_as_promised(rate, TARGET_FPR))


@pytest.mark.exercise("3.9", weight=2)
def test_run_gives_a_working_detector(
    student: Student,
    exam: tuple[np.ndarray, np.ndarray],
    facts: dict[str, float],
    series: dict[str, list[float]],
) -> None:
    """After the whole notebook ran, its detector scores the exam as it should."""
    digit, reached = auroc_of_run(student, "ANOMALY_DIGIT", exam, facts, series)
    expect(nb3_detector.score_is_upright(reached))
    expect(at_floor(student, None, digit, reached, nb3_detector.reaches_floor))


@pytest.mark.exercise("3.9", weight=1)
def test_run_threshold_comes_from_validation(
    student: Student, series: dict[str, list[float]]
) -> None:
    """The detector's threshold follows from its scores of x_val, and from nothing else."""
    threshold_of_run(student, series)
