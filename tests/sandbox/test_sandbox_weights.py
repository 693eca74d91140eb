"""Weights that no package carries are seen inside the wall: the one file, and nothing beside it."""

from pathlib import Path

import pytest

from data_utils.backbone_weights import FALLBACK, WEIGHTS, backbone_in_use
from grader.examination import Settings
from grader.sandbox import Isolation, Session

FILE = WEIGHTS["resnet18"].name
LOOK = f"""
import os
folder = os.environ["ANOMALY_COURSE_WEIGHTS"]
found = [sorted(os.listdir(folder)), open(os.path.join(folder, {FILE!r})).read()]
"""


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / FILE).write_text("weights")
    (folder / "private.txt").write_text("not for students")
    monkeypatch.setenv("ANOMALY_COURSE_WEIGHTS", str(folder))
    monkeypatch.setenv("ANOMALY_COURSE_BACKBONE", "resnet18")
    return folder


def test_the_weights_file_is_seen_alone_and_cannot_be_written(
    wall: Isolation, weights: Path
) -> None:
    assert Settings().backbone == "resnet18"
    with Session(wall) as session:
        session.run_cell(LOOK)
        assert session.value("found") == [[FILE], "weights"]
        done = session.run_cell(f'open(os.path.join(folder, {FILE!r}), "w")')
        assert done.ename in ("OSError", "PermissionError")


def test_a_plain_process_reads_them_where_they_are(weights: Path) -> None:
    with Session(Isolation.NONE) as session:
        session.run_cell(LOOK)
        assert session.value("found")[1] == "weights"


def test_without_weights_the_fallback_is_in_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANOMALY_COURSE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("resnet50", "no such network"):
        monkeypatch.setenv("ANOMALY_COURSE_BACKBONE", name)
        assert backbone_in_use() == Settings().backbone == FALLBACK
