"""What `grader doctor` looks at: what is here, what is missing, what to do about it.

TensorFlow, PyTorch and the images are tried in processes of their own: the trusted one stays small.
"""

import os
import platform
import shutil
import sys
from pathlib import Path

from data_utils.course import load_course
from data_utils.runtime import FRAMEWORK_PACKAGES
from grader.doctor_backbones import backbone_lines
from grader.doctor_gpu import gpu_lines
from grader.doctor_words import (
    INSTALL_GRADER,
    MISSING,
    NOTE,
    OK,
    ChildError,
    Line,
    ask_child,
    version_of,
)
from grader.errors import GraderError
from grader.sandbox import Isolation, SandboxError, Session, best_isolation
from grader.sandbox.bwrap import find_bwrap
from grader.sandbox.canary import run_canary
from grader.submissions import released_notebook

PYTHONS = ((3, 11), (3, 13))  # oldest and newest; the same as requires-python in pyproject.toml
SECRET_LINE = 30  # characters; shorter lines of code may stand in any package
SECRET_BYTES = 64  # of a compressed file; no other file has them by chance
GRADING_NEEDS = ("ipython", "nbformat", "pytest")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# Package -> its name as people write it, and how it tells the number of GPUs.
FRAMEWORKS = {
    "tensorflow": ("TensorFlow", "len(tensorflow.config.list_physical_devices('GPU'))"),
    "torch": ("PyTorch", "torch.cuda.device_count()"),
}
_IMAGES = """
import json
from data_utils.datasets import load_mnist
from data_utils.errors import DataSourceError
found = {"embedded": len(load_mnist("embedded").images)}
try:
    full = load_mnist("full")
    found |= {"profile": full.profile, "source": full.source}
except DataSourceError as error:
    found["trouble"] = str(error)
print(json.dumps(found))
"""
# Nobody listens on port 9: load_mnist("full") then uses what is here and cannot download.
_NO_NETWORK = {"https_proxy": "http://127.0.0.1:9", "no_proxy": ""}


def examine_machine(checkout: Path) -> tuple[list[str], bool]:
    """Look at this machine and try what grading needs.

    Parameters
    ----------
    checkout : Path
        The folder that holds `solutions`, if this is a checkout.

    Returns
    -------
    lines : list of str
    healthy : bool
        Whether everything that grading needs is here.

    Notes
    -----
    Takes about a minute: it imports the frameworks, and it searches every file that a notebook
    could see for lines of the hidden checks.
    """
    lines = [python_line(sys.version_info[:2])]
    lines += framework_lines()
    if version_of("torch") is not None:
        lines += backbone_lines()
    lines += [*gpu_lines(), *package_lines(), *course_lines(), *image_lines()]
    lines += sandbox_lines(course_secrets(checkout))
    lines.append(browser_line())
    return [str(line) for line in lines], all(line.mark != MISSING for line in lines)


def python_line(version: tuple[int, int]) -> Line:
    """Say whether the course supports this Python."""
    if PYTHONS[0] <= version <= PYTHONS[1]:
        return Line(OK, f"Python {platform.python_version()} on {platform.system()}")
    return Line(
        MISSING,
        f"Python {version[0]}.{version[1]} is not supported. Install 3.11, 3.12 or 3.13 and make a "
        "new virtual environment with it.",
    )


def framework_lines() -> list[Line]:
    """Say which frameworks are installed and really import."""
    lines = []
    for package, (name, count) in FRAMEWORKS.items():
        version = version_of(package)
        if version is not None:
            lines.append(_import_line(package, f"{name} {version}", count))
        elif package in _needed():
            lines.append(Line(MISSING, f"{name} is not installed. {INSTALL_GRADER}"))
        else:
            lines.append(Line(NOTE, f"{name} is not installed. No notebook so far needs it."))
    return lines


def package_lines() -> list[Line]:
    """Say which packages are installed that grading, nbgrader's commands and students use."""
    gone = [name for name in GRADING_NEEDS if version_of(name) is None]
    lines = [Line(OK, "packages for grading: " + ", ".join(GRADING_NEEDS))]
    if gone:
        lines = [Line(MISSING, f"{', '.join(gone)} is not installed. {INSTALL_GRADER}")]
    for name, use in (
        ("nbgrader", "`grader build` and nbgrader's own commands"),
        ("jupyterlab", "`jupyter lab`"),
    ):
        version = version_of(name)
        text = f"{name} is not installed; it is for {use}. {INSTALL_GRADER}"
        lines.append(Line(OK, f"{name} {version}") if version else Line(NOTE, text))
    return lines


def course_lines() -> list[Line]:
    """Say whether the student versions and the exam images are here."""
    lines = []
    for notebook in load_course().notebooks:
        try:
            released_notebook(notebook.id)
            lines.append(Line(OK, f"student version of {notebook.id}"))
        except GraderError as error:
            lines.append(Line(MISSING, str(error)))
    exams = list((Path(__file__).resolve().parent / "exam").glob("*.npz"))
    text = "The exam images are not here. Get a whole checkout or wheel of the course."
    lines.append(Line(OK, "exam images") if exams else Line(MISSING, text))
    return lines


