"""Exercise 4.2: what can be wrong with the labels of transformations.

The right values come from the caller; nothing here computes an answer.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from data_utils.selfcheck.nb3_images import plain_array
from data_utils.selfcheck.nb4_transforms import BY_HAND, NAMES, Asked, Reason
from data_utils.selfcheck.values import describe, is_number, is_whole_number
from data_utils.selfcheck.words import Finding


def as_transform(got: Any, label: int) -> tuple[float, ...] | Finding:
    """Return flip, down, right and turns as numbers, or say why they are none."""
    expected = f"(flip, down, right, turns) for the label {label}"
    got = plain_array(got)
    flat = got.ravel() if isinstance(got, np.ndarray) else got
    if isinstance(flat, (tuple, list, np.ndarray)) and len(flat) == len(NAMES):
        try:
            return tuple(float(value) for value in flat)
        except (TypeError, ValueError):
            return Finding(expected, str(got), "one of the four is no number and no truth value",
                           "flip is True or False, the others are whole numbers")  # fmt: skip
    return Finding(expected, describe(got), "four values are asked for",
                   "return flip, down, right, turns")  # fmt: skip


def four_values(got: Any, label: int) -> Finding | None:
    """Flip, down, right and turns, in any sequence."""
    values = as_transform(got, label)
    return values if isinstance(values, Finding) else None


def transform_values(
    got: Sequence[Any], expected: Sequence[Asked], labels: Sequence[int], shift: int
) -> Finding | None:
    """Compare the transformations of some labels with the right ones; name the mistake.

    Parameters
    ----------
    got : sequence
        What the learner's function returned for each label.
    expected : sequence of tuple
    labels : sequence of int
    shift : int
        Pixels of a translation.
    """
    found = []
    for one, label in zip(got, labels, strict=True):
        values = as_transform(one, label)
        if isinstance(values, Finding):
            return values
        found.append(values)
    right = [tuple(float(value) for value in one) for one in expected]
    wrong = [place for place, one in enumerate(found) if one != right[place]]
    if not wrong:
        return None
    why, advice = "the number was taken apart in another way", BY_HAND
    for listed, reason, cure in _other_lists(shift):
        if all(listed[label] == one for label, one in zip(labels, found, strict=True)):
            why, advice = reason, cure
            break
    else:
        why, advice = _why_transform(found, right) or (why, advice)
    place = wrong[0]
    return Finding(
        f"{_plain(expected[place])} for the label {labels[place]}",
        f"{_plain(found[place])}; {len(wrong)} of {len(labels)} labels are wrong",
        why,
        advice,
    )


def _why_transform(
    found: Sequence[tuple[float, ...]], right: Sequence[tuple[float, ...]]
) -> Reason | None:
    """Return a mistake that shows in the values themselves, and its cure."""
    values = np.array(found)
    if (values != np.round(values)).any():
        return "/ divides with a remainder behind the point", "divide with //, or with divmod"
    wanted = np.array(right)
    moves = values[:, 1:3], wanted[:, 1:3]
    places = -np.sign(moves[1]) % 3  # 0, 1, 2 for a move by 0, -SHIFT, SHIFT
    if np.array_equal(moves[0], places) and not np.array_equal(*moves):
        return ("down and right are the numbers i, not pixels",
                "i = 0, 1, 2 means a move by 0, -SHIFT, SHIFT")  # fmt: skip
    if np.array_equal(values[:, 0], 1 - wanted[:, 0]):
        return "flip is upside down", "the labels from 36 on have a flip"
    if values[:, 3].max() > 3:
        return "turns are quarter turns, 0 to 3", "turns is what is left in the end: label % 4"
    for order in itertools.permutations(range(4)):
        if np.array_equal(values[:, order], wanted):
            return "the four values come in another order", "return flip, down, right, turns"
    return None


def label_values(
    got: Sequence[Any], expected: Sequence[int], asked: Sequence[Asked], shift: int
) -> Finding | None:
    """Compare the labels of some transformations with the right ones; name the mistake."""
    for one, transform in zip(got, asked, strict=True):
        if not is_number(one):
            return Finding(f"one number, the label of {transform}", describe(one),
                           "something else is returned", "return the sum of the text")  # fmt: skip
    found = [float(one) for one in got]
    wrong = [place for place, one in enumerate(found) if one != expected[place]]
    if not wrong:
        return None
    why, advice = "the sum differs", "36 * flip + 12 * i_down + 4 * i_right + turns"
    if all(one == right + 1 for one, right in zip(found, expected, strict=True)):
        why, advice = "counted from 1", "the identity has the label 0"
    for listed, reason, cure in _other_lists(shift):
        rows = [tuple(float(value) for value in one) for one in asked]
        if [listed.index(row) for row in rows] == found:
            why, advice = reason, cure
            break
    place = wrong[0]
    return Finding(
        f"{expected[place]} for {asked[place]}",
        f"{found[place]:.6g}; {len(wrong)} of {len(found)} labels are wrong",
        why,
        advice,
    )


def _other_lists(shift: int) -> Iterator[tuple[list[tuple[float, ...]], str, str]]:
    """Return lists of all transformations in wrong orders, the reason, and the cure."""
    moves = (0.0, -float(shift), float(shift))
    cure = "the list of moves is 0, -SHIFT, SHIFT, in this order"
    for others, why in (
        ((moves[1], moves[0], moves[2]), "the list of moves begins with -SHIFT"),
        ((moves[0], moves[2], moves[1]), "+SHIFT comes before -SHIFT in the list of moves"),
    ):
        yield _listed(others, range(4)), why, cure
    for order in itertools.permutations(range(4)):
        if order != tuple(range(4)):
            words = ", ".join(NAMES[axis] for axis in order[::-1])
            yield (_listed(moves, order), f"these change from fastest to slowest: {words}",
                   "the turns change fastest, then right, then down, then the flip")  # fmt: skip


def _listed(moves: tuple[float, ...], order: Sequence[int]) -> list[tuple[float, ...]]:
    """List all transformations; `order` names the axes from the slowest to the fastest."""
    choices = ((0.0, 1.0), moves, moves, (0.0, 1.0, 2.0, 3.0))
    rows = itertools.product(*(choices[axis] for axis in order))
    return [tuple(row[order.index(axis)] for axis in range(4)) for row in rows]


def none_twice(got: Sequence[Any]) -> Finding | None:
    """No two labels stand for the same transformation."""
    first: dict[tuple[float, ...], int] = {}
    for label, one in enumerate(got):
        values = as_transform(one, label)
        if isinstance(values, Finding):
            return values
        if values in first:
            return Finding(
                f"{len(got)} different transformations for {len(got)} labels",
                f"{_plain(values)} for the labels {first[values]} and {label}",
                "two labels were taken apart into the same parts",
                "divmod(label, 36) first, then the rest by 12, then by 4",
            )
        first[values] = label
    return None


def whole_numbers(name: str, got: Any) -> Finding | None:
    """The numbers are of an integer type: they count pixels, turns or places in a list."""
    got = plain_array(got)
    values = list(got[1:]) if name == "transform_of" else [got]
    if all(is_whole_number(value) for value in values):
        return None
    shown = ", ".join(str(value) for value in values)
    return Finding(
        f"whole numbers from {name}",
        shown,
        "/ always gives a number with a point, such as 2.0, and that is no place in a list",
        "divide with //, or with divmod",
    )


def _plain(values: Sequence[float]) -> str:
    flip, *others = values
    numbers = ", ".join(f"{value:.6g}" for value in others)
    return f"({bool(flip) if flip in (0, 1) else flip}, {numbers})"
