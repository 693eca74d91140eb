"""Notebook 2's pictures show the numbers that they are given."""

import math
from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

import matplotlib.pyplot as plt

from data_utils.plots import SERIES
from data_utils.plots_gan import plot_gan_losses, show_samples, show_three_rows


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def test_losses_are_drawn_raw_and_smoothed_beside_ln_4() -> None:
    rng = np.random.default_rng(0)
    history = {
        "discriminator": rng.random(400).tolist(),
        "generator": (2 + rng.random(400)).tolist(),
    }
    axis = plot_gan_losses(history).axes[0]
    raw_d, smooth_d, raw_g, smooth_g, chance = axis.lines
    assert raw_d.get_ydata().tolist() == history["discriminator"]
    assert raw_g.get_ydata().tolist() == history["generator"]
    assert raw_d.get_alpha() < 0.5
    middle = np.mean(history["discriminator"][190:211])  # 5 % of 400, made odd: 21 steps
    assert smooth_d.get_ydata()[200] == pytest.approx(middle)
    assert smooth_d.get_ydata()[0] == pytest.approx(np.mean(history["discriminator"][:11]))
    assert smooth_g.get_ydata()[-1] == pytest.approx(np.mean(history["generator"][-11:]))
    assert {smooth_d.get_color(), smooth_g.get_color()} <= set(SERIES)
    assert len({line.get_linestyle() for line in (smooth_d, smooth_g, chance)}) == 3
    assert chance.get_ydata()[0] == pytest.approx(2 * math.log(2))
    names = [text.get_text() for text in axis.get_legend().get_texts()]
    assert names[:2] == ["discriminator", "generator"]
    assert "ln 4 = 1.386" in names[2]


@pytest.mark.parametrize("length", [0, 1, 2])
def test_short_trainings_are_drawn_unsmoothed(length: int) -> None:
    losses = [1.0, 3.0][:length]
    lines = plot_gan_losses({"discriminator": losses, "generator": losses}).axes[0].lines
    assert lines[1].get_ydata().tolist() == losses


def test_samples_are_one_row_per_step() -> None:
    drawn = np.random.default_rng(0).uniform(-1, 1, (4, 1, 28, 28))
    as_images = np.full((3, 28, 28), 200, np.uint8)  # a shorter row, of the other type
    first, second = show_samples({0: drawn, 1500: as_images}).axes
    assert [axis.get_ylabel() for axis in (first, second)] == ["step 0", "step 1,500"]
    pixels = first.images[0].get_array()
    assert pixels.shape == (28, 4 * 28)
    assert np.array_equal(pixels[:, 28:56], drawn[1, 0])
    assert first.images[0].get_clim() == (-1, 1)
    assert second.images[0].get_clim() == (0, 255)
    assert first.get_xlim() == second.get_xlim()  # columns stand below each other


def test_three_rows_show_a_signed_difference_and_the_score() -> None:
    images, copies = np.zeros((2, 2, 28, 28), np.uint8)
    images[0, 3, 3], copies[1, 4, 4] = 200, 255
    axes = np.reshape(show_three_rows(images, copies, [0.12345, 7]).axes[:6], (3, 2))
    shown = [[axis.images[0].get_array() for axis in row] for row in axes]
    assert np.array_equal(shown[0], images)
    assert np.array_equal(shown[1], copies)
    assert shown[2][0][3, 3] == 200
    assert shown[2][1][4, 4] == -255
    assert axes[2, 0].images[0].get_clim() == (-255, 255)
    assert [axis.get_xlabel() for axis in axes[2]] == ["0.123", "7"]
