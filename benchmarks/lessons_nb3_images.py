"""What notebook 3 says of images: which changes a digit survives, and what a heat map shows.

Each function takes what `benchmarks.lessons_nb3.opened` returns.
"""

import itertools
import statistics
from typing import Any

import numpy as np

REACH = 2  # pixels: how far a changed image may move to meet its nearest training image
RANDOM_SEEDS = range(5)  # networks with random weights


def same_digit(here: dict[str, Any]) -> dict[str, float]:
    """Return the share of test images whose nearest training image shows the same digit."""
    x_test, draw = here["x_test"], np.random.default_rng(0)
    pairs = zip(here["data"].images, here["data"].labels, strict=True)
    digit_of = {image.tobytes(): label for image, label in pairs}
    digits = np.array([digit_of[image.tobytes()] for image in x_test])
    changed = {
        "as is": x_test,
        "shift": here["shifted"](x_test, seed=0),
        "flip": x_test[:, :, ::-1],
        "turn 10": turned(x_test, draw.choice((-10.0, 10.0), len(x_test))),
        "turn 180": x_test[:, ::-1, ::-1],
    }
    known = here["x_train"], here["split"].train_labels
    return {n: float(np.mean(nearest_digits(x, *known) == digits)) for n, x in changed.items()}


def nearest_digits(images: np.ndarray, x_train: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """Return the digit of the nearest training image, where an image may move by REACH pixels."""
    bank = _flat(x_train)
    squares, least = np.sum(bank**2, axis=1), np.full(len(images), np.inf)
    found = np.zeros(len(images), digits.dtype)
    padded = np.pad(images, ((0, 0), (REACH, REACH), (REACH, REACH)))
    height, width = images.shape[1:]
    for top, left in itertools.product(range(2 * REACH + 1), repeat=2):
        moved = _flat(padded[:, top : top + height, left : left + width])
        distances = np.sum(moved**2, axis=1)[:, None] - 2 * moved @ bank.T + squares
        nearest = distances.argmin(axis=1)
        better = distances.min(axis=1) < least
        least[better] = distances.min(axis=1)[better]
        found[better] = digits[nearest[better]]
    return found


def turned(images: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """Return each image turned about its centre by its own angle, bilinear."""
    from scipy.ndimage import rotate

    pairs = zip(images, degrees, strict=True)
    return np.stack([rotate(image.astype(float), angle, reshape=False, order=1)
                     for image, angle in pairs]).clip(0, 255).astype(np.uint8)  # fmt: skip


def heat(here: dict[str, Any]) -> dict[str, float]:
    """Return how alike the maps of all nines are to those of random weights, and to the ink."""
    nines, size = here["x_anomaly"], here["EXPLORED"]
    few = here["fit_few_labels"](here["x_train"][:size], here["x_labelled"], here["x_val"], 0)
    learnt = here["heat_of"](few.network, few, nines, "edges")
    random_ones = [here["load_backbone"](few.network.name, pretrained=False, seed=seed)
                   for seed in RANDOM_SEEDS]  # fmt: skip
    others = [here["heat_of"](network, few, nines, "edges") for network in random_ones]
    ink = here["torch"].nn.functional.adaptive_avg_pool2d(
        here["torch"].as_tensor(nines.astype(np.float32)), learnt.shape[1:]
    ).numpy()  # fmt: skip
    alike = [_alike(learnt, other) for other in others]
    found = {"alike": alike[0], "alike, mean": statistics.mean(alike), "ink": _alike(learnt, ink),
             "random ink": _alike(others[0], ink)}  # fmt: skip
    return found


def _alike(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean over images of the correlation of two maps, where neither is constant."""
    pairs = zip(first.reshape(len(first), -1), second.reshape(len(second), -1), strict=True)
    found = [np.corrcoef(a, b)[0, 1] for a, b in pairs if a.std() > 0 and b.std() > 0]
    return float(np.mean(found))


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32) / 255
