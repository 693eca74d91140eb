"""What a master's text leaves to the build: cards, hints, rubrics, and numbers from runs.

``{card 1.1}``      points, minutes, difficulty and lines of an exercise or question
``{hint 1.1 2}``    a hint
``{rubric 1.7}``    what earns the points of a question, as a list
``{points}``        the notebook's points in all
``{minutes}``       the minutes of all its exercises and questions
``{step 2}``        the AUROC that a step of an exercise asks for
``{floor quick 9}`` the AUROC that a detector must reach: profile, digit, and the exercise where a
                    floor is that exercise's own
``{run name}``      a number that a benchmark measured: `benchmarks/results/NOTEBOOK_prose.json`
"""

import html
import json
import re
from collections.abc import Mapping
from pathlib import Path

from data_utils.course import Notebook, Question
from data_utils.errors import UnknownExerciseError
from grader.errors import BuildError

_PLACEHOLDER = re.compile(r"\{(card|hint|rubric|points|minutes|step|floor|run)((?: [\w.]+)*)\}")
_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
LEAST_ALT_TEXT = 30  # characters: an alternative text is a sentence about what the figure shows


def run_values(root: Path, notebook_id: str) -> dict[str, str]:
    """Read the measured numbers that a notebook's text may quote; none if nothing was measured."""
    path = root / "benchmarks" / "results" / f"{notebook_id}_prose.json"
    if not path.is_file():
        return {}
    values: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))["values"]
    return values


def filled(text: str, notebook: Notebook, values: Mapping[str, str]) -> str:
    """Return a text with its placeholders filled in.

    Raises
    ------
    BuildError
        If it asks for an exercise, a hint or a number that does not exist.
    """

    def value_of(found: re.Match[str]) -> str:
        kind, words = found[1], found[2].split()
        try:
            return _value(kind, words, notebook, values)
        except (KeyError, IndexError, ValueError, UnknownExerciseError) as error:
            raise BuildError(
                f"{notebook.id} asks for {found[0]}, which nobody can fill in ({error}). A {{run}} "
                "is measured by: make figures"
            ) from error

    return _PLACEHOLDER.sub(value_of, text)


def figures_of(texts: list[str], notebook_id: str) -> set[str]:
    """Return the file names of the figures that a notebook's texts show.

    Raises
    ------
    BuildError
        If one has no alternative text that says what it shows.
    """
    names = set()
    for alt, target in (found for text in texts for found in _IMAGE.findall(text)):
        if len(alt) < LEAST_ALT_TEXT:
            raise BuildError(f"{notebook_id}: {target} needs an alternative text in a sentence.")
        names.add(target.removeprefix("figures/"))
    return names


def _value(kind: str, words: list[str], notebook: Notebook, values: Mapping[str, str]) -> str:
    if kind == "run":
        return values[words[0]]
    if kind == "step":
        return f"{notebook.steps[int(words[0]) - 1].auroc:.3f}"
    if kind == "floor":
        return _floor(notebook, words[0], int(words[1]), *words[2:])
    if kind == "points":
        return str(notebook.points + notebook.points_by_hand)
    if kind == "minutes":
        by_hand = sum(question.minutes for question in notebook.questions)
        return str(by_hand + sum(exercise.minutes for exercise in notebook.exercises))
    if kind == "rubric":
        return "\n".join(f"- {line}" for line in notebook.question(words[0]).rubric)
    if kind == "hint":  # stands in a folded block, where Markdown is not read and HTML is
        hints = notebook.exercise(words[0]).hints
        return html.escape(hints[int(words[1]) - 1], quote=False)
    return _card(words[0], notebook)


def _floor(notebook: Notebook, profile: str, digit: int, exercise: str = "") -> str:
    """Return the published floor on a processor, that of the first network that has one."""
    wanted = (profile, "cpu", digit, exercise)
    for floor in notebook.floors:
        if (floor.profile, floor.device, floor.digit, floor.exercise) == wanted and floor.auroc:
            return f"{floor.auroc:.2f}"
    raise KeyError(f"no floor for {' '.join(map(str, wanted))}")


def _card(item_id: str, notebook: Notebook) -> str:
    if any(question.id == item_id for question in notebook.questions):
        question: Question = notebook.question(item_id)
        return (
            f"> **Question {question.id}** | {question.points} points, graded by hand | about "
            f"{question.minutes} minutes"
        )
    exercise = notebook.exercise(item_id)
    lines = "1 line" if exercise.lines == 1 else f"{exercise.lines} lines"
    return (
        f"> **Exercise {exercise.id}** | {exercise.points} points | about {exercise.minutes} "
        f"minutes | difficulty {exercise.difficulty} of 5 | about {lines}"
    )
