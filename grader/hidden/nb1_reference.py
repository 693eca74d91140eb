"""The right answers of notebook 1, worked out again beside its checks: small and slow."""

from importlib import resources

import numpy as np

from data_utils.images import box_blur


def reference_scores(x: np.ndarray, x_hat: np.ndarray) -> np.ndarray:
    """Relative squared error of each image, one at a time in float64: shape (n,)."""
    errors = []
    for image, copy in zip(x.astype(float), x_hat.astype(float), strict=True):
        errors.append(float(((image - copy) ** 2).sum()) / float((image**2).sum()))
    return np.array(errors)


def squared_errors(images: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Sum of squared differences of each copy from its image."""
    return _squared_sums(_difference(images, copies))


def relative_errors(images: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Squared error of each copy relative to its image's ink."""
    relative: np.ndarray = squared_errors(images, copies) / _ink(images)
    return relative


def blurred_errors(images: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Squared sum of the difference seen through a 3 x 3 mean, relative to the image's ink."""
    blurred: np.ndarray = _squared_sums(box_blur(_difference(images, copies))) / _ink(images)
    return blurred


def exam_copies(
    exam: tuple[np.ndarray, np.ndarray],
) -> dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return images, a finished autoencoder's copies, and "is an anomaly", by the digit left out.

    `benchmarks/prepare_nb1.py` wrote the copies; the images are the exam's.
    """
    images, digits = exam
    path = resources.files("grader").joinpath("exam/nb1_copies.npz")
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        left_out = sorted(int(name.split("_")[1]) for name in arrays if name.startswith("copies"))
        places = {digit: arrays[f"positions_{digit}"] for digit in left_out}
        copies = {digit: arrays[f"copies_{digit}"] for digit in left_out}
    return {d: (images[places[d]], copies[d], digits[places[d]] == d) for d in left_out}


def _difference(images: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Return image - copy, (n, 28, 28); single floats keep the grader small."""
    x = images.reshape(len(images), 28, 28).astype(np.float32)
    difference: np.ndarray = x - copies.reshape(x.shape).astype(np.float32)
    return difference


def _ink(images: np.ndarray) -> np.ndarray:
    return _squared_sums(images.reshape(len(images), 28, 28).astype(np.float32))


def _squared_sums(pictures: np.ndarray) -> np.ndarray:
    sums: np.ndarray = np.einsum("ijk,ijk->i", pictures, pictures).astype(np.float64)
    return sums


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


def score_pair(seed: int, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Images in [0, 1] with different amounts of ink, and imperfect copies."""
    rng = np.random.default_rng(seed)
    x = rng.random(shape) * (rng.random(shape) < rng.uniform(0.1, 0.6))
    x.reshape(len(x), -1)[:, :3] = 0.5  # some ink in every image
    return x.astype(np.float32), np.clip(x + rng.normal(0, 0.2, shape), 0, 1).astype(np.float32)
