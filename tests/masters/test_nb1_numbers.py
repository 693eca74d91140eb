"""Numbers that notebook 1 pins: how many images each set holds."""

import re
from pathlib import Path

import jupytext
import numpy as np
import pytest

from data_utils.datasets import MNIST_COUNTS

ROOT = Path(__file__).resolve().parents[2]
MASTER = ROOT / "solutions/nb1_autoencoder.py"


def split_sizes(counts: list[int], anomaly_digit: int) -> list[int]:
    """Sizes of the solution's four sets, from class counts alone."""
    cell = next(c for c in jupytext.read(MASTER).cells if c.metadata.get("answer") == "1.1")
    here: dict = {"np": np}
    exec(cell.source, here)
    labels = np.repeat(np.arange(10), counts)
    parts = here["split_leave_one_digit_out"](np.arange(len(labels)), labels, anomaly_digit, 0)
    return [len(part) for part in parts]


def pinned(profile: str, digit: str) -> list[int]:
    """The row of the table in the text of exercise 1.1."""
    row = re.search(rf"# \| `{profile}`[^|]*\| {digit} \|(.*)\|\n", MASTER.read_text())
    assert row
    return [int(cell.replace(",", "")) for cell in row[1].split("|")]


@pytest.mark.parametrize("digit", range(10))
def test_the_embedded_images_give_the_pinned_counts(digit: int) -> None:
    assert split_sizes([500] * 10, digit) == pinned("quick", "any digit")


@pytest.mark.parametrize("digit", [9, 0])
def test_all_training_images_give_the_pinned_counts(digit: int) -> None:
    assert split_sizes(list(MNIST_COUNTS["train"]), digit) == pinned("full", str(digit))
