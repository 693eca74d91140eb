"""Where the text of each notebook gets its numbers, and what the notebook may cost."""

import json
import re
from pathlib import Path

import pytest

from data_utils.course import load_course

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks/results"
NOTEBOOKS = [notebook.id for notebook in load_course().notebooks]
# CPU seconds of the graded cells, by profile: what a learner waits for.
MOST = {
    "nb1_autoencoder": {"quick": 15, "embedded": 60, "full": 90},
    "nb2_gan_detector": {"quick": 40, "embedded": 150, "full": 400},
    "nb3_resnet_transfer": {"quick": 20, "embedded": 120, "full": 200},
    "nb4_geometric_transforms": {"quick": 20, "embedded": 150, "full": 250},
}


@pytest.mark.parametrize("notebook_id", NOTEBOOKS)
def test_every_number_of_the_text_comes_from_a_run(notebook_id: str) -> None:
    values = json.loads((RESULTS / f"{notebook_id}_prose.json").read_text())["values"]
    master = (ROOT / "solutions" / f"{notebook_id}.py").read_text()
    asked_for = set(re.findall(r"\{run (\w+)\}", master))
    assert len(asked_for) > 20  # the texts are full of them: else the pattern is wrong
    assert asked_for <= set(values)


@pytest.mark.parametrize("notebook_id", NOTEBOOKS)
def test_a_learner_waits_no_longer_than_the_notebook_may_cost(notebook_id: str) -> None:
    costs = json.loads((RESULTS / f"{notebook_id}_costs.json").read_text())["profiles"]
    for profile, most in MOST[notebook_id].items():
        assert costs[profile]["graded_cpu_s"] <= most
