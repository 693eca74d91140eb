"""What writes the prepared arrays of a notebook: its own cells, and what each `attempt` gave.

`benchmarks.prepare_nb2` and its like say what is particular to one notebook.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.masters import ROOT, given_cells, run_cell
from data_utils.prepared_files import prepared_bytes
from grader.files import write_atomically

DIGITS = 4  # after the point, of numbers that are no arrays: they are printed or drawn, no more


def record_attempts(here: dict[str, Any]) -> dict[str, Any]:
    """Let a notebook's `attempt` write down what it gives; return where, by the names it has."""
    values: dict[str, Any] = {}

    def record(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        values[name] = function(*arguments)
        return values[name]

    here["attempt"] = record
    return values


def attempts_of(
    notebook_id: str, here: dict[str, Any], also: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Run the training and every cell with an `attempt`; return what each of these gave.

    Parameters
    ----------
    notebook_id : str
    here : dict
        Where everything is ready for the cells.
    also : tuple of str
        Cells that prepare what others need.
    """
    values = record_attempts(here)
    for name, source in given_cells(notebook_id).items():
        if "attempt(" in source or name in ("train", *also):
            run_cell(here, name, source)
    return values


def write_prepared(
    notebook_id: str, values: Mapping[str, Any], most_bytes: int, half: tuple[str, ...] = ()
) -> None:
    """Write the file from which an unsolved exercise is replaced.

    Parameters
    ----------
    notebook_id : str
    values : mapping of str to object
        What each `attempt` gave.
    most_bytes : int
        The file must not be larger.
    half : tuple of str
        Beginnings of the names whose arrays are kept in half precision.
    """
    content = prepared_bytes(
        {
            name: plain(value, np.float16 if name.startswith(half) else np.float32)
            for name, value in values.items()
        }
    )
    file = ROOT / "data_utils" / "prepared" / f"{notebook_id}.npz"
    if len(content) > most_bytes:
        raise SystemExit(f"{file.name} would have {len(content)} bytes; at most {most_bytes}.")
    write_atomically(file, content)
    print(f"{file.name}: {len(content)} bytes, {', '.join(values)}")


def plain(value: Any, floats: type = np.float32) -> Any:
    """Return a value as `prepared_bytes` takes it: small arrays, and Python's own numbers.

    Arrays, and those in a tuple, stay arrays; all else becomes rounded numbers, lists and dicts.

    Examples
    --------
    >>> plain({"mean": np.array([0.123456]), "behind": 4})
    {'mean': [0.1235], 'behind': 4}
    """
    if isinstance(value, np.ndarray) and value.ndim:
        return value.astype(floats) if value.dtype.kind == "f" else value
    if isinstance(value, tuple) and any(isinstance(part, np.ndarray) for part in value):
        return tuple(plain(part, floats) for part in value)
    return _numbers(value)


def _numbers(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _numbers(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_numbers(part) for part in value]
    array = np.asarray(value)
    wide = array.astype(np.float64) if array.dtype.kind == "f" else array
    return np.round(wide, DIGITS).tolist()
