"""What crosses the wall, what does not, and frames that were made to hurt."""

import enum
import json
import math
import tracemalloc
from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest

from grader.sandbox import Opaque, wire

LIMIT = 4 * 2**20


def reader(raw: bytes) -> Any:
    """Return a function that reads a frame from memory, as the channel reads one from a socket."""
    position = 0

    def read(count: int) -> bytearray:
        nonlocal position
        part = bytearray(raw[position : position + count])
        position += count
        assert len(part) == count, "the frame is shorter than its header says"
        return part

    return read


def crossed(value: Any) -> Any:
    return wire.receive(reader(b"".join(bytes(part) for part in wire.encode(value, LIMIT))), LIMIT)


def frame(tree: Any, payload: bytes = b"") -> Any:
    raw = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    return reader(wire.HEADER.pack(wire.MAGIC, len(raw), len(payload)) + raw + payload)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -(2**70),
        1.5,
        math.inf,
        "",
        "ä\n\x00",
        "x" * 1000,
        b"\x00\xff",
        [],
        [1, [2.0, "three"], None],
        (1, 2),
        {"a": 1, 2: (3,), None: [], 1.5: {}},
        ["a", "<f8", [3]],  # looks like an array's node
        {"o": "int"},
    ],
)
def test_plain_values_come_out_as_they_went_in(value: Any) -> None:
    got = crossed(value)
    assert got == value
    assert type(got) is type(value)


def test_nan_comes_out_as_nan() -> None:
    assert math.isnan(crossed(math.nan))


@pytest.mark.parametrize("dtype", ["bool", "u1", "i2", "i8", "f2", "f4", "f8", ">f4"])
@pytest.mark.parametrize("shape", [(), (3,), (0, 4), (2, 3, 1)])
def test_arrays_keep_shape_type_and_values(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.arange(math.prod(shape)).reshape(shape).astype(dtype)
    got = crossed(array)
    assert got.shape == shape
    assert got.dtype == array.dtype.newbyteorder("<")
    np.testing.assert_array_equal(got, array)


def test_arrays_that_are_not_contiguous_cross() -> None:
    array = np.arange(24.0).reshape(4, 6)[::2, ::-1].T
    np.testing.assert_array_equal(crossed(array), array)


def test_several_arrays_and_long_texts_keep_their_order() -> None:
    value = [np.arange(3, dtype="u1"), "y" * 500, np.ones((2, 2)), b"end"]
    got = crossed(value)
    np.testing.assert_array_equal(got[0], value[0])
    assert got[1] == value[1]
    np.testing.assert_array_equal(got[2], value[2])
    assert got[3] == b"end"


def test_numpy_scalars_keep_their_type() -> None:
    assert crossed(np.int64(7)).dtype == np.int64
    assert crossed(np.float32(0.5)).shape == ()
    assert crossed({np.int64(3): 1}) == {3: 1}


def test_a_received_array_can_be_changed() -> None:
    got = crossed(np.zeros(3))
    got[0] = 1.0
    assert got[0] == 1.0


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1, 2},
        (number for number in range(3)),
        np.array([None]),
        np.array(["a"]),
        np.array([1j]),
        {(1, 2): 3},
        1 << 5000,
    ],
    ids=lambda value: type(value).__name__,
)
def test_anything_else_stays_inside(value: Any) -> None:
    got = crossed([value])[0]
    assert isinstance(got, Opaque)
    assert got != Opaque(got.type_name)


def test_opaque_values_cross_as_opaque() -> None:
    assert crossed(Opaque("torch.nn.Linear")).type_name == "torch.nn.Linear"


class Liar(float):
    def __eq__(self, other: object) -> bool:
        return True

    def __float__(self) -> float:
        raise AssertionError("student code ran")

    __hash__ = None  # type: ignore[assignment]


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise AssertionError("student code ran")

    def encode(self, *_: Any) -> bytes:
        raise AssertionError("student code ran")


