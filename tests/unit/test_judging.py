"""Which statements run while grading, what is said of one that does not, and who stands in."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from data_utils.course import Exercise, load_course
from data_utils.selfcheck.words import Finding, Found
from grader.examination import Examination, Settings
from grader.sandbox import Isolation
from grader.submissions import Cell, Submission

pytestmark = pytest.mark.slow  # starts processes

NOTEBOOK = load_course().notebook("nb1_autoencoder")
SCORE = NOTEBOOK.exercise("1.2")
GIVEN = Cell(
    "import numpy as np\ndef given(x):\n    return reconstruction_error(x, x * 0) * 2",
    "given_setup",
    "given",
    frozenset({"definitions"}),
)
X = np.ones((3, 4, 4), np.float32)

Examine = Callable[..., Examination]


@pytest.fixture
def examine() -> Iterator[Examine]:
    """Open an examination of some cells; with the ids of exercises that lost points."""
    opened: list[Examination] = []

    def begin(*cells: Cell, lost: tuple[str, ...] = ()) -> Examination:
        submission = Submission(Path("x.ipynb"), NOTEBOOK, (GIVEN, *cells), "0", ())
        settings = Settings("quick", isolation=Isolation.NONE)
        opened.append(Examination(submission, settings, lost.__contains__).__enter__())
        return opened[-1]

    yield begin
    for examination in opened:
        examination.__exit__(None, None, None)


def answer(source: str, exercise: Exercise = SCORE) -> Cell:
    return Cell(source, f"answer_{exercise.grade_id}", "answer")


RIGHT = {
    "a lambda": "reconstruction_error = lambda x, x_hat: helper(x)\nhelper = lambda x: len(x)",
    "an object of a class": "class Score:\n    def __call__(self, x, x_hat): return len(x)\n"
    "reconstruction_error = Score()",
    "a table by a loop": "T = {}\nfor i in range(5): T[i] = i\n"
    "def reconstruction_error(x, x_hat): return T[len(x)]",
    "a namedtuple": "from collections import namedtuple\nT = namedtuple('T', 'n')(3)\n"
    "def reconstruction_error(x, x_hat): return T.n",
    "defined under main": "if __name__ == '__main__':\n    def reconstruction_error(x, x_hat):\n"
    "        return len(x)\n    print('ready')",
    "timed": "%%time\ndef reconstruction_error(x, x_hat): return len(x)",
    "captured": "\n%%capture kept\ndef reconstruction_error(x, x_hat): return len(x)",
    "a call that fails behind it": "def reconstruction_error(x, x_hat): return len(x)\n"
    "reconstruction_error(x_train, x_train)\nraise SystemExit",
}


@pytest.mark.parametrize("source", RIGHT.values(), ids=list(RIGHT))
def test_every_statement_of_an_answer_runs(source: str, examine: Examine) -> None:
    assert examine(answer(source)).student(SCORE).call(X, X) == 3


def test_own_cells_run_where_an_answer_uses_them(examine: Examine) -> None:
    own = [
        Cell("%%writefile mine.py\ndef size(x): return len(x)", "", "added"),
        Cell("TABLE = dict.fromkeys(range(5), 0)\nTABLE.update({3: 30})", "", "added"),
        Cell("unused = print('x') or 1 / 0", "", "added"),
    ]
    source = "import mine\ndef reconstruction_error(x, x_hat): return TABLE[mine.size(x)]"
    assert examine(*own, answer(source)).student(SCORE).call(X, X) == 30


def finding_of(examination: Examination) -> Finding:
    with pytest.raises(Found) as found:
        examination.student(SCORE).call(X, X)
    return examination.explained("1.2", found.value.finding)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("M = x_train.mean()\ndef reconstruction_error(x, x_hat): return M",
         "line 1 of its cell, `M = x_train.mean()`, did not run while grading (NameError"),
        ("def reconstruction_error(x, x_hat):\n    return (x", "line 2 of its cell"),
        ("import time\nM = time.sleep(60)\ndef reconstruction_error(x, x_hat): return M[0]",
         "took longer than 1 seconds"),
        ("import os\nos._exit(3)\ndef reconstruction_error(x, x_hat): return gone",
         "there is no gone"),
    ],
)  # fmt: skip
def test_a_line_that_did_not_run_is_named(
    source: str, why: str, examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grader.judging.definitions.STATEMENT_SECONDS", 1.0)
    finding = finding_of(examine(answer(source)))
    assert why in f"{finding.why} {finding.got}"


def test_a_name_that_stands_for_something_else_is_told_so(examine: Examine) -> None:
    source = "def reconstruction_error(x, x_hat): return 1\nreconstruction_error = None"
    assert "NoneType" in finding_of(examine(answer(source))).got


WRONG = answer("def reconstruction_error(x, x_hat): return x")
FIT = NOTEBOOK.exercise("1.5")
FIT_CELL = answer("def fit_detector(x): return given(x), reconstruction_error.__name__", FIT)


def test_the_reference_stands_in_for_an_exercise_that_lost_points(examine: Examine) -> None:
    examination = examine(WRONG, FIT_CELL, lost=("1.2",))
    scores, name = examination.student(FIT).call(X)
    assert np.allclose(scores, 2.0)
    assert name == "stand_in"
    assert examination.student(SCORE).call(X, X).shape == X.shape  # it is judged as it is


def test_without_lost_points_the_own_function_is_used(examine: Examine) -> None:
    assert examine(WRONG, FIT_CELL).student(FIT).call(X)[0].shape == X.shape


def test_the_twin_answers_what_was_replaced_and_nothing_else(examine: Examine) -> None:
    nosy = answer(
        "import sys\ndef fit_detector(x):\n"
        "    worker = reconstruction_error.__closure__[1].cell_contents\n"
        "    return worker._ask({'name': 'choose_threshold', 'args': [[1.0], 0.1], 'kwargs': {}})",
        FIT,
    )
    with pytest.raises(Found) as found:
        examine(WRONG, nosy, lost=("1.2",)).student(FIT).call(X)
    assert "no function choose_threshold" in found.value.finding.got


def test_a_question_that_the_reference_refuses_is_an_exception_inside(examine: Examine) -> None:
    odd = answer("def fit_detector(x): return reconstruction_error('x', object())", FIT)
    with pytest.raises(Found):
        examine(WRONG, odd, lost=("1.2",)).student(FIT).call(X)
