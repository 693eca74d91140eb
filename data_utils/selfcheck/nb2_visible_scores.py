"""The visible checks of exercises 2.5 to 2.7, 2.9 and 2.10: on other inputs than hidden ones."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck import nb2_audit, nb2_remedies, nb2_scores
from data_utils.selfcheck.nb2_probes_remedies import (
    SHIFT,
    encoder_once,
    encoder_training,
    search_once,
)
from data_utils.selfcheck.words import Ask, expect


def check_search(search_noise: Ask) -> None:
    """Exercise 2.5 on six drawings of a small pair, whose noise is known."""
    case, one_step = (25, 3, 6), {"steps": 1}
    early = search_once(search_noise, case, 7, one_step, 1)
    expect(nb2_remedies.search_form(early))
    late = search_once(search_noise, case, 7, {}, 1)
    expect(nb2_remedies.search_form(late))
    expect(nb2_remedies.search_finds(late, early))
    expect(nb2_remedies.search_leaves_pair(late))
    again, other = (search_once(search_noise, case, s, one_step, 2) for s in (7, 8))
    expect(nb2_remedies.search_follows_seed(early, again, other))
    faster = search_once(search_noise, case, 7, {"steps": 1, "rate": 0.3}, 1)
    expect(nb2_remedies.search_heeds_settings(early, late, faster))


def check_encoder_loss(encoder_loss: Ask) -> None:
    """Exercise 2.6 on five noise images, and on some steps of training."""
    measured = encoder_once(encoder_loss, 26, 4, 5)
    expect(nb2_remedies.loss_form(measured["loss"]))
    halves = [
        np.array([_mean_square(measured[of] - copy) for copy in measured[f"{of}_hat"]])
        for of in ("x", "phi")
    ]
    expect(nb2_remedies.encoder_value(measured, *(half[0] for half in halves)))
    slopes = [(half[1::2] - half[2::2]) / (2 * SHIFT) for half in halves]
    expect(nb2_remedies.encoder_gradient(measured, *slopes))
    expect(nb2_remedies.encoder_learns(encoder_training(encoder_loss, 26, 4, 20)))


def check_combined(combined_score: Ask) -> None:
    """Exercise 2.7 on three images and four validation images, worked out by hand."""
    p_val = np.array([1.0, 5.0, 5.0, 1.0])  # mean 3, standard deviation 2
    parts = (np.array([2.0, 5.0, 1.5]), np.array([30.0, 70.0, 10.0]), p_val, 10 * p_val)
    got = combined_score(*parts)
    expect(nb2_scores.combined_form(got, 3))
    expect(nb2_scores.combined_values(got, np.array([-0.5, 3.0, -1.75]), parts))
    alike = combined_score(*parts[:3], np.full(4, 30.0))
    expect(nb2_scores.combined_form(alike, 3))


def check_verdicts(verdicts: Ask) -> None:
    """Exercise 2.9 on nine images, one of them exactly at the threshold; digit 8 is normal."""
    digits = np.array([8, 8, 1, 8, 5, 5, 3, 8, 0])
    scores = np.array([0.1, 0.7, 0.9, 0.4, 0.2, 0.8, 0.6, 0.5, 0.55])
    got = verdicts(scores, digits, 8, 0.5)
    truth = np.array([0, 0, 1, 0, 1, 1, 1, 0, 1])
    verdict = np.array([0, 1, 1, 0, 0, 1, 1, 0, 1])
    expect(nb2_audit.has_keys(got, nb2_audit.VERDICT_KEYS, nb2_audit.VERDICT_KEYS))
    expect(nb2_audit.class_ids("truth", got["truth"], truth, nb2_audit.always_five(digits)))
    expect(
        nb2_audit.class_ids("verdict", got["verdict"], verdict, nb2_audit.not_strict(scores, 0.5))
    )
    matrix = np.array([[3, 1], [1, 4]])
    expect(nb2_audit.matrix_value(got["matrix"], matrix))
    expect(nb2_audit.verdict_accuracy(got["accuracy"], matrix))


def check_audit(audit: Ask) -> None:
    """Exercise 2.10 on two made-up papers."""
    images = np.zeros((2, 28, 28), np.uint8)
    images[0, :14], images[1, 0] = 255, 51  # 392 pixels of 1, and 28 of 0.2
    errors, thresholds, counts = [0.3, 0.1, 0.2], [0.2, 0.05], (0, 8, 3, 5)
    got = audit(*counts, errors, thresholds, images)
    expect(nb2_audit.has_keys(got, nb2_audit.AUDIT_KEYS, nb2_audit.AUDIT_KEYS))
    for name, rate in (("tpr", 0.0), ("accuracy", 5 / 16), ("always_anomaly", 0.5)):
        expect(nb2_audit.audit_rate(name, got[name], rate, counts))
    expect(nb2_audit.upper_end(got["tpr_upper"], 0.36942, 8))
    expect(nb2_audit.flagged_counts(got["flagged"], errors, [1, 3]))
    black = (392 + 28 * 0.04) / 1568
    expect(nb2_audit.black_error_value(got["black_error"], black, images))
    better = (6, 2, 1, 4)
    got = audit(*better, errors, thresholds, images)
    for name, rate in (("tpr", 0.75), ("accuracy", 10 / 13), ("always_anomaly", 8 / 13)):
        expect(nb2_audit.audit_rate(name, got[name], rate, better))
    expect(nb2_audit.upper_end_otherwise(got["tpr_upper"], 0.96815))


def _mean_square(difference: NDArray[Any]) -> float:
    return float(np.linalg.norm(difference.astype(float)) ** 2 / difference.size)


SCORE_CHECKS: dict[str, Callable[[Ask], None]] = {
    "2.5": check_search,
    "2.6": check_encoder_loss,
    "2.7": check_combined,
    "2.9": check_verdicts,
    "2.10": check_audit,
}
