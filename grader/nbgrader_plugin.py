"""How the kit plugs into nbgrader: its stubs, its grading instead of Execute, its export."""

import re
from typing import Any

from nbformat import NotebookNode
from nbgrader.preprocessors import ClearSolutions, NbGraderPreprocessor

from data_utils.course import load_course

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
        return cell, resources


def configure_course(config: Any) -> None:
    """Set what every nbgrader command of this course needs.

    Parameters
    ----------
    config : traitlets.config.Config
        That of ``nbgrader_config.py``, or of the build.
    """
    from nbgrader.converters import GenerateAssignment

    config.CourseDirectory.source_directory = "solutions"
    config.CourseDirectory.release_directory = "notebooks"
    preprocessors = list(GenerateAssignment.preprocessors.default_args[0])
    preprocessors.insert(preprocessors.index(ClearSolutions) + 1, NameStubs)
    config.GenerateAssignment.preprocessors = preprocessors
