"""On the official files, where ANOMALY_COURSE_DATA names them; skipped elsewhere."""

import os
from pathlib import Path

import numpy as np
import pytest

from data_utils.datasets import MNIST_COUNTS, load_mnist
from data_utils.idx_files import read_idx_folder

ROOT = Path(__file__).resolve().parents[2]
FOLDER = os.environ.get("ANOMALY_COURSE_DATA")
pytestmark = pytest.mark.skipif(not FOLDER, reason="ANOMALY_COURSE_DATA is not set")


def test_class_counts_are_the_official_ones() -> None:
    data = load_mnist("full")
    assert data.profile == "full"
    assert tuple(np.bincount(data.labels)) == MNIST_COUNTS["train"]


def test_the_learner_never_sees_the_exam() -> None:
    exam_images, exam_labels = read_idx_folder(Path(str(FOLDER)), "t10k")
    assert tuple(np.bincount(exam_labels)) == MNIST_COUNTS["test"]
    official = {image.tobytes() for image in exam_images}
    exam = np.load(ROOT / "grader/exam/mnist_exam.npz")["images"]
    assert all(image.tobytes() in official for image in exam)
    for profile in ("embedded", "full"):
        assert not {image.tobytes() for image in load_mnist(profile).images} & official
