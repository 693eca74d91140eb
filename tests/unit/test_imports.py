"""Who may import whom; what the trusted process never loads."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jupytext
import pytest

from data_utils.course import load_course

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = [notebook.id for notebook in load_course().notebooks]
FRAMEWORKS = {"tensorflow", "keras", "torch", "torchvision"}
POSIX_ONLY = {"fcntl", "resource", "pwd", "grp", "termios", "pty", "syslog"}
FORBIDDEN = {
    "data_utils": {"grader", "tests", "benchmarks", "solutions"},
    "grader": {"tests", "benchmarks", "solutions"},
    "benchmarks": {"tests", "solutions"},
}
NOTEBOOK_MAY_IMPORT = {"data_utils", "numpy", "matplotlib", "os", "functools", "scipy", "sklearn"}


def imports(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Yield (top-level package, whether it is imported when the module is)."""
    inside = {
        child
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module]
        for name in names:
            yield name.partition(".")[0], node not in inside


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_point_one_way(package: str) -> None:
    for path in modules(package):
        found = {name for name, _ in imports(ast.parse(path.read_text()))}
        assert not found & FORBIDDEN[package], path


@pytest.mark.parametrize("package", ["data_utils", "grader"])
def test_frameworks_are_imported_only_inside_functions(package: str) -> None:
    for path in modules(package):
        at_once = {name for name, now in imports(ast.parse(path.read_text())) if now}
        assert not at_once & FRAMEWORKS, path


def test_data_utils_runs_on_windows() -> None:
    for path in modules("data_utils"):
        assert not {name for name, _ in imports(ast.parse(path.read_text()))} & POSIX_ONLY, path


def test_notebooks_import_nothing_of_the_grader() -> None:
    masters = sorted((ROOT / "solutions").glob("nb*.py"))
    assert [path.stem for path in masters] == NOTEBOOKS
    for path in masters:
        allowed = NOTEBOOK_MAY_IMPORT | {load_course().notebook(path.stem).framework}
        for cell in jupytext.read(path).cells:
            if cell.cell_type == "code":
                lines = [line for line in cell.source.splitlines() if not line.startswith("%")]
                found = {name for name, _ in imports(ast.parse("\n".join(lines)))}
                assert found <= allowed, cell.source


def test_a_check_costs_no_import_of_a_framework() -> None:
    code = (
        "import sys, data_utils.selfcheck.registry\n"
        f"print(sorted(set(sys.modules) & {FRAMEWORKS!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_trusted_process_stays_small() -> None:
    heavy = FRAMEWORKS | {"IPython", "nbgrader", "sklearn", "pandas", "scipy", "matplotlib"}
    code = (
        "import importlib, sys, grader.grading, grader.schedule, grader.hidden\n"
        "from pathlib import Path\n"
        "for path in Path(grader.hidden.__path__[0]).glob('[!_]*.py'):\n"
        "    importlib.import_module(f'grader.hidden.{path.stem}')\n"
        f"print(sorted(set(sys.modules) & {heavy!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
