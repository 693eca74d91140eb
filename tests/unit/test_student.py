"""The way to a submission's functions: the exercise's own, or another one by name."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers_kernel import KernelStudent
from data_utils.course import load_course
from data_utils.selfcheck.words import Found
from grader.examination import Examination, Settings
from grader.sandbox import Isolation
from grader.student import Student
from grader.submissions import Cell, Submission

NOTEBOOK = load_course().notebook("nb1_autoencoder")
ANSWER = "def choose_threshold(scores, target_fpr):\n    return scores.max() + target_fpr\n"
# As a given cell hands plain arrays to a function that takes something else.
GIVEN = """
def threshold_of_lists(scores):
    scores.append(0.0)
    return choose_threshold(as_array(scores), 1)

class Kept:
    def __init__(self, number):
        self.number = number

def as_array(scores):
    import numpy
    return numpy.array(scores)
"""


@pytest.fixture(scope="module")
def student() -> Iterator[Student]:
    cells = (Cell(GIVEN, "given_lists", "given", frozenset({"definitions"})),
             Cell(ANSWER, "answer_ex1_3", "answer"))  # fmt: skip
    submission = Submission(Path("x.ipynb"), NOTEBOOK, cells, "0", ())
    with Examination(submission, Settings("quick", isolation=Isolation.NONE)) as examination:
        yield examination.student(NOTEBOOK.exercise("1.3"))


def test_without_a_name_it_is_the_exercises_own_function(student: Student) -> None:
    assert student.call(np.array([1.0, 2.0]), 0.5) == 2.5
    assert student.call_and_look(np.array([1.0]), 0.5)[0] == 1.5


def test_another_definition_is_called_by_its_name(student: Student) -> None:
    assert student.call([1.0, 2.0], name="threshold_of_lists") == 3.0
    value, (after,) = student.call_and_look([1.0, 2.0], name="threshold_of_lists")
    assert (value, after) == (3.0, [1.0, 2.0, 0.0])
    assert student.attribute(student.keep(7, name="Kept"), "number") == 7


def test_what_goes_wrong_in_another_definition_is_said_of_the_exercise(student: Student) -> None:
    for name in ("threshold_of_lists", "no_such_function"):
        with pytest.raises(Found) as found:
            student.call(3, name=name)
        assert "choose_threshold" in found.value.finding.expected


@pytest.mark.parametrize(
    "method", ["call", "call_and_look", "keep", "method", "attribute", "in_run", "floor", "step"]
)
def test_the_student_of_the_comparison_is_asked_the_same_way(method: str) -> None:
    own, stand_in = (inspect.signature(getattr(kind, method)) for kind in (Student, KernelStudent))
    assert [(p.name, p.kind) for p in own.parameters.values()] == [
        (p.name, p.kind) for p in stand_in.parameters.values()
    ]
