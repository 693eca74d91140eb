"""All five nbgrader commands on one course folder: same points, honest words, no leak."""

import ast
import csv
import html
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbgrader.api import Gradebook

from data_utils.course import load_course
from grader.sample_class import expected_points, load_class, solution_notebook, submission_of
from tests.nbgrader.conftest import DAMAGED, NB, ROOT, SHIPPED, CourseFolder, leave_unsolved
from tests.nbgrader.recorded import record_all

pytestmark = pytest.mark.slow
NOTEBOOK = load_course().notebook(NB)
SAMPLES = {student.name: student for student in load_class(NB)}
GRADED = ("solution", "fpr_and_fnr_swapped", DAMAGED)
REFUSED = ("a_link", "not_json", "renamed")
SHORTEST_LINE = 20  # characters; a shorter line of code may stand anywhere


def grades(course: CourseFolder) -> dict[str, dict[str, str]]:
    with (course.root / "grades.csv").open(newline="") as file:
        return {row["student_id"]: row for row in csv.DictReader(file)}


def auto_scores(course: CourseFolder, student: str) -> dict[str, float | None]:
    with Gradebook(f"sqlite:///{course.root / 'gradebook.db'}") as gradebook:
        submission = gradebook.find_submission_notebook(NB, NB, student)
        by_hand = {question.grade_id for question in NOTEBOOK.questions}
        return {g.name: g.auto_score for g in submission.grades if g.name not in by_hand}


def strings(tree: Any) -> Iterator[str]:
    """Every text in a JSON tree."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, (dict, list)):
        for branch in tree.values() if isinstance(tree, dict) else tree:
            yield from strings(branch)


def text_of(path: Path) -> str:
    """What a file says, without its format: cell sources and outputs, or a page's text."""
    if path.suffix == ".png":  # a figure: pixels, no words
        return ""
    raw = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        raw = "\n".join(strings(json.loads(raw)))
    if path.suffix == ".html":
        raw = html.unescape(re.sub(r"<[^>]+>", "", raw))
    return raw


def given_to_students(course: CourseFolder, student: str = "*") -> list[Path]:
    """Every file of the release, and of what a student gets back."""
    files = [
        p for step in ("autograded", "feedback") for p in course.root.glob(f"{step}/{student}/**/*")
    ]
    return [p for p in [*files, *course.root.glob("notebooks/**/*")] if p.is_file()]  # fmt: skip


def code_lines(source: str) -> set[str]:
    """Lines of code that are long enough to be told; no docstring, comment or import."""
    bare = ast.unparse(_Bare().visit(ast.parse(source)))
    own = {line.strip() for line in source.splitlines()} | {s.strip() for s in bare.splitlines()}
    words = {line.strip() for text in _docstrings(source) for line in text.splitlines()}
    lines = {s for s in own - words if len(s) >= SHORTEST_LINE}
    return {s for s in lines if not s.startswith(("#", '"""', "import ", "from "))}


