"""Canvas and Moodle there and back: their own file, with points in it and nothing else changed."""

import csv
import re
import zipfile
from pathlib import Path

import pytest

from grader.classroom import ClassFolder
from grader.collect import collect
from grader.csv_files import read_csv
from grader.errors import ExportError
from grader.export import ExportResult, export_class
from grader.results import Result
from grader.roster import Person, read_roster
from grader.submissions import released_notebook
from tests.unit.test_export import ALL, FAILED, MISSING, NOTEBOOK, WORTH, cells, result, runs

NB = NOTEBOOK.id
RELEASED = released_notebook(NB).read_bytes()
TITLE = f"{NOTEBOOK.title} (4711)"
CANVAS_HEADER = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Notes",
                 "Essay (4710)", TITLE, "Assignments Current Score"]  # fmt: skip
MOODLE_HEADER = ["Identifier", "Full name", "ID number", "Email address", "Status", "Grade",
                 "Maximum Grade", "Grade can be changed", "Last modified (submission)",
                 "Last modified (grade)", "Feedback comments"]  # fmt: skip


def canvas_row(name: str, number: str, login: str = "", score: str = "") -> list[str]:
    return [name, number, f"sis{number}", login, "A, B and C", "", "7.5", score, "75.0"]


def moodle_row(number: int, name: str, grade: str = "", text: str = "") -> list[str]:
    mail = f"p{number}@example.org"
    return [f"Participant {number}", name, f"S{number}", mail, "Submitted for grading", grade,
            f"{ALL}.00", "Yes", "Monday, 2 March 2026, 10:00 AM", "-", text]  # fmt: skip


def canvas_file(path: Path, *rows: list[str], bom: bool = False, delimiter: str = ",") -> Path:
    posting = ["", "", "", "", "", "", "", "Manual Posting", ""]
    points = ["    Points Possible", "", "", "", "", "", "10", f"{ALL}.0", "(read only)"]
    return file_of(path, [CANVAS_HEADER, posting, points, *rows], bom, delimiter)


def file_of(
    path: Path, rows: list[list[str]], bom: bool = False, delimiter: str = ",", end: str = "\n"
) -> Path:
    with path.open("w", newline="", encoding="utf-8-sig" if bom else "utf-8") as file:
        csv.writer(file, delimiter=delimiter, lineterminator=end).writerows(rows)
    return path


def export(
    tmp_path: Path,
    results: list[Result],
    format: str,
    roster: Path | None,
    people: dict[str, Person] | None = None,
    column: str = "",
) -> tuple[list[list[str]], ExportResult]:
    to = tmp_path / "out.csv"
    exported = export_class(
        results, NOTEBOOK, WORTH, format, to, roster, people=people, column=column
    )
    return read_csv(to).rows, exported


def told(exported: ExportResult, *words: str) -> bool:
    return any(all(word in line for word in words) for line in exported.remarks)


# --- what the platforms' importers do, after their source -------------------------------------


def canvas_imports(rows: list[list[str]], gradebook: dict[str, str]) -> dict[str, str]:
    """Return the gradebook's column after an import: by ID, then SIS Login ID, then name."""
    header, *rest = rows
    assert "Student" in header[0]
    assert "ID" in header[1]
    place = next(n for n, t in enumerate(header) if re.search(r"\s\(4711\)\Z", t))
    after = dict(gradebook)
    for row in rest:
        skipped = all(re.fullmatch(r"\s*(Muted|Manual Posting.*)?\s*", t) for t in row)
        if "Points Possible" in row[0] or skipped:
            continue
        after[row[1]] = row[place].strip()
    return after


def moodle_imports(rows: list[list[str]], grades: dict[int, float]) -> dict[int, float]:
    """Return the grades after an import; a word would become the number 0."""
    header, *rest = rows
    after = dict(grades)
    for row in rest:
        number = int(row[header.index("Identifier")][len("Participant ") :])
        grade = row[header.index("Grade")].strip()
        if not grade:
            continue
        try:
            value = float(grade)
        except ValueError:
            value = 0.0
        if 0 <= value <= ALL:
            after[number] = value
    return after


