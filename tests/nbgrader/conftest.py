"""A course folder with a small class, graded once by nbgrader's own commands."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from data_utils.course import load_course
from grader.demo import write_class
from grader.report import GradeReport, read_report
from grader.sample_class import load_class
from grader.sandbox import SandboxUnavailable, best_isolation

ROOT = Path(__file__).resolve().parents[2]
NB = "nb1_autoencoder"
# Two that are graded (the second one trains nothing), the untouched release in a bad state, and
# what cannot be graded.
STUDENTS = ("solution", "fpr_and_fnr_swapped", "not_json", "a_link", "missing", "renamed")
DAMAGED = "damaged"
SHIPPED = "shipped"


@dataclass
class CourseFolder:
    """A copy of the course, and what nbgrader's commands said in it."""

    root: Path
    said: dict[str, subprocess.CompletedProcess[str]]

    def nbgrader(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``nbgrader ARGUMENTS`` in this folder, with no settings but the course's."""
        private = self.root / "jupyter"
        environment = {**os.environ, "ANOMALY_COURSE_PROFILE": "quick"}
        environment |= {"JUPYTER_CONFIG_DIR": str(private), "TF_CPP_MIN_LOG_LEVEL": "3"}
        environment["PYTHONPATH"] = str(ROOT)  # this checkout, whichever is installed
        command = [sys.executable, "-m", "nbgrader", *arguments]
        done = subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )
        self.said[arguments[0]] = done
        return done

    def submitted(self, student: str) -> Path:
        """Return where a student's notebook lies."""
        return self.root / "submitted" / student / NB / f"{NB}.ipynb"

    def report(self, student: str) -> GradeReport:
        """Read the report that autograde wrote."""
        return read_report(self.root / "reports" / student / f"{NB}.json")


def copy_course(root: Path) -> CourseFolder:
    """Copy what an instructor keeps: masters, releases, settings."""
    for name in ("solutions", "notebooks"):
        shutil.copytree(ROOT / name, root / name)
    shutil.copytree(root / "notebooks", root / SHIPPED)  # generate_assignment writes it anew
    shutil.copy(ROOT / "nbgrader_config.py", root)
    return CourseFolder(root, {})


def damage(release: str) -> str:
    """Return the release as a student may leave it: cells gone, copied, turned into text."""
    notebook = json.loads(release)
    cells: list[dict[str, Any]] = []
    for cell in notebook["cells"]:
        own = cell["metadata"].get("nbgrader", {})
        name = own.get("grade_id")
        if name == "ex1_2":
            continue
        if name == "ex1_3":
            del own["points"]
            own["schema_version"] = 1
        if name == "ex1_4":
            cell = {"cell_type": "markdown", "metadata": cell["metadata"], "source": "no code"}
        if name == "answer_ex1_3":
            cells.append(json.loads(json.dumps(cell)))
        if name == "given_setup":
            cell["outputs"] = "rubbish"
        cells.append(cell)
    cells.append({"cell_type": "heading", "source": "x", "level": 1, "metadata": {"nbgrader": 7}})
    return json.dumps({**notebook, "cells": cells, "metadata": {"kernelspec": "odd"}})


def write_students(course: CourseFolder) -> None:
    """Put the class below submitted/."""
    submitted = course.root / "submitted"
    for seat in write_class(submitted, course.root, load_course().notebook(NB), load_class(NB)):
        if seat.student not in STUDENTS:
            shutil.rmtree(submitted / seat.student)
    leave_unsolved(course, course.submitted("fpr_and_fnr_swapped"), "answer_ex1_5")
    path = course.submitted(DAMAGED)
    path.parent.mkdir(parents=True)
    path.write_text(damage((course.root / "notebooks" / NB / f"{NB}.ipynb").read_text()))
    (path.parent / "passwords.txt").symlink_to("/etc/passwd")
    (path.parent / "notes.txt").write_text("my notes\n")


def leave_unsolved(course: CourseFolder, path: Path, name: str) -> None:
    """Put an answer cell of a submission back to what was shipped."""
    shipped = json.loads((course.root / SHIPPED / NB / f"{NB}.ipynb").read_text())
    notebook = json.loads(path.read_text())
    for cell, unsolved in zip(notebook["cells"], shipped["cells"], strict=True):
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == name:
            cell["source"] = unsolved["source"]
    path.write_text(json.dumps(notebook))


@pytest.fixture(scope="session", autouse=True)
def _activated() -> Iterator[None]:
    """Nbgrader starts alembic by name, as it is found in an activated environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
        yield


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> CourseFolder:
    """Return a class that went through generate_assignment, autograde, feedback and export."""
    try:
        best_isolation()
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    folder = copy_course(tmp_path_factory.mktemp("course"))
    write_students(folder)
    folder.nbgrader("generate_assignment", NB, "--force")
    folder.nbgrader("autograde", NB, "--GradeInSandbox.profile=quick")
    folder.nbgrader("generate_feedback", NB)
    folder.nbgrader("export")
    return folder


@pytest.fixture
def new_course(tmp_path: Path) -> Callable[[], CourseFolder]:
    """Return a maker of a course folder without students."""
    return lambda: copy_course(tmp_path)


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> CourseFolder:
    """Return a course folder with nbgrader's gradebook, without students."""
    folder = copy_course(tmp_path_factory.mktemp("empty"))
    folder.nbgrader("generate_assignment", NB, "--force")
    return folder


@pytest.fixture
def root(empty: CourseFolder, tmp_path: Path) -> Path:
    """Return a copy of it."""
    return Path(shutil.copytree(empty.root, tmp_path / "class"))
