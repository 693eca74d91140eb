"""How the page talks to the process that runs a notebook: JSON and raw arrays, nothing that runs.

A message is the length of its JSON in four bytes, the JSON, and the bytes of one array if the JSON
describes one.
"""

import json
import struct
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

_LENGTH = struct.Struct(">I")
_DTYPES = ("uint8", "float64")
_MOST_JSON = 2**20
_MOST_ARRAY = 2**28  # bytes; the largest is all validation images of the full data, 5 MB

Message = tuple[dict[str, Any], NDArray[Any] | None]


class WireError(Exception):
    """What came is no message, or an array cannot be sent."""


def send(pipe: IO[bytes], body: dict[str, Any], array: NDArray[Any] | None = None) -> None:
    """Write a message.

    Parameters
    ----------
    pipe : binary file
    body : dict
        Of what JSON can hold.
    array : ndarray of uint8 or float64, optional

    Raises
    ------
    OSError
        If nobody reads any more.
    WireError
        If the array is of another type.
    """
    if array is not None:
        if array.dtype.name not in _DTYPES:
            raise WireError(f"an array of {array.dtype.name} came where uint8 or float64 belong")
        body = {**body, "dtype": array.dtype.name, "shape": array.shape}
    text = json.dumps(body).encode()
    pipe.write(_LENGTH.pack(len(text)) + text)
    if array is not None:
        pipe.write(np.ascontiguousarray(array).tobytes())
    pipe.flush()


def receive(pipe: IO[bytes]) -> Message:
    """Read a message.

    Raises
    ------
    EOFError
        If the other side has gone.
    WireError
        If what came is no message.
    """
    (length,) = _LENGTH.unpack(_exactly(pipe, _LENGTH.size))
    if length > _MOST_JSON:
        raise WireError(f"a message of {length} bytes came")
    body = json.loads(_exactly(pipe, length))
    if "dtype" not in body:
        return body, None
    shape = tuple(map(int, body["shape"]))
    if body["dtype"] not in _DTYPES or min(shape, default=0) < 0:
        raise WireError("an array of another kind came")
    dtype = np.dtype(body["dtype"])
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if size > _MOST_ARRAY:
        raise WireError(f"an array of {size} bytes came")
    return body, np.frombuffer(_exactly(pipe, size), dtype).reshape(shape)


def _exactly(pipe: IO[bytes], count: int) -> bytes:
    parts = []
    while count:
        part = pipe.read(count)
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