# --- Canvas ------------------------------------------------------------------------------------


def test_canvas_there_and_back(tmp_path: Path) -> None:
    root = tmp_path / "course"
    with zipfile.ZipFile(tmp_path / "submissions.zip", "w") as archive:
        for name, content in {
            f"doejane_101_9001_{NB}.ipynb": RELEASED,
            f"roejoe_LATE_102_9002_{NB}-2.ipynb": RELEASED,
            f"../poor_103_9003_{NB}.ipynb": RELEASED,
            "evileve_104_9004_bomb.zip": b"PK",
            f"cmdccalca0_105_9005_{NB}.ipynb": RELEASED,
        }.items():
            archive.writestr(name, content)
    collect(tmp_path / "submissions.zip", ClassFolder(root), NB)
    people = read_roster(root)
    assert set(people) == {"doejane-101", "roejoe-102", "evileve-104", "cmdccalca0-105"}
    roster = canvas_file(
        tmp_path / "canvas.csv",
        canvas_row("Doe, Jane", "101", "jane"),
        canvas_row("Roe, Joe", "102", "joe", "3.00"),
        canvas_row("Poor, Adam", "103", "adam"),
        canvas_row("Evil, Eve", "104", "eve"),
        canvas_row("=cmd|' /C calc'!A0", "105", "-login"),
        canvas_row("Student, Test", "199", ""),
        bom=True,
    )
    results = [
        result("doejane-101", 1.25),
        result("roejoe-102", status="failed", reason="It is a link."),
        result("cmdccalca0-105"),
    ]
    rows, exported = export(tmp_path, results, "canvas", roster, people)
    before = {"101": "", "102": "3.00", "103": "", "104": "", "105": "", "199": ""}
    after = {**before, "101": f"{ALL - 1.25:g}", "105": str(ALL)}
    assert canvas_imports(rows, before) == after
    original = read_csv(roster).rows
    assert rows[0] == original[0]
    place = original[0].index(TITLE)
    for new, old in zip(rows, original, strict=True):
        assert [*new[:place], *new[place + 1 :]] == [
            text if not runs(text) else "'" + text for text in [*old[:place], *old[place + 1 :]]
        ]
    assert (tmp_path / "out.csv").read_bytes().startswith(b"\xef\xbb\xbfStudent,ID,")
    assert not any(runs(cell) for cell in cells((tmp_path / "out.csv").read_bytes()))
    assert (exported.written, exported.words) == (2, {"roejoe-102": "failed"})
    assert told(exported, "roejoe-102", "Canvas has 3.00", "stays")
    assert told(exported, "Poor, Adam", "no result")
    assert told(exported, "apostrophe", "=cmd")
    assert not told(exported, "Student, Test")
    assert exported.words_path is not None
    words = read_csv(exported.words_path).rows
    assert words == [
        ["student", "name", "word", "reason"],
        ["roejoe-102", "roejoe", "failed", "It is a link."],
    ]


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_class_without_numbers_is_found_by_login_then_by_name(
    tmp_path: Path, delimiter: str
) -> None:
    roster = canvas_file(
        tmp_path / "canvas.csv",
        canvas_row("Doe, Jane", "101", "ADA"),
        canvas_row("Roe, Joe", "102", "x"),
        canvas_row("Li, Xu", "103", "y"),
        canvas_row("Li, Xu", "104", "z"),
        delimiter=delimiter,
    )
    results = [result("ada"), result("joe-roe", 1), result("xu-li"), result("stranger")]
    rows, exported = export(tmp_path, results, "canvas", roster)
    place = rows[0].index(TITLE)
    assert [row[place] for row in rows[3:]] == [str(ALL), str(ALL - 1), "", ""]
    assert told(exported, "xu-li", "2 rows of the file have this name")
    assert told(exported, "stranger", "no row")
    assert exported.written == 2
    assert read_csv(tmp_path / "out.csv").delimiter == delimiter


