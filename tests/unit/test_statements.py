"""Which cells run while grading, and what a learner is told beforehand."""

import pytest

from data_utils.selfcheck.beforehand import finding_beforehand
from data_utils.statements import bound_names, cells_behind, look_through, parsed

DATA = frozenset({"x_train"})
LOADED = "x_train = list('a')\n---\n"  # what a locked cell makes from data


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("KERNEL = cross(4)", {"KERNEL"}),
        ("rates = namedtuple('rates', 'tpr')(0)", {"rates"}),
        ("TABLE = {}\nfor i in range(3):\n    TABLE[i] = i", {"TABLE", "i"}),
        ("names.append('x')", {"names"}),
        ("if __name__ == '__main__':\n    def f(): local = 1\n    print(f())", {"f"}),
        ("class A:\n    inside = 1", {"A"}),
        ("import numpy.linalg, torch as t", {"numpy", "t"}),
        ("with open('x') as file: pass", {"file"}),
        ("[local for local in range(3)]", set()),
        ("%matplotlib inline\n!ls\nx = 1", {"x"}),
        ("%%capture\n%%time\ny = 1", {"y"}),
        ("this is no Python", set()),
    ],
)
def test_names_that_a_cell_binds(cell: str, names: set[str]) -> None:
    assert set().union(*map(bound_names, parsed(cell))) == names


@pytest.mark.parametrize("nested", ["(" * 5000, "x = " + "-" * 100_000 + "1", "a" * 300_000])
def test_no_source_is_too_odd_to_be_looked_at(nested: str) -> None:
    parsed(nested)


def test_a_magic_that_wraps_is_looked_through_and_lines_keep_their_numbers() -> None:
    assert look_through("%%time\n\nx = 1").splitlines().index("x = 1") == 2
    assert look_through("%%writefile m.py\nx = 1").startswith("%%writefile")


def test_only_cells_behind_an_answer_run_in_full() -> None:
    own = ["detector.plot()", "B = make()", "def make(): return A", "A = 2", "unused = load()"]
    assert cells_behind(own, ["def answer(x): return B"]) == {1, 2, 3}


def of(source: str) -> str:
    """What is said beforehand of a function `answer`, after these cells; empty for nothing."""
    cells = source.split("\n---\n")
    namespace: dict[str, object] = {"__name__": "__main__"}
    for cell in cells:
        exec(look_through(cell), namespace)
    finding = finding_beforehand("answer", namespace, cells, DATA)
    return finding.got if finding else ""


@pytest.mark.parametrize(
    ("source", "got"),
    [
        (LOADED + "def answer(): return x_train", "the notebook's variable x_train"),
        (LOADED + "M = len(x_train)\ndef answer(): return M", "`M = len(x_train)`"),
        (LOADED + "M = len(x_train)\n---\ndef f(): return M\n"
         "class A:\n    def g(self): return f()\ndef answer(): return A().g()",
         "`M = len(x_train)`"),
        (LOADED + "import functools\n@functools.cache\ndef answer(): return x_train",
         "the notebook's variable x_train"),
        (LOADED + "M = 3\ndef answer(x_train): return x_train + M", ""),
        (LOADED + "M = len(x_train)\nM = 3\ndef answer(): return M", ""),
        (LOADED + "x_train = (2, 3)\ndef answer(): return x_train", ""),
        ("def f(): return g\ndef g(): return f\ndef answer(): return f", ""),
    ],
)  # fmt: skip
def test_what_will_not_be_there_is_told_beforehand(source: str, got: str) -> None:
    assert got in of(source) if got else of(source) == ""
