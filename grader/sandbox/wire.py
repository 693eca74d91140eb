"""Plain data across the wall: framing and encoding, without pickle.

A frame is a header (magic, length of the tree, length of the payload), a JSON tree and the raw
bytes of arrays and long texts, in the order in which the tree names them. Scalars stand in the
tree as they are; everything else is a list that starts with a tag, so that no value can imitate a
marker. Lengths, depth, number of nodes and rank are checked before anything is allocated for them.

Both sides import this module: outside as `grader.sandbox.wire`, inside the wall as a bare `wire`.
NumPy is imported when the first array passes, because inside it costs as much as IPython.
"""

from __future__ import annotations

import json
import math
import struct
import sys
from typing import TYPE_CHECKING, Any

if __package__:
    from .plain import NAME_CHARS, Opaque, as_array, type_name
else:
    from plain import (  # type: ignore[no-redef, import-not-found]
        NAME_CHARS,
        Opaque,
        as_array,
        type_name,
    )

if TYPE_CHECKING:
    import numpy as np

MAGIC = b"NGW1"
HEADER = struct.Struct("!4sIQ")
TREE_BYTES = 4 * 2**20  # json.loads needs up to 25 times this; the trusted side bears 100 MB
NODES = 250_000  # the scores of all 60,000 images as a list, with room
DEPTH = 32  # a list of dicts of lists is 3; the JSON parser recurses twice for each
RANK = 16  # images are 4, a batch of transformations 5
INT_BITS = 1024  # beyond this, printing an int costs quadratic time
TEXT_CHARS = 4_000_000  # longer than any cell or capped output
INLINE_CHARS = 120  # longer texts go into the payload, where their commas cost no node
ALIGN = 16  # arrays start on multiples of this, so that NumPy can use them in place
DTYPES = frozenset(
    ("|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8")
)


class WireError(ValueError):
    """A value or a frame that the wire does not carry."""


def encode(value: object, limit: int, *, strict: bool = False) -> list[Any]:
    """Encode one message.

    Parameters
    ----------
    value : object
        Plain data; anything else becomes `Opaque`.
    limit : int
        Largest number of bytes of the whole frame.
    strict : bool
        Refuse what is not plain data instead (the trusted side's own messages).

    Returns
    -------
    list of bytes-like
        Buffers to send one after the other.

    Raises
    ------
    WireError
        When the value is too large, too deep, or (strict) not plain.
    """
    encoder = _Encoder(limit, strict)
    tree = json.dumps(encoder.node(value, 0), separators=(",", ":")).encode("ascii")
    if len(tree) > TREE_BYTES or len(tree) + encoder.size > limit:
        raise WireError(f"the value takes more than {limit} bytes, or holds too many parts")
    return [HEADER.pack(MAGIC, len(tree), encoder.size) + tree, *encoder.blobs]


def lengths(header: bytes, limit: int) -> tuple[int, int]:
    """Read and check a frame's header.

    Parameters
    ----------
    header : bytes, shape (HEADER.size,)
        What came first.
    limit : int
        Largest number of bytes of the whole frame.

    Returns
    -------
    tuple of int
        Bytes of the tree and of the payload.

    Raises
    ------
    WireError
        When this is no header, or one of a frame that is too large.
    """
    magic, tree, payload = HEADER.unpack(header)
    if magic != MAGIC:
        raise WireError("this is not a frame")
    if tree > TREE_BYTES or tree + payload > limit:
        raise WireError(f"the frame says {tree + payload} bytes, more than {limit}")
    return tree, payload


def decode(tree: bytes | bytearray, payload: bytearray) -> Any:
    """Decode one message.

    Parameters
    ----------
    tree : bytes
        JSON text.
    payload : bytearray
        Raw bytes; arrays in the result are views into it.

    Returns
    -------
    object
        Plain data, arrays and `Opaque`, all of exactly these types.

    Raises
    ------
    WireError
        When the frame is malformed.
    """
    if tree.count(b",") + tree.count(b"[") + tree.count(b"{") > 3 * NODES:
        raise WireError("the frame holds too many parts")
    try:
        parsed = json.loads(tree)
    except (ValueError, RecursionError) as error:
        raise WireError("the frame holds no JSON tree") from error
    decoder = _Decoder(payload)
    value = decoder.value(parsed, 0)
    if decoder.position != len(payload):
        raise WireError("the payload is longer than the tree says")
    return value