def test_what_does_not_fit_together_is_not_guessed(tmp_path: Path) -> None:
    roster = canvas_file(
        tmp_path / "canvas.csv",
        canvas_row("Doe, Jane", "101", "jane"),
        canvas_row("Roe, Joe", "102", "joe"),
        canvas_row("Excused, Eva", "103", "eva", "EX"),
        canvas_row("Out, Otto", "104", "otto", "N/A"),
    )
    people = {
        "team-a-101": Person("team-a-101", "team a", "canvas", {NB: "101"}),
        "gone-999": Person("gone-999", "gone", "canvas", {NB: "999"}),
    }
    results = [result(s) for s in ("team-a-101", "gone-999", "joe", "joe-roe", "eva", "otto")]
    rows, exported = export(tmp_path, results, "canvas", roster, people)
    expected = read_csv(roster).rows
    expected[3][expected[0].index(TITLE)] = str(ALL)  # a group's work bears the group's name
    assert rows == expected
    assert exported.written == 1
    assert told(exported, "team-a-101", "'Doe, Jane' in the file", "'team a'", "number counts")
    assert told(exported, "gone-999", "number 999 is not in the file")
    assert told(exported, "both joe and joe-roe fit")
    assert told(exported, "eva", "excused")
    assert told(exported, "otto", "does not have this assignment")


def test_canvass_column_is_found_or_asked_for(tmp_path: Path) -> None:
    roster = canvas_file(tmp_path / "canvas.csv", canvas_row("Doe, Jane", "101", "ada"))
    rows, _ = export(tmp_path, [result("ada")], "canvas", roster, column=TITLE)
    assert rows[3][rows[0].index(TITLE)] == str(ALL)
    with pytest.raises(ExportError, match=r"--column; there are 'Essay \(4710\)'"):
        export(tmp_path, [result("ada")], "canvas", roster, column="Homework 3")
    with pytest.raises(ExportError, match="worth 10 points in Canvas, but"):
        export(tmp_path, [result("ada")], "canvas", roster, column="Essay")
    wrong = file_of(tmp_path / "wrong.csv", [MOODLE_HEADER])
    with pytest.raises(ExportError, match="no gradebook of Canvas"):
        export(tmp_path, [result("ada")], "canvas", wrong)
    with pytest.raises(ExportError, match="is the roster itself"):
        export_class([result("ada")], NOTEBOOK, WORTH, "canvas", roster, roster)


def test_first_and_last_names_in_columns_of_their_own(tmp_path: Path) -> None:
    header = ["LastName", "FirstName", "ID", "SIS Login ID", "Section", TITLE]
    points = ["    Points Possible", "", "", "", "", str(ALL)]
    row = ["Doe", "Jane", "101", "x", "A", ""]
    roster = file_of(tmp_path / "canvas.csv", [header, points, row])
    rows, _ = export(tmp_path, [result("jane-doe")], "canvas", roster)
    assert rows[2] == [*row[:5], str(ALL)]


def test_a_file_for_canvas_of_our_own(tmp_path: Path) -> None:
    people = {"doejane-101": Person("doejane-101", "doejane", "canvas", {NB: "101"})}
    results = [result("doejane-101"), result("ada", 1), MISSING, FAILED]
    rows, exported = export(tmp_path, results, "canvas", None, people)
    assert rows == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", NOTEBOOK.title],
        ["    Points Possible", "", "", "", "", str(ALL)],
        ["doejane", "101", "", "", "", str(ALL)],
        ["ada", "", "", "ada", "", str(ALL - 1)],
    ]
    assert (exported.written, exported.words) == (2, {"bob": "missing", "eve": "failed"})
    assert told(exported, "--roster")


# --- Moodle ------------------------------------------------------------------------------------


