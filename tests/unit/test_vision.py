"""A torchvision whose compiled part does not fit is cured; nothing else is touched or hidden."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from data_utils import vision

pytestmark = pytest.mark.slow  # each starts a process that imports torchvision

# A torchvision that does at its import what the real one does where its compiled part is missing:
# half of it is imported, then it registers something for an operator that nobody declared.
BROKEN = """
import torchvision.first
import torch

@torch.library.register_fake("torchvision::nms")
def of_shapes(dets, scores, iou_threshold):
    return dets

import torchvision.second
"""
HEALTHY = "import torchvision.first, torchvision.second"
OTHER = 'raise RuntimeError("operator torchvision::other does not exist")'
MISSING = "import no_such_package"
ASK = """
import json, sys
from data_utils.vision import import_torchvision, torchvision_was_cured
found = {"before": torchvision_was_cured()}
try:
    module = import_torchvision()
    found |= {"again": import_torchvision() is module, "count": module.first.count()}
    found |= {"second": "torchvision.second" in sys.modules, "asked": sys.argv[1:]}
except Exception as error:
    found |= {"error": f"{type(error).__name__}: {error}"}
found["cured"] = torchvision_was_cured()
if "torch" in sys.modules:
    import torch
    for name in ("nms", "qnms"):
        try:
            torch._C._dispatch_has_kernel(f"torchvision::{name}")
            getattr(torch.ops.torchvision, name)
            found[name] = True
        except (AttributeError, RuntimeError):
            found[name] = False
print(json.dumps(found))
"""


def imported(folder: Path, source: str) -> dict:
    """Import a torchvision that stands in for the real one, in a process of its own."""
    package = folder / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text(source)
    times = folder / "times"
    (package / "first.py").write_text(
        f"from pathlib import Path\ntimes = Path({str(times)!r})\n"
        "times.write_text(times.read_text() + 'x' if times.exists() else 'x')\n"
        "def count(): return len(times.read_text())\n"
    )
    (package / "second.py").write_text("")
    root = str(Path(vision.__file__).parents[1])
    code = f"import sys; sys.path[:0] = [{str(folder)!r}, {root!r}]\n{ASK}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict = json.loads(done.stdout)
    return found


def test_one_that_does_not_fit_is_cured(tmp_path: Path) -> None:
    found = imported(tmp_path, BROKEN)
    assert "error" not in found
    assert (found["before"], found["cured"], found["again"]) == (False, True, True)
    assert found["second"]  # the import went to its end
    assert found["count"] == 2  # what was half imported was imported anew, once
    assert (found["nms"], found["qnms"]) == (True, True)


def test_the_message_is_that_of_torch(tmp_path: Path) -> None:
    """Else the cure would wait for words that no torch says."""
    found = imported(tmp_path, BROKEN.replace("nms", "soft_nms"))
    words = vision.MISMATCH.replace("nms", "soft_nms")
    assert found["error"] == f"RuntimeError: {words}"
    assert not found["cured"]


def test_nothing_is_declared_for_one_that_is_healthy(tmp_path: Path) -> None:
    found = imported(tmp_path, HEALTHY)
    assert (found["cured"], found["count"], found["again"]) == (False, 1, True)
    assert not found.get("nms", False)


@pytest.mark.parametrize(
    ("source", "error"),
    [(OTHER, "RuntimeError: operator torchvision::other"), (MISSING, "ModuleNotFoundError")],
)
def test_any_other_trouble_comes_through(tmp_path: Path, source: str, error: str) -> None:
    found = imported(tmp_path, source)
    assert found["error"].startswith(error)
    assert not found["cured"]


def test_a_cure_that_does_not_help_is_not_tried_twice(tmp_path: Path) -> None:
    found = imported(tmp_path, f"raise RuntimeError({vision.MISMATCH!r})")
    assert found["error"] == f"RuntimeError: {vision.MISMATCH}"


def test_importing_the_module_imports_neither() -> None:
    code = "import sys, data_utils.vision; print({'torch', 'torchvision'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
