"""The hidden checks of exercises 4.1 and 4.2: on inputs that nobody has seen."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from data_utils.selfcheck import nb4_labels, nb4_transforms
from data_utils.selfcheck.nb3_images import images_left_alone
from data_utils.selfcheck.nb4_undone import answers_differ
from data_utils.selfcheck.words import Found, expect
from grader.hidden.nb4_reference_first import ANYTHING, Steps, kept, moved_steps, noise, transformed
from grader.student import Student

SHIFT = 7  # that of the notebook

# ---------------------------------------------------------------- exercise 4.1


def ask_image(student: Student, seed: int, asked: Steps, only_kept: bool = False) -> None:
    """Transform noise and compare; `only_kept` leaves out what becomes free."""
    image = noise(seed, 28, 28)
    got = student.call(image, *asked)
    seen = kept(28, *asked[1:]) if only_kept else None
    right = transformed(image, *asked)
    expect(nb4_transforms.image_values(got, right, image, asked, seen))


@pytest.mark.exercise("4.1", weight=1, core=True)
def test_transform_gives_an_image(student: Student) -> None:
    """One image of the same shape, and not that one which came in."""
    image = noise(411, 28, 28)
    got = [student.call(image, *asked) for asked in ((False, 0, 0, 0), (True, 6, -5, 3))]
    for one in got:
        expect(nb4_transforms.image_form(one, image))
    expect(answers_differ(got, "another transformation", "flip, move and turn the image"))


@pytest.mark.exercise("4.1", weight=1)
def test_transform_flips_left_to_right(student: Student) -> None:
    """Mirrored where a flip is asked for, and as it was where none is."""
    for seed, flip in ((412, True), (413, False), (414, True)):
        ask_image(student, seed, (flip, 0, 0, 0))


@pytest.mark.exercise("4.1", weight=1)
def test_transform_turns_against_the_clock(student: Student) -> None:
    """One, two and three quarter turns."""
    for turns in (1, 2, 3):
        ask_image(student, 414 + turns, (False, 0, 0, turns))


@pytest.mark.exercise("4.1", weight=2)
def test_transform_moves(student: Student) -> None:
    """Down and to the right, or the other way: where the content comes to lie."""
    for down, right in ((8, -2), (5, 0), (-9, 0), (0, 3), (0, -11), (-4, -7)):
        ask_image(student, 418, (False, down, right, 0), only_kept=True)


@pytest.mark.exercise("4.1", weight=2)
def test_transform_mirrors_what_is_left(student: Student) -> None:
    """What becomes free shows the mirror image, the pixel at the edge included."""
    for down, right in ((12, 3), (1, 0), (-13, 0), (0, 6), (0, -10), (7, -7)):
        ask_image(student, 419, (False, down, right, 0))


@pytest.mark.exercise("4.1", weight=2)
def test_transform_keeps_the_order(student: Student) -> None:
    """Flip, translation, turn: judged where the content lies."""
    cases: list[Steps] = [
        (True, 9, 5, 1), (True, 3, -8, 0), (False, -6, 2, 1), (False, 4, 10, 2), (True, -7, 0, 3),
        (True, 0, 0, 1), (True, -2, -12, 2),
    ]  # fmt: skip
    for place, asked in enumerate(cases):
        ask_image(student, 420 + place, asked, only_kept=True)


@pytest.mark.exercise("4.1", weight=1)
def test_transform_keeps_the_type(student: Student) -> None:
    """Whole grey values stay whole, fractions stay fractions."""
    fractions = np.random.default_rng(428).uniform(0.1, 1, (28, 28)).astype(np.float32)
    for image in (noise(427, 28, 28), fractions, noise(429, 28, 28).astype(np.int16)):
        for asked in ((False, 4, -3, 1), (True, 0, 0, 0)):
            got = student.call(image, *asked)
            expect(nb4_transforms.image_form(got, image))
            expect(nb4_transforms.image_type(got, image))


@pytest.mark.exercise("4.1", weight=1)
def test_transform_leaves_its_input_alone(student: Student) -> None:
    """The image that was handed in is as it was."""
    image = noise(430, 28, 28)
    for asked in ((True, 0, 0, 0), (False, -3, 8, 0), (True, 5, 1, 3)):
        _, after = student.call_and_look(image, *asked)
        expect(images_left_alone(image, after[0]))


# ---------------------------------------------------------------- exercise 4.2

ROWS = moved_steps()


def label_for(student: Student, row: Steps) -> Any:
    """Call label_of, and speak of it where it stops."""
    try:
        return student.call(*row, name="label_of")
    except Found as found:
        first = found.finding
        words = {
            name: getattr(first, name).replace("transform_of", "label_of")
            for name in ("expected", "why", "advice")
        }
        raise Found(replace(first, **words)) from None


@pytest.mark.exercise("4.2", weight=ANYTHING, core=True)
def test_transforms_and_labels_differ(student: Student) -> None:
    """Another label, another transformation; or the other way round, for who wrote one of both."""
    labels, found = (0, 7, 29, 50, 71), []

    def back(label: int) -> Any:
        return label_for(student, ROWS[label])

    asks: tuple[tuple[Callable[[int], Any], str], ...] = (
        (student.call, "another label"),
        (back, "another transformation"),
    )
    for ask, what in asks:
        try:
            got = [ask(label) for label in labels]
            expect(answers_differ(got, what, "see the formula above"))
        except Found as nothing:
            found.append(nothing)
    if len(found) == 2:
        raise found[0]


@pytest.mark.exercise("4.2", weight=1)
def test_label_0_is_the_identity(student: Student) -> None:
    """No flip, no move, no turn."""
    expect(nb4_labels.transform_values([student.call(0)], ROWS[:1], [0], SHIFT))


@pytest.mark.exercise("4.2", weight=1)
def test_transforms_are_all_different(student: Student) -> None:
    """Two labels never stand for the same transformation."""
    expect(nb4_labels.none_twice([student.call(label) for label in range(len(ROWS))]))


@pytest.mark.exercise("4.2", weight=3)
def test_transform_of_every_label(student: Student) -> None:
    """The turns change fastest, then the move to the right, the move down, the flip."""
    labels = np.random.default_rng(421).permutation(len(ROWS)).tolist()
    got = [student.call(label) for label in labels]
    expect(nb4_labels.transform_values(got, [ROWS[label] for label in labels], labels, SHIFT))


@pytest.mark.exercise("4.2", weight=3)
def test_label_of_every_transform(student: Student) -> None:
    """The place in the list, from plain values: what transform_of gives plays no part."""
    labels = np.random.default_rng(422).permutation(len(ROWS)).tolist()
    rows = [ROWS[label] for label in labels]
    got = [label_for(student, row) for row in rows]
    expect(nb4_labels.label_values(got, labels, rows, SHIFT))


@pytest.mark.exercise("4.2", weight=1)
def test_transforms_are_whole_numbers(student: Student) -> None:
    """Pixels and turns of an integer type."""
    for label in (0, 11, 29, 54, 71):
        got = student.call(label)
        expect(nb4_labels.four_values(got, label))
        expect(nb4_labels.whole_numbers("transform_of", got))


@pytest.mark.exercise("4.2", weight=1)
def test_labels_are_whole_numbers(student: Student) -> None:
    """A label is a place in a list."""
    for label in (0, 13, 31, 50, 70):
        expect(nb4_labels.whole_numbers("label_of", label_for(student, ROWS[label])))