def image_lines() -> list[Line]:
    """Say which images the profiles would use, without downloading any."""
    try:
        found = ask_child(_IMAGES, _NO_NETWORK)
    except ChildError as error:
        return [Line(MISSING, f"The embedded images cannot be read ({error}). {INSTALL_GRADER}")]
    lines = [Line(OK, f"embedded images: {found['embedded']:,}")]
    if "trouble" in found:
        lines.append(Line(MISSING, found["trouble"]))
    elif found["profile"] == "full":
        lines.append(Line(OK, f"profile full: {found['source']}"))
    else:
        text = (
            "Full MNIST is not on this machine. Profile full would download it or else use the "
            "embedded images; or set ANOMALY_COURSE_DATA to a folder that holds MNIST/raw."
        )
        lines.append(Line(NOTE, text))
    return lines


def sandbox_lines(secrets: list[bytes]) -> list[Line]:
    """Start the sandbox and try to break each of its promises.

    Parameters
    ----------
    secrets : list of bytes
        What no file inside may hold.
    """
    try:
        isolation = best_isolation()
        promises = run_canary(isolation, secrets)
    except SandboxError as error:
        return [Line(MISSING, f"sandbox: {error}")]
    user = "as root" if os.geteuid() == 0 else "as an ordinary user"
    lines = [Line(OK, f"sandbox: bubblewrap ({find_bwrap()}), {user}")]
    for promise in promises:
        if promise.held:
            lines.append(Line(OK, f"  {promise.name}: {promise.detail}"))
        else:
            advice = "Do not grade others' notebooks on this machine."
            lines.append(Line(MISSING, f"  {promise.name}: BROKEN, {promise.detail}. {advice}"))
    if all(promise.held for promise in promises):
        there = (package for package in FRAMEWORKS if package in _needed() and version_of(package))
        lines += [preload_line(package, isolation) for package in there]
    return lines


def preload_line(package: str, isolation: Isolation) -> Line:
    """Say whether sessions can share one import of a framework, and whether they are kept apart.

    Parameters
    ----------
    package : str
        What is imported, as `Session` takes it.
    isolation : Isolation
    """
    name = FRAMEWORKS[package][0] if package in FRAMEWORKS else package
    try:
        with Session(isolation, preload=package) as session:
            trouble = session.preload_trouble
        promises = [] if trouble else run_canary(isolation, preload=package)
    except SandboxError as error:
        return Line(MISSING, f"sandbox with {name} imported before: {error}")
    if trouble:
        return Line(NOTE, f"Each session imports {name} anew, some CPU seconds each. {trouble}")
    broken = "; ".join(f"{p.name}: BROKEN, {p.detail}" for p in promises if not p.held)
    if broken:
        advice = "Do not grade others' notebooks on this machine."
        return Line(MISSING, f"  with {name} imported before: {broken}. {advice}")
    return Line(OK, f"  with {name} imported before, the same: {len(promises)} promises held")


def browser_line() -> Line:
    """Say whether the browser test can run."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found:
        return Line(OK, f"browser: {found}")
    return Line(NOTE, "No Chromium; only the browser test needs it. Debian: apt install chromium")


def course_secrets(checkout: Path) -> list[bytes]:
    """Return a line of each hidden check and each solution, and bytes of the exam.

    Parameters
    ----------
    checkout : Path

    Returns
    -------
    list of bytes
        None of them stands in what students get.
    """
    package = Path(__file__).resolve().parent
    given = "\n".join(
        path.read_text(encoding="utf-8") for path in (package.parent / "data_utils").rglob("*.py")
    )
    secrets = []
    for path in (*package.glob("hidden/*.py"), *checkout.glob("solutions/*.py")):
        lines = {line.strip() for line in path.read_text(encoding="utf-8").splitlines()}
        own = [line for line in lines if len(line) >= SECRET_LINE and line not in given]
        if own:
            secrets.append(max(sorted(own), key=len).encode())
    for path in package.glob("exam/*.npz"):
        raw = path.read_bytes()
        secrets.append(raw[len(raw) // 2 :][:SECRET_BYTES])
    return secrets


def _needed() -> set[str]:
    """Return the packages that the frameworks of the course's notebooks import."""
    return {FRAMEWORK_PACKAGES[notebook.framework] for notebook in load_course().notebooks}


def _import_line(package: str, title: str, count: str) -> Line:
    code = f"import json, {package}\nprint(json.dumps({{'gpus': {count}}}))"
    try:
        gpus = ask_child(code)["gpus"]
    except ChildError as error:
        return Line(
            MISSING, f"{title} is installed but does not import ({error}). Install it again."
        )
    return Line(OK, f"{title} imports, sees {gpus} GPU{'' if gpus == 1 else 's'}")
