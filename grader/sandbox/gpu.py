"""Finds NVIDIA's GPUs without asking a framework, and says what one of them needs inside the wall.

The driver must be the machine's own, so its device nodes and libraries are shown as they are. What
CUDA asks for beyond them was read in reports of others who put it into such a sandbox: parts of
/sys, and memfd_create, without both of which it gives error 304 (NVIDIA's OpenShell, issue 1696).
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.sandbox.errors import GpuUnavailable
from grader.sandbox.places import SYSTEM_FOLDERS

DRIVER = "libcuda.so.1"  # the name by which every framework opens it
LIBRARIES = ("libcuda.so*", "libnvidia-*.so*")  # it opens the second kind by itself
CONTROL = "nvidiactl"
SHARED_NODES = (CONTROL, "nvidia-uvm", "nvidia-uvm-tools", "nvidia-caps")  # one for all GPUs
# Where distributions and container runtimes put the driver, whether or not the loader's list says.
USUAL_FOLDERS = (
    *("usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib64", "usr/lib"),
    *("usr/local/nvidia/lib64", "run/opengl-driver/lib"),
)
# CUDA looks up the GPU's place and the processor's cores here. Of /sys the rest stays away: what is
# in these names the machine's hardware and holds no file of anybody's.
HARDWARE = ("/sys/bus", "/sys/dev", "/sys/devices", "/sys/module")
LIST_SECONDS = 10.0  # the loader's list takes milliseconds
WAY_OUT = (
    "Install NVIDIA's driver and see that nvidia-smi lists the GPU, or grade on the processor: "
    "--device cpu"
)


@dataclass(frozen=True)
class Gpu:
    """One GPU, and what a session needs that may use it and no other one.

    Attributes
    ----------
    number : int
        Of its device node, /dev/nvidia0 and so on.
    nodes : tuple of Path
        Device nodes: its own, and those that all GPUs share.
    libraries : tuple of Path
        The driver's, as far as they lie outside of the system's folders, which are seen anyway.
    search : tuple of Path
        Folders of the driver that the loader does not know by itself.
    root : Path
        The machine's; tests have stand-ins in a folder.
    """

    number: int
    nodes: tuple[Path, ...]
    libraries: tuple[Path, ...]
    search: tuple[Path, ...]
    root: Path = Path("/")

    def mounts(self) -> list[tuple[Path, Path]]:
        """Return where a library is seen inside, and where it lies."""
        return [(self._inside(path), path) for path in self.libraries]

    def arguments(self) -> list[str]:
        """Return bubblewrap's arguments for the device nodes and the hardware's description."""
        args: list[str] = []
        for path in self.nodes:
            args += ["--dev-bind", str(path), str(self._inside(path))]
        args += ["--perms", "0755", "--dir", "/sys"]
        for folder in HARDWARE:
            args += ["--ro-bind-try", folder, folder]
        return args

    def environment(self, walled: bool) -> dict[str, str]:
        """Return the variables by which frameworks find the GPU.

        Parameters
        ----------
        walled : bool
            Behind the wall the one GPU that is seen has number 0, whatever its node is called.
            Without a wall all are there, and counted as their nodes are.
        """
        inside = {
            "CUDA_VISIBLE_DEVICES": "0" if walled else str(self.number),
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
            "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # else the first session takes all its memory
        }
        if self.search:
            inside["LD_LIBRARY_PATH"] = ":".join(str(self._inside(path)) for path in self.search)
        return inside

    def _inside(self, path: Path) -> Path:
        return Path("/") / path.relative_to(self.root)


@functools.cache
def installed_gpus() -> tuple[Gpu, ...]:
    """Return the GPUs of this machine, looked for once.

    Raises
    ------
    GpuUnavailable
        If there is none that could be used.
    """
    return find_gpus(Path("/"), loader_list())


def installed_gpu(number: int) -> Gpu:
    """Return the GPU of that number.

    Raises
    ------
    GpuUnavailable
        If it is not here.
    """
    gpus = installed_gpus()
    for gpu in gpus:
        if gpu.number == number:
            return gpu
    here = ", ".join(str(gpu.number) for gpu in gpus)
    raise GpuUnavailable(f"There is no GPU of number {number} here; there are {here}. {WAY_OUT}")


def find_gpus(root: Path, listed: str) -> tuple[Gpu, ...]:
    """Look for GPUs by their device nodes and their driver's library.

    Parameters
    ----------
    root : Path
        Of the machine.
    listed : str
        What the loader says it finds, as from `loader_list`.

    Raises
    ------
    GpuUnavailable
        If something is missing, or may not be opened; the text says what was looked for.
    """
    numbers = sorted(
        int(found[1])
        for path in (root / "dev").glob("nvidia*")
        if (found := re.fullmatch(r"nvidia(\d+)", path.name))
    )
    own = [root / "dev" / f"nvidia{number}" for number in numbers]
    shared = [path for name in SHARED_NODES if (path := root / "dev" / name).exists()]
    known = [path.parent for path in _listed_drivers(root, listed)]
    others = [*_told_folders(root), *(root / folder for folder in USUAL_FOLDERS)]
    folders = [p for p in dict.fromkeys([*known, *others]) if (p / DRIVER).exists()]
    _require(own, shared, folders)
    libraries = tuple(_unseen_libraries(root, folders))
    search = tuple(folder for folder in folders if folder not in known)
    return tuple(
        Gpu(number, (node, *shared), libraries, search, root)
        for number, node in zip(numbers, own, strict=True)
    )


def _require(own: list[Path], shared: list[Path], folders: list[Path]) -> None:
    """Raise unless there are nodes that may be opened, and a driver."""
    control = next((path for path in shared if path.name == CONTROL), None)
    parts = {
        "its node /dev/nvidia0 (or another number)": own,
        f"/dev/{CONTROL}": control,
        f"the driver's library {DRIVER}": folders,
    }
    missing = [what for what, here in parts.items() if not here]
    if missing:
        gone = "all of them" if len(missing) == len(parts) else ", ".join(missing)
        raise GpuUnavailable(
            f"No NVIDIA GPU was found. Looked for: {', '.join(parts)}. Missing: {gone}. {WAY_OUT}"
        )
    nodes = [*own, *shared[:1]]
    closed = [str(path) for path in nodes if not os.access(path, os.R_OK | os.W_OK)]
    if closed:
        raise GpuUnavailable(
            f"This user may not read and write {', '.join(closed)}, which a GPU needs. Join the "
            "group that may (often video), or grade on the processor: --device cpu"
        )


def loader_list() -> str:
    """Return the libraries that the loader finds, as `ldconfig -p` lists them; empty if it fails.

    Not by loading one: this is the trusted process.
    """
    program = shutil.which("ldconfig", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        return ""
    try:
        done = subprocess.run([program, "-p"], capture_output=True, timeout=LIST_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace")


def _listed_drivers(root: Path, listed: str) -> Iterator[Path]:
    """Yield the driver's libraries of the loader's list."""
    for line in listed.splitlines():
        name, _, path = line.partition(" => ")
        if name.split()[:1] == [DRIVER] and path.startswith("/"):
            yield root / path.strip().lstrip("/")


def _told_folders(root: Path) -> list[Path]:
    """Return the folders that this process was told to look in for libraries."""
    told = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    return [root / folder.lstrip("/") for folder in told if folder.startswith("/")]


def _unseen_libraries(root: Path, folders: list[Path]) -> Iterator[Path]:
    """Yield the driver's libraries, and the files that links stand for, if no mount shows them."""
    seen = [root / name for name in ("usr", *SYSTEM_FOLDERS)]
    found: dict[Path, None] = {}
    for folder in folders:
        for pattern in LIBRARIES:
            for path in sorted(folder.glob(pattern)):
                found.update(dict.fromkeys((path, path.resolve())))
    yield from (p for p in found if not any(p.is_relative_to(folder) for folder in seen))
