"""Put the ways of notebook 3 side by side: the collapse, the leak, and what is honest.

    python -m benchmarks.ways_nb3

Reads `results/nb3_lessons.json` and `results/nb3_floors.jsonl` and writes `results/nb3_ways.md`: a
table of ten seeds each, digit 9 the anomaly, profile embedded.
"""

import json
import statistics
from collections.abc import Sequence

from benchmarks.calibrate import measured_rows
from benchmarks.calibrate_nb3 import NB3
from benchmarks.calibration import rows_of
from benchmarks.lessons_nb3 import COUNTS, DIGIT, FROZEN, NOTEBOOK, PROFILE, RESULTS, SEEDS
from benchmarks.masters import results_path
from grader.files import write_atomically

FILE = results_path(NOTEBOOK, "ways.md")
HEAD = """\
Ten seeds each, digit 9 the anomaly, profile `embedded`, EfficientNet-Lite0 at 32 pixels. Judged on
the exam, but for the first two rows, whose mistake is shown as the notebook shows it: on the
learner's own 450 normal images and 450 nines. Written by `python -m benchmarks.ways_nb3`.

| way | labelled nines | mean AUROC | sd | lowest | highest |
|---|---|---|---|---|---|
"""


def rows() -> list[tuple[str, int, list[float]]]:
    """Return each way: its name, how many labelled anomalies it sees, and its AUROCs."""
    lessons = json.loads(RESULTS.read_text())
    measured = rows_of(measured_rows(NOTEBOOK, NB3.code()), "")

    def of_lesson(name: str, column: str) -> list[float]:
        return [lessons[name.format(seed)][column] for seed in SEEDS]

    def of_row(name: str) -> list[float]:
        wanted = (name, PROFILE, DIGIT)
        return [r["auroc"] for r in measured if (r["row"], r["profile"], r["digit"]) == wanted]

    few, tuned = "few_labels {} {{}}", "tuned {} {{}}"
    found = [
        ("one label (3.5): the collapse", 0, of_lesson("one_label {}", "auroc")),
        ("the same, scaled by all images (3.6): the leak", 0, of_lesson("one_label {}", "leak")),
        ("three nearest neighbours, pixels", 0, of_row("pixels")),
        ("three nearest neighbours, random weights", 0, of_row("untrained")),
        ("three nearest neighbours, last stage", 0, of_row("last_layer")),
        ("three nearest neighbours, middle stage (3.9)", 0, of_row("solution")),
        ("the same, nines in the bank", 0, of_row("leaked")),
        ("nearest neighbour, middle stage", 0, of_row("plain_design")),
        ("two stages side by side, five neighbours", 0, of_row("stacked_design")),
        ("one Gaussian (3.8)", 0, of_row("gaussian")),
        ("nine Gaussians, of 1,000 images", 0, of_lesson("banks {}", "few mixture")),
        *(("head on the middle stage (3.10)", count, of_lesson(few.format(count), "auroc"))
          for count in COUNTS),
        *((f"tuned, {stages} stages frozen (3.11)", 20, of_lesson(tuned.format(stages), "auroc"))
          for stages in FROZEN),
    ]  # fmt: skip
    return found


def line(name: str, labelled: int, values: Sequence[float]) -> str:
    """Return one row of the table."""
    numbers = (statistics.mean(values), statistics.stdev(values), min(values), max(values))
    return f"| {name} | {labelled} | " + " | ".join(f"{n:.3f}" for n in numbers) + " |\n"


def main() -> None:
    """Write the table."""
    text = HEAD + "".join(line(*row) for row in rows())
    write_atomically(FILE, text.encode())
    print(text)


if __name__ == "__main__":
    main()
