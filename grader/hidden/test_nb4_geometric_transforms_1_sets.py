"""The hidden checks of exercises 4.3 to 4.5: on inputs that nobody has seen."""

from typing import Any

import numpy as np
import pytest

from data_utils.selfcheck import nb4_networks, nb4_sets, nb4_twins
from data_utils.selfcheck.nb3_images import images_left_alone
from data_utils.selfcheck.nb4_undone import answers_differ
from data_utils.selfcheck.words import expect
from grader.hidden.nb4_reference_first import (
    Steps,
    close_pairs,
    difference,
    every_picture,
    moved_steps,
    noise,
)
from grader.student import Student

PROBES = "selfcheck.nb4_probes_first"  # of data_utils
ROWS = moved_steps()

# ---------------------------------------------------------------- exercise 4.3


def levels(seed: int, n: int, t: int, falling: bool = False, noisy: float = 25.0) -> np.ndarray:
    """Images (n, t, 5, 4) whose grey values move from one transformation to the next.

    `falling`: each transformation is darker than the one before, pixel by pixel.
    """
    drawing = np.random.default_rng(seed)
    ground = drawing.uniform(90, 165, (n, 1, 5, 4))
    steps = drawing.uniform(-70, 70, (n, t, 1, 1)) + drawing.normal(0, noisy, (n, t, 5, 4))
    grey = np.clip(ground + steps, 0, 255)
    return (np.sort(grey, axis=1)[:, ::-1] if falling else grey).astype(np.uint8)


def limits(images: np.ndarray, *shares: float) -> list[float]:
    """Return limits in gaps between the differences that occur, so that rounding cannot matter."""
    count = images.shape[1]
    apart = sorted(difference(images, i, j) for j in range(count) for i in range(j))
    places = [min(int(share * len(apart)), len(apart) - 2) for share in shares]
    for place in places:
        if apart[place + 1] - apart[place] < 1e-4:
            raise ArithmeticError("Two differences lie too close together: take another seed.")
    return [(apart[place] + apart[place + 1]) / 2 for place in places]


def ask_twins(student: Student, images: np.ndarray, below: list[float]) -> None:
    """Ask for twins below a few limits."""
    right = [close_pairs(images, limit) for limit in below]
    got = [student.call(images, limit) for limit in below]
    expect(nb4_twins.twin_values(got, right, images, below))


@pytest.mark.exercise("4.3", weight=1, core=True)
def test_twins_are_pairs(student: Student) -> None:
    """A list of pairs of places; an empty one where there are none, which a large limit changes."""
    images = levels(431, 3, 5)
    got = [student.call(images, limit) for limit in (0.0, 0.3, 1e9)]
    for pairs in got:
        expect(nb4_twins.twins_form(pairs))
    found = [nb4_twins.as_pairs(pairs) for pairs in got]
    expect(answers_differ(found, "another limit", "compare each difference with limit"))


@pytest.mark.exercise("4.3", weight=2)
def test_twins_of_ever_darker_images(student: Student) -> None:
    """The mean over images and pixels of grey values from 0 to 1."""
    for seed, n, t in ((433, 4, 5), (432, 1, 6), (434, 7, 8)):
        images = levels(seed, n, t, falling=True)
        ask_twins(student, images, limits(images, 0.2, 0.5, 0.7))


@pytest.mark.exercise("4.3", weight=2)
def test_twins_where_either_may_be_darker(student: Student) -> None:
    """Differences count as absolute values, and small whole numbers do not wrap around."""
    for seed, n, t in ((436, 5, 7), (435, 1, 6)):
        images = levels(seed, n, t)
        ask_twins(student, images, limits(images, 0.15, 0.4, 0.8))


@pytest.mark.exercise("4.3", weight=1)
def test_twins_take_the_mean_of_all_images(student: Student) -> None:
    """Images that differ from each other: neither the best nor the worst decides."""
    images = levels(437, 9, 6, falling=True, noisy=5)
    images[0] = images[0, :1]  # one image in which nothing changes
    ask_twins(student, images, limits(images, 0.3, 0.6))


@pytest.mark.exercise("4.3", weight=1)
def test_twins_lie_below_the_limit(student: Student) -> None:
    """A difference that equals the limit is no twin; black and white make it exact."""
    images = np.zeros((2, 3, 2, 2), np.uint8)
    images[:, 0], images[:, 1, 0] = 255, 255
    ask_twins(student, images, [0.5, 1.0])  # differences: 0-1 and 1-2 0.5, 0-2 1


@pytest.mark.exercise("4.3", weight=1)
def test_twins_come_once(student: Student) -> None:
    """With the smaller number first."""
    expect(nb4_twins.twins_once(student.call(levels(438, 4, 6), 0.9)))


@pytest.mark.exercise("4.3", weight=1)
def test_twins_leave_their_input_alone(student: Student) -> None:
    """The images that were handed in are as they were."""
    images = levels(439, 3, 4)
    _, after = student.call_and_look(images, 0.4)
    expect(images_left_alone(images, after[0]))


# ---------------------------------------------------------------- exercise 4.4


def labelled(student: Student, seed: int, n: int, places: list[int]) -> tuple[Any, ...]:
    """Build a set behind the wall; return what came, the right pictures, and the images."""
    images, steps = noise(seed, n, 28, 28), [ROWS[place] for place in places]
    plain = [[int(value) for value in one] for one in steps]
    report = student.probe(PROBES, "labelled_report", images, plain)
    expect(nb4_sets.set_form(report, images, len(places)))
    return report, every_picture(images, steps), images


