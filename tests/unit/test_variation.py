"""What is graded cannot be looked up: varied images, the course's secret, random batches, flags."""

import dataclasses
import json
import stat
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.calibrate import CALIBRATIONS
from benchmarks.masters import results_path
from data_utils.course import Notebook, load_course
from data_utils.datasets import load_mnist
from data_utils.metrics import auroc
from grader.errors import GraderError
from grader.examination import Settings
from grader.freshness import made_from, why_again
from grader.hidden import refits
from grader.hidden.detector_checks import in_random_batches
from grader.judging.flags import ALL_DATA, CELL_DATA, data_characters, literal_data, too_good
from grader.judging.secret import SECRET_FILE, course_secret, read_secret, secret_hash
from grader.judging.variation import varied
from grader.report import GRADED, GradeReport
from grader.submissions import Cell, Submission, read_submission, released_notebook

COURSE = load_course()
NB = COURSE.notebooks[0]
ONE, OTHER = "one", "other"


def coarse(images: np.ndarray) -> dict[str, np.ndarray]:
    """Return what somebody might look images up by, one row each."""
    blocks = images.reshape(-1, 7, 4, 7, 4).mean((2, 4))
    return {
        "black and white": images > 127,
        "ink pixels": (images > 127).sum((1, 2)),
        "ink of columns, coarse": (images > 127).sum(1) // 4,
        "four grey levels of 4 x 4 blocks": blocks // 64,
    }


def test_no_image_stays_what_it_was_and_coarse_tables_mostly_fail() -> None:
    images, _ = refits.public_exam()
    changed = varied(images, ONE, "exam")
    assert not {image.tobytes() for image in images} & {image.tobytes() for image in changed}
    for name, before in coarse(images).items():
        after = coarse(changed)[name].reshape(len(images), -1)
        assert np.mean((before.reshape(len(images), -1) == after).all(axis=1)) < 0.35, name


def test_the_change_is_small() -> None:
    images, _ = refits.public_exam()
    changed = varied(images, ONE, "exam").astype(int)
    assert np.abs(changed - images).mean() < 8
    assert abs(changed.mean() / images.mean() - 1) < 0.03
    assert (varied(np.zeros((2, 28, 28), np.uint8), ONE, "x") == 0).all()


def test_the_same_secret_gives_the_same_images_and_another_others() -> None:
    images = refits.public_exam()[0][:300]
    first = varied(images, ONE, "exam")
    np.testing.assert_array_equal(first, varied(images, ONE, "exam"))
    for secret, name in ((OTHER, "exam"), (ONE, "learner")):
        assert (varied(images, secret, name) != first).any(axis=(1, 2)).all()


def test_the_exam_costs_little() -> None:
    refits.public_exam()
    started = time.process_time()
    refits.varied_exam("not asked for before")
    assert time.process_time() - started < 0.5


def test_the_learners_images_keep_their_digits_and_not_their_places() -> None:
    refits.vary_by(ONE)
    images, digits = refits.learners_images()
    refits.vary_by("")
    plain = load_mnist("embedded")
    np.testing.assert_array_equal(digits, plain.labels)
    far = np.abs(images.astype(float) - plain.images).mean(axis=(1, 2))
    assert np.mean(far > 15) > 0.9  # another image of that digit lies in most places


# ---------------------------------------------------------------- the secret


def test_the_first_grading_makes_a_secret_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = course_secret(tmp_path)
    assert path == str(tmp_path / SECRET_FILE)
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    assert len(read_secret(path)) == 64
    assert course_secret(tmp_path) == path
    assert course_secret(tmp_path / "other") != path
    assert read_secret(course_secret(tmp_path / "other")) != read_secret(path)


@pytest.mark.parametrize("content", [b"", b"too short", b"\xff\xfe", b"g" * 64])
def test_a_damaged_secret_ends_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / SECRET_FILE).write_bytes(content)
    with pytest.raises(GraderError, match="delete this one"):
        course_secret(tmp_path)


def test_another_secret_grades_again_and_no_report_holds_it(tmp_path: Path) -> None:
    notebook = released_notebook(NB.id)
    path = course_secret(tmp_path)
    submission = read_submission(notebook)
    with_secret = Settings("quick", secret_file=path)
    made = made_from(submission.sha256, NB.id, with_secret)
    assert made["exam"] == secret_hash(path) != read_secret(path)[:16]
    assert read_secret(path) not in str(made) + str(with_secret)
    report = GradeReport(
        submission="x", notebook=NB.id, sha256=submission.sha256, status=GRADED, reason="",
        profile="quick", device="cpu", isolation="bwrap", exercises=(), facts={}, flags=(),
        cpu_seconds=1.0, wall_seconds=1.0, made_from=made,
    )  # fmt: skip
    assert why_again(report, notebook, NB.id, with_secret) is None
    again = why_again(report, notebook, NB.id, Settings("quick"))
    assert again == "the secret of the exam's images changed"


# ---------------------------------------------------------------- batches, digits


