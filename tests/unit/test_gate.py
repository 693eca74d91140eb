"""The gate: what honest code returns passes unchanged, what no check can read is a finding."""

import re
import threading
from typing import Any

import numpy as np
import pytest

from data_utils.selfcheck.words import Found
from grader.judging.gate import EMPTY_SIDES, admit
from grader.sandbox.plain import Opaque
from tests.odd_values import crossed, deep

HONEST: dict[str, object] = {
    "None": None,
    "truth": True,
    "text": "encoder",
    "int": 7,
    "float": 0.25,
    "largest int64": 2**63 - 1,
    "smallest int64": -(2**63),
    "nan": float("nan"),
    "numpy scalar": np.float32(1.5),
    "numpy int": np.int64(3),
    "float16": np.ones(3, np.float16),
    "uint64": np.array([2**64 - 1], np.uint64),
    "bool array": np.ones(3, bool),
    "list of numbers": [0.5, 1, True, np.float32(2)],
    "list of lists": [[1, 2], [3, 4]],
    "three levels": [[[1], [2]], [[3], [4]]],
    "empty list": [],
    "list of empty lists": [[], []],
    "split": tuple(np.zeros((n, 28, 28)) for n in (5, 2, 1)),
    "split as lists": ([1, 2, 3], [4]),
    "weights": [np.zeros((3, 4)), np.zeros(4), np.float32(0)],
    "weights and a number": [np.zeros((3, 4)), 0.5],
    "weights of two networks": [[np.zeros((3, 4)), np.zeros(4)], [np.zeros(2)]],
    "gradients": [None, np.zeros(3)],
    "record": (1, "name", None, [1, 2], np.zeros(3)),
    "shapes": [(2, 3), (), None],
    "history": {"loss": [1.0, 0.5], "val": [2, 1]},
    "by digit": {0: np.zeros(2), np.int64(1): np.zeros(3)},
    "by share": {0.05: 1.0, 0.1: 2.0},
    "dict in dict": {"a": {"b": (1, 2)}},
    "empty array": np.zeros((0, 28, 28)),
    "empty set of 72 transformations": np.zeros((0, 72, 60_000)),
}


@pytest.mark.parametrize("value", HONEST.values(), ids=list(HONEST))
def test_what_honest_code_returns_passes_unchanged(value: object) -> None:
    seen = crossed(value)
    assert admit(seen) is seen


def test_an_object_by_itself_passes_for_the_checks_to_name() -> None:
    for value in (1j, object(), np.array([1j]), np.datetime64("2026-01-01"), threading.Lock()):
        seen = admit(crossed(value))
        assert isinstance(seen, Opaque)
        assert seen.type_name in crossed(value).type_name


NOT_ADMITTED: dict[str, tuple[object, str]] = {
    "larger than int64": (2**63, "64 bits"),
    "smaller than int64": (-(2**63) - 1, "64 bits"),
    "largest that crosses": (2**1024 - 1, "1024 bits"),
    "in a list": ([1, 2**70], "71 bits"),
    "in a dict": ({"tp": 2**70}, "71 bits"),
    "as a key": ({2**70: 1}, "71 bits"),
    "beyond the wire": ((10**400, 1), "type int"),
    "ragged": ([[1, 2], [3]], "different lengths"),
    "ragged below": (deep(20, [[1], [2, 3]]), "different lengths"),
    "ragged with an empty row": ([[], [1]], "different lengths"),
    "rows of several depths": ([[1], [[2]]], "different lengths"),
    "number and list": ([1, [2, 3]], "beside lists"),
    "number and text": ([1, "a"], "beside texts"),
    "number and None": ([1.0, None], "beside None"),
    "number and dict": ([1.0, {}], "beside dicts"),
    "number and tuple": ([1.0, (1, 2)], "beside tuples"),
    "complex in a list": ([1j, 2], "type complex"),
    "object in a tuple": ((1.0, object()), "type object"),
    "complex array in a dict": ({"a": np.array([1j])}, "complex128"),
    "float128 in a tuple": ((np.zeros(2, np.longdouble),), "float128"),
    "absurd side": (np.zeros((0, 2**39), np.uint8), "very long sides"),
    "absurd product": (np.zeros((2**14, 2**14, 0), np.uint8), "very long sides"),
    "long text": ("a" * 20_000, "20000 characters"),
    "keys of two kinds": ({"a": 1, 1: 2}, "several kinds"),
    "None as a key": ({None: 1}, "several kinds"),
    "NaN as a key": ({float("nan"): 1}, "several kinds"),
}


@pytest.mark.parametrize(("value", "words"), NOT_ADMITTED.values(), ids=list(NOT_ADMITTED))
def test_what_no_check_can_read_is_a_finding(value: object, words: str) -> None:
    with pytest.raises(Found) as found:
        admit(crossed(value))
    assert words in found.value.finding.got


def test_an_empty_array_may_be_as_long_as_any_set() -> None:
    assert admit(np.zeros((EMPTY_SIDES, 0))).shape == (EMPTY_SIDES, 0)


@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: [value]])
def test_a_type_of_the_students_own_naming_carries_nothing_out(wrap: Any) -> None:
    for name in ("1234567890" * 20, "x" * 500, "A1234_5678_9012_3456_7890_1234_5678", "a b c d e"):
        try:
            told = admit(wrap(Opaque(name))).type_name
        except Found as found:
            told = found.finding.got
        assert len(told) < 100
        assert len(re.findall(r"\d+", told)) <= 6
