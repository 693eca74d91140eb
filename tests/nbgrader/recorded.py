"""A class whose reports were made by hand, in a course folder with nbgrader's gradebook."""

import dataclasses
import hashlib
import json
from pathlib import Path

from nbgrader.api import Gradebook

from data_utils.course import load_course
from data_utils.selfcheck.words import Finding
from grader.classroom import ClassFolder
from grader.gradebook import Recorded, record
from grader.report import CheckResult, ExerciseResult, GradeReport
from grader.submissions import released_notebook
from tests.nbgrader.conftest import NB

NOTEBOOK = load_course().notebook(NB)
QUESTION = NOTEBOOK.questions[0].grade_id
SECRET = "test_secret_check"
EXERCISES = {e.grade_id for e in NOTEBOOK.exercises}
FIRST = NOTEBOOK.exercises[0]


def report_of(sha256: str, points: float = 1.5, **changes: object) -> GradeReport:
    """Return a report of those bytes with the same points for each exercise."""
    why = Finding("one", "two", f"the answer is worth {points}", "four")
    check = CheckResult(SECRET, "A secret title.", "failed", 1, False, why)
    results = tuple(
        ExerciseResult(e.id, e.function, e.points, points, (check,)) for e in NOTEBOOK.exercises
    )
    report = GradeReport(
        f"{NB}.ipynb", NB, sha256, "graded", "", "quick", "cpu", "bwrap", results, {}, (), 1.0, 1.0
    )
    return dataclasses.replace(report, **changes)


def hand_in(root: Path, student: str, points: float | None = 1.5, essay: str = "My own words.",
            **changes: object) -> Path:  # fmt: skip
    """Write a submission with an answer to the question, and its report; None for no report."""
    notebook = json.loads(released_notebook(NB).read_text())
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == QUESTION:
            cell["source"] = essay
    notebook["cells"][0]["source"] = f"# {student} {points}"
    path = root / "submitted" / student / NB / f"{NB}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook))
    if points is not None:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        report_of(sha256, points, **changes).write(root / "reports" / student / f"{NB}.json")
    return path


def record_all(root: Path, *students: str) -> dict[str, Recorded]:
    """Record these students, or all who have a folder."""
    names = students or tuple(sorted(p.name for p in (root / "submitted").iterdir()))
    seen: list[Recorded] = []
    done = record(ClassFolder(root), NOTEBOOK, names, seen.append)
    assert seen == done
    return {row.student: row for row in done}


def scores(root: Path, student: str) -> dict[str, float | None]:
    """Return what nbgrader shows as the points of each cell."""
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        submission = book.find_submission_notebook(NB, NB, student)
        return {grade.name: grade.auto_score for grade in submission.grades}


def grade(root: Path, student: str, name: str = QUESTION, **changes: object) -> dict[str, object]:
    """Change a grade as formgrader does, and return it as it is then."""
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        found = book.find_grade(name, NB, NB, student)
        for attribute, value in changes.items():
            setattr(found, attribute, value)
        book.db.commit()
        return {**found.to_dict(), "score": found.score}


def copy_of(root: Path, student: str) -> Path:
    """Return the autograded notebook."""
    return root / "autograded" / student / NB / f"{NB}.ipynb"
