"""Turn a table of seeded runs into floors, and write both into course.toml."""

import math
import statistics
from pathlib import Path
from typing import Any

from grader.files import write_atomically

MARK = "# ---- written by `make calibrate`; do not edit below this line ----"
GAP = 0.05  # AUROC between a floor and the best wrong detector; less is no gap but luck
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
    least = max(0.5, wrong[worst]) + GAP
    for passing, remark in (
        (honest, ""),
        (designs, f"asks for more than {plainest}, which is not clearly above {worst}"),
    ):
        lowest = min(seen[design][0] - 3 * seen[design][1] for design in passing)
        floor = math.floor(round(100 * lowest, 6)) / 100
        if floor >= least:
            return floor, remark
    return None, f"no floor: {floor:.2f} is not clearly above {worst} ({wrong[worst]:.2f})"


def write_floors(
    path: Path, done: list[dict[str, Any]], code: str, designs: tuple[str, ...], plainest: str
) -> None:
    """Replace what stands below `MARK` in course.toml."""
    settings = sorted({(row["profile"], row["digit"]) for row in done}, reverse=True)
    blocks = [MARK, "[notebooks.calibration]",
              'command = "python -m benchmarks.calibrate"',
              'images = "exam, 2,000 of MNIST\'s official test set; fitted on training images"',
              f'code = "{code}"']  # fmt: skip
    for profile, digit in settings:
        rows: dict[str, list[float]] = {}
        for row in done:
            if (row["profile"], row["digit"]) == (profile, digit):
                rows.setdefault(row["row"], []).append(row["auroc"])
        complete = all(len(values) >= SEEDS_NEEDED for values in rows.values())
        if not complete or not {*designs, plainest} < set(rows):
            continue  # still running, or a digit for which only the solution is measured
        floor, note = floor_of(rows, designs, plainest)
        blocks += ["", "[[notebooks.floors]]", f'profile = "{profile}"', 'device = "cpu"',
                   f"digit = {digit}"]  # fmt: skip
        blocks += [f"auroc = {floor}"] if floor is not None else []
        blocks += [f'note = "{note}"'] if note else []
        blocks.append("table = [")
        for name, values in rows.items():
            blocks.append(
                f'    {{ design = "{name}", mean = {statistics.mean(values):.3f}, '
                f"sd = {statistics.stdev(values):.3f}, seeds = {len(values)} }},"
            )
        blocks.append("]")
    text = path.read_text(encoding="utf-8").split(MARK)[0].rstrip("\n")
    write_atomically(path, (text + "\n\n" + "\n".join(blocks) + "\n").encode())
