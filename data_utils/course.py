"""Read course.toml into frozen records, and refuse a file that cannot be right."""

import functools
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

from data_utils.errors import CourseFileError, UnknownExerciseError
from data_utils.runtime import FRAMEWORK_PACKAGES

HINTS_PER_EXERCISE = 2  # the first asks, the second shows the shape of the answer


@dataclass(frozen=True)
class Exercise:
    """One graded exercise.

    Attributes
    ----------
    id : str
        Such as ``"1.2"``; also the name that ``check`` and ``hint`` take.
    function : str
        The function that the learner writes.
    points, minutes, lines, difficulty : int
        What the card above the exercise says; difficulty runs from 1 to 5.
    hints : tuple of str
    """

    id: str
    function: str
    title: str
    points: int
    minutes: int
    lines: int
    difficulty: int
    hints: tuple[str, ...]

    @property
    def grade_id(self) -> str:
        """Nbgrader's name of the grade cell, such as ``"ex1_2"``."""
        return "ex" + self.id.replace(".", "_")


@dataclass(frozen=True)
class Question:
    """One question that a person grades: an answer in words, with the rubric for it.

    Attributes
    ----------
    id, title : str
    points, minutes : int
    rubric : tuple of str
        What earns the points, one sentence for each point.
    """

    id: str
    title: str
    points: int
    minutes: int
    rubric: tuple[str, ...]

    @property
    def grade_id(self) -> str:
        """Nbgrader's name of the answer's cell, such as ``"question1_7"``."""
        return "question" + self.id.replace(".", "_")


@dataclass(frozen=True)
class Step:
    """One step of an exercise that is graded by how far the learner gets.

    Attributes
    ----------
    exercise : str
    number : int
        From 1 on.
    digits : tuple of int
        The anomaly digits over which the AUROC is averaged.
    auroc, visible_auroc : float
        The mean that earns the step on the hidden images, and on those of the visible check.
    reached : dict
        What known scores and wrong detectors reach on the hidden images; a test measures it again.
    """

    exercise: str
    number: int
    digits: tuple[int, ...]
    auroc: float
    visible_auroc: float
    reached: dict[str, float]


@dataclass(frozen=True)
class SeedRow:
    """AUROC of one design over seeds: one row of a floor's table."""

    design: str
    mean: float
    sd: float
    seeds: int


@dataclass(frozen=True)
class Floor:
    """The AUROC that a detector must reach, and the table that it was read from.

    Attributes
    ----------
    profile, device : str
    anomaly_digit : int
    auroc : float or None
        None where honest and wrong detectors lie too near each other; `note` says so.
    table : tuple of SeedRow
    """

    profile: str
    device: str
    anomaly_digit: int
    auroc: float | None
    note: str
    table: tuple[SeedRow, ...]

    def mean_of(self, design: str) -> float | None:
        """Return the mean AUROC of a design over its seeds, None where the table lacks it."""
        return next((row.mean for row in self.table if row.design == design), None)


@dataclass(frozen=True)
class Notebook:
    """One notebook of the course; `framework` is a key of `runtime.FRAMEWORK_PACKAGES`."""

    id: str
    title: str
    framework: str
    exercises: tuple[Exercise, ...]
    questions: tuple[Question, ...]
    steps: tuple[Step, ...]
    floors: tuple[Floor, ...]
    calibrated_code: str  # hash of the code whose results the floors' tables hold

    @property
    def points(self) -> int:
        """The most points that the grader can give; questions are graded by hand."""
        return sum(exercise.points for exercise in self.exercises)

    @property
    def points_by_hand(self) -> int:
        """The most points that a person can give."""
        return sum(question.points for question in self.questions)

    def question(self, question_id: str) -> Question:
        """Return the question of that id.

        Raises
        ------
        UnknownExerciseError
        """
        for question in self.questions:
            if question.id == question_id:
                return question
        raise UnknownExerciseError(f"There is no question {question_id!r} in {self.id}.")

    def steps_of(self, exercise_id: str) -> tuple[Step, ...]:
        """Return the steps of an exercise, the first one first."""
        return tuple(step for step in self.steps if step.exercise == exercise_id)

    def exercise(self, exercise_id: str) -> Exercise:
        """Return the exercise of that id.

        Raises
        ------
        UnknownExerciseError
        """
        for exercise in self.exercises:
            if exercise.id == exercise_id:
                return exercise
        known = ", ".join(exercise.id for exercise in self.exercises)
        raise UnknownExerciseError(f"There is no exercise {exercise_id!r}; there are {known}.")

    def floor(self, profile: str, device: str, anomaly_digit: int) -> Floor | None:
        """Return the entry for that setting, or None where none was calibrated."""
        for floor in self.floors:
            wanted = (profile, device, anomaly_digit)
            if (floor.profile, floor.device, floor.anomaly_digit) == wanted:
                return floor
        return None


@dataclass(frozen=True)
class Course:
    """All notebooks, in teaching order."""

    notebooks: tuple[Notebook, ...]

    def notebook(self, notebook_id: str) -> Notebook:
        """Return the notebook of that id.

        Raises
        ------
        UnknownExerciseError
        """
        for notebook in self.notebooks:
            if notebook.id == notebook_id:
                return notebook
        known = ", ".join(notebook.id for notebook in self.notebooks)
        raise UnknownExerciseError(f"There is no notebook {notebook_id!r}; there are {known}.")

    def notebook_of(self, exercise_id: str) -> Notebook:
        """Return the notebook that holds an exercise.

        Raises
        ------
        UnknownExerciseError
        """
        for notebook in self.notebooks:
            if any(exercise.id == exercise_id for exercise in notebook.exercises):
                return notebook
        known = ", ".join(e.id for notebook in self.notebooks for e in notebook.exercises)
        raise UnknownExerciseError(f"There is no exercise {exercise_id!r}; there are {known}.")


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
    return Notebook(
        id=table["id"],
        title=table["title"],
        framework=table["framework"],
        exercises=tuple(_exercise(row) for row in table["exercises"]),
        questions=tuple(_question(row) for row in table.get("questions", [])),
        steps=tuple(_step(row) for row in table.get("steps", [])),
        floors=tuple(_floor(row) for row in table.get("floors", [])),
        calibrated_code=table.get("calibration", {}).get("code", ""),
    )


def _exercise(row: dict[str, Any]) -> Exercise:
    exercise = Exercise(**{**row, "hints": tuple(row["hints"])})
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
    if not all(0.5 < auroc < 1 for auroc in (step.auroc, step.visible_auroc)) or not step.digits:
        raise CourseFileError(
            f"Step {step.number} of {step.exercise}: it needs digits, and AUROCs in (0.5, 1)."
        )
    return step


def _floor(row: dict[str, Any]) -> Floor:
    table = tuple(SeedRow(**seeds) for seeds in row["table"])
    floor = Floor(**{"auroc": None, "note": "", **row, "table": table})
    if floor.auroc is None and not floor.note:
        raise CourseFileError(
            f"Floor for digit {floor.anomaly_digit}: an AUROC or a note is needed."
        )
    if floor.auroc is not None and not 0 < floor.auroc < 1:
        raise CourseFileError(f"Floor for digit {floor.anomaly_digit}: AUROC must be in (0, 1).")
    return floor