def test_moodle_there_and_back(tmp_path: Path) -> None:
    root = tmp_path / "course"
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        for name, content in {
            f"Jane Doe_501_assignsubmission_file_/{NB}.ipynb": RELEASED,
            f"Joe O'Roe_502_assignsubmission_file_/{NB}.ipynb": RELEASED,
            "Late Larry_503_assignsubmission_onlinetext_/onlinetext.html": b"<p>sorry</p>",
            "Eve Evil_504_assignsubmission_file_/../../x.ipynb": RELEASED,
            f"=cmd calc_505_assignsubmission_file_/{NB}.ipynb": RELEASED,
        }.items():
            archive.writestr(name, content)
    found = collect(tmp_path / "m.zip", ClassFolder(root), NB)
    assert len(found.of("taken")) == 3
    people = read_roster(root)
    rows_before = [
        MOODLE_HEADER,
        moodle_row(501, "Jane Doe"),
        moodle_row(502, "Joe O'Roe", "12.00", "<p>Well <b>done</b></p>\n- see me"),
        moodle_row(503, "Late Larry"),
        moodle_row(505, "=cmd|calc"),
    ]
    roster = file_of(tmp_path / "moodle.csv", rows_before, bom=True, end="\r\n")
    results = [
        result("jane-doe", 0.5),
        result("joe-oroe", status="failed", reason='He wrote "<x>" \\"here\\".'),
        result("cmd-calc"),
    ]
    rows, exported = export(tmp_path, results, "moodle", roster, people)
    before = {502: 12.0}
    assert moodle_imports(rows, before) == {501: ALL - 0.5, 502: 12.0, 505: float(ALL)}
    grade, text = MOODLE_HEADER.index("Grade"), MOODLE_HEADER.index("Feedback comments")
    for new, old in zip(rows[1:], rows_before[1:], strict=True):
        kept = [n for n in range(len(old)) if n not in (grade, text)]
        assert [new[n].lstrip("'") for n in kept] == [old[n] for n in kept]
    assert rows[1][text].startswith(f"{ALL - 0.5:g} of {ALL} points: 1.1 ")
    assert rows[2][text] == "<p>Well <b>done</b></p>\n'- see me"
    assert rows[3] == rows_before[3]
    assert rows[4][1] == "'=cmd|calc"
    raw = (tmp_path / "out.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfIdentifier,Full name")
    assert b"\r\nParticipant 501," in raw
    assert not any(runs(cell) for cell in cells(raw))
    assert told(exported, "joe-oroe", "failed, but Moodle has 12.00")
    assert told(exported, "joe-oroe", "a feedback in Moodle already")
    assert told(exported, "Late Larry", "no result")
    assert told(exported, "apostrophe", "=cmd")


def test_words_go_into_moodles_feedback_and_a_later_export_replaces_ours(tmp_path: Path) -> None:
    people = {s: Person(s, s, "moodle", {NB: n}) for s, n in (("eve", "7"), ("bob", "8"))}
    rows = [MOODLE_HEADER, moodle_row(7, "eve"), moodle_row(8, "bob"), moodle_row(9, "max")]
    roster = file_of(tmp_path / "moodle.csv", rows)
    reason = 'It says "<script>" and \\"quotes\\".'
    waiting = result("max", broken="1.1")
    bad = result("eve", status="failed", reason=reason)
    first, _ = export(tmp_path, [bad, MISSING, waiting], "moodle", roster, people)
    assert [row[5] for row in first[1:]] == ["", "", ""]
    assert first[1][-1] == ('failed: It says "&lt;script&gt;" and /"quotes/". This is not a zero.')
    assert first[2][-1].startswith("missing: ")
    assert first[3] == rows[3]  # nothing is said to a student while a grade waits
    again = file_of(tmp_path / "again.csv", first)
    second, _ = export(tmp_path, [result("eve"), MISSING, waiting], "moodle", again, people)
    assert second[1][5] == str(ALL)
    assert second[1][-1].startswith(f"{ALL} of {ALL} points: ")
    assert second[2] == first[2]


