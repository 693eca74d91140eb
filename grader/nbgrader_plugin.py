"""How the kit plugs into nbgrader: its stubs, its grading instead of Execute, its export."""

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.preprocessors import (
    ClearSolutions,
    Execute,
    NbGraderPreprocessor,
    OverwriteCells,
)

from data_utils.course import load_course
from data_utils.runtime import current_profile
from grader.examination import CELL_SECONDS
from grader.nbgrader_export import HonestExport
from grader.nbgrader_grading import GradeInSandbox
from grader.nbgrader_points import is_as_released
from grader.nbgrader_reading import SubmissionReader

# Columns of `nbgrader validate`: its 90 would cut the sentences of a check in the middle.
VALIDATE_COLUMNS = 160
_STUB = re.compile(r"raise NotImplementedError\(\)")


class NameStubs(NbGraderPreprocessor):
    """Let a stub say which exercise is still to be done."""

    def preprocess_cell(
        self, cell: NotebookNode, resources: Any, index: int
    ) -> tuple[NotebookNode, Any]:
        """Put the exercise's name into the stubs of an answer cell."""
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        for notebook in load_course().notebooks:
            for exercise in notebook.exercises:
                if grade_id == f"answer_{exercise.grade_id}":
                    text = f"Exercise {exercise.id} ({exercise.function}) is still to be done."
                    cell.source = _STUB.sub(f'raise NotImplementedError("{text}")', cell.source)
        if grade_id.startswith("optional_"):
            text = "This optional exercise is still to be done."
            cell.source = _STUB.sub(f'raise NotImplementedError("{text}")', cell.source)
        return cell, resources


class OverwriteRescored(OverwriteCells):
    """nbgrader's OverwriteCells, which would stop at a cell whose points were changed later."""

    def preprocess_cell(
        self, cell: NotebookNode, resources: Any, index: int
    ) -> tuple[NotebookNode, Any]:
        """Put a released cell back in its state, with the points that the gradebook holds now."""
        try:
            done: tuple[NotebookNode, Any] = super().preprocess_cell(cell, resources, index)
            return done
        except RuntimeError:  # the checksum differs; all else was put right before nbgrader raised
            own = cell.metadata.nbgrader
            if not is_as_released(own["grade_id"], own["checksum"], cell):
                raise
            return cell, resources


def configure_course(config: Any) -> None:
    """Set what every nbgrader command of this course needs.

    Parameters
    ----------
    config : traitlets.config.Config
        That of ``nbgrader_config.py``, or of the build.
    """
    _find_alembic()
    config.CourseDirectory.source_directory = "solutions"
    config.CourseDirectory.release_directory = "notebooks"
    config.GenerateAssignment.preprocessors = _with_named_stubs()
    config.Autograde.exporter_class = SubmissionReader
    config.Autograde.sanitize_preprocessors = _overwriting_rescored()
    config.Autograde.autograde_preprocessors = _grading_outside()
    config.OverwriteCells.add_missing_cells = True
    config.ExportApp.plugin_class = HonestExport
    # Only `validate` still runs a notebook with Execute, on the machine of who asks for it.
    config.Execute.timeout = int(CELL_SECONDS[current_profile()])
    config.Validator.width = VALIDATE_COLUMNS


def _find_alembic() -> None:
    """Let nbgrader start alembic, which it does by name to make its gradebook.

    In a virtual environment that was not activated the name is not on the PATH.
    """
    if shutil.which("alembic") is None:
        own = str(Path(sys.executable).parent)
        os.environ["PATH"] = os.pathsep.join([own, os.environ.get("PATH", os.defpath)])


def _with_named_stubs() -> list[Any]:
    preprocessors = list(GenerateAssignment.preprocessors.default_args[0])
    preprocessors.insert(preprocessors.index(ClearSolutions) + 1, NameStubs)
    return preprocessors


def _grading_outside() -> list[Any]:
    preprocessors = list(Autograde.autograde_preprocessors.default_args[0])
    preprocessors[preprocessors.index(Execute)] = GradeInSandbox
    return preprocessors


def _overwriting_rescored() -> list[Any]:
    preprocessors = list(Autograde.sanitize_preprocessors.default_args[0])
    preprocessors[preprocessors.index(OverwriteCells)] = OverwriteRescored
    return preprocessors
