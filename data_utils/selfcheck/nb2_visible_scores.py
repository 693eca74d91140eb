"""The visible checks of exercises 2.5 to 2.7, 2.9 and 2.10: on other inputs than hidden ones."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck import nb2_audit, nb2_encoder, nb2_scores, nb2_search
from data_utils.selfcheck.nb2_probes_remedies import (
    SHIFT,
    drawings_of,
    encoder_known,
    encoder_once,
    encoder_start,
    encoder_training,
    pair_state,
    search_once,
)
from data_utils.selfcheck.words import Ask, expect


def check_search(search_noise: Ask) -> None:
    """Exercise 2.5 on six drawings of a small pair, whose noise is known."""
    draw = functools.partial(drawings_of, 25, 3)
    rng = np.random.default_rng(25)
    images, others = (draw(rng.standard_normal((n, 3))) for n in (6, 50))
    typical = float(np.mean((others[:, np.newaxis] - images) ** 2))
    untouched, one_step = pair_state(25, 3), {"steps": 1}

    def search(seed: int, settings: dict[str, Any], global_seed: int = 1) -> dict[str, Any]:
        raw = search_once(search_noise, 25, 3, images, seed, settings, global_seed)
        found = nb2_search.search_measured(raw, images, typical, untouched, draw)
        expect(nb2_search.search_form(found))
        return found

    early, late = search(7, one_step), search(7, {})
    expect(nb2_search.search_finds(late, early))
    expect(nb2_search.search_leaves_pair(late))
    again, other = (search(s, one_step, 2) for s in (7, 8))
    expect(nb2_search.search_follows_seed(early, again, other))
    expect(nb2_search.search_draws_on_its_own(early, again))
    expect(nb2_search.search_heeds_settings(early, late, search(7, {"steps": 1, "rate": 0.3})))


def check_encoder_loss(encoder_loss: Ask) -> None:
    """Exercise 2.6 on five noise images, and on some steps of training."""
    x = np.random.default_rng(28).uniform(-1, 1, (5, 1, 28, 28)).astype(np.float32)
    raw, known = encoder_once(encoder_loss, 26, 4, x), encoder_known(26, 4, x)
    expect(nb2_encoder.raw_form(raw, 4))
    halves = _halves(known)
    measured = known | raw
    expect(nb2_encoder.encoder_value(measured, *(half[0] for half in halves)))
    slopes = [(half[1::2] - half[2::2]) / (2 * SHIFT) for half in halves]
    expect(nb2_encoder.encoder_gradient(measured, *slopes))
    drawn = drawings_of(26, 4, np.random.default_rng(27).standard_normal((16, 4)))
    trained, start = encoder_training(encoder_loss, 26, 4, drawn, 20), encoder_start(26, 4)
    expect(nb2_encoder.trained_form(trained, start))
    before, after = (
        _two_errors(encoder_known(26, 4, drawn, weights["encoder"])) for weights in (start, trained)
    )
    expect(nb2_encoder.encoder_learns(trained, start, before, after))


def _halves(known: dict[str, Any]) -> list[NDArray[np.float64]]:
    """Return the errors in pixels and in features of each row of copies."""
    return [
        np.array([_mean_square(known[of] - copy) for copy in known[f"{of}_hat"]])
        for of in ("x", "phi")
    ]


def _two_errors(known: dict[str, Any]) -> tuple[float, float]:
    pixel, feature = _halves(known)
    return float(pixel[0]), float(feature[0])


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
    """Exercise 2.9 on ten images, one exactly at the threshold; then on normal ones alone."""
    digits = np.array([8, 8, 1, 8, 5, 5, 3, 8, 0, 2])
    scores = np.array([0.1, 0.7, 0.9, 0.4, 0.2, 0.3, 0.6, 0.5, 0.55, 0.95])
    got = verdicts(scores, digits, 8, 0.5)
    truth = np.array([0, 0, 1, 0, 1, 1, 1, 0, 1, 1])
    verdict = np.array([0, 1, 1, 0, 0, 0, 1, 0, 1, 1])
    expect(nb2_audit.has_keys(got, nb2_audit.VERDICT_KEYS, nb2_audit.VERDICT_KEYS))
    expect(nb2_audit.class_ids("truth", got["truth"], truth, nb2_audit.always_five(digits)))
    expect(
        nb2_audit.class_ids("verdict", got["verdict"], verdict, nb2_audit.not_strict(scores, 0.5))
    )
    matrix = np.array([[3, 1], [2, 4]])
    expect(nb2_audit.matrix_value(got["matrix"], matrix))
    expect(nb2_audit.verdict_accuracy(got["accuracy"], matrix))
    only_normal = verdicts(scores, np.full(10, 8), 8, 2.0)  # nothing to find, and nothing flagged
    expect(nb2_audit.has_keys(only_normal, nb2_audit.VERDICT_KEYS, ("matrix",)))
    expect(nb2_audit.matrix_value(only_normal["matrix"], np.array([[10, 0], [0, 0]])))


def check_audit(audit: Ask) -> None:
    """Exercise 2.10 on three made-up papers."""
    images = np.zeros((2, 28, 28), np.uint8)
    images[0, :14], images[1, 0] = 255, 51  # 392 pixels of 1, and 28 of 0.2
    errors, thresholds, counts = [0.3, 0.1, 0.2], [0.2, 0.05], (0, 8, 3, 5)
    got = audit(*counts, errors, thresholds, images)
    expect(nb2_audit.has_keys(got, nb2_audit.AUDIT_KEYS, nb2_audit.AUDIT_KEYS))
    for name, rate in (("tpr", 0.0), ("accuracy", 5 / 16), ("always_anomaly", 0.5)):
        expect(nb2_audit.audit_rate(name, got[name], rate, counts))
    expect(nb2_audit.upper_end(got["tpr_upper"], 0.36942, 8))
    expect(nb2_audit.flagged_counts(got["flagged"], errors, thresholds, [1, 3]))
    black = (392 + 28 * 0.04) / 1568
    expect(nb2_audit.black_error_value(got["black_error"], black, images))
    better = (6, 2, 1, 4)
    got = audit(*better, errors, thresholds, images)
    for name, rate in (("tpr", 0.75), ("accuracy", 10 / 13), ("always_anomaly", 8 / 13)):
        expect(nb2_audit.audit_rate(name, got[name], rate, better))
    expect(nb2_audit.upper_end_otherwise(got["tpr_upper"], 0.96815))
    silent = (0, 6, 0, 9)  # a detector that flags nothing, as the paper's does
    got = audit(*silent, errors, thresholds, images)
    expect(nb2_audit.has_keys(got, nb2_audit.AUDIT_KEYS, nb2_audit.AUDIT_KEYS))
    for name, rate in (("tpr", 0.0), ("accuracy", 0.6), ("always_anomaly", 0.4)):
        expect(nb2_audit.audit_rate(name, got[name], rate, silent))


def _mean_square(difference: NDArray[Any]) -> float:
    return float(np.linalg.norm(difference.astype(float)) ** 2 / difference.size)


SCORE_CHECKS: dict[str, Callable[[Ask], None]] = {
    "2.5": check_search,
    "2.6": check_encoder_loss,
    "2.7": check_combined,
    "2.9": check_verdicts,
    "2.10": check_audit,
}
