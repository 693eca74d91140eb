"""Write the arrays of notebook 1 that come from runs of its solution.

    python -m benchmarks.prepare_nb1

- ``data_utils/prepared``: what an unsolved exercise is replaced by, a trained network as bare
  arrays, and copies of training images for the visible check of exercise 1.6;
- ``grader/exam``: copies of exam images for its hidden checks, of networks with other seeds;
- the steps of exercise 1.6 in ``data_utils/course.toml``: what known scores and wrong detectors
  reach on those copies. The AUROCs that the steps ask for stand in `STEPS` below.
"""

import json
from typing import Any

import numpy as np

from benchmarks.calibrate_nb1 import NB1
from benchmarks.calibration import exam_images, one_thread
from benchmarks.masters import ROOT, design_namespace
from benchmarks.steps import DIGITS, KNOWN, reached_by, write_steps
from data_utils.baselines import BASELINES
from data_utils.datasets import load_mnist
from data_utils.metrics import auroc
from grader.hidden.nb1_reference import exam_copies, relative_errors

PREPARED, EXAM = ROOT / "data_utils" / "prepared", ROOT / "grader" / "exam"
ANOMALY_DIGIT, SEED, TARGET_FPR = 9, 0, 0.05
PAIRS = 5  # normal images, and as many anomalies, in the picture of exercise 1.2
PROFILE = "embedded"
VISIBLE_SEED, HIDDEN_SEEDS = 50, (60, 61)  # none of the calibration's
DRAWS = 4000  # of visible pairs, from about 1,900; an AUROC differs by 0.02 (sd) between two draws
NORMALS_PER_DIGIT, ANOMALIES = 20, 100  # in each set of copies


def main() -> None:
    """Train, score, and store."""
    one_thread()
    here: dict[str, Any] = design_namespace("nb1_autoencoder")
    _write_run(here)
    _write_hidden_copies(here)
    _write_visible_copies(here)
    write_steps(ROOT / "data_utils" / "course.toml")


def _write_run(here: dict[str, Any]) -> None:
    """Store the notebook's own run: positions, scores, a picture, the network."""
    data = load_mnist(PROFILE)
    places = {image.tobytes(): place for place, image in enumerate(data.images)}
    arrays: dict[str, Any] = {}
    baselines: dict[str, dict[str, float]] = {}
    for digit, suffix in ((0, "_0"), (ANOMALY_DIGIT, "")):
        parts = here["split_leave_one_digit_out"](data.images, data.labels, digit, SEED)
        for name, part in zip(("x_train", "x_val", "x_test", "x_anomaly"), parts, strict=True):
            positions = np.array([places[image.tobytes()] for image in part], np.uint16)
            arrays[f"{name}_positions{suffix}"] = positions
        baselines[str(digit)] = _baseline_aurocs(parts)
    detector = here["fit_detector"](parts[0], parts[1], SEED, budget=PROFILE)
    for name, part in zip(("val", "test", "anomaly"), parts[1:], strict=True):
        arrays[f"scores_{name}"] = np.float32(detector.anomaly_score(part))
    pairs = np.concatenate([parts[2][:PAIRS], parts[3][:PAIRS]])
    counts = here["confusion_counts"](
        arrays["scores_test"], arrays["scores_anomaly"], detector.threshold
    )
    np.savez_compressed(
        PREPARED / "nb1_autoencoder.npz",
        **arrays,
        pair_images=pairs,
        pair_copies=detector.reconstruct(pairs),
        pair_scores=np.float32(detector.anomaly_score(pairs)),
        threshold=np.float64(here["choose_threshold"](arrays["scores_val"], TARGET_FPR)),
        history=np.float32(detector.history),
        counts=np.array(json.dumps(counts)),
        baselines=np.array(json.dumps(baselines)),
    )
    weights = detector.parameters()
    np.savez_compressed(
        PREPARED / "nb1_network.npz",
        **{f"weights_{place}": np.float16(w) for place, w in enumerate(weights[::2])},
        **{f"bias_{place}": w for place, w in enumerate(weights[1::2])},
    )


