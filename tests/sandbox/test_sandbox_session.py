"""Cells, calls and values of a session, behind the wall and without one."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from grader.sandbox import (
    BadReply,
    CallTimeout,
    Handle,
    Isolation,
    Limits,
    Opaque,
    SandboxError,
    SandboxUnavailable,
    Session,
    SessionDied,
    StudentError,
)

pytestmark = pytest.mark.slow  # starts sandboxes


def test_a_cell_gives_its_output_and_last_value(session: Session) -> None:
    result = session.run_cell("import sys\nprint('out')\nprint('err', file=sys.stderr)\n6 * 7")
    assert result.status == "ok"
    assert result.stdout == "out\nerr\n"
    assert [(shown.mime, shown.data) for shown in result.displays] == [("text/plain", "42")]
    assert result.ename is None
    assert result.line is None
    assert not result.truncated
    assert 0 <= result.cpu_seconds < 10
    assert 0 < result.wall_seconds < 10


def test_an_error_names_the_line_in_the_cell(session: Session) -> None:
    session.run_cell("def inner(x):\n    y = x\n    return y / 0")
    result = session.run_cell("a = 1\n\ninner(a)")
    assert (result.status, result.ename, result.evalue) == (
        "error",
        "ZeroDivisionError",
        "division by zero",
    )
    assert result.line == 3
    assert "line 3: inner(a)" in result.traceback
    assert "line 3: return y / 0" in result.traceback
    assert len(result.traceback.splitlines()) <= 4


def test_a_syntax_error_names_its_line(session: Session) -> None:
    result = session.run_cell("x = 1\ny = = 2")
    assert (result.status, result.ename, result.line) == ("error", "SyntaxError", 2)


def test_an_exception_that_cannot_be_printed_is_still_reported(session: Session) -> None:
    session.run_cell(
        "class Odd(Exception):\n"
        "    def __str__(self):\n        raise SystemExit\n"
        "def odd():\n    raise Odd"
    )
    with pytest.raises(StudentError) as caught:
        session.call("odd")
    assert caught.value.ename == "Odd"
    assert session.run_cell("odd()").status == "error"
    assert session.run_cell("1").status == "ok"


def test_calls_pass_plain_data_both_ways(session: Session) -> None:
    session.run_cell("def scale(x, by=1):\n    return {'scaled': x * by, 'type': type(x).__name__}")
    images = np.arange(6, dtype=np.uint8).reshape(2, 3)
    got = session.call("scale", images, by=2)
    np.testing.assert_array_equal(got["scaled"], images * 2)
    assert got["scaled"].dtype == np.uint8
    assert got["type"] == "ndarray"
    assert session.call("scale", 3)["scaled"] == 3


def test_a_call_cannot_change_the_array_that_was_passed(session: Session) -> None:
    session.run_cell("def spoil(x):\n    x[:] = -1\n    return x.sum()")
    mine = np.ones(4)
    assert session.call("spoil", mine) == -4
    np.testing.assert_array_equal(mine, 1)


def test_a_call_can_be_looked_at_afterwards(session: Session) -> None:
    session.run_cell("def f(a, b):\n    a[0] = 9\n    return a + b")
    given = np.array([1, 2])
    result, (first, second) = session.call_and_look("f", given, 1)
    assert np.asarray(result).tolist() == [10, 3]
    assert (np.asarray(first).tolist(), second) == ([9, 2], 1)
    assert given.tolist() == [1, 2]
    with pytest.raises(StudentError):
        session.call_and_look("f", "text", 1)


def test_an_error_in_a_call_tells_line_and_text(session: Session) -> None:
    session.run_cell("def fails(x):\n    return x['key']")
    with pytest.raises(StudentError) as caught:
        session.call("fails", {})
    error = caught.value
    assert (error.ename, error.evalue, error.line) == ("KeyError", "'key'", 2)
    assert error.cell_hint == "return x['key']"


def test_a_missing_function_is_a_name_error(session: Session) -> None:
    for ask in (session.call, session.value, session.variable):
        with pytest.raises(StudentError) as caught:
            ask("nowhere")
        assert caught.value.ename == "NameError"


def test_handles_keep_objects_inside(session: Session) -> None:
    session.run_cell(
        "class Detector:\n"
        "    def __init__(self, t):\n        self.threshold = t\n"
        "    def anomaly_score(self, images):\n"
        "        return images.reshape(len(images), -1).mean(1)\n"
        "def fit(t):\n    return Detector(t)\n"
        "detector = fit(0.25)"
    )
    handle = session.keep("fit", 0.5)
    assert session.attribute(handle, "threshold") == 0.5
    scores = session.method(handle, "anomaly_score", np.full((2, 4, 4), 3.0))
    np.testing.assert_array_equal(scores, [3.0, 3.0])
    mine = session.variable("detector")
    assert session.attribute(mine, "threshold") == 0.25
    with pytest.raises(StudentError) as caught:
        session.attribute(handle, "missing")
    assert caught.value.ename == "AttributeError"
    session.forget(handle)
    with pytest.raises(BadReply):
        session.attribute(handle, "threshold")
    assert session.attribute(mine, "threshold") == 0.25


def test_handles_mean_nothing_elsewhere(session: Session) -> None:
    session.run_cell("x = [1]")
    handle = session.variable("x")
    with Session(Isolation.NONE) as other, pytest.raises(SandboxError):
        other.method(handle, "append", 1)


def test_objects_come_out_opaque(session: Session) -> None:
    session.run_cell("thing = object()")
    assert isinstance(session.value("thing"), Opaque)


def test_pandas_columns_come_out_as_arrays(session: Session) -> None:
    pytest.importorskip("pandas")
    session.run_cell("import pandas as pd\nframe = pd.DataFrame({'a': [1, 2], 'b': [3, 4]})")
    np.testing.assert_array_equal(session.value("frame"), [[1, 3], [2, 4]])


def test_arguments_that_are_not_plain_are_refused_and_the_session_lives(session: Session) -> None:
    with pytest.raises(SandboxError, match="plain data"):
        session.call("print", {1, 2})
    assert session.run_cell("1").status == "ok"


def test_a_result_that_is_too_large_is_refused_and_the_session_lives(session: Session) -> None:
    session.run_cell("import numpy as np\ndef large():\n    return np.zeros(10_000_000)")
    with pytest.raises(BadReply, match="bytes"):
        session.call("large")
    assert session.run_cell("1").status == "ok"


def test_files_of_the_work_folder_come_out(session: Session) -> None:
    session.run_cell(
        "import os\n"
        "open('scores.csv', 'w').write('1,2')\n"
        "os.symlink('/etc/passwd', 'link')\n"
        "os.makedirs('folder', exist_ok=True)"
    )
    assert session.read_file("scores.csv") == b"1,2"
    for name in ("link", "../../etc/passwd", "/etc/passwd", "folder"):
        with pytest.raises(BadReply):
            session.read_file(name)
    with pytest.raises(BadReply, match="larger"):
        session.read_file("scores.csv", max_bytes=2)
    with pytest.raises(StudentError) as caught:
        session.read_file("missing.csv")
    assert caught.value.ename == "FileNotFoundError"


def test_what_a_call_prints_is_dropped(session: Session) -> None:
    session.run_cell("def chat():\n    print('seen the hidden input')\n    return 1")
    assert session.call("chat") == 1
    assert session.run_cell("2").stdout == ""


def test_a_forked_child_does_not_answer_in_its_parents_place(session: Session) -> None:
    assert session.run_cell("import os\nchild = os.fork()").status == "ok"
    assert session.value("child") > 0
    assert session.run_cell("os.waitpid(child, 0); 1").status == "ok"


def test_cpu_time_is_seen_from_outside(session: Session) -> None:
    before = session.cpu_seconds
    result = session.run_cell(
        "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    )
    assert result.cpu_seconds >= 0.25
    assert session.cpu_seconds - before >= 0.25


def test_environment_and_data_folder_reach_the_notebook(wall: Isolation, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "MNIST").mkdir()
    (tmp_path / "MNIST" / "raw").write_text("images")
    with Session(wall, environment={"OMP_NUM_THREADS": "1"}, data_folder=tmp_path) as session:
        session.run_cell(
            "import os, pathlib\n"
            "folder = pathlib.Path(os.environ['ANOMALY_COURSE_DATA'])\n"
            "text = (folder / 'MNIST' / 'raw').read_text()\n"
            "threads = os.environ['OMP_NUM_THREADS']\n"
            "gpus = os.environ['CUDA_VISIBLE_DEVICES']"
        )
        assert session.value("text") == "images"
        assert session.value("threads") == "1"
        assert session.value("gpus") == "-1"
        result = session.run_cell("(folder / 'mine').write_text('x')")
        assert result.ename == "OSError"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["MNIST"]


def test_a_process_that_ends_itself_is_a_death_with_a_reason(wall: Isolation) -> None:
    with Session(wall) as session:
        with pytest.raises(SessionDied, match="exit code 3"):
            session.run_cell("import os\nos.write(2, b'last words')\nos._exit(3)")
        assert not session.alive
        with pytest.raises(SessionDied) as caught:
            session.run_cell("1")
        assert caught.value.output_tail == "last words"
        assert "last words" not in str(caught.value)
        assert session.cpu_seconds > 0


def test_a_closed_session_says_so() -> None:
    session = Session(Isolation.NONE)
    session.close()
    session.close()
    with pytest.raises(SessionDied, match="closed"):
        session.run_cell("1")


def test_closing_leaves_no_process_and_no_folder() -> None:
    with Session(Isolation.NONE) as session:
        session.run_cell("import os\nfolder, pid = os.getcwd(), os.getpid()")
        folder, pid = session.value("folder"), session.value("pid")
        assert os.path.isdir(folder)
    assert not os.path.exists(folder)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_call_that_takes_too_long_is_stopped_and_the_session_lives(session: Session) -> None:
    session.run_cell("import time\ndef forever():\n    while True: time.sleep(0.01)")
    started = time.monotonic()
    with pytest.raises(CallTimeout):
        session.call("forever", seconds=0.3)
    assert time.monotonic() - started < 2
    assert session.run_cell("1").status == "ok"


def test_a_data_folder_that_cannot_be_shown_is_named(wall: Isolation, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="missing"):
        Session(wall, data_folder=tmp_path / "missing")
    if os.geteuid() == 0:
        tmp_path.chmod(0o700)
        with pytest.raises(SandboxError, match="chmod"):
            Session(wall, data_folder=tmp_path)


def test_a_sandbox_that_cannot_start_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grader.sandbox.bwrap.find_bwrap", lambda: "/bin/false")
    with pytest.raises(SandboxUnavailable, match="isolation none"):
        Session(Isolation.BWRAP)


def test_the_trusted_side_imports_no_framework() -> None:
    code = (
        "import sys, grader.sandbox, grader.sandbox.canary\n"
        "print({'IPython', 'tensorflow', 'torch', 'sklearn', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_modules_start_without_the_posix_only_ones() -> None:
    code = (
        "import sys\n"
        "for name in ('resource', 'fcntl', 'pwd', 'grp', 'termios'):\n"
        "    sys.modules[name] = None\n"
        "import grader.sandbox, grader.sandbox.wire"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_limits_are_frozen() -> None:
    with pytest.raises(AttributeError):
        Limits().processes = 1  # type: ignore[misc]


def test_a_kept_object_can_be_handed_to_a_function(session: Session) -> None:
    session.run_cell(
        "class Box:\n    def __init__(self):\n        self.held = []\n"
        "def put(box, *values):\n    box.held += values\n    return box.held"
    )
    box = session.keep("Box")
    assert session.call("put", box, 1) == [1]
    assert session.call("put", box, np.arange(2), box)[0] == 1
    assert len(session.attribute(box, "held")) == 3
    with pytest.raises(BadReply, match="not known"):
        session.call("put", Handle(box.session, box.number + 7), 1)
    with pytest.raises(SandboxError, match="another session"):
        session.call("put", Handle(box.session + "x", box.number), 1)


def test_the_courses_own_functions_can_be_handed_over(session: Session) -> None:
    session.run_cell("def apply(function, *values):\n    return function(*values)")
    prevalence = session.library("metrics", "prevalence")
    assert session.call("apply", prevalence, [0.1, 0.2, 0.3], [0.9]) == 0.25
    made = session.keep_method(prevalence, "__call__", [0.1], [0.9])
    assert session.method(made, "is_integer") is False
    with pytest.raises(StudentError, match="no_such_function"):
        session.library("metrics", "no_such_function")
