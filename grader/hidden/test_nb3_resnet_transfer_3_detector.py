"""The hidden checks of exercises 3.9 and 3.10: re-fits on other digits, and the whole run.

A fit goes through the learner's other functions. Checks that need one are excused where it has
already lost points.
"""

import numpy as np
import pytest

from data_utils.metrics import auroc
from data_utils.selfcheck import nb1_score, nb3_detector
from data_utils.selfcheck.words import Finding, expect
from grader.examination import Examination
from grader.hidden.detector_checks import (
    TARGET_FPR,
    at_floor,
    auroc_of_run,
    excuse_without_floors,
    in_other_company,
    own_scores,
    threshold_of_run,
)
from grader.hidden.nb3_fits import QUICK_BANK, Refit, refit_images
from grader.sandbox import Handle
from grader.student import FIT_SECONDS, Student

FEW_IMAGES = 300  # for a fit that only has to set its threshold
UNTRAINED_MARGIN = 0.2  # AUROC; honest designs lead by 0.35 on digit 9 on average
# The exercises whose functions read features, compare them, and learn from them.
after_features = pytest.mark.needs("3.3", "3.7")
after_head = pytest.mark.needs("3.3", "3.5", "3.6")


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
    return first.fit(fitter, train=False)


@pytest.fixture(scope="session")
def exam_scores(fitter: Student, first: Refit, trained: Handle) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the exam's normal images and of its anomalies, asked for once."""
    return first.exam_scores(fitter, trained)


@pytest.fixture(scope="session")
def few_fitter(examination: Examination) -> Student:
    """The way to exercise 3.10, shared by the fits below."""
    return examination.student(examination.submission.notebook.exercise("3.10"))


@pytest.fixture(scope="session")
def few(few_fitter: Student, first: Refit) -> Handle:
    """A head that has learnt from twenty labelled anomalies, fitted once."""
    return first.fit_few(few_fitter)


@pytest.fixture(scope="session")
def few_exam_scores(
    few_fitter: Student, first: Refit, few: Handle
) -> tuple[np.ndarray, np.ndarray]:
    """The same as `exam_scores` for the head."""
    return first.exam_scores(few_fitter, few)


@pytest.mark.exercise("3.9", weight=1)
@pytest.mark.parametrize(("seed", "count", "target"), [(83, 450, 0.05), (84, 997, 0.2)])
def test_threshold_at_a_false_positive_rate(
    student: Student, seed: int, count: int, target: float
) -> None:
    """threshold_at: the wanted share of the validation scores lies above the threshold."""
    scores = np.random.default_rng(seed).gamma(9.0, 2.0, count)
    got = student.call(scores, target, name="threshold_at")
    expect(nb1_score.threshold_value(got, scores, target))


@pytest.mark.exercise("3.9", weight=1)
@after_features
def test_bank_is_drawn_for_the_budget(student: Student, first: Refit, trained: Handle) -> None:
    """The bank holds a draw of the training images, as many as the budget says."""
    bank = student.method(trained, "parameters")
    expect(nb3_detector.bank_size(bank, QUICK_BANK, len(first.x_train)))
    small = student.keep(first.x_train[:40], first.x_val, first.seed, budget="quick")
    expect(nb3_detector.bank_size(student.method(small, "parameters"), 40, 40))
    other = student.keep(first.x_train, first.x_val, first.seed + 1, budget="quick")
    expect(nb3_detector.bank_is_drawn(bank, student.method(other, "parameters")))


@pytest.mark.exercise("3.9", weight=1, core=True)
@after_features
def test_fit_takes_random_weights_on_request(
    student: Student, trained: Handle, untrained: Handle
) -> None:
    """With train=False the same detector reads a network with random weights."""
    banks = [student.method(detector, "parameters") for detector in (trained, untrained)]
    expect(nb3_detector.other_backbone_untrained(*banks))


@pytest.mark.exercise("3.9", weight=3, core=True)
@after_features
def test_features_beat_random_weights(
    student: Student,
    first: Refit,
    untrained: Handle,
    exam_scores: tuple[np.ndarray, np.ndarray],
    facts: dict[str, float],
) -> None:
    """On exam images pretrained features rank much better than those of random weights."""
    reached, before = auroc(*exam_scores), first.auroc(student, untrained)
    facts[f"auroc_refit_{first.digit}"] = reached
    facts[f"auroc_untrained_{first.digit}"] = before
    expect(nb3_detector.better_than_untrained(reached, before, UNTRAINED_MARGIN))
    expect(at_floor(student, "quick", first.digit, reached, nb3_detector.reaches_floor))


@pytest.mark.exercise("3.9", weight=2)
@after_features
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
@after_features
def test_scores_are_upright_and_each_for_itself(
    student: Student, first: Refit, trained: Handle
) -> None:
    """anomaly_score is high for anomalies, and the same in any order and any batch."""
    _upright_and_alone(student, first, trained)


@pytest.mark.exercise("3.9", weight=1)
@after_features
def test_fit_is_the_same_for_the_same_seed(student: Student, first: Refit, trained: Handle) -> None:
    """The same seed gives the same detector."""
    images = first.exam_anomaly[:100]
    again = own_scores(student, first.fit(student), images)
    expect(nb3_detector.same_for_same_seed(own_scores(student, trained, images), again))


@pytest.mark.exercise("3.9", weight=1)
@after_features
def test_threshold_follows_the_target(student: Student, first: Refit, trained: Handle) -> None:
    """The threshold leaves the wanted share of x_val above it: 5 %, or what was asked for."""
    # Fainter images than those to train on: a threshold from x_train would be far off.
    faint = first.x_val // 3
    some = first.x_train[:FEW_IMAGES]
    asked = student.keep(some, faint, first.seed, target_fpr=0.2, budget="quick")
    for detector, target, images in ((trained, TARGET_FPR, first.x_val), (asked, 0.2, faint)):
        got = student.attribute(detector, "threshold")
        expect(nb3_detector.threshold_is_set(got))
        expect(nb1_score.threshold_value(got, own_scores(student, detector, images), target))


