"""A page where any detector of the course is tried by hand: draw, upload, pick, and see why.

``explore(detector, x_val)`` opens it from a notebook, ``save_detector(detector, ...)`` keeps a
detector for ``python -m data_utils.explorer``. Both are imported when they are first used, since
the page's libraries take a while and a notebook may never need them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from data_utils.explorer.launch import explore
    from data_utils.explorer.saving import save_detector

__all__ = ["explore", "save_detector"]

_HOMES = {"explore": "launch", "save_detector": "saving"}


def __getattr__(name: str) -> Any:
    """Import what is asked for from the module that defines it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            f"The explorer needs {missing.name}, which is not here. Run: pip install '.[explore]'",
            name=missing.name,
        ) from missing
