"""The hidden checks of exercise 2.8, the detector: re-fits on other digits, and the whole run.

A fit goes through the learner's other functions. Where one of them lost points, the reference
stands in its place; and where the networks of 2.2 are too weak, which costs nothing there, the
reference's pair is trained (see `nb2_fits.fit_that_stands`).
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
    excuse_without_floors,
    in_other_company,
    threshold_of_run,
)
from grader.hidden.nb2_fits import (
    BriefFits,
    Fitted,
    Refit,
    brief_fits,
    fit_that_stands,
    later_trainings_of_run,
    own_scores,
    refit_images,
    scores_outside,
    weights,
)
from grader.sandbox import Handle
from grader.student import Student

UNTRAINED_MARGIN = 0.15  # AUROC; the plainest honest design leads by more on digit 6
BRIEF = 4  # steps of the encoder where a budget is to be noticed


@pytest.fixture(scope="session")
def fitter(examination: Examination) -> Student:
    """The way to exercise 2.8, shared by the fits below."""
    return examination.student(examination.submission.notebook.exercise("2.8"))


@pytest.fixture(scope="session")
def first(exam: tuple[np.ndarray, np.ndarray]) -> Refit:
    """The images of the re-fit that several checks share."""
    return refit_images(exam, 0)


@pytest.fixture(scope="session")
def trained(fitter: Student, first: Refit) -> Fitted:
    """One digit, fitted once; see `fit_that_stands`."""
    return fit_that_stands(fitter, first)


@pytest.fixture(scope="session")
def untrained(fitter: Student, first: Refit) -> Handle:
    """The networks for the same digit, untrained; needs nothing that trains."""
    return first.fit(fitter, train=False)


@pytest.fixture(scope="session")
def its_untrained(fitter: Student, first: Refit, trained: Fitted, untrained: Handle) -> Handle:
    """The networks of the trained detector, of the same seed, untrained."""
    same = trained.images.seed == first.seed and trained.student is fitter
    return untrained if same else trained.images.fit(trained.student, train=False)


@pytest.fixture(scope="session")
def brief(fitter: Student, first: Refit, untrained: Handle) -> BriefFits:
    """Two trainings of very few steps."""
    return brief_fits(fitter, first, untrained, BRIEF)


@pytest.mark.exercise("2.8", weight=1)
@pytest.mark.parametrize(("seed", "count", "target"), [(81, 450, 0.05), (82, 997, 0.2)])
def test_threshold_at(student: Student, seed: int, count: int, target: float) -> None:
    """threshold_at: the wanted share of the validation scores lies above the threshold."""
    scores = np.random.default_rng(seed).normal(0, 1.5, count)
    got = student.call(scores, target, name="threshold_at")
    expect(nb1_score.threshold_value(got, scores, target))


@pytest.mark.exercise("2.8", weight=1, core=True)
def test_fit_leaves_networks_untrained_on_request(
    student: Student, first: Refit, untrained: Handle
) -> None:
    """With train=False there is a detector that copies images, and no history."""
    expect(nb2_detector.untrained_on_request(student.attribute(untrained, "history")))
    shown = first.exam_normal[:20]
    copies = student.method(untrained, "reconstruct", shown)
    expect(nb2_detector.reconstructions_form(copies, shown))


@pytest.mark.exercise("2.8", weight=3, core=True)
def test_fit_trains_every_network(
    trained: Fitted, its_untrained: Handle, facts: dict[str, float]
) -> None:
    """The encoder's loss falls, all three networks have learnt, and normal images are copied."""
    student, images, detector = trained.student, trained.images, trained.detector
    expect(nb2_detector.losses_fall(student.attribute(detector, "history")))
    expect(
        nb2_detector.networks_learned(weights(student, detector), weights(student, its_untrained))
    )
    copies = student.method(detector, "reconstruct", images.x_val)
    expect(nb2_detector.reconstructions_form(copies, images.x_val))
    judged = copies, images.x_val, images.x_train.mean(axis=0)
    facts[f"copy_error_{images.digit}"] = nb2_detector.error_beside_mean(*judged)
    expect(nb2_detector.copies_know_the_digit(*judged))


