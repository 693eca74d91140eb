"""The visible checks of exercises 4.6 to 4.9 and 4.11 to 4.13: on other inputs than hidden ones."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck import (
    nb4_ascent,
    nb4_dirichlet,
    nb4_dirichlet_steps,
    nb4_history,
    nb4_protocol,
    nb4_scores,
    nb4_training,
    nb4_watched,
)
from data_utils.selfcheck.nb2_audit import has_keys
from data_utils.selfcheck.nb4_probes_scores import ascent_report, one_sided, training_report
from data_utils.selfcheck.words import Ask, Finding, Found, expect

Floats = NDArray[np.float64]


def check_training(train_classifier: Ask) -> None:
    """Exercise 4.6 on images that are bright at the top: are they turned by half?"""
    images, epochs = one_sided(140, 46), 6
    training = _trained(train_classifier, images, epochs, 7)
    expect(nb4_history.history_form(training, epochs))
    for question in (
        nb4_training.training_moves,
        lambda known: nb4_training.every_picture_once(known, epochs),
        nb4_training.training_mode,
        nb4_training.gradients_are_emptied,
        nb4_training.loss_is_cross_entropy,
        nb4_training.training_learns,
        lambda known: nb4_history.history_is_mean_loss(known, epochs),
        lambda known: nb4_scores.inputs_left_alone([images], [known.images]),
    ):
        expect(question(training))
    first, again, other = (
        _trained(train_classifier, images[:70], 2, seed, before)
        for seed, before in ((8, 1), (8, 2), (40, 1))
    )
    expect(nb4_training.another_order(first, other, 2))
    expect(nb4_training.training_repeats(first, again))
    expect(nb4_history.no_epoch(_trained(train_classifier, images[:20], 0, 9)))


def _trained(
    train_classifier: Ask, images: NDArray[np.uint8], epochs: int, seed: int, before: int = 1
) -> nb4_watched.Training:
    """Train the small network on images that are upright or turned by half."""
    turns = (0, 2)
    report = training_report(train_classifier, images, turns, epochs, seed, before)
    training = nb4_watched.as_training(report, images, turns)
    if isinstance(training, Finding):
        raise Found(training)
    return training


def _ask_scores(
    ask: Ask, arrays: tuple[Floats, ...], expected: Floats, mistakes: nb4_scores.Mistakes
) -> Any:
    """Ask for scores, and judge form, values and what happened to the arrays."""
    before = [array.copy() for array in arrays]
    got = ask(*arrays)
    expect(nb4_scores.inputs_left_alone(before, arrays))
    expect(nb4_scores.score_form(got, arrays[0]))
    expect(nb4_scores.score_values(got, expected, mistakes))
    return got


def _three_labels() -> Floats:
    """Return what a network says of four images under three transformations, in percent."""
    percent = [
        [[90, 5, 5], [10, 80, 10], [20, 10, 70]],  # right: 90, 80, 70
        [[30, 60, 10], [25, 25, 50], [1, 64, 35]],  # 30, 25, 35
        [[4, 90, 6], [45, 10, 45], [50, 40, 10]],  # 4, 10, 10
        [[98, 1, 1], [49, 1, 50], [1, 1, 98]],  # 98, 1, 98
    ]
    return np.log(np.array(percent) / 100)


def check_simplified(simplified_score: Ask) -> None:
    """Exercise 4.7 on four images by hand, and on logarithms of -800."""
    log_p = _three_labels()
    expected = -np.array([0.8, 0.3, 0.08, 1.97 / 3])
    mistakes = nb4_scores.simplified_mistakes(expected, log_p)
    _ask_scores(simplified_score, (log_p,), expected, mistakes)
    impossible = np.where(np.eye(3)[None, ::-1] > 0, 0.0, -800.0)  # right in the middle alone
    expected = np.array([-1 / 3])
    mistakes = nb4_scores.simplified_mistakes(expected, impossible)
    _ask_scores(simplified_score, (impossible,), expected, mistakes)


def check_dirichlet_score(dirichlet_score: Ask) -> None:
    """Exercise 4.9 on images by hand, on flat densities, and on a label never right."""
    log_p = np.array([[[-1.0, -2.0, -3.0], [-0.5, -4.0, -2.0]], [[-2.0, -0.5, -6.0], [-1, -1, -5]]])
    alphas = np.array([[4.0, 2.0, 0.5], [0.25, 3.0, 1.5]])
    # image 0: (-3 - 2 + 1.5) + (0.375 - 8 - 1) = -12.125; image 1: (-6 - 0.5 + 3) + (...) = -7.25
    expected = np.array([12.125, 7.25]) / 2
    mistakes = nb4_scores.dirichlet_mistakes(expected, log_p, alphas)
    _ask_scores(dirichlet_score, (log_p, alphas), expected, mistakes)
    expect(nb4_scores.flat_is_nothing(dirichlet_score(log_p, np.ones((2, 3)))))
    never = np.full((2, 2, 2), np.log(0.5))
    never[0, :, 1], never[1, :, 1] = -30.0, -0.1  # of the second label, which has alpha < 1
    far = np.array([[[0.0, -700], [-700, 0]], [[-700, 0], [0, -700]]])  # right, then wrong
    large = np.array([[1000.0, 0.01], [0.01, 1000]])
    # -1/2 * 2 * (999 * 0 - 0.99 * -700), and -1/2 * 2 * (999 * -700 - 0.99 * 0)
    expected = np.array([-693.0, 699_300])
    mistakes = nb4_scores.dirichlet_mistakes(expected, far, large)
    _ask_scores(dirichlet_score, (far, large), expected, mistakes)
    sudden = dirichlet_score(never, np.array([[1.0, 0.2], [1.0, 0.3]]))
    expect(nb4_scores.score_form(sudden, never))
    expect(nb4_scores.sudden_certainty(sudden))


def _drawn(rows: list[list[float]], count: int) -> Floats:
    """Return logarithms of draws from Dirichlet distributions: (count, rows, labels)."""
    rng = np.random.default_rng(48)
    return np.log(np.stack([rng.dirichlet(alphas, count) for alphas in rows], axis=1))


def check_dirichlet(fit_dirichlet: Ask) -> None:
    """Exercise 4.8 after one step, at the end, and on rows of which one settles."""
    soon, late = [[0.6, 2.0, 1.3], [3.0, 0.9, 1.6]], [80.0, 50.0, 100.0]
    log_p = _drawn([*soon, late], 60)
    before = log_p.copy()
    got = fit_dirichlet(log_p, steps=1)
    expect(nb4_scores.inputs_left_alone([before], [log_p]))
    expect(nb4_dirichlet.fit_form(got, log_p))
    expect(nb4_dirichlet_steps.one_step(got, log_p))
    got = fit_dirichlet(log_p, steps=50, tolerance=1e9)  # whatever the first step: it is shorter
    expect(nb4_dirichlet.fit_form(got, log_p))
    expect(nb4_dirichlet_steps.leaves_the_loop(got, log_p))
    expect(nb4_dirichlet.says_settled(got, (0, 1, 2)))
    got = fit_dirichlet(log_p[:, :2])
    expect(nb4_dirichlet.fit_form(got, log_p[:, :2]))
    expect(nb4_dirichlet.most_likely(got, log_p[:, :2]))
    expect(nb4_dirichlet.says_settled(got, (0, 1)))
    got = fit_dirichlet(log_p, steps=2)
    expect(nb4_dirichlet.fit_form(got, log_p))
    expect(nb4_dirichlet.says_unsettled(got))
    got = fit_dirichlet(log_p, steps=300)
    expect(nb4_dirichlet.fit_form(got, log_p))
    expect(nb4_dirichlet.says_settled(got, (0, 1)))
    expect(nb4_dirichlet.settled_rows_are_there(got, log_p))
    extreme = np.full((4, 2, 3), -700.0) + np.arange(4)[:, None, None]
    extreme[:, [0, 1], [0, 1]] = -1e-9
    expect(nb4_dirichlet.fit_form(fit_dirichlet(extreme), extreme))


def check_rates(error_rates: Ask) -> None:
    """Exercise 4.11 on ten normal images, 3 of them called anomalies, and 4 anomalies, 1 missed."""
    truth = np.arange(14) >= 10
    called = truth.copy()
    called[:3], called[-1] = True, False
    before = [truth.copy(), called.copy()]
    for positive, right in (("anomaly", (0.3, 0.25)), ("normal", (0.25, 0.3))):
        got = error_rates(truth, called, positive)
        expect(nb4_scores.inputs_left_alone(before, [truth, called]))
        expect(has_keys(got, nb4_protocol.RATE_KEYS, nb4_protocol.RATE_KEYS))
        both = dict(zip(nb4_protocol.RATE_KEYS, right, strict=True))
        for name in both:
            expect(nb4_protocol.rate_value(name, got[name], both, (truth, called), positive))


def check_summary(summary: Ask) -> None:
    """Exercise 4.12 on two classes of four runs and three of two, by hand."""
    cases = (
        (
            np.array([[0.6, 0.9, 0.8, 0.9], [0.6, 0.6, 0.6, 0.6]]),
            np.array([0.75, 0.8]),
            # squares of the deviations add up to 0.06; 0.06 / 3 / 4 = 1 / 200
            ([0.8, 0.6], [200**-0.5, 0], -7.5, -7.5 / 77.5 * 100, 1),
        ),
        (
            np.array([[0.75, 1.0], [0.5, 0.75], [0.625, 0.625]]),
            np.array([0.5, 0.7, 0.625]),  # the last class is a draw
            # means add up to 2.125, the baseline to 1.825
            ([0.875, 0.625, 0.625], [0.125, 0.125, 0], 10, 30 / 1.825, 1),
        ),
    )
    for runs, baseline, right in cases:
        before = [runs.copy(), baseline.copy()]
        got = summary(runs, baseline)
        expect(nb4_scores.inputs_left_alone(before, [runs, baseline]))
        expect(has_keys(got, nb4_protocol.SUMMARY_KEYS, nb4_protocol.SUMMARY_KEYS))
        for name, value in zip(nb4_protocol.SUMMARY_KEYS, right, strict=True):
            expect(nb4_protocol.summary_value(name, got[name], value, runs, baseline))
    summary([[0.8, 0.9], [0.7, 0.7]], [0.6, 0.9])  # lists, as the cell below hands them over


def check_ascent(ascend: Ask) -> None:
    """Exercise 4.13 on hills of two halves that can be followed by hand; steps=0 comes last."""
    # pull * rate; for the left half and the right one where the top lies, and the way of a pixel
    ways = (
        (0.5, (0.6, 0.7), ((0.4, 0.5, 0.55, 0.575), (0.8, 0.75, 0.725, 0.7125))),
        (2.0, (0.8, 0.8), ((0.2, 1.0), (0.9, 0.7))),
        (2.0, (0.8, 0.8), ((0.2, 1.0, 0.6, 1.0, 0.6), (0.9, 0.7, 0.9, 0.7, 0.9))),
        (2.0, (0.2, 0.2), ((0.8, 0.0, 0.4, 0.0), (0.1, 0.3, 0.1, 0.3))),
        (0.5, (0.6, 0.6), ((0.2,), (0.3,))),
    )
    for factor, tops, pixels in ways:
        right = [_halves(*both) for both in zip(*pixels, strict=True)]
        image, top, pull, rate = right[0].copy(), _halves(*tops), factor / 0.25, 0.25

        def slope(now: Floats, pull: float = pull, top: Floats = top) -> Floats:
            return pull * (top - now)

        report = ascent_report(ascend, image, top, pull, len(right) - 1, rate)
        expect(nb4_ascent.ascent_form(report, image))
        expect(nb4_ascent.ascent_keeps_image(report, image))
        expect(nb4_ascent.ascent_arrives(report, right, slope, rate))
        expect(nb4_ascent.ascent_looks_again(report, right))
        expect(nb4_ascent.ascent_stays_inside(report))


def _halves(left: float, right: float) -> Floats:
    return np.repeat([[left, right]], 14, axis=1).repeat(28, axis=0)


SCORE_CHECKS: dict[str, Callable[[Ask], None]] = {
    "4.6": check_training,
    "4.7": check_simplified,
    "4.8": check_dirichlet,
    "4.9": check_dirichlet_score,
    "4.11": check_rates,
    "4.12": check_summary,
    "4.13": check_ascent,
}
