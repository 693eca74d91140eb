"""The hidden checks of exercises 2.7, 2.9 and 2.10: on inputs that nobody has seen."""

from typing import Any

import numpy as np
import pytest

from data_utils.selfcheck import nb2_audit, nb2_scores
from data_utils.selfcheck.words import expect
from grader.hidden.nb2_reference_scores import (
    black_error,
    combined_scores,
    upper_bound,
    verdict_table,
)
from grader.student import Student

# ---------------------------------------------------------------- exercise 2.7


def errors_of(seed: int, usual: int, judged: int) -> tuple[np.ndarray, ...]:
    """Errors of two very different scales, those of judged images larger than usual ones."""
    rng = np.random.default_rng(seed)
    pixel_val, feature_val = rng.gamma(4, 0.01, usual), rng.gamma(3, 2.5, usual)
    pixel, feature = rng.gamma(6, 0.012, judged), rng.gamma(5, 3, judged)
    return pixel, feature, pixel_val, feature_val


def ask_combined(student: Student, parts: tuple[np.ndarray, ...]) -> Any:
    """Ask for the scores of some errors and require their form."""
    got = student.call(*parts)
    expect(nb2_scores.combined_form(got, len(parts[0])))
    return got


@pytest.mark.exercise("2.7", weight=1, core=True)
def test_combined_score_is_upright(student: Student) -> None:
    """One score per image, higher for images whose errors are larger."""
    pixel, feature, *usual = errors_of(705, 60, 8)
    parts = (np.append(pixel, 10 * pixel), np.append(feature, 10 * feature), *usual)
    expect(nb2_scores.combined_is_upright(ask_combined(student, parts)))


@pytest.mark.exercise("2.7", weight=2)
@pytest.mark.parametrize(("seed", "usual", "judged"), [(701, 100, 40), (702, 37, 12)])
def test_combined_score_above_the_mean(
    student: Student, seed: int, usual: int, judged: int
) -> None:
    """The right score where both errors are larger than those of the validation normals are."""
    pixel, feature, *known = errors_of(seed, usual, judged)
    above = [np.mean(k) + part for part, k in zip((pixel, feature), known, strict=True)]
    parts = (*above, *known)
    got = ask_combined(student, parts)
    expect(nb2_scores.combined_values(got, combined_scores(parts), parts))


@pytest.mark.exercise("2.7", weight=3)
def test_combined_score_values(student: Student) -> None:
    """The sum of the two errors, each in standard deviations of the validation normals."""
    parts = errors_of(706, 80, 30)
    got = ask_combined(student, parts)
    expect(nb2_scores.combined_values(got, combined_scores(parts), parts))


@pytest.mark.exercise("2.7", weight=1)
def test_combined_score_of_each_image_alone(student: Student) -> None:
    """The same score in any company, an image by itself among them."""
    pixel, feature, *usual = errors_of(703, 50, 9)
    together = student.call(pixel, feature, *usual)
    expect(nb2_scores.combined_form(together, 9))
    apart = []
    for piece in (slice(0, 1), slice(1, 4), slice(4, 9)):
        part = student.call(pixel[piece], feature[piece], *usual)
        expect(nb2_scores.combined_form(part, len(pixel[piece])))
        apart.append(np.asarray(part, float))
    expect(nb2_scores.combined_alone(together, np.concatenate(apart)))


@pytest.mark.exercise("2.7", weight=1)
def test_combined_score_where_nothing_varies(student: Student) -> None:
    """Validation errors that are all alike give finite scores."""
    pixel, feature, pixel_val, feature_val = errors_of(704, 30, 6)
    for which in (0, 1):
        usual = [pixel_val, feature_val]
        usual[which] = np.full(30, 0.25)
        judged = [pixel.copy(), feature.copy()]
        judged[which][:2] = 0.25  # as usual: 0 divided by 0
        expect(nb2_scores.combined_form(student.call(*judged, *usual), 6))


# ---------------------------------------------------------------- exercise 2.9


