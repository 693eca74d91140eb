"""The definitions session runs definitions and nothing else."""

import ast

import pytest

from grader.sandbox import Session
from grader.sandbox.definitions import imported_names, is_definition

pytestmark = pytest.mark.slow  # starts sandboxes


def kept(cell: str) -> list[bool]:
    tree = ast.parse(cell)
    imported = imported_names(tree.body) | {"np", "Path", "torch"}
    return [is_definition(statement, imported) for statement in tree.body]


@pytest.mark.parametrize(
    "statement",
    [
        "import os.path as path",
        "from a import b",
        "def f(x=g()): pass",
        "async def f(): pass",
        "@decorate\nclass A: pass",
        "'a docstring'",
        "SIDE = 28",
        "SHAPE = (28, 28)",
        "A = B = 2 * 3",
        "first, *rest = 1, 2, 3",
        "rng = np.random.default_rng(0)",
        "folder = Path('x') / 'y'",
        "x: int = 3",
        "x: int",
        "grid = np.arange(4).reshape(2, 2)",
        "digits = list(range(10))",
        "square = lambda x: x * x",
        "device = 'cuda' if torch.cuda.is_available() else 'cpu'",
        "np.seterr_mode = 'raise'",
        "if np.bool_(1):\n    x = 1\nelse:\n    import a",
        "try:\n    import a\nexcept ImportError:\n    a = None",
        "with np.errstate(all='ignore'):\n    def f(): pass",
        "pass",
    ],
)
def test_definitions_run(statement: str) -> None:
    assert kept(statement) == [True]


@pytest.mark.parametrize(
    "statement",
    [
        "model.fit(x)",
        "print('hello')",
        "model = build()",
        "scores = detector.anomaly_score(x)",
        "x = np.array(load())",
        "x = open('f')",
        "x = (y := 3)",
        "data[0] = 1",
        "model.threshold = 3",
        "for i in range(3): pass",
        "while True: pass",
        "del x",
        "assert True",
        "x += 1",
        "if build():\n    x = 1",
        "if True:\n    model.fit(x)",
        "try:\n    import a\nexcept ImportError:\n    install()",
        "with open('f') as file:\n    x = 1",
        "raise ValueError",
        "x = await f()",
        "np.random.seed(0)",
    ],
)
def test_everything_else_is_skipped(statement: str) -> None:
    assert kept(statement) == [False]


def test_a_cell_defines_without_running_the_rest(session: Session) -> None:
    result = session.run_cell(
        "%matplotlib inline\n"
        "!rm -rf x\n"
        "from pathlib import Path\n"
        "SIDE = 4\n"
        "def area(): return SIDE ** 2\n"
        "print('trained')\n"
        "model = area()\n"
        "while True: pass\n"
        "folder = Path('x')\n",
        definitions_only=True,
    )
    assert result.status == "ok"
    assert result.stdout == ""
    assert session.call("area") == 16
    assert session.value("SIDE") == 4
    assert session.run_cell("model").ename == "NameError"
    assert session.run_cell("folder.name").displays[0].data == "'x'"


def test_imports_of_earlier_cells_count(session: Session) -> None:
    session.run_cell("import math as m", definitions_only=True)
    session.run_cell("ROOT = m.sqrt(9)", definitions_only=True)
    assert session.value("ROOT") == 3.0


def test_a_failing_statement_stops_no_other_and_is_reported(session: Session) -> None:
    result = session.run_cell(
        "A1 = 1\nB1 = missing\ndef after(): return A1\nC1 = 1 / 0", definitions_only=True
    )
    assert (result.status, result.ename, result.line) == ("error", "NameError", 2)
    assert session.call("after") == 1


def test_a_cell_that_is_no_python_is_reported(session: Session) -> None:
    result = session.run_cell("def broken(:\n    pass", definitions_only=True)
    assert (result.status, result.ename, result.line) == ("error", "SyntaxError", 1)


def test_an_endless_definition_is_stopped(session: Session) -> None:
    result = session.run_cell(
        "class Slow:\n    while True: pass\nSPEED = 1", definitions_only=True, seconds=0.3
    )
    assert result.status == "timeout"
    assert session.run_cell("1").status == "ok"
