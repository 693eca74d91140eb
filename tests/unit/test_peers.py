"""The comparison with other autograders: same cells, same checks, honest bookkeeping."""

import os
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from benchmarks.peers import markdown_table, run_system
from benchmarks.peers_kernel import grade_here
from benchmarks.peers_measure import Cost, measure
from benchmarks.peers_notebook import for_peers, honest_class
from benchmarks.peers_systems import System, systems
from data_utils.course import load_course
from grader.sample_class import load_class, solution_notebook, submission_of
from grader.sandbox import SandboxUnavailable, best_isolation

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = load_course().notebook("nb1_autoencoder")
SOLUTION = solution_notebook(ROOT, NOTEBOOK.id)
WITHOUT_A_NETWORK = ("1.1", "1.2", "1.3", "1.4", "1.6")
NAMES = ["setup", "setup_kit", "constants"]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="processes are measured on Linux only")


def grade_id(cell: Any) -> str:
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def points_in_kernel(student: str) -> dict[str, float]:
    """Define a sample student's functions here and grade those that need no network."""
    chosen = next(s for s in load_class(NOTEBOOK.id) if s.name == student)
    handed_in = nbformat.reads(submission_of(chosen, SOLUTION, NOTEBOOK), as_version=4)
    wanted = [f"given_{name}" for name in NAMES]
    wanted += [f"answer_{NOTEBOOK.exercise(e).grade_id}" for e in WITHOUT_A_NETWORK]
    namespace: dict[str, Any] = {}
    for cell in handed_in.cells:
        if grade_id(cell) in wanted:
            exec(cell.source.replace("%matplotlib inline", ""), namespace)
    return {exercise: grade_here(exercise, namespace) for exercise in WITHOUT_A_NETWORK}


@pytest.mark.slow  # pytest within pytest, for each exercise
def test_the_solution_gets_full_points_in_its_own_kernel() -> None:
    assert points_in_kernel("solution") == {
        exercise: NOTEBOOK.exercise(exercise).points for exercise in WITHOUT_A_NETWORK
    }


@pytest.mark.slow  # pytest within pytest, for each exercise
@pytest.mark.parametrize("exercise", WITHOUT_A_NETWORK)
def test_a_wrong_answer_loses_points_in_its_own_kernel(
    exercise: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = [s for s in load_class(NOTEBOOK.id) if s.kind == "wrong" and s.exercise == exercise]
    points = points_in_kernel(wrong[0].name)
    lost = {e for e in WITHOUT_A_NETWORK if points[e] < NOTEBOOK.exercise(e).points}
    assert lost == {exercise}
    assert wrong[0].message in capsys.readouterr().out


def test_a_missing_function_loses_its_points_and_no_others() -> None:
    assert grade_here("1.3", {}) == 0.0
    assert grade_here("1.3", {"choose_threshold": lambda scores, target: 1 / 0}) == 0.0


def test_peers_run_the_cells_that_this_kit_runs() -> None:
    kept = [grade_id(c) for c in for_peers(SOLUTION, NOTEBOOK, True).cells if grade_id(c)]
    demo = {grade_id(c) for c in SOLUTION.cells if "demo" in c.metadata.get("tags", [])}
    graded = [exercise.grade_id for exercise in NOTEBOOK.exercises]
    assert demo
    others = [grade_id(c) for c in SOLUTION.cells if grade_id(c)]
    assert kept == [n for n in others if n not in demo and n not in graded] + graded
    for_otter = {grade_id(c) for c in for_peers(SOLUTION, NOTEBOOK, False).cells}
    assert for_otter.isdisjoint({*graded, *demo})


def test_the_class_is_honest_and_its_students_differ_in_name() -> None:
    students = honest_class(NOTEBOOK.id, 20)
    assert len({student.name for student in students}) == 20
    assert {student.kind for student in students} == {"right"}
    right = {student.why for student in load_class(NOTEBOOK.id) if student.kind == "right"}
    assert {student.why for student in students} == right


@LINUX
def test_a_system_that_gives_no_points_is_complained_about() -> None:
    kit = systems()[0]

    def says_why(folder: Path) -> list[str]:
        return [sys.executable, "-c", "print('the peer broke')"]

    row = run_system(System("broken", says_why, kit.prepare, kit.points), NOTEBOOK, 2)
    assert [line.partition(":")[0] for line in row["complaints"][:2]] == [
        "s01_solution",
        "s02_plain_design",
    ]
    assert row["complaints"][-1] == "the peer broke"


def cost_of(code: str, folder: Path) -> Cost:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return measure([sys.executable, "-c", code], folder, environment, folder / "log")


BURN = "import time\nend = time.process_time() + 1\nwhile time.process_time() < end: pass\n"


@LINUX
@pytest.mark.slow
def test_processor_time_of_a_kernel_counts_and_its_memory_does_not(tmp_path: Path) -> None:
    child = BURN + "kept = bytearray(150_000_000); time.sleep(0.6)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    cost = cost_of(code, tmp_path)
    assert cost.exit_code == 0
    assert 1 <= cost.cpu_s < 2.5
    assert 3 < cost.peak_mb < 100
    assert cost.peak_mb == cost.total_mb
    assert cost_of("x = bytearray(150_000_000); import time; time.sleep(1)", tmp_path).peak_mb > 150


@LINUX
@pytest.mark.slow
def test_processor_time_inside_a_sandbox_counts(tmp_path: Path) -> None:
    try:
        best_isolation()
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    code = f"from grader.sandbox import Session\nwith Session() as s: s.run_cell({BURN!r})"
    idle = "from grader.sandbox import Session\nwith Session() as s: s.run_cell('1')"
    more = cost_of(code, tmp_path).cpu_s - cost_of(idle, tmp_path).cpu_s
    assert more > 0.6  # how much more is the machine's affair: a busy one has counted 2.2


def test_the_readme_table_names_date_and_command() -> None:
    row = {"system": "this kit", "per_hour": 131.4, "cpu_s_each": 26.24, "trusted_peak_mb": 90.4}
    row["submissions"] = 20
    result = {
        "date": "2026-01-31", "command": "python -m benchmarks.peers", "submissions": 20,
        "cores": 2, "python": "3.11.7", "rows": [row], "left_out": ["No otter here."],
    }  # fmt: skip
    text = markdown_table(result)
    assert "| this kit | 131 | 26.2 | 90 |" in text
    assert "2026-01-31, `python -m benchmarks.peers`: 20 honest submissions" in text
    assert text.endswith("No otter here.\n")
