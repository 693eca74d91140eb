"""The hidden checks of exercises 4.7, 4.9, 4.11 and 4.12: on inputs that nobody has seen."""

from typing import Any

import numpy as np
import pytest

from data_utils.selfcheck import nb4_protocol, nb4_scores
from data_utils.selfcheck.nb2_audit import has_keys
from data_utils.selfcheck.nb4_undone import answers_differ
from data_utils.selfcheck.words import expect
from grader.hidden.nb4_reference_first import ANYTHING
from grader.hidden.nb4_reference_scores import doubt, five_runs, log_density, rates
from grader.student import Student


def answers(seed: int, count: int, transforms: int, labels: int, sure: float = 2.0) -> np.ndarray:
    """Log-probabilities of a network that is right now and then: (count, transforms, labels)."""
    logits = np.random.default_rng(seed).normal(0, 1.5, (count, transforms, labels))
    for place in range(min(transforms, labels)):
        logits[:, place, place] += sure
    whole = np.logaddexp.reduce(logits, axis=2, keepdims=True)
    log_p: np.ndarray = logits - whole
    return log_p


def right_and_wrong(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Answers that are right for some images and wrong for others, and which those are."""
    odd = np.array([False, True, False, False, True])
    sure, wrong = answers(seed, 5, 4, 4, 9.0), answers(seed + 1, 5, 4, 4, -6.0)
    return np.where(odd[:, None, None], wrong, sure), odd


# ---------------------------------------------------------------- exercise 4.7


def simplified(student: Student, log_p: np.ndarray) -> Any:
    """Ask for scores; require their form, which every question needs."""
    got = student.call(log_p)
    expect(nb4_scores.score_form(got, log_p))
    return got


@pytest.mark.exercise("4.7", weight=ANYTHING, core=True)
def test_simplified_gives_scores(student: Student) -> None:
    """One for each image, and they follow from what the network said."""
    got = [simplified(student, answers(seed, 6, 4, 4)) for seed in (476, 477)]
    expect(answers_differ(got, "other log-probabilities", "see the formula above"))
    expect(answers_differ(got[0], "another image", "see the formula above"))


@pytest.mark.exercise("4.7", weight=2)
def test_simplified_ranks_images(student: Student) -> None:
    """The mean probability of the right label decides, whatever its sign and scale."""
    for seed, count, labels in ((471, 14, 5), (472, 11, 11)):
        log_p = answers(seed, count, labels, labels)
        mistakes = nb4_scores.simplified_mistakes(doubt(log_p), log_p)
        expect(nb4_scores.score_ranks(simplified(student, log_p), doubt(log_p), mistakes))


@pytest.mark.exercise("4.7", weight=1)
def test_simplified_is_high_for_doubt(student: Student) -> None:
    """Images that the network gets wrong have the higher scores."""
    log_p, odd = right_and_wrong(473)
    expect(nb4_scores.odd_is_high(simplified(student, log_p), odd))


@pytest.mark.exercise("4.7", weight=1)
@pytest.mark.parametrize(("count", "labels"), [(9, 4), (1, 8), (6, 6)])
def test_simplified_values(student: Student, count: int, labels: int) -> None:
    """Minus the mean probability of the right label."""
    log_p = answers(474 + count, count, labels, labels)
    mistakes = nb4_scores.simplified_mistakes(doubt(log_p), log_p)
    expect(nb4_scores.score_values(simplified(student, log_p), doubt(log_p), mistakes))


@pytest.mark.exercise("4.7", weight=1)
def test_simplified_of_impossible_answers(student: Student) -> None:
    """Logarithms of -800, whose probabilities are rounded to 0, give finite scores."""
    log_p = np.full((3, 4, 4), -800.0)
    log_p[:, :, 0] = 0.0
    log_p[1] = np.where(np.eye(4) > 0, 0.0, -800.0)
    simplified(student, log_p)


@pytest.mark.exercise("4.7", weight=1)
def test_simplified_leaves_its_input_alone(student: Student) -> None:
    """The array that was handed in is as it was."""
    log_p = answers(475, 6, 5, 5)
    got, after = student.call_and_look(log_p)
    expect(nb4_scores.score_form(got, log_p))
    expect(nb4_scores.inputs_left_alone([log_p], after))


# ---------------------------------------------------------------- exercise 4.9


def weighed(student: Student, log_p: np.ndarray, alphas: np.ndarray) -> Any:
    """Ask for scores; require their form, which every question needs."""
    got = student.call(log_p, alphas)
    expect(nb4_scores.score_form(got, log_p))
    return got


def parameters(seed: int, transforms: int, labels: int, least: float, most: float) -> np.ndarray:
    """Parameters between two numbers; those of the right labels are larger."""
    alphas = np.random.default_rng(seed).uniform(least, most, (transforms, labels))
    for place in range(min(transforms, labels)):
        alphas[place, place] *= 3
    return alphas


@pytest.mark.exercise("4.9", weight=ANYTHING, core=True)
def test_dirichlet_score_gives_scores(student: Student) -> None:
    """One for each image, and they follow from what the network said, and from alphas."""
    said = [answers(seed, 6, 4, 3) for seed in (499, 500)]
    known = [parameters(seed, 4, 3, 2, 9) for seed in (501, 502)]
    for other, what in (((said[1], known[0]), "other log-probabilities"),
                        ((said[0], known[1]), "other alphas")):  # fmt: skip
        got = [weighed(student, *arrays) for arrays in ((said[0], known[0]), other)]
        expect(answers_differ(got, what, "see the formula above"))
        expect(answers_differ(got[0], "another image", "see the formula above"))


@pytest.mark.exercise("4.9", weight=2)
def test_dirichlet_score_ranks_images(student: Student) -> None:
    """Large parameters, beside which 1 is little: the sum of alpha times the logarithm decides."""
    for seed, count, transforms, labels in ((491, 9, 5, 3), (492, 8, 4, 4)):
        log_p = answers(seed, count, transforms, labels)
        alphas = parameters(seed, transforms, labels, 40, 400)
        mistakes = nb4_scores.dirichlet_mistakes(log_density(log_p, alphas), log_p, alphas)
        expect(
            nb4_scores.score_ranks(
                weighed(student, log_p, alphas), log_density(log_p, alphas), mistakes
            )
        )


@pytest.mark.exercise("4.9", weight=1)
def test_dirichlet_score_is_high_for_doubt(student: Student) -> None:
    """Images that the network gets wrong have the higher scores."""
    log_p, odd = right_and_wrong(493)
    alphas = np.full((4, 4), 0.8) + 20 * np.eye(4)
    expect(nb4_scores.odd_is_high(weighed(student, log_p, alphas), odd))


@pytest.mark.exercise("4.9", weight=1)
def test_dirichlet_score_of_flat_densities(student: Student) -> None:
    """Where every alpha is 1, all images are equally likely."""
    log_p = answers(494, 5, 3, 6)
    expect(nb4_scores.flat_is_nothing(weighed(student, log_p, np.ones((3, 6)))))


@pytest.mark.exercise("4.9", weight=1)
@pytest.mark.parametrize(("count", "transforms", "labels"), [(7, 4, 6), (1, 9, 2), (5, 5, 5)])
def test_dirichlet_score_values(student: Student, count: int, transforms: int, labels: int) -> None:
    """Minus the mean over transformations of the sums over labels."""
    log_p = answers(495 + count, count, transforms, labels)
    alphas = parameters(496, transforms, labels, 0.05, 6)
    mistakes = nb4_scores.dirichlet_mistakes(log_density(log_p, alphas), log_p, alphas)
    expect(
        nb4_scores.score_values(
            weighed(student, log_p, alphas), log_density(log_p, alphas), mistakes
        )
    )


@pytest.mark.exercise("4.9", weight=1)
def test_dirichlet_score_of_impossible_answers(student: Student) -> None:
    """Logarithms of -700 and parameters of 1,000 give finite scores, in the right order."""
    log_p = np.full((3, 4, 4), -700.0)
    for image, label in enumerate((0, 2, 3)):
        log_p[image, :, label] = 0.0
    alphas = np.full((4, 4), 0.01)
    alphas[:, 0], alphas[:, 2], alphas[0] = 1000.0, 400.0, [800.0, 350.0, 0.5, 0.02]
    mistakes = nb4_scores.dirichlet_mistakes(log_density(log_p, alphas), log_p, alphas)
    expect(
        nb4_scores.score_ranks(
            weighed(student, log_p, alphas), log_density(log_p, alphas), mistakes
        )
    )


@pytest.mark.exercise("4.9", weight=1)
def test_dirichlet_score_leaves_its_inputs_alone(student: Student) -> None:
    """The arrays that were handed in are as they were."""
    log_p, alphas = answers(497, 6, 5, 3), parameters(498, 5, 3, 0.2, 9)
    got, after = student.call_and_look(log_p, alphas)
    expect(nb4_scores.score_form(got, log_p))
    expect(nb4_scores.inputs_left_alone([log_p, alphas], after))


# ---------------------------------------------------------------- exercise 4.11

RATES = nb4_protocol.RATE_KEYS


def verdicts(seed: int, normal: int, anomaly: int, alarms: int, missed: int) -> list[np.ndarray]:
    """Return in mixed order which images are anomalies, and which are called so."""
    truth = np.arange(normal + anomaly) >= normal
    called = truth.copy()
    called[:alarms], called[normal : normal + missed] = True, False
    order = np.random.default_rng(seed).permutation(len(truth))
    return [truth[order], called[order]]


@pytest.mark.exercise("4.11", weight=ANYTHING, core=True)
def test_error_rates_are_two_numbers(student: Student) -> None:
    """Under their names, and they follow from the verdicts."""
    got = [
        student.call(*verdicts(4115, *sizes), "anomaly") for sizes in ((9, 8, 4, 1), (9, 8, 2, 5))
    ]
    for one in got:
        expect(has_keys(one, RATES, RATES))
    both = [[one[name] for name in RATES] for one in got]
    expect(answers_differ(both, "other verdicts", "count the mistakes"))


@pytest.mark.exercise("4.11", weight=1)
@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("positive", ["anomaly", "normal"])
def test_error_rates(student: Student, positive: str, name: str) -> None:
    """A share of its own class, which depends on which class counts as positive."""
    for seed, sizes in ((4111, (71, 23, 8, 9)), (4112, (19, 140, 7, 31))):
        truth, called = verdicts(seed, *sizes)
        got = student.call(truth, called, positive)
        expect(has_keys(got, RATES, (name,)))
        right = rates(truth, called, positive)
        expect(nb4_protocol.rate_value(name, got[name], right, (truth, called), positive))


@pytest.mark.exercise("4.11", weight=1)
@pytest.mark.parametrize("positive", ["anomaly", "normal"])
def test_silent_and_loud_detectors_err_in_one_way(student: Student, positive: str) -> None:
    """Who never gives an alarm misses, who always does alarms falsely: each has its name."""
    truth = verdicts(4113, 12, 5, 0, 0)[0]
    missing, alarming = RATES[::-1] if positive == "anomaly" else RATES
    for called, name in ((~truth & truth, missing), (truth | ~truth, alarming)):
        got = student.call(truth, called, positive)
        expect(has_keys(got, RATES, RATES))
        expect(nb4_protocol.only_this_error(got, name))


@pytest.mark.exercise("4.11", weight=1)
def test_error_rates_leave_their_input_alone(student: Student) -> None:
    """The arrays that were handed in are as they were."""
    before = verdicts(4114, 20, 9, 3, 4)
    got, after = student.call_and_look(*before, "normal")
    expect(has_keys(got, RATES, RATES))
    expect(nb4_scores.inputs_left_alone(before, after[:2]))


# ---------------------------------------------------------------- exercise 4.12

SUMMARY = nb4_protocol.SUMMARY_KEYS


def areas(seed: int, classes: int, runs: int, lead: float = 0.01) -> tuple[np.ndarray, np.ndarray]:
    """AUROCs of several runs that differ, and of another method that is behind by `lead`."""
    drawing = np.random.default_rng(seed)
    level = drawing.uniform(0.6, 0.93, classes)
    ours = level[:, None] + drawing.normal(0, 0.02, (classes, runs))
    return ours, level + drawing.normal(-lead, 0.03, classes)


def ask_summary(student: Student, name: str, runs: np.ndarray, baseline: np.ndarray) -> None:
    """Ask for one entry of a summary, and judge it."""
    got = student.call(runs, baseline)
    expect(has_keys(got, SUMMARY, (name,)))
    right = five_runs(runs, baseline)[name]
    expect(nb4_protocol.summary_value(name, got[name], right, runs, baseline))


@pytest.mark.exercise("4.12", weight=ANYTHING, core=True)
def test_summary_has_five_entries(student: Student) -> None:
    """Under their names, and they follow from the runs."""
    got = [student.call(*areas(seed, 4, 3)) for seed in (4126, 4127)]
    for one in got:
        expect(has_keys(one, SUMMARY, SUMMARY))
    advice = "work them out from runs and baseline"
    expect(answers_differ([one["mean"] for one in got], "other runs", advice))


@pytest.mark.exercise("4.12", weight=1)
@pytest.mark.parametrize("name", SUMMARY)
def test_summary(student: Student, name: str) -> None:
    """Each entry for itself, with as many classes as runs, and with fewer and more."""
    for seed, classes, runs, lead in (
        (4122, 10, 5, 0.01),  # seeds with which typical mistakes give numbers that differ
        (4136, 3, 7, 0.02),
        (4134, 4, 4, -0.06),  # the other method leads
        (4154, 6, 2, 0.01),
    ):
        ask_summary(student, name, *areas(seed, classes, runs, lead))


@pytest.mark.exercise("4.12", weight=1)
def test_summary_counts_no_draw_as_behind(student: Student) -> None:
    """Where both are equal the baseline is not better."""
    runs = np.array([[0.75, 0.75], [0.5, 1.0], [0.625, 0.625], [0.875, 0.875]])
    ask_summary(student, "behind", runs, np.array([0.75, 0.75, 0.875, 0.5]))


@pytest.mark.exercise("4.12", weight=1)
def test_summary_takes_lists(student: Student) -> None:
    """Lists of numbers, as they stand in a paper's table."""
    runs, baseline = areas(4125, 4, 3)
    got = student.call(runs.tolist(), baseline.tolist())
    expect(has_keys(got, SUMMARY, SUMMARY))
