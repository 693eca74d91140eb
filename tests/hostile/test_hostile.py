"""Student code that attacks: every attack ends in a value, an error or a death with a reason."""

import contextlib
import os
import site
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from grader.sandbox import (
    BadReply,
    CallTimeout,
    Isolation,
    Opaque,
    SandboxError,
    Session,
    SessionDied,
    StudentError,
)
from grader.sandbox.canary import run_canary
from grader.sandbox.places import data_utils_folder

pytestmark = pytest.mark.slow  # each of them starts sandboxes, many of them several

MIB = 2**20
# Finds the worker's socket and the number of the request that is being answered.
STEAL = """
import gc, json, socket, struct, sys, threading, time
sock = next(o for o in gc.get_objects() if type(o) is socket.socket)
def current_id():
    frame = sys._getframe()
    while 'number' not in frame.f_locals: frame = frame.f_back
    return frame.f_locals['number']
def send(tree, payload=b''):
    tree = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    sock.sendall(struct.pack('!4sIQ', b'NGW1', len(tree), len(payload)) + tree + payload)
def reply(number, body):
    return ['d', [['id', number], ['status', 'ok'], ['body', body]]]
"""


def alive(session: Session) -> bool:
    return session.run_cell("40 + 2").displays[0].data == "42"


# ---- time and exit


@pytest.mark.parametrize(
    "cell",
    [
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(1)",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass",
    ],
    ids=["ignores signals", "stops itself", "blocks signals"],
)
def test_what_cannot_be_interrupted_is_killed_in_time(session: Session, cell: str) -> None:
    started = time.monotonic()
    with pytest.raises(SessionDied, match="did not stop"):
        session.run_cell(cell, seconds=0.2)
    assert time.monotonic() - started < 5


def test_a_call_that_swallows_everything_is_killed(session: Session) -> None:
    session.run_cell(
        "import time\ndef clingy():\n    while True:\n        try:\n            time.sleep(1)\n"
        "        except BaseException: pass"
    )
    with pytest.raises(SessionDied, match="did not stop"):
        session.call("clingy", seconds=0.2)


def test_a_segmentation_fault_is_named(session: Session) -> None:
    with pytest.raises(SessionDied, match="SIGSEGV"):
        session.run_cell("import ctypes\nctypes.string_at(0)")


def test_ending_the_process_in_a_call_is_a_death(session: Session) -> None:
    session.run_cell("import os\ndef leave(): os._exit(0)")
    with pytest.raises(SessionDied, match="exit code 0"):
        session.call("leave")


def test_endless_recursion_is_an_error_or_a_death(session: Session) -> None:
    session.run_cell("import sys\ndef deeper(): return [deeper()]")
    with pytest.raises(StudentError, match="RecursionError"):
        session.call("deeper")
    session.run_cell("sys.setrecursionlimit(10**9)")
    with pytest.raises((SessionDied, StudentError, CallTimeout)):
        session.call("deeper", seconds=0.5)


def test_threads_that_go_on_do_not_disturb(shared: Session) -> None:
    shared.run_cell(
        "import threading, time\n"
        "def chatter():\n    while time.time() < end: print('noise'); time.sleep(0.001)\n"
        "end = time.time() + 0.5\n"
        "threads = [threading.Thread(target=chatter) for _ in range(3)]\n"
        "for thread in threads: thread.start()"
    )
    assert alive(shared)
    shared.run_cell("for thread in threads: thread.join()")


def test_exceptions_of_every_kind_are_reported(shared: Session) -> None:
    for cell in (
        "raise SystemExit",
        "raise KeyboardInterrupt",
        "raise GeneratorExit",
        "class B(BaseException): pass\nraise B",
        "class M(type):\n  __name__ = property(lambda s: 1/0)\n"
        "class E(Exception, metaclass=M): pass\nraise E",
        "raise ExceptionGroup('x', [ValueError(1)])",
    ):
        assert shared.run_cell(cell).status == "error"
    assert alive(shared)


# ---- processes


