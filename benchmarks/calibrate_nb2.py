"""What is particular to the floors of notebook 2: designs, digits, and what is measured.

`auroc` is that of both errors, standardised by the validation normals and added, which the floors
are made of; `auroc_pixel`, `auroc_feature` and `auroc_discriminator` are those of each error and of
the discriminator alone.
"""

import numpy as np

from benchmarks.calibration import Calibration, Job, Scorer, squared_error
from benchmarks.masters import design_namespace
from data_utils.baselines import NearestImage, PrincipalComponents
from grader.hidden.nb2_fits import standardised_sum

BASELINES = {"pca": PrincipalComponents, "nearest": NearestImage}


def fit(job: Job) -> Scorer:
    """Fit one detector, or one baseline, and return its scores of images."""
    row, profile, digit, seed = job
    x_train, x_val, x_anomaly = NB2.split(profile, digit, seed)
    if row in BASELINES:
        baseline = BASELINES[row](x_train)
        return lambda images: {"auroc": squared_error(images, baseline.reconstruct(images))}
    here = design_namespace(NB2.notebook, row if row in NB2.honest else "solution")
    if row == "gan_untrained":
        here["train_gan"] = lambda *_: None  # only the encoder learns
    if row == "all_digits":
        x_train = np.concatenate([x_train, x_anomaly])
    train = row != "untrained"
    detector = here["fit_detector"](x_train, x_val, seed, budget=profile, train=train)

    def scored(images: np.ndarray) -> dict[str, np.ndarray]:
        pixel, feature = detector.error_parts(images)
        return {
            "auroc": standardised_sum(pixel, feature, *detector.error_parts(x_val)),
            "auroc_pixel": pixel,
            "auroc_feature": feature,
            "auroc_discriminator": detector.discriminator_score(images),
        }

    return scored


NB2 = Calibration(
    notebook="nb2_gan_detector",
    designs=("solution", "two_stage_design"),
    plainest="plain_design",
    wrong=("all_digits",),
    # Baselines are honest detectors of another kind. Networks that never learnt rank by chance: on
    # some digits one in ten reaches 0.8. No floor can tell them; their weights do, in the checks.
    beside=("untrained", "gan_untrained", *BASELINES),
    digits={"quick": (6, 7, 5), "embedded": (5,), "full": ()},
    solution_digits={"full": (5,)},  # two minutes a fit
    images={"quick": (350, 100), "embedded": (350, 100), "full": (4337, 542)},
    fit=fit,
)
