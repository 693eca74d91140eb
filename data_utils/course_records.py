"""The records that course.toml is read into: notebooks, exercises, floors and what they know."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_utils.errors import UnknownExerciseError

ONE_VS_REST = "one-vs-rest"


@dataclass(frozen=True)
class Setting:
    """Which digits are normal, and the words for it.

    Attributes
    ----------
    id : str
        As course.toml names it.
    of_digit : str
        How a digit belongs to a detector, with a place for it.
    of_digits : str
        The same of several digits, without them.
    sentence : str
        What the training images were.
    """

    id: str
    of_digit: str
    of_digits: str
    sentence: str

    def words(self, digit: int) -> str:
        """Say what the digit was to the detector.

        Examples
        --------
        >>> SETTINGS["one-vs-rest"].words(5)
        'digit 5 normal'
        """
        return self.of_digit.format(digit)

    def is_normal(self, digits: NDArray[np.integer], digit: int) -> NDArray[np.bool_]:
        """Say of each image whether it is normal, by its own digit and the detector's.

        Examples
        --------
        >>> SETTINGS["leave-one-digit-out"].is_normal(np.array([4, 9]), 9).tolist()
        [True, False]
        """
        same: NDArray[np.bool_] = np.asarray(digits) == digit
        return same if self.id == ONE_VS_REST else ~same


SETTINGS: dict[str, Setting] = {
    setting.id: setting
    for setting in (
        Setting(
            "leave-one-digit-out",
            "digit {} left out",
            "Digits left out",
            "one digit was left out while training",
        ),
        Setting(
            ONE_VS_REST,
            "digit {} normal",
            "Normal digits",
            "one digit was normal, and training showed it alone",
        ),
    )
}
"""Nine digits normal, or one: by the name in course.toml."""


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
    builds_on : tuple of str
        Ids of earlier exercises whose functions this one's function goes through.
    stand_in : {"arrays", "code"}
        What takes the place of this exercise's function where it lost points and a later one
        builds on it: a call of the reference in another process, for arrays go in and come out,
        or the reference's own code, for a network or a loss has to live in the process.
    """

    id: str
    function: str
    title: str
    points: int
    minutes: int
    lines: int
    difficulty: int
    hints: tuple[str, ...]
    builds_on: tuple[str, ...] = ()
    stand_in: str = "arrays"

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
    auroc : float
        The mean that earns the step, on the hidden images and on those of the visible check.
    reached : dict
        What known scores and wrong detectors reach on the hidden images; a test measures it again.
    """

    exercise: str
    number: int
    digits: tuple[int, ...]
    auroc: float
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
    digit : int
        The digit left out, or the one normal digit: see `Notebook.setting`.
    auroc : float or None
        None where honest and wrong detectors lie too near each other; `note` says so.
    table : tuple of SeedRow
    backbone : str
        The pretrained network whose features the detector read; empty where there is none.
    exercise : str
        Empty for the detector that the notebook ends in; else the exercise whose detector it is.
    """

    profile: str
    device: str
    digit: int
    auroc: float | None
    note: str
    table: tuple[SeedRow, ...]
    backbone: str = ""
    exercise: str = ""

    def mean_of(self, design: str) -> float | None:
        """Return the mean AUROC of a design over its seeds, None where the table lacks it."""
        return next((row.mean for row in self.table if row.design == design), None)


@dataclass(frozen=True)
class Notebook:
    """One notebook of the course.

    Attributes
    ----------
    id, title : str
    framework : {"keras", "torch"}
    setting : Setting
        Which digits are normal.
    exercises, questions, steps, floors : tuple
    calibrated_code : str
        Hash of the code whose results the floors' tables hold.
    """

    id: str
    title: str
    framework: str
    setting: Setting
    exercises: tuple[Exercise, ...]
    questions: tuple[Question, ...]
    steps: tuple[Step, ...]
    floors: tuple[Floor, ...]
    calibrated_code: str

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

    def closure(self, exercise_id: str) -> set[str]:
        """Return the ids of an exercise and of all that it builds on, directly or not.

        Raises
        ------
        UnknownExerciseError
        """
        below = self.exercise(exercise_id).builds_on
        return {exercise_id}.union(*(self.closure(id_) for id_ in below))

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

    @property
    def reads_backbone(self) -> bool:
        """Whether its detectors read the features of a pretrained network."""
        return any(floor.backbone for floor in self.floors)

    def floors_on(self, device: str, backbone: str) -> tuple[Floor, ...]:
        """Return the entries of a device, and of a network where they name one."""
        return tuple(
            floor
            for floor in self.floors
            if floor.device == device and floor.backbone in ("", backbone)
        )

    def floor(
        self, profile: str, device: str, digit: int, *, backbone: str = "", exercise: str = ""
    ) -> Floor | None:
        """Return the entry for that setting, or None where none was calibrated.

        Parameters
        ----------
        profile, device : str
        digit : int
        backbone : str
            The one in use; heeded where a floor names one.
        exercise : str
            As in `Floor`.
        """
        wanted = (profile, digit, exercise)
        for floor in self.floors_on(device, backbone):
            if (floor.profile, floor.digit, floor.exercise) == wanted:
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
        for notebook in self.notebooks:
            if any(question.id == exercise_id for question in notebook.questions):
                raise UnknownExerciseError(
                    f"{exercise_id} is a question that a person grades: nothing checks or hints it."
                )
        if not isinstance(exercise_id, str):
            raise UnknownExerciseError(
                f'{exercise_id!r} is no text: put the number between quotation marks, "3.1".'
            )
        ends = [f"{n.exercises[0].id} to {n.exercises[-1].id}" for n in self.notebooks]
        raise UnknownExerciseError(
            f"There is no exercise {exercise_id!r}; there are {', '.join(ends)}."
        )
