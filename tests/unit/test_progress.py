"""The bar of a training loop: on stdout, and drawn a few times a second."""

import io
import sys

import pytest

from data_utils import progress
from data_utils.progress import step_progress

STEPS = 20_000


def train(steps: int) -> None:
    with step_progress(steps, "GAN") as bar:
        for step in range(steps):
            bar.set_postfix(loss=1 / (step + 1))
            bar.update()


def test_it_is_drawn_seldom_and_at_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    with step_progress(STEPS, "GAN") as bar:
        for step in range(STEPS):
            bar.set_postfix(loss=step + 1.5 - STEPS)
            bar.update()
        seconds = bar.format_dict["elapsed"]
    told = capsys.readouterr()
    assert told.err == ""
    drawn = told.out.split("\r")
    assert len(drawn) <= 4 + seconds / progress.SHOW_SECONDS
    assert drawn[-1].startswith("GAN: 100%")
    assert f"{STEPS}/{STEPS}" in drawn[-1]
    assert "loss=0.5" in drawn[-1]  # the last one


def test_a_slow_loop_shows_its_numbers_as_it_goes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SHOW_SECONDS", 0)
    train(3)
    out = capsys.readouterr().out
    assert "1/3" in out
    assert "loss=1" in out


def test_an_error_in_the_loop_comes_through_and_closes_the_bar() -> None:
    with pytest.raises(ZeroDivisionError), step_progress(2, "GAN") as bar:
        _ = 1 / 0
    assert bar.disable  # closed


def test_it_follows_the_stdout_of_its_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the one of the import: each cell of the sandbox has its own."""
    cell = io.StringIO()
    monkeypatch.setattr(sys, "stdout", cell)
    train(2)
    assert "2/2" in cell.getvalue()
