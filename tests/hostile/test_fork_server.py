"""Sessions that start imported: apart from each other and from their server as if spawned."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from grader import doctor
from grader.sandbox import (
    Isolation,
    Limits,
    SandboxError,
    Session,
    SessionDied,
    forked,
    nursery,
    trials,
)
from grader.sandbox.canary import Promise
from grader.sandbox.watch import children
from tests.hostile.conftest import TIGHT

pytestmark = pytest.mark.slow  # each of them starts sandboxes, many of them several

# The rights, limits and mounts of a session; where it started from is left out.
LOOK = """
import os, re, resource, sys
def field(line): return line.split(':')[0], line.split(':')[1].split()
status = dict(field(line) for line in open('/proc/self/status')
              if re.match('Groups|Cap|NoNewPrivs|Seccomp:|NSpid|Umask|CoreDumping', line))
mounts = {}
for line in open('/proc/self/mountinfo'):
    before, after = (part.split() for part in line.split(' - '))
    mounts[before[4]] = [before[5], after[0]]
limits = {name: list(resource.getrlimit(getattr(resource, name)))
          for name in dir(resource) if name.startswith('RLIMIT_')}
links = [os.readlink(f'/proc/self/fd/{n}').split(':')[0] for n in os.listdir('/proc/self/fd')
         if os.path.islink(f'/proc/self/fd/{n}')]
rest = {
    'variables': dict(os.environ), 'path': sys.path[:4], 'folder': os.getcwd(),
    'host': os.uname().nodename, 'group': [os.getsid(0), os.getppid()],
    'devices': sorted(os.listdir('/dev')), 'root': sorted(os.listdir('/')),
    'terminal': os.openpty()[0] > 0, 'links': sorted(links),
    'own files': [os.listdir(name) for name in ('/tmp', '/dev/shm', '.')],
    'threads': len(os.listdir('/proc/self/task')),
    'server': [name for name in ('enclose', 'forkserver', 'worker') if name in sys.modules],
}
"""
BURN = """
import os, time
def burn():
    end = time.process_time() + 0.3
    while time.process_time() < end: pass
burn()
if os.fork() == 0:
    if os.fork() == 0: burn(); time.sleep(60)
    burn(); os._exit(0)
os.wait(); time.sleep(0.6)
"""

TRAIN_WITH_TORCH = """
import os, sys, time, torch
class Fit:
    def __init__(self, steps):
        torch.manual_seed(0)
        layers = torch.nn.Conv2d(1, 8, 4, 2), torch.nn.BatchNorm2d(8), torch.nn.Conv2d(8, 1, 13)
        self.network = torch.nn.Sequential(*layers)
        adam = torch.optim.Adam(self.network.parameters(), 0.01)
        x, self.history = torch.randn(64, 1, 28, 28), []
        for step in range(steps):
            loss = self.network(x).square().mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            self.history.append(loss.item())
    def weights(self):
        return list(self.network.state_dict().values())
def fit(steps): return Fit(steps)
drawn = [torch.initial_seed(), float(torch.rand(()))]
threads, known = torch.get_num_threads(), set(sys.modules)
spent = -time.process_time(), -time.perf_counter()
fit(30)
late = len(set(sys.modules) - known)
spent = [spent[0] + time.process_time(), spent[1] + time.perf_counter()]
"""


@pytest.fixture
def fresh(wall: Isolation, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Return variables that no other test's server has; what it starts ends with the test."""
    variables = {"OF_TEST": request.node.name}
    yield variables
    server = nursery._servers.pop(key_of(variables), None)
    if server is not None:
        server.end()


def key_of(variables: dict[str, str]) -> Any:
    return ("numpy", None, None, tuple(variables.items()))


def preloaded(limits: Limits = TIGHT, **options: Any) -> Session:
    session = Session(Isolation.BWRAP, limits, preload="numpy", **options)
    assert session.preload_trouble == ""
    assert session.preloaded
    return session


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Wait until something holds: the kernel takes its time to clear processes away."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def calm(measure: Callable[[], Any]) -> Any:
    """Measure until the value has stood still for half a second, and return it."""
    value, since = measure(), time.monotonic()
    while time.monotonic() - since < 0.5:
        time.sleep(0.02)
        if (now := measure()) != value:
            value, since = now, time.monotonic()
    return value


