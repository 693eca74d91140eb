"""The steps of exercise 1.6: what stands in course.toml is what comes out, and it is fair."""

import numpy as np
import pytest

from benchmarks.steps import KNOWN, STEPS, table
from data_utils.course import load_course
from data_utils.metrics import auroc
from data_utils.prepared import prepared_arrays
from data_utils.prepared_nb1 import PreparedNetwork, prepared_copies
from data_utils.selfcheck import nb1_steps
from grader.hidden.nb1_copies import moved_pairs
from grader.hidden.nb1_reference import exam_copies
from grader.hidden.refits import public_exam

COURSE_STEPS = load_course().notebook("nb1_autoencoder").steps_of("1.6")
WRONG = ("blurred, of grey copies", "blurred, of the mean image")


@pytest.fixture(scope="module")
def reached() -> dict[str, dict[int, float]]:
    return table()


def means(reached: dict[str, dict[int, float]], number: int) -> dict[str, float]:
    digits = COURSE_STEPS[number - 1].digits
    return {name: float(np.mean([row[d] for d in digits])) for name, row in reached.items()}


def test_the_table_in_the_course_is_what_comes_out(reached: dict[str, dict[int, float]]) -> None:
    assert [(s.digits, s.auroc) for s in COURSE_STEPS] == list(STEPS)
    for step in COURSE_STEPS:
        measured = means(reached, step.number)
        assert step.reached == pytest.approx(measured, abs=0.001)


def test_wrong_detectors_lie_clearly_below_each_step(reached: dict[str, dict[int, float]]) -> None:
    for step in COURSE_STEPS:
        assert max(means(reached, step.number)[name] for name in WRONG) < step.auroc - 0.1
        assert not {1, 7} & set(step.digits)
        assert 9 not in step.digits or step.number >= 3


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("largest difference", []),
        ("squared", [1, 2]),
        ("relative", [1, 3]),
        ("root of ink", [1, 2, 3, 4]),
        ("blurred, relative", [1, 2, 3, 4]),
        ("worst places", [1, 2, 3, 4]),
    ],
)
def test_each_known_score_takes_the_steps_that_the_notebook_says(
    reached: dict[str, dict[int, float]], name: str, steps: list[int]
) -> None:
    taken = [s.number for s in COURSE_STEPS if nb1_steps.reaches_step(s, reached[name]) is None]
    assert taken == steps


def test_a_score_takes_the_same_steps_on_the_visible_copies(
    reached: dict[str, dict[int, float]],
) -> None:
    for name, score in KNOWN.items():
        visible = {}
        for digit in COURSE_STEPS[-1].digits:
            x, x_hat, is_anomaly = prepared_copies(digit)
            images, copies = (np.uint8(np.rint(255 * part[..., 0])) for part in (x, x_hat))
            scores = score(images, copies)
            visible[digit] = auroc(scores[~is_anomaly], scores[is_anomaly])
        for step in COURSE_STEPS:
            taken = [nb1_steps.reaches_step(step, row) is None for row in (visible, reached[name])]
            assert taken[0] == taken[1], (name, step.number)
            off = np.mean([visible[d] - reached[name][d] for d in step.digits])
            assert abs(off) < 0.01, (name, step.number)


def test_moving_a_pair_hardly_changes_a_score(reached: dict[str, dict[int, float]]) -> None:
    for digit, (x, x_hat, is_anomaly) in exam_copies(public_exam()).items():
        random = np.random.default_rng(digit)
        moved = moved_pairs(x, x_hat, random)
        assert all(part.shape == x.shape and part.dtype == np.uint8 for part in moved)
        assert not {a.tobytes() for a in x} & {a.tobytes() for a in moved[0]}
        for name in ("squared", "relative", "blurred, relative", "worst places"):
            scores = KNOWN[name](*moved)
            changed = auroc(scores[~is_anomaly], scores[is_anomaly])
            assert changed == pytest.approx(reached[name][digit], abs=0.004), (name, digit)


def test_the_prepared_network_draws_what_the_trained_one_drew() -> None:
    x, x_hat = prepared_arrays("1.2 pairs")
    network, history = prepared_arrays("1.5 network")
    drawn = network.predict(x, batch_size=256, verbose=0)
    assert (drawn.shape, drawn.dtype) == (x.shape, np.float32)
    assert np.abs(drawn - x_hat).max() < 0.02  # its weights are stored in half precision
    assert history[-1] < history[0]
    assert len(PreparedNetwork().get_weights()) == 12
