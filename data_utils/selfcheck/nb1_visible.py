"""The visible checks of notebook 1: small inputs, other than the hidden ones."""

from collections.abc import Callable
from typing import Any

import numpy as np

from data_utils.course import load_course
from data_utils.datasets import load_mnist
from data_utils.metrics import auroc
from data_utils.prepared_nb1 import prepared_copies
from data_utils.selfcheck import (
    nb1_counts,
    nb1_detector,
    nb1_fits,
    nb1_score,
    nb1_split,
    nb1_steps,
)
from data_utils.selfcheck.nb1_fits import SmallFits
from data_utils.selfcheck.words import Ask, expect

FEW_PAIRS = 10  # of each digit left out, scored once more in mixed company
NOTEBOOK_NAMES = frozenset(
    (
        *("images", "labels", "x_train", "x_val", "x_test", "x_anomaly", "scores_val"),
        *("scores_test", "scores_anomaly", "detector", "threshold", "outcome", "ANOMALY_DIGIT"),
        *("final", "baselines", "pair_images", "pair_copies"),
    )
)
"""Variables of the notebook; a graded function that reaches for one of them is told so."""


def check_split(split: Ask) -> None:
    """Exercise 1.1 on 2,000 noise images, sorted by digit."""
    rng = np.random.default_rng(11)
    images = rng.integers(0, 256, (2000, 28, 28), dtype=np.uint8)
    case = nb1_split.SplitCase(images, np.repeat(np.arange(10, dtype=np.uint8), 200), 3)
    before = case.images.copy()
    result = split(case.images, case.labels, case.anomaly_digit, seed=1)
    expect(nb1_split.split_leaves_input_alone(before, case.images))
    expect(nb1_split.split_form(case, result))
    expect(nb1_split.split_keeps_anomalies_out(case, result))
    expect(nb1_split.split_is_disjoint(case, result))
    expect(nb1_split.split_anomalies_complete(case, result))
    expect(nb1_split.split_sizes(case, result))
    expect(nb1_split.split_is_mixed(case, result))
    again, other = (split(case.images, case.labels, 3, seed=s) for s in (1, 2))
    expect(nb1_split.split_follows_seed(result, again, other))


def check_score(reconstruction_error: Ask) -> None:
    """Exercise 1.2 on three images of four pixels, worked out by hand, and on a blank one."""
    x = np.zeros((3, 2, 2, 1), np.float32)
    x_hat = np.zeros_like(x)
    x[0, 0, 0], x_hat[0, 0, 0] = 1.0, 0.5  # error 0.25, ink 1
    x[1, 0, :], x_hat[1, 1, 0] = 1.0, 1.0  # error 3, ink 2
    x[2], x_hat[2] = 0.6, 0.3  # error 4 * 0.09, ink 4 * 0.36
    expected = np.array([0.25, 1.5, 0.25])
    flat, faint = (pair[..., 0] for pair in (x, x_hat)), (np.float32(0.05) * x, 0.05 * x_hat)
    for images, copies in ((x, x_hat), tuple(flat), faint, (x[:1], x_hat[:1])):
        got = reconstruction_error(images, copies)
        expect(nb1_score.score_values(got, images, copies, expected[: len(images)]))
    blank = np.zeros((1, 2, 2, 1), np.float32)
    expect(nb1_score.score_of_blank(reconstruction_error(blank, blank + np.float32(0.1))))


def check_threshold(choose_threshold: Ask) -> None:
    """Exercise 1.3 on 200 scores in random order."""
    scores = np.random.default_rng(13).permutation(np.linspace(0.3, 0.95, 200) ** 2)
    for target_fpr in (0.05, 0.2):
        got = choose_threshold(scores, target_fpr)
        expect(nb1_score.threshold_value(got, scores, target_fpr))


