"""Measure what notebook 4's transformations and the paper's estimate cost: no network is needed."""

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.special import logsumexp

from benchmarks.calibration import learners_images
from data_utils.transforms import Transform, all_transforms, apply_all

TRANSFORMED = 1000  # images
REPEATED = 5  # times that the fast way is taken; the best counts
NINES = 5949  # training images of digit 9: the paper's set
SURE, SPREAD = 12.0, 2.0  # the right answer's logit, and how logits scatter: right in 97 of 100


def one_at_a_time(image: np.ndarray, transform: Transform) -> np.ndarray:
    """Transform one image as the paper's code does: by an affine map, then a turn."""
    flipped = image[:, ::-1] if transform.flip else image
    offset = (-transform.down, -transform.right)
    moved = ndimage.affine_transform(flipped, np.eye(2), offset, order=1, mode="reflect")
    return np.rot90(moved, transform.turns)


def speed() -> dict[str, float]:
    """Return the CPU seconds of 72 transformations of many images, both ways, and the memory."""
    images, transforms = learners_images("embedded")[0][:TRANSFORMED], all_transforms()
    apply_all(images[:1], transforms)  # the places of the pixels are looked up once and kept
    fast = []
    for _ in range(REPEATED):
        before = time.process_time()
        quick = apply_all(images, transforms)
        fast.append(time.process_time() - before)
    before = time.process_time()
    slow = np.stack([[one_at_a_time(image, t) for t in transforms] for image in images])
    spent = time.process_time() - before
    if not np.array_equal(quick, slow):
        raise SystemExit("The two ways give other pictures.")
    tracemalloc.start()
    apply_all(images, transforms)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    found = {"at_once_s": min(fast), "one_at_a_time_s": spent, "ratio": spent / min(fast),
             "result_mb": quick.nbytes / 1e6, "peak_mb": peak / 1e6}  # fmt: skip
    return {name: round(value, 4) for name, value in found.items()}


def estimate_cost(fit_dirichlet: Callable[..., Any]) -> dict[str, float]:
    """Estimate the Dirichlet parameters of the paper's largest set, from made-up answers."""
    count = len(all_transforms())
    log_p = np.random.default_rng(0).normal(scale=SPREAD, size=(NINES, count, count))
    log_p += SURE * np.eye(count)
    log_p -= logsumexp(log_p, axis=2, keepdims=True)
    right = np.exp(np.diagonal(log_p, axis1=1, axis2=2)).mean()
    before = time.process_time()
    _, settled = fit_dirichlet(log_p)
    spent = time.process_time() - before
    return {"cpu_s": spent, "mean_right": float(right), "settled": float(np.sum(settled))}
