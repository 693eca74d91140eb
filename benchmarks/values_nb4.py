"""What notebook 4's text quotes of `benchmarks.lessons_nb4`: means, deviations, one table."""

import math
import statistics
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.figures import Values, percent, three
from benchmarks.lessons_nb4 import DIGIT, MORE_RUNS, RUNS

Lessons = Mapping[str, Any]

# The experiments by the names that they have in the text.
EXPERIMENTS = {
    "8 against 3, flip": "pair_flip_8",
    "3 against 8, flip": "pair_flip_3",
    "8 against 3, move right": "pair_right",
    "8 against 3, move down": "pair_down",
}
EFFECTS = ("turns", "flip", "blur", "sharpen", "gamma")
METHODS = {"dirichlet": "this detector", "simplified": "the same, simplified score",
           "pca": "principal components", "svm": "OC-SVM, defaults"}  # fmt: skip


def lesson_values(lessons: Lessons) -> Values:
    """Quote all that was measured."""
    return (
        _protocol_values(lessons)
        | _grid_values(lessons)
        | _classifier_values(lessons)
        | _pair_values(lessons)
        | _effect_values(lessons)
        | _wrong_values(lessons)
        | _rest_values(lessons)
    )


def runs_of_pairs(lessons: Lessons, what: str) -> dict[str, list[float]]:
    """Return a number of each run of each of the paper's experiments."""
    return {name: [lessons[f"pairs {seed}"][name][what] for seed in RUNS] for name in EXPERIMENTS}


def by_digit(lessons: Lessons) -> dict[str, list[list[float]]]:
    """Return the AUROCs of each method: one list per digit, of one run or of five."""
    found: dict[str, list[list[float]]] = {
        score: [
            [lessons[f"protocol {digit} {seed}"][score] for seed in _seeds(digit)]
            for digit in range(10)
        ]
        for score in ("dirichlet", "simplified")
    }
    found["pca"] = [[lessons[f"pca {digit}"]] for digit in range(10)]
    found["svm"] = [[lessons[f"svm {digit}"]["default"]] for digit in range(10)]
    return found


def protocol_table(lessons: Lessons) -> str:
    """Return the AUROC of each method and digit as a Markdown table."""
    methods = by_digit(lessons)
    lines = [_line(["normal", *METHODS.values()]), _line(["---"] * (len(METHODS) + 1))]
    for digit in range(10):
        lines.append(_line([str(digit), *(_mean_sd(methods[name][digit]) for name in METHODS)]))
    means = [three(statistics.mean(_means(methods[name]))) for name in METHODS]
    return "\n".join([*lines, _line(["mean", *means])])


def _protocol_values(lessons: Lessons) -> Values:
    methods = {name: _means(rows) for name, rows in by_digit(lessons).items()}
    ours = methods["dirichlet"]
    values = {"protocol_table": protocol_table(lessons)}
    for name, means in methods.items():
        values[f"protocol_{name}"] = three(statistics.mean(means))
        values[f"protocol_{name}_low"] = three(min(means))
        values[f"protocol_{name}_low_digit"] = str(means.index(min(means)))
        values[f"protocol_{name}_high"] = three(max(means))
        values[f"protocol_{name}_high_digit"] = str(means.index(max(means)))
        if name != "dirichlet":
            ahead = [digit for digit in range(10) if means[digit] > ours[digit]]
            values[f"protocol_{name}_leads"] = str(len(ahead))
            values[f"protocol_{name}_leads_digits"] = _listed(ahead)
    for digit in MORE_RUNS:
        for name in ("dirichlet", "simplified"):
            runs = by_digit(lessons)[name][digit]
            values[f"protocol_{name}_{digit}"] = three(statistics.mean(runs))
            values[f"protocol_{name}_{digit}_sd"] = three(statistics.stdev(runs))
    values["protocol_pca_8"], values["protocol_svm_8"] = (
        three(methods["pca"][8]),
        three(methods["svm"][8]),
    )
    values["protocol_pca_1"] = three(methods["pca"][1])
    return values


