"""Odd values that student code may send: each met a check or the trusted side unprepared once."""

import datetime
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from grader.sandbox import wire


def crossed(value: object, limit: int = 2**28) -> Any:
    """Return what the trusted side sees of a value.

    Raises
    ------
    wire.WireError
        When it does not fit through the wall.
    """
    frame = b"".join(bytes(part) for part in wire.encode(value, limit))
    size = wire.HEADER.size
    tree, payload = wire.lengths(frame[:size], limit)
    rest = bytearray(frame[size:])
    return wire.decode(rest[:tree], rest[tree : tree + payload])


def deep(levels: int, core: Any) -> Any:
    """Return a value inside as many lists."""
    return core if levels == 0 else [deep(levels - 1, core)]


def _arrays() -> dict[str, Any]:
    """Arrays of no use: empty, of odd shapes and types, without a finite number."""
    rng = np.random.default_rng(0)
    nan = np.full(4, np.nan)
    return {
        "no number": np.zeros(0),
        "no row": np.zeros((0, 28, 28)),
        "no column": np.zeros((5, 0)),
        "no axis": np.array(1.5),
        "NaN without axis": np.array(np.nan),
        "infinity without axis": np.array(np.inf),
        "truth without axis": np.array(True),
        "int without axis": np.array(-3),
        "one number": np.ones(1),
        "rank 16": np.zeros((1,) * 16),
        "absurd sides": np.zeros((0, 2**39), np.uint8),
        "wide and empty": np.zeros((0, 60_000)),
        "NaN": nan,
        "NaN images": np.full((2, 28, 28), np.nan, np.float32),
        "infinities": np.array([np.inf, -np.inf, 0.0]),
        "largest floats": np.full(5, np.finfo(float).max),
        "truths": np.ones(6, bool),
        "uint64": np.full(3, 2**64 - 1, np.uint64),
        "int64": np.full(3, -(2**63), np.int64),
        "float16": np.full(4, 6e4, np.float16),
        "column": np.ones((4, 1)),
        "nonsense": rng.normal(size=(7, 3)),
        "texts": np.array(["a", "bc"]),
        "objects": np.array([1, None], object),
        "complex": np.array([1j, 2]),
        "times": np.array(["2026-01-01"], "datetime64[D]"),
        "records": np.zeros(2, [("a", "f4"), ("b", "i4")]),
        "masked": np.ma.masked_invalid([1.0, np.nan]),
        "float128": np.ones(3, np.longdouble),
    }


def _lists() -> dict[str, Any]:
    """Lists, tuples and dicts that no exercise asks for."""
    return {
        "()": (),
        "[]": [],
        "{}": {},
        "list of None": [None, None],
        "tuple of None": (None, None, None, None),
        "list of texts": ["a", "b"],
        "list of numbers": [0.5, 1, True],
        "list of a large int": [1, 2**1024 - 1],
        "ragged": [[1, 2], [3]],
        "ragged tuples": [(1, 2), (3,)],
        "ragged arrays": [np.zeros(3), np.zeros((2, 2))],
        "deep": deep(25, 1.0),
        "deep and ragged": deep(20, [[1], [2, 3]]),
        "mixed": [1, "a", None, [2], {"b": 3}],
        "mixed tuple": (1, "a", None, [2], {"b": 3}),
        "tuple of one": (1.0,),
        "tuple of two": (np.zeros(3), None),
        "tuple of five": (1, 2, 3, 4, 5),
        "empty arrays": tuple(np.zeros((0, 28, 28), np.uint8) for _ in range(4)),
        "dict of None": {"a": None},
        "dict by number": {0: 1.0, 1: np.zeros(2)},
        "odd keys": {None: 1, math.nan: 2, "a": 3, True: 4, 1.5: 5},
        "dict of dicts": {"a": {"b": {"c": []}}},
        "objects inside": (object(), [1j]),
    }


def odd_values() -> dict[str, Any]:
    """Return the values by a short name, as student code has them, before they cross."""
    return {
        "None": None,
        "True": True,
        "False": False,
        "empty text": "",
        "text": "one word",
        "number as text": "0.5",
        "bytes": b"",
        "more bytes": b"12",
        "0": 0,
        "-1": -1,
        "nan": math.nan,
        "inf": math.inf,
        "-0.0": -0.0,
        "1e308": 1e308,
        "2**63": 2**63,
        "2**1024 - 1": 2**1024 - 1,
        "10**400": 10**400,
        "complex": 1j,
        "object": object(),
        "time": datetime.datetime(2026, 1, 1),
        **_arrays(),
        **_lists(),
    }


def changed(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield names and values that are a right one with something changed."""
    if isinstance(value, np.ndarray):
        yield from _changed_array(value)
    elif isinstance(value, dict):
        yield "with another key", {**value, "more": 1}
        yield "its values alone", list(value.values())
        for key, part in value.items():
            yield f"without {key}", {other: v for other, v in value.items() if other != key}
            for name, odd in _parts_of(part):
                yield f"{key}: {name}", {**value, key: odd}
    elif isinstance(value, (list, tuple)):
        kind = type(value)
        yield "one less", value[:-1]
        yield "one more", value + value[-1:]
        yield "as the other kind", list(value) if kind is tuple else tuple(value)
        yield "None throughout", kind([None] * len(value))
        for place in {0, len(value) - 1} if value else ():
            for name, odd in _parts_of(value[place]):
                yield f"[{place}] {name}", kind([*value[:place], odd, *value[place + 1 :]])
    elif isinstance(value, (int, float)):
        yield "next to it", value + 1
        yield "below zero", -1 - value
        yield "as a text", str(value)
        yield "in a list", [value]
        yield "as an array", np.array([float(value)])


def _parts_of(part: Any) -> Iterator[tuple[str, Any]]:
    """Yield what takes the place of a part: some odd values, and the part with a change."""
    odd = odd_values()
    for name in _IN_PLACE:
        yield name, odd[name]
    yield from changed(part)


_IN_PLACE = (
    *("None", "True", "text", "nan", "2**1024 - 1", "[]", "()", "ragged", "dict of None"),
    *("NaN", "no number", "no axis", "rank 16", "deep"),
)


def _changed_array(array: np.ndarray) -> Iterator[tuple[str, Any]]:
    floats = array.astype(float) if array.dtype.kind in "biu" else array.copy()
    shape, count = array.shape, array.size
    with np.errstate(all="ignore"):
        for kind in ("bool", "uint8", "int64", "float16"):
            yield f"as {kind}", array.astype(kind)
    yield "NaN throughout", np.full(shape, np.nan)
    yield "huge", np.full(shape, 1e308)
    yield "largest uint64", np.full(shape, 2**64 - 1, np.uint64)
    yield "zero throughout", np.zeros_like(array)
    yield "turned", -floats
    yield "noise", np.random.default_rng(0).normal(size=shape)
    yield "with a first axis", array[None]
    yield "with a last axis", array[..., None]
    yield "flat", array.reshape(-1)
    yield "as a list", array[:10].tolist() if shape else array.item()
    if count:
        for name, odd in (("a NaN", np.nan), ("an infinity", np.inf)):
            holed = floats.copy()
            holed.reshape(-1)[0] = odd
            yield f"with {name}", holed
        yield "its first number", np.array(array.reshape(-1)[0])
    if shape:
        yield "one less", array[:-1]
        yield "empty", array[:0]
        yield "twice", np.concatenate([array, array])
    if len(shape) > 1:
        yield "transposed", array.T
        yield "as a list of rows", list(array[:10])