def images_of(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores with many digits after the point, so that none lies at a threshold; and digits."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 2, count), rng.integers(0, 10, count).astype(np.uint8)


@pytest.mark.exercise("2.9", weight=2, core=True)
@pytest.mark.parametrize("normal", [7, 0])
def test_verdicts_class_ids(student: Student, normal: int) -> None:
    """Truth and verdict of each image: 0 is normal, 1 is anomalous."""
    scores, digits = images_of(900 + normal, 83)
    truth, verdict, _ = verdict_table(scores, digits, normal, 0.3)
    got = student.call(scores, digits, normal, 0.3)
    expect(nb2_audit.has_keys(got, nb2_audit.VERDICT_KEYS, ("truth", "verdict")))
    expect(nb2_audit.class_ids("truth", got["truth"], truth, nb2_audit.always_five(digits)))
    expect(nb2_audit.class_ids("verdict", got["verdict"], verdict))


@pytest.mark.exercise("2.9", weight=1)
def test_verdicts_at_the_threshold(student: Student) -> None:
    """A score exactly at the threshold is not above it."""
    scores, digits = images_of(911, 60)
    scores[::6] = 0.75
    _, verdict, _ = verdict_table(scores, digits, 4, 0.75)
    got = student.call(scores, digits, 4, 0.75)
    expect(nb2_audit.has_keys(got, nb2_audit.VERDICT_KEYS, ("verdict",)))
    mistakes = nb2_audit.not_strict(scores, 0.75)
    expect(nb2_audit.class_ids("verdict", got["verdict"], verdict, mistakes))


def ask_matrix(
    student: Student, case: tuple[int, int, int], threshold: float, key: str
) -> tuple[Any, np.ndarray]:
    """Ask for one thing of the verdicts; return it and the right confusion matrix."""
    seed, count, normal = case
    scores, digits = images_of(seed, count)
    _, _, matrix = verdict_table(scores, digits, normal, threshold)
    got = student.call(scores, digits, normal, threshold)
    expect(nb2_audit.has_keys(got, nb2_audit.VERDICT_KEYS, (key,)))
    return got[key], matrix


@pytest.mark.exercise("2.9", weight=1)
@pytest.mark.parametrize("threshold", [-0.4, 99.0])
def test_verdicts_matrix(student: Student, threshold: float) -> None:
    """[[tn, fp], [fn, tp]], also where no image at all is flagged."""
    expect(nb2_audit.matrix_value(*ask_matrix(student, (921, 74, 3), threshold, "matrix")))


@pytest.mark.exercise("2.9", weight=1)
def test_verdicts_matrix_of_one_class(student: Student) -> None:
    """Two rows and two columns also where a class does not occur at all."""
    scores, _ = images_of(922, 31)
    for digit, threshold in ((4, 99.0), (8, -99.0)):  # all passed as normal; all found
        digits = np.full(31, digit, np.uint8)
        _, _, matrix = verdict_table(scores, digits, 4, threshold)
        got = student.call(scores, digits, 4, threshold)
        expect(nb2_audit.has_keys(got, nb2_audit.VERDICT_KEYS, ("matrix",)))
        expect(nb2_audit.matrix_value(got["matrix"], matrix))


@pytest.mark.exercise("2.9", weight=1)
@pytest.mark.parametrize("threshold", [-0.7, 1.1])
def test_verdicts_accuracy(student: Student, threshold: float) -> None:
    """The share of right verdicts."""
    expect(nb2_audit.verdict_accuracy(*ask_matrix(student, (931, 91, 6), threshold, "accuracy")))


# ---------------------------------------------------------------- exercise 2.10


def ask_audit(
    student: Student,
    wanted: tuple[str, ...],
    counts: tuple[int, ...] = (3, 9, 4, 22),
    errors: tuple[float, ...] = (0.4, 0.1, 0.3),
    thresholds: tuple[float, ...] = (0.2,),
    images: np.ndarray | None = None,
) -> Any:
    """Audit a made-up paper and require the wanted keys."""
    shown = paper_images(1000, 3) if images is None else images
    got = student.call(*counts, list(errors), list(thresholds), shown)
    expect(nb2_audit.has_keys(got, nb2_audit.AUDIT_KEYS, wanted))
    return got


def paper_images(seed: int, count: int) -> np.ndarray:
    """Noise of all grey values on a black ground."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 28, 28)) * (rng.random((count, 28, 28)) < 0.2)
    return images.astype(np.uint8)


@pytest.mark.exercise("2.10", weight=5)
@pytest.mark.parametrize("counts", [(13, 21, 5, 40), (30, 0, 8, 3)])
def test_audit_tpr(student: Student, counts: tuple[int, ...]) -> None:
    """The share of anomalies that were found."""
    got = ask_audit(student, ("tpr",), counts)
    expect(nb2_audit.audit_rate("tpr", got["tpr"], counts[0] / (counts[0] + counts[1]), counts))


@pytest.mark.exercise("2.10", weight=3)
def test_audit_where_nothing_was_flagged(student: Student) -> None:
    """Counts such as the paper's own: neither a hit nor a false alarm, and all six answers."""
    tp, fn, fp, tn = 0, 41, 0, 47
    got = ask_audit(student, nb2_audit.AUDIT_KEYS, (tp, fn, fp, tn))
    rates = {"tpr": 0.0, "accuracy": tn / (fn + tn), "always_anomaly": fn / (fn + tn)}
    for name, rate in rates.items():
        expect(nb2_audit.audit_rate(name, got[name], rate, (tp, fn, fp, tn)))


@pytest.mark.exercise("2.10", weight=3)
@pytest.mark.parametrize("counts", [(13, 21, 5, 40), (0, 17, 6, 29)])
def test_audit_accuracies(student: Student, counts: tuple[int, ...]) -> None:
    """The accuracy, and that of calling everything an anomaly."""
    tp, fn, _, tn = counts
    got = ask_audit(student, ("accuracy", "always_anomaly"), counts)
    rates = {"accuracy": (tp + tn) / sum(counts), "always_anomaly": (tp + fn) / sum(counts)}
    for name, rate in rates.items():
        expect(nb2_audit.audit_rate(name, got[name], rate, counts))


@pytest.mark.exercise("2.10", weight=2)
@pytest.mark.parametrize("count", [11, 38, 250])
def test_audit_upper_end_where_nothing_was_found(student: Student, count: int) -> None:
    """The largest true rate that goes with no hit among so many anomalies."""
    got = ask_audit(student, ("tpr_upper",), (0, count, 2, 30))
    expect(nb2_audit.upper_end(got["tpr_upper"], upper_bound(0, count), count))


@pytest.mark.exercise("2.10", weight=3)
def test_audit_upper_end_where_something_was_found(student: Student) -> None:
    """Not a number; or the right one, for those who know the beta distribution."""
    got = ask_audit(student, ("tpr_upper",), (5, 19, 2, 30))
    expect(nb2_audit.upper_end_otherwise(got["tpr_upper"], upper_bound(5, 24)))


@pytest.mark.exercise("2.10", weight=3)
@pytest.mark.parametrize("thresholds", [(0.1, 0.3, 0.6), (0.5, 0.25)])
def test_audit_flagged(student: Student, thresholds: tuple[float, ...]) -> None:
    """How many errors lie above each threshold, strictly."""
    errors = (0.25, 0.5, 0.75, 0.5, 0.02)
    got = ask_audit(student, ("flagged",), errors=errors, thresholds=thresholds)
    above = [len([error for error in errors if error > limit]) for limit in thresholds]
    expect(nb2_audit.flagged_counts(got["flagged"], list(errors), thresholds, above))


@pytest.mark.exercise("2.10", weight=3)
@pytest.mark.parametrize(("seed", "count"), [(1001, 6), (1002, 1)])
def test_audit_black_error(student: Student, seed: int, count: int) -> None:
    """The mean squared grey value on the scale from 0 to 1."""
    images = paper_images(seed, count)
    got = ask_audit(student, ("black_error",), images=images)
    expect(nb2_audit.black_error_value(got["black_error"], black_error(images), images))
