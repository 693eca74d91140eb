"""A class's points as a file: plain CSV, Canvas's gradebook, Moodle's grading worksheet.

``failed``, ``missing`` and ``ungraded`` are words. Canvas and Moodle would make zeros of some, so
their files hold numbers only, and the words stand in a second file beside them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_utils.course import Notebook
from grader.csv_files import CsvFile, kept, read_csv, write_csv
from grader.errors import ExportError
from grader.lms_canvas import fill_canvas, new_canvas
from grader.lms_moodle import fill_moodle, new_moodle
from grader.lms_rows import Filled
from grader.marks import Mark, marks_of, points_in_all
from grader.report import GRADED
from grader.results import Result
from grader.roster import Person
from grader.tables import number

PLAIN, CANVAS, MOODLE = "plain", "canvas", "moodle"
FORMATS = (PLAIN, CANVAS, MOODLE)
WORDS_COLUMNS = ("student", "name", "word", "reason")


@dataclass(frozen=True)
class ExportResult:
    """What was written.

    Attributes
    ----------
    path : Path
    written : int
        Rows with points.
    words : dict
        The word of each student who has no points.
    words_path : Path or None
        Where the words and their reasons stand; None for the plain file, which holds them itself,
        and where `path` is a device.
    remarks : tuple of str
        Who has no row, which row has no result, what was left alone: a sentence each.
    """

    path: Path
    written: int
    words: dict[str, str]
    words_path: Path | None
    remarks: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return what the terminal shows."""
        lines = [f"{self.path}: {self.written} students with points."]
        if self.words:
            named = ", ".join(f"{student} {word}" for student, word in self.words.items())
            where = f", see {self.words_path}" if self.words_path else ""
            lines.append(f"{len(self.words)} without points, which is not a zero{where}: {named}")
        return [*lines, *self.remarks]


def export_class(
    results: Sequence[Result],
    notebook: Notebook,
    worth: Mapping[str, int],
    format: str,
    to: Path,
    roster: Path | None = None,
    *,
    people: Mapping[str, Person] | None = None,
    column: str = "",
) -> ExportResult:
    """Write the points of a class.

    Parameters
    ----------
    results : sequence of Result
    notebook : Notebook
    worth : mapping of str to int
        What each exercise is worth, by its id (see grader/rescoring.py).
    format : {"plain", "canvas", "moodle"}
    to : Path
    roster : Path, optional
        Canvas's exported gradebook or Moodle's grading worksheet, whose rows are filled in.
    people : mapping of str to Person, optional
        What `collect` noted about each student (see grader/roster.py).
    column : str, optional
        The assignment's title in Canvas, if it is not the notebook's.

    Raises
    ------
    ExportError
        If the format is unknown, or the roster is not the platform's file for this notebook.
    GraderError
        If the file cannot be written.
    """
    marks = marks_of(results, notebook)
    out_of = points_in_all(results, notebook, worth)
    words = {mark.student: mark.word for mark in marks if mark.word}
    if format == PLAIN:
        if roster is not None:
            raise ExportError("A plain file needs no roster. Add --format canvas or moodle.")
        write_csv(to, _plain_rows(marks, notebook, out_of))
        return ExportResult(to, len(marks) - len(words), words, None, ())
    if roster is not None and roster.exists() and to.exists() and roster.samefile(to):
        raise ExportError(f"{to} is the roster itself. Name another file with --to.")
    known = people or {}
    table = read_csv(roster) if roster is not None else None
    if format == CANVAS:
        filled = _canvas(table, marks, known, notebook, out_of, column)
    elif format == MOODLE:
        filled = _moodle(table, marks, known, notebook, out_of, worth)
    else:
        raise ExportError(f"There is no format {format!r}; there are {', '.join(FORMATS)}.")
    write_csv(to, filled.table.rows, filled.table, kept)
    words_path: Path | None = None
    if not to.exists() or to.is_file():  # beside /dev/stdout there is no place
        words_path = to.with_name(f"{to.stem}_without_points.csv")
        write_csv(words_path, _words_rows(marks, known))
    return ExportResult(to, filled.written, words, words_path, tuple(filled.remarks))


def _canvas(
    table: CsvFile | None,
    marks: list[Mark],
    people: Mapping[str, Person],
    notebook: Notebook,
    out_of: int,
    title: str,
) -> Filled:
    if table is None:
        return new_canvas(marks, people, notebook, out_of, title)
    return fill_canvas(table, marks, people, notebook, out_of, title)


def _moodle(
    table: CsvFile | None,
    marks: list[Mark],
    people: Mapping[str, Person],
    notebook: Notebook,
    out_of: int,
    worth: Mapping[str, int],
) -> Filled:
    if table is None:
        return new_moodle(marks, people, out_of, worth)
    return fill_moodle(table, marks, people, notebook, out_of, worth)


def _plain_rows(marks: Sequence[Mark], notebook: Notebook, out_of: int) -> list[list[object]]:
    """Return a header and one row a student, with nbgrader's names for the exercises."""
    names = [*(e.grade_id for e in notebook.exercises), *(q.grade_id for q in notebook.questions)]
    ends = ["total", "out_of", "status", "profile", "graded_at", "remarks"]
    rows: list[list[object]] = [["student", *names, *ends]]
    for mark in marks:
        total = mark.word or number(mark.total)
        given = [*mark.exercises.values(), *mark.questions.values()]
        parts = [part if isinstance(part, str) else number(part) for part in given]
        end = [total, out_of, mark.word or GRADED, mark.profile, mark.graded_at, mark.remarks]
        rows.append([mark.student, *parts, *end])
    return rows


def _words_rows(marks: Sequence[Mark], people: Mapping[str, Person]) -> list[list[object]]:
    """Return a header and one row for each student without points."""
    rows: list[list[object]] = [list(WORDS_COLUMNS)]
    for mark in marks:
        if mark.word:
            name = people[mark.student].name if mark.student in people else ""
            rows.append([mark.student, name, mark.word, mark.reason])
    return rows
