"""Hidden checks of notebook 1, exercises 1.5 and 1.6: the detector, and a better score."""

import numpy as np
import pytest

from data_utils.images import network_input
from data_utils.metrics import auroc
from data_utils.selfcheck import nb1_detector, nb1_score, nb1_steps
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
    refit,
    scores_outside,
)
from grader.hidden.nb1_reference import exam_copies, score_pair
from grader.hidden.refits import learners_images
from grader.sandbox import Handle
from grader.student import Student

UNTRAINED_MARGIN = 0.15  # AUROC; the plainest honest design leads by more on digit 2


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
    return first_fit.fit(fitter, train=False)


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
def reached(improver: Student, public_exam: tuple[np.ndarray, np.ndarray]) -> dict[int, float]:
    """AUROC of the student's score for each digit left out; the labels stay out here."""
    found = {}
    for digit, (images, copies, is_anomaly) in exam_copies(public_exam).items():
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