@pytest.mark.exercise("2.8", weight=4, core=True)
def test_fit_beats_its_untrained_copy(
    trained: Fitted, its_untrained: Handle, facts: dict[str, float]
) -> None:
    """On exam images both errors rank much better than those of the same networks untrained."""
    student, images, reached = trained.student, trained.images, trained.reached
    if reached is None:  # asked once more for what is wrong with the scores
        reached = images.auroc(student, trained.detector)
    before = images.auroc(student, its_untrained)
    facts[f"auroc_refit_{images.digit}"] = reached
    facts[f"auroc_untrained_{images.digit}"] = before
    expect(nb2_detector.better_than_untrained(reached, before, UNTRAINED_MARGIN))
    expect(at_floor(student, "quick", images.digit, reached, nb2_detector.reaches_floor))


@pytest.mark.exercise("2.8", weight=3)
def test_fit_works_for_another_digit(
    student: Student, exam: tuple[np.ndarray, np.ndarray], facts: dict[str, float]
) -> None:
    """A re-fit with another normal digit, and another seed, reaches its floor."""
    other = fit_that_stands(student, refit_images(exam, 1))
    reached, digit = other.reached, other.images.digit
    if reached is None:
        reached = other.images.auroc(other.student, other.detector)
    facts[f"auroc_refit_{digit}"] = reached
    excuse_without_floors(student)
    expect(at_floor(student, "quick", digit, reached, nb2_detector.reaches_floor))


@pytest.mark.exercise("2.8", weight=2)
def test_fit_scores_are_upright_and_each_for_itself(first: Refit, trained: Fitted) -> None:
    """anomaly_score is high for anomalies, and the same in any order and any batch."""
    student = trained.student
    normal, anomaly = first.exam_normal[:100], first.exam_anomaly[:100]
    images = np.concatenate([normal, anomaly])
    together = own_scores(student, trained.detector, images)
    expect(nb2_detector.score_is_upright(auroc(together[: len(normal)], together[len(normal) :])))
    apart = in_other_company(
        lambda some: student.method(trained.detector, "anomaly_score", some), images
    )
    expect(nb2_detector.same_in_any_order(together, apart))


@pytest.mark.exercise("2.8", weight=3)
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


@pytest.mark.exercise("2.8", weight=3)
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


@pytest.mark.exercise("2.8", weight=3)
def test_fit_heeds_the_budget(student: Student, brief: BriefFits) -> None:
    """Pair and encoder are trained for as many steps as the budget says."""
    history = student.attribute(brief.detector, "history")
    after = weights(student, brief.detector)
    expect(nb2_detector.budget_heeded(history, BRIEF, after, brief.start))


@pytest.mark.exercise("2.8", weight=2)
def test_fit_trains_on_x_train_alone(student: Student, brief: BriefFits) -> None:
    """Other validation images change the threshold, and no weight of a network."""
    if brief.start is not None:  # whether a seed fixes the networks is another check's question
        fits = (brief.detector, brief.beside_other_x_val)
        expect(nb2_detector.trained_alike(*(weights(student, fit) for fit in fits)))


@pytest.mark.exercise("2.8", weight=2)
def test_run_gives_a_working_detector(
    student: Student,
    exam: tuple[np.ndarray, np.ndarray],
    facts: dict[str, float],
    series: dict[str, list[float]],
) -> None:
    """After the whole notebook ran, its detector scores the exam as it should."""
    shown = exam[0][:50]
    scores = student.in_run(
        "method", student.in_run("variable", "detector"), "anomaly_score", shown
    )
    expect(nb2_detector.scores_form(scores, len(shown)))
    digit, reached = auroc_of_run(student, "NORMAL_DIGIT", exam, facts, series)
    if at_floor(student, None, digit, reached, nb2_detector.reaches_floor):
        for again in later_trainings_of_run(student, exam, digit):
            facts[f"auroc_second_{digit}"] = reached = again
            if at_floor(student, None, digit, reached, nb2_detector.reaches_floor) is None:
                break
    expect(nb2_detector.score_is_upright(reached))
    expect(at_floor(student, None, digit, reached, nb2_detector.reaches_floor))


@pytest.mark.exercise("2.8", weight=1)
def test_run_threshold_comes_from_validation(
    student: Student, series: dict[str, list[float]]
) -> None:
    """The detector's threshold follows from its scores of x_val, and from nothing else."""
    x_val = student.in_run("value", "x_val")
    expect(nb2_detector.images_form(x_val, "x_val"))
    threshold_of_run(student, series)
