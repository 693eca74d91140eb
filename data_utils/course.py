"""Read course.toml into frozen records, and refuse a file that cannot be right."""

import functools
import tomllib
from importlib import resources
from typing import Any

from data_utils.course_records import (
    SETTINGS,
    Course,
    Exercise,
    Floor,
    Notebook,
    Question,
    SeedRow,
    Setting,
    Step,
)
from data_utils.errors import CourseFileError
from data_utils.runtime import FRAMEWORK_PACKAGES

__all__ = [
    "Course",
    "Exercise",
    "Floor",
    "Notebook",
    "Question",
    "SeedRow",
    "Setting",
    "Step",
    "load_course",
    "parse_course",
]

STAND_INS = ("arrays", "code")
HINTS_PER_EXERCISE = 2  # the first asks, the second shows the shape of the answer


@functools.cache
def load_course() -> Course:
    """Read the course that the package carries.

    Examples
    --------
    >>> load_course().notebook("nb1_autoencoder").exercise("1.2").grade_id
    'ex1_2'
    """
    return parse_course(resources.files("data_utils").joinpath("course.toml").read_text("utf-8"))


def parse_course(text: str) -> Course:
    """Read a course file's text.

    Raises
    ------
    CourseFileError
        If the text is not TOML, lacks a value, or repeats an exercise.
    """
    try:
        tables = tomllib.loads(text)["notebooks"]
        notebooks = tuple(_notebook(table) for table in tables)
    except tomllib.TOMLDecodeError as error:
        raise CourseFileError(f"course.toml is not valid TOML: {error}.") from error
    except (KeyError, TypeError) as error:
        raise CourseFileError(f"course.toml lacks a value or has one too many: {error}.") from error
    ids = [item.id for n in notebooks for item in n.exercises]
    ids += [item.id for n in notebooks for item in n.questions]
    repeated = {exercise_id for exercise_id in ids if ids.count(exercise_id) > 1}
    if repeated:
        raise CourseFileError(f"course.toml has exercises twice: {', '.join(sorted(repeated))}.")
    return Course(notebooks)


def _notebook(table: dict[str, Any]) -> Notebook:
    if table["framework"] not in FRAMEWORK_PACKAGES:
        known = ", ".join(FRAMEWORK_PACKAGES)
        raise CourseFileError(f"Notebook {table['id']}: the framework must be one of {known}.")
    exercises = tuple(_exercise(row) for row in table["exercises"])
    for place, exercise in enumerate(exercises):
        unknown = set(exercise.builds_on) - {earlier.id for earlier in exercises[:place]}
        if unknown:
            raise CourseFileError(
                f"Exercise {exercise.id} builds on {', '.join(sorted(unknown))}, which is no "
                "earlier exercise of its notebook."
            )
    return Notebook(
        id=table["id"],
        title=table["title"],
        framework=table["framework"],
        setting=_setting(table["setting"]),
        exercises=exercises,
        questions=tuple(_question(row) for row in table.get("questions", [])),
        steps=tuple(_step(row) for row in table.get("steps", [])),
        floors=tuple(_floor(row) for row in table.get("floors", [])),
        calibrated_code=table.get("calibration", {}).get("code", ""),
    )


def _setting(name: str) -> Setting:
    if name not in SETTINGS:
        raise CourseFileError(f"A setting is {' or '.join(SETTINGS)}, not {name!r}.")
    return SETTINGS[name]


def _exercise(row: dict[str, Any]) -> Exercise:
    lists = {name: tuple(row.get(name, ())) for name in ("hints", "builds_on")}
    exercise = Exercise(**{**row, **lists})
    if exercise.stand_in not in STAND_INS:
        raise CourseFileError(f"Exercise {exercise.id}: stand_in is {' or '.join(STAND_INS)}.")
    if not isinstance(exercise.points, int) or exercise.points <= 0:
        raise CourseFileError(f"Exercise {exercise.id}: points must be a whole number above 0.")
    if len(exercise.hints) != HINTS_PER_EXERCISE:
        raise CourseFileError(f"Exercise {exercise.id}: expected {HINTS_PER_EXERCISE} hints.")
    if not 1 <= exercise.difficulty <= 5:
        raise CourseFileError(f"Exercise {exercise.id}: difficulty must lie between 1 and 5.")
    return exercise


def _question(row: dict[str, Any]) -> Question:
    question = Question(**{**row, "rubric": tuple(row["rubric"])})
    if question.points != len(question.rubric):
        raise CourseFileError(f"Question {question.id}: expected one rubric line for each point.")
    return question


def _step(row: dict[str, Any]) -> Step:
    step = Step(**{**row, "digits": tuple(row["digits"])})
    if not 0.5 < step.auroc < 1 or not step.digits:
        raise CourseFileError(
            f"Step {step.number} of {step.exercise}: it needs digits, and AUROCs in (0.5, 1)."
        )
    return step


def _floor(row: dict[str, Any]) -> Floor:
    table = tuple(SeedRow(**seeds) for seeds in row["table"])
    floor = Floor(**{"auroc": None, "note": "", **row, "table": table})
    if floor.auroc is None and not floor.note:
        raise CourseFileError(f"Floor for digit {floor.digit}: an AUROC or a note is needed.")
    if floor.auroc is not None and not 0 < floor.auroc < 1:
        raise CourseFileError(f"Floor for digit {floor.digit}: AUROC must be in (0, 1).")
    return floor
