"""The steps of exercise 1.6: what stands in course.toml is what comes out, and it is fair."""

import numpy as np
import pytest

from benchmarks.steps import STEPS, table
from data_utils.course import load_course
from data_utils.metrics import auroc
from data_utils.prepared import prepared_arrays
from data_utils.prepared_nb1 import PreparedNetwork, prepared_copies
from data_utils.selfcheck import nb1_steps
from grader.hidden.nb1_reference import blurred_errors, relative_errors, squared_errors

COURSE_STEPS = load_course().notebook("nb1_autoencoder").steps_of("1.6")
WRONG = ("blurred, of grey copies", "blurred, of the mean image")


@pytest.fixture(scope="module")
def reached() -> dict[str, dict[int, float]]:
    return table()


def means(reached: dict[str, dict[int, float]], number: int) -> dict[str, float]:
    digits = COURSE_STEPS[number - 1].digits
    return {name: float(np.mean([row[d] for d in digits])) for name, row in reached.items()}


def test_the_table_in_the_course_is_what_comes_out(reached: dict[str, dict[int, float]]) -> None:
    assert [(s.digits, s.auroc, s.visible_auroc) for s in COURSE_STEPS] == list(STEPS)
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
    taken = [
        s.number for s in COURSE_STEPS if nb1_steps.reaches_step(s, reached[name], s.auroc) is None
    ]
    assert taken == steps


def test_the_visible_steps_are_no_easier_to_take_than_the_hidden_ones(
    reached: dict[str, dict[int, float]],
) -> None:
    for name, errors in (("squared", squared_errors), ("relative", relative_errors),
                         ("blurred, relative", blurred_errors)):  # fmt: skip
        for step in COURSE_STEPS:
            visible = []
            for digit in step.digits:
                x, x_hat, is_anomaly = prepared_copies(digit)
                scores = errors(x[..., 0], x_hat[..., 0])
                visible.append(auroc(scores[~is_anomaly], scores[is_anomaly]))
            passes = np.mean(visible) >= step.visible_auroc
            assert passes == (means(reached, step.number)[name] >= step.auroc), (name, step.number)


def test_the_prepared_network_draws_what_the_trained_one_drew() -> None:
    x, x_hat = prepared_arrays("1.2 pairs")
    network, history = prepared_arrays("1.5 network")
    drawn = network.predict(x, batch_size=256, verbose=0)
    assert (drawn.shape, drawn.dtype) == (x.shape, np.float32)
    assert np.abs(drawn - x_hat).max() < 0.02  # its weights are stored in half precision
    assert history[-1] < history[0]
    assert len(PreparedNetwork().get_weights()) == 12
