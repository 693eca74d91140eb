"""What is particular to the floors of notebook 3: designs, digits, and what is measured.

Two tables: that of `fit_detector`, which sees normal images alone, and that of `fit_few_labels`
(exercise 3.10), which sees twenty labelled anomalies. Split, bank and labelled anomalies are drawn
anew by each seed. The pretrained network reads each image once in a process, so there is no
`fit_cpu_s` in the lines: `benchmarks.notebook_cost` says what a fit costs.
"""

import functools
from typing import Any

import numpy as np

from benchmarks.calibration import Calibration, Job, Scorer
from benchmarks.masters import design_namespace
from data_utils.backbone_weights import FALLBACK

LEAKED_SHARE = 9  # anomalies among the training images: as many as there are of each normal digit
LABELLED = 20
# Normal images beside the labelled ones: as many as the bank of the profile holds.
FEW_NORMAL = {"quick": 1000, "embedded": 3600}


_read: dict[str, dict[bytes, np.ndarray]] = {}  # by layer, by image: its features


def definitions(design: str) -> dict[str, Any]:
    """Return what a design defines, with the features of images that were read before."""
    here = design_namespace(NB3.notebook, design)
    read = here["features_of"]

    def remembered(network: Any, images: np.ndarray, layer: str = here["LAYER"]) -> np.ndarray:
        """Only a network with random weights reads an image again."""
        if not network.source.startswith("trained"):
            return read(network, images, layer)
        known, keys = _read.setdefault(layer, {}), [image.tobytes() for image in images]
        new = [place for place, key in enumerate(keys) if key not in known]
        if new:
            rows = read(network, images[new], layer)
            known.update((keys[place], row) for place, row in zip(new, rows, strict=True))
        return np.stack([known[key] for key in keys])

    here["features_of"] = remembered
    return here


class ByDistance:
    """A distance from a bank of normal images, as the score: a baseline."""

    def __init__(self, distance: Any, reads: Any, x_train: np.ndarray) -> None:
        self.distance, self.reads, self.bank = distance, reads, reads(x_train)

    def anomaly_score(self, images: np.ndarray) -> np.ndarray:
        """Return one score per image."""
        scores: np.ndarray = self.distance(self.bank, self.reads(images))
        return scores


def as_pixels(images: np.ndarray) -> np.ndarray:
    """Return the pixels of each image as its features."""
    return images.reshape(len(images), -1).astype(np.float32) / 255


def fitted(job: Job) -> Any:
    """Fit the detector of one job on normal images, or a baseline."""
    row, profile, digit, seed = job
    x_train, x_val, x_anomaly = NB3.split(profile, digit, seed)
    here = definitions(row if row in NB3.honest else "solution")
    if row in NB3.beside:
        bank = x_train[
            np.random.default_rng(seed).permutation(len(x_train))[: here["BANK"][profile]]
        ]
        if row == "gaussian":
            reads = functools.partial(here["features_of"], here["load_backbone"]())
            return ByDistance(here["gaussian_distance"], reads, bank)
        near = functools.partial(here["neighbour_distance"], k=here["NEIGHBOURS"])
        return ByDistance(near, as_pixels, bank)
    if row == "last_layer":
        here["features_of"] = functools.partial(here["features_of"], layer="last")
    if row == "leaked":
        x_train = np.concatenate([x_train, x_anomaly[: len(x_train) // LEAKED_SHARE]])
    return here["fit_detector"](x_train, x_val, seed, budget=profile, train=row != "untrained")


def fitted_on_few(job: Job) -> Any:
    """Fit the detector of one job on normal images and a few labelled anomalies."""
    row, profile, digit, seed = job
    x_train, x_val, x_anomaly = FEW.split(profile, digit, seed)
    labelled = np.random.default_rng(seed).permutation(x_anomaly)[:LABELLED]
    x_normal = x_train[: FEW_NORMAL[profile]]
    here = definitions(row if row in FEW.honest else "solution")
    if row == "neighbours":
        return here["fit_detector"](x_normal, x_val, seed, budget=profile)
    train_head = here["train_head"]
    if row == "one_label":
        here["train_head"] = lambda x, y, seed: train_head(x, 0 * y, seed)
    if row == "collapse":  # the anomalies are left out
        here["train_head"] = lambda x, y, seed: train_head(x[y == 0], y[y == 0], seed)
    if row == "swapped":
        here["train_head"] = lambda x, y, seed: train_head(x, 1 - y, seed)
    return here["fit_few_labels"](x_normal, labelled, x_val, seed)


def fit(job: Job) -> Scorer:
    """Fit one detector, or one baseline, and return its score of images."""
    return _scorer(fitted(job))


def fit_few(job: Job) -> Scorer:
    """Fit one detector on few labels and return its score of images."""
    return _scorer(fitted_on_few(job))


def _scorer(detector: Any) -> Scorer:
    return lambda images: {"auroc": np.asarray(detector.anomaly_score(images))}


_DESIGNS = ("solution", "stacked_design")
_IMAGES = {"quick": (3600, 450), "embedded": (3600, 450), "full": (43_241, 5_405)}

FEW = Calibration(
    notebook="nb3_resnet_transfer",
    designs=_DESIGNS,
    plainest="plain_design",
    wrong=("one_label", "swapped"),
    # A head that never saw an anomaly ranks by chance: one in ten reaches 0.7. So wide a spread
    # leaves no room for a floor below 1; a fit without a true anomaly tells it, in the checks.
    beside=("collapse", "neighbours"),
    digits={"quick": (9, 7, 4), "embedded": (9, 7, 4)},
    solution_digits={},
    images=_IMAGES,
    fit=fit_few,
    timed=False,
    function="fit_few_labels",
    exercise="3.10",
    backbone=FALLBACK,
)

NB3 = Calibration(
    notebook="nb3_resnet_transfer",
    designs=_DESIGNS,
    plainest="plain_design",
    wrong=("last_layer", "untrained", "leaked"),
    beside=("pixels", "gaussian"),
    digits={"quick": (9, 7, 4, 1), "embedded": (9,), "full": (9,)},
    solution_digits={"embedded": range(10)},
    images=_IMAGES,
    fit=fit,
    timed=False,
    backbone=FALLBACK,
    also=(FEW,),
)
