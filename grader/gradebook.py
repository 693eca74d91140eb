"""nbgrader's gradebook: what the grader found goes in, what a person graded comes out.

nbgrader is imported inside the functions: it takes a second, and most commands need none of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from data_utils.course import Notebook
from grader.classroom import ClassFolder, list_seats
from grader.errors import ClassRecordError, GraderError

# Asked of the database itself: importing nbgrader costs every command that shows results 2.5 s.
_IS_THERE = """
SELECT notebook.id FROM notebook JOIN assignment ON notebook.assignment_id = assignment.id
WHERE notebook.name = :notebook AND assignment.name = :notebook
"""
_SCORES = """
SELECT submitted_assignment.student_id, base_cell.name,
       COALESCE(grade.manual_score, grade.auto_score) + COALESCE(grade.extra_credit, 0)
FROM grade
JOIN base_cell ON grade.cell_id = base_cell.id
JOIN submitted_notebook ON grade.notebook_id = submitted_notebook.id
JOIN submitted_assignment ON submitted_notebook.assignment_id = submitted_assignment.id
JOIN notebook ON submitted_notebook.notebook_id = notebook.id
JOIN assignment ON notebook.assignment_id = assignment.id
WHERE notebook.name = :notebook AND assignment.name = :notebook
"""


@dataclass(frozen=True)
class Recorded:
    """Whether one student's report is in nbgrader's gradebook.

    Attributes
    ----------
    student : str
    reason : str
        Why it is not; empty where it is.
    kept : bool
        It was there already, and nothing was done.
    """

    student: str
    reason: str = ""
    kept: bool = False


def record(
    folder: ClassFolder,
    notebook: Notebook,
    students: Sequence[str],
    on_student: Callable[[Recorded], None],
) -> list[Recorded]:
    """Bring reports into nbgrader's gradebook and its folder ``autograded/``.

    Runs nbgrader's own autograde step, with the course's ``nbgrader_config.py``, for each student
    whose report is not there yet. Nothing is graded. What was given by hand stays; where the answer
    or the points changed, formgrader asks for it again.

    Parameters
    ----------
    folder : ClassFolder
    notebook : Notebook
    students : sequence of str
    on_student : callable
        Called with each result as it comes.

    Returns
    -------
    list of Recorded
        In the order of `students`. A report that cannot be recorded never raises: its reason is a
        sentence, and points of an earlier one are taken out of the gradebook.
    """
    from grader.nbgrader_recording import Recorder

    recorder, obstacle = None, ""
    done: list[Recorded] = []
    for student in students:
        try:
            if not obstacle:
                if recorder is None:
                    recorder = Recorder(folder, notebook)
                    recorder.prepare()
                done.append(recorder.record(student))
        except GraderError as error:  # for the others as well: do not wait for each
            obstacle = str(error)
        if obstacle:
            done.append(Recorded(student, obstacle))
        on_student(done[-1])
    return done


def points_by_hand(folder: ClassFolder, notebook: Notebook) -> dict[str, dict[str, float | None]]:
    """Return the points of the questions that a person grades.

    Returns
    -------
    dict
        Student -> question id -> points, extra credit with them, None while a question waits.
        Every student of the class is there. Empty where nbgrader's gradebook is not there, or does
        not hold the notebook.

    Raises
    ------
    GraderError
        If the gradebook or the class cannot be read.
    """
    url = _url(folder)
    if not url or not notebook.questions:
        return {}
    import sqlalchemy

    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            names = {"notebook": notebook.id}
            if connection.execute(sqlalchemy.text(_IS_THERE), names).first() is None:
                return {}
            rows = connection.execute(sqlalchemy.text(_SCORES), names).all()
    except sqlalchemy.exc.SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        raise ClassRecordError(f"nbgrader's gradebook cannot be read: {reason}") from error
    finally:
        engine.dispose()
    questions = {question.grade_id: question.id for question in notebook.questions}
    students = [seat.student for seat in list_seats(folder.submitted, notebook.id)]
    points = {student: dict.fromkeys(questions.values()) for student in students}
    for student, name, score in rows:
        if name in questions and student in points:
            points[student][questions[name]] = score
    return points


def _url(folder: ClassFolder) -> str:
    """Return where the gradebook is, or an empty string where there is none."""
    config = folder.root / "nbgrader_config.py"
    if config.exists() and "db_url" in config.read_text(encoding="utf-8", errors="replace"):
        from grader.nbgrader_course import NbgraderCourse

        course = NbgraderCourse(folder.root)
        return str(course.directory.db_url) if course.has_gradebook() else ""
    path = folder.gradebook.resolve()
    return f"sqlite:///file:{quote(str(path))}?mode=ro&uri=true" if path.exists() else ""
