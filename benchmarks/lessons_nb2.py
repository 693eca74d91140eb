"""Measure what notebook 2 says about GANs: the discriminator alone, the search, every digit.

    python -m benchmarks.lessons_nb2

About twenty CPU minutes; a run that was stopped goes on where it was. The results go to
`results/nb2_lessons.json`; `benchmarks.figures_nb2` turns them into figures and into the numbers
that the notebook's text quotes. All are judged on the learner's own test and anomaly sets, but for
the digits, which are compared with the baselines on the exam.
"""

import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.calibration import exam_images
from benchmarks.lessons import measure_missing
from benchmarks.masters import design_namespace, results_path
from data_utils.baselines import NearestImage, PrincipalComponents
from data_utils.course import load_course
from data_utils.datasets import load_mnist
from data_utils.metrics import auroc
from data_utils.selfcheck.learner import visible_result
from data_utils.splits import one_vs_rest
from grader.hidden.nb1_reference import squared_errors

NOTEBOOK, PROFILE, DIGIT = "nb2_gan_detector", "embedded", 5
COMMAND = "python -m benchmarks.lessons_nb2"
RESULTS = results_path(NOTEBOOK, "lessons.json")
OPINION_SEEDS = range(10)
DIGIT_SEEDS = range(1)
JUDGED = 1000  # anomalies, as in the notebook's cell on the discriminator
SEARCHED = 40  # normal images, and four times as many others, as in the notebook's cell
PARTS = ("x_train", "x_val", "x_test", "x_anomaly")


def opened(seed: int = 0, digit: int = DIGIT) -> dict[str, Any]:
    """Return what the notebook defines, with its images loaded and `seed` as its SEED.

    The split is that of seed 0 whatever the seed: only the training differs.
    """
    here = design_namespace(NOTEBOOK)
    data = load_mnist(PROFILE)
    split = one_vs_rest(data.images, data.labels, normal_digit=digit, seed=0)
    here |= {name: getattr(split, name) for name in PARTS}
    here |= {"data": data, "split": split, "BUDGET": PROFILE, "SEED": seed, "NORMAL_DIGIT": digit}
    return here


def fitted(here: dict[str, Any]) -> Any:
    """Fit the detector as the notebook's training cell does."""
    return here["fit_detector"](
        here["x_train"], here["x_val"], here["SEED"], target_fpr=here["TARGET_FPR"], budget=PROFILE
    )


def opinion(seed: int) -> dict[str, float]:
    """Train a pair, and an encoder for it; return the AUROCs of opinions and of the copies."""
    here = opened(seed)
    untrained, trained = here["opinions_of"]("convolutional")
    _, dense = here["opinions_of"]("dense")
    pair = here["trained_pair"]("convolutional")[0]
    encoder = here["build_encoder"](here["LATENT_SIZE"])
    x, steps = here["to_tanh_range"](here["x_train"]), here["ENCODER_STEPS"][PROFILE]
    history = here["train_encoder"](pair, encoder, x, steps, seed)
    detector = here["GanDetector"](pair, encoder, history, here["x_val"], here["TARGET_FPR"])
    parts = here["x_test"], here["x_anomaly"][:JUDGED]
    copying = auroc(*(detector.anomaly_score(part) for part in parts))
    found = {"untrained": untrained, "trained": trained, "dense": dense, "copying": copying}
    return {name: round(float(value), 4) for name, value in found.items()}


def search_cost() -> float:
    """Return the CPU milliseconds that the search takes for one image."""
    here = opened()
    here["trained_pair"]("convolutional")
    images = np.concatenate([here["x_test"][:SEARCHED], here["x_anomaly"][: 4 * SEARCHED]])
    before = time.process_time()
    here["search_and_look"](images)
    return 1000 * (time.process_time() - before) / len(images)


def digit_row(digit: int, seed: int) -> dict[str, float]:
    """Return what the detector, its discriminator and two baselines reach on the exam."""
    here, (images, digits) = opened(seed, digit), exam_images()
    detector = fitted(here)
    errors = {
        "solution": detector.anomaly_score(images),
        "discriminator": detector.discriminator_score(images),
    }
    for name, make in (("pca", PrincipalComponents), ("nearest", NearestImage)):
        errors[name] = squared_errors(images, make(here["x_train"]).reconstruct(images))
    normal = digits == digit
    return {name: round(auroc(e[normal], e[~normal]), 4) for name, e in errors.items()}


def check_cost() -> float:
    """Return the CPU seconds of the check of exercise 2.8."""
    exercise = load_course().notebook(NOTEBOOK).exercise("2.8")
    here = opened()
    before = time.process_time()
    text, passed = visible_result(exercise, here)
    if not passed:
        raise SystemExit(text)
    return time.process_time() - before


def lessons() -> dict[str, Callable[[], Any]]:
    """Return all measurements by the name of their result."""
    found: dict[str, Callable[[], Any]] = {"search_ms": search_cost, "check_seconds": check_cost}
    for seed in OPINION_SEEDS:
        found[f"opinion {seed}"] = functools.partial(opinion, seed)
    for seed in DIGIT_SEEDS:
        for digit in range(10):
            found[f"digit {digit} {seed}"] = functools.partial(digit_row, digit, seed)
    return found


def main() -> None:
    """Measure what is missing in the results, and write it down."""
    measure_missing(RESULTS, COMMAND, lessons())


if __name__ == "__main__":
    main()
