"""The hidden checks of exercise 2.8, the detector: re-fits on other digits, and the whole run.

A fit goes through the learner's other functions. Checks that need one are excused where it has
already lost points; an untrained detector needs only those that build it.
"""

import numpy as np
import pytest

from data_utils.metrics import auroc
from data_utils.selfcheck import nb1_score, nb2_detector
from data_utils.selfcheck.words import expect
from grader.examination import Examination
from grader.hidden.detector_checks import (
    TARGET_FPR,
    at_floor,
    auroc_of_run,
    in_other_company,
    own_scores,
    threshold_of_run,
)
from grader.hidden.nb2_fits import Refit, refit_images, scores_outside, weights
from grader.sandbox import Handle
from grader.student import Student

UNTRAINED_MARGIN = 0.15  # AUROC; the plainest honest design leads by more on digit 6
# The exercises whose functions build the networks, train them, and score with them.
after_building = pytest.mark.needs("2.1", "2.2")
after_training = pytest.mark.needs("2.1", "2.2", "2.3", "2.4", "2.6")
after_scoring = pytest.mark.needs("2.1", "2.2", "2.3", "2.4", "2.6", "2.7")


@pytest.fixture(scope="session")
def fitter(examination: Examination) -> Student:
    """The way to exercise 2.8, shared by the fits below."""
    return examination.student(examination.submission.notebook.exercise("2.8"))


@pytest.fixture(scope="session")
def first(exam: tuple[np.ndarray, np.ndarray]) -> Refit:
    """The images of the re-fit that several checks share."""
    return refit_images(exam, 0)


@pytest.fixture(scope="session")
def trained(fitter: Student, first: Refit) -> Handle:
    """One digit, fitted once."""
    return first.fit(fitter, train=True)


@pytest.fixture(scope="session")
def untrained(fitter: Student, first: Refit) -> Handle:
    """The same networks, of the same seed, untrained."""
    return first.fit(fitter, train=False)


@pytest.mark.exercise("2.8", weight=1)
@pytest.mark.parametrize(("seed", "count", "target"), [(81, 450, 0.05), (82, 997, 0.2)])
def test_threshold_at(student: Student, seed: int, count: int, target: float) -> None:
    """threshold_at: the wanted share of the validation scores lies above the threshold."""
    scores = np.random.default_rng(seed).normal(0, 1.5, count)
    got = student.call(scores, target, name="threshold_at")
    expect(nb1_score.threshold_value(got, scores, target))


@pytest.mark.exercise("2.8", weight=1, core=True)
@after_building
def test_fit_leaves_networks_untrained_on_request(
    student: Student, first: Refit, untrained: Handle
) -> None:
    """With train=False there is a detector that copies images, and no history."""
    expect(nb2_detector.untrained_on_request(student.attribute(untrained, "history")))
    shown = first.exam_normal[:20]
    copies = student.method(untrained, "reconstruct", shown)
    expect(nb2_detector.reconstructions_form(copies, shown))


@pytest.mark.exercise("2.8", weight=2, core=True)
@after_training
def test_fit_trains_every_network(
    student: Student, first: Refit, trained: Handle, untrained: Handle, facts: dict[str, float]
) -> None:
    """The encoder's loss falls, all three networks have learnt, and normal images are copied."""
    expect(nb2_detector.losses_fall(student.attribute(trained, "history")))
    expect(nb2_detector.networks_learned(weights(student, trained), weights(student, untrained)))
    copies = student.method(trained, "reconstruct", first.x_val)
    expect(nb2_detector.reconstructions_form(copies, first.x_val))
    mean = first.x_train.mean(axis=0)
    facts[f"copy_error_{first.digit}"] = nb2_detector.error_beside_mean(copies, first.x_val, mean)
    expect(nb2_detector.copies_know_the_digit(copies, first.x_val, mean))