def test_a_groups_points_go_to_all_its_members_and_not_to_its_numbers_namesake(
    tmp_path: Path,
) -> None:
    header = [*MOODLE_HEADER[:5], "Group", *MOODLE_HEADER[5:]]

    def row(number: int, name: str, group: str) -> list[str]:
        plain = moodle_row(number, name)
        return [*plain[:5], group, *plain[5:]]

    table = [header, row(1, "Ada", "Team A"), row(2, "Bob", "Team A"), row(77, "Eve", "Team B")]
    people = {"team-a": Person("team-a", "Team A", "moodle", {NB: "77"})}
    roster = file_of(tmp_path / "moodle.csv", table)
    rows, _ = export(tmp_path, [result("team-a")], "moodle", roster, people)
    assert [line[6] for line in rows[1:]] == [str(ALL), str(ALL), ""]
    without = file_of(tmp_path / "w.csv", [MOODLE_HEADER, moodle_row(77, "Eve")])
    rows, exported = export(tmp_path, [result("team-a")], "moodle", without, people)
    assert rows[1][5] == ""
    assert told(exported, "team-a", "'Eve' in the file", "'Team A'")


def test_a_blind_worksheet_has_numbers_only(tmp_path: Path) -> None:
    header = [h for h in MOODLE_HEADER if h not in ("Full name", "ID number", "Email address")]
    row = ["Participant 504", "Submitted", "", f"{ALL}.00", "Yes", "-", "-", ""]
    people = {"participant-504": Person("participant-504", "Participant", "moodle", {NB: "504"})}
    roster = file_of(tmp_path / "moodle.csv", [header, row])
    rows, _ = export(tmp_path, [result("participant-504", 1)], "moodle", roster, people)
    assert rows[1][2] == str(ALL - 1)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (("Grade", "Bewertung"), "no column 'Grade'.*English"),
        (("Last modified (grade)", "Zuletzt"), "no column 'Last modified"),
        (("Maximum Grade", "Scale"), "on a scale"),
        (("Status", "Grade"), "more than one column 'Grade'"),
    ],
)
def test_worksheets_that_moodle_would_not_take(
    tmp_path: Path, change: tuple[str, str], wrong: str
) -> None:
    header = [change[1] if text == change[0] else text for text in MOODLE_HEADER]
    roster = file_of(tmp_path / "moodle.csv", [header, moodle_row(1, "Ada")])
    with pytest.raises(ExportError, match=wrong):
        export(tmp_path, [result("ada")], "moodle", roster)
    assert not (tmp_path / "out.csv").exists()


def test_another_maximum_and_a_locked_grade(tmp_path: Path) -> None:
    row = moodle_row(1, "Ada")
    row[7] = "No"
    roster = file_of(tmp_path / "moodle.csv", [MOODLE_HEADER, row])
    rows, exported = export(tmp_path, [result("ada")], "moodle", roster)
    assert rows[1] == row
    assert told(exported, "ada", "locked")
    row[6] = "100.00"
    roster = file_of(tmp_path / "moodle.csv", [MOODLE_HEADER, row])
    with pytest.raises(ExportError, match=f"100 points in Moodle, but {ALL} here"):
        export(tmp_path, [result("ada")], "moodle", roster)


def test_a_file_for_moodles_gradebook_of_our_own(tmp_path: Path) -> None:
    people = {"jane-doe": Person("jane-doe", "Jane Doe", "moodle", {NB: "501"})}
    rows, exported = export(tmp_path, [result("jane-doe"), FAILED], "moodle", None, people)
    assert rows[0] == ["Username", "Full name", "Grade", "Maximum Grade", "Feedback comments"]
    assert rows[1][:4] == ["jane-doe", "Jane Doe", str(ALL), str(ALL)]
    assert len(rows) == 2
    assert exported.words == {"eve": "failed"}


def test_a_device_gets_the_file_and_no_second_one(tmp_path: Path) -> None:
    link = tmp_path / "out"
    link.symlink_to("/dev/null")
    exported = export_class([result("ada"), MISSING], NOTEBOOK, WORTH, "canvas", link)
    assert exported.words_path is None
    assert "bob missing" in exported.lines()[1]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
