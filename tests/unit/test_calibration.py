"""The floors of each notebook: they belong to the code as it is, and each has its place."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.calibrate import CALIBRATIONS, measured_rows
from benchmarks.calibrate_nb1 import NB1
from benchmarks.calibration import Calibration, learners_images
from benchmarks.course_parts import marks, write_part
from benchmarks.floors import COMMAND, write_floors
from data_utils.course import load_course, parse_course
from data_utils.course_records import SETTINGS
from data_utils.errors import CourseFileError

ROOT = Path(__file__).resolve().parents[2]
COURSE = ROOT / "data_utils" / "course.toml"
BEGIN, END = marks(NB1.notebook, COMMAND)
OTHER = """
[[notebooks]]
id = "nb8_other"
title = "t"
framework = "torch"
setting = "one-vs-rest"
[[notebooks.exercises]]
id = "8.1"
function = "f"
title = "t"
points = 2
minutes = 5
lines = 1
difficulty = 1
hints = ["a", "b"]

{}
{}
""".format(*marks("nb8_other", COMMAND))
each = pytest.mark.parametrize("calibration", CALIBRATIONS.values(), ids=list(CALIBRATIONS))


def test_every_notebook_is_calibrated() -> None:
    assert list(CALIBRATIONS) == [notebook.id for notebook in load_course().notebooks]


@each
def test_the_floors_belong_to_the_code_as_it_is(calibration: Calibration) -> None:
    notebook = load_course().notebook(calibration.notebook)
    assert calibration.code() == notebook.calibrated_code, "run: make calibrate"
    assert notebook.floors
    tables = {table.exercise: table for table in calibration.tables}
    assert {floor.exercise for floor in notebook.floors} == set(tables)
    for floor in notebook.floors:
        table = tables[floor.exercise]
        assert floor.backbone == table.backbone
        rows = {row.design: row for row in floor.table}
        assert {row.seeds for row in floor.table} == {10}
        if floor.auroc is not None:
            plain = table.plainest in floor.note
            honest = table.designs if plain else table.honest
            assert floor.auroc <= min(rows[d].mean - 3 * rows[d].sd for d in honest)
            wrong = [rows[name] for name in table.wrong]
            assert floor.auroc > max(row.mean + 3 * row.sd for row in wrong)


@each
def test_the_floors_are_what_their_rows_give(calibration: Calibration, tmp_path: Path) -> None:
    rows = measured_rows(calibration.notebook, calibration.code())
    path = tmp_path / "course.toml"
    path.write_text(COURSE.read_text())
    write_floors(path, calibration, rows, calibration.code())
    assert path.read_text() == COURSE.read_text()


def test_each_notebook_has_its_floors_in_its_own_part(tmp_path: Path) -> None:
    path = tmp_path / "course.toml"
    path.write_text(COURSE.read_text() + OTHER)
    rows: list[dict[str, Any]] = [
        {"row": row, "profile": "quick", "digit": 5, "auroc": mean + seed / 1000}
        for row, mean in (("solution", 0.9), ("other_design", 0.8), ("plain_design", 0.85),
                          ("untrained", 0.5))
        for seed in range(10)
    ]  # fmt: skip
    other = dataclasses.replace(NB1, notebook="nb8_other", designs=("solution", "other_design"))
    for _ in range(2):  # the second time over what the first one wrote
        write_floors(path, other, rows, "abc")
    course = parse_course(path.read_text())
    assert course.notebooks[:-1] == load_course().notebooks
    assert path.read_text().startswith(COURSE.read_text())
    (floor,) = course.notebooks[-1].floors
    assert (floor.digit, floor.auroc, course.notebooks[-1].calibrated_code) == (5, 0.79, "abc")


def test_each_function_has_floors_of_its_own_rows(tmp_path: Path) -> None:
    path = tmp_path / "course.toml"
    path.write_text(COURSE.read_text() + OTHER)
    few = dataclasses.replace(
        NB1, designs=("solution",), wrong=("swapped",), exercise="8.1", backbone="some_network"
    )
    whole = dataclasses.replace(
        NB1, notebook="nb8_other", designs=("solution",), wrong=("untrained",), also=(few,)
    )
    rows = [
        {"row": row, "profile": "quick", "digit": 5, "auroc": mean + seed / 1000, **of}
        for of, means in (
            ({}, {"solution": 0.9, "plain_design": 0.85, "untrained": 0.5}),
            ({"exercise": "8.1"}, {"solution": 0.8, "plain_design": 0.75, "swapped": 0.2}),
        )
        for row, mean in means.items()
        for seed in range(10)
    ]
    write_floors(path, whole, rows, "abc")
    other = parse_course(path.read_text()).notebooks[-1]
    assert [(f.exercise, f.backbone, f.auroc) for f in other.floors] == [
        ("", "", 0.84),
        ("8.1", "some_network", 0.74),
    ]
    assert other.floor("quick", "cpu", 5) == other.floors[0]
    assert other.floor("quick", "cpu", 5, backbone="some_network", exercise="8.1") is not None
    assert other.floor("quick", "cpu", 5, backbone="another", exercise="8.1") is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (BEGIN, ""),
        (END, ""),
        (END, END + "\n" + END),
        (BEGIN, END + "\n" + BEGIN),
        (BEGIN, OTHER + BEGIN),
    ],
    ids=["no begin", "no end", "two ends", "turned round", "in another notebook's part"],
)
def test_without_its_place_nothing_is_written(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "course.toml"
    text = COURSE.read_text().replace(old, new)
    path.write_text(text)
    with pytest.raises(SystemExit, match="needs these two lines"):
        write_part(path, NB1.notebook, COMMAND, ["# nothing"])
    assert path.read_text() == text


def test_what_is_no_course_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "course.toml"
    path.write_text(COURSE.read_text())
    with pytest.raises(CourseFileError):
        write_part(path, NB1.notebook, COMMAND, ["[[notebooks.floors]]"])
    assert path.read_text() == COURSE.read_text()


def test_the_setting_says_which_images_are_normal(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = learners_images("quick")
    digit_of = {image.tobytes(): int(label) for image, label in zip(images, labels, strict=True)}
    few = dataclasses.replace(NB1, images={"quick": (300, 50)})

    def digits(parts: tuple[np.ndarray, ...]) -> list[set[int]]:
        return [{digit_of[image.tobytes()] for image in part} for part in parts]

    others = set(range(10)) - {5}
    assert digits(few.split("quick", 5, 0)) == [others, others, {5}]
    notebook = load_course().notebook(NB1.notebook)
    one = dataclasses.replace(notebook, setting=SETTINGS["one-vs-rest"])
    monkeypatch.setattr("benchmarks.calibration.load_course", lambda: _Course(one))
    parts = few.split("quick", 5, 0)
    assert digits(parts) == [{5}, {5}, others]
    assert [len(part) for part in parts] == [300, 50, 4500]


@dataclasses.dataclass(frozen=True)
class _Course:
    only: Any

    def notebook(self, _: str) -> Any:
        return self.only
