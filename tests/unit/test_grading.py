"""Which hidden checks judge a notebook."""

import dataclasses

import pytest

from data_utils.course import load_course
from grader.errors import GraderError
from grader.grading import hidden_checks

NOTEBOOK = load_course().notebooks[0]


def test_every_notebook_has_hidden_checks_of_its_own() -> None:
    found = [file for notebook in load_course().notebooks for file in hidden_checks(notebook)]
    assert len(found) == len(set(found)) >= len(load_course().notebooks)


def test_a_notebook_without_hidden_checks_is_not_judged_by_other_tests() -> None:
    with pytest.raises(GraderError, match="no hidden checks of nb8_other"):
        hidden_checks(dataclasses.replace(NOTEBOOK, id="nb8_other"))