def receive(read_exactly: Any, limit: int) -> Any:
    """Read one frame with a function that returns exactly n bytes.

    Parameters
    ----------
    read_exactly : callable
        From a number of bytes to a bytearray of that length.
    limit : int
        Largest number of bytes of the whole frame.

    Returns
    -------
    object
        The decoded message.

    Raises
    ------
    WireError
        When the frame is malformed or too large.
    """
    tree, payload = lengths(bytes(read_exactly(HEADER.size)), limit)
    return decode(read_exactly(tree), read_exactly(payload))


class _Encoder:
    """One pass over a value; collects the payload."""

    def __init__(self, limit: int, strict: bool) -> None:
        self.blobs: list[Any] = []
        self.size = 0
        self.nodes = 0
        self.limit = limit
        self.strict = strict

    def node(self, value: object, depth: int) -> Any:
        """Return the JSON node of a value."""
        self.nodes += 1
        if self.nodes > NODES:
            raise WireError(f"the value holds more than {NODES} parts")
        if depth > DEPTH:
            raise WireError(f"the value is nested deeper than {DEPTH}, or holds itself")
        if value is None or value is True or value is False:
            return value
        array = as_array(value)
        if array is not None:
            return self.array(array)
        if isinstance(value, (int, float, str, bytes, bytearray)):
            return self.scalar(value)
        if isinstance(value, (list, tuple)):
            kind: Any = list if isinstance(value, list) else tuple
            parts = [self.node(part, depth + 1) for part in kind.__iter__(value)]
            return ["l" if kind is list else "t", parts]
        if isinstance(value, dict):
            return self.pairs(value, depth)
        return self.opaque(value.type_name if type(value) is Opaque else type_name(value))

    def scalar(self, value: Any) -> Any:
        """Encode a scalar by its base class, never by a method that a subclass overrides."""
        if isinstance(value, int):
            whole = int.__index__(value)
            return whole if whole.bit_length() <= INT_BITS else self.opaque("int")
        if isinstance(value, float):
            return float.__float__(value)
        if isinstance(value, (bytes, bytearray)):
            raw = bytes.__getitem__(value, slice(None)) if isinstance(value, bytes) else value
            return ["b", self.blob(bytes(raw))]
        text = str.__str__(value)
        if len(text) > TEXT_CHARS:
            raise WireError(f"a text is longer than {TEXT_CHARS} characters")
        raw = text.encode("utf-8", "replace")
        return raw.decode() if len(text) <= INLINE_CHARS else ["s", self.blob(raw)]

    def pairs(self, value: dict[Any, Any], depth: int) -> Any:
        """Encode a dict whose keys are scalars."""
        pairs = []
        for key, part in dict.items(value):
            numpy = sys.modules.get("numpy")
            if numpy is not None and isinstance(key, numpy.generic):
                key = numpy.generic.item(key)
            if key is not None and not isinstance(key, (bool, int, float, str)):
                return self.opaque(f"dict with a key of type {type_name(key)}")
            pairs.append([self.node(key, depth + 1), self.node(part, depth + 1)])
        return ["d", pairs]

    def array(self, array: np.ndarray) -> Any:
        """Encode an array of a known dtype."""
        import numpy as np

        if array.dtype.name == "bfloat16":  # ml_dtypes; no other reader knows it
            array = array.astype(np.float32)
        dtype = array.dtype.newbyteorder("<") if array.dtype.kind in "biuf" else array.dtype
        if dtype.str not in DTYPES or array.ndim > RANK:
            return self.opaque(f"numpy.ndarray of {array.dtype.name}")
        if self.size + array.nbytes > self.limit:
            raise WireError(f"an array takes {array.nbytes} bytes; a message holds {self.limit}")
        flat = np.asarray(array, dtype=dtype, order="C").reshape(-1).view(np.uint8)
        self.blob(flat.data)
        return ["a", dtype.str, list(array.shape)]

    def blob(self, raw: Any) -> int:
        """Append bytes to the payload, padded; return their number."""
        count = len(raw)
        padding = -count % ALIGN
        if self.size + count + padding > self.limit:
            raise WireError(f"the value takes more than {self.limit} bytes")
        self.blobs.append(raw)
        if padding:
            self.blobs.append(bytes(padding))
        self.size += count + padding
        return count

    def opaque(self, name: str) -> Any:
        """Encode what stays on its side."""
        if self.strict:
            raise WireError(f"a value of type {name} cannot cross; pass plain data and arrays")
        return ["o", name[:NAME_CHARS]]


