"""Turn a table of seeded runs into floors, and write both into course.toml."""

import math
import statistics
from pathlib import Path
from typing import Any

from benchmarks.calibration import Calibration, rows_of
from benchmarks.course_parts import write_part

COMMAND = "make calibrate"
# AUROC between a floor and the best wrong detector; less is no gap but luck. A floor that an honest
# design does not reach has to be worth more.
GAP, GAP_WITHOUT_PLAINEST = 0.04, 0.05
SEEDS_NEEDED = 10


def floor_of(
    rows: dict[str, list[float]], designs: tuple[str, ...], plainest: str
) -> tuple[float | None, str]:
    """Return the floor for one setting and a remark on it.

    Parameters
    ----------
    rows : dict
        AUROCs over seeds: one list for each honest design, one for each wrong detector.
    designs : tuple of str
        The honest designs that every floor must let pass.
    plainest : str
        One more honest design, which a floor lets pass where that leaves a floor at all.

    Returns
    -------
    float or None
        The lowest of the designs' mean - 3 sd, rounded down; None where that is not clearly above
        chance and above every wrong detector's mean + 3 sd.
    str
        A sentence for the table, or an empty string.
    """
    honest = (*designs, plainest)
    # Of the numbers that the table shows, so that whoever reads it can work the floor out again.
    seen = {
        name: (round(statistics.mean(values), 3), round(statistics.stdev(values), 3))
        for name, values in rows.items()
    }
    wrong = {name: mean + 3 * sd for name, (mean, sd) in seen.items() if name not in honest}
    worst = max(wrong, key=lambda name: wrong[name])
    remark = f"asks for more than {plainest}, which is not clearly above {worst}"
    for passing, gap, note in ((honest, GAP, ""), (designs, GAP_WITHOUT_PLAINEST, remark)):
        lowest = min(seen[design][0] - 3 * seen[design][1] for design in passing)
        floor = math.floor(round(100 * lowest, 6)) / 100
        if floor >= max(0.5, wrong[worst]) + gap:
            return floor, note
    return None, f"no floor: {floor:.2f} is not clearly above {worst} ({wrong[worst]:.2f})"


def write_floors(
    path: Path, calibration: Calibration, done: list[dict[str, Any]], code: str
) -> None:
    """Write the floors of a notebook, and their tables, into its part of course.toml.

    Parameters
    ----------
    path : Path
        Of course.toml.
    calibration : Calibration
    done : list of dict
        All measured rows of the code whose hash is `code`.
    code : str
    """
    lines = ["[notebooks.calibration]",
             'command = "python -m benchmarks.calibrate"',
             'images = "exam, 2,000 of MNIST\'s official test set; fitted on training images"',
             f'code = "{code}"']  # fmt: skip
    for table in calibration.tables:
        lines += _floors_of(table, rows_of(done, table.exercise))
    write_part(path, calibration.notebook, COMMAND, lines)


def _floors_of(calibration: Calibration, done: list[dict[str, Any]]) -> list[str]:
    """Return the floors of one function, in all settings that were measured to the end."""
    lines = []
    settings = sorted({(row["profile"], row["digit"]) for row in done}, reverse=True)
    for profile, digit in settings:
        rows: dict[str, list[float]] = {}
        for row in (row for row in done if row["row"] not in calibration.beside):
            if (row["profile"], row["digit"]) == (profile, digit):
                rows.setdefault(row["row"], []).append(row["auroc"])
        complete = all(len(values) >= SEEDS_NEEDED for values in rows.values())
        if complete and set(calibration.honest) < set(rows):
            lines += _floor_lines(profile, digit, rows, calibration)
        # Else it is still running, or a digit for which only the solution is measured.
    return lines


def _floor_lines(
    profile: str, digit: int, rows: dict[str, list[float]], calibration: Calibration
) -> list[str]:
    """Return one floor and its table as lines of TOML."""
    floor, note = floor_of(rows, calibration.designs, calibration.plainest)
    lines = ["", "[[notebooks.floors]]", f'profile = "{profile}"', 'device = "cpu"',
             f"digit = {digit}"]  # fmt: skip
    lines += [f'backbone = "{calibration.backbone}"'] if calibration.backbone else []
    lines += [f'exercise = "{calibration.exercise}"'] if calibration.exercise else []
    lines += [f"auroc = {floor}"] if floor is not None else []
    lines += [f'note = "{note}"'] if note else []
    lines.append("table = [")
    for name, values in rows.items():
        lines.append(
            f'    {{ design = "{name}", mean = {statistics.mean(values):.3f}, '
            f"sd = {statistics.stdev(values):.3f}, seeds = {len(values)} }},"
        )
    return [*lines, "]"]