def test_signals_reach_nothing_outside(session: Session) -> None:
    mine = os.getpid()
    result = session.run_cell(
        "import os, signal\n"
        "errors = []\n"
        f"for pid in (os.getppid(), {mine}, {os.getppid()}):\n"
        "    try: os.kill(pid, signal.SIGTERM)\n"
        "    except OSError as error: errors.append(type(error).__name__)\n"
        "print(os.getppid(), errors)"
    )
    assert result.status == "ok"
    assert alive(session)
    with contextlib.suppress(SessionDied):
        session.run_cell("os.kill(-1, signal.SIGKILL)")
    assert os.getpid() == mine


def test_a_fork_bomb_stays_small(session: Session) -> None:
    with contextlib.suppress(SandboxError):  # whatever became of it: it is bounded, and it ends
        session.run_cell(
            "import os, time\nend = time.time() + 1\n"
            "while time.time() < end:\n    try: os.fork()\n    except OSError: time.sleep(0.01)",
            seconds=4,
        )
    assert len(session._process.usage().processes) <= session.limits.processes + 1
    session.close()


def test_a_daemon_dies_with_its_session(wall: Isolation, preload: str) -> None:
    with Session(wall, preload=preload) as session:
        session.run_cell(
            "import os, time\n"
            "if os.fork() == 0:\n    os.setsid()\n"
            "    if os.fork() == 0:\n        os.closerange(0, 100); time.sleep(600)\n"
            "    os._exit(0)\nos.wait()"
        )
        mine = session._process.usage().processes
        assert len(mine) == 3
    assert not [pid for pid in mine if Path(f"/proc/{pid}").exists()]


def test_rights_cannot_be_regained(shared: Session) -> None:
    result = shared.run_cell(
        "import ctypes, os, resource\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "got = []\n"
        "def attempt(name, action):\n"
        "    try:\n        if action() not in (-1,): got.append(name)\n"
        "    except (OSError, ValueError): pass\n"
        "attempt('setuid', lambda: os.setuid(0))\n"
        "attempt('setgroups', lambda: os.setgroups([0]))\n"
        "attempt('chroot', lambda: os.chroot('/tmp'))\n"
        "attempt('mount', lambda: libc.mount(b'x', b'/tmp', b'tmpfs', 0, None))\n"
        "attempt('remount', lambda: libc.mount(b'x', b'/usr', None, 32 | 4096, None))\n"
        "attempt('umount', lambda: libc.umount2(b'/usr', 2))\n"
        "attempt('user namespace', lambda: libc.unshare(0x10000000))\n"
        "attempt('mount namespace', lambda: libc.unshare(0x20000))\n"
        "attempt('ptrace of init', lambda: libc.ptrace(16, 1, 0, 0))\n"
        "attempt('hostname', lambda: libc.sethostname(b'x', 1))\n"
        "attempt('nice', lambda: os.setpriority(os.PRIO_PROCESS, 0, -5))\n"
        "for name in ('NPROC', 'DATA', 'FSIZE', 'NOFILE', 'CORE'):\n"
        "    number = getattr(resource, 'RLIMIT_' + name)\n"
        "    attempt(name, lambda: resource.setrlimit(number, (-1, -1)))\n"
        "status = open('/proc/self/status').read()\n"
        "caps = {line.split()[1] for line in status.splitlines() if line.startswith('Cap')}"
    )
    assert result.status == "ok", result.traceback
    assert shared.run_cell("got").displays[0].data == "[]"
    assert shared.run_cell("set(caps)").displays[0].data == "{'0000000000000000'}"


# ---- memory, disk, output


def test_a_heap_bomb_is_an_error(shared: Session) -> None:
    result = shared.run_cell("x = []\nwhile True: x.append(bytearray(2**24))")
    assert (result.status, result.ename) == ("error", "MemoryError")
    shared.run_cell("del x")
    assert alive(shared)


def test_many_processes_that_each_stay_below_the_limit_end_the_session(session: Session) -> None:
    with pytest.raises(SessionDied, match="memory"):
        session.run_cell(
            "import os, time\n"
            "for _ in range(6):\n"
            "    if os.fork() == 0:\n"
            "        x = bytearray(b'1') * (150 * 2**20); time.sleep(30); os._exit(0)\n"
            "time.sleep(30)"
        )