def server_pid(environment: dict[str, str] | None = None) -> int:
    """Return the number of a fork server: the child of bubblewrap's init."""
    server = nursery._servers[key_of(environment or {})]
    assert server._process is not None
    return children(server._process.root)[0]


def test_a_session_has_the_rights_of_one_that_was_spawned(wall: Isolation) -> None:
    with Session(wall, TIGHT) as spawned, preloaded() as session:
        for each in (spawned, session):
            assert each.run_cell(LOOK).status == "ok"
        for name in ("status", "limits", "rest"):
            assert session.value(name) == spawned.value(name)
        expected, found = spawned.value("mounts"), session.value("mounts")
        assert {path: found[path] for path in expected} == expected
        more = {path: kind for path, kind in found.items() if path not in expected}
        assert all(path.startswith("/proc/") for path in more)
        assert all(options.startswith("ro,") for options, _ in more.values())


def test_sessions_of_one_server_cannot_see_each_other(wall: Isolation) -> None:
    with preloaded() as one, preloaded() as other:
        one.run_cell(
            "import ctypes, os, socket, threading\n"
            "for folder in ('.', '/tmp', '/dev/shm'): open(folder + '/mine', 'w').close()\n"
            "unix, tcp = socket.socket(socket.AF_UNIX), socket.socket()\n"
            "unix.bind('\\0mine'); unix.listen()\n"
            "tcp.bind(('127.0.0.1', 5005)); tcp.listen()\n"
            "ours = socket.create_connection(('127.0.0.1', 5005))\n"
            "libc = ctypes.CDLL(None)\n"
            "segment = libc.shmget(4711, 4096, 0o1666)\n"
            "terminal = os.openpty()\n"
            "child = os.fork()\n"
            "if child == 0: threading.Event().wait()"
        )
        assert one.value("segment") >= 0
        result = other.run_cell(
            "import ctypes, os, signal, socket\n"
            "seen = [f for f in ('.', '/tmp', '/dev/shm') if os.path.exists(f + '/mine')]\n"
            "seen += [n for n in os.listdir('/proc') if n.isdigit() and n not in ('1', '2')]\n"
            "seen += [n for n in os.listdir('/dev/pts') if n.isdigit()]\n"
            "unix, tcp = socket.socket(socket.AF_UNIX), socket.socket()\n"
            "for probe, address in ((unix, '\\0mine'), (tcp, ('127.0.0.1', 5005))):\n"
            "    try: probe.connect(address); seen.append(address)\n"
            "    except OSError: pass\n"
            "if ctypes.CDLL(None).shmget(4711, 4096, 0o666) >= 0: seen.append('shm')\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "for target in (0, -1):\n"
            "    try: os.kill(target, signal.SIGTERM)\n"
            "    except ProcessLookupError: pass"
        )
        assert result.status == "ok", result.traceback
        assert other.value("seen") == []
        assert one.run_cell("os.waitpid(child, os.WNOHANG)").displays[0].data == "(0, 0)"
        assert os.path.exists(f"/proc/{server_pid()}")


def test_the_init_of_a_session_cannot_be_read_or_traced(wall: Isolation) -> None:
    with preloaded() as session:
        result = session.run_cell(
            "import ctypes, os\ngot = []\n"
            "for name in ('environ', 'mem', 'maps', 'root', 'fd', 'cwd'):\n"
            "    path = '/proc/1/' + name\n"
            "    try: got.append(os.listdir(path) if name in ('root', 'fd', 'cwd') else "
            "open(path, 'rb').read(1))\n"
            "    except OSError: pass\n"
            "if ctypes.CDLL(None).ptrace(16, 1, 0, 0) == 0: got.append('ptrace')"
        )
        assert result.status == "ok", result.traceback
        assert session.value("got") == []


