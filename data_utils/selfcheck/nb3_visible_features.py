"""The visible checks of exercises 3.7, 3.8, 3.11 and 3.12: on other inputs than hidden ones."""

from collections.abc import Callable

import numpy as np

from data_utils.selfcheck import nb3_distances, nb3_freezing, nb3_gaussian, nb3_heat
from data_utils.selfcheck.nb3_probes_features import freeze_raw, replayed
from data_utils.selfcheck.words import Ask, Finding, Found, expect


def check_neighbours(neighbour_distance: Ask) -> None:
    """Exercise 3.7 on a bank of six rows, worked out by hand."""
    rows = [[0, 0], [3, 4], [-9, 12], [3, 4], [6, 8], [0, 40]]
    bank = np.array(rows, float)
    queries = np.array([[0.0, 0.0], [6.0, 8.0], [0.0, -5.0]])
    # Distances 0, 5, 5, 10, 15, 40; 0, 5, 5, 10 and two roots; 5, 90 ** 0.5 twice, other roots.
    by_hand = {
        4: [5, 5, (5 + 2 * 90**0.5 + 205**0.5) / 4],
        1: [0, 0, 5],
        6: [
            75 / 6,
            (20 + 241**0.5 + 1060**0.5) / 6,
            (50 + 2 * 90**0.5 + 205**0.5 + 370**0.5) / 6,
        ],
    }
    table = np.array(
        [
            [0, 5, 15, 5, 10, 40],
            [10, 5, 241**0.5, 5, 0, 1060**0.5],
            [5, 90**0.5, 370**0.5, 90**0.5, 205**0.5, 45],
        ]
    )
    for k, expected in by_hand.items():
        got = neighbour_distance(bank.copy(), queries.copy(), k)
        expect(nb3_distances.distance_form(got, bank, queries, k))
        expect(nb3_distances.neighbour_values(got, np.array(expected), table, bank, queries, k))
    got = neighbour_distance(bank.copy(), queries[1:2].copy(), 3)
    expect(nb3_distances.distance_form(got, bank, queries[1:2], 3))


def check_gaussian(gaussian_distance: Ask) -> None:
    """Exercise 3.8 on a bank whose covariance is known, worked out by hand."""
    rows = [[3.0, 2.0], [-3.0, -2.0], [3.0, -2.0], [-3.0, 2.0], [4.0, 4.0], [-4.0, -4.0]]
    bank = np.add(rows, [10.0, -5.0])  # variances 13.6 and 9.6, covariance 6.4, mean (10, -5)
    queries = np.array([[14.0, -5.0], [10.0, -2.0], [13.0, -7.0]])
    for shrinkage in (0.25, 0.0, None, 1.0):
        share = 0.1 if shrinkage is None else shrinkage
        wide, flat = (13.6 - 2 * share, 9.6 + 2 * share)  # shrunk towards their mean, 11.6
        slant = 6.4 * (1 - share)
        away = ((4, 0), (0, 3), (3, -2))
        by_hand = [
            (flat * x * x - 2 * slant * x * y + wide * y * y) / (wide * flat - slant**2)
            for x, y in away
        ]
        given = (bank.copy(), queries.copy())
        got = gaussian_distance(*given, **({} if shrinkage is None else {"shrinkage": shrinkage}))
        expect(nb3_distances.distance_form(got, bank, queries))
        asked = (np.array(by_hand), bank, queries, share)
        expect(nb3_gaussian.gaussian_values(got, *asked))
    few = np.array([[1.0, 0.0, 2.0, 0.5], [0.0, 1.0, 0.0, 1.5], [2.0, 2.0, 1.0, 0.0]])
    got = gaussian_distance(few.copy(), few[:1].copy(), shrinkage=0.5)  # more features than rows
    expect(nb3_distances.distance_form(got, few, few[:1]))


def check_freeze(freeze: Ask) -> None:
    """Exercise 3.11 on small networks of three stages, and three steps of training."""
    names = ["first", "second", "third"]
    for frozen, before in (
        (["first", "second"], "training"),
        ([], "frozen"),
        (["third"], "frozen"),
    ):
        raw = freeze_raw(freeze, names, frozen, 311, before)
        state = (raw["returned"] or [], raw["learns"], raw["modes"])
        report = nb3_freezing.report_of(raw, replayed(names, 311, *state), names, frozen)
        if isinstance(report, Finding):
            raise Found(report)
        for question in (
            nb3_freezing.returned_form,
            nb3_freezing.frozen_weights,
            nb3_freezing.others_learn,
            nb3_freezing.frozen_statistics,
            nb3_freezing.frozen_modes,
            nb3_freezing.returned_learn,
        ):
            expect(question(report))


def check_grad_cam(grad_cam: Ask) -> None:
    """Exercise 3.12 on four images with two channels of 1 x 3 positions, worked out by hand."""
    first = [[[2.0, 0.0, 1.0]], [[1.0, 3.0, -1.0]]]
    maps = np.array([first, [[[4.0, 2.0, 6.0]], [[1.0, 1.0, 1.0]]], first, [[[0.0] * 3]] * 2])
    slopes = np.array(
        [
            [[[8.0, -1.0, -1.0]], [[-3.0, 0.0, 0.0]]],  # 2 and -1: sums 3, -3, 3
            [[[0.0, 20.0, 10.0]], [[5.0, 5.0, 5.0]]],  # 10 and 5: sums 45, 25, 65
            [[[-1.0, -1.0, -1.0]], [[0.0, 0.0, -3.0]]],  # -1 and -1: nothing above 0
            [[[1.0, 2.0, 3.0]], [[1.0, 0.0, 5.0]]],
        ]
    )
    sums = np.array([[[3.0, -3, 3]], [[45, 25, 65]], [[-3, -3, 0]], [[0, 0, 0]]])
    by_hand = np.array([[[1, 0, 1]], [[45 / 65, 25 / 65, 1]], [[0, 0, 0]], [[0, 0, 0]]])
    got = grad_cam(maps.copy(), slopes.copy())
    expect(nb3_heat.heat_form(got, maps))
    expect(nb3_heat.heat_values(got, by_hand, sums, maps, slopes))
    alone = grad_cam(maps[1:2].copy(), slopes[1:2].copy())
    expect(nb3_heat.heat_form(alone, maps[1:2]))


FEATURE_CHECKS: dict[str, Callable[[Ask], None]] = {
    "3.7": check_neighbours,
    "3.8": check_gaussian,
    "3.11": check_freeze,
    "3.12": check_grad_cam,
}
