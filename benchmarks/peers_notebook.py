"""The same honest class, once as this kit takes it and once as other autograders do.

What the peers get is made from a submission by three changes, so that all run the same cells and
the same checks:

- cells tagged "demo" are gone, because this kit's grader leaves them out;
- the grade cells stand behind all others, because exercise 1.5 is also judged on the finished run;
- in a grade cell stands the call that runs the hidden checks, not the visible ones; otter-grader,
  whose tests lie in files beside the notebook, gets no grade cells.
"""

import json
from dataclasses import replace
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from data_utils.course import Notebook
from grader.sample_class import SampleStudent, load_class, solution_notebook, submission_of

GRADE_CELL = """\
from benchmarks.peers_kernel import grade_here
grade_here("{exercise}", globals())"""


def honest_class(notebook_id: str, count: int) -> list[SampleStudent]:
    """Return students whose work is right: the right samples of the sample class in turn.

    Parameters
    ----------
    notebook_id : str
    count : int

    Returns
    -------
    list of SampleStudent
        With names of their own, such as ``"s03_plain_design"``.
    """
    right = [student for student in load_class(notebook_id) if student.kind == "right"]
    turns = [right[place % len(right)] for place in range(count)]
    return [replace(s, name=f"s{place + 1:02d}_{s.name}") for place, s in enumerate(turns)]


def write_submissions(
    submitted: Path, root: Path, notebook: Notebook, count: int, form: str
) -> list[str]:
    """Write an honest class in nbgrader's layout and return its students.

    Parameters
    ----------
    submitted : Path
    root : Path
        The checkout.
    notebook : Notebook
    count : int
    form : {"kit", "nbgrader", "nbgrader, every cell", "otter"}
    """
    solution = solution_notebook(root, notebook.id)
    students = honest_class(notebook.id, count)
    for student in students:
        text = submission_of(student, solution, notebook)
        if form != "kit":
            node = nbformat.from_dict(json.loads(text))
            made = for_peers(
                node, notebook, form != "otter", demo_cells=form.endswith("every cell")
            )
            text = nbformat.writes(made)
        path = submitted / student.name / notebook.id / f"{notebook.id}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    return [student.name for student in students]


def for_peers(
    handed_in: NotebookNode, notebook: Notebook, grade_cells: bool, demo_cells: bool = False
) -> NotebookNode:
    """Return a submission, or the solution, as an autograder with checks in the kernel takes it.

    Demo cells, which the kit leaves out while grading, are left out here too, but on request.
    """
    names = {exercise.grade_id: exercise.id for exercise in notebook.exercises}
    others, graded = [], []
    for cell in nbformat.from_dict(handed_in).cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if grade_id in names:
            cell.source = GRADE_CELL.format(exercise=names[grade_id])
            graded.append(cell)
        elif demo_cells or "demo" not in cell.metadata.get("tags", []):
            others.append(cell)
    made = nbformat.from_dict(handed_in)
    made.cells = others + graded if grade_cells else others
    return made
