"""course.toml: what it says, and how a wrong one is refused."""

import pytest

from data_utils.course import load_course, parse_course
from data_utils.errors import CourseFileError, UnknownExerciseError

GOOD = """
[[notebooks]]
id = "n"
title = "t"
framework = "keras"
[[notebooks.exercises]]
id = "1.1"
function = "f"
title = "t"
points = 2
minutes = 5
lines = 1
difficulty = 1
hints = ["a", "b"]
"""


def test_the_course_has_five_exercises_worth_twenty_points() -> None:
    notebook = load_course().notebook("nb1_autoencoder")
    assert [e.id for e in notebook.exercises] == ["1.1", "1.2", "1.3", "1.4", "1.5"]
    assert notebook.points == 20
    assert notebook.exercise("1.5").grade_id == "ex1_5"


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("points = 2", "points = 0", "points"),
        ("points = 2", 'points = "2"', "points"),
        ('hints = ["a", "b"]', 'hints = ["a"]', "hints"),
        ("difficulty = 1", "difficulty = 9", "difficulty"),
        ('function = "f"', "", "lacks a value"),
        ('title = "t"\npoints', 'title = "t"\nsurprise = 1\npoints', "surprise"),
        ("[[notebooks]]", "[[notebooks", "TOML"),
    ],
)
def test_a_wrong_course_file_is_refused_in_words(old: str, new: str, word: str) -> None:
    assert parse_course(GOOD).notebooks[0].points == 2
    with pytest.raises(CourseFileError, match=word):
        parse_course(GOOD.replace(old, new))


def test_an_exercise_cannot_stand_twice() -> None:
    twice = GOOD + GOOD.split('framework = "keras"')[1]
    with pytest.raises(CourseFileError, match="twice"):
        parse_course(twice)


def test_an_unknown_exercise_names_the_known_ones() -> None:
    with pytest.raises(UnknownExerciseError, match=r"1\.1, 1\.2"):
        load_course().notebook_of("9.9")


def test_a_floor_needs_a_number_or_a_note() -> None:
    floor = '[[notebooks.floors]]\nprofile="quick"\ndevice="cpu"\nanomaly_digit=2\ntable=[]\n'
    with pytest.raises(CourseFileError, match="note"):
        parse_course(GOOD + floor)
    assert parse_course(GOOD + floor + "auroc=0.7").notebooks[0].floor("quick", "cpu", 2)
