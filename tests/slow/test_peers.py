"""Other autograders give honest work full points: else the comparison would be worth nothing."""

import pytest

from benchmarks.peers import run_system
from benchmarks.peers_systems import systems
from data_utils.course import load_course


@pytest.mark.slow
def test_nbgrader_gives_the_solution_full_points_for_the_same_checks() -> None:
    row = run_system(systems()[1], load_course().notebook("nb1_autoencoder"), 1)
    assert row["complaints"] == []
    assert row["cpu_s_each"] > 5  # three fits and TensorFlow; far less would be skipped work
