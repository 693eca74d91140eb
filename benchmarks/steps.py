"""The steps of exercise 1.6, and what known scores reach on the hidden copies."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.calibration import exam_images
from benchmarks.course_parts import write_part
from data_utils.baselines import MeanImage
from data_utils.datasets import load_mnist
from data_utils.images import box_blur
from data_utils.metrics import auroc
from grader.hidden.nb1_reference import (
    blurred_errors,
    exam_copies,
    relative_errors,
    squared_errors,
)

COMMAND = "python -m benchmarks.prepare_nb1"
INKY = (0, 2, 3, 4, 5, 6, 8)  # not 1 and 7, where ink alone decides; 9 for the last two steps
DIGITS = (*INKY, 9)
# Digits of each step, and the AUROC asked for, on the hidden copies and on those of the visible
# check, which are chosen to be as hard. Between a step and every known score lie at least `GAP`;
# the copies are fixed files, and moving a pair changes its score in the fourth digit only.
STEPS = ((INKY, 0.82), (INKY, 0.875), ((9,), 0.70), (DIGITS, 0.868))
GAP = 0.002
WORST_PLACES = 40
Score = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _ink(images: np.ndarray) -> np.ndarray:
    ink: np.ndarray = squared_errors(images, np.zeros_like(images))
    return ink


def _difference(images: np.ndarray, copies: np.ndarray) -> np.ndarray:
    difference: np.ndarray = images.astype(float) - copies
    return difference


def _worst_places(images: np.ndarray, copies: np.ndarray) -> np.ndarray:
    squares = box_blur(_difference(images, copies)).reshape(len(images), -1) ** 2
    worst: np.ndarray = np.sort(squares)[:, -WORST_PLACES:].mean(axis=1)
    return worst / np.sqrt(_ink(images))


KNOWN: dict[str, Score] = {
    "largest difference": lambda x, r: np.abs(_difference(x, r)).max(axis=(1, 2)),
    "squared": squared_errors,
    "relative": relative_errors,
    "root of ink": lambda x, r: squared_errors(x, r) / np.sqrt(_ink(x)),
    "blurred, relative": blurred_errors,
    "blurred, root of ink": lambda x, r: blurred_errors(x, r) * np.sqrt(_ink(x)),
    "worst places": _worst_places,
}
"""Scores of images and copies, both uint8 (n, 28, 28), from the plainest on."""


def reached_by(score: Score, sets: dict[int, tuple[np.ndarray, ...]]) -> dict[int, float]:
    """Return the AUROC of a score for each digit."""
    return {digit: auroc(*_parts(score(x, r), y)) for digit, (x, r, y) in sets.items()}


def table() -> dict[str, dict[int, float]]:
    """Return the AUROCs of all known scores, and of two detectors that learnt no digit."""
    sets = exam_copies(exam_images())
    mean = MeanImage(load_mnist("embedded").images)
    grey = {digit: (x, np.full_like(x, 128), y) for digit, (x, _, y) in sets.items()}
    means = {digit: (x, mean.reconstruct(x), y) for digit, (x, _, y) in sets.items()}
    rows = {name: reached_by(score, sets) for name, score in KNOWN.items()}
    rows["blurred, of grey copies"] = reached_by(blurred_errors, grey)
    rows["blurred, of the mean image"] = reached_by(blurred_errors, means)
    return rows


def write_steps(path: Path) -> None:
    """Write the steps into course.toml, and say which scores reach which step."""
    rows = table()
    blocks: list[str] = []
    for number, (digits, wanted) in enumerate(STEPS, 1):
        means = {
            name: float(np.mean([reached[digit] for digit in digits]))
            for name, reached in rows.items()
        }
        close = [name for name, mean in means.items() if abs(mean - wanted) < GAP]
        if close:
            print(f"step {number}: {close} lie within {GAP} of {wanted}: {means}")
        values = ", ".join(f'"{name}" = {mean:.3f}' for name, mean in means.items())
        blocks += [""] if blocks else []
        blocks += ["[[notebooks.steps]]", 'exercise = "1.6"', f"number = {number}",
                   f"digits = {list(digits)}", f"auroc = {wanted}",
                   f"reached = {{ {values} }}"]  # fmt: skip
        print(number, wanted, {name: round(mean, 3) for name, mean in means.items()})
    write_part(path, "nb1_autoencoder", COMMAND, blocks)


def _parts(scores: np.ndarray, is_anomaly: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return scores[~is_anomaly], scores[is_anomaly]
