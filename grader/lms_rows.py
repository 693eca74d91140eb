"""Which row of a platform's own file is which student's: found by number or name, never guessed."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from grader.collect_names import BLIND, CANVAS
from grader.csv_files import CsvFile, kept
from grader.errors import ExportError
from grader.marks import Mark
from grader.roster import Person

SHOWN = 5  # names in one line of what was changed; the rest is counted


@dataclass(frozen=True)
class PlatformRow:
    """One student's row in the file.

    Attributes
    ----------
    place : int
        Its index among the rows of the file.
    id : str
        The platform's number.
    logins : tuple of str
        Login, e-mail address, ID number: whatever names one person.
    name, group : str
    """

    place: int
    id: str
    logins: tuple[str, ...]
    name: str
    group: str = ""


@dataclass
class Filled:
    """A platform's file with the points in it.

    Attributes
    ----------
    table : CsvFile
    written : int
        How many rows got points.
    remarks : list of str
        What somebody should know, a sentence each.
    """

    table: CsvFile
    written: int = 0
    remarks: list[str] = field(default_factory=list)


def match_rows(
    marks: Sequence[Mark],
    people: Mapping[str, Person],
    rows: Sequence[PlatformRow],
    lms: str,
    notebook_id: str,
) -> tuple[dict[int, Mark], list[str]]:
    """Return each row's mark by its place, and a sentence for whatever has no partner.

    A student whom `collect` took from this platform is found by its number alone. Others are found
    by their folder's name as login, e-mail address or ID number, then as name. What fits twice is
    left out on both sides.
    """
    wanted: dict[int, list[Mark]] = {}
    remarks = []
    for mark in marks:
        person = people.get(mark.student)
        person = person if person and person.lms == lms else None
        found, why = _rows_of(mark, person, rows, lms, notebook_id)
        for row in found:
            wanted.setdefault(row.place, []).append(mark)
        if why:
            remarks.append(f"{mark.student}: {why}")
    matched = {place: those[0] for place, those in wanted.items() if len(those) == 1}
    for row in rows:
        those = wanted.get(row.place, [])
        if len(those) > 1:
            names = " and ".join(mark.student for mark in those)
            remarks.append(f"{row.name}: both {names} fit this row. Nothing was written there.")
        elif not those:
            remarks.append(f"{row.name}: there is no result for this row of the file.")
    return matched, remarks


def _rows_of(
    mark: Mark, person: Person | None, rows: Sequence[PlatformRow], lms: str, notebook_id: str
) -> tuple[list[PlatformRow], str]:
    """Return the rows of one student, and what somebody should know about that."""
    lms_id = person.id_in(notebook_id) if person else ""
    groups = [row for row in rows if row.group and person and row.group == person.name]
    if groups:  # Moodle's number is the group's then
        return groups, ""
    if person and lms_id:
        found = [row for row in rows if row.id == lms_id]
        wrong = next((r for r in found if not _may_be(person.name, r.name)), None)
        if wrong:
            differ = f"number {lms_id} is {wrong.name!r} in the file, but {person.name!r} in "
            if lms == CANVAS:  # its numbers are one person's for good; a group's work has its name
                return found, f"{differ}the download. The number counts."
            return [], (
                f"{differ}roster.json. Nothing was written. Is it the file of this assignment?"
            )
        if not found:
            return [], f"number {lms_id} is not in the file. Is it the file of this assignment?"
        return _only(found, f"number {lms_id}")
    login = mark.student.casefold()
    found = [row for row in rows if login in (name.casefold() for name in row.logins if name)]
    if found:
        return _only(found, "this login")
    names = {_words(mark.student), *([_words(person.name)] if person else [])}
    found = [row for row in rows if _words(row.name) in names]
    return _only(found, "this name") if found else ([], "the file has no row for this student.")


def _only(found: list[PlatformRow], what: str) -> tuple[list[PlatformRow], str]:
    if len(found) == 1:
        return found, ""
    return [], f"{len(found)} rows of the file have {what}. Nothing was written."


def column(header: Sequence[str], name: str, needed: bool = True) -> int:
    """Return where a column stands, or -1.

    Raises
    ------
    ExportError
        If it is needed and missing, or there twice.
    """
    places = [n for n, text in enumerate(header) if text.strip().casefold() == name.casefold()]
    if len(places) > 1 or (needed and not places):
        found = "more than one column" if places else "no column"
        raise ExportError(
            f"The file has {found} {name!r}. Export it from the platform again, with the platform "
            "set to English, and change nothing in its header."
        )
    return places[0] if places else -1


def cell(row: Sequence[str], place: int) -> str:
    """Return a cell without blanks around it; empty where the row is shorter or the place -1."""
    return row[place].strip() if 0 <= place < len(row) else ""


def check_maximum(text: str, out_of: int, platform: str) -> None:
    """Refuse points that would mean something else on the platform.

    Raises
    ------
    ExportError
        If the platform's maximum is known and is another one.
    """
    try:
        most = float(text.replace(",", "."))
    except ValueError:
        return
    if most != out_of:
        raise ExportError(
            f"The assignment is worth {most:g} points in {platform}, but {out_of} here. Set it to "
            f"{out_of} in {platform}, and export its file again."
        )


def changed_cells(table: CsvFile) -> list[str]:
    """Say which cells of the platform's own are written with an apostrophe in front."""
    changed = [f"{text[:40]!r}" for row in table.rows for text in row if kept(text) != text]
    if not changed:
        return []
    more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
    return [
        f"A spreadsheet would run these cells of the file, so an apostrophe was put in: "
        f"{', '.join(changed[:SHOWN])}{more}."
    ]


def _may_be(one: str, other: str) -> bool:
    """Whether two spellings may be one person's: the same letters, in any order."""
    if not other or BLIND in (one, other) or other.startswith(f"{BLIND} "):
        return True
    return sorted(_letters(one)) == sorted(_letters(other))


def _letters(name: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", name).casefold() if c.isalnum())


def _words(name: str) -> tuple[str, ...]:
    text = unicodedata.normalize("NFKC", name).casefold()
    return tuple(sorted(word for word in re.split(r"[\W_]+", text) if word))
