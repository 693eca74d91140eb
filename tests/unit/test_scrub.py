"""Exceptions of student code in a report: they say what went wrong, and carry no data out."""

import re

import pytest

from data_utils.selfcheck.words import Finding
from grader.judging.scrub import NUMBERS, Scrubber, capped, scrubbed, type_words
from grader.sandbox import StudentError
from grader.submissions import Cell

CELLS = (Cell("def f(x):\n    return x / 0\n", "answer_ex1_2", "answer"),)


@pytest.mark.parametrize(
    "text",
    [
        "division by zero",
        "operands could not be broadcast together with shapes (4,28,28) (4,28)",
        "unsupported operand type(s) for -: 'float' and 'NoneType'",
        "module 'numpy' has no attribute 'sums'",
        "name 'x_test' is not defined",
        "",
    ],
)
def test_honest_texts_stay(text: str) -> None:
    assert scrubbed(text) == text


def test_a_text_carries_few_short_numbers_and_no_long_word() -> None:
    numbers = " ".join(f"{n / 7:.6f}" for n in range(100))
    for text in (numbers, " ".join(map(str, range(100))), "ab12" * 100, "9" * 4000, "f" * 4000):
        told = scrubbed(text)
        assert len(told) <= 80
        found = re.findall(r"\d+", told)
        assert len(found) <= NUMBERS
        assert all(len(number) <= 4 for number in found)
        assert max(map(len, told.split())) <= 80


def test_only_the_first_line_is_told() -> None:
    assert scrubbed("first\nsecond\n") == "first"


def test_names_of_types_are_names() -> None:
    for name in ("object", "numpy.ndarray of complex128", "numpy.ndarray of datetime64[D]",
                 "dict with a key of type tuple", "keras.src.models.Model"):  # fmt: skip
        assert type_words(name) == name
    assert type_words("f.<locals>.Kept") == "f.Kept"
    assert type_words("0.25 0.5 0.75") == "unknown"


def test_a_source_line_is_told_where_a_cell_has_it() -> None:
    scrubber = Scrubber(CELLS)
    own = StudentError("ZeroDivisionError", "division by zero", 2, "    return x / 0")
    assert scrubber.account("1.2", own).where == "line 2: return x / 0"
    elsewhere = StudentError("ZeroDivisionError", "division by zero", 777, "return x / 0")
    assert Scrubber(CELLS).account("1.2", elsewhere).where == "return x / 0"
    forged = StudentError("ZeroDivisionError", "division by zero", 2, "0.123 0.456")
    assert Scrubber(CELLS).account("1.2", forged).where == ""


def test_an_exercise_tells_one_text() -> None:
    scrubber = Scrubber(CELLS)
    first = scrubber.account("1.2", StudentError("ValueError", "a first text"))
    assert scrubber.account("1.2", StudentError("ValueError", "a first text")) == first
    second = scrubber.account("1.2", StudentError("TypeError", "secret"))
    assert (second.ename, second.where) == ("TypeError", "")
    assert "secret" not in second.evalue
    assert scrubber.account("1.2", StudentError("Secret", "x")).ename == "another exception"
    assert scrubber.account("1.3", StudentError("ValueError", "other")).evalue == "other"


def test_the_lines_of_a_finding_are_bounded() -> None:
    finding = capped(Finding("a", "b" * 5000, "c", "d"))
    assert (finding.expected, finding.why, finding.advice) == ("a", "c", "d")
    assert len(finding.got) == 400
