"""Points as a plain table: words where there are no points, and no cell that runs."""

import csv
import io
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_utils.course import load_course
from grader.csv_files import CsvFile, harmless, kept, read_csv, write_csv
from grader.errors import ExportError
from grader.export import ExportResult, export_class
from grader.report import CheckResult, ExerciseResult, GradeReport
from grader.results import Result

NOTEBOOK = load_course().notebook("nb1_autoencoder")
WORTH = {exercise.id: exercise.points for exercise in NOTEBOOK.exercises}
ALL = sum(WORTH.values())
QUESTION = NOTEBOOK.questions[0]


def result(
    student: str,
    lost: float = 0.0,
    *,
    status: str = "graded",
    reason: str = "",
    flags: tuple[str, ...] = (),
    by_hand: dict[str, float | None] | None = None,
    broken: str = "",
) -> Result:
    """A student's result; `lost` points are lost in the first exercise."""
    check = CheckResult("test_it", "It is right.", "passed", 1.0, True)
    exercises = tuple(
        ExerciseResult(
            e.id,
            e.function,
            e.points,
            None if e.id == broken else e.points - (lost if n == 0 else 0),
            (check,),
        )
        for n, e in enumerate(NOTEBOOK.exercises)
    )
    report = GradeReport(
        f"{NOTEBOOK.id}.ipynb", NOTEBOOK.id, "0" * 64, status, reason, "embedded", "cpu", "bwrap",
        exercises if status == "graded" else (), {}, flags, 1.0, 1.0,
        graded_at="2026-03-02T10:00:00+00:00",
    )  # fmt: skip
    return Result(student, report, by_hand or {})


MISSING = result("bob", status="missing", reason="nb1_autoencoder.ipynb is missing.")
FAILED = result("eve", status="failed", reason="solution.ipynb is a link to another file.")


def plain(tmp_path: Path, *results: Result) -> tuple[dict[str, dict[str, str]], ExportResult]:
    to = tmp_path / "grades.csv"
    exported = export_class(results, NOTEBOOK, WORTH, "plain", to)
    with to.open(newline="", encoding="utf-8") as file:
        return {row["student"]: row for row in csv.DictReader(file)}, exported


def test_points_stand_under_nbgraders_names(tmp_path: Path) -> None:
    table, exported = plain(tmp_path, result("ada", 0.5, flags=("look\nhere",)))
    row = table["ada"]
    names = [e.grade_id for e in NOTEBOOK.exercises] + [q.grade_id for q in NOTEBOOK.questions]
    ends = ["total", "out_of", "status", "profile", "graded_at", "remarks"]
    assert list(row) == ["student", *names, *ends]
    first = NOTEBOOK.exercises[0]
    assert row[first.grade_id] == f"{first.points - 0.5:g}"
    assert (row["total"], row["out_of"], row["status"]) == (f"{ALL - 0.5:g}", str(ALL), "graded")
    assert row[QUESTION.grade_id] == "ungraded"
    assert (row["profile"], row["remarks"]) == ("embedded", "look here")
    assert (exported.written, exported.words) == (1, {})


def test_words_are_never_zeros(tmp_path: Path) -> None:
    broken = result("max", broken="1.2")
    table, exported = plain(tmp_path, result("ada"), MISSING, FAILED, broken)
    for student, word in (("bob", "missing"), ("eve", "failed"), ("max", "ungraded")):
        row = table[student]
        assert (row["total"], row["status"]) == (word, word)
        assert row["remarks"]
        assert "0" not in (row["total"], row["ex1_2"])
        assert row["ex1_2"] == word
    assert table["max"]["ex1_1"] == str(WORTH["1.1"])
    assert exported.words == {"bob": "missing", "eve": "failed", "max": "ungraded"}
    assert "3 without points, which is not a zero: bob missing" in exported.lines()[1]


def test_points_by_hand_count_and_are_waited_for(tmp_path: Path) -> None:
    done = {q.id: 1.5 for q in NOTEBOOK.questions}
    waiting: dict[str, float | None] = dict.fromkeys(done)
    table, _ = plain(
        tmp_path,
        result("ada", by_hand=dict(done)),
        result("bob", by_hand=waiting),
        result("eve"),
    )
    total = ALL + 1.5 * len(done)
    assert table["ada"]["total"] == f"{total:g}"
    assert table["ada"]["out_of"] == str(ALL + NOTEBOOK.points_by_hand)
    for student in ("bob", "eve"):
        assert table[student]["total"] == table[student]["status"] == "ungraded"
        assert "waits for its points by hand" in table[student]["remarks"]


def test_a_report_of_an_older_course_waits(tmp_path: Path) -> None:
    old = result("ada")
    fewer = tuple(e for e in old.report.exercises if e.id != "1.3")
    object.__setattr__(old.report, "exercises", fewer)
    table, _ = plain(tmp_path, old)
    assert table["ada"]["total"] == "ungraded"
    assert "lacks exercise 1.3" in table["ada"]["remarks"]