def test_an_inode_bomb_is_bounded_by_time(shared: Session) -> None:
    result = shared.run_cell(
        "i = 0\nwhile True:\n    open(f'/tmp/empty{i}', 'w').close(); i += 1", seconds=0.5
    )
    assert result.status in ("timeout", "error")
    shared.run_cell("import glob, os\nfor name in glob.glob('/tmp/empty*'): os.remove(name)")


def test_descriptor_one_can_be_flooded_and_closed(session: Session) -> None:
    result = session.run_cell(
        "import os\nfor _ in range(200): os.write(1, bytes(2**20))", seconds=20
    )
    assert result.status == "ok"
    session.run_cell("os.close(1); os.close(2); os.close(0)")
    assert session.run_cell("print('still')").stdout == "still\n"


def test_all_descriptors_can_be_used_up(shared: Session) -> None:
    result = shared.run_cell("files = []\nwhile True: files.append(open('/dev/null'))")
    assert result.ename == "OSError"
    assert shared.run_cell("del files\n1").status == "ok"
    assert alive(shared)


# ---- secrets and network


@pytest.mark.parametrize("name", ["/etc/shadow", "/etc/passwd", "/run", "/var", "/sys", "/boot"])
def test_files_of_the_machine_are_not_there(shared: Session, name: str) -> None:
    assert shared.run_cell(f"import os\nos.path.exists({name!r})").displays[0].data == "False"


def test_ways_round_through_proc_lead_nowhere(shared: Session) -> None:
    checkout = Path(__file__).resolve().parents[2]
    result = shared.run_cell(
        "import os\nseen = []\n"
        "for root in ('/proc/1/root', '/proc/self/root', '/proc/1/cwd', '/..'):\n"
        f"    path = root + {str(checkout / 'grader')!r}\n"
        "    try: seen += os.listdir(path)\n"
        "    except OSError: pass\n"
        "for name in ('/proc/1/environ', '/proc/1/mem', '/proc/kcore', '/proc/sysrq-trigger'):\n"
        "    try: seen += [name] * bool(open(name, 'rb').read(10))\n"
        "    except OSError: pass\n"
        "seen"
    )
    assert result.displays[0].data == "[]"


def test_a_link_into_the_system_changes_nothing(shared: Session) -> None:
    result = shared.run_cell(
        "import os, sys\nos.symlink(os.path.dirname(os.__file__), 'stdlib')\n"
        "open('stdlib/os.py', 'a').write('x')"
    )
    assert result.ename in ("OSError", "PermissionError")


def test_two_sessions_share_nothing(wall: Isolation, shared: Session) -> None:
    shared.run_cell(
        "import os\n"
        "for folder in ('.', '/tmp', '/dev/shm'):\n"
        "    open(os.path.join(folder, 'answer.txt'), 'w').write('42')"
    )
    with Session(wall) as other:
        result = other.run_cell(
            "import os\n[os.path.exists(f + '/answer.txt') for f in ('.', '/tmp', '/dev/shm')]"
        )
    assert result.displays[0].data == "[False, False, False]"


def test_the_keyring_and_the_metadata_address_are_out_of_reach(shared: Session) -> None:
    result = shared.run_cell(
        "import ctypes, socket\n"
        "libc = ctypes.CDLL(None)\n"
        "keys = libc.syscall(250 if __import__('platform').machine() == 'x86_64' else 219, "
        "0, -3, 0)\n"
        "probe = socket.socket(); probe.settimeout(1)\n"
        "code = probe.connect_ex(('169.254.169.254', 80))\n"
        "keys, code != 0"
    )
    assert result.displays[0].data == "(-1, True)"


def libraries() -> list[str]:
    """Return the folders of other people's packages; searching them is the slow test below."""
    return ["/usr", os.path.realpath(sys.base_prefix), *site.getsitepackages()]


def test_every_promise_of_the_wall_holds(
    wall: Isolation, secrets: list[bytes], preload: str
) -> None:
    promises = run_canary(wall, secrets, skip_folders=libraries(), preload=preload)
    assert [(promise.name, promise.detail) for promise in promises if not promise.held] == []
    assert len(promises) == 13


