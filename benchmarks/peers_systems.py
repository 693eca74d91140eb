"""The autograders that are compared: how each is set up, started, and asked for its points."""

import importlib.metadata
import json
import os
import site
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat

from benchmarks.peers_notebook import for_peers, write_submissions
from benchmarks.peers_otter import TEST_FILE
from data_utils.course import Notebook
from grader.classroom import report_path
from grader.errors import GraderError
from grader.examination import ONE_THREAD
from grader.report import read_report
from grader.sample_class import solution_notebook

ROOT = Path(__file__).resolve().parent.parent
OTTER = ROOT / "build" / "peers" / "otter"
CELL_SECONDS = 1200  # all re-fits of exercise 1.5 are one cell of nbgrader's, whose own limit is 30
INSTALL_SECONDS = 600


class PeerUnavailableError(GraderError):
    """Another autograder cannot be had here."""


@dataclass(frozen=True)
class System:
    """One row of the comparison.

    Attributes
    ----------
    name : str
        As the table says it, with ``{version}`` where a version belongs.
    command : callable
        Of the class's folder; what is measured.
    prepare : callable
        Of the class's folder, the notebook and the number of submissions; not measured.
    points : callable
        Of the class's folder, a student and the notebook: the points, or None where there are
        none.
    version : callable
        Asked after `prepare`.
    share : float
        Of the submissions; less than all for a row that takes long and adds little.
    """

    name: str
    command: Callable[[Path], list[str]]
    prepare: Callable[[Path, Notebook, int], list[str]]
    points: Callable[[Path, str, Notebook], float | None]
    version: Callable[[], str] = str
    share: float = 1.0


def systems() -> list[System]:
    """Return the rows in the order in which they are measured."""
    nbgrader, otter = "nbgrader {version}, its own Execute", "otter-grader {version}, no containers"
    return [
        System("this kit, 1 worker", _kit(1), _prepare_kit, _kit_points),
        System(nbgrader, _nbgrader, _prepare_nbgrader, _nbgrader_points, _nbgrader_version),
        System(
            f"{nbgrader}, demo cells too (as it is handed in)",
            *(_nbgrader, _prepare_nbgrader_as_handed_in, _nbgrader_points, _nbgrader_version),
            share=0.25,
        ),
        System(otter, _otter, _prepare_otter, _otter_points, _otter_version, share=0.5),
        System("this kit, 2 workers", _kit(2), _prepare_kit, _kit_points),
    ]


