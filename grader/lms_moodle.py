"""Moodle's offline grading worksheet, as Moodle gives it and takes it back.

What its importer does (Moodle's source, mod/assign/feedback/offline): it finds a row by the number
in ``Identifier`` ("Participant 12345"), and reads ``Grade``, ``Last modified (grade)`` and the
feedback columns; the names of the columns are in the user's language. Whatever stands under
``Grade`` is made a number (``unformat_float``), so a word may become 0. An empty grade is skipped,
and so is one above the maximum, silently. A feedback that differs is written. So a word never
stands under ``Grade``: it stands in the feedback.
"""

import dataclasses
import html
import re
from collections.abc import Mapping, Sequence

from data_utils.course import Notebook
from grader.collect_names import MOODLE
from grader.csv_files import CsvFile
from grader.errors import ExportError
from grader.lms_rows import (
    Filled,
    PlatformRow,
    cell,
    changed_cells,
    check_maximum,
    column,
    match_rows,
)
from grader.marks import Mark, feedback
from grader.report import UNGRADED
from grader.roster import Person
from grader.tables import number

LOGINS = ("Username", "Email address", "ID number")
# Feedback that an earlier export wrote, which a later one may replace.
_OURS = re.compile(r"(?:[\d.]+ of \d+ points: |failed: |missing: ).*", re.DOTALL)


def fill_moodle(
    table: CsvFile,
    marks: Sequence[Mark],
    people: Mapping[str, Person],
    notebook: Notebook,
    out_of: int,
    worth: Mapping[str, int],
) -> Filled:
    """Return Moodle's worksheet with points under Grade and their parts under Feedback comments.

    Parameters
    ----------
    table : CsvFile
        As Moodle gave it, in English.
    marks : sequence of Mark
    people : mapping of str to Person
        The roster, by the student's folder.
    notebook : Notebook
    out_of : int
        What the notebook is worth.
    worth : mapping of str to int
        What each exercise is worth.

    Raises
    ------
    ExportError
        If it is no worksheet, grades on a scale, or has another maximum.
    """
    header = table.rows[0]
    number_of, grade = column(header, "Identifier"), column(header, "Grade")
    column(header, "Last modified (grade)")
    if column(header, "Scale", needed=False) >= 0:
        raise ExportError("The assignment is graded on a scale in Moodle. Set it to points there.")
    students = [
        _row(n, row, header, number_of) for n, row in enumerate(table.rows) if n and any(row)
    ]
    for student in students:
        most = cell(table.rows[student.place], column(header, "Maximum Grade", needed=False))
        check_maximum(most, out_of, "Moodle")
    matched, remarks = match_rows(marks, people, students, MOODLE, notebook.id)
    rows = [list(row) for row in table.rows]
    filled = Filled(dataclasses.replace(table, rows=rows), 0, remarks)
    comments = column(header, "Feedback comments", needed=False)
    locked = column(header, "Grade can be changed", needed=False)
    for n, mark in matched.items():
        row, there = rows[n], cell(rows[n], grade)
        row += [""] * (len(header) - len(row))
        if cell(row, locked).casefold() == "no":
            remarks.append(f"{mark.student}: the grade is locked in Moodle. Nothing was written.")
            continue
        if mark.total is not None:
            row[grade] = number(mark.total)
            filled.written += 1
        elif there:
            remarks.append(f"{mark.student}: {mark.word}, but Moodle has {there}, which stays.")
        if comments >= 0 and mark.word != UNGRADED:
            _comment(row, comments, mark, feedback(mark, out_of, worth), remarks)
    if comments < 0:
        remarks.append("The worksheet has no column 'Feedback comments', so only grades are in it.")
    remarks += changed_cells(table)
    return filled


def new_moodle(
    marks: Sequence[Mark], people: Mapping[str, Person], out_of: int, worth: Mapping[str, int]
) -> Filled:
    """Return a file for Grades, Import, CSV file, where the columns are chosen by hand.

    Moodle's numbers are left out: for a group's work, the number is the group's.
    """
    rows = [["Username", "Full name", "Grade", "Maximum Grade", "Feedback comments"]]
    for mark in marks:
        if mark.total is not None:
            name = people[mark.student].name if mark.student in people else ""
            text = _as_html(feedback(mark, out_of, worth))
            rows.append([mark.student, name, number(mark.total), str(out_of), text])
    return Filled(
        CsvFile(rows),
        len(rows) - 1,
        [
            "This file is for Grades, Import, CSV file, and it needs usernames. Download the "
            "assignment's grading worksheet and name it with --roster: then every row fits."
        ],
    )


def _comment(row: list[str], place: int, mark: Mark, text: str, remarks: list[str]) -> None:
    """Write the feedback, unless somebody wrote one of their own."""
    if cell(row, place) and not _OURS.fullmatch(cell(row, place)):
        remarks.append(f"{mark.student}: there is a feedback in Moodle already, which stays.")
    else:
        row[place] = _as_html(text)


def _as_html(text: str) -> str:
    """Return a text as Moodle's feedback holds it, which is HTML.

    Its reader of CSV takes a backslash before a quotation mark for part of the cell.
    """
    return html.escape(text, quote=False).replace("\\", "/")


def _row(place: int, row: Sequence[str], header: Sequence[str], number_of: int) -> PlatformRow:
    digits = re.search(r"(\d+)$", cell(row, number_of))
    return PlatformRow(
        place,
        digits[1] if digits else "",
        tuple(cell(row, column(header, name, needed=False)) for name in LOGINS),
        cell(row, column(header, "Full name", needed=False)) or cell(row, number_of),
        cell(row, column(header, "Group", needed=False)),
    )
