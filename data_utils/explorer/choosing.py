"""Which detectors the command line serves."""

from collections.abc import Callable, Sequence
from pathlib import Path

from data_utils.errors import ExplorerError
from data_utils.explorer.baseline import baseline
from data_utils.explorer.saving import find_saved, load_saved
from data_utils.explorer.served import Served

NOTEBOOK = ".ipynb"
Say = Callable[[str], None]


def detectors_of(files: Sequence[Path], say: Say) -> list[Served]:
    """Return the detectors of these files; without any, the saved ones; else the baseline.

    Parameters
    ----------
    files : sequence of Path
        Saved detectors and notebooks.
    say : callable
        Takes a sentence for the screen.

    Raises
    ------
    ExplorerError
        If a file that was named cannot be served. One that was found beside others is left out.
    """
    if files:
        return [_detector_of(path, say) for path in files]
    served = []
    for path in find_saved():
        try:
            served.append(load_saved(path))
        except ExplorerError as error:
            say(f"{error}")
    if not served:
        say(
            "There is no saved detector here; principal components of the digits 0 to 8 take its "
            "place. Save yours at the end of its notebook: save_detector(detector, ...)."
        )
        return [baseline()]
    return served


def detector_called(name: str, say: Say) -> Served:
    """Return a detector by its file, or by its name among the saved ones.

    Raises
    ------
    ExplorerError
        If there is none of this name, or it cannot be served.
    """
    saved = {path.stem: path for path in find_saved()}
    if name in saved:
        return load_saved(saved[name])
    if name == "pca":
        return baseline()
    if Path(name).is_file():
        return _detector_of(Path(name), say)
    raise ExplorerError(
        f"There is no detector called {name!r}. There are: {', '.join([*saved, 'pca'])}; or name "
        "a file, a saved detector or a notebook."
    )


def _detector_of(path: Path, say: Say) -> Served:
    if not path.is_file():
        raise ExplorerError(
            f"There is no file {path}. Name saved detectors (.onnx) or notebooks ({NOTEBOOK})."
        )
    if path.suffix.lower() == NOTEBOOK:
        from data_utils.explorer.from_notebook import served_from_notebook

        return served_from_notebook(path, say)
    return load_saved(path)