@pytest.mark.exercise("2.8", weight=3, core=True)
@after_training
def test_fit_beats_its_untrained_copy(
    student: Student, first: Refit, trained: Handle, untrained: Handle, facts: dict[str, float]
) -> None:
    """On exam images both errors rank much better than those of the same networks untrained."""
    reached, before = (first.auroc(student, fit) for fit in (trained, untrained))
    facts[f"auroc_refit_{first.digit}"] = reached
    facts[f"auroc_untrained_{first.digit}"] = before
    expect(nb2_detector.better_than_untrained(reached, before, UNTRAINED_MARGIN))
    expect(at_floor(student, "quick", first.digit, reached, nb2_detector.reaches_floor))


@pytest.mark.exercise("2.8", weight=2)
@after_training
def test_fit_works_for_another_digit(
    student: Student, exam: tuple[np.ndarray, np.ndarray], facts: dict[str, float]
) -> None:
    """A re-fit with another normal digit, and another seed, reaches its floor."""
    other = refit_images(exam, 1)
    reached = other.auroc(student, other.fit(student, train=True))
    facts[f"auroc_refit_{other.digit}"] = reached
    expect(at_floor(student, "quick", other.digit, reached, nb2_detector.reaches_floor))


@pytest.mark.exercise("2.8", weight=1)
@after_scoring
def test_fit_scores_are_upright_and_each_for_itself(
    student: Student, first: Refit, trained: Handle
) -> None:
    """anomaly_score is high for anomalies, and the same in any order and any batch."""
    normal, anomaly = first.exam_normal[:100], first.exam_anomaly[:100]
    images = np.concatenate([normal, anomaly])
    together = own_scores(student, trained, images)
    expect(nb2_detector.score_is_upright(auroc(together[: len(normal)], together[len(normal) :])))
    apart = in_other_company(lambda some: student.method(trained, "anomaly_score", some), images)
    expect(nb2_detector.same_in_any_order(together, apart))


@pytest.mark.exercise("2.8", weight=1)
@after_building
def test_fit_follows_the_seed(student: Student, first: Refit, untrained: Handle) -> None:
    """The same seed builds the same networks, another seed others."""
    images = first.exam_anomaly[:100]
    fits = [untrained] + [
        student.keep(first.x_train, first.x_val, seed, budget="quick", train=False)
        for seed in (first.seed, first.seed + 1)
    ]
    scores, again, other = (scores_outside(student, fit, images, first.x_val) for fit in fits)
    expect(nb2_detector.same_for_same_seed(scores, again))
    expect(nb2_detector.other_for_other_seed(scores, other))


@pytest.mark.exercise("2.8", weight=1)
@pytest.mark.needs("2.1", "2.2", "2.7")
def test_fit_threshold_follows_the_target(
    student: Student, first: Refit, untrained: Handle
) -> None:
    """The threshold leaves the wanted share of x_val above it: 5 %, or what was asked for."""
    # Fainter images than those to train on: a threshold from x_train would be far off.
    x_val, faint = first.x_val, first.x_val // 3
    asked = student.keep(first.x_train, faint, 7, target_fpr=0.2, budget="quick", train=False)
    for detector, target, images in ((untrained, TARGET_FPR, x_val), (asked, 0.2, faint)):
        scores = own_scores(student, detector, images)
        got = student.attribute(detector, "threshold")
        expect(nb1_score.threshold_value(got, scores, target))


@pytest.mark.exercise("2.8", weight=2)
@after_scoring
def test_run_gives_a_working_detector(
    student: Student,
    exam: tuple[np.ndarray, np.ndarray],
    facts: dict[str, float],
    series: dict[str, list[float]],
) -> None:
    """After the whole notebook ran, its detector scores the exam as it should."""
    digit, reached = auroc_of_run(student, "NORMAL_DIGIT", exam, facts, series)
    expect(nb2_detector.score_is_upright(reached))
    expect(at_floor(student, None, digit, reached, nb2_detector.reaches_floor))


@pytest.mark.exercise("2.8", weight=1)
@after_scoring
def test_run_threshold_comes_from_validation(
    student: Student, series: dict[str, list[float]]
) -> None:
    """The detector's threshold follows from its scores of x_val, and from nothing else."""
    threshold_of_run(student, series)
