"""Hidden checks of notebook 1, exercises 1.5 and 1.6: the detector, and a better score."""

from collections.abc import Iterator

import numpy as np
import pytest

from data_utils.selfcheck import nb1_detector, nb1_fits, nb1_score, nb1_steps
from data_utils.selfcheck.nb1_fits import SmallFits
from data_utils.selfcheck.words import expect
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
from grader.hidden.nb1_copies import ScoredCopies
from grader.hidden.nb1_fits import (
    REFIT_DIGITS,
    Refit,
    copies_outside,
    refit,
    scores_outside,
    small_fits,
)
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


@pytest.fixture(scope="session")
def small(fitter: Student) -> SmallFits:
    """Fits of a second each."""
    return small_fits(fitter)


@pytest.mark.exercise("1.5", weight=1, core=True)
def test_fit_trains_the_network(student: Student, first_fit: Refit, untrained: Handle) -> None:
    """The loss falls, the weights move, and training images come back better than before."""
    expect(nb1_detector.history_falls(student.attribute(first_fit.trained, "history")))
    expect(nb1_detector.untrained_on_request(student.attribute(untrained, "history")))
    expect(
        nb1_detector.weights_moved(
            student.method(first_fit.trained, "parameters"),
            student.method(untrained, "parameters"),
        )
    )
    learnt = first_fit.x_train[:300]
    fits = (untrained, first_fit.trained)
    copies = [copies_outside(student, fit, learnt) for fit in fits]
    expect(nb1_fits.copies_come_nearer(learnt, *copies))


@pytest.mark.exercise("1.5", weight=2, core=True)
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


@pytest.mark.exercise("1.5", weight=1)
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
def test_fit_follows_the_seed(small: SmallFits) -> None:
    """The same seed gives the same detector."""
    expect(small.follows_seed())


@pytest.mark.exercise("1.5", weight=1)
def test_fit_gives_another_network_for_another_seed(
    student: Student, untrained: Handle, small: SmallFits
) -> None:
    """Another seed gives another network."""
    expect(small.another_seed(student.method(untrained, "parameters")))


@pytest.mark.exercise("1.5", weight=1)
def test_fit_follows_the_budget(student: Student, first_fit: Refit, small: SmallFits) -> None:
    """As many epochs as the budget has, or fewer where the fit stops early."""
    history = student.attribute(first_fit.trained, "history")
    expect(nb1_fits.losses_form(history))
    expect(small.follows_budget(np.size(history)))


@pytest.mark.exercise("1.5", weight=1)
def test_fit_hands_on_its_training_losses(
    student: Student, first_fit: Refit, small: SmallFits
) -> None:
    """The history is the loss on x_train, whatever images x_val holds."""
    history = student.attribute(first_fit.trained, "history")
    expect(nb1_fits.losses_form(history))
    expect(small.hands_on_training_losses(history))


@pytest.mark.exercise("1.5", weight=1)
def test_fit_does_not_train_on_validation_images(small: SmallFits) -> None:
    """Only x_train is learnt; other validation images leave the training as it is."""
    expect(small.learns_from_x_train_alone())


@pytest.mark.exercise("1.5", weight=1)
def test_fit_threshold_follows_the_target(student: Student, first_fit: Refit) -> None:
    """The threshold leaves the wanted share of x_val above it: 5 %, or what was asked for."""
    x_val = first_fit.x_val
    asked = student.keep(
        first_fit.x_train[:100], x_val, 7, target_fpr=0.2, budget="quick", train=False
    )
    for detector, target in ((first_fit.trained, TARGET_FPR), (asked, 0.2)):
        scores = own_scores(student, detector, x_val)
        got = student.attribute(detector, "threshold")
        expect(nb1_score.threshold_value(got, scores, target))


@pytest.mark.exercise("1.5", weight=3.5)
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
def scored(
    improver: Student, public_exam: tuple[np.ndarray, np.ndarray], secret: str
) -> ScoredCopies:
    """The student's scores of the exam's copies, each pair among those of other digits."""
    return ScoredCopies(improver, public_exam, secret)


@pytest.fixture(scope="session")
def starting_over(examination: Examination) -> Iterator[Student]:
    """The way to exercise 1.6 in a session that has seen no image yet."""
    with examination.anew() as again:
        yield again.student(again.submission.notebook.exercise("1.6"))


@pytest.mark.exercise("1.6", weight=0.5, core=True)
def test_improved_error_is_one_score_for_each_image_alone(
    scored: ScoredCopies, starting_over: Student
) -> None:
    """One finite score per image: the same among other images, in another order, and alone."""
    expect(nb1_steps.error_of_each_image_alone(*scored.again(starting_over)))


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(n, marks=pytest.mark.exercise("1.6", weight=nb1_steps.WEIGHTS[n]))
        for n in nb1_steps.WEIGHTS
    ],
)
def test_improved_error_reaches_step(
    student: Student, scored: ScoredCopies, facts: dict[str, float], number: int
) -> None:
    """Over several digits left out, the score ranks anomalies as high as the step asks."""
    step = student.step(number)
    facts[f"auroc_step_{number}"] = float(np.mean([scored.auroc(d) for d in step.digits]))
    expect(nb1_steps.reaches_step(step, {d: scored.auroc(d) for d in step.digits}))
