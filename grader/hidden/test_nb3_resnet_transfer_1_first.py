"""The hidden checks of exercises 3.1 to 3.4: on inputs that nobody has seen."""

from typing import Any

import numpy as np
import pytest

from data_utils.selfcheck import nb3_audit, nb3_images, nb3_shifts
from data_utils.selfcheck.nb2_audit import has_keys
from data_utils.selfcheck.words import expect
from grader.hidden.nb3_reference_first import enlarged, forced, repaired
from grader.student import CALL_SECONDS, Student

Counts = dict[str, int]

# ---------------------------------------------------------------- exercise 3.1

AVAILABLE: Counts = {"train_normal": 713, "test_normal": 188, "test_anomaly": 61}


def split_for(
    student: Student, asked: tuple[int, int, int, int], wanted: tuple[str, ...]
) -> tuple[Any, Counts, Counts]:
    """Repair a split; return what came, what had to, and what was asked for."""
    names = ("train", "val", "test_normal", "test_anomaly")
    counts = dict(zip(names, asked, strict=True))
    got = student.call(counts, AVAILABLE)
    expect(has_keys(got, nb3_audit.SPLIT_KEYS, wanted))
    return got, repaired(counts, AVAILABLE), counts


def ask_counts(student: Student, asked: tuple[int, int, int, int], *names: str) -> None:
    """Ask for some of the counts of a repaired split."""
    got, right, counts = split_for(student, asked, names)
    for name in names:
        expect(nb3_audit.split_count(name, got[name], right[name], counts, AVAILABLE))


@pytest.mark.exercise("3.1", weight=2)
@pytest.mark.parametrize(
    "asked",
    [(800, 90, 150, 20), (640, 51, 230, 99), (720, 33, 120, 75)],
    ids=["more_than_exist", "test_part_too_small", "train_part_too_small"],
)
def test_split_missing(student: Student, asked: tuple[int, int, int, int]) -> None:
    """Normal images asked for beyond all that exist, in both official parts together."""
    ask_counts(student, asked, "missing")


@pytest.mark.exercise("3.1", weight=1)
def test_split_misses_nothing_where_enough_exist(student: Student) -> None:
    """0, not a negative number."""
    ask_counts(student, (333, 44, 101, 12), "missing")


@pytest.mark.exercise("3.1", weight=2)
@pytest.mark.parametrize("asked", [(800, 90, 150, 20), (709, 57, 120, 75), (402, 760, 20, 5)])
def test_split_serves_validation_first(student: Student, asked: tuple[int, int, int, int]) -> None:
    """Validation gets what it asks for, training what is left of the training part."""
    ask_counts(student, asked, "val", "train")


@pytest.mark.exercise("3.1", weight=1)
@pytest.mark.parametrize("asked", [(333, 44, 101, 12), (402, 90, 230, 99), (60, 20, 700, 150)])
def test_split_tests_on_the_test_part(student: Student, asked: tuple[int, int, int, int]) -> None:
    """Test images are those of the official test part, and no more than were asked for."""
    ask_counts(student, asked, "test_normal", "test_anomaly")


@pytest.mark.exercise("3.1", weight=1)
def test_split_gives_no_more_than_asked(student: Student) -> None:
    """Where enough exist, everything is as asked."""
    ask_counts(student, (333, 44, 101, 12), "val", "train", "test_normal", "test_anomaly")


# ---------------------------------------------------------------- exercise 3.2

PAPERS = (
    ((0.81, 0.62), (2300, 3100)),
    ((0.44, 0.9), (1700, 5200)),
    ((0.93, 0.35), (1100, 6400)),
)


def ask_forced(student: Student, *names: str) -> None:
    """Ask for some of the numbers that follow, for three made-up papers."""
    for rates, sizes in PAPERS:
        got = student.call(*rates, *sizes)
        expect(has_keys(got, nb3_audit.FORCED_KEYS, names))
        right = forced(rates, sizes)
        for name in names:
            expect(nb3_audit.forced_number(name, got[name], right[name], rates, sizes))


@pytest.mark.exercise("3.2", weight=1)
def test_forced_true_alarms(student: Student) -> None:
    """Recall is the share of the positives that were found."""
    ask_forced(student, "tp")


@pytest.mark.exercise("3.2", weight=2)
def test_forced_false_alarms(student: Student) -> None:
    """Precision is the share of the alarms that are right."""
    ask_forced(student, "fp")


@pytest.mark.exercise("3.2", weight=2)
def test_forced_accuracy(student: Student) -> None:
    """The accuracy that follows from all four counts."""
    ask_forced(student, "accuracy")


@pytest.mark.exercise("3.2", weight=1)
def test_forced_always_normal(student: Student) -> None:
    """The accuracy of calling everything normal."""
    ask_forced(student, "always_normal")


@pytest.mark.exercise("3.2", weight=2)
@pytest.mark.parametrize("name", ["auroc_lowest", "auroc_highest"])
def test_forced_bounds(student: Student, name: str) -> None:
    """The areas below the lowest and the highest curve through the point."""
    ask_forced(student, name)


# ---------------------------------------------------------------- exercise 3.3

MEAN, STD = (0.31, 0.55, 0.12), (0.4, 0.23, 0.77)