def test_the_canary_sees_what_is_not_held() -> None:
    held = {promise.name: promise.held for promise in run_canary(Isolation.NONE)}
    assert not held["no network"]
    assert not held["own process namespace"]
    assert not held["grader package covered"]
    assert held["time limit"]
    assert held["output cap"]


def test_the_canary_finds_a_secret_that_is_there(wall: Isolation) -> None:
    folder = data_utils_folder()
    assert folder is not None
    line = max((folder / "metrics.py").read_bytes().splitlines(), key=len)
    found = run_canary(wall, [line], skip_folders=libraries())
    promise = next(promise for promise in found if promise.name == "no secret in any file")
    assert not promise.held
    assert "metrics" in promise.detail


def test_no_secret_stands_anywhere_but_in_what_others_wrote(
    wall: Isolation, secrets: list[bytes]
) -> None:
    """What others wrote is large and holds none of ours; `grader doctor` searches there too."""
    packages = [path for place in libraries() for path in Path(place).iterdir() if path.is_dir()]
    large = {"tensorflow", "torch", "scipy", "sklearn", "pandas", "sympy", "jaxlib", "playwright",
             "jupyterlab", "keras", "mypy", "babel", "numpy", "matplotlib"}  # fmt: skip
    others = ["/usr", *(str(path) for path in packages if path.name in large)]
    promises = {p.name: p for p in run_canary(wall, secrets, skip_folders=others)}
    assert promises["no secret in any file"].held, promises["no secret in any file"].detail


# ---- channel and values


def test_a_forged_reply_is_a_value_and_the_next_request_notices(session: Session) -> None:
    session.run_cell(STEAL + "def judge():\n    send(reply(current_id(), 1.0))\n    return 0.0")
    assert session.call("judge") == 1.0  # cannot be told apart: values, never verdicts
    with pytest.raises(BadReply, match="another request"):
        session.call("judge")
    assert not session.alive


@pytest.mark.parametrize(
    "attack",
    [
        "sock.sendall(b'x' * 1000)",
        "sock.sendall(struct.pack('!4sIQ', b'NGW1', 10, 2**60))",
        "sock.sendall(struct.pack('!4sIQ', b'NGW1', 2**32 - 1, 0))",
        "send(b'[' * 100_000)",
        "send(b'[' + b'[],' * 1_300_000 + b'0]')",
        "send(['d', [['id', 1], ['status', 'ok'], ['body', None]]])",
        "send(reply(current_id(), ['a', '|O8', [1]]), bytes(16))",
        "send(reply(current_id(), ['a', '<f8', [10**9]]))",
        "send(['l', []])",
        "send(['d', [['id', 'x'], ['status', [1]], ['body', None]]])",
    ],
)
def test_malformed_frames_end_the_session_at_once(wall: Isolation, attack: str) -> None:
    with Session(wall) as session:
        session.run_cell(STEAL)
        started = time.monotonic()
        with pytest.raises((BadReply, SessionDied)):
            session.run_cell(attack + "\ntime.sleep(20)")
        assert time.monotonic() - started < 3
        assert not session.alive


def test_a_slow_frame_ends_with_its_deadline(session: Session) -> None:
    session.run_cell(STEAL)
    started = time.monotonic()
    with pytest.raises((BadReply, SessionDied)):
        session.run_cell(
            "frame = struct.pack('!4sIQ', b'NGW1', 1000, 0) + b' ' * 1000\n"
            "for byte in frame:\n"
            "    try:\n        sock.sendall(bytes([byte])); time.sleep(0.05)\n"
            "    except BaseException: pass",
            seconds=0.5,
        )
    assert time.monotonic() - started < 5


def test_a_closed_socket_is_a_death(session: Session) -> None:
    session.run_cell(STEAL)
    with pytest.raises(SessionDied):
        session.run_cell("import os; os.closerange(3, 60); time.sleep(20)")


def test_patched_modules_mislead_nobody(session: Session) -> None:
    def patch_and_call() -> None:
        session.run_cell(
            "import builtins, json, numpy as np\n"
            "def f(x): return x\n"
            "np.frombuffer = np.asarray = np.array_equal = lambda *a, **k: 1\n"
            "json.dumps = lambda *a, **k: '[]'\n"
            "builtins.len = lambda x: 0\n"
            "builtins.isinstance = lambda *a: True"
        )
        session.call("f", np.arange(3))

    with pytest.raises((BadReply, SessionDied)):
        patch_and_call()
    assert len([1]) == 1
    assert np.array_equal([1], [1])


