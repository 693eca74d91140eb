"""Masters become notebooks: reproducibly, or with a sentence that says what is wrong."""

import shutil
import sys
from pathlib import Path

import pytest
from traitlets.config import Config

from data_utils.course import load_course
from grader.build import build_all, stale_files
from grader.errors import BuildError
from grader.nbgrader_plugin import configure_course

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = [notebook.id for notebook in load_course().notebooks]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a build reads: masters, figures, and the numbers that the text quotes."""
    (tmp_path / "solutions").mkdir()
    for notebook_id in NOTEBOOKS:
        shutil.copy(ROOT / f"solutions/{notebook_id}.py", tmp_path / "solutions")
        figures = f"solutions/{notebook_id}/figures"
        shutil.copytree(ROOT / figures, tmp_path / figures)
    shutil.copytree(ROOT / "benchmarks/results", tmp_path / "benchmarks/results")
    return tmp_path


def edit(checkout: Path, old: str, new: str) -> None:
    master = checkout / "solutions/nb1_autoencoder.py"
    text = master.read_text()
    assert old in text
    master.write_text(text.replace(old, new, 1))


@pytest.mark.slow  # it builds every notebook, as make lint does
def test_the_committed_notebooks_are_byte_for_byte_what_the_masters_give(checkout: Path) -> None:
    for path in build_all(checkout):
        assert path.read_bytes() == (ROOT / path.relative_to(checkout)).read_bytes()


@pytest.mark.slow  # it builds every notebook, as make lint does
def test_a_change_is_noticed(checkout: Path) -> None:
    for folder in ("solutions", "notebooks"):
        shutil.copytree(ROOT / folder, checkout / folder, dirs_exist_ok=True)
    edit(checkout, "# **Predict.**", "# **Guess.**")
    assert len(stale_files(checkout)) == 2


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('# %% check="1.3"', '# %% given="third_check"', "0 cells ex1_3"),
        ('check("1.3")', 'check("1.4")', "does not call check"),
        ('# %% answer="1.3"\n', '# %% answer="1.3"\nprint("hello")\n', "more than definitions"),
        ('# %% given="setup"', "# %%", "needs exactly one of"),
        ('given="train"', 'given="score"', "twice"),
        (
            '# %% given="progress"\n',
            '# %% given="progress"\n' + "x = 1\n" * 16,
            "more than 15 lines",
        ),
        ("    ### END SOLUTION\n", "", "nbgrader refused"),
        ("{hint 1.1 1}", "{hint 1.1 3}", "nobody can fill in"),
        ("{card 1.2}", "{card 1.9}", "nobody can fill in"),
        ("{run auroc_9}", "{run nothing}", "make figures"),
        ("figures/ink.png", "figures/pen.png", "make figures"),
        ("![Bar chart of the mean grey", "![x](figures/ink.png) ![", "alternative text"),
        ('question="1.7"', "", "0 cells question1_7"),
    ],
)
def test_a_master_that_breaks_a_rule_is_refused(
    checkout: Path, old: str, new: str, words: str
) -> None:
    edit(checkout, old, new)
    with pytest.raises(BuildError, match=words):
        build_all(checkout)
    assert not (checkout / "notebooks").exists()


def test_nbgrader_finds_its_alembic_without_an_activated_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    configure_course(Config())
    found = shutil.which("alembic")
    assert found is not None
    assert Path(found).parent == Path(sys.executable).parent