class _Decoder:
    """One pass over a parsed tree; takes the payload in order."""

    def __init__(self, payload: bytearray) -> None:
        self.payload = memoryview(payload)
        self.position = 0
        self.nodes = 0

    def value(self, node: Any, depth: int) -> Any:
        """Return the value of a JSON node."""
        self.nodes += 1
        if self.nodes > NODES or depth > DEPTH:
            raise WireError("the frame holds too many parts or is too deep")
        if node is None or isinstance(node, (bool, int, float)):
            return node
        if isinstance(node, str):
            return node.encode("utf-8", "replace").decode()
        if not isinstance(node, list) or not node or not isinstance(node[0], str):
            raise WireError("the frame holds an unknown node")
        tag, *rest = node
        if tag in ("l", "t", "d") and len(rest) == 1 and isinstance(rest[0], list):
            if tag == "d":
                return dict(self.pair(pair, depth) for pair in rest[0])
            parts = [self.value(part, depth + 1) for part in rest[0]]
            return parts if tag == "l" else tuple(parts)
        if tag in ("s", "b") and len(rest) == 1:
            raw = bytes(self.take(rest[0]))
            return raw if tag == "b" else raw.decode("utf-8", "replace")
        if tag == "o" and len(rest) == 1 and isinstance(rest[0], str):
            return Opaque(rest[0][:NAME_CHARS])
        if tag == "a" and len(rest) == 2:
            return self.array(rest[0], rest[1])
        raise WireError("the frame holds an unknown node")

    def pair(self, pair: Any, depth: int) -> tuple[Any, Any]:
        """Return key and value of one dict entry."""
        if not isinstance(pair, list) or len(pair) != 2:
            raise WireError("the frame holds a malformed dict")
        key = self.value(pair[0], depth + 1)
        if key is not None and not isinstance(key, (bool, int, float, str)):
            raise WireError("the frame holds a dict whose key is no scalar")
        return key, self.value(pair[1], depth + 1)

    def array(self, dtype: Any, shape: Any) -> np.ndarray:
        """Return one array, a view into the payload."""
        if not isinstance(dtype, str) or dtype not in DTYPES:
            raise WireError("the frame holds an array of an unknown type")
        if not isinstance(shape, list) or len(shape) > RANK:
            raise WireError("the frame holds an array of an unknown shape")
        if any(type(side) is not int or not 0 <= side < 2**40 for side in shape):
            raise WireError("the frame holds an array of an impossible shape")
        raw = self.take(int(dtype[2:]) * math.prod(shape))
        import numpy as np

        try:
            return np.frombuffer(raw, dtype=dtype).reshape(shape)
        except ValueError as error:
            raise WireError("the frame holds an array of an impossible shape") from error

    def take(self, count: Any) -> memoryview:
        """Take the next bytes of the payload, which must be there."""
        if type(count) is not int or count < 0 or self.position + count > len(self.payload):
            raise WireError("the frame names more bytes than it brings")
        raw = self.payload[self.position : self.position + count]
        self.position += count + -count % ALIGN
        return raw
