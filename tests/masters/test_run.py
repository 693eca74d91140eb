"""Each notebook from top to bottom, as a learner has it: solved or not, with little installed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from data_utils.course import load_course
from grader.examination import ONE_THREAD

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = [notebook.id for notebook in load_course().notebooks]
# Where a notebook imports its framework only half-way: up to which cell it does without, and which
# exercises lie before.
BEFORE_THE_NETWORK = {
    "nb1_autoencoder": ("given_setup_network", ("1.1", "1.2", "1.3", "1.4")),
}
# What a notebook as shipped says when it goes on with what was prepared.
GOES_ON = {
    "nb1_autoencoder": ("a network that was trained before", "edge maps: AUROC 0.9"),
    "nb2_gan_detector": ("The cells below go on with prepared arrays.", "'always anomaly' 0.989"),
    "nb3_resnet_transfer": (
        "the cells below go on with prepared arrays",
        "at a prevalence of 0.50",
    ),
    "nb4_geometric_transforms": (
        "the cells below go on with prepared arrays",
        "at a prevalence of 0.95",
        "behind in 4 of 10 classes",
    ),
}
# A few exercises, whose results meet prepared ones in a later cell; and where that is over.
FEW = (
    [
        ("nb1_autoencoder", solved, "given_demo_edge_maps")
        for solved in (("1.1", "1.3", "1.6"), ("1.2", "1.4"))
    ]
    + [
        ("nb2_gan_detector", solved, "given_demo_fashion")
        for solved in (
            ("2.1", "2.6", "2.9"),
            ("2.5", "2.7", "2.10"),
        )
    ]
    + [
        ("nb3_resnet_transfer", solved, "given_progress")
        for solved in (("3.1", "3.3", "3.6", "3.12"), ("3.4", "3.5", "3.7", "3.11"))
    ]
    + [
        ("nb4_geometric_transforms", solved, "given_explore")
        for solved in (("4.1", "4.4", "4.7", "4.11"), ("4.3", "4.8", "4.9", "4.12", "4.13"))
    ]
)
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
             "PYTHONPATH": str(folder), **ONE_THREAD},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def released(notebook_id: str) -> Path:
    return ROOT / "notebooks" / notebook_id / f"{notebook_id}.ipynb"


def solution(notebook_id: str) -> Path:
    return ROOT / "solutions" / notebook_id / f"{notebook_id}.ipynb"


@pytest.mark.slow
@pytest.mark.parametrize("solved", [False, True], ids=["as shipped", "solved"])
@pytest.mark.parametrize("notebook_id", BEFORE_THE_NETWORK)
def test_up_to_the_network_it_needs_data_utils_alone(
    notebook_id: str, solved: bool, tmp_path: Path
) -> None:
    notebook = solution(notebook_id) if solved else released(notebook_id)
    stop, exercises = BEFORE_THE_NETWORK[notebook_id]
    said = run(notebook, tmp_path, stop, " ".join(MISSING))
    for exercise in exercises:
        assert f"[ {'PASSED' if solved else 'FAILED'} ]  Exercise {exercise}" in said


@pytest.mark.slow
@pytest.mark.parametrize("notebook_id", NOTEBOOKS)
def test_no_unsolved_exercise_stops_a_later_cell(notebook_id: str, tmp_path: Path) -> None:
    said = run(released(notebook_id), tmp_path)
    exercises = len(load_course().notebook(notebook_id).exercises)
    assert said.count("[ FAILED ]") == exercises
    assert said.count("still to be done") >= exercises
    assert "prepared arrays" in said
    for words in GOES_ON.get(notebook_id, ()):
        assert words in said


@pytest.mark.slow
@pytest.mark.parametrize("notebook_id", NOTEBOOKS)
def test_solved_it_runs_to_its_end(notebook_id: str, tmp_path: Path) -> None:
    said = run(solution(notebook_id), tmp_path)
    exercises = len(load_course().notebook(notebook_id).exercises)
    assert said.count("[ PASSED ]") == exercises
    assert f"{exercises} of {exercises} exercises" in said
    assert "prepared arrays" not in said


@pytest.mark.slow
@pytest.mark.parametrize(("notebook_id", "solved", "stop"), FEW)
def test_a_few_solved_exercises_meet_no_gap(
    notebook_id: str, solved: tuple[str, ...], stop: str, tmp_path: Path
) -> None:
    shipped_nb, answered_nb = (
        json.loads(path.read_text()) for path in (released(notebook_id), solution(notebook_id))
    )
    names = {f"answer_ex{exercise.replace('.', '_')}" for exercise in solved}
    for shipped, answered in zip(shipped_nb["cells"], answered_nb["cells"], strict=True):
        if shipped["metadata"].get("nbgrader", {}).get("grade_id") in names:
            shipped["source"] = answered["source"]
    path = tmp_path / "one.ipynb"
    path.write_text(json.dumps(shipped_nb))
    (tmp_path / "work").mkdir()
    said = run(path, tmp_path / "work", stop)
    for exercise in solved:
        assert f"[ PASSED ]  Exercise {exercise}" in said
