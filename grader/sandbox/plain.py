"""What counts as plain data, and how other values become it. Imported on both sides of the wall."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

NAME_CHARS = 120  # a type name with its module; outside less of it is shown
FRAMEWORKS = frozenset(("tensorflow", "torch", "jax", "jaxlib", "pandas", "keras"))


@dataclass(frozen=True, eq=False)
class Opaque:
    """Stands for a value that stays inside; equal only to itself.

    Parameters
    ----------
    type_name : str
        Module and name of its type, for messages.
    """

    type_name: str


def type_name(value: object) -> str:
    """Return module and name of a value's type without calling into student code.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    str
        At most `NAME_CHARS` characters.
    """
    # Through `type` itself: a metaclass of student code may answer for these attributes.
    name: str = type.__dict__["__qualname__"].__get__(type(value))
    module = _module(type(value))
    text = name if module in ("builtins", "__main__") else f"{module}.{name}"
    return text[:NAME_CHARS]


def as_array(value: Any) -> np.ndarray | None:
    """Return a NumPy array or scalar, a tensor or a pandas column as an array.

    Parameters
    ----------
    value : object
        Anything; frameworks that are not imported cannot have made it.

    Returns
    -------
    numpy.ndarray or None
        None when it is none of these, or its conversion fails.
    """
    if "numpy" not in sys.modules:
        return None
    import numpy as np

    if isinstance(value, (np.ndarray, np.generic)):
        return np.ndarray.view(np.asarray(value), np.ndarray)
    roots = {_module(base).partition(".")[0] for base in _bases(value)}
    if not roots & FRAMEWORKS:
        return None
    try:
        if hasattr(value, "detach") and "torch" in roots:
            value = value.detach().cpu()
            value = (value.float() if "bfloat16" in str(value.dtype) else value).numpy()
        elif hasattr(value, "to_numpy"):
            value = value.to_numpy()
        elif not (hasattr(value, "shape") and hasattr(value, "dtype")):
            return None
        array: np.ndarray = np.asarray(value)
    except Exception:  # a symbolic tensor, or one whose methods a student replaced
        return None
    return array


def _bases(value: object) -> Iterable[type]:
    """Return a value's type and its bases, whatever a metaclass says."""
    bases: Iterable[type] = type.__dict__["__mro__"].__get__(type(value))
    return bases


def _module(cls: type) -> str:
    """Return the module of a class, "" when the class hides it."""
    try:
        module = type.__dict__["__module__"].__get__(cls)
    except AttributeError:
        return ""
    return module if isinstance(module, str) else ""
