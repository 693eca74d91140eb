"""course.toml: what it says, and how a wrong one is refused."""

import pytest

from data_utils.course import load_course, parse_course
from data_utils.errors import CourseFileError, UnknownExerciseError

GOOD = """
[[notebooks]]
id = "n"
title = "t"
framework = "keras"
setting = "one-vs-rest"
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


def test_notebook_1_has_six_exercises_and_a_question_worth_thirty_points() -> None:
    notebook = load_course().notebook("nb1_autoencoder")
    assert [e.id for e in notebook.exercises] == ["1.1", "1.2", "1.3", "1.4", "1.5", "1.6"]
    assert [q.id for q in notebook.questions] == ["1.7"]
    assert (notebook.points, notebook.points_by_hand) == (26, 4)
    assert notebook.exercise("1.5").grade_id == "ex1_5"
    assert notebook.question("1.7").grade_id == "question1_7"
    with pytest.raises(UnknownExerciseError):
        notebook.question("1.6")
    assert [step.number for step in notebook.steps_of("1.6")] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('framework = "keras"', 'framework = "pytorch"', "one of keras, torch"),
        ("points = 2", "points = 0", "points"),
        ("points = 2", 'points = "2"', "points"),
        ('hints = ["a", "b"]', 'hints = ["a"]', "hints"),
        ("difficulty = 1", "difficulty = 9", "difficulty"),
        ('function = "f"', "", "lacks a value"),
        ('setting = "one-vs-rest"\n', "", "one too many: 'setting'"),
        ('"one-vs-rest"', '"MNIST"', "one-vs-rest, not 'MNIST'"),
        ('title = "t"\npoints', 'title = "t"\nsurprise = 1\npoints', "surprise"),
        ("[[notebooks]]", "[[notebooks", "TOML"),
    ],
)
def test_a_wrong_course_file_is_refused_in_words(old: str, new: str, word: str) -> None:
    assert parse_course(GOOD).notebooks[0].points == 2
    with pytest.raises(CourseFileError, match=word):
        parse_course(GOOD.replace(old, new))


def test_a_setting_has_its_own_words_for_a_digit() -> None:
    assert load_course().notebook("nb1_autoencoder").setting.words(9) == "digit 9 left out"
    assert parse_course(GOOD).notebooks[0].setting.words(5) == "digit 5 normal"


def test_an_exercise_cannot_stand_twice() -> None:
    twice = GOOD + "[[notebooks.exercises]]" + GOOD.split("[[notebooks.exercises]]")[1]
    with pytest.raises(CourseFileError, match="twice"):
        parse_course(twice)


QUESTION = '[[notebooks.questions]]\nid="1.2"\ntitle="t"\npoints=2\nminutes=5\nrubric=["a"]\n'
STEP = '[[notebooks.steps]]\nexercise="1.1"\nnumber=1\ndigits=[3]\nauroc=0.4\nreached={}\n'


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (QUESTION, "one rubric line for each point"),
        (QUESTION.replace('id="1.2"', 'id="1.1"').replace('["a"]', '["a", "b"]'), "twice"),
        (STEP, "AUROCs in"),
        (STEP.replace("0.4", "0.7").replace("[3]", "[]"), "needs digits"),
    ],
)
def test_a_question_or_a_step_that_cannot_be_right_is_refused(more: str, word: str) -> None:
    with pytest.raises(CourseFileError, match=word):
        parse_course(GOOD + more)


def test_an_unknown_exercise_names_the_known_ones() -> None:
    with pytest.raises(UnknownExerciseError, match=r"1\.1 to 1\.6, 2\.1"):
        load_course().notebook_of("9.9")
    with pytest.raises(UnknownExerciseError, match="a question that a person grades"):
        load_course().notebook_of("1.7")


def test_a_floor_needs_a_number_or_a_note() -> None:
    floor = '[[notebooks.floors]]\nprofile="quick"\ndevice="cpu"\ndigit=2\ntable=[]\n'
    with pytest.raises(CourseFileError, match="note"):
        parse_course(GOOD + floor)
    assert parse_course(GOOD + floor + "auroc=0.7").notebooks[0].floor("quick", "cpu", 2)


def test_a_floor_may_belong_to_a_backbone_and_to_an_exercise() -> None:
    floor = '[[notebooks.floors]]\nprofile="quick"\ndevice="cpu"\ndigit=2\ntable=[]\n'
    lite, few = 'backbone="lite"\nauroc=0.7\n', 'backbone="lite"\nexercise="3.1"\nauroc=0.9\n'
    notebook = parse_course(GOOD + floor + lite + floor + few).notebooks[0]
    assert notebook.floor("quick", "cpu", 2) is None  # another network has its own floors
    found = notebook.floor("quick", "cpu", 2, backbone="lite")
    assert found is not None
    assert found.auroc == 0.7
    found = notebook.floor("quick", "cpu", 2, backbone="lite", exercise="3.1")
    assert found is not None
    assert found.auroc == 0.9
    assert notebook.floor("quick", "cpu", 2, backbone="heavy", exercise="3.1") is None
