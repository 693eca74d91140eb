"""Turn a table of seeded runs into floors, and write both into course.toml."""

import math
import statistics
from pathlib import Path
from typing import Any

from grader.files import write_atomically

MARK = "# ---- written by `make calibrate`; do not edit below this line ----"
GAP = 0.05  # AUROC between a floor and the best wrong detector; less is no gap but luck
SEEDS_NEEDED = 10


def floor_of(rows: dict[str, list[float]], designs: tuple[str, ...]) -> tuple[float | None, str]:
    """Return the floor for one setting and why it is that.

    Parameters
    ----------
    rows : dict
        AUROCs over seeds: one list for each honest design, one for each wrong detector.
    designs : tuple of str
        Which of the rows are honest.

    Returns
    -------
    float or None
        The lowest of the designs' mean - 3 sd, rounded down; None where that is not clearly above
        chance and above every wrong detector's mean + 3 sd.
    str
        A sentence for the table.
    """
    honest = math.floor(
        100 * min(statistics.mean(rows[d]) - 3 * statistics.stdev(rows[d]) for d in designs)
    )
    wrong = {
        name: statistics.mean(values) + 3 * statistics.stdev(values)
        for name, values in rows.items()
        if name not in designs
    }
    worst = max(wrong, key=lambda name: wrong[name])
    if honest / 100 < max(0.5, wrong[worst]) + GAP:
        return (
            None,
            f"no floor: {honest / 100:.2f} is not clearly above {worst} ({wrong[worst]:.2f})",
        )
    return honest / 100, ""


def write_floors(
    path: Path, done: list[dict[str, Any]], code: str, designs: tuple[str, ...]
) -> None:
    """Replace what stands below `MARK` in course.toml."""
    settings = sorted({(row["profile"], row["digit"]) for row in done}, reverse=True)
    blocks = [MARK, "[notebooks.calibration]",
              'command = "python -m benchmarks.calibrate"',
              'images = "exam, 2,000 of MNIST\'s official test set; fitted on the embedded 5,000"',
              f'code = "{code}"']  # fmt: skip
    for profile, digit in settings:
        rows: dict[str, list[float]] = {}
        for row in done:
            if (row["profile"], row["digit"]) == (profile, digit):
                rows.setdefault(row["row"], []).append(row["auroc"])
        if any(len(values) < SEEDS_NEEDED for values in rows.values()):
            continue
        floor, note = floor_of(rows, designs)
        blocks += ["", "[[notebooks.floors]]", f'profile = "{profile}"', 'device = "cpu"',
                   f"anomaly_digit = {digit}"]  # fmt: skip
        blocks += [f"auroc = {floor}"] if floor is not None else [f'note = "{note}"']
        blocks.append("table = [")
        for name, values in rows.items():
            blocks.append(
                f'    {{ design = "{name}", mean = {statistics.mean(values):.3f}, '
                f"sd = {statistics.stdev(values):.3f}, seeds = {len(values)} }},"
            )
        blocks.append("]")
    text = path.read_text(encoding="utf-8").split(MARK)[0].rstrip("\n")
    write_atomically(path, (text + "\n\n" + "\n".join(blocks) + "\n").encode())
