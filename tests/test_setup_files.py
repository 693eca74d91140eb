"""The files that set a machine up say the same thing."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from grader import doctor

CHECKOUT = Path(__file__).resolve().parents[1]
OWN_NAME = "anomaly-course"
TARGETS = {"demo", "test", "test-unit", "lab", "lint", "build", "bench", "calibrate", "figures"}
TARGETS |= {"bench-mutants", "bench-peers", "bench-class", "bench-paper"}
A_PYTHON_TOO_OLD = '#!/bin/sh\ncase "$1" in -V) echo "Python 3.9.9";; *) exit 1;; esac\n'


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def direct(project: dict) -> list[Requirement]:
    """Return every dependency that pyproject.toml names, except the course's own extras."""
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    requirements = [Requirement(text) for group in groups for text in group]
    return [each for each in requirements if canonicalize_name(each.name) != OWN_NAME]


@pytest.fixture(scope="module")
def pins() -> dict[str, str]:
    """Return name -> version of constraints.txt."""
    text = (CHECKOUT / "constraints.txt").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    rows = [re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9._!+-]+)", line) for line in lines]
    assert all(rows), [line for line, row in zip(lines, rows, strict=True) if row is None]
    return {canonicalize_name(row[1]): row[2] for row in rows if row}


@pytest.fixture(scope="module")
def conda() -> dict:
    return yaml.safe_load((CHECKOUT / "environment.yml").read_text())


@pytest.fixture(scope="module")
def conda_pip(conda: dict) -> list[str]:
    return next(each["pip"] for each in conda["dependencies"] if isinstance(each, dict))


def test_every_direct_dependency_is_pinned_within_its_range(
    direct: list[Requirement], pins: dict[str, str]
) -> None:
    for requirement in direct:
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_conda_pins_what_pyproject_names_with_the_same_versions(
    direct: list[Requirement], pins: dict[str, str], conda_pip: list[str]
) -> None:
    listed = [Requirement(line) for line in conda_pip if not line.startswith("--")]
    assert {canonicalize_name(each.name): str(each.specifier) for each in listed} == {
        canonicalize_name(each.name): f"=={pins[canonicalize_name(each.name)]}" for each in direct
    }
    assert {canonicalize_name(each.name): str(each.marker) for each in listed} == {
        canonicalize_name(each.name): str(each.marker) for each in direct
    }


def test_conda_reads_the_other_pins_and_installs_the_course(conda_pip: list[str]) -> None:
    options = [line for line in conda_pip if line.startswith("--")]
    assert options == ["--constraint constraints.txt", "--editable .[dev]"]


def test_one_range_of_pythons(project: dict, conda: dict) -> None:
    supported = SpecifierSet(project["requires-python"])
    oldest, newest = doctor.PYTHONS
    inside = [minor for minor in range(40) if f"3.{minor}" in supported]
    assert (inside[0], inside[-1]) == (oldest[1], newest[1])
    python = next(each for each in conda["dependencies"] if str(each).startswith("python="))
    assert python.removeprefix("python=") in supported
    makefile = (CHECKOUT / "Makefile").read_text()
    assert f"{oldest} <= sys.version_info[:2] <= {newest}" in makefile


def test_the_makefile_has_its_targets_and_lists_them() -> None:
    told = make("help").stdout
    assert set(re.findall(r"^make ([a-z-]+)", told, re.MULTILINE)) == TARGETS | {"help"}
    assert make().stdout == told


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_every_target_installs_first(target: str, tmp_path: Path) -> None:
    told = make("--dry-run", f"VENV={tmp_path}/new", target).stdout.splitlines()
    installs = [place for place, line in enumerate(told) if "--constraint constraints.txt" in line]
    assert len(installs) == 1
    assert installs[0] < len(told) - 1


def test_an_old_python_is_refused_with_a_sentence(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text(A_PYTHON_TOO_OLD)
    old.chmod(0o755)
    done = make(f"PYTHON={old}", f"VENV={tmp_path}/new", "demo")
    assert done.returncode != 0
    assert "needs Python 3.11, 3.12 or 3.13" in done.stdout
    assert "Python 3.9.9" in done.stdout
    assert not (tmp_path / "new").exists()


def test_a_missing_python_is_refused_with_a_sentence(tmp_path: Path) -> None:
    done = make("PYTHON=no-such-python", f"VENV={tmp_path}/new", "demo")
    assert done.returncode != 0
    assert "There is no 'no-such-python' here." in done.stdout


def test_nothing_is_installed_twice(tmp_path: Path) -> None:
    """A venv that is newer than what it was installed from is used as it is."""
    (tmp_path / ".installed").touch()
    told = make("--dry-run", f"VENV={tmp_path}", "demo").stdout
    assert "pip" not in told
    assert "-m grader demo" in told


def test_the_ci_script_is_bash_that_parses() -> None:
    script = CHECKOUT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert re.search(r"^make .*\btest\b", script.read_text(), re.MULTILINE)
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_the_readme_names_commands_that_exist(project: dict) -> None:
    """Every make target, grader command and extra in the README is there."""
    text = (CHECKOUT / "README.md").read_text()
    assert set(re.findall(r"\bmake ([a-z][a-z-]*)", text)) <= TARGETS
    told = subprocess.run(
        [sys.executable, "-m", "grader", "--help"], capture_output=True, text=True, check=True
    ).stdout
    commands = set(re.findall(r"python -m grader ([a-z]+)", text))
    assert commands
    assert [command for command in commands if command not in told] == []
    extras = {name for found in re.findall(r"\.\[([a-z,]+)\]", text) for name in found.split(",")}
    assert extras <= set(project["optional-dependencies"])


def test_the_hooks_fetch_nothing() -> None:
    hooks = yaml.safe_load((CHECKOUT / ".pre-commit-config.yaml").read_text())
    assert [repository["repo"] for repository in hooks["repos"]] == ["local"]
    assert {hook["language"] for hook in hooks["repos"][0]["hooks"]} == {"system"}


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in the checkout, free of the make that may be running these tests."""
    environment = {key: os.environ[key] for key in os.environ if not key.startswith("MAKE")}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=CHECKOUT,
        env={**environment, "MAKEFLAGS": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
