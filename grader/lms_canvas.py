"""Canvas's gradebook file, as Canvas exports it and takes it back.

What its importer does (Canvas's source, lib/gradebook_importer.rb): it finds a student by ``ID``,
then by the SIS columns, then by name; the assignment by the number in ``Title (123)``; it reads the
points of an assignment from the row ``Points Possible``. A cell that differs from the gradebook is
a change, an empty one too. ``EX`` excuses; of words, ``fail`` and ``incomplete`` are zeros, and a
letter may be one (``interpret_grade``). So words never stand in its column: the cell stays as
Canvas wrote it, which changes nothing.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence

from data_utils.course import Notebook
from grader.collect_names import CANVAS
from grader.csv_files import CsvFile
from grader.errors import ExportError
from grader.lms_rows import (
    Filled,
    PlatformRow,
    cell,
    changed_cells,
    check_maximum,
    match_rows,
)
from grader.marks import Mark
from grader.roster import Person
from grader.tables import number

COLUMNS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
LOGINS = ("SIS Login ID", "SIS User ID", "Integration ID")
POINTS_ROW = "Points Possible"
TEST_STUDENT = "Student, Test"  # Canvas adds one to every course that an instructor looked at so
LEFT_ALONE = {"EX": "is excused in Canvas", "N/A": "does not have this assignment in Canvas"}
_NO_STUDENT = re.compile(r"\s*(?:Muted|Manual Posting.*)?\s*", re.IGNORECASE)
_TITLE = re.compile(r"(?P<title>.*)\s\((?P<id>\d+)\)", re.DOTALL)


def fill_canvas(
    table: CsvFile,
    marks: Sequence[Mark],
    people: Mapping[str, Person],
    notebook: Notebook,
    out_of: int,
    title: str = "",
) -> Filled:
    """Return Canvas's file with the points in the assignment's column; all else stays.

    Parameters
    ----------
    table : CsvFile
        As Canvas exported it.
    marks : sequence of Mark
    people : mapping of str to Person
        The roster, by the student's folder.
    notebook : Notebook
    out_of : int
        What the notebook is worth.
    title : str, optional
        The assignment's title in Canvas, if it is not the notebook's.

    Raises
    ------
    ExportError
        If it is no gradebook, the assignment is not in it, or is worth another number of points.
    """
    header, *rest = table.rows
    place = _assignment(header, title, notebook)
    for row in rest:
        if POINTS_ROW in (row[0] if row else ""):
            check_maximum(cell(row, place), out_of, "Canvas")
    students = [_row(n, row, header) for n, row in enumerate(table.rows) if n and _is_student(row)]
    matched, remarks = match_rows(marks, people, students, CANVAS, notebook.id)
    rows = [list(row) for row in table.rows]
    filled = Filled(dataclasses.replace(table, rows=rows), 0, remarks)
    for n, mark in matched.items():
        there = cell(rows[n], place)
        if there.upper() in LEFT_ALONE:
            remarks.append(f"{mark.student}: {LEFT_ALONE[there.upper()]}. Nothing was written.")
        elif mark.total is not None:
            rows[n] += [""] * (len(header) - len(rows[n]))
            rows[n][place] = number(mark.total)
            filled.written += 1
        elif there:
            remarks.append(f"{mark.student}: {mark.word}, but Canvas has {there}, which stays.")
    remarks += changed_cells(table)
    return filled


def new_canvas(
    marks: Sequence[Mark], people: Mapping[str, Person], notebook: Notebook, out_of: int, title: str
) -> Filled:
    """Return a file of our own that Canvas takes; only students with points have a row.

    An empty cell would take back points that are in Canvas already.
    """
    name = title or notebook.title
    rows = [[*COLUMNS, name], [f"    {POINTS_ROW}", "", "", "", "", str(out_of)]]
    remarks = [
        f"Canvas gives these points to the assignment named {name!r}, or makes a new one. Export "
        "its gradebook and name it with --roster to be sure."
    ]
    for mark in marks:
        if mark.total is None:
            continue
        person = people.get(mark.student)
        if person and person.lms == CANVAS:
            rows.append([person.name, person.id_in(notebook.id), "", "", "", number(mark.total)])
        else:
            rows.append([mark.student, "", "", mark.student, "", number(mark.total)])
            remarks.append(f"{mark.student}: Canvas's number is not known; the name is the login.")
    return Filled(CsvFile(rows), len(rows) - 2, remarks)


def _assignment(header: Sequence[str], title: str, notebook: Notebook) -> int:
    """Return where the assignment's column stands."""
    first = header[0] if header else ""
    if first not in ("Student", "LastName") or "ID" not in header or "Section" not in header:
        raise ExportError(
            "This is no gradebook of Canvas: its first columns are not Student, ID, ..., Section. "
            "In Canvas, choose Grades, Export, Export Entire Gradebook."
        )
    names = {n: text for n, text in enumerate(header) if n > header.index("Section")}
    wanted = {text.casefold() for text in ([title] if title else [notebook.title, notebook.id])}
    found = [n for n, text in names.items() if {text.casefold(), _title(text)} & wanted]
    if len(found) != 1:
        titles = ", ".join(repr(text) for text in names.values() if _TITLE.fullmatch(text))
        raise ExportError(
            f"{len(found)} columns of the gradebook are named {title or notebook.title!r}. Name "
            f"the assignment with --column; there are {titles or 'none'}."
        )
    return found[0]


def _title(text: str) -> str:
    found = _TITLE.fullmatch(text)
    return found["title"].casefold() if found else text.casefold()


def _is_student(row: Sequence[str]) -> bool:
    return bool(
        row
        and POINTS_ROW not in row[0]
        and row[0] != TEST_STUDENT
        and not all(_NO_STUDENT.fullmatch(text) for text in row)
    )


def _row(place: int, row: Sequence[str], header: Sequence[str]) -> PlatformRow:
    logins = tuple(cell(row, header.index(name)) for name in LOGINS if name in header)
    name = cell(row, 0)
    if header[0] == "LastName":
        name = f"{name}, {cell(row, 1)}"
    return PlatformRow(place, cell(row, header.index("ID")), logins, name)
