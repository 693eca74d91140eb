"""What is particular to the floors of notebook 1: designs, digits, and what is measured.

`auroc` is that of the relative error, which the floors are made of; `auroc_squared` and
`auroc_blurred` are those of two relatives.
"""

from typing import Any

import numpy as np

from benchmarks.calibration import Calibration, Job, Scorer
from benchmarks.masters import design_namespace
from data_utils.baselines import MeanImage
from grader.hidden.nb1_reference import blurred_errors, relative_errors, squared_errors

LEAKED_SHARE = 9  # anomalies among the training images: as many as there are of each normal digit


def fitted(job: Job) -> Any:
    """Fit the detector, or the mean image, of one job."""
    row, profile, digit, seed = job
    x_train, x_val, x_anomaly = NB1.split(profile, digit, seed)
    if row == "mean_image":
        return MeanImage(x_train)
    here = design_namespace(NB1.notebook, "solution" if row in NB1.wrong else row)
    here["keras"].utils.clear_session()
    if row == "leaked":
        x_train = np.concatenate([x_train, x_anomaly[: len(x_train) // LEAKED_SHARE]])
    return here["fit_detector"](x_train, x_val, seed, budget=profile, train=row != "untrained")


def fit(job: Job) -> Scorer:
    """Fit one detector and return its three scores of images."""
    detector = fitted(job)

    def scored(images: np.ndarray) -> dict[str, np.ndarray]:
        copies = detector.reconstruct(images)
        return {
            "auroc": relative_errors(images, copies),
            "auroc_squared": squared_errors(images, copies),
            "auroc_blurred": blurred_errors(images, copies),
        }

    return scored


NB1 = Calibration(
    notebook="nb1_autoencoder",
    designs=("solution", "convolutional_design", "variational_design"),
    plainest="plain_design",  # the tutorial's 32 numbers: honest, and measured, but for digit 9
    wrong=("untrained", "leaked", "mean_image"),
    digits={"quick": (2, 6, 9), "embedded": (9, 0), "full": (9, 0)},
    solution_digits={"embedded": range(10), "full": range(10)},
    images={"quick": (3150, 450), "embedded": (3150, 450), "full": (20_000, 5_000)},
    fit=fit,
)
