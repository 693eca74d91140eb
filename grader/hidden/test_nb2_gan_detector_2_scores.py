"""The hidden checks of exercises 2.5, 2.6, 2.7, 2.9 and 2.10: on inputs that nobody has seen."""

from typing import Any

import numpy as np
import pytest

from data_utils.selfcheck import nb2_audit, nb2_encoder, nb2_scores, nb2_search
from data_utils.selfcheck.nb2_probes_remedies import SHIFT
from data_utils.selfcheck.words import expect
from grader.hidden.nb2_reference_scores import (
    black_error,
    combined_scores,
    loss_halves,
    slopes,
    upper_bound,
    verdict_table,
)
from grader.student import FIT_SECONDS, Student

PROBES = "selfcheck.nb2_probes_remedies"  # of data_utils
ONE_STEP = {"steps": 1}

# ---------------------------------------------------------------- exercise 2.5


def search(
    student: Student,
    case: tuple[int, int, int],
    seed: int,
    settings: dict[str, Any],
    global_seed: int = 1,
) -> dict[str, Any]:
    """Search the noise of some drawings, and require its form, which every check needs.

    Parameters
    ----------
    student : Student
    case : tuple of int
        Seed of the pair, latent size, number of drawings. Their noise never crosses the wall.
    seed, settings : int, dict
        What the learner's function gets beside pair and images.
    global_seed : int
        Of torch's and NumPy's own random numbers.
    """
    pair_seed, latent_size, count = case
    rng = np.random.default_rng(10_007 * pair_seed)

    def draw(noise: np.ndarray) -> Any:
        return student.twin.measure(PROBES, "drawings_of", pair_seed, latent_size, noise)

    images, others = (draw(rng.standard_normal((n, latent_size))) for n in (count, 50))
    typical = float(np.mean((others[:, None] - images) ** 2))
    untouched = student.twin.measure(PROBES, "pair_state", pair_seed, latent_size)
    asked = (pair_seed, latent_size, images, seed, settings, global_seed)
    raw = student.probe(PROBES, "search_once", *asked)
    found = nb2_search.search_measured(raw, images, typical, untouched, draw)
    expect(nb2_search.search_form(found))
    return found


@pytest.mark.exercise("2.5", weight=1, core=True)
@pytest.mark.parametrize("case", [(501, 3, 6), (502, 5, 9)])
def test_search_finds_the_noise(student: Student, case: tuple[int, int, int]) -> None:
    """What is drawn from the noise found is the image that was asked for."""
    late = search(student, case, 51, {})
    expect(nb2_search.search_finds(late, search(student, case, 51, ONE_STEP)))


@pytest.mark.exercise("2.5", weight=4)
def test_search_follows_the_seed(student: Student) -> None:
    """The same seed gives the same noise whatever was drawn before, another seed another one."""
    case = (503, 4, 8)
    first, again = (search(student, case, 52, ONE_STEP, before) for before in (3, 4))
    other = search(student, case, 53, ONE_STEP, 3)
    expect(nb2_search.search_follows_seed(first, again, other))


@pytest.mark.exercise("2.5", weight=4)
def test_search_draws_with_a_generator_of_its_own(student: Student) -> None:
    """The random numbers of the rest of the program are not set anew."""
    first, again = (search(student, (507, 4, 3), 57, ONE_STEP, before) for before in (5, 6))
    expect(nb2_search.search_draws_on_its_own(first, again))


@pytest.mark.exercise("2.5", weight=2)
def test_search_leaves_the_pair_alone(student: Student) -> None:
    """Weights and stored batch statistics are as they were."""
    expect(nb2_search.search_leaves_pair(search(student, (504, 4, 5), 54, {"steps": 5})))


@pytest.mark.exercise("2.5", weight=2)
def test_search_of_one_image(student: Student) -> None:
    """One image by itself is copied as well as among others."""
    late, early = (search(student, (505, 3, 1), 55, settings) for settings in ({}, ONE_STEP))
    expect(nb2_search.search_finds(late, early))


