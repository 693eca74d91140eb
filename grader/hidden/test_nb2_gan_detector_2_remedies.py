"""The hidden checks of exercises 2.5 and 2.6: raw measurements, held against the clean twin's."""

from typing import Any

import numpy as np
import pytest

from data_utils.selfcheck import nb2_encoder, nb2_search
from data_utils.selfcheck.nb2_probes_remedies import SHIFT
from data_utils.selfcheck.words import expect
from grader.hidden.nb2_reference_scores import loss_halves, slopes
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
