"""The hidden checks of exercise 3.10: a head from twenty labelled anomalies, and its threshold."""

from typing import Any

import numpy as np
import pytest

from data_utils.metrics import auroc
from data_utils.selfcheck import nb3_detector, nb3_few_labels
from data_utils.selfcheck.nb3_probes_detector import square_means
from data_utils.selfcheck.words import Finding, Found, expect
from grader.examination import Examination
from grader.hidden.detector_checks import (
    TARGET_FPR,
    excuse_without_floors,
    ranks_each_alone,
)
from grader.hidden.nb3_fits import (
    FEW_IMAGES,
    LABELLED,
    Refit,
    ask_threshold,
    refit_images,
    scores_of,
)
from grader.sandbox import Handle
from grader.student import FIT_SECONDS, Student

PROBES = "selfcheck.nb3_probes_detector"  # of data_utils
NOT_MEASURED = Finding(
    "what the head learns from, and the detector's scale and threshold",
    "something else",
    "another cell changed what measures",
    "leave data_utils as it is",
)


@pytest.fixture(scope="session")
def first(exam: tuple[np.ndarray, np.ndarray]) -> Refit:
    """The images of the re-fit that several checks share."""
    return refit_images(exam, 0)


@pytest.fixture(scope="session")
def few_fitter(examination: Examination) -> Student:
    """The way to exercise 3.10, shared by the fits below."""
    return examination.student(examination.submission.notebook.exercise("3.10"))


@pytest.fixture(scope="session")
def few(few_fitter: Student, first: Refit) -> Handle:
    """A head that has learnt from twenty labelled anomalies, fitted once."""
    return first.fit_few(few_fitter)


@pytest.fixture(scope="session")
def few_exam_scores(
    few_fitter: Student, first: Refit, few: Handle
) -> tuple[np.ndarray, np.ndarray]:
    """The same as `exam_scores` for the head."""
    return first.exam_scores(few_fitter, few)


@pytest.fixture(scope="session")
def parts() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Dark normal images, bright anomalies, and images for validation."""
    rng = np.random.default_rng(1010)
    dark, bright, x_val = (
        rng.integers(low, high, (count, 28, 28)).astype(np.uint8)
        for low, high, count in ((0, 90, 41), (140, 256, 9), (0, 120, 160))
    )
    return dark, bright, x_val


@pytest.fixture(scope="session")
def raw(few_fitter: Student, parts: tuple[np.ndarray, np.ndarray, np.ndarray]) -> dict[str, Any]:
    """What the function hands on, whatever the learner's other functions do: others stand there."""
    found = few_fitter.probe(PROBES, "few_labels_raw", *parts, 5, seconds=FIT_SECONDS)
    names = ("rows", "labels", "normal", "threshold")
    if not isinstance(found, dict) or not set(names) <= set(found):
        raise Found(NOT_MEASURED)
    return found


@pytest.mark.exercise("3.10", weight=3)
def test_few_labels_are_put_together(
    raw: dict[str, Any], parts: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    """The head learns on all images, standardised by the normal ones: 0 and 1."""
    normal, anomaly = (square_means(images).astype(float) for images in parts[:2])
    expect(nb3_few_labels.labels_belong(raw["rows"], raw["labels"], normal, anomaly))
    expect(nb3_detector.threshold_is_set(raw["threshold"]))


@pytest.mark.exercise("3.10", weight=5)
def test_head_detector_scales_once(
    raw: dict[str, Any], parts: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    """The detector gets the normal features as the backbone gave them, and no others."""
    right = square_means(parts[0]).astype(float)
    expect(nb3_few_labels.scaled_once(raw["normal"], right, len(parts[1])))


@pytest.mark.exercise("3.10", weight=3, core=True)
def test_twenty_labels_reach_their_floor(
    student: Student,
    first: Refit,
    few_exam_scores: tuple[np.ndarray, np.ndarray],
    facts: dict[str, float],
) -> None:
    """Twenty labelled anomalies give a detector that finds others of their kind in the exam."""
    reached = auroc(*few_exam_scores)
    facts[f"auroc_few_{first.digit}"] = reached
    excuse_without_floors(student)
    expect(_few_at_floor(student, first.digit, reached))


@pytest.mark.exercise("3.10", weight=1)
def test_twenty_labels_of_another_digit(
    student: Student, exam: tuple[np.ndarray, np.ndarray], facts: dict[str, float]
) -> None:
    """The same with another digit and another seed."""
    other = refit_images(exam, 1)
    reached = other.auroc(student, other.fit_few(student))
    facts[f"auroc_few_{other.digit}"] = reached
    excuse_without_floors(student)
    expect(_few_at_floor(student, other.digit, reached))


@pytest.mark.exercise("3.10", weight=1)
def test_labels_make_the_difference(
    student: Student, first: Refit, few_exam_scores: tuple[np.ndarray, np.ndarray]
) -> None:
    """With normal images in place of the labelled anomalies the ranking is worse."""
    mislabelled = first.for_ranks.fit_few(student, first.x_val[-LABELLED:])
    ranks = auroc(*few_exam_scores), first.for_ranks.auroc(student, mislabelled)
    expect(nb3_detector.learns_from_labels(*ranks))


@pytest.mark.exercise("3.10", weight=5)
def test_few_labels_threshold_comes_from_validation(
    student: Student, first: Refit, few: Handle
) -> None:
    """5 % of the validation scores lie above the threshold."""
    faint = first.x_val[:FEW_IMAGES] // 3
    some, labelled = first.x_train[:FEW_IMAGES], first.x_labelled
    other = student.keep(some, labelled, faint, first.seed)
    for detector, x_normal, x_val in ((few, first.x_train, first.x_val), (other, some, faint)):
        taken = {"x_normal": x_normal, "x_anomaly": labelled}
        ask_threshold(student, detector, x_val, TARGET_FPR, taken)


@pytest.mark.exercise("3.10", weight=1)
def test_few_labels_scores_are_upright_and_each_for_itself(
    student: Student, first: Refit, few: Handle
) -> None:
    """anomaly_score is high for anomalies, and the same in any order and any batch."""
    some = first.exam_normal[:100], first.exam_anomaly[:100]
    ranks_each_alone(student, few, *some, nb3_detector)


@pytest.mark.exercise("3.10", weight=1)
def test_few_labels_are_the_same_for_the_same_seed(
    student: Student, first: Refit, few: Handle
) -> None:
    """The same seed gives the same detector."""
    images = first.exam_anomaly[:100]
    again = scores_of(student, first.fit_few(student), images)
    expect(nb3_detector.same_for_same_seed(scores_of(student, few, images), again))


def _few_at_floor(student: Student, digit: int, reached: float) -> Finding | None:
    floor = student.floor("quick", digit, exercise="3.10")
    if floor is None or floor.auroc is None:
        return None
    where = f"{student.notebook.setting.words(digit)}, twenty labelled, exam images"
    return nb3_detector.few_labels_reach_floor(reached, floor.auroc, where)
