"""Which notebook a command works on."""

import dataclasses
from pathlib import Path

import pytest

from data_utils.course import Course, load_course
from grader.errors import NotebookChoiceError
from grader.options import notebook_named

FIRST = load_course().notebooks[0]
OTHER = dataclasses.replace(FIRST, id="nb8_other")


@pytest.fixture
def submitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the submissions of a course with two notebooks; nobody handed anything in."""
    monkeypatch.setattr("grader.options.load_course", lambda: Course((FIRST, OTHER)))
    return tmp_path


def test_the_first_notebook_where_nothing_was_handed_in(submitted: Path) -> None:
    assert notebook_named("") == FIRST
    assert notebook_named("", submitted / "missing") == FIRST
    assert notebook_named(OTHER.id, submitted) == OTHER


def test_the_notebook_that_was_handed_in(submitted: Path) -> None:
    (submitted / "ada" / OTHER.id).mkdir(parents=True)
    assert notebook_named("", submitted) == OTHER


def test_of_several_one_must_be_named(submitted: Path) -> None:
    for notebook in (FIRST, OTHER):
        (submitted / "ada" / notebook.id).mkdir(parents=True)
    with pytest.raises(NotebookChoiceError, match=f"--assignment {OTHER.id}"):
        notebook_named("", submitted)
    assert notebook_named(FIRST.id, submitted) == FIRST