def test_batches_give_each_image_its_own_score_back() -> None:
    images, digits = (part[:500] for part in refits.public_exam())
    sizes = []

    def ink(some: np.ndarray) -> np.ndarray:
        sizes.append(len(some))
        return some.sum(axis=(1, 2)).astype(float)

    np.testing.assert_array_equal(
        in_random_batches(ink, images, digits == 3), images.sum(axis=(1, 2))
    )
    assert sum(sizes) == 500
    assert len(set(sizes)) > 1


def test_a_rank_within_the_batch_is_worth_less_than_a_score() -> None:
    images, digits = refits.varied_exam(ONE)
    is_anomaly = digits == 0
    truth = {image.tobytes(): float(odd) for image, odd in zip(images, is_anomaly, strict=True)}

    def rank(some: np.ndarray) -> np.ndarray:
        known = [truth[image.tobytes()] for image in some]
        return np.argsort(np.argsort(known, kind="stable")) / len(some)

    scores = in_random_batches(rank, images, ~is_anomaly)
    assert auroc(scores[~is_anomaly], scores[is_anomaly]) < 0.97


@pytest.mark.parametrize(
    ("place", "name", "digit"),
    [
        (0, "ANOMALY_DIGIT", 9),
        (1, "NORMAL_DIGIT", 5),
        (2, "ANOMALY_DIGIT", 9),
        (3, "NORMAL_DIGIT", 8),
    ],
)
def test_the_digit_is_the_locked_cells(place: int, name: str, digit: int) -> None:
    submission = read_submission(released_notebook(COURSE.notebooks[place].id))
    own = (*submission.cells, Cell(f"{name} = 1", "", "added"))
    assert dataclasses.replace(submission, cells=own).given_number(name) == digit
    with pytest.raises(GraderError):
        submission.given_number("NO_SUCH_NAME")


# ---------------------------------------------------------------- flags


@pytest.mark.parametrize(
    ("fact", "honest", "odd"),
    [
        ("auroc_exam_9", 0.75, 0.84),
        ("auroc_refit_2", 0.95, 1.0),
        ("auroc_refit_6", 0.93, 0.995),
        ("auroc_step_1", 0.92, 0.99),
        ("auroc_step_3", 0.79, 0.95),
    ],
)
def test_a_score_that_is_too_good_is_flagged_wherever_it_is_reached(
    fact: str, honest: float, odd: float
) -> None:
    settings = Settings("quick")
    assert not list(too_good(NB, settings, {fact: honest, "auroc_untrained_2": 1.0}))
    [flag] = too_good(NB, settings, {fact: odd})
    assert flag.startswith(f"AUROC {odd:.3f} ")


def test_a_perfect_score_from_few_labels_is_flagged() -> None:
    nb3, settings = COURSE.notebooks[2], Settings("quick")
    assert not list(too_good(nb3, settings, {"auroc_few_7": 0.985}))
    assert list(too_good(nb3, settings, {"auroc_few_7": 1.0}))


def with_cells(*sources: str) -> Submission:
    submission = read_submission(released_notebook(NB.id))
    cells = tuple(Cell(source, "", "added") for source in sources)
    return dataclasses.replace(submission, cells=(*submission.cells, *cells))


def test_cells_full_of_data_are_flagged_and_answers_are_not() -> None:
    for notebook in COURSE.notebooks:
        assert not list(literal_data(read_submission(released_notebook(notebook.id))))
    table = f"TABLE = {list(range(1000, 1000 + CELL_DATA // 4 + 10))}"
    [flag] = literal_data(with_cells(table))
    assert "characters of data" in flag
    [flag] = literal_data(with_cells(f"%%writefile table.py\nTEXT = {'x' * (CELL_DATA + 1)!r}"))
    assert "characters of data" in flag
    parts = [f"PART_{i} = {'x' * 2000!r}" for i in range(ALL_DATA // 2000 + 1)]
    [flag] = literal_data(with_cells(*parts))
    assert "together" in flag


@pytest.mark.parametrize("source", ["(" * 5000, "\0", "x = " + "9" * 10_000, "def f(:"])
def test_odd_cells_are_counted_without_an_error(source: str) -> None:
    assert data_characters(source) >= 0


def test_no_batch_is_so_small_that_its_scores_look_alike() -> None:
    images, digits = refits.public_exam()
    for start in range(0, 2000, 100):
        sizes: list[int] = []

        def count(some: np.ndarray, sizes: list[int] = sizes) -> np.ndarray:
            sizes.append(len(some))
            return np.zeros(len(some))

        in_random_batches(count, images[start : start + 100], digits[start : start + 100] != 3)
        assert min(sizes) >= 30
        assert sum(sizes) == 100


@pytest.mark.parametrize("notebook", COURSE.notebooks, ids=lambda notebook: str(notebook.id))
def test_the_study_leaves_every_honest_design_its_room_above_the_floor(notebook: Notebook) -> None:
    study = json.loads(results_path(notebook.id, "variation.json").read_text())
    assert study["summary"]
    for line in study["summary"]:
        if line["floor"] is not None and line["design"] in CALIBRATIONS[notebook.id].honest:
            assert line["varied_less_3_sd"] >= line["floor"] - 0.002, line  # of rounded numbers
