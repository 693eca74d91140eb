"""Grading in profile full: the training files go in, the exam does not."""

from pathlib import Path

import pytest

from grader.errors import GraderError
from grader.examination import Settings
from grader.full_images import training_folder
from grader.grading import grade_submission
from grader.sandbox import Session


def test_only_the_training_files_are_handed_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    names = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz")
    for name in names:
        (raw / name).write_bytes(name.encode())
    monkeypatch.setenv("ANOMALY_COURSE_DATA", str(tmp_path))
    with Session(data_folder=training_folder()) as session:
        session.run_cell(
            "import os, pathlib\n"
            "folder = pathlib.Path(os.environ['ANOMALY_COURSE_DATA'])\n"
            "seen = sorted(path.name for path in folder.rglob('*-*'))"
        )
        assert session.value("seen") == [*names[:2]]


def test_without_the_files_full_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in ("", str(tmp_path)):
        monkeypatch.setenv("ANOMALY_COURSE_DATA", value)
        with pytest.raises(GraderError, match="--profile embedded"):
            grade_submission(tmp_path / "x.ipynb", Settings("full"))
