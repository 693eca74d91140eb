"""Measure what notebook 1 says about detectors: capacity, epochs, leaks, thresholds, neighbours.

    python -m benchmarks.lessons_nb1

About ten CPU minutes. The results go to `results/nb1_lessons.json`; `benchmarks.figures_nb1` turns
them into figures and into the numbers that the notebook's text quotes. Judged on the learner's own
test and anomaly sets, but for the neighbours, which are compared on the exam.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.calibrate_nb1 import NB1
from benchmarks.calibration import exam_images, one_thread
from benchmarks.lessons import measure_missing
from benchmarks.masters import design_namespace, results_path
from data_utils.baselines import NearestImage, PrincipalComponents
from data_utils.datasets import load_mnist
from data_utils.edge_maps import EdgeMapNeighbours
from data_utils.images import network_input
from data_utils.metrics import auroc
from grader.hidden.nb1_reference import relative_errors

NOTEBOOK, PROFILE, DIGIT = "nb1_autoencoder", "embedded", 9
RESULTS = results_path(NOTEBOOK, "lessons.json")
CODE_LINE = 'layers.Dense(8, name="code")'
CODE_WIDTHS, CODE_SEEDS = (2, 4, 8, 16, 32, 64), (0, 1, 2)
LONG, LOOK_AFTER = 120, (1, 2, 3, 5, 8, 10, 15, 20, 30, 40, 60, 80, 100, 120)  # epochs
LEAKED = (0, 10, 50, 150, 350)  # 350: as many as there are of every normal digit
THRESHOLD_SEEDS = range(5)
TARGET_FPR = 0.05
PCA_WIDTHS = (16, 128)

Parts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def parts_of(here: dict[str, Any], seed: int, digit: int = DIGIT) -> Parts:
    """Return the notebook's own split."""
    data = load_mnist(PROFILE)
    parts: Parts = here["split_leave_one_digit_out"](data.images, data.labels, digit, seed)
    return parts


def fit(here: dict[str, Any], parts: Parts, seed: int) -> Any:
    """Fit the solution's detector."""
    here["keras"].utils.clear_session()
    return here["fit_detector"](parts[0], parts[1], seed, target_fpr=TARGET_FPR, budget=PROFILE)


def judged(detector: Any, parts: Parts) -> float:
    """Return the AUROC on the test and anomaly sets."""
    return auroc(*(detector.anomaly_score(part) for part in parts[2:]))


def validation_loss(detector: Any, parts: Parts) -> float:
    """Return the mean squared error on validation images."""
    return float(np.mean((network_input(parts[1]) - detector.copies(parts[1])) ** 2))


def capacity() -> dict[str, Any]:
    """Vary the width of the code."""
    rows = {}
    for width in CODE_WIDTHS:
        here = design_namespace(NOTEBOOK, edits={CODE_LINE: f'layers.Dense({width}, name="code")'})
        reached, losses = [], []
        for seed in CODE_SEEDS:
            parts = parts_of(here, seed)
            detector = fit(here, parts, seed)
            reached.append(judged(detector, parts))
            losses.append(validation_loss(detector, parts))
        rows[str(width)] = {"auroc": float(np.mean(reached)), "val_loss": float(np.mean(losses))}
    return rows


def epochs(here: dict[str, Any]) -> dict[str, Any]:
    """Look at one long training from time to time."""
    parts, keras = parts_of(here, 0), here["keras"]
    found: dict[str, Any] = {"epoch": list(LOOK_AFTER), "auroc": [], "val_loss": []}

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch + 1 in LOOK_AFTER:
                detector = here["AutoencoderDetector"](self.model, [], parts[1], TARGET_FPR)
                found["auroc"].append(judged(detector, parts))
                found["val_loss"].append(validation_loss(detector, parts))

    own = {"epoch_progress": here["epoch_progress"], "EPOCHS": here["EPOCHS"]}
    here |= {"epoch_progress": Look, "EPOCHS": {PROFILE: LONG}}
    fit(here, parts, 0)
    here |= own
    return found


def leaks(here: dict[str, Any]) -> dict[str, float]:
    """Let some anomalies into the training set; they are not judged then."""
    parts = parts_of(here, 0)
    rows = {}
    for count in LEAKED:
        x_train = np.concatenate([parts[0], parts[3][:count]])
        judged_on = (x_train, parts[1], parts[2], parts[3][count:])
        rows[str(count)] = judged(fit(here, judged_on, 0), judged_on)
    return rows


def thresholds(here: dict[str, Any]) -> dict[str, list[float]]:
    """Take the threshold from training or from validation scores; measure false alarms."""
    rows: dict[str, list[float]] = {"train": [], "val": []}
    for seed in THRESHOLD_SEEDS:
        parts = parts_of(here, seed)
        detector = fit(here, parts, seed)
        fresh = detector.anomaly_score(parts[2])
        for name, part in zip(("train", "val"), parts, strict=False):
            limit = here["choose_threshold"](detector.anomaly_score(part), TARGET_FPR)
            rows[name].append(float(np.mean(fresh > limit)))
    return rows


def mixed_target(here: dict[str, Any]) -> list[float]:
    """Train with other images as the target."""
    here["keras"].utils.set_random_seed(0)
    x = network_input(parts_of(here, 0)[0])
    network = here["build_autoencoder"]()
    others = np.random.default_rng(0).permutation(len(x))
    epochs_wanted = here["EPOCHS"][PROFILE]
    losses = network.fit(x, x[others], batch_size=128, epochs=epochs_wanted, verbose=0)
    return [float(loss) for loss in losses.history["loss"]]


def components() -> dict[str, dict[str, float]]:
    """Vary the number of principal components."""
    here = design_namespace(NOTEBOOK)
    rows: dict[str, dict[str, float]] = {}
    for width in PCA_WIDTHS:
        for digit in (DIGIT, 1):
            parts = parts_of(here, 0, digit)
            baseline = PrincipalComponents(parts[0], width)
            scores = [relative_errors(part, baseline.reconstruct(part)) for part in parts[2:]]
            rows.setdefault(str(width), {})[str(digit)] = auroc(*scores)
    return rows


def neighbours(here: dict[str, Any]) -> dict[str, list[float]]:
    """Compare detectors that only look images up, on the exam, for every digit left out."""
    images, digits = exam_images()
    rows: dict[str, list[float]] = {"nearest image": [], "gradient maps": [], "edge maps": []}
    for digit in range(10):
        x_train, x_val, _ = NB1.split(PROFILE, digit, 0)
        nearest, edge = NearestImage(x_train), EdgeMapNeighbours(x_train, x_val)
        scores = {
            "nearest image": relative_errors(images, nearest.reconstruct(images)),
            "gradient maps": here["gradient_scores"](x_train, images),
            "edge maps": edge.anomaly_score(images),
        }
        for name, values in scores.items():
            rows[name].append(auroc(values[digits != digit], values[digits == digit]))
    return rows


def main() -> None:
    """Measure what is missing in the results, and write it down."""
    one_thread()  # before the framework is imported
    here = design_namespace(NOTEBOOK)
    lessons: dict[str, Callable[[], Any]] = {
        "leaks": lambda: leaks(here),
        "thresholds": lambda: thresholds(here),
        "mixed_target": lambda: mixed_target(here),
        "epochs": lambda: epochs(here),
        "components": components,
        "neighbours": lambda: neighbours(here),
        "capacity": capacity,
    }
    measure_missing(RESULTS, "python -m benchmarks.lessons_nb1", lessons)


if __name__ == "__main__":
    main()
