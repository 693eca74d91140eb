"""What a student gets back: nbgrader's page, and beside it the grader's own for everybody."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_utils.course import Notebook
from grader.classroom import ClassFolder
from grader.errors import GraderError
from grader.files import write_atomically

OWN_PAGE = "report.html"  # nbgrader's own is called after the notebook


@dataclass(frozen=True)
class Feedback:
    """What was written for one student.

    Attributes
    ----------
    student : str
    pages : tuple of Path
        The pages that hold for the student's report: nbgrader's, the grader's own, both or none.
    reason : str
        Why nbgrader has no page; empty where it has.
    """

    student: str
    pages: tuple[Path, ...]
    reason: str = ""


def write_feedback(
    folder: ClassFolder,
    notebook: Notebook,
    students: Sequence[str],
    page_of: Callable[[str], Path | None],
    on_student: Callable[[Feedback], None],
) -> list[Feedback]:
    """Write ``feedback/STUDENT/NOTEBOOK/``: nbgrader's page, and the grader's as ``report.html``.

    Parameters
    ----------
    folder : ClassFolder
    notebook : Notebook
    students : sequence of str
    page_of : callable
        Returns where the grader's own page of a student lies, or None.
    on_student : callable
        Called with each result as it comes.

    Returns
    -------
    list of Feedback
        In the order of `students`. nbgrader has a page only for what is in its gradebook; one of
        an earlier report is removed.

    Raises
    ------
    GraderError
        If a page cannot be written.
    """
    from grader.nbgrader_recording import Recorder

    recorder, obstacle = None, ""
    done = []
    for student in students:
        reason = obstacle
        try:
            if not obstacle:
                recorder = recorder or Recorder(folder, notebook)
                reason = recorder.write_feedback(student)
        except GraderError as error:  # for the others as well
            reason = obstacle = str(error)
        place = folder.root / "feedback" / student / notebook.id
        if recorder is not None:
            place = recorder.folder("feedback", student)
        pages = [] if reason else [place / f"{notebook.id}.html"]
        own = page_of(student)
        if own is not None and own.is_file():
            write_atomically(place / OWN_PAGE, own.read_bytes())
            pages.append(place / OWN_PAGE)
        done.append(Feedback(student, tuple(pages), reason))
        on_student(done[-1])
    return done