@pytest.mark.exercise("2.5", weight=2)
def test_search_heeds_steps_and_rate(student: Student) -> None:
    """Other numbers of steps and other rates lead elsewhere."""
    settings = ({"steps": 2, "rate": 0.05}, {"steps": 9, "rate": 0.05}, {"steps": 2, "rate": 0.2})
    usual, more, faster = (search(student, (506, 4, 5), 56, s) for s in settings)
    expect(nb2_search.search_heeds_settings(usual, more, faster))


# ---------------------------------------------------------------- exercise 2.6


def ask_encoder_loss(
    student: Student, case: tuple[int, int], count: int
) -> tuple[dict[str, Any], tuple[np.ndarray, np.ndarray]]:
    """Ask for the loss of a batch; return what is known of it and both its halves."""
    rng = np.random.default_rng(case[0])
    x = rng.uniform(-1, 1, (count, 1, 28, 28)).astype(np.float32)
    raw = student.probe(PROBES, "encoder_once", *case, x)
    expect(nb2_encoder.raw_form(raw, case[1]))
    known = student.twin.measure(PROBES, "encoder_known", *case, x)
    return known | {name: raw[name] for name in ("loss", "gradient")}, loss_halves(known)


@pytest.mark.exercise("2.6", weight=2)
@pytest.mark.parametrize(("case", "count"), [((601, 3), 4), ((602, 6), 7)])
def test_encoder_loss_values(student: Student, case: tuple[int, int], count: int) -> None:
    """Two means of squared errors, of pixels and of features."""
    measured, (pixel, feature) = ask_encoder_loss(student, case, count)
    expect(nb2_encoder.encoder_value(measured, float(pixel[0]), float(feature[0])))


@pytest.mark.exercise("2.6", weight=1)
def test_encoder_loss_gradient(student: Student) -> None:
    """The gradient reaches the encoder, through the pixels and through the features."""
    measured, halves = ask_encoder_loss(student, (603, 4), 6)
    if np.isclose(float(measured["loss"]), sum(half[0] for half in halves), rtol=1e-3):
        expect(nb2_encoder.encoder_gradient(measured, *(slopes(h, SHIFT) for h in halves)))
    else:  # another loss has another gradient, and was paid for above
        expect(nb2_encoder.encoder_reached(measured))


@pytest.mark.exercise("2.6", weight=1, core=True)
def test_encoder_learns(student: Student) -> None:
    """Trained with this loss, the encoder learns and the pair stays as it is."""
    case = (604, 4)
    noise = np.random.default_rng(6040).standard_normal((16, case[1]))
    drawn = student.twin.measure(PROBES, "drawings_of", *case, noise)
    start = student.twin.measure(PROBES, "encoder_start", *case)
    trained = student.probe(PROBES, "encoder_training", *case, drawn, 25, seconds=FIT_SECONDS)
    expect(nb2_encoder.trained_form(trained, start))
    errors = []
    for weights in (start["encoder"], trained["encoder"]):
        known = student.twin.measure(PROBES, "encoder_known", *case, drawn, list(weights))
        pixel, feature = loss_halves(known)
        errors.append((float(pixel[0]), float(feature[0])))
    expect(nb2_encoder.encoder_learns(trained, start, *errors))


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
    expect(nb2_audit.flagged_counts(got["flagged"], list(errors), above))


@pytest.mark.exercise("2.10", weight=3)
@pytest.mark.parametrize(("seed", "count"), [(1001, 6), (1002, 1)])
def test_audit_black_error(student: Student, seed: int, count: int) -> None:
    """The mean squared grey value on the scale from 0 to 1."""
    images = paper_images(seed, count)
    got = ask_audit(student, ("black_error",), images=images)
    expect(nb2_audit.black_error_value(got["black_error"], black_error(images), images))
