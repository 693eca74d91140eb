"""What counts as plain data, and how other values become it. Imported on both sides of the wall."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

NAME_CHARS = 200  # a type name that is shown to people
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
        At most 200 characters.
    """
    cls = type(value)
    try:
        name = type.__dict__["__qualname__"].__get__(cls)
        module = type.__dict__["__module__"].__get__(cls)
    except Exception:
        return "object"
    text = str(name) if module in ("builtins", "__main__") else f"{module}.{name}"
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
    np: Any = sys.modules.get("numpy")
    if np is None:
        return None
    if isinstance(value, (np.ndarray, np.generic)):
        return np.ndarray.view(np.asarray(value), np.ndarray)  # type: ignore[no-any-return]
    roots = {str(base.__module__).partition(".")[0] for base in _bases(value)}
    if not roots & FRAMEWORKS:
        return None
    try:
        if hasattr(value, "detach") and "torch" in roots:
            value = value.detach().cpu()
            return np.asarray((value.float() if "bfloat16" in str(value.dtype) else value).numpy())
        if hasattr(value, "to_numpy"):
            return np.asarray(value.to_numpy())
        if hasattr(value, "shape") and hasattr(value, "dtype"):
            return np.asarray(value)
    except Exception:
        return None
    return None


def _bases(value: object) -> Iterable[type]:
    """Return a value's type and its bases, whatever a metaclass says."""
    bases: Iterable[type] = type.__dict__["__mro__"].__get__(type(value))
    return bases
