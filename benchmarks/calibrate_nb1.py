"""What is particular to the floors of notebook 1: designs, digits, and what is measured.

`auroc` is that of the relative error, which the floors are made of; `auroc_squared` and
`auroc_blurred` are those of two relatives.
"""

import time
from typing import Any

import numpy as np

from benchmarks.calibration import Calibration, Job, exam_images
from benchmarks.masters import design_namespace
from data_utils.baselines import MeanImage
from data_utils.metrics import auroc
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


def measure(job: Job) -> dict[str, float]:
    """Fit one detector and return its AUROCs on the exam."""
    started = time.process_time()
    detector = fitted(job)
    spent = time.process_time() - started
    images, digits = exam_images()
    is_normal = NB1.is_normal(digits, job[2])
    copies = detector.reconstruct(images)
    reached = {}
    for name, errors in (
        ("auroc", relative_errors),
        ("auroc_squared", squared_errors),
        ("auroc_blurred", blurred_errors),
    ):
        scores = errors(images, copies)
        reached[name] = round(auroc(scores[is_normal], scores[~is_normal]), 4)
    return {**reached, "fit_cpu_s": round(spent, 2)}


NB1 = Calibration(
    notebook="nb1_autoencoder",
    designs=("solution", "convolutional_design", "variational_design"),
    plainest="plain_design",  # the tutorial's 32 numbers: honest, and measured, but for digit 9
    wrong=("untrained", "leaked", "mean_image"),
    digits={"quick": (2, 6, 9), "embedded": (9, 0), "full": (9, 0)},
    solution_digits={"embedded": range(10), "full": range(10)},
    images={"quick": (3150, 450), "embedded": (3150, 450), "full": (20_000, 5_000)},
    measure=measure,
)