def environment(folder: Path) -> dict[str, str]:
    """Return the variables of every command: one thread, profile quick, this checkout."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {
        **os.environ,
        **ONE_THREAD,
        "PATH": path,  # nbgrader starts alembic by name
        "PYTHONPATH": str(ROOT),
        "ANOMALY_COURSE_PROFILE": "quick",
        "JUPYTER_CONFIG_DIR": str(folder / "jupyter"),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


# ---------------------------------------------------------------- this kit


def _kit(workers: int) -> Callable[[Path], list[str]]:
    def command(folder: Path) -> list[str]:
        return [
            *(sys.executable, "-m", "grader", "autograde", "--course", str(folder)),
            *("--workers", str(workers), "--profile", "quick", "--trust-solution"),
        ]

    return command


def _prepare_kit(folder: Path, notebook: Notebook, count: int) -> list[str]:
    return write_submissions(folder / "submitted", ROOT, notebook, count, "kit")


def _kit_points(folder: Path, student: str, notebook: Notebook) -> float | None:
    return read_report(report_path(folder / "reports", student, notebook.id)).points


# ---------------------------------------------------------------- nbgrader


def _nbgrader(folder: Path) -> list[str]:
    return [sys.executable, "-m", "nbgrader", "autograde", "nb1_autoencoder"]


def _prepare_nbgrader(folder: Path, notebook: Notebook, count: int) -> list[str]:
    return _nbgrader_class(folder, notebook, count, "nbgrader")


def _prepare_nbgrader_as_handed_in(folder: Path, notebook: Notebook, count: int) -> list[str]:
    return _nbgrader_class(folder, notebook, count, "nbgrader, every cell")


def _nbgrader_class(folder: Path, notebook: Notebook, count: int, form: str) -> list[str]:
    source = folder / "source" / notebook.id / f"{notebook.id}.ipynb"
    source.parent.mkdir(parents=True)
    every_cell = form.endswith("every cell")
    solution = solution_notebook(ROOT, notebook.id)
    nbformat.write(for_peers(solution, notebook, True, demo_cells=every_cell), source)
    settings = f"c = get_config()\nc.Execute.timeout = {CELL_SECONDS}\n"
    (folder / "nbgrader_config.py").write_text(settings, encoding="utf-8")
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", notebook.id]
    subprocess.run(
        command, cwd=folder, env=environment(folder), check=True, capture_output=True, text=True
    )
    return write_submissions(folder / "submitted", ROOT, notebook, count, form)


def _nbgrader_points(folder: Path, student: str, notebook: Notebook) -> float | None:
    from nbgrader.api import Gradebook, MissingEntry

    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        try:
            return float(gradebook.find_submission(notebook.id, student).score)
        except MissingEntry:
            return None


def _nbgrader_version() -> str:
    return importlib.metadata.version("nbgrader")


# ---------------------------------------------------------------- otter-grader


def _otter(folder: Path) -> list[str]:
    return [
        *(str(OTTER / "bin" / "python"), "-m", "benchmarks.peers_otter"),
        *("autograder.zip", "submitted", "points.json"),
    ]


def _prepare_otter(folder: Path, notebook: Notebook, count: int) -> list[str]:
    install_otter()
    with zipfile.ZipFile(folder / "autograder.zip", "w") as archive:
        archive.writestr("otter_config.json", json.dumps({"print_summary": False}))
        for exercise in notebook.exercises:
            text = TEST_FILE.format(
                grade_id=exercise.grade_id, points=exercise.points, exercise=exercise.id
            )
            archive.writestr(f"tests/{exercise.grade_id}.py", text)
    return write_submissions(folder / "submitted", ROOT, notebook, count, "otter")


def _otter_points(folder: Path, student: str, notebook: Notebook) -> float | None:
    points: dict[str, float] = json.loads((folder / "points.json").read_text(encoding="utf-8"))
    return points.get(student)


def _otter_version() -> str:
    code = "import importlib.metadata; print(importlib.metadata.version('otter-grader'))"
    command = [str(OTTER / "bin" / "python"), "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def install_otter() -> None:
    """Make otter-grader's own environment, which borrows all packages of this one, once.

    Raises
    ------
    PeerUnavailableError
        If it cannot be installed, or does not start then.
    """
    python = OTTER / "bin" / "python"
    commands = [
        [sys.executable, "-m", "venv", "--clear", str(OTTER)],
        [str(python), "-m", "pip", "install", "--quiet", "otter-grader"],
    ]
    try:
        if _starts(python):
            return
        subprocess.run(commands[0], check=True, capture_output=True, timeout=INSTALL_SECONDS)
        packages = next(OTTER.glob("lib/python*/site-packages"))
        (packages / "borrowed.pth").write_text("\n".join(site.getsitepackages()))
        subprocess.run(commands[1], check=True, capture_output=True, timeout=INSTALL_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        raise PeerUnavailableError(
            f"otter-grader could not be installed ({type(error).__name__}), so its row is missing. "
            "Look at what `pip install otter-grader` says in an environment of its own."
        ) from error
    if not _starts(python):
        raise PeerUnavailableError(
            "otter-grader was installed and does not start, so its row is missing. Remove "
            f"{OTTER.relative_to(ROOT)} and run this again."
        )


def _starts(python: Path) -> bool:
    if not python.exists():
        return False
    command = [str(python), "-c", "import otter.api, tensorflow"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
