"""The hidden checks of exercises 4.6, 4.8 and 4.13: on inputs that nobody has seen."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from data_utils.dirichlet import dirichlet_start
from data_utils.selfcheck import (
    nb4_ascent,
    nb4_dirichlet,
    nb4_dirichlet_steps,
    nb4_history,
    nb4_training,
    nb4_watched,
)
from data_utils.selfcheck.nb4_probes_scores import one_sided
from data_utils.selfcheck.nb4_scores import inputs_left_alone
from data_utils.selfcheck.nb4_undone import answers_differ
from data_utils.selfcheck.words import Finding, Found, expect
from grader.hidden.nb4_reference_first import ANYTHING
from grader.hidden.nb4_reference_scores import climb, path
from grader.student import FIT_SECONDS, Student

PROBES = "selfcheck.nb4_probes_scores"  # of data_utils

# ---------------------------------------------------------------- exercise 4.6

EPOCHS = 6  # the network behind the wall learns enough in them, and takes a tenth of a second


def watched(
    student: Student,
    images: np.ndarray,
    turns: Sequence[int],
    seed: int,
    epochs: int = EPOCHS,
    global_seed: int = 1,
) -> nb4_watched.Training:
    """Let a small network be trained behind the wall; return what was measured.

    It must have started as it does in the clean session, and what it said must follow from its
    weights.
    """
    given = (images, list(turns), epochs, seed, global_seed)
    report = student.probe(PROBES, "training_report", *given, seconds=FIT_SECONDS)
    start = student.twin.measure(PROBES, "first_weights", len(turns))
    training = nb4_watched.as_training(report, images, turns, start)
    if isinstance(training, Finding):
        raise Found(training)
    return training


@pytest.mark.exercise("4.6", weight=1, core=True)
def test_training_moves_the_weights(student: Student) -> None:
    """Of the network that came in."""
    expect(nb4_training.training_moves(watched(student, one_sided(90, 460), (0, 1), 30, 2)))


@pytest.mark.exercise("4.6", weight=4)
def test_training_learns(student: Student) -> None:
    """The loss falls, on images that are bright at the top."""
    for turns in ((0, 1, 2, 3), (0, 2)):
        training = watched(student, one_sided(300 // len(turns), 461), turns, 31)
        expect(nb4_training.training_learns(training))


@pytest.mark.exercise("4.6", weight=1)
def test_training_sees_every_picture(student: Student) -> None:
    """In each epoch each image comes once under each transformation, the last batch included."""
    for count, turns, epochs in ((70, (0, 1, 3), 3), (129, (0, 2), 2)):
        training = watched(student, one_sided(count, 462), turns, 32, epochs)
        expect(nb4_training.every_picture_once(training, epochs))


@pytest.mark.exercise("4.6", weight=1)
def test_training_mixes_anew(student: Student) -> None:
    """The order is another one in each epoch, and for another seed."""
    images = one_sided(60, 463)
    training, other = (watched(student, images, (0, 1, 2), seed, 3) for seed in (33, 60))
    expect(nb4_training.another_order(training, other, 3))


@pytest.mark.exercise("4.6", weight=1)
def test_training_repeats_itself(student: Student) -> None:
    """The same seed gives the same network, whatever was drawn at random before."""
    images = one_sided(60, 464)
    first, again = (watched(student, images, (0, 1, 2), 34, 3, before) for before in (5, 6))
    expect(nb4_training.training_repeats(first, again))


@pytest.mark.exercise("4.6", weight=1)
def test_training_mode_is_on(student: Student) -> None:
    """The network comes in evaluation mode, and learns in training mode."""
    expect(nb4_training.training_mode(watched(student, one_sided(80, 465), (0, 1), 35, 3)))


@pytest.mark.exercise("4.6", weight=1)
def test_training_follows_the_cross_entropy(student: Student) -> None:
    """Of logits and labels: it shows in the gradient at the logits."""
    training = watched(student, one_sided(80, 470), (0, 1, 2, 3), 40, 2)
    expect(nb4_training.loss_is_cross_entropy(training))


@pytest.mark.exercise("4.6", weight=2)
def test_training_empties_gradients(student: Student) -> None:
    """Each step follows the gradient of its own batch."""
    training = watched(student, one_sided(80, 466), (0, 1, 2, 3), 36, 3)
    expect(nb4_training.gradients_are_emptied(training))


@pytest.mark.exercise("4.6", weight=1)
def test_training_history_is_a_list_of_numbers(student: Student) -> None:
    """One plain number for each epoch; with epochs=0 the list is empty, and nothing is learnt."""
    for epochs in (4, 1):
        training = watched(student, one_sided(70, 467), (0, 1, 2), 37, epochs)
        expect(nb4_history.history_form(training, epochs))
    expect(nb4_history.no_epoch(watched(student, one_sided(20, 469), (0, 2), 39, 0)))


@pytest.mark.exercise("4.6", weight=1)
def test_training_history_is_the_mean_loss(student: Student) -> None:
    """Each number is the mean of the losses of its epoch."""
    training = watched(student, one_sided(110, 468), (0, 1, 2, 3), 38, 4)
    expect(nb4_history.history_form(training, 4))
    expect(nb4_history.history_is_mean_loss(training, 4))


@pytest.mark.exercise("4.6", weight=1)
def test_training_leaves_the_images_alone(student: Student) -> None:
    """The images that were handed in are as they were."""
    images = one_sided(30, 471)
    training = watched(student, images, (0, 2), 41, 2)
    expect(inputs_left_alone([images], [training.images]))


# ---------------------------------------------------------------- exercise 4.8

SOON = ([0.4, 1.1, 0.2], [2.0, 0.5, 1.2])  # the fixed point arrives in less than a hundred steps
LATE = [60.0, 90.0, 30.0]  # a thousand are not enough


def drawn(seed: int, count: int, rows: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    """Draw logarithms of probabilities; (count, rows, labels).

    With the logarithms of gamma variates: small ones would be rounded to 0.
    """
    drawing = np.random.default_rng(seed)
    parameters = np.asarray(rows, float)
    shape = (count, *parameters.shape)
    logs = (
        np.log(drawing.gamma(parameters + 1, size=shape))
        + np.log(drawing.random(shape)) / parameters
    )
    whole = np.logaddexp.reduce(logs, axis=2, keepdims=True)
    found: np.ndarray = logs - whole
    return found


def fitted(student: Student, log_p: np.ndarray, **settings: Any) -> Any:
    """Fit behind the wall; require the form, which every question needs."""
    got = student.call(log_p, **settings)
    expect(nb4_dirichlet.fit_form(got, log_p))
    return got


def many_rows(seed: int, count: int, labels: int, low: float, high: float) -> np.ndarray:
    """Parameters between two numbers, evenly on a logarithmic scale."""
    drawing = np.random.default_rng(seed)
    return np.exp(drawing.uniform(np.log(low), np.log(high), (count, labels)))


@pytest.mark.exercise("4.8", weight=1, core=True)
def test_dirichlet_form(student: Student) -> None:
    """Parameters of each transformation, and whether each of them settled; they were worked out."""
    for count, rows, labels in ((40, 4, 6), (9, 1, 3)):
        log_p = [drawn(seed, count, many_rows(482, rows, labels, 0.4, 3)) for seed in (481, 480)]
        got = [fitted(student, logs)[0] for logs in log_p]
        expect(answers_differ(got, "other log-probabilities", "see the formula above"))
        start = dirichlet_start(log_p[0])
        expect(answers_differ([start, got[0]], "more than no step", "repeat the step of the text"))


@pytest.mark.exercise("4.8", weight=1)
@pytest.mark.parametrize(
    ("rows", "labels", "low", "high"), [(3, 3, 0.05, 4), (2, 12, 0.3, 8), (5, 36, 0.05, 2)]
)
def test_dirichlet_is_most_likely(
    student: Student, rows: int, labels: int, low: float, high: float
) -> None:
    """The parameters are those of the largest likelihood, in every row."""
    log_p = drawn(483, 150, many_rows(484 + labels, rows, labels, low, high))
    expect(nb4_dirichlet.most_likely(fitted(student, log_p), log_p))


@pytest.mark.exercise("4.8", weight=1)
def test_dirichlet_goes_on_for_a_thousand_steps(student: Student) -> None:
    """A slow one, which arrives after about 700 steps, unless it is told to stop before."""
    log_p = drawn(485, 300, [[10.0, 20.0, 30.0], [25.0, 9.0, 24.0]])
    got = fitted(student, log_p)
    expect(nb4_dirichlet.most_likely(got, log_p))
    expect(nb4_dirichlet.says_settled(got, (0, 1)))


@pytest.mark.exercise("4.8", weight=1)
def test_dirichlet_takes_one_step(student: Student) -> None:
    """From dirichlet_start, to where the digamma is what the text says."""
    log_p = drawn(486, 60, [[0.3, 2.0, 7.0, 0.8], [15.0, 4.0, 1.0, 2.0], [0.1, 0.2, 0.1, 0.4]])
    later = path(log_p, 3)[2:]
    expect(nb4_dirichlet_steps.one_step(fitted(student, log_p, steps=1), log_p, later))


@pytest.mark.exercise("4.8", weight=1)
def test_dirichlet_says_when_it_arrived(student: Student) -> None:
    """Where all rows settle, converged is True in all of them."""
    log_p = drawn(487, 200, SOON)
    expect(nb4_dirichlet.says_settled(fitted(student, log_p), (0, 1)))


@pytest.mark.exercise("4.8", weight=1)
def test_dirichlet_says_when_it_did_not_arrive(student: Student) -> None:
    """After two steps nothing has settled."""
    log_p = drawn(488, 40, [LATE, *SOON])
    expect(nb4_dirichlet.says_unsettled(fitted(student, log_p, steps=2)))


@pytest.mark.exercise("4.8", weight=1)
def test_dirichlet_answers_row_by_row(student: Student) -> None:
    """One row settles and another does not."""
    log_p = drawn(489, 100, [SOON[0], LATE, SOON[1]])
    got = fitted(student, log_p, steps=400)
    expect(nb4_dirichlet.says_settled(got, (0, 2)))
    expect(nb4_dirichlet.settled_rows_are_there(got, log_p))


@pytest.mark.exercise("4.8", weight=1)
def test_dirichlet_heeds_tolerance(student: Student) -> None:
    """With a large tolerance it stops soon, and calls that settled."""
    log_p = drawn(490, 80, [[7.0, 3.0, 5.0], SOON[1]])
    got = fitted(student, log_p, steps=120, tolerance=0.02)
    expect(nb4_dirichlet_steps.stops_in_time(got, log_p, path(log_p, 120), 0.02))
    expect(nb4_dirichlet.says_settled(got, (0, 1)))


@pytest.mark.exercise("4.8", weight=1)
def test_dirichlet_of_extreme_probabilities(student: Student) -> None:
    """Logarithms of -700 and below zero by a hair give finite parameters above 0."""
    log_p = np.random.default_rng(491).uniform(-700, -300, (30, 3, 5))
    for row in range(3):
        log_p[:, row, row] = -1e-9
    log_p[:, 2] = np.log([0.1, 0.2, 0.4, 0.2, 0.1]) + np.linspace(-1e-3, 1e-3, 30)[:, None]
    fitted(student, log_p)


@pytest.mark.exercise("4.8", weight=1)
def test_dirichlet_leaves_its_input_alone(student: Student) -> None:
    """The array that was handed in is as it was."""
    log_p = drawn(492, 30, SOON)
    got, after = student.call_and_look(log_p)
    expect(nb4_dirichlet.fit_form(got, log_p))
    expect(inputs_left_alone([log_p], after[:1]))


# ---------------------------------------------------------------- exercise 4.13


def hill(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """An image of all greys, and the top of a hill that lies well inside [0, 1]."""
    drawing = np.random.default_rng(seed)
    return drawing.random((28, 28)), drawing.uniform(0.2, 0.8, (28, 28))


def ask_ascent(
    student: Student, image: np.ndarray, top: np.ndarray, pull: float, steps: int, rate: float
) -> tuple[dict[str, Any], list[np.ndarray], Any]:
    """Climb behind the wall; return what was measured, the right images and the slope."""

    def slope(now: np.ndarray) -> np.ndarray:
        uphill: np.ndarray = pull * (top - now)
        return uphill

    report = student.probe(PROBES, "ascent_report", image, top, pull, steps, rate)
    expect(nb4_ascent.ascent_form(report, image))
    return report, climb(image, slope, steps, rate), slope


@pytest.mark.exercise("4.13", weight=ANYTHING, core=True)
def test_ascent_changes_an_image(student: Student) -> None:
    """Into another one of the same shape."""
    image, top = hill(4136)
    report, _, _ = ask_ascent(student, image, top, 1.0, 3, 0.3)
    results = [image, report["result"]]
    expect(answers_differ(results, "three steps than for none", "take the steps"))


@pytest.mark.exercise("4.13", weight=1)
@pytest.mark.parametrize(("steps", "rate", "pull"), [(1, 0.3, 1.0), (4, 0.05, 5.0), (7, 0.2, 0.6)])
def test_ascent_arrives(student: Student, steps: int, rate: float, pull: float) -> None:
    """Steps along the slope, with the rate, as many as were asked for."""
    report, right, slope = ask_ascent(student, *hill(4131), pull, steps, rate)
    expect(nb4_ascent.ascent_arrives(report, right, slope, rate))


@pytest.mark.exercise("4.13", weight=2)
def test_ascent_asks_for_the_slope_again(student: Student) -> None:
    """At the image as it is now, in each step."""
    report, right, _ = ask_ascent(student, *hill(4132), 0.7, 5, 0.4)
    expect(nb4_ascent.ascent_looks_again(report, right))


@pytest.mark.exercise("4.13", weight=1)
@pytest.mark.parametrize(("low", "high"), [(0.0, 0.35), (0.65, 1.0)], ids=["black", "white"])
def test_ascent_cuts_after_each_step(student: Student, low: float, high: float) -> None:
    """Steps that shoot beyond black or white, and come back: cut at the end is another image."""
    image, top = hill(4133)
    top = low + (high - low) * top
    for steps in (4, 5):
        report, right, slope = ask_ascent(student, image, top, 3.2, steps, 0.5)
        expect(nb4_ascent.ascent_stays_inside(report))
        expect(nb4_ascent.ascent_arrives(report, right, slope, 0.5))


@pytest.mark.exercise("4.13", weight=1)
def test_ascent_of_no_step(student: Student) -> None:
    """With steps=0 the image comes back as it is."""
    report, right, slope = ask_ascent(student, *hill(4134), 1.0, 0, 0.5)
    expect(nb4_ascent.ascent_arrives(report, right, slope, 0.5))


@pytest.mark.exercise("4.13", weight=1)
def test_ascent_leaves_its_image_alone(student: Student) -> None:
    """The image that was handed in is as it was."""
    image, top = hill(4135)
    report, _, _ = ask_ascent(student, image, top, 1.0, 3, 0.5)
    expect(nb4_ascent.ascent_keeps_image(report, image))
