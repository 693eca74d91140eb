"""One GPU goes through the wall and nothing beside it, tried with files that stand in for it."""

import os
import shutil
from pathlib import Path

import pytest

from grader.sandbox import Gpu, GpuUnavailable, Isolation, Limits, Session, bwrap, gpu, seccomp
from grader.sandbox.places import Places
from grader.sandbox.start import configuration
from grader.sandbox.trials import CANARIES, ON_GPU, canary_of
from tests.stand_in_gpus import FAR, LISTED, make_machine

pytestmark = pytest.mark.slow  # starts sandboxes

LOOK = """
import glob, os, resource
nodes = sorted(glob.glob("/dev/nvidia*"))
told = {name: os.environ.get(name) for name in
        ("CUDA_VISIBLE_DEVICES", "TF_FORCE_GPU_ALLOW_GROWTH", "LD_LIBRARY_PATH")}
libraries = sorted(glob.glob("/opt/nvidia/lib/*"))
hardware = sorted(os.listdir("/sys")) if os.path.exists("/sys") else []
memory = resource.getrlimit(resource.RLIMIT_DATA)[0]
try:
    memfd = os.memfd_create("cuda") > 0
except OSError:
    memfd = False
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    return make_machine(tmp_path, 0, 1, 10)


def arguments_for(one: Gpu | None) -> list[str]:
    return bwrap.bwrap_arguments(
        ["true"],
        status_fd=3,
        filter_fd=None,
        limits=Limits(),
        gpu=one,
        data_folder=None,
        environment={},
        places=Places((), (), ()),
    )


def bound(arguments: list[str], option: str) -> dict[str, str]:
    """Return what is bound by an option: where it is seen, and what it is."""
    return {arguments[n + 2]: arguments[n + 1] for n, arg in enumerate(arguments) if arg == option}


def variables(arguments: list[str]) -> dict[str, str]:
    return {arguments[n + 1]: arguments[n + 2] for n, a in enumerate(arguments) if a == "--setenv"}


def test_gpus_are_found_by_their_nodes_in_order(machine: Path) -> None:
    found = gpu.find_gpus(machine, LISTED)
    assert [one.number for one in found] == [0, 1, 10]
    assert found[1].nodes[0] == machine / "dev/nvidia1"


def test_one_gpu_is_bound_with_what_all_share(machine: Path) -> None:
    arguments = arguments_for(gpu.find_gpus(machine, LISTED)[1])
    seen = bound(arguments, "--dev-bind")
    shared = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-caps")
    assert seen == {f"/dev/{name}": str(machine / "dev" / name) for name in ("nvidia1", *shared)}
    assert arguments.index("--dev-bind") > arguments.index("--dev")  # not below the wall's own /dev
    assert set(bound(arguments, "--ro-bind-try")) >= set(gpu.HARDWARE)


def test_the_driver_s_libraries_are_read_only_and_nothing_beside_them(machine: Path) -> None:
    arguments = arguments_for(gpu.find_gpus(machine, LISTED)[0])
    folder = Path("/", FAR)
    names = ("libcuda.so.1", "libcuda.so.550.54", "libnvidia-ml.so.1")
    seen = bound(arguments, "--ro-bind")
    assert {path for path in seen if path.startswith(str(folder))} == {
        str(folder / name) for name in names
    }
    assert seen[str(folder / names[0])] == str(machine / FAR / names[0])
    assert "LD_LIBRARY_PATH" not in variables(arguments)  # the loader's list, seen inside, has it


def test_what_the_system_s_folders_show_is_not_bound_again(tmp_path: Path) -> None:
    make_machine(tmp_path, 0, driver="usr/lib/x86_64-linux-gnu")
    (one,) = gpu.find_gpus(tmp_path, "")
    assert one.libraries == ()
    link = tmp_path / "usr/lib/x86_64-linux-gnu/libnvidia-nvvm.so.4"
    link.symlink_to(tmp_path / "srv")
    (tmp_path / "srv").write_text("what the link stands for")
    assert gpu.find_gpus(tmp_path, "")[0].libraries == (tmp_path / "srv",)


def test_a_driver_that_only_the_grader_s_own_path_names_is_told_to_the_session(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", f"relative:/{FAR}:")
    one = gpu.find_gpus(machine, "")[0]
    assert variables(arguments_for(one))["LD_LIBRARY_PATH"] == f"/{FAR}"
    assert next(str(inside) for inside, _ in one.mounts()) == f"/{FAR}/libcuda.so.1"


def test_without_a_gpu_nothing_of_one_is_bound_and_all_are_hidden() -> None:
    arguments = arguments_for(None)
    assert "--dev-bind" not in arguments
    assert not [a for a in arguments if "nvidia" in a or "libcuda" in a or a.startswith("/sys")]
    told = variables(arguments)
    assert told["CUDA_VISIBLE_DEVICES"] == "-1"
    assert "TF_FORCE_GPU_ALLOW_GROWTH" not in told


def test_a_session_s_gpu_has_number_0_behind_the_wall_and_its_own_without(machine: Path) -> None:
    one = gpu.find_gpus(machine, LISTED)[1]
    assert variables(arguments_for(one))["CUDA_VISIBLE_DEVICES"] == "0"
    assert one.environment(walled=False)["CUDA_VISIBLE_DEVICES"] == "1"
    assert one.environment(walled=True)["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"


def test_the_kernel_limits_memory_unless_cuda_maps_it(machine: Path) -> None:
    one = gpu.find_gpus(machine, LISTED)[0]
    limits, wall = Limits(), Isolation.BWRAP
    without = configuration(limits, wall, [], None)["rlimits"]
    assert without["DATA"] == limits.memory_bytes
    with_one = configuration(limits, wall, [], one)["rlimits"]
    assert with_one == {name: value for name, value in without.items() if name != "DATA"}
    assert "AS" not in with_one


@pytest.mark.parametrize("machine_kind", ["x86_64", "aarch64"])
def test_the_filter_differs_by_memfd_create_alone(machine_kind: str) -> None:
    without, with_gpu = (seccomp.program(machine_kind, with_gpu=gpu) for gpu in (False, True))
    number = seccomp.CALLS[machine_kind]["memfd_create"]
    rule = seccomp._step(seccomp.JUMP_EQUAL, number, 0, 1)
    assert without is not None
    assert with_gpu is not None
    place = without.index(rule)
    assert without[:place] + without[place + 2 * len(rule) :] == with_gpu


@pytest.mark.parametrize("preload", ["", "numpy"])
def test_a_session_sees_its_gpu_and_no_other(wall: Isolation, machine: Path, preload: str) -> None:
    one = gpu.find_gpus(machine, LISTED)[1]
    with Session(wall, gpu=one, preload=preload) as session:
        assert not session.preload_trouble
        session.run_cell(LOOK)
        others = ["/dev/nvidia-caps", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"]
        assert session.value("nodes") == [*others, "/dev/nvidia1", "/dev/nvidiactl"]
        assert session.value("told") == {
            "CUDA_VISIBLE_DEVICES": "0",
            "TF_FORCE_GPU_ALLOW_GROWTH": "true",
            "LD_LIBRARY_PATH": None,
        }
        names = ("libcuda.so.1", "libcuda.so.550.54", "libnvidia-ml.so.1")
        assert session.value("libraries") == [f"/{FAR}/{name}" for name in names]
        assert set(session.value("hardware")) <= {"bus", "dev", "devices", "module"}
        assert session.value("memory") == -1
        assert session.value("memfd") is True
        assert session.run_cell(f"open('/{FAR}/libcuda.so.1', 'w')").ename == "OSError"
        assert session.run_cell("open('/dev/nvidia1', 'r+').close()").status == "ok"


def test_a_session_without_a_gpu_sees_nothing_of_one(wall: Isolation) -> None:
    with Session(wall) as session:
        session.run_cell(LOOK)
        assert session.value("nodes") == session.value("hardware") == []
        assert session.value("told")["CUDA_VISIBLE_DEVICES"] == "-1"
        assert session.value("memory") == Limits().memory_bytes
        assert session.value("memfd") is False


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("dev/nvidia0", "Missing: its node /dev/nvidia0 (or another number). Install"),
        ("dev/nvidiactl", "Missing: /dev/nvidiactl. Install"),
        (FAR, "Missing: the driver's library libcuda.so.1. Install"),
    ],
)
def test_what_is_missing_is_said_with_what_to_do(tmp_path: Path, gone: str, said: str) -> None:
    path = make_machine(tmp_path, 0) / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(GpuUnavailable, match="No NVIDIA GPU was found") as caught:
        gpu.find_gpus(tmp_path, LISTED)
    assert said in str(caught.value)
    assert "--device cpu" in str(caught.value)


def test_a_machine_without_anything_of_it_is_told_in_few_words(tmp_path: Path) -> None:
    with pytest.raises(GpuUnavailable, match="Looked for: its node /dev/nvidia0") as caught:
        gpu.find_gpus(tmp_path, "")
    assert "libcuda.so.1. Missing: all of them. Install" in str(caught.value)


def test_a_node_that_may_not_be_opened_is_named(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, _: path.name != "nvidia1")
    with pytest.raises(GpuUnavailable, match=r"may not read and write .*nvidia1, which") as caught:
        gpu.find_gpus(machine, LISTED)
    assert "group" in str(caught.value)


def test_a_number_that_is_not_there_is_named(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "installed_gpus", lambda: gpu.find_gpus(machine, LISTED))
    assert gpu.installed_gpu(10).number == 10
    with pytest.raises(GpuUnavailable, match="no GPU of number 3 here; there are 0, 1, 10"):
        gpu.installed_gpu(3)


def test_a_loader_without_a_list_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "libc.so" in gpu.loader_list()
    monkeypatch.setattr("shutil.which", lambda name, path: None)
    assert gpu.loader_list() == ""
    monkeypatch.setattr("shutil.which", lambda name, path: "/bin/no-such-program")
    assert gpu.loader_list() == ""


def test_a_fork_server_with_a_gpu_is_tried_on_it() -> None:
    assert canary_of("torch", with_gpu=True).endswith(ON_GPU["torch"])
    assert canary_of("torch", with_gpu=False).strip() == CANARIES["torch"]
    for source in (canary_of(name, with_gpu=True) for name in CANARIES):
        compile(source, "canary", "exec")