@pytest.mark.parametrize(
    "attack",
    [
        "import os\nos.kill(-1, 9)\nos.kill(os.getpid(), 9)",
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        "x = []\nwhile True: x.append(b'1' * 2**24)",
        "import mmap\nfor page in range(10): mmap.mmap(-1, 2**27).write(bytes(2**27))",
        "import os\nos.closerange(0, 200)\nwhile True: pass",
        "import gc, sys\nfor o in gc.get_objects():\n"
        "    try: o.close()\n    except BaseException: pass",
    ],
    ids=["kills", "forks", "fills memory", "shares memory", "closes", "closes objects"],
)
def test_an_attack_leaves_the_server_and_the_next_session_working(
    wall: Isolation, attack: str
) -> None:
    with preloaded() as calm, preloaded() as session:
        before = server_pid()
        with contextlib.suppress(SandboxError):
            session.run_cell(attack, seconds=0.6)
        session.close()
        with preloaded() as following:
            assert following.run_cell("40 + 2").displays[0].data == "42"
        assert calm.run_cell("40 + 2").displays[0].data == "42"
        assert server_pid() == before


def test_with_the_server_its_sessions_end_and_the_next_one_has_a_new_server(
    fresh: dict[str, str],
) -> None:
    with preloaded(environment=fresh) as session:
        mine = session._process.usage().processes
        os.kill(server_pid(fresh), signal.SIGKILL)
        with pytest.raises(SessionDied, match="SIGKILL"):
            session.run_cell("import time; time.sleep(20)")
        assert within(2, lambda: not [pid for pid in mine if os.path.exists(f"/proc/{pid}")])
    with preloaded(environment=fresh) as session:
        assert session.run_cell("40 + 2").displays[0].data == "42"


def test_a_server_that_dies_again_and_again_is_given_up(
    fresh: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nursery, "MOST_STARTS", 1)
    with preloaded(environment=fresh):
        os.kill(server_pid(fresh), signal.SIGKILL)
    with Session(preload="numpy", environment=fresh) as session:
        assert not session.preloaded
        assert "died 1 times" in session.preload_trouble
        assert session.run_cell("40 + 2").displays[0].data == "42"


@pytest.mark.parametrize(
    ("modules", "canary", "trouble"),
    [
        (("no_such_framework",), "", "No module named 'no_such_framework'"),
        (("numpy",), "1 / 0", "ZeroDivisionError"),
        (("numpy",), "while True: pass", "0.5 seconds"),
        (("numpy",), "import os; os._exit(3)", "exit code 3"),
    ],
    ids=["missing", "wrong", "hangs", "dies"],
)
def test_what_does_not_work_forked_is_spawned_and_the_reason_is_kept(
    fresh: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    modules: tuple[str, ...],
    canary: str,
    trouble: str,
) -> None:
    monkeypatch.setitem(forked.MODULES, "numpy", modules)
    monkeypatch.setitem(trials.CANARIES, "numpy", canary)
    monkeypatch.setattr(forked, "CANARY_SECONDS", 0.5)
    for _ in range(2):  # the second time without a new attempt
        with Session(preload="numpy", environment=fresh) as session:
            assert not session.preloaded
            assert trouble in session.preload_trouble
            assert session.run_cell("40 + 2").displays[0].data == "42"
    assert key_of(fresh) not in nursery._servers


