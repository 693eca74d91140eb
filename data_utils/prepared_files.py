"""How prepared values lie in a notebook's file: arrays, tuples and JSON under the names they have.

An array named ``"2.6 scores"`` lies under that name; the parts of a tuple under ``NAME/0``,
``NAME/1`` and so on; anything else (a dict, a list, a number) as JSON text under ``NAME/json``.
Arrays in half precision, which saves space in the file, are read as float32.
"""

import functools
import io
import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.errors import PreparedFileError

_JSON = "json"


@functools.cache
def stored(file: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of ``prepared/FILE.npz`` as they lie there; none where there is no file."""
    place = resources.files("data_utils").joinpath(f"prepared/{file}.npz")
    if not place.is_file():
        return {}
    with place.open("rb") as opened:
        return dict(np.load(opened, allow_pickle=False))


def value_named(arrays: Mapping[str, NDArray[Any]], name: str) -> Any:
    """Put the value of that name together again; None where there is none."""
    if name in arrays:
        array = arrays[name]
        return array.astype(np.float32) if array.dtype == np.float16 else array
    if f"{name}/{_JSON}" in arrays:
        return json.loads(str(arrays[f"{name}/{_JSON}"]))
    parts = {key[len(name) + 1 :].split("/")[0] for key in arrays if key.startswith(f"{name}/")}
    if not parts:
        return None
    return tuple(value_named(arrays, f"{name}/{place}") for place in range(len(parts)))


def prepared_bytes(values: Mapping[str, Any]) -> bytes:
    """Return the ``.npz`` file from which `value_named` reads these values.

    Parameters
    ----------
    values : mapping of str to object
        Arrays of numbers or text, tuples of such values, or what JSON can hold.

    Raises
    ------
    PreparedFileError
        If a value cannot be stored, or not be read again under its name.
    """
    arrays: dict[str, Any] = {}
    for name, value in values.items():
        arrays.update(_laid_out(name, value))
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def _laid_out(name: str, value: Any, part: bool = False) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the arrays that hold a value, each with its name in the file."""
    if not part and (not name or "/" in name):
        raise PreparedFileError(f"{name!r} cannot be a name: it is empty, or has a stroke in it.")
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise PreparedFileError(f"{name!r} is an array of objects; expected numbers or text.")
        yield name, value
    elif isinstance(value, tuple) and value:
        for place, piece in enumerate(value):
            yield from _laid_out(f"{name}/{place}", piece, part=True)
    else:
        try:
            yield f"{name}/{_JSON}", np.array(json.dumps(value))
        except (TypeError, ValueError) as error:
            raise PreparedFileError(
                f"{name!r} cannot be stored ({error}). Expected an array, a tuple of arrays, or "
                "plain numbers, lists and dicts: turn NumPy's numbers into Python's first."
            ) from error
