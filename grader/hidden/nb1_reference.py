"""The right answers of notebook 1, worked out again beside its checks: small and slow."""

import numpy as np


def reference_scores(x: np.ndarray, x_hat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Relative squared error and ink of each image, one at a time in float64."""
    errors, inks = [], []
    for image, copy in zip(x.astype(float), x_hat.astype(float), strict=True):
        inks.append(float((image**2).sum()))
        errors.append(float(((image - copy) ** 2).sum()) / inks[-1])
    return np.array(errors), np.array(inks)


def relative_errors(images: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Squared error of each copy relative to its image's ink; single floats keep this small."""
    x = images.reshape(len(images), -1).astype(np.float32)
    difference = x - copies.reshape(x.shape).astype(np.float32)
    error, ink = (np.einsum("ij,ij->i", part, part) for part in (difference, x))
    relative: np.ndarray = (error / ink).astype(np.float64)
    return relative


def reference_counts(test: np.ndarray, anomaly: np.ndarray, threshold: float) -> dict[str, float]:
    """Count image by image."""
    tp = sum(1 for score in anomaly if score > threshold)
    fp = sum(1 for score in test if score > threshold)
    fn, tn = len(anomaly) - tp, len(test) - fp
    return {
        "tp": tp, "fn": fn, "fp": fp, "tn": tn,
        "tpr": tp / len(anomaly), "fnr": fn / len(anomaly),
        "fpr": fp / len(test), "tnr": tn / len(test),
    }  # fmt: skip