class _Bare(ast.NodeTransformer):
    """Take docstrings out."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | ast.Pass:
        return ast.Pass() if isinstance(node.value, ast.Constant) else node


def _docstrings(source: str) -> list[str]:
    kinds = (ast.Module, ast.FunctionDef, ast.ClassDef)
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]
    return [ast.get_docstring(node) or "" for node in nodes]


def test_the_release_is_what_grader_build_writes(course: CourseFolder) -> None:
    made, shipped = (course.root / step / NB / f"{NB}.ipynb" for step in ("notebooks", SHIPPED))
    assert made.read_bytes() == shipped.read_bytes()


def test_autograde_names_those_it_could_not_grade(course: CourseFolder) -> None:
    done = course.said["autograde"]
    named = set(re.findall(rf"assignment '{NB}' for student '(\w+)'", done.stderr))
    assert (done.returncode, named) == (1, set(REFUSED))
    assert "is a link to another file" in course.report("a_link").reason
    assert "not JSON" in course.report("not_json").reason


@pytest.mark.parametrize("student", GRADED)
def test_gradebook_report_and_export_agree(course: CourseFolder, student: str) -> None:
    report, row = course.report(student), grades(course)[student]
    points = {f"ex{e.id.replace('.', '_')}": e.points for e in report.exercises}
    assert report.profile == "quick"
    assert auto_scores(course, student) == points
    assert {name: float(row[name]) for name in points} == points
    assert float(row["score"]) == float(row["raw_score"]) == report.points
    assert float(row["max_score"]) == NOTEBOOK.points + NOTEBOOK.points_by_hand
    assert row["question1_7"] == ("0.0" if student == DAMAGED else "ungraded")  # left empty: a zero


@pytest.mark.parametrize("student", ["solution", "fpr_and_fnr_swapped"])
def test_every_sample_gets_what_it_must(course: CourseFolder, student: str) -> None:
    for exercise in course.report(student).exercises:
        unsolved = student != "solution" and exercise.id == "1.5"
        wanted = 0.0 if unsolved else expected_points([SAMPLES[student]], exercise)
        assert exercise.points == wanted


def test_a_damaged_notebook_is_graded_and_its_links_go_nowhere(course: CourseFolder) -> None:
    report = course.report(DAMAGED)
    assert (report.status, report.points) == ("graded", 0.0)
    assert "cell ex1_2 was missing and was put back" in report.flags
    back = course.root / "autograded" / DAMAGED / NB
    assert sorted(p.name for p in back.iterdir()) == ["figures", f"{NB}.ipynb", "notes.txt"]


def test_the_feedback_says_what_was_wrong(course: CourseFolder) -> None:
    page = text_of(course.root / "feedback/fpr_and_fnr_swapped" / NB / f"{NB}.html")
    assert SAMPLES["fpr_and_fnr_swapped"].message in page
    assert "[ PASSED ]  Exercise 1.1" in page
    assert "[ FAILED ]  Exercise 1.4" in page


def test_a_grade_cell_holds_words_then_a_number_and_nothing_on_stderr(course: CourseFolder) -> None:
    path = course.root / "autograded/solution" / NB / f"{NB}.ipynb"
    for cell in nbformat.read(path, as_version=4).cells:
        outputs = [
            (out.output_type, out.get("name", ""))
            for out in (cell.outputs if cell.cell_type == "code" else [])
        ]
        graded = cell.metadata.get("nbgrader", {}).get("grade", False) and cell.cell_type == "code"
        assert outputs == ([("stream", "stdout"), ("execute_result", "")] if graded else [])


def test_no_text_of_a_hidden_check_reaches_a_student(course: CourseFolder) -> None:
    sources = [path.read_text() for path in (ROOT / "grader/hidden").glob("*.py")]
    own = (ROOT / "solutions" / f"{NB}.py").read_text()  # what a student may write as well
    secrets = {line for line in set().union(*map(code_lines, sources)) if line not in own}
    secrets |= {name for source in sources for name in re.findall(r"def (test_\w+)", source)}
    assert len(secrets) > 100
    pages = given_to_students(course) + list(course.root.glob("grades.csv"))
    assert len(pages) > 2 * len(GRADED)
    for page in pages:
        text = text_of(page)
        assert not [secret for secret in secrets if secret in text], page


def test_no_text_of_a_solution_reaches_a_student(course: CourseFolder) -> None:
    source = (ROOT / "solutions" / f"{NB}.py").read_text()
    blocks = re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", source, re.DOTALL)
    secrets = {line.strip() for block in blocks for line in block.splitlines()}
    hints = " ".join(h for e in load_course().notebook(NB).exercises for h in e.hints)
    secrets = {line for line in secrets if len(line) >= SHORTEST_LINE and line not in hints}
    assert len(secrets) > 15
    for page in given_to_students(course, DAMAGED):  # who has written none of it
        text = text_of(page)
        assert not [secret for secret in secrets if secret in text], page
        assert "BEGIN SOLUTION" not in text


def test_export_has_words_where_there_are_no_points(course: CourseFolder) -> None:
    table = grades(course)
    assert set(table) == {*GRADED, *REFUSED, "missing"}
    for student, word in [*((name, "failed") for name in REFUSED), ("missing", "missing")]:
        row = table[student]
        assert {row["raw_score"], row["score"], row["ex1_1"], row["ex1_5"]} == {word}


def test_what_failed_later_is_not_exported_with_its_old_points(
    course: CourseFolder, tmp_path: Path
) -> None:
    later = CourseFolder(tmp_path / "later", {})
    shutil.copytree(course.root, later.root, symlinks=True)
    later.submitted("solution").write_text("not a notebook")
    later.nbgrader("export")
    assert grades(later)["solution"]["score"] == "failed"  # changed, and not graded again
    later.nbgrader("autograde", NB, "--force", "--student=solution")
    assert sum(score or 0.0 for score in auto_scores(later, "solution").values()) == NOTEBOOK.points
    later.nbgrader("export", "--student=['solution']", "--to=one.csv")
    assert "not JSON" in later.said["export"].stderr
    shutil.move(later.root / "one.csv", later.root / "grades.csv")
    assert {name: row["score"] for name, row in grades(later).items()} == {"solution": "failed"}


def test_a_second_run_grades_nothing_again_and_the_gradebook_stands(
    course: CourseFolder, tmp_path: Path
) -> None:
    later = CourseFolder(tmp_path / "later", {})
    shutil.copytree(course.root, later.root, symlinks=True)
    reports = {s: (later.root / "reports" / s / f"{NB}.json").read_bytes() for s in GRADED}
    assert {s for s, row in record_all(later.root).items() if row.kept} == set(GRADED)
    options = ("--force", "--GradeInSandbox.profile=quick")
    later.nbgrader("autograde", NB, *options)
    for student, report in reports.items():
        assert (later.root / "reports" / student / f"{NB}.json").read_bytes() == report
        assert auto_scores(later, student) == auto_scores(course, student)
    assert {s for s, row in record_all(later.root).items() if row.kept} == set(GRADED)


def test_points_given_by_hand_flow_into_the_export(course: CourseFolder, tmp_path: Path) -> None:
    later = CourseFolder(tmp_path / "later", {})
    shutil.copytree(course.root, later.root, symlinks=True)
    with Gradebook(f"sqlite:///{later.root / 'gradebook.db'}") as gradebook:
        grade = gradebook.find_grade("question1_7", NB, NB, "solution")
        assert grade.needs_manual_grade
        grade.manual_score, grade.needs_manual_grade = 3.0, False  # what formgrader does
        gradebook.db.commit()
    later.nbgrader("export")
    row = grades(later)["solution"]
    assert (row["question1_7"], row["score"]) == ("3.0", str(NOTEBOOK.points + 3.0))


def without_demo(path: Path) -> None:
    """Take out the cells that no check asks for; tests/masters runs them, and they are slow."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [c for c in notebook.cells if "demo" not in c.metadata.get("tags", [])]
    nbformat.write(notebook, path)


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("notebooks", ["VALIDATION FAILED ON 7 CELL(S)", "the exercise is still to be done"]),
        ("solutions", ["Success! Your notebook passes all the tests."]),
    ],
)
def test_validate_tells_the_truth(
    new_course: Callable[[], CourseFolder], folder: str, words: list[str]
) -> None:
    course = new_course()
    without_demo(course.root / folder / NB / f"{NB}.ipynb")
    said = course.nbgrader("validate", f"{folder}/{NB}/{NB}.ipynb").stdout
    assert [word for word in words if word not in said] == []


def test_without_our_plugin_no_failed_visible_check_earns_a_point(
    new_course: Callable[[], CourseFolder],
) -> None:
    course = new_course()
    (course.root / "nbgrader_config.py").write_text(
        'c = get_config()\nc.CourseDirectory.source_directory = "solutions"\n'
        'c.CourseDirectory.release_directory = "notebooks"\n'
    )
    notebook = solution_notebook(course.root, NB)
    for name in ("score_over_the_batch", "fpr_and_fnr_swapped"):
        notebook = nbformat.reads(submission_of(SAMPLES[name], notebook, NOTEBOOK), as_version=4)
    path = course.submitted("three_mistakes")
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)
    leave_unsolved(course, path, "answer_ex1_5")  # nothing is trained
    without_demo(path)
    course.nbgrader("generate_assignment", NB, "--force")
    course.nbgrader("autograde", NB, "--Execute.timeout=300")
    scores = auto_scores(course, "three_mistakes")
    assert (scores["ex1_2"], scores["ex1_4"], scores["ex1_5"]) == (0.0, 0.0, 0.0)
    assert (scores["ex1_1"], scores["ex1_3"]) == (4.0, 3.0)