class Loud(list[int]):
    def __iter__(self) -> Any:
        raise AssertionError("student code ran")


class Colour(enum.IntEnum):
    RED = 3


@pytest.mark.parametrize(
    ("value", "base"),
    [
        (Liar(2.5), 2.5),
        (Text("abc"), "abc"),
        (Loud([1, 2]), [1, 2]),
        (Colour.RED, 3),
        (OrderedDict(a=1), {"a": 1}),
        (namedtuple("Pair", "a b")(1, 2), (1, 2)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_subclasses_come_out_as_their_base(value: Any, base: Any) -> None:
    got = crossed(value)
    assert type(got) is type(base)
    assert got == base


def test_a_metaclass_that_lies_about_its_name_is_not_asked() -> None:
    class Meta(type):
        def __getattribute__(cls, name: str) -> Any:
            raise AssertionError("student code ran")

    class Thing(metaclass=Meta):
        pass

    assert "Thing" in crossed(Thing()).type_name


def test_strict_encoding_refuses_what_is_not_plain() -> None:
    with pytest.raises(wire.WireError, match="set"):
        wire.encode({"args": [{1}]}, LIMIT, strict=True)


def test_values_beyond_the_limits_are_refused() -> None:
    with pytest.raises(wire.WireError, match="bytes"):
        wire.encode(np.zeros(LIMIT), LIMIT)
    with pytest.raises(wire.WireError, match="parts"):
        wire.encode(list(range(wire.NODES + 1)), LIMIT)
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(wire.WireError, match="deeper"):
        wire.encode(endless, LIMIT)


@pytest.mark.parametrize(
    ("tree", "payload"),
    [
        (b"{", b""),
        (b"\xff\xfe", b""),
        ({"a": 1}, b""),
        ([], b""),
        (["?", 1], b""),
        (["l", 3], b""),
        (["d", [[1]]], b""),
        (["d", [[["l", []], 1]]], b""),
        (["a", "|O8", [1]], bytes(16)),
        (["a", "<f8", [2]], bytes(8)),
        (["a", "<f8", [-1]], b""),
        (["a", "<f8", [True]], bytes(16)),
        (["a", "<f8", [2**62, 2**62]], b""),
        (["a", "<f8", [0, 2**63]], b""),
        (["a", "<f8", [0] * 100], b""),
        (["a", ["<f8"], [1]], bytes(16)),
        (["s", 5], b""),
        (["s", -1], b""),
        (["b", 1.5], bytes(16)),
        (["o", 3], b""),
        (None, bytes(16)),
        (b"[" * 100_000 + b"]" * 100_000, b""),
        (b'["l",[' * 100 + b"]]" * 100, b""),
        (b"[" + b"0," * 1_000_000 + b"0]", b""),
        (b"9" * 10_000, b""),
    ],
    ids=range(25),
)
def test_malformed_frames_are_refused(tree: Any, payload: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.receive(frame(tree, payload), LIMIT)


def test_a_header_that_promises_too_much_is_refused_before_allocation() -> None:
    for header in (
        wire.HEADER.pack(wire.MAGIC, 10, 2**50),
        wire.HEADER.pack(wire.MAGIC, 2**31, 0),
        wire.HEADER.pack(b"HTTP", 1, 1),
    ):
        with pytest.raises(wire.WireError):
            wire.receive(reader(header), LIMIT)


def test_a_hostile_tree_takes_bounded_memory() -> None:
    tree = b"[" + b"[]," * (wire.TREE_BYTES // 3 - 10) + b"0]"
    tracemalloc.start()
    with pytest.raises(wire.WireError):
        wire.decode(tree, bytearray())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 2**20


def test_a_dict_cannot_hide_values_by_equal_keys() -> None:
    got = wire.receive(frame(["d", [[1, "a"], [1, "b"]]]), LIMIT)
    assert got == {1: "b"}