def _grid_values(lessons: Lessons) -> Values:
    """Quote the grid of support vector machines: means over digits, and digit 8."""
    grid = [lessons[f"svm {digit}"] for digit in range(10)]
    values: Values = {}
    for name in ("best", "default", "median", "worst"):
        values[f"svm_{name}"] = three(statistics.mean(row[name] for row in grid))
        values[f"svm_{name}_8"] = three(grid[DIGIT][name])
    gains = [100 * (row["best"] - row["default"]) for row in grid]
    return values | {
        "grid_count": f"{grid[0]['count']:.0f}",
        "svm_gain": f"{statistics.mean(gains):.1f}",
        "svm_gain_low": f"{min(gains):.1f}",
        "svm_gain_high": f"{max(gains):.1f}",
    }


def _classifier_values(lessons: Lessons) -> Values:
    """Quote how often the network names the transformation, and what it mistakes it for."""
    rows = [lessons[f"protocol {digit} 0"] for digit in range(10)]
    values: Values = {}
    for digit, row in enumerate(rows):
        values[f"right_train_{digit}"] = percent(row["right x_train"])
        values[f"right_val_{digit}"] = percent(row["right x_val"])
        values[f"half_turn_{digit}"] = percent(row["half_turn"])
        values[f"turned_apart_{digit}"] = three(lessons["twins"]["half turn"][digit])
        values[f"flipped_apart_{digit}"] = three(lessons["twins"]["flip"][digit])
    right, counts = [row["right x_val"] for row in rows], lessons["twins"]["count"]
    return values | {
        "right_val_low": percent(min(right)),
        "right_val_low_digit": str(right.index(min(right))),
        "right_val_high": percent(max(right)),
        "right_val_high_digit": str(right.index(max(right))),
        **{f"twins_{digit}": str(count) for digit, count in enumerate(counts)},
        "twins_none": _listed([digit for digit, count in enumerate(counts) if not count]),
    }


def _pair_values(lessons: Lessons) -> Values:
    runs, simple = runs_of_pairs(lessons, "dirichlet"), runs_of_pairs(lessons, "simplified")
    right = runs_of_pairs(lessons, "right")
    values = {"pair_epochs": str(lessons["pair_epochs"])}
    for name, short in EXPERIMENTS.items():
        values[short] = three(statistics.mean(runs[name]))
        values[f"{short}_sd"] = three(statistics.stdev(runs[name]))
        values[f"{short}_sem"] = three(statistics.stdev(runs[name]) / math.sqrt(len(RUNS)))
        values[f"{short}_low"] = three(min(runs[name]))
        values[f"{short}_high"] = three(max(runs[name]))
        values[f"{short}_simplified"] = three(statistics.mean(simple[name]))
        values[f"{short}_right"] = percent(statistics.mean(right[name]))
    return values


def _effect_values(lessons: Lessons) -> Values:
    runs = {name: [lessons[f"effects {seed}"][name] for seed in RUNS] for name in EFFECTS}
    spread = {name: statistics.stdev(of_seeds) for name, of_seeds in runs.items()}
    values = {f"effect_{name}": three(statistics.mean(row)) for name, row in runs.items()}
    values |= {f"effect_{name}_sd": three(sd) for name, sd in spread.items()}
    for name in EFFECTS[1:]:  # seed by seed, against the turns alone
        better = sum(more > turns for more, turns in zip(runs[name], runs["turns"], strict=True))
        values[f"effect_{name}_better"] = str(better)
    return values | {
        "effect_sd_low": three(min(spread.values())),
        "effect_sd_high": three(max(spread.values())),
    }


