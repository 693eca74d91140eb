"""The hidden checks of exercises 3.7, 3.8, 3.11 and 3.12: on inputs that nobody has seen."""

from typing import Any

import numpy as np
import pytest

from data_utils.selfcheck import nb3_distances, nb3_freezing, nb3_gaussian, nb3_heat
from data_utils.selfcheck.words import Finding, Found, expect
from grader.hidden.nb3_reference_features import (
    distances_between,
    heat_maps,
    mahalanobis_squares,
    neighbour_means,
    weighted_sums,
)
from grader.student import Student

PROBES = "selfcheck.nb3_probes_features"  # of data_utils

# ---------------------------------------------------------------- exercise 3.7


def rows_of(seed: int, m: int, n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of a bank and of queries, about as wide apart as long, in double precision."""
    rng = np.random.default_rng(seed)
    bank = rng.gamma(1.5, 1.0, (m, d))
    return bank, rng.gamma(2.0, 1.2, (n, d))


def ask_neighbours(student: Student, bank: np.ndarray, queries: np.ndarray, k: int) -> None:
    """Ask for distances, and judge form and values."""
    got = student.call(bank, queries, k)
    expect(nb3_distances.distance_form(got, bank, queries, k))
    table = distances_between(bank, queries)
    right = neighbour_means(table, k)
    expect(nb3_distances.neighbour_values(got, right, table, bank, queries, k))


@pytest.mark.exercise("3.7", weight=2, core=True)
@pytest.mark.parametrize(("seed", "m", "n", "d", "k"), [(701, 23, 11, 6, 4), (702, 16, 19, 3, 2)])
def test_neighbour_distances(student: Student, seed: int, m: int, n: int, d: int, k: int) -> None:
    """The mean of the distances to the k nearest rows of the bank."""
    ask_neighbours(student, *rows_of(seed, m, n, d), k)


@pytest.mark.exercise("3.7", weight=1)
def test_neighbours_in_single_precision(student: Student) -> None:
    """A bank of the size and kind of real features."""
    bank, queries = rows_of(703, 300, 40, 112)
    ask_neighbours(student, bank.astype(np.float32), queries.astype(np.float32), 5)


@pytest.mark.exercise("3.7", weight=1)
@pytest.mark.parametrize("k", [1, 14])
def test_neighbours_at_both_ends_of_k(student: Student, k: int) -> None:
    """The nearest row alone, and all rows of the bank."""
    ask_neighbours(student, *rows_of(704, 14, 9, 5), k)


@pytest.mark.exercise("3.7", weight=1)
def test_queries_that_stand_in_the_bank(student: Student) -> None:
    """A distance of 0 counts, and so does a row that stands twice."""
    bank, queries = rows_of(705, 12, 7, 4)
    bank[3], bank[8] = bank[5], bank[5]
    queries[:3] = bank[[1, 5, 10]]
    ask_neighbours(student, bank, queries, 3)


@pytest.mark.exercise("3.7", weight=1)
def test_neighbours_of_each_query_alone(student: Student) -> None:
    """The same distance in any company."""
    bank, queries = rows_of(706, 18, 5, 4)
    together = student.call(bank, queries, 3)
    expect(nb3_distances.distance_form(together, bank, queries, 3))
    alone = []
    for row in range(len(queries)):
        got = student.call(bank, queries[row : row + 1], 3)
        expect(nb3_distances.distance_form(got, bank, queries[row : row + 1], 3))
        alone.append(float(np.asarray(got)[0]))
    slack = nb3_distances.ROUNDING * float(np.linalg.norm(bank, axis=1).max())
    expect(nb3_distances.same_alone(together, alone, slack))


# ---------------------------------------------------------------- exercise 3.8


def slanted_rows(seed: int, m: int, n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """A bank far from 0 whose features hang together and differ in scale, and queries beside it."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(d, d)) * np.linspace(0.6, 2, d)
    center = rng.uniform(3, 6, d)
    bank = rng.normal(size=(m, d)) @ mixing + center
    return bank, rng.normal(0.4, 1.5, (n, d)) @ mixing + center


def ask_gaussian(
    student: Student, bank: np.ndarray, queries: np.ndarray, shrinkage: float | None
) -> None:
    """Ask for squared distances, and judge form and values."""
    settings: dict[str, Any] = {} if shrinkage is None else {"shrinkage": shrinkage}
    got = student.call(bank, queries, **settings)
    expect(nb3_distances.distance_form(got, bank, queries))
    share = 0.1 if shrinkage is None else shrinkage
    right = mahalanobis_squares(bank, queries, share)
    expect(nb3_gaussian.gaussian_values(got, right, bank, queries, share))


@pytest.mark.exercise("3.8", weight=2, core=True)
@pytest.mark.parametrize(
    ("seed", "m", "n", "d", "s"), [(801, 40, 9, 4, 0.3), (802, 25, 31, 6, 0.6)]
)
def test_gaussian_distances(student: Student, seed: int, m: int, n: int, d: int, s: float) -> None:
    """The squared distance by the inverse of the shrunk covariance."""
    ask_gaussian(student, *slanted_rows(seed, m, n, d), s)


@pytest.mark.exercise("3.8", weight=1)
def test_shrinkage_is_a_tenth_unless_asked(student: Student) -> None:
    """Without the argument, and in single precision as features come."""
    bank, queries = slanted_rows(803, 60, 12, 5)
    ask_gaussian(student, bank.astype(np.float32), queries.astype(np.float32), None)


@pytest.mark.exercise("3.8", weight=1)
@pytest.mark.parametrize("shrinkage", [0.0, 1.0])
def test_shrinkage_at_both_ends(student: Student, shrinkage: float) -> None:
    """The covariance as it is, and the sphere alone."""
    ask_gaussian(student, *slanted_rows(804, 50, 10, 4), shrinkage)


@pytest.mark.exercise("3.8", weight=1)
def test_more_features_than_rows(student: Student) -> None:
    """A covariance that has no inverse until it is shrunk."""
    ask_gaussian(student, *slanted_rows(805, 9, 5, 17), 0.2)


@pytest.mark.exercise("3.8", weight=1)
def test_gaussian_of_each_query_alone(student: Student) -> None:
    """The same number in any company."""
    bank, queries = slanted_rows(806, 30, 4, 5)
    together = student.call(bank, queries)
    expect(nb3_distances.distance_form(together, bank, queries))
    alone = []
    for row in range(len(queries)):
        got = student.call(bank, queries[row : row + 1])
        expect(nb3_distances.distance_form(got, bank, queries[row : row + 1]))
        alone.append(float(np.asarray(got)[0]))
    slack = 1e-6 * float(np.abs(np.asarray(together, float)).max())
    expect(nb3_distances.same_alone(together, alone, slack))


# ---------------------------------------------------------------- exercise 3.11


STAGES = ["stem", "low", "mid", "high"]
MODULES, WEIGHTS = 6, 3  # of one stage


def freezing(
    student: Student, frozen: list[str], seed: int, before: str = "training"
) -> dict[str, Any]:
    """Freeze stages of a small network, and train what comes back for a few steps.

    A second network, in a session without the student's code, is brought into the state that
    theirs was left in, and trained alike: the numbers must be the same.
    """
    raw = student.probe(PROBES, "freeze_raw", STAGES, frozen, seed, before)
    expect(nb3_freezing.raw_form(raw, [MODULES] * len(STAGES), WEIGHTS * len(STAGES)))
    state = ([*(raw["returned"] or ())], [*map(bool, raw["learns"])])
    modes = [[*map(bool, part)] for part in raw["modes"]]
    fresh = student.twin.measure(PROBES, "replayed", STAGES, seed, *state, modes)
    report = nb3_freezing.report_of(raw, fresh, STAGES, frozen)
    if isinstance(report, Finding):
        raise Found(report)
    return report


@pytest.mark.exercise("3.11", weight=2)
@pytest.mark.parametrize("frozen", [["stem", "low", "mid"], ["high"]])
def test_frozen_batch_norm_stands_still(student: Student, frozen: list[str]) -> None:
    """A frozen stage's batch norm keeps what it knows, whatever was trained beside it."""
    expect(nb3_freezing.frozen_statistics(freezing(student, frozen, 1101)))


@pytest.mark.exercise("3.11", weight=3)
@pytest.mark.parametrize("frozen", [["stem", "mid"], ["high"]])
def test_frozen_stages_are_in_evaluation_mode(student: Student, frozen: list[str]) -> None:
    """All of a frozen stage, not batch norm alone."""
    expect(nb3_freezing.frozen_modes(freezing(student, frozen, 1106)))


@pytest.mark.exercise("3.11", weight=2)
@pytest.mark.parametrize("frozen", [["stem", "low"], ["mid", "stem"]])
def test_frozen_weights_do_not_learn(student: Student, frozen: list[str]) -> None:
    """No gradient reaches the weights of a frozen stage."""
    expect(nb3_freezing.frozen_weights(freezing(student, frozen, 1102)))


@pytest.mark.exercise("3.11", weight=2)
def test_other_stages_learn(student: Student) -> None:
    """The stages that were not named are in training mode, and their weights learn."""
    expect(nb3_freezing.others_learn(freezing(student, ["low"], 1103)))


@pytest.mark.exercise("3.11", weight=2)
@pytest.mark.parametrize("frozen", [["stem", "low"], []])
def test_other_stages_learn_again(student: Student, frozen: list[str]) -> None:
    """Also where an earlier call froze them, or the network came in evaluation mode."""
    expect(nb3_freezing.others_learn(freezing(student, frozen, 1104, "frozen")))


@pytest.mark.exercise("3.11", weight=1)
@pytest.mark.parametrize("frozen", [["stem"], [], ["stem", "low", "mid", "high"]])
def test_what_still_learns_is_returned(student: Student, frozen: list[str]) -> None:
    """Every parameter of the other stages, once, and no other."""
    expect(nb3_freezing.returned_learn(freezing(student, frozen, 1105)))


# ---------------------------------------------------------------- exercise 3.12


def stage_of(seed: int, shape: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Maps and slopes of a stage, in single precision; the images' scales differ.

    In the first image all sums are positive, so that its smallest value is not 0.
    """
    rng = np.random.default_rng(seed)
    maps = rng.gamma(1.0, 1.0, shape) - 0.2
    slopes = rng.normal(0, 1, shape) + rng.normal(0, 1, (*shape[:2], 1, 1))
    maps[0] += 0.5
    slopes[0] = np.abs(slopes[0])
    slopes *= np.geomspace(1e-3, 20, shape[0])[:, None, None, None]
    return maps.astype(np.float32), slopes.astype(np.float32)


def ask_heat(student: Student, maps: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Ask for heat maps, and require their form."""
    got = student.call(maps, slopes)
    expect(nb3_heat.heat_form(got, maps))
    return np.asarray(got, float)


@pytest.mark.exercise("3.12", weight=2, core=True)
@pytest.mark.parametrize(
    ("seed", "shape"), [(1201, (5, 7, 4, 3)), (1202, (3, 12, 2, 6)), (1203, (4, 6, 5, 5))]
)
def test_heat_maps(student: Student, seed: int, shape: tuple[int, int, int, int]) -> None:
    """The relu of the weighted sum, divided by its largest value."""
    maps, slopes = stage_of(seed, shape)
    got = ask_heat(student, maps, slopes)
    sums = weighted_sums(maps, slopes)
    expect(nb3_heat.heat_values(got, heat_maps(sums), sums, maps, slopes))


@pytest.mark.exercise("3.12", weight=1)
def test_heat_stays_zero(student: Student) -> None:
    """A map is 0 where the maps are, where the slopes are, and where all sums are negative."""
    maps, slopes = stage_of(1204, (4, 3, 2, 5))
    maps[1], slopes[2] = 0, 0
    maps[3] = np.abs(maps[3]) + 0.1
    slopes[3] = -np.abs(slopes[3])
    got = ask_heat(student, maps, slopes)
    expect(nb3_heat.heat_stays_zero(got, [1, 2, 3]))


@pytest.mark.exercise("3.12", weight=1)
def test_heat_of_each_image_alone(student: Student) -> None:
    """The same map in any company."""
    maps, slopes = stage_of(1205, (3, 4, 2, 5))
    together = ask_heat(student, maps, slopes)
    alone = [ask_heat(student, maps[[row]], slopes[[row]])[0] for row in range(len(maps))]
    expect(nb3_heat.heat_alone(together, np.stack(alone)))


def strokes(seed: int, count: int, size: int) -> np.ndarray:
    """Bright strokes on a dark ground in three channels, as the backbone takes images."""
    rng = np.random.default_rng(seed)
    x = np.full((count, 3, size, size), -1, np.float32)
    for image in x:
        for row, column in rng.integers(2, size - 10, (4, 2)):
            image[:, row : row + rng.integers(3, 9), column : column + rng.integers(3, 9)] = 1
    return x


@pytest.mark.exercise("3.12", weight=1)
def test_heat_changes_with_the_weights(student: Student) -> None:
    """Maps of a trained network and of one with random weights differ as they should."""
    pair = student.twin.measure(PROBES, "maps_of_two", strokes(1206, 6, 32), "edges", 1206)
    trained, random = (ask_heat(student, *given) for given in pair)
    right = tuple(heat_maps(weighted_sums(*given)) for given in pair)
    expect(nb3_heat.heat_follows_weights(trained, random, right))
