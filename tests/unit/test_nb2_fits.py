"""A GAN may collapse for whoever did all right: the hidden checks train once more then."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from data_utils.course import load_course
from data_utils.selfcheck.nb2_detector import collapsed
from grader.hidden import nb2_fits
from grader.hidden.nb2_fits import Refit, fit_that_stands, later_trainings_of_run
from grader.student import Student

RNG = np.random.default_rng(3)
IMAGES = RNG.integers(0, 256, (40, 28, 28), dtype=np.uint8)
DARK, BRIGHT = IMAGES[:5] // 2, 128 + IMAGES[5:10] // 2
REFIT = Refit(6, 101, IMAGES[:30], IMAGES[30:], DARK, BRIGHT)
ONE_PICTURE = np.broadcast_to(np.uint8(255), (10, 28, 28)).copy()
EXAM = IMAGES, np.repeat([5, 3], 20).astype(np.uint8)


class FakeStudent:
    """Fits nothing; a detector is the seed that it was made with."""

    profile = "quick"

    def __init__(
        self,
        collapse_with: set[int],
        run: dict[str, Any] | None = None,
        weak: set[int] | None = None,
        reference: "FakeStudent | None" = None,
    ) -> None:
        self.collapse_with, self.run, self.weak = collapse_with, run or {}, weak or set()
        self.reference = reference
        self.fits: list[int] = []

    def with_reference(self, exercise_id: str) -> "FakeStudent | None":
        return self.reference

    def floor(self, profile: str, digit: int) -> Any:
        return SimpleNamespace(auroc=0.8)

    def keep(self, x_train: Any, x_val: Any, seed: int, **kwargs: Any) -> int:
        self.fits.append(seed)
        return seed

    def method(self, detector: int, name: str, images: np.ndarray) -> Any:
        if name == "anomaly_score":
            return np.arange(len(images), dtype=float)
        if name == "error_parts":  # the exam's normal images are dark, its anomalies bright
            errors = images.mean(axis=(1, 2)) * (-1 if detector in self.weak else 1)
            return errors, errors
        return ONE_PICTURE if detector in self.collapse_with else images

    def in_run(self, operation: str, *args: Any) -> Any:
        return self.method(*args) if operation == "method" else self.run[args[0]]


@pytest.mark.parametrize(
    ("collapse_with", "learnt", "seeds"),
    [
        (set(), True, [101]),
        ({101}, True, [101, 102]),
        ({101, 102}, True, [101, 102]),
        ({101}, False, [101]),
    ],
)
def test_a_collapsed_fit_has_one_more_try(
    collapse_with: set[int], learnt: bool, seeds: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nb2_fits, "learned", lambda *_: learnt)
    student: Any = FakeStudent(collapse_with)
    fitted = fit_that_stands(student, REFIT)
    assert student.fits == seeds
    assert fitted.images.seed == fitted.detector == seeds[-1]
    assert fitted.reached == 1.0


@pytest.mark.parametrize(
    ("weak", "learnt", "reference_is_weak", "whose"),
    [
        (set(), True, False, "own"),
        ({101}, True, False, "reference"),
        ({101}, True, True, "own"),  # the mistake is another one
        ({101}, False, False, "own"),  # nothing learnt: no second try
    ],
)
def test_a_weak_pair_is_no_weak_training(
    weak: set[int],
    learnt: bool,
    reference_is_weak: bool,
    whose: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nb2_fits, "learned", lambda *_: learnt)
    reference = FakeStudent(set(), weak={101} if reference_is_weak else set())
    student: Any = FakeStudent(set(), weak=weak, reference=reference)
    fitted = fit_that_stands(student, REFIT)
    assert fitted.student is (reference if whose == "reference" else student)
    assert reference.fits == ([101] if weak and learnt else [])


def made_run(**other: Any) -> dict[str, Any]:
    return {"x_train": IMAGES[:30], "x_val": IMAGES[30:], "SEED": 8, "detector": 8, **other}


@pytest.mark.parametrize(
    ("run", "collapse_with", "fits"),
    [
        (made_run(), {8}, [9]),
        (made_run(), set(), []),  # weak, and no collapse
        (made_run(x_train="rubbish"), {8}, []),
        (made_run(SEED=None), {8}, []),
    ],
)
def test_the_run_has_one_more_try_only_where_it_collapsed(
    run: dict[str, Any], collapse_with: set[int], fits: list[int]
) -> None:
    student: Any = FakeStudent(collapse_with, run)
    reached = list(later_trainings_of_run(student, EXAM, 5))
    assert student.fits == fits
    assert reached == [1.0] * len(fits)  # the scores rise, and the second half are anomalies


def test_the_run_is_trained_around_the_references_pair_in_the_end() -> None:
    reference = FakeStudent(set())
    student: Any = FakeStudent(set(), made_run(), reference=reference)
    assert list(later_trainings_of_run(student, EXAM, 5)) == [1.0]
    assert (student.fits, reference.fits) == ([], [9])


def test_a_picture_of_nothing_is_a_collapse() -> None:
    assert collapsed(ONE_PICTURE, IMAGES[30:], IMAGES[:30].mean(axis=0))
    assert not collapsed("rubbish", IMAGES[30:], IMAGES[:30].mean(axis=0))


@pytest.mark.parametrize(
    ("replaced", "solution", "whose"),
    [((), "there", ("2.2",)), (("2.1",), "there", ("2.1", "2.2")), (("2.2",), "there", None)],
)
def test_a_reference_is_asked_for_once_and_beside_the_others(
    replaced: tuple[str, ...], solution: str, whose: tuple[str, ...] | None
) -> None:
    exercise = load_course().notebook("nb2_gan_detector").exercise("2.8")
    examination: Any = SimpleNamespace(
        replaced=lambda _: replaced,
        solution=solution,
        stand_ins=lambda ids: SimpleNamespace(with_code="2.2" in ids),
    )
    other = Student(examination, exercise).with_reference("2.2")
    assert (None if other is None else other._replaced) == whose
    assert other is None or other._mute  # what a process with reference code says is scrubbed
    examination.solution = None  # a release without solutions
    assert Student(examination, exercise).with_reference("2.2") is None