def test_objects_that_act_when_touched_come_out_as_plain_values(shared: Session) -> None:
    shared.run_cell(
        "class EqualsAll(float):\n"
        "    def __eq__(self, other): return True\n"
        "    def __lt__(self, other): return True\n"
        "class Bomb:\n"
        "    def __reduce__(self): return (exec, ('1/0',))\n"
        "    def __getattr__(self, name): raise SystemExit\n"
        "import numpy as np\n"
        "class Sneaky(np.ndarray):\n"
        "    def __eq__(self, other): return True\n"
        "equal, bomb = EqualsAll(0.1), Bomb()\n"
        "sneaky = np.zeros(3).view(Sneaky)\n"
        "objects, generator = np.empty(2, dtype=object), (i for i in range(3))"
    )
    equal = shared.value("equal")
    assert type(equal) is float
    assert equal != 0.2
    assert type(shared.value("sneaky")) is np.ndarray
    for name in ("bomb", "objects", "generator"):
        assert type(shared.value(name)) is Opaque
    assert alive(shared)


def test_a_result_without_end_or_bottom_is_refused(shared: Session) -> None:
    shared.run_cell(
        "loop = []\nloop.append(loop)\n"
        "class Endless(dict):\n    def items(self): return iter(lambda: ('k', 1), 0)\n"
        "endless = Endless(a=1)\n"
        "wide = list(range(10**6))"
    )
    for name in ("loop", "wide"):
        with pytest.raises(BadReply):
            shared.value(name)
    assert shared.value("endless") == {"a": 1}


def test_conversion_that_hangs_is_under_the_time_limit(session: Session) -> None:
    session.run_cell(
        "import numpy as np, time, sys, types\n"
        "sys.modules['pandas'] = types.ModuleType('pandas')\n"
        "class Hang:\n"
        "    def to_numpy(self):\n        time.sleep(60)\n"
        "Hang.__module__ = 'pandas.core'\n"
        "hang = Hang()\ndef give(): return hang"
    )
    with pytest.raises(CallTimeout):
        session.call("give", seconds=0.3)
    assert alive(session)


def test_a_hostile_archive_is_only_bytes_outside(session: Session) -> None:
    session.run_cell(
        "import numpy as np, pickle\n"
        "class Bomb:\n    def __reduce__(self): return (print, ('ran',))\n"
        "np.savez('model.npz', x=np.array([Bomb()], dtype=object))"
    )
    raw = session.read_file("model.npz")
    assert isinstance(raw, bytes)
    assert raw.startswith(b"PK")


def test_text_cannot_act_on_the_reader_s_terminal(shared: Session) -> None:
    result = shared.run_cell(
        "print('\\x1b]0;title\\x07\\x1b[31mred\\x1b[0m\\x9b2J')\n"
        "class E(Exception): pass\nE.__name__ = '\\x1b[2JE'\nraise E('\\x1b[1mbold')"
    )
    told = result.stdout + result.traceback + str(result.ename) + str(result.evalue)
    assert "red" in told
    assert not any(ord(char) < 32 and char not in "\n\t" for char in told)
    assert "\x9b" not in told


def test_sessions_leave_no_descriptors_behind(wall: Isolation, preload: str) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    with Session(wall, preload=preload):
        pass
    before = descriptors()
    for kind in (wall, Isolation.NONE):
        with Session(kind, preload=preload) as session, contextlib.suppress(SessionDied):
            session.run_cell("import os; os._exit(1)")
        with Session(kind, preload=preload) as session:
            session.run_cell("1")
    assert descriptors() == before


def test_the_trusted_side_stays_small(session: Session) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = resident()
    session.run_cell("for _ in range(200): print('x' * 2**20)")
    session.run_cell("import numpy as np\ndef large(): return np.zeros(2**26, dtype='u1')")
    with pytest.raises(BadReply):
        session.call("large")
    assert resident() - before < 30 * MIB
