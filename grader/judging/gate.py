"""The gate: what comes from behind the wall is bounded and plain before a check reads it.

The wire says which types exist; a check also relies on NumPy taking a value without an exception.
What it would not take is the learner's failed check, with a sentence, and never an exception.
"""

import math
from typing import Any

import numpy as np

from data_utils.selfcheck.words import Finding, Found
from grader.judging.scrub import type_words
from grader.sandbox.plain import Opaque

INT_BOUNDS = (-(2**63), 2**63 - 1)  # of int64: NumPy makes objects of larger ones, floats overflow
# Of an empty array: it takes no bytes, so nothing else bounds its sides, and a sum over the side
# of length 0 allocates the others. The largest honest set is 72 transformations of 60,000 images.
EMPTY_SIDES = 10_000_000
TEXT_CHARS = 100  # no function of the course returns a text; the names of layers are short


def admit(value: Any) -> Any:
    """Let a value pass to the checks, as it is.

    Parameters
    ----------
    value : object
        What the session gave: plain data, arrays, `Opaque`. A value that is `Opaque` itself
        passes, because the checks name its type; inside another one it does not.

    Returns
    -------
    object
        The same object; of an `Opaque` one whose name can be shown.

    Raises
    ------
    Found
        For what no check can read: whole numbers beyond int64, lists that mix numbers with other
        things or whose rows have different lengths, keys that cannot be sorted, empty arrays
        with absurd sides, and objects inside lists, tuples and dicts.
    """
    if isinstance(value, Opaque):
        return Opaque(type_words(value.type_name))
    _look(value)
    return value


def _look(value: Any) -> None:
    if isinstance(value, bool) or value is None or isinstance(value, (float, bytes)):
        return
    if isinstance(value, int):
        _look_at_int(value)
    elif isinstance(value, str):
        if len(value) > TEXT_CHARS:
            _refuse(f"a text of {len(value)} characters", "no check reads a text of this length")
    elif isinstance(value, np.ndarray):
        _look_at_array(value)
    elif isinstance(value, (list, tuple)):
        for part in value:
            _look(part)
        if isinstance(value, list):
            _look_at_list(value)
    elif isinstance(value, dict):
        _look_at_keys(value)
        for part in value.values():
            _look(part)
    else:
        kind = type_words(getattr(value, "type_name", type(value).__name__))
        _refuse(f"a value that holds an object of type {kind}", "it is no number, array or text")


def _look_at_int(value: int) -> None:
    if not INT_BOUNDS[0] <= value <= INT_BOUNDS[1]:
        _refuse(f"a whole number of {value.bit_length()} bits", "no integer of NumPy is that large")


def _look_at_array(array: np.ndarray) -> None:
    if array.size == 0 and math.prod(side for side in array.shape if side) > EMPTY_SIDES:
        _refuse("an empty array with very long sides", "it holds nothing, and no set is that large")


def _look_at_list(value: list[Any]) -> None:
    """Require parts that belong together: NumPy makes an array of them, or nobody tries."""
    kinds = {_kind(part) for part in value}
    if "number" in kinds and kinds - {"number", "array"}:
        other = min(kinds - {"number", "array"})
        _refuse(
            f"a list that holds numbers beside {_PLURALS[other]}", "its parts are of several kinds"
        )
    if kinds == {"list"} and all(_kind(leaf) == "number" for leaf in _leaves(value)):
        shapes = {_shape(part) for part in value}
        if len(shapes) > 1 or None in shapes:
            got = f"a list of {len(value)} lists of different lengths"
            _refuse(got, "its rows have no common length")


_PLURALS = {
    "dict": "dicts",
    "list": "lists",
    "None": "None",
    "text": "texts",
    "tuple": "tuples",
}


def _kind(part: Any) -> str:
    if part is None:
        return "None"
    if isinstance(part, np.ndarray):
        return "array" if part.shape else "number"
    if isinstance(part, (int, float)):
        return "number"
    if isinstance(part, (list, tuple, dict)):
        return type(part).__name__
    return "text"


def _leaves(part: Any) -> list[Any]:
    """Return the parts of nested lists that are no lists."""
    if not isinstance(part, list):
        return [part]
    return [leaf for inner in part for leaf in _leaves(inner)]


def _shape(part: Any) -> tuple[int, ...] | None:
    """Return the shape of nested lists of numbers, None where rows differ."""
    if not isinstance(part, list):
        return ()
    shapes = {_shape(inner) for inner in part}
    if len(shapes) > 1 or None in shapes:
        return None
    inner = shapes.pop() if shapes else ()
    return None if inner is None else (len(part), *inner)


def _look_at_keys(value: dict[Any, Any]) -> None:
    kinds = {isinstance(key, str) for key in value}
    for key in value:
        if isinstance(key, int) and not isinstance(key, bool):
            _look_at_int(key)
        if isinstance(key, str):
            _look(key)
    # NaN is no key that could be found again; None cannot be sorted beside anything.
    if len(kinds) > 1 or any(key is None or key != key for key in value):
        _refuse("a dict with keys of several kinds", "its keys are neither all texts nor numbers")


def _refuse(got: str, why: str) -> None:
    raise Found(
        Finding(
            "numbers, arrays and texts, alone or in lists, tuples and dicts",
            got,
            why,
            "return what the exercise asks for, as NumPy arrays or plain Python numbers",
        )
    )
