"""What a text cell means to Markdown is what its author meant."""

import itertools
import re
from pathlib import Path

import jupytext
import pytest

from data_utils.course import load_course

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = [notebook.id for notebook in load_course().notebooks]
ITEM = re.compile(r"([-*+]|\d+[.)]) ")
SURPRISE = re.compile(
    r"([*+]|\d+[.)]) "
)  # lists are written with "-", or numbered after a blank line


def surprises(text: str) -> list[str]:
    """Lines of a paragraph that begin as an item of a list does, so that Markdown makes one."""
    lines = text.splitlines()
    return [
        line
        for before, line in itertools.pairwise(lines)
        if SURPRISE.match(line) and before.strip() and not re.match(r"\s|>", before)
        and not ITEM.match(before)
    ]  # fmt: skip


def test_a_sentence_that_becomes_a_list_is_seen() -> None:
    assert surprises("cut what is above\n1. Return the rest") == ["1. Return the rest"]
    assert surprises("repeat $a\n+ b$") == ["+ b$"]
    assert not surprises("Two steps:\n\n1. cut\n2. return\n\n- one\n  more\n- two")


@pytest.mark.parametrize("notebook_id", NOTEBOOKS)
def test_no_sentence_becomes_a_list(notebook_id: str) -> None:
    cells = jupytext.read(ROOT / "solutions" / f"{notebook_id}.py").cells
    found = [line for c in cells if c.cell_type == "markdown" for line in surprises(c.source)]
    assert found == []