@pytest.mark.exercise("4.4", weight=1, core=True)
def test_set_holds_pictures_and_labels(student: Student) -> None:
    """Two arrays, of one picture and one whole number for each."""
    for n, t in ((4, 6), (1, 3), (5, 1)):
        report, _, images = labelled(student, 440, n, list(range(t)))
        expect(nb4_sets.set_shows_more(report, len(images), t))


@pytest.mark.exercise("4.4", weight=2)
def test_set_labels_belong_to_pictures(student: Student) -> None:
    """Whatever the order, a label says what was done to its picture."""
    for n, t in ((3, 8), (8, 3), (1, 5), (4, 4)):
        report, right, _ = labelled(student, 441 + n, n, list(range(t)))
        expect(nb4_sets.set_matches(report, right, range(t)))


@pytest.mark.exercise("4.4", weight=1)
def test_set_labels_are_places_in_the_argument(student: Student) -> None:
    """A list of transformations in another order than that of all 72, and without some."""
    for seed, places in ((451, [40, 3, 0, 71, 22]), (452, [36, 5])):
        report, right, _ = labelled(student, seed, 3, places)
        expect(nb4_sets.set_matches(report, right, places))


@pytest.mark.exercise("4.4", weight=1)
def test_set_holds_each_once(student: Student) -> None:
    """Each image once under each transformation."""
    for seed, n, places in ((453, 4, [0, 1, 4, 37]), (454, 2, list(range(0, 72, 6)))):
        report, right, _ = labelled(student, seed, n, places)
        expect(nb4_sets.set_holds_each_once(report, right))


@pytest.mark.exercise("4.4", weight=1)
def test_set_keeps_the_type(student: Student) -> None:
    """The pictures are uint8, as the images are."""
    report, _, _ = labelled(student, 455, 2, [0, 1])
    expect(nb4_sets.set_is_uint8(report))


@pytest.mark.exercise("4.4", weight=1)
def test_set_leaves_the_images_alone(student: Student) -> None:
    """The images that were handed in are as they were."""
    report, _, images = labelled(student, 456, 3, [5, 0, 44])
    expect(images_left_alone(images, report.get("after")))


# ---------------------------------------------------------------- exercise 4.5

CHANGES: tuple[tuple[str, Steps], ...] = (
    ("moved", (False, -7, 0, 0)),
    ("turned", (False, 0, 0, 3)),
)


def classifier(student: Student, count: int, seed: int, n: int = 5) -> dict[str, Any]:
    """Build a classifier behind the wall, and see what it gives for images, moved and turned."""
    pictures = every_picture(noise(seed, n, 28, 28), [ROWS[0], *(how for _, how in CHANGES)])
    x = (pictures.reshape(-1, 1, 28, 28) / 127.5 - 1).astype(np.float32)
    labels = np.arange(len(x), dtype=np.int64) % min(count, 1 + len(CHANGES))
    report: dict[str, Any] = student.probe(PROBES, "classifier_report", count, x, labels, seed)
    expect(nb4_networks.classifier_form(report, len(x), count))
    return report


@pytest.mark.exercise("4.5", weight=1, core=True)
def test_classifier_gives_one_row_for_each_image(student: Student) -> None:
    """A network that takes images and gives as many numbers as there are transformations."""
    report = classifier(student, 36, 451)
    expect(
        answers_differ(list(report["logits"]), "another image", "look at the image: layers of nn")
    )


@pytest.mark.exercise("4.5", weight=2)
def test_classifier_gives_as_many_logits_as_asked(student: Student) -> None:
    """Another set of transformations has another number of labels."""
    for count in (72, 18, 2):
        classifier(student, count, 452)


@pytest.mark.exercise("4.5", weight=2)
def test_classifier_gives_logits(student: Student) -> None:
    """Any numbers, not probabilities."""
    expect(nb4_networks.classifier_gives_logits(classifier(student, 36, 453)))


@pytest.mark.exercise("4.5", weight=1)
def test_classifier_is_small(student: Student) -> None:
    """No more weights than the exercise allows."""
    expect(nb4_networks.classifier_is_small(classifier(student, 36, 454)))


@pytest.mark.exercise("4.5", weight=2)
def test_classifier_can_learn(student: Student) -> None:
    """Weights that start at random, and that the gradient reaches."""
    expect(nb4_networks.classifier_can_learn(classifier(student, 36, 455), 36))


@pytest.mark.exercise("4.5", weight=1)
def test_classifier_sees_moves_and_turns(student: Student) -> None:
    """Another picture, other logits: nothing else can tell transformations apart."""
    report, n = classifier(student, 36, 456), 5
    first = np.arange(n) * (1 + len(CHANGES))
    rows = {
        what: np.stack([first, first + 1 + place], axis=1)
        for place, (what, _) in enumerate(CHANGES)
    }
    expect(nb4_networks.classifier_sees(report, rows))


@pytest.mark.exercise("4.5", weight=1)
def test_classifier_judges_each_image_by_itself(student: Student) -> None:
    """In evaluation mode, also where there is one image alone."""
    expect(nb4_networks.classifier_ignores_company(classifier(student, 36, 457), 36))


@pytest.mark.exercise("4.5", weight=1)
def test_classifier_is_new_at_each_call(student: Student) -> None:
    """Two networks share no weight."""
    expect(nb4_networks.classifier_is_new(classifier(student, 36, 458)))