@pytest.mark.exercise("3.9", weight=1)
@after_features
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
@after_features
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
@after_features
def test_run_threshold_comes_from_validation(
    student: Student, series: dict[str, list[float]]
) -> None:
    """The detector's threshold follows from its scores of x_val, and from nothing else."""
    threshold_of_run(student, series)


@pytest.mark.exercise("3.10", weight=1)
def test_few_labels_are_put_together(student: Student) -> None:
    """Normal images are labelled 0 and anomalies 1, and a threshold is set.

    Whatever the learner's other functions do: others stand in their places.
    """
    rng = np.random.default_rng(1010)
    dark, bright, x_val = (
        rng.integers(low, high, (count, 28, 28)).astype(np.uint8)
        for low, high, count in ((0, 90, 41), (140, 256, 9), (0, 120, 160))
    )
    module = "selfcheck.nb3_probes_detector"
    report = student.probe(module, "few_labels_report", dark, bright, x_val, 5, seconds=FIT_SECONDS)
    expect(nb3_detector.labels_belong(report["labels"], len(dark), len(bright)))
    expect(nb3_detector.threshold_is_set(report["threshold"]))


@pytest.mark.exercise("3.10", weight=3, core=True)
@after_head
def test_twenty_labels_reach_their_floor(
    student: Student,
    first: Refit,
    few_exam_scores: tuple[np.ndarray, np.ndarray],
    facts: dict[str, float],
) -> None:
    """Twenty labelled anomalies give a detector that finds others of their kind in the exam."""
    reached = auroc(*few_exam_scores)
    facts[f"auroc_few_{first.digit}"] = reached
    excuse_without_floors(student)
    expect(_few_at_floor(student, first.digit, reached))


@pytest.mark.exercise("3.10", weight=1)
@after_head
def test_twenty_labels_of_another_digit(
    student: Student, exam: tuple[np.ndarray, np.ndarray], facts: dict[str, float]
) -> None:
    """The same with another digit and another seed."""
    other = refit_images(exam, 1)
    reached = other.auroc(student, other.fit_few(student))
    facts[f"auroc_few_{other.digit}"] = reached
    excuse_without_floors(student)
    expect(_few_at_floor(student, other.digit, reached))


@pytest.mark.exercise("3.10", weight=1)
@after_head
def test_labels_make_the_difference(
    student: Student, first: Refit, few_exam_scores: tuple[np.ndarray, np.ndarray]
) -> None:
    """With normal images in place of the labelled anomalies the ranking is worse."""
    mislabelled = first.fit_few(student, first.x_val[:20])
    ranks = auroc(*few_exam_scores), first.auroc(student, mislabelled)
    expect(nb3_detector.learns_from_labels(*ranks))


@pytest.mark.exercise("3.10", weight=1)
@after_head
def test_head_detector_scales_once(student: Student, few: Handle) -> None:
    """The detector standardises by the normal features as the backbone gave them."""
    student.method(few, "parameters")  # a detector at all
    has = student.method(few, "__dir__")
    if "normal" in has:  # an honest detector of another kind may keep its scale elsewhere
        expect(nb3_detector.scaled_once(student.attribute(few, "normal")))


@pytest.mark.exercise("3.10", weight=2)
@pytest.mark.needs("3.3", "3.5", "3.6", "3.9")
def test_few_labels_threshold_comes_from_validation(
    student: Student, first: Refit, few: Handle
) -> None:
    """5 % of the validation scores lie above the threshold."""
    faint = first.x_val // 3
    other = student.keep(first.x_train[:FEW_IMAGES], first.x_labelled, faint, first.seed)
    for detector, images in ((few, first.x_val), (other, faint)):
        got = student.attribute(detector, "threshold")
        expect(nb3_detector.threshold_is_set(got))
        expect(nb1_score.threshold_value(got, own_scores(student, detector, images), TARGET_FPR))


@pytest.mark.exercise("3.10", weight=1)
@after_head
def test_few_labels_scores_are_upright_and_each_for_itself(
    student: Student, first: Refit, few: Handle
) -> None:
    """anomaly_score is high for anomalies, and the same in any order and any batch."""
    _upright_and_alone(student, first, few)


@pytest.mark.exercise("3.10", weight=1)
@after_head
def test_few_labels_are_the_same_for_the_same_seed(
    student: Student, first: Refit, few: Handle
) -> None:
    """The same seed gives the same detector."""
    images = first.exam_anomaly[:100]
    again = own_scores(student, first.fit_few(student), images)
    expect(nb3_detector.same_for_same_seed(own_scores(student, few, images), again))


def _upright_and_alone(student: Student, images: Refit, detector: Handle) -> None:
    normal, anomaly = images.exam_normal[:100], images.exam_anomaly[:100]
    some = np.concatenate([normal, anomaly])
    together = own_scores(student, detector, some)
    expect(nb3_detector.score_is_upright(auroc(together[: len(normal)], together[len(normal) :])))
    apart = in_other_company(lambda part: student.method(detector, "anomaly_score", part), some)
    expect(nb3_detector.same_in_any_order(together, apart))


def _few_at_floor(student: Student, digit: int, reached: float) -> Finding | None:
    floor = student.floor("quick", digit, exercise="3.10")
    if floor is None or floor.auroc is None:
        return None
    where = f"{student.notebook.setting.words(digit)}, twenty labelled, exam images"
    return nb3_detector.few_labels_reach_floor(reached, floor.auroc, where)
