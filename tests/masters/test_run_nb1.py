"""Notebook 1 from top to bottom, as a learner has it: solved or not, with little installed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NB = "nb1_autoencoder"
RELEASE, SOLUTION = (ROOT / folder / NB / f"{NB}.ipynb" for folder in ("notebooks", "solutions"))
BEFORE_THE_NETWORK = "given_setup_network"
# What a learner on Windows without TensorFlow lacks; and the grader, which no learner has.
MISSING = ("tensorflow", "keras", "torch", "fcntl", "resource", "pwd", "grp", "termios", "grader")
RUNNER = """
import importlib.abc, json, os, sys
path, stop, missing = sys.argv[1], sys.argv[2], set(sys.argv[3].split())

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, target=None, where=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r} (blocked by the test)")

for name in missing:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Blocker())
os.environ["MPLBACKEND"] = "agg"
ran = 0
for cell in json.load(open(path, encoding="utf-8"))["cells"]:
    name = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
    if cell["cell_type"] != "code":
        continue
    if name == stop:
        break
    source = "".join(cell["source"])
    lines = [line for line in source.splitlines() if not line.startswith("%")]
    try:
        exec(compile("\\n".join(lines), name, "exec"), globals())
    except Exception as error:
        sys.exit(f"cell {name} stopped: {type(error).__name__}: {error}")
    ran += 1
print("RAN", ran)
"""


def run(notebook: Path, folder: Path, stop: str = "", missing: str = "") -> str:
    """Run a notebook's cells in a folder that holds it and data_utils, and return what it says."""
    shutil.copytree(ROOT / "data_utils", folder / "data_utils")
    shutil.copy(notebook, folder / "nb.ipynb")
    done = subprocess.run(
        [sys.executable, "-W", "error::SyntaxWarning", "-c", RUNNER, "nb.ipynb", stop, missing],
        cwd=folder, capture_output=True, text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "ANOMALY_COURSE_PROFILE": "quick",
             "PYTHONPATH": str(folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("notebook", [RELEASE, SOLUTION], ids=["as shipped", "solved"])
def test_up_to_the_network_it_needs_data_utils_alone(notebook: Path, tmp_path: Path) -> None:
    said = run(notebook, tmp_path, BEFORE_THE_NETWORK, " ".join(MISSING))
    word = "PASSED" if notebook == SOLUTION else "FAILED"
    for exercise in ("1.1", "1.2", "1.3", "1.4"):
        assert f"[ {word} ]  Exercise {exercise}" in said


@pytest.mark.slow
def test_no_unsolved_exercise_stops_a_later_cell(tmp_path: Path) -> None:
    said = run(RELEASE, tmp_path)
    assert said.count("[ FAILED ]") == 6
    assert said.count("still to be done") >= 6
    assert "prepared arrays" in said
    assert "a network that was trained before" in said
    assert "edge maps: AUROC 0.9" in said


@pytest.mark.slow
def test_solved_it_runs_to_its_end(tmp_path: Path) -> None:
    said = run(SOLUTION, tmp_path)
    assert said.count("[ PASSED ]") == 6
    assert "6 of 6 exercises" in said
    assert "prepared arrays" not in said


@pytest.mark.slow
@pytest.mark.parametrize("solved", [("1.1", "1.3"), ("1.2",), ("1.4", "1.6")])
def test_a_few_solved_exercises_meet_no_gap(solved: tuple[str, ...], tmp_path: Path) -> None:
    release, solution = (json.loads(path.read_text()) for path in (RELEASE, SOLUTION))
    names = {f"answer_ex{exercise.replace('.', '_')}" for exercise in solved}
    for shipped, answered in zip(release["cells"], solution["cells"], strict=True):
        if shipped["metadata"].get("nbgrader", {}).get("grade_id") in names:
            shipped["source"] = answered["source"]
    path = tmp_path / "one.ipynb"
    path.write_text(json.dumps(release))
    (tmp_path / "work").mkdir()
    said = run(path, tmp_path / "work", "given_demo_edge_maps")
    for exercise in solved:
        assert f"[ PASSED ]  Exercise {exercise}" in said