def test_a_session_that_cannot_be_walled_off_does_not_start(
    fresh: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with preloaded(environment=fresh):
        monkeypatch.setattr(forked.bwrap, "own_slot", lambda: -5)
        monkeypatch.setattr(forked.os, "geteuid", lambda: 0)
        server = nursery._servers[key_of(fresh)]
        with pytest.raises(SandboxError, match="could not be walled off"):
            server.start(TIGHT, {}, with_images=True)


def test_packages_below_a_private_folder_are_seen(
    wall: Isolation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment may lie below /tmp, of which each session has its own."""
    packages = tmp_path / "site-packages"
    packages.mkdir()
    (packages / "only_here.py").write_text("value = 7\n")
    monkeypatch.syspath_prepend(str(packages))
    with preloaded(environment={"FRESH": "packages"}) as session:
        assert session.run_cell("import only_here").status == "ok"
        told = session.run_cell(f"open({str(packages / 'new')!r}, 'w')")
        assert told.status == "error"


def test_an_unknown_preload_is_refused() -> None:
    with pytest.raises(SandboxError, match="preload is one of"):
        Session(preload="no_such_framework")


@pytest.mark.parametrize("preload", ["", "numpy"])
def test_ends_are_told_alike(wall: Isolation, preload: str) -> None:
    for cell, reason in (
        ("import os; os._exit(7)", "exit code 7"),
        ("import os; os.kill(os.getpid(), 9)", "SIGKILL"),
        ("import os; os.abort()", "SIGABRT"),
    ):
        with (
            Session(wall, TIGHT, preload=preload) as session,
            pytest.raises(SessionDied, match=reason),
        ):
            session.run_cell(cell)


@pytest.mark.parametrize("preload", ["", "numpy"])
def test_seconds_count_the_whole_session_and_nothing_else(wall: Isolation, preload: str) -> None:
    with Session(wall, TIGHT, preload=preload) as other, Session(wall, preload=preload) as session:
        other.run_cell(
            "import time\nend = time.process_time() + 1\nwhile time.process_time() < end: 0"
        )
        assert session.cpu_seconds < 0.6
        session.run_cell(BURN)
        running = session.cpu_seconds
        session.close()
    assert 0.8 < running < 1.5
    assert running <= session.cpu_seconds < 1.5


def test_what_is_written_at_c_level_stays_with_its_session(wall: Isolation) -> None:
    with preloaded() as one, preloaded() as other:
        one.run_cell("import os; os.write(1, b'of one'); os.write(2, b' and again')")
        other.run_cell("import os; os.write(1, b'of the other')")
        for session in (one, other):
            session.close()
        assert one._process.tail == "of one and again"
        assert other._process.tail == "of the other"


def test_random_numbers_are_a_session_s_own(wall: Isolation) -> None:
    drawn = []
    for _ in range(3):
        with preloaded() as session:
            session.run_cell(
                "import random, numpy as np\nmine = [random.random(), float(np.random.rand())]"
            )
            drawn += session.value("mine")
    assert len(set(drawn)) == 6


def test_images_and_data_are_seen_by_those_that_may(wall: Isolation, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "images").write_text("x")
    tmp_path.chmod(0o755)
    look = (
        "import os, importlib.resources as r\n"
        "kit = [p.name for p in r.files('data_utils').joinpath('embedded').iterdir()]\n"
        "data = [os.listdir('/opt/data'), os.environ.get('ANOMALY_COURSE_DATA')]"
    )
    with preloaded(data_folder=data) as session:
        session.run_cell(look)
        assert session.value("kit")
        assert session.value("data") == [["images"], "/opt/data"]
    with preloaded(data_folder=data, with_images=False) as session:
        session.run_cell(look)
        assert session.value("kit") == []
        assert session.value("data") == [[], None]
        assert session.run_cell("open('/opt/data/x', 'w')").ename in ("OSError", "PermissionError")


def test_nothing_is_left_of_many_sessions(wall: Isolation) -> None:
    def held() -> tuple[int, int, int, int]:
        server = server_pid()
        return (
            len(os.listdir("/proc/self/fd")),
            len(os.listdir("/proc/self/task")),
            len(os.listdir(f"/proc/{server}/fd")),
            len(children(server)),
        )

    with preloaded():
        pass
    before = calm(held)  # a thread or child of the sessions before may be about to end
    for number in range(20):
        with preloaded() as session, contextlib.suppress(SessionDied):
            session.run_cell(f"import os; os.fork(); {number} % 2 or os._exit(1)")
    assert within(2, lambda: held() == before), (before, held())


def test_a_server_outlives_the_thread_that_asked_for_it(fresh: dict[str, str]) -> None:
    made: list[Session] = []
    thread = threading.Thread(target=lambda: made.append(preloaded(environment=fresh)))
    thread.start()
    thread.join()
    time.sleep(0.2)
    with made[0] as session:
        assert session.run_cell("40 + 2").displays[0].data == "42"


def test_the_doctor_tells_whether_imports_are_shared(
    wall: Isolation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def line_for(*promises: Promise) -> doctor.Line:
        monkeypatch.setattr(doctor, "run_canary", lambda isolation, preload: list(promises))
        return doctor.preload_line("numpy", wall)

    held, broken = Promise("no network", True, ""), Promise("time limit", False, "went on")
    assert (line_for(held).mark, line_for(held, broken).mark) == (doctor.OK, doctor.MISSING)
    assert "time limit: BROKEN, went on" in line_for(held, broken).text
    monkeypatch.setitem(nursery._troubles, key_of({}), "Its children hang.")
    assert line_for(held).mark == doctor.NOTE
    assert "imports numpy anew" in line_for(held).text
    assert "Its children hang." in line_for(held).text


def test_torch_comes_imported_and_two_sessions_train_side_by_side(wall: Isolation) -> None:
    """They draw numbers of their own, and the same ones after the same seed."""
    options: Any = {"preload": "torch", "environment": {"OMP_NUM_THREADS": "1"}}
    with Session(wall, **options) as one, Session(wall, **options) as other:
        drawn, losses = [], []
        for session in (one, other):
            assert session.preload_trouble == ""
            result = session.run_cell(TRAIN_WITH_TORCH)
            assert result.status == "ok", result.traceback
            drawn.append(session.value("drawn"))
            kept = session.keep("fit", 5)
            losses.append(session.attribute(kept, "history"))
            assert session.method(kept, "weights")[0].dtype == "float32"
            assert session.value("threads") == 1
            cpu, passed = session.value("spent")
            assert cpu < 1.1 * passed + 0.1  # more than one thread would spend more
            assert session.value("late") < 20  # the optimizer would import 800 modules more
        assert drawn[0] != drawn[1]
        assert losses[0] == losses[1]
        assert losses[0][-1] < losses[0][0]


def test_a_torch_whose_threads_ran_before_the_fork_is_spawned(
    wall: Isolation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = tmp_path / "site-packages"
    packages.mkdir()
    (packages / "torch_that_worked.py").write_text(
        "import torch\ntorch.set_num_threads(2)\n_ = torch.rand(2**21).exp()\n"
    )
    monkeypatch.syspath_prepend(str(packages))
    monkeypatch.setitem(forked.MODULES, "torch", ("torch_that_worked",))
    monkeypatch.setattr(forked, "CANARY_SECONDS", 3)
    with Session(preload="torch", environment={"FRESH": "threads"}) as session:
        assert not session.preloaded
        assert "did not stop when its time was up" in session.preload_trouble


def test_tensorflow_comes_imported_and_works_as_if_the_notebook_had_done_it(
    wall: Isolation,
) -> None:
    drawn = []
    for _ in range(2):
        with Session(wall, preload="tensorflow", environment={"OMP_NUM_THREADS": "1"}) as session:
            assert session.preload_trouble == ""
            result = session.run_cell(
                "import tensorflow as tf, matplotlib.pyplot as plt\n"
                "from tensorflow import keras\n"
                "model = keras.Sequential([keras.layers.Dense(3, activation='relu')])\n"
                "model.compile('adam', 'mse')\n"
                "history = model.fit(tf.ones((64, 5)), tf.ones((64, 3)), epochs=2, verbose=0)\n"
                "drawn = [float(tf.random.normal(())), float(model.weights[0][0, 0])]\n"
                "tf.get_logger().warning('told by the library')\n"
                "plt.plot(history.history['loss'])"
            )
            assert result.status == "ok", result.traceback
            assert "told by the library" in result.stdout
            assert [display.mime for display in result.displays].count("image/png") == 1
            drawn += session.value("drawn")
            assert session.cpu_seconds < 4  # the import alone would be more
    assert len(set(drawn)) == 4