def _baseline_aurocs(parts: tuple[np.ndarray, ...]) -> dict[str, float]:
    x_train, _, x_test, x_anomaly = parts
    reached = {}
    for baseline in (make(x_train) for make in BASELINES):
        scores = [relative_errors(x, baseline.reconstruct(x)) for x in (x_test, x_anomaly)]
        reached[baseline.name] = round(auroc(*scores), 4)
    return reached


def _write_hidden_copies(here: dict[str, Any]) -> None:
    """Store what networks make of exam images, two networks for each digit left out."""
    held_out, exam_digits = exam_images()
    hidden: dict[str, np.ndarray] = {}
    for digit in DIGITS:
        drawn = []
        for seed in HIDDEN_SEEDS:
            detector, _ = _fitted(here, digit, seed)
            chosen = _chosen(exam_digits, digit, np.random.default_rng(seed))
            drawn.append((chosen, detector.reconstruct(held_out[chosen])))
        hidden[f"positions_{digit}"] = np.concatenate([c for c, _ in drawn]).astype(np.uint16)
        hidden[f"copies_{digit}"] = np.concatenate([copies for _, copies in drawn])
        print(f"hidden copies without digit {digit}", flush=True)
    np.savez_compressed(EXAM / "nb1_copies.npz", **hidden)


def _write_visible_copies(here: dict[str, Any]) -> None:
    """Store what a network makes of training images it has not seen, for each digit left out.

    Of many draws the one is kept on which known scores reach what they reach on the hidden
    copies: a step is as hard in the notebook as in the grade, and has one number.
    """
    data = load_mnist(PROFILE)
    hidden = exam_copies(exam_images())
    visible: dict[str, np.ndarray] = {}
    for digit in DIGITS:
        detector, x_train = _fitted(here, digit, VISIBLE_SEED)
        seen = {image.tobytes() for image in x_train}
        unseen = np.array([image.tobytes() not in seen for image in data.images])
        places = np.flatnonzero(unseen)
        copies = detector.reconstruct(data.images[places])
        wanted = [reached_by(score, {digit: hidden[digit]})[digit] for score in KNOWN.values()]
        scores = [score(data.images[places], copies) for score in KNOWN.values()]
        few, off = _as_hard(data.labels[places], digit, scores, wanted)
        visible[f"positions_{digit}"] = places[few].astype(np.uint16)
        visible[f"copies_{digit}"] = copies[few]
        print(f"visible copies without digit {digit}: AUROCs off by {off:.3f}", flush=True)
    np.savez_compressed(PREPARED / "nb1_copies.npz", **visible)


def _as_hard(
    digits: np.ndarray, anomaly_digit: int, scores: list[np.ndarray], wanted: list[float]
) -> tuple[np.ndarray, float]:
    """Return the draw whose AUROCs lie nearest to those wanted, and by how much they are off."""
    rng = np.random.default_rng(VISIBLE_SEED)
    best, nearest = np.array([]), np.inf
    for _ in range(DRAWS):
        few = _chosen(digits, anomaly_digit, rng)
        odd = digits[few] == anomaly_digit
        reached = [auroc(s[few][~odd], s[few][odd]) for s in scores]
        off = float(np.sqrt(np.mean((np.array(reached) - wanted) ** 2)))
        if off < nearest:
            best, nearest = few, off
    return best, nearest


def _fitted(here: dict[str, Any], digit: int, seed: int) -> tuple[Any, np.ndarray]:
    here["keras"].utils.clear_session()
    x_train, x_val, _ = NB1.split(PROFILE, digit, seed)
    return here["fit_detector"](x_train, x_val, seed, budget=PROFILE), x_train


def _chosen(digits: np.ndarray, anomaly_digit: int, rng: np.random.Generator) -> np.ndarray:
    """Return positions in mixed order: some of each normal digit, more of the anomaly."""
    parts = [
        rng.choice(
            np.flatnonzero(digits == digit),
            ANOMALIES if digit == anomaly_digit else NORMALS_PER_DIGIT,
            replace=False,
        )
        for digit in range(10)
    ]
    mixed: np.ndarray = rng.permutation(np.concatenate(parts))
    return mixed


if __name__ == "__main__":
    main()