def check_counts(confusion_counts: Ask) -> None:
    """Exercise 1.4 on thirteen scores, one of each set exactly at the threshold."""
    normal = np.array([0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 0.6])
    got = confusion_counts(normal, np.array([0.2, 0.3, 0.5, 0.7, 0.9, 0.95]), threshold=0.5)
    counts = {"tp": 3, "fn": 3, "fp": 1, "tn": 6}
    right = counts | {"tpr": 3 / 6, "fnr": 3 / 6, "fpr": 1 / 7, "tnr": 6 / 7}
    for names in (nb1_counts.COUNTS, nb1_counts.RATES):
        expect(nb1_counts.counts_values(got, right, names, ties=(1, 1)))


def check_detector(fit_detector: Ask) -> None:
    """Exercise 1.5 on 400 images, trained three times for small budgets: some ten seconds."""
    data = load_mnist("embedded")
    normal = data.images[data.labels != 6][::10]
    trained = fit_detector(normal[:300], normal[300:400], 5, budget="quick")
    untrained = fit_detector(normal[:300], normal[300:400], 5, budget="quick", train=False)
    expect(nb1_detector.history_falls(list(trained.history)))
    expect(nb1_detector.untrained_on_request(list(untrained.history)))
    expect(nb1_detector.weights_moved(trained.parameters(), untrained.parameters()))
    learnt = normal[:300]
    before, after = (fit.reconstruct(learnt) for fit in (untrained, trained))
    expect(nb1_detector.reconstructions_form(after, learnt))
    expect(nb1_detector.reconstructions_form(before, learnt))
    expect(nb1_fits.copies_come_nearer(learnt, before, after))
    shown = normal[400:420]
    together = trained.reconstruct(shown)
    expect(nb1_detector.reconstructions_form(together, shown))
    apart = np.concatenate([trained.reconstruct(shown[i : i + 1]) for i in range(len(shown))])
    expect(
        nb1_detector.same_in_any_order(
            together.astype(float).sum(axis=(1, 2)), apart.astype(float).sum(axis=(1, 2))
        )
    )
    small = SmallFits(fit_detector, getattr, _call, np.random.default_rng(15).permutation(normal))
    expect(small.follows_seed())
    expect(small.another_seed(small.untrained(6).parameters()))
    expect(small.follows_budget(len(trained.history)))
    expect(small.hands_on_training_losses(list(trained.history)))
    expect(small.learns_from_x_train_alone())


def _call(detector: Any, method: str, *args: Any) -> Any:
    return getattr(detector, method)(*args)


def check_improved(improved_error: Ask) -> None:
    """Exercise 1.6 on training images and the copies of finished autoencoders."""
    steps = load_course().notebook("nb1_autoencoder").steps_of("1.6")
    sets = {digit: prepared_copies(digit) for digit in steps[-1].digits}
    reached, kept = {}, []
    for digit, (x, x_hat, is_anomaly) in sets.items():
        scores = improved_error(x, x_hat)
        expect(nb1_steps.error_form(scores, len(x)))
        scores = np.asarray(scores, float)
        kept.append(scores[:FEW_PAIRS])
        reached[digit] = auroc(scores[~is_anomaly], scores[is_anomaly])
    few = [np.concatenate([pairs[part][:FEW_PAIRS] for pairs in sets.values()]) for part in (0, 1)]
    mixed = improved_error(*few)
    expect(nb1_steps.error_form(mixed, len(few[0])))
    expect(nb1_steps.error_of_each_image_alone(np.concatenate(kept), mixed))
    alone = improved_error(few[0][:1], few[1][:1])
    expect(nb1_steps.error_form(alone, 1))
    everywhere = np.concatenate([np.ravel(alone), np.ravel(mixed)[1:]])
    expect(nb1_steps.error_of_each_image_alone(mixed, everywhere))
    for step in steps:
        expect(nb1_steps.reaches_step(step, reached))


VISIBLE_CHECKS: dict[str, Callable[[Ask], None]] = {
    "1.1": check_split,
    "1.2": check_score,
    "1.3": check_threshold,
    "1.4": check_counts,
    "1.5": check_detector,
    "1.6": check_improved,
}
