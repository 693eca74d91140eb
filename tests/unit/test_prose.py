"""What the build fills into a master's text."""

from pathlib import Path

import pytest

from data_utils.course import load_course
from grader.errors import BuildError
from grader.prose import figures_of, filled, run_values

NOTEBOOK = load_course().notebook("nb1_autoencoder")
ALT = "A chart that shows how one thing grows with another."


def fill(text: str) -> str:
    return filled(text, NOTEBOOK, {"best": "0.747"})


def test_points_minutes_and_steps_come_from_the_course() -> None:
    card = fill("{card 1.3}")
    assert card.startswith("> **Exercise 1.3** | 3 points | about 10 minutes | difficulty 1 of 5")
    assert card.endswith("about 1 line")
    assert "graded by hand" in fill("{card 1.7}")
    assert fill("{points}") == "30"
    assert fill("{minutes}") == str(
        sum(e.minutes for e in NOTEBOOK.exercises) + sum(q.minutes for q in NOTEBOOK.questions)
    )
    assert fill("{step 3}") == f"{NOTEBOOK.steps[2].auroc:.3f}"
    assert fill("{rubric 1.7}").count("\n- ") == 3


def test_a_hint_is_safe_inside_html_and_numbers_come_from_runs() -> None:
    assert "&lt;" not in fill("{hint 1.1 1}")
    assert fill("AUROC {run best}, $x_{ip}$ and {'a': 1}") == "AUROC 0.747, $x_{ip}$ and {'a': 1}"


@pytest.mark.parametrize("text", ["{run worst}", "{hint 1.1 9}", "{card 9.9}", "{rubric 1.1}"])
def test_what_does_not_exist_is_a_sentence(text: str) -> None:
    with pytest.raises(BuildError, match="nobody can fill in"):
        fill(text)


def test_figures_need_words_for_those_who_do_not_see_them() -> None:
    assert figures_of([f"![{ALT}](figures/a.png) and ![{ALT}](figures/b.png)"], "n") == {
        "a.png",
        "b.png",
    }
    with pytest.raises(BuildError, match="alternative text"):
        figures_of(["![chart](figures/a.png)"], "n")


def test_before_anything_was_measured_there_are_no_values(tmp_path: Path) -> None:
    assert run_values(tmp_path, "nb1_autoencoder") == {}