def test_what_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="plain, canvas, moodle"):
        export_class([result("ada")], NOTEBOOK, WORTH, "blackboard", tmp_path / "g.csv")
    with pytest.raises(ExportError, match="--format"):
        export_class([result("ada")], NOTEBOOK, WORTH, "plain", tmp_path / "g.csv", tmp_path)
    assert not list(tmp_path.iterdir())


# --- a reader that would run formulas ---------------------------------------------------------

SIGNS = "=+-@＝＋－＠﹦﹢﹣﹫−"  # noqa: RUF001
NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?%?")


def runs(cell: str) -> bool:
    """Whether Excel, LibreOffice or Google Sheets could take a cell for more than text.

    They skip blanks, tabs and line ends in front; some skip what has no width.
    """
    shown = "".join(c for c in cell if unicodedata.category(c) not in ("Cc", "Cf"))
    shown = shown.lstrip()
    return shown[:1] in tuple(SIGNS) and not NUMBER.fullmatch(shown) and shown != "-"


def cells(content: bytes, delimiters: str = ",;|") -> list[str]:
    """Every cell that a spreadsheet can find, with either list separator."""
    text = content.decode("utf-8-sig")
    found = []
    for delimiter in delimiters:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            found += row
    return found


HARMFUL = [
    "=cmd|' /C calc'!A0",
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    " =1+1",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\u200b=1+1",
    "\ufeff=1+1",
    "\u00a0\u00a0@x",
    "＝1+1",  # noqa: RUF001
    "ada;=1+1",
    'ada";"=1+1',
    "ada|=1+1",
    '";=HYPERLINK("http://x","y")',
    "a\r=1+1",
    'a\n"=1+1',
]
NOTHING_SEEN = st.characters(categories=["Cc", "Cf", "Zs", "Zl", "Zp"])
NASTY = st.text(st.sampled_from("=+-@;,|\"'\t\r\n a1＝") | NOTHING_SEEN)  # noqa: RUF001


@pytest.mark.parametrize("text", HARMFUL)
def test_the_reader_knows_a_formula_and_finds_none_in_our_table(tmp_path: Path, text: str) -> None:
    naive = io.StringIO()
    csv.writer(naive, lineterminator="\n").writerow(["x", text])
    assert any(runs(cell) for cell in cells(naive.getvalue().encode())) or "\r" in text
    student = result(text, flags=(text, f"saw {text}"))
    other = result(f"x{text}", status="failed", reason=text)
    plain(tmp_path, student, other)
    found = cells((tmp_path / "grades.csv").read_bytes())
    assert [cell for cell in found if runs(cell)] == []


@given(rows=st.lists(st.lists(NASTY | st.text(), min_size=1, max_size=4), max_size=4))
@settings(deadline=None)
def test_no_text_becomes_a_formula(
    rows: list[list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    # A lone dash of a platform stays one; with another separator it is a dash and the next cell.
    for cell, delimiters in ((harmless, ",;|"), (kept, ",")):
        path = folder / "property.csv"
        write_csv(path, rows, cell=cell)
        assert [c for c in cells(path.read_bytes(), delimiters) if runs(c)] == []
        with path.open(newline="", encoding="utf-8") as file:
            again = list(csv.reader(file))
        assert [len(row) for row in again] == [len(row) for row in rows]


@given(st.floats(-1e6, 1e6).map(lambda x: f"{x:.2f}") | st.integers(-99, 99).map(str))
def test_numbers_of_a_platform_stay_numbers(text: str) -> None:
    assert kept(text) == text
    assert not runs(text)


@given(
    rows=st.lists(st.lists(st.text(st.sampled_from("ab;,\"'\r\n é")).map("x".__add__), min_size=1))
)
@settings(deadline=None)
def test_a_table_is_read_as_it_was_written(
    rows: list[list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "again.csv"
    like = CsvFile([], ",", "\r\n", bom=True)
    header = ["a", "b", "c,;"]
    write_csv(path, [header, *rows], like)
    table = read_csv(path)
    assert table.rows == [header, *rows]
    assert (table.bom, table.newline, table.delimiter) == (True, "\r\n", ",")
    assert path.read_bytes().startswith(b"\xef\xbb\xbfa,b")


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        ("Zoë".encode("cp1252"), "not a CSV in UTF-8"),
        ("a,b".encode("utf-16"), "not a CSV in UTF-8"),
        (b'a,"b\nc', "not a CSV in UTF-8"),
        (b"a," + b"x" * 200_000, "not a CSV in UTF-8"),
    ],
)
def test_what_is_no_table(tmp_path: Path, content: bytes, wrong: str) -> None:
    (tmp_path / "r.csv").write_bytes(content)
    with pytest.raises(ExportError, match=wrong):
        read_csv(tmp_path / "r.csv")
    with pytest.raises(ExportError, match="cannot be read"):
        read_csv(tmp_path)