def _wrong_values(lessons: Lessons) -> Values:
    """Quote five runs each of detectors that learnt nothing, or all ten digits."""
    columns = {
        "untrained_own": ("untrained", "own dirichlet"),
        "untrained_own_simplified": ("untrained", "own simplified"),
        "untrained_72": ("untrained", "72 dirichlet"),
        "untrained_72_simplified": ("untrained", "72 simplified"),
        "untrained_one": ("untrained_one", "own dirichlet"),
        "untrained_one_simplified": ("untrained_one", "own simplified"),
        "untrained_one_72": ("untrained_one", "72 dirichlet"),
        "all_digits_8": ("all_digits", "dirichlet"),
        "all_digits_8_simplified": ("all_digits", "simplified"),
    }
    values: Values = {}
    for name, (lesson, column) in columns.items():
        runs = [lessons[f"{lesson} {seed}"][column] for seed in RUNS]
        values[name] = three(statistics.mean(runs))
        values[f"{name}_sd"] = three(statistics.stdev(runs))
        values[f"{name}_low"], values[f"{name}_high"] = three(min(runs)), three(max(runs))
    return values


def _rest_values(lessons: Lessons) -> Values:
    """Quote the fixed point, the ascent, and what things cost."""
    values: Values = {}
    for steps, (settled, area) in lessons["fixed_points"].items():
        values[f"settled_{steps}"] = str(settled)
        values[f"settled_auroc_{steps}"] = three(area)
    changed = lessons["ascent"]
    for name in ("zeros", "threes"):
        values[f"ascent_{name}_before"] = f"{changed[f'{name} before']:.1f}"
        values[f"ascent_{name}_after"] = f"{changed[f'{name} after']:.1f}"
        values[f"ascent_{name}_lower"] = f"{changed[f'{name} lower']:.0f}"
        values[f"ascent_{name}_changed"] = three(changed[f"{name} changed"])
        values[f"ascent_exam_{name}"] = f"{changed[f'exam {name}']:.1f}"
    values["ascent_exam_threes_median"] = f"{changed['exam threes, median']:.1f}"
    values["ascent_exam_threes_above"] = percent(changed["exam threes above"])
    speed, estimate = lessons["speed"], lessons["estimate"]
    return values | {
        "speed": _about(speed["ratio"]),
        "speed_at_once": f"{speed['at_once_s']:.2f}",
        "speed_one_at_a_time": f"{speed['one_at_a_time_s']:.1f}",
        "speed_mb": f"{speed['peak_mb']:.0f}",
        "estimate_seconds": f"{estimate['cpu_s']:.0f}",
        "estimate_settled": f"{estimate['settled']:.0f}",
    }


def two_heads_values(runs: list[Mapping[str, Any]]) -> Values:
    """Quote `benchmarks.two_heads`: what each score is worth on both kinds of outsiders."""
    values: Values = {}
    for outsiders in ("clothes", "digit"):
        for name in runs[0][outsiders]:
            short = f"two_{outsiders}_{name.replace(', ', '_').replace(' ', '_')}"
            for column in ("auroc", "ap_in", "ap_out"):
                found = [run[outsiders][name][column] for run in runs]
                values[f"{short}_{column}"] = three(statistics.mean(found))
                values[f"{short}_{column}_sd"] = three(statistics.stdev(found))
    for name in ("two heads", "plain classifier"):
        right = statistics.mean(run[f"accuracy, {name}"] for run in runs)
        values[f"two_right_{name.replace(' ', '_')}"] = percent(right)
    return values


def _seeds(digit: int) -> Iterable[int]:
    return RUNS if digit in MORE_RUNS else RUNS[:1]


def _means(rows: list[list[float]]) -> list[float]:
    return [statistics.mean(row) for row in rows]


def _mean_sd(runs: list[float]) -> str:
    mean = three(statistics.mean(runs))
    return f"{mean} ({three(statistics.stdev(runs))})" if len(runs) > 1 else mean


def _about(number: float) -> str:
    """Write a number that differs from machine to machine: one digit, and zeros.

    Examples
    --------
    >>> _about(174.2)
    '200'
    """
    return f"{float(f'{number:.1g}'):.0f}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _listed(digits: list[int]) -> str:
    words = [str(digit) for digit in digits]
    return (
        f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words) or "none"
    )
