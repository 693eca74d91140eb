"""Honest work gets full marks whatever its seed: what `benchmarks.designs` found."""

import json
import sys

import pytest

from benchmarks.calibrate_nb2 import NB2
from benchmarks.designs import CONSTANTS, _seeded, seeds_of, summary
from benchmarks.masters import results_path
from data_utils.course import load_course
from data_utils.selfcheck.nb2_detector import MOST_OF_MEAN
from grader.hidden import nb2_fits
from grader.submissions import Cell, read_submission, released_notebook


def test_every_honest_design_of_notebook_2_has_full_marks_in_ten_seeds() -> None:
    found = json.loads(results_path(NB2.notebook, "designs.json").read_text())
    rows = [found[f"{design} {seed} quick"] for design in NB2.honest for seed in NB2.seeds]
    assert len(rows) == 30
    points = load_course().notebook(NB2.notebook).points
    assert {(row["points"], row["of"], tuple(row["lost"])) for row in rows} == {
        (points, points, ())
    }
    assert max(row["facts"]["copy_error_6"] for row in rows) < MOST_OF_MEAN - 0.2


def test_another_seed_reaches_the_notebook_and_the_checks() -> None:
    before = nb2_fits.REFIT_SEEDS
    with seeds_of(NB2.notebook, 3):
        meanwhile = nb2_fits.REFIT_SEEDS
        submission = sys.modules["grader.grading"].read_submission(released_notebook(NB2.notebook))
    assert meanwhile == (before[0] + 3000, before[1] + 3000)
    after = nb2_fits.REFIT_SEEDS
    assert after == before
    plain = read_submission(released_notebook(NB2.notebook))
    changed = [a.name for a, b in zip(submission.cells, plain.cells, strict=True) if a != b]
    assert changed == [CONSTANTS]


def test_a_notebook_without_a_seed_ends_the_benchmark() -> None:
    with pytest.raises(SystemExit, match="SEED"):
        _seeded(Cell("BATCH = 32", CONSTANTS, "given"), 1)


def test_the_summary_names_who_lost_points() -> None:
    rows = {
        "plain 1 quick": {"points": 3.0, "of": 4, "lost": ["test_x"], "facts": {"auroc": 0.5}},
        "plain 2 quick": {"points": 4.0, "of": 4, "lost": [], "facts": {"auroc": 0.75}},
    }
    assert list(summary(rows)) == [
        "plain 1 quick: 3.0 of 4 points, test_x",
        "auroc: 0.500 to 0.750 in 2 runs",
    ]
