"""Write the prepared arrays of notebook 1 from a run of its solution.

python benchmarks/prepare_nb1.py
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.masters import design_namespace
from data_utils.datasets import load_mnist

ROOT = Path(__file__).resolve().parent.parent
ANOMALY_DIGIT, SEED, TARGET_FPR = 9, 0, 0.05
PAIRS = 5  # normal images, and as many anomalies, in the picture of exercise 1.2


def main() -> None:
    """Split, train for the embedded budget, score, and store positions and scores."""
    data = load_mnist("embedded")
    here: dict[str, Any] = design_namespace("nb1_autoencoder")
    parts = here["split_leave_one_digit_out"](data.images, data.labels, ANOMALY_DIGIT, SEED)
    detector = here["fit_detector"](parts[0], parts[1], SEED)
    places = {image.tobytes(): place for place, image in enumerate(data.images)}
    arrays: dict[str, Any] = {
        f"{name}_positions": np.array([places[i.tobytes()] for i in part], np.uint16)
        for name, part in zip(("x_train", "x_val", "x_test", "x_anomaly"), parts, strict=True)
    }
    for name, part in zip(("val", "test", "anomaly"), parts[1:], strict=True):
        arrays[f"scores_{name}"] = np.float32(detector.anomaly_score(part))
    pairs = np.concatenate([parts[2][:PAIRS], parts[3][:PAIRS]])
    counts = here["confusion_counts"](
        arrays["scores_test"], arrays["scores_anomaly"], detector.threshold
    )
    np.savez_compressed(
        ROOT / "data_utils/prepared/nb1_autoencoder.npz",
        **arrays,
        pair_images=pairs,
        pair_copies=detector.reconstruct(pairs),
        pair_scores=np.float32(detector.anomaly_score(pairs)),
        threshold=np.float64(here["choose_threshold"](arrays["scores_val"], TARGET_FPR)),
        counts=np.array(json.dumps(counts)),
    )


if __name__ == "__main__":
    main()
