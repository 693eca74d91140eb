"""What somebody should look at because it is too good, or because data lies where code should.

No flag changes points. `grader.grading` adds those that tell of the grader's own trouble.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from data_utils.course import Floor, Notebook
from data_utils.statements import parsed
from grader.examination import Settings
from grader.judging.words import title_of
from grader.submissions import Submission

REFIT_PROFILE = "quick"
# Above the solution's ten-seed mean by more than this is worth a look: it may have seen the digit.
MUCH_BETTER = 0.10
SPREAD = 3  # standard deviations that a design's best seed may lie above its mean
HALF = 0.5  # of what the best calibrated design lacks to 1: nobody came nearer without a look-up
PERFECT = 0.9995  # where the best design may reach 1, a score without an error is flagged still
# Characters of strings and numbers. The solutions' cells hold 270 at most, all honest designs less.
CELL_DATA = 3_000
ALL_DATA = 10_000  # a table that is dealt out to many cells
CELL_LENGTH = 20_000  # of a whole cell, in which names and comments can hold data too


def too_good(notebook: Notebook, settings: Settings, facts: Mapping[str, float]) -> Iterator[str]:
    """Name every measured AUROC that lies above what honest work reaches.

    Parameters
    ----------
    notebook : Notebook
    settings : Settings
    facts : mapping of str to float
        What the hidden checks measured: ``auroc_exam_9`` of the run, ``auroc_refit_2`` and
        ``auroc_few_9`` of fits made by the grader, ``auroc_step_1``.

    Yields
    ------
    str
    """
    for name, reached in facts.items():
        kind, _, number = name.removeprefix("auroc_").rpartition("_")
        if not (name.startswith("auroc_") and kind in _PLACES and number.isdigit()):
            continue  # such as the untrained copy's
        known, most = _known(notebook, settings, kind, int(number))
        limit = min(known + MUCH_BETTER, 1 - HALF * (1 - most), PERFECT)
        if reached > limit:
            yield (
                f"AUROC {reached:.3f} {_PLACES[kind].format(number)}, where the solution reaches "
                f"{known:.3f} and no honest design more than {most:.3f}: did it see anomalies "
                "while it was trained, or look the images up?"
            )


_PLACES = {
    "exam": "on the exam",
    "second": "on the exam, in a second training",
    "refit": "on the exam of a re-fit with digit {}",
    "few": "on the exam of a fit with labels of digit {}",
    "step": "in step {} of the score's exercise",
}
_EXERCISE_OF = {"few": "3.10"}  # whose floor it is; the notebook's own detector else


def _known(notebook: Notebook, settings: Settings, kind: str, number: int) -> tuple[float, float]:
    """Return the solution's mean AUROC and the highest of any honest design; ones if unknown."""
    if kind == "step":
        reached = [s.reached for s in notebook.steps if s.number == number]
        return (max(reached[0].values()),) * 2 if reached else (1.0, 1.0)
    profile = settings.profile if kind in ("exam", "second") else REFIT_PROFILE
    floor = notebook.floor(
        profile,
        settings.device,
        number,
        backbone=settings.backbone,
        exercise=_EXERCISE_OF.get(kind, ""),
    )
    known = floor.mean_of("solution") if floor else None
    return (1.0, 1.0) if floor is None or known is None else (known, _most(floor))


def _most(floor: Floor) -> float:
    return min(1.0, max(row.mean + SPREAD * row.sd for row in floor.table))


def literal_data(submission: Submission) -> Iterator[str]:
    """Name cells of the student's that hold more data than any answer needs.

    Yields
    ------
    str
    """
    own = [cell for cell in submission.cells if cell.role in ("answer", "added")]
    sizes = {place: data_characters(cell.source) for place, cell in enumerate(own)}
    for place, size in sizes.items():
        if size > CELL_DATA:
            yield (
                f"{title_of(own[place])} holds {size:,} characters of data among "
                f"{len(own[place].source):,}: is it a table in which something is looked up?"
            )
    if sum(sizes.values()) > ALL_DATA and max(sizes.values()) <= CELL_DATA:
        yield (
            f"the cells hold {sum(sizes.values()):,} characters of data together: are they a table "
            "in which something is looked up?"
        )


def data_characters(source: str) -> int:
    """Count the characters of strings, bytes and numbers in a cell; of a very long one, all.

    Examples
    --------
    >>> data_characters("table = {'a': 1.5}")
    4
    """
    if len(source) > CELL_LENGTH:
        return len(source)
    nodes = (node for statement in parsed(source) for node in ast.walk(statement))
    values = (node.value for node in nodes if isinstance(node, ast.Constant))
    return sum(len(v) if isinstance(v, str | bytes) else _digits(v) for v in values)


def _digits(value: object) -> int:
    """Count the digits of a number; a whole one may be longer than Python prints."""
    return value.bit_length() // 3 + 1 if isinstance(value, int) else len(repr(value))
