"""Arrays of a finished run, so that an unsolved exercise does not block the next one."""

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from data_utils.course import load_course
from data_utils.errors import UnknownExerciseError
from data_utils.prepared_files import stored, value_named
from data_utils.prepared_nb1 import nb1_value_named

# Notebooks whose values need more than reading.
_READERS: dict[str, Callable[[Mapping[str, NDArray[Any]], str], Any]] = {
    "nb1_autoencoder": nb1_value_named,
}


def prepared_arrays(name: str) -> Any:
    """Return prepared arrays of a notebook.

    Parameters
    ----------
    name : str
        Such as ``"1.2 scores"``: no two notebooks share one. Those of notebook 1 stand in
        `data_utils.prepared_nb1.nb1_value_named`.

    Returns
    -------
    object
        An array, a tuple of arrays, or plain numbers, lists and dicts.

    Raises
    ------
    UnknownExerciseError
        If no notebook of the course has prepared anything of that name.
    """
    for notebook in load_course().notebooks:
        value = _READERS.get(notebook.id, value_named)(stored(notebook.id), name)
        if value is not None:
            return value
    raise UnknownExerciseError(f"There are no prepared arrays named {name!r}.")
