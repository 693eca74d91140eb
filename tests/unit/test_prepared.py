"""Prepared arrays: found by name in the file of whichever notebook has them."""

import dataclasses
import io
from typing import Any

import numpy as np
import pytest

from data_utils import prepared, prepared_files
from data_utils.course import Course, load_course
from data_utils.errors import PreparedFileError, UnknownExerciseError
from data_utils.prepared import prepared_arrays
from data_utils.prepared_files import prepared_bytes, value_named

VALUES: dict[str, Any] = {
    "8.1 scores": np.arange(4, dtype=np.float32),
    "8.2 pairs": tuple(np.full((2, 28, 28), part, np.uint8) for part in range(12)),
    "8.2 pairs apart": np.array(7),
    "8.3 counts": {"tp": 3, "rates": [0.5, 1.0]},
    "8.4 history": [0.5, 0.25],
    "8.5 threshold": 0.1,
    "8.6 fit": (np.zeros(2), {"discriminator": [1.0]}, (np.ones(1), 3)),
}


def same(got: Any, expected: Any) -> bool:
    if isinstance(expected, tuple):
        return (
            isinstance(got, tuple) and len(got) == len(expected) and all(map(same, got, expected))
        )
    if isinstance(expected, np.ndarray):
        return bool(got.dtype == expected.dtype and np.array_equal(got, expected))
    return bool(got == expected and type(got) is type(expected))


def arrays_of(values: dict[str, Any]) -> dict[str, Any]:
    return dict(np.load(io.BytesIO(prepared_bytes(values)), allow_pickle=False))


def test_what_is_written_is_read_again_under_its_name() -> None:
    arrays = arrays_of(VALUES)
    for name, value in VALUES.items():
        assert same(value_named(arrays, name), value), name
    assert value_named(arrays, "8.2") is None
    assert prepared_bytes(VALUES) == prepared_bytes(VALUES)


def test_half_precision_is_for_the_file_alone() -> None:
    features = np.array([[0.1, 1000.0], [-3.5, 0.0]])
    arrays = arrays_of({"8.7 features": features.astype(np.float16)})
    assert arrays["8.7 features"].dtype == np.float16
    found = value_named(arrays, "8.7 features")
    assert found.dtype == np.float32
    assert np.allclose(found, features, rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("8.1/scores", np.zeros(2), "stroke"),
        ("", np.zeros(2), "empty"),
        ("8.1 scores", np.array([None]), "array of objects"),
        ("8.1 scores", {"tp": np.int64(3)}, "int64"),
        ("8.1 pairs", (np.zeros(2), object()), "pairs/1"),
        ("8.1 pairs", (np.zeros(2), np.array([None])), "pairs/1"),
    ],
)
def test_what_cannot_be_stored_is_refused_in_words(name: str, value: Any, words: str) -> None:
    with pytest.raises(PreparedFileError, match=words):
        prepared_bytes({name: value})


def test_a_name_is_found_whichever_notebook_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    (first, *_) = load_course().notebooks
    notebooks = (first, *(dataclasses.replace(first, id=i) for i in ("nb7_bare", "nb8_other")))
    files = {"nb8_other": arrays_of(VALUES)}
    monkeypatch.setattr(prepared, "load_course", lambda: Course(notebooks))
    monkeypatch.setattr(
        prepared, "stored", lambda file: files.get(file) or prepared_files.stored(file)
    )
    assert prepared_arrays("8.3 counts") == VALUES["8.3 counts"]
    assert prepared_arrays("1.2 scores").shape == (10,)


@pytest.mark.parametrize("name", ["9.9 scores", "", "pair_scores", "1.2"])
def test_an_unknown_name_is_one_sentence(name: str) -> None:
    with pytest.raises(UnknownExerciseError, match="no prepared arrays"):
        prepared_arrays(name)