def strokes(seed: int, count: int) -> np.ndarray:
    """Noise of all grey values in a black frame: at the edge the rules of enlarging differ."""
    images = np.random.default_rng(seed).integers(0, 256, (count, 28, 28), dtype=np.uint8)
    for edge in (images[:, :3], images[:, -3:], images[:, :, :3], images[:, :, -3:]):
        edge[:] = 0
    return images


@pytest.mark.exercise("3.3", weight=1, core=True)
def test_backbone_shape(student: Student) -> None:
    """Three channels, which come before rows and columns, and the size that was asked for."""
    expect(nb3_images.backbone_form(student.call(strokes(331, 5), 32, MEAN, STD), 5, 32))


@pytest.mark.exercise("3.3", weight=2)
@pytest.mark.parametrize(("size", "count"), [(32, 6), (40, 1), (28, 3), (57, 2)])
def test_backbone_values(student: Student, size: int, count: int) -> None:
    """In [0, 1], enlarged, then standardised channel by channel."""
    images = strokes(332 + size, count)
    got = student.call(images, size, MEAN, STD)
    expect(nb3_images.backbone_values(got, enlarged(images, size), images, MEAN, STD))


@pytest.mark.exercise("3.3", weight=2)
def test_backbone_takes_mean_and_std_of_its_arguments(student: Student) -> None:
    """Another backbone has other means and standard deviations."""
    images = strokes(341, 3)
    for mean, std in (([0.9, 0.2, 0.4], [0.3, 0.9, 0.5]), ((0.0, 0.7, 0.1), (1.1, 0.5, 0.25))):
        got = student.call(images, 36, mean, std)
        expect(nb3_images.backbone_values(got, enlarged(images, 36), images, mean, std))


@pytest.mark.exercise("3.3", weight=3)
def test_dark_images_are_scaled_like_others(student: Student) -> None:
    """The division by 255 does not depend on how bright the images are."""
    for brightest in (90, 1):
        images = np.minimum(strokes(344 + brightest, 4), brightest)
        images[0] //= 2
        got = student.call(images, 34, MEAN, STD)
        expect(nb3_images.backbone_values(got, enlarged(images, 34), images, MEAN, STD))


@pytest.mark.exercise("3.3", weight=2)
def test_backbone_returns_single_precision(student: Student) -> None:
    """float32, as the backbone's weights are."""
    expect(nb3_images.backbone_dtype(student.call(strokes(345, 2), 32, MEAN, STD)))


@pytest.mark.exercise("3.3", weight=1)
def test_backbone_returns_an_array(student: Student) -> None:
    """A NumPy array, as everything else in the notebook takes."""
    result = student.keep(strokes(342, 2), 32, MEAN, STD, seconds=CALL_SECONDS)
    expect(nb3_images.backbone_is_array(student.method(result, "__dir__", seconds=CALL_SECONDS)))


@pytest.mark.exercise("3.3", weight=1)
def test_backbone_leaves_its_input_alone(student: Student) -> None:
    """The images that were handed in are as they were."""
    images = strokes(343, 4)
    _, after = student.call_and_look(images, 32, MEAN, STD)
    expect(nb3_images.images_left_alone(images, after[0]))


# ---------------------------------------------------------------- exercise 3.4


def without_black(seed: int, count: int) -> np.ndarray:
    """Noise in which every pixel is at least 1, so that each move can be told."""
    return np.random.default_rng(seed).integers(1, 256, (count, 28, 28), dtype=np.uint8)


@pytest.mark.exercise("3.4", weight=2, core=True)
def test_shifted_images_are_moved_images(student: Student) -> None:
    """Each result is its image, moved by whole pixels, with black behind it."""
    for seed, count in ((341, 40), (342, 1)):
        images = without_black(seed, count)
        expect(nb3_shifts.shifts_are_right(student.call(images, seed, 2), images, 2))


@pytest.mark.exercise("3.4", weight=2)
@pytest.mark.parametrize("most", [1, 2, 3])
def test_shifts_are_random_in_both_directions(student: Student, most: int) -> None:
    """Each image has its own move; each number from -most to most occurs, down and right."""
    images = without_black(343, 200)
    expect(nb3_shifts.shifts_are_spread(student.call(images, 11, most), images, most))


@pytest.mark.exercise("3.4", weight=1)
def test_shifts_by_two_pixels_unless_asked(student: Student) -> None:
    """Without the argument most is 2."""
    images = without_black(344, 200)
    expect(nb3_shifts.shifts_are_spread(student.call(images, 12), images, 2))


@pytest.mark.exercise("3.4", weight=2)
def test_shifts_follow_the_seed(student: Student) -> None:
    """The same seed gives the same images, another seed others."""
    images = without_black(345, 20)
    first, again, other = (student.call(images, seed, 2) for seed in (13, 13, 14))
    expect(nb3_shifts.shifted_form(first, images))
    expect(nb3_shifts.shifts_follow_seed(first, again, other))


@pytest.mark.exercise("3.4", weight=1)
def test_shifted_leaves_its_input_alone(student: Student) -> None:
    """The images that were handed in are as they were."""
    images = without_black(346, 20)
    _, after = student.call_and_look(images, 15, 2)
    expect(nb3_images.images_left_alone(images, after[0]))
