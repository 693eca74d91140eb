"""The hidden checks of exercise 4.10, the detector: re-fits on other digits, and the whole run.

A fit goes through the learner's other functions; those that lost points are replaced by the
reference. What fit_detector hands on is judged with simple functions in the places of all of them.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from data_utils.selfcheck import nb3_detector, nb4_detector, nb4_put_together
from data_utils.selfcheck.nb4_put_together import BUDGETS, LOSSES
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
from grader.hidden.nb4_fits import QUICK_EPOCHS, refit_images, scores_of
from grader.hidden.refits import Refit
from grader.sandbox import Handle
from grader.student import FIT_SECONDS, Student

FEW_IMAGES = 64  # enough for two seeds to differ, and brief: one fit more for every submission


@pytest.fixture(scope="session")
def first(exam: tuple[np.ndarray, np.ndarray]) -> Refit:
    """The images of the re-fit that several checks share."""
    return refit_images(exam, 0)


@pytest.fixture(scope="session")
def fitter(examination: Examination) -> Student:
    """The way to exercise 4.10, shared by the fits below."""
    return examination.student(examination.submission.notebook.exercise("4.10"))


@pytest.fixture(scope="session")
def trained(fitter: Student, first: Refit) -> Handle:
    """One digit, fitted once."""
    return first.fit(fitter)


@pytest.fixture(scope="session")
def untrained(fitter: Student, first: Refit) -> Handle:
    """The network for the same digit, untrained; needs nothing that trains."""
    return first.fit(fitter, train=False)


def put_together(student: Student, seed: int = 7, **settings: Any) -> tuple[Any, np.ndarray]:
    """Fit with simple functions in the places of the learner's others; also return x_train."""
    images = np.random.default_rng(410).integers(0, 256, (40, 28, 28)).astype(np.uint8)
    module, given = "selfcheck.nb4_probes_detector", (images[:19], images[19:], seed)
    report = student.probe(
        module, "fit_report", *given, {"budget": "quick", **settings}, LOSSES, seconds=FIT_SECONDS
    )
    expect(nb4_put_together.put_together_form(report))
    return report, images[:19]


@pytest.mark.exercise("4.10", weight=1)
def test_detector_is_put_together(student: Student) -> None:
    """All images are trained on, losses are handed on, and a threshold is set.

    Whatever the learner's other functions do: others stand in their places.
    """
    report, x_train = put_together(student)
    expect(
        nb4_put_together.trained_as_asked(report["calls"], x_train, ("quick", *BUDGETS["quick"]))
    )
    expect(nb4_put_together.losses_are_handed_on(report["calls"], report.get("history"), LOSSES))
    expect(nb3_detector.threshold_is_set(report.get("threshold")))


@pytest.mark.exercise("4.10", weight=1)
def test_fit_leaves_the_network_untrained_on_request(student: Student, untrained: Handle) -> None:
    """With train=False there is a detector that scores images, and no history."""
    report, _ = put_together(student, train=False)
    expect(nb4_put_together.nothing_trained(report["calls"]))
    expect(nb4_detector.untrained_on_request(student.attribute(untrained, "history")))


@pytest.mark.exercise("4.10", weight=2, core=True)
def test_fit_trains_the_network(
    student: Student, first: Refit, trained: Handle, untrained: Handle
) -> None:
    """The loss falls, the weights have moved, and unseen normal images are understood."""
    expect(nb4_detector.losses_fall(student.attribute(trained, "history")))
    if not np.size(student.attribute(untrained, "history")):  # else it was trained too: asked above
        parameters = [student.method(fit, "parameters") for fit in (trained, untrained)]
        expect(nb4_detector.network_learned(*parameters))
    log_p = student.method(trained, "log_p", first.x_val)
    expect(nb4_detector.log_p_form(log_p, len(first.x_val)))
    expect(nb4_detector.knows_transformations(log_p))


@pytest.mark.exercise("4.10", weight=1)
def test_fit_heeds_its_budget(student: Student, trained: Handle) -> None:
    """The training gets the budget's transformations and epochs: one loss for each of them."""
    for budget, numbers in BUDGETS.items():
        report, x_train = put_together(student, budget=budget)
        expect(nb4_put_together.trained_as_asked(report["calls"], x_train, (budget, *numbers)))
    history = student.attribute(trained, "history")
    expect(nb4_detector.budget_is_heeded(history, QUICK_EPOCHS))


@pytest.mark.exercise("4.10", weight=3)
def test_fit_ranks_the_exam(
    student: Student, first: Refit, trained: Handle, facts: dict[str, float]
) -> None:
    """On exam images it reaches its floor."""
    reached = first.auroc(student, trained)
    facts[f"auroc_refit_{first.digit}"] = reached
    excuse_without_floors(student)
    expect(at_floor(student, "quick", first.digit, reached, nb4_detector.reaches_floor))


@pytest.mark.exercise("4.10", weight=2)
def test_fit_works_for_another_digit(
    student: Student, exam: tuple[np.ndarray, np.ndarray], facts: dict[str, float]
) -> None:
    """A re-fit with another normal digit, and another seed, reaches its floor."""
    other = refit_images(exam, 1)
    reached = other.auroc(student, other.fit(student))
    facts[f"auroc_refit_{other.digit}"] = reached
    excuse_without_floors(student)
    expect(at_floor(student, "quick", other.digit, reached, nb4_detector.reaches_floor))


@pytest.mark.exercise("4.10", weight=1)
def test_fit_scores_are_upright_and_each_for_itself(
    student: Student, first: Refit, trained: Handle
) -> None:
    """anomaly_score is high for anomalies, and the same in any order and any batch."""
    some = first.exam_normal[:60], first.exam_anomaly[:60]
    ranks_each_alone(student, trained, *some, nb4_detector)


@pytest.mark.exercise("4.10", weight=1)
def test_fit_follows_the_seed(student: Student, first: Refit, untrained: Handle) -> None:
    """The same seed gives the same detector, another seed another network and training."""
    seeds = [put_together(student, seed)[0]["calls"] for seed in (7, 311)]
    expect(nb4_put_together.training_follows_the_seed(*seeds))
    images = first.exam_anomaly[:60]
    few = replace(first, x_train=first.x_train[:FEW_IMAGES])
    once, again = (scores_of(student, few.fit(student), images) for _ in range(2))
    expect(nb4_detector.same_for_same_seed(once, again))
    other = student.keep(first.x_train, first.x_val, first.seed + 1, budget="quick", train=False)
    parameters = [student.method(fit, "parameters") for fit in (untrained, other)]
    expect(nb4_detector.other_for_other_seed(*parameters))


@pytest.mark.exercise("4.10", weight=1)
def test_fit_threshold_follows_the_target(
    student: Student, first: Refit, untrained: Handle
) -> None:
    """The threshold leaves the wanted share of x_val above it: 5 %, or what was asked for."""
    # Fainter images than those to train on: a threshold from x_train would be far off.
    x_val, faint = first.x_val, first.x_val // 3
    asked = student.keep(first.x_train, faint, 7, target_fpr=0.2, budget="quick", train=False)
    for detector, target, images in ((untrained, TARGET_FPR, x_val), (asked, 0.2, faint)):
        got = student.attribute(detector, "threshold")
        expect(nb3_detector.threshold_is_set(got))
        own = scores_of(student, detector, images)
        if nb4_detector.threshold_value(got, own, target):  # those of x_train only name the mistake
            known = scores_of(student, detector, first.x_train)
            expect(nb4_detector.threshold_value(got, own, target, known))


@pytest.mark.exercise("4.10", weight=2)
def test_run_gives_a_working_detector(
    student: Student,
    exam: tuple[np.ndarray, np.ndarray],
    facts: dict[str, float],
    series: dict[str, list[float]],
) -> None:
    """After the whole notebook ran, its detector scores the exam as it should."""
    digit, reached = auroc_of_run(student, "NORMAL_DIGIT", exam, facts, series)
    losses = series.get("loss", [])
    if len(losses) != 1:  # profile full has one epoch
        expect(nb4_detector.losses_fall(losses))
    expect(nb4_detector.score_is_upright(reached))
    expect(at_floor(student, None, digit, reached, nb4_detector.reaches_floor))


@pytest.mark.exercise("4.10", weight=1)
def test_run_threshold_comes_from_validation(
    student: Student, series: dict[str, list[float]]
) -> None:
    """The detector's threshold follows from its scores of x_val, and from nothing else."""
    threshold_of_run(student, series, nb4_detector.threshold_value)
