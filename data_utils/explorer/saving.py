"""Detectors are saved from their notebooks and served again without them: one ONNX file each."""

import contextlib
import datetime
import importlib.metadata
import os
import platform
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.course import load_course
from data_utils.detectors import Detector
from data_utils.errors import ExplorerError, UnknownExerciseError
from data_utils.explorer.onnx_files import CARD_KEY, SavedFileError, read_model
from data_utils.explorer.recipes import Recipe, recipes_for
from data_utils.explorer.saved_card import Card, probe_image, read_card
from data_utils.explorer.saved_detector import SavedDetector
from data_utils.explorer.saved_graphs import graph_of, scores_of, with_card
from data_utils.explorer.served import Served

FOLDER_VARIABLE = "ANOMALY_COURSE_DETECTORS"
"""The environment variable that names the folder of saved detectors."""

_FOLDER = "detectors"  # where the notebook runs, if nothing else is said
_SUFFIX = ".onnx"
_TRIED = 12  # images on which a recipe is looked for; all of `x_val` must agree in the end
_MOST_VAL, _MOST_OTHERS = 1000, 500  # images that the file's scores are kept of: 1 s, if 1 ms each
_LEAST_VAL = 20  # below, a rate of 5 % is less than one image
_MOST_APART, _LEAST_RANK = 0.01, 0.999  # as for one detector in two batch sizes (design, 5)
_PROBE_APART = 0.001  # of the probe's own score: it lies far from all digits, and so may be large
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_PACKAGES = ("anomaly-course", "numpy", "onnx", "tensorflow", "keras", "tf2onnx", "torch", "timm")


class SavingError(ExplorerError):
    """A detector cannot be saved."""

    def _render_traceback_(self) -> list[str]:
        """Let IPython show the words alone: where it was raised helps nobody."""
        return str(self).splitlines()


def save_detector(
    detector: Detector | None,
    notebook: int | str,
    *,
    x_val: NDArray[np.uint8],
    normal: str,
    x_normal: NDArray[np.uint8] | None = None,
    x_anomaly: NDArray[np.uint8] | None = None,
    name: str | None = None,
    folder: str | os.PathLike[str] | None = None,
) -> Path:
    """Save a notebook's detector, for the page that tries it by hand.

    The file holds the network, the score and the pictures as one ONNX graph, and a card with words
    and scores. No code of yours is in it: it is kept only if the kit's own version of the score
    gives the same numbers as yours.

    Parameters
    ----------
    detector : Detector or None
        What ``fit_detector`` returned; None, as some notebooks have before it works, is refused.
    notebook : int or str
        1 to 4, or the notebook's id.
    x_val : ndarray of uint8, shape (n, 28, 28)
        The validation normals, at least 20; the page's thresholds come from their scores.
    normal : str
        What is normal to the detector, such as "every digit but the 9".
    x_normal, x_anomaly : ndarray of uint8, shape (n, 28, 28), optional
        Further normals and anomalies, for the four counts; the first 500 of each are used.
    name : str, optional
        Letters, digits, ``-`` and ``_``, to keep several of one notebook; by default "nb1" and so
        on. A file of the same name is replaced.
    folder : path, optional
        By default that of ``ANOMALY_COURSE_DETECTORS``, else ``detectors`` beside the notebook.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    SavingError
        If the detector, or an argument, does not allow it.
    """
    notebook_id = _notebook_id(notebook)
    stem = notebook_id.partition("_")[0] if name is None else name
    if not _NAME.fullmatch(stem):
        raise SavingError(f"{stem!r:.60} is no name for a file: use up to 40 of a-z, 0-9, - and _.")
    if detector is None:
        raise SavingError("There is no detector to save yet: solve fit_detector first.")
    x_val = _images(x_val, "x_val")[:_MOST_VAL]
    if len(x_val) < _LEAST_VAL:
        raise SavingError(f"x_val holds {len(x_val)} images; give at least {_LEAST_VAL} normals.")
    others = [_images(x, "x_normal and x_anomaly")[:_MOST_OTHERS] for x in (x_normal, x_anomaly)]
    try:
        recipe, model = _graph_like(detector, notebook_id, x_val)
        saved = SavedDetector(model)
        title = load_course().notebook(notebook_id).title + ("" if name is None else f" ({name})")
        card = Card(
            title=title,
            normal=normal,
            recipe=recipe.words,
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
            made_with=_versions(),
            threshold=_threshold_of(detector),
            probe=float(saved.anomaly_score(probe_image())[0]),
            scores_val=saved.anomaly_score(x_val),
            scores_normal=saved.anomaly_score(others[0]),
            scores_anomaly=saved.anomaly_score(others[1]),
        )
        return _written(with_card(model, card.to_json()), _folder(folder), stem)
    except SavedFileError as reason:
        raise SavingError(
            f"This detector cannot be saved: {str(reason).rstrip('.')}. "
            "explore(detector, ...) serves it from this notebook all the same."
        ) from reason


def load_saved(path: str | os.PathLike[str]) -> Served:
    """Load a saved detector; nothing in the file is run but the arithmetic of its graph.

    Parameters
    ----------
    path : path
        Of a file that `save_detector` wrote, from whomever it came.

    Raises
    ------
    SavedFileError
        With one sentence, if it holds anything else.
    """
    path = Path(path)
    try:
        if not _NAME.fullmatch(path.stem):
            raise SavedFileError("its name holds more than 40 letters, or other signs than - and _")
        model = read_model(path)
        cards = [entry.value for entry in model.metadata_props if entry.key == CARD_KEY]
        if len(cards) != 1:
            raise SavedFileError("it is an ONNX file without the card of a detector")
        card = read_card(cards[0])
        detector = SavedDetector(model, card.threshold)
        _check_probe(detector, card)
    except SavedFileError as reason:
        raise SavedFileError(
            f"{path.name} is not served: {str(reason).rstrip('.')}. A detector is saved by "
            "save_detector in its notebook."
        ) from reason
    return Served(
        name=path.stem,
        title=card.title,
        normal=card.normal,
        detector=detector,
        scores_val=card.scores_val,
        scores_normal=card.scores_normal,
        scores_anomaly=card.scores_anomaly,
        side_by_side=True,
    )


def find_saved(folder: str | os.PathLike[str] | None = None) -> list[Path]:
    """Return the files in a folder that may hold detectors, by name; none if there is no folder.

    Parameters
    ----------
    folder : path, optional
        By default the one in which `save_detector` writes.
    """
    place = _folder(folder)
    return sorted(path for path in place.glob(f"*{_SUFFIX}") if path.is_file())


# ------------------------------------------------------------ what is saved


def _graph_like(
    detector: Detector, notebook_id: str, x_val: NDArray[np.uint8]
) -> tuple[Recipe, Any]:
    """Return the first recipe that scores as the detector does, and its graph."""
    wanted = np.asarray(detector.anomaly_score(x_val), dtype=np.float64)
    if wanted.shape != (len(x_val),) or not np.isfinite(wanted).all() or not np.std(wanted) > 0:
        raise SavedFileError("its scores of x_val are not one finite number each, or all the same")
    most_apart = _MOST_APART * float(np.std(wanted))
    few = x_val[:_TRIED]
    for recipe in recipes_for(notebook_id, detector):
        if np.abs(scores_of(recipe, few) - wanted[:_TRIED]).max() <= most_apart:
            break
    else:
        raise SavedFileError("its score is your own, and a file holds no code")
    model = _with_heat(recipe, detector, few)
    found = SavedDetector(model).anomaly_score(x_val)
    if np.abs(found - wanted).max() > most_apart or _rank_correlation(found, wanted) < _LEAST_RANK:
        raise SavedFileError("the saved graph scores x_val differently")
    return recipe, model


def _with_heat(recipe: Recipe, detector: Any, images: NDArray[np.uint8]) -> Any:
    """Return a graph with the notebook's heat map; without, where there is none to be written."""
    if recipe.heat_of is None:
        return graph_of(recipe, heat=False)
    try:
        model = graph_of(recipe, heat=True)
        draw = SavedDetector(model).explain
        same = draw is not None and np.allclose(draw(images), detector.explain(images), atol=0.02)
    except (SavedFileError, AttributeError, TypeError):  # the last two: it explains in another way
        same = False
    return model if same else graph_of(recipe, heat=False)


def _rank_correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic)


def _threshold_of(detector: Detector) -> float:
    threshold = float(detector.threshold)
    if not np.isfinite(threshold):
        raise SavedFileError(f"its threshold is {threshold}; set it in fit_detector")
    return threshold


def _notebook_id(notebook: int | str) -> str:
    notebooks = load_course().notebooks
    if isinstance(notebook, int) and 1 <= notebook <= len(notebooks):
        return notebooks[notebook - 1].id
    try:
        return load_course().notebook(str(notebook)).id
    except UnknownExerciseError as error:
        raise SavingError(
            f"There is no notebook {notebook!r:.40}; say 1 to {len(notebooks)}."
        ) from error


def _images(images: Any, name: str) -> NDArray[np.uint8]:
    if images is None:
        return np.empty((0, 28, 28), np.uint8)
    found: NDArray[Any] = np.asarray(images)
    if found.dtype != np.uint8 or found.shape[1:] != (28, 28):
        raise SavingError(
            f"{name} is {found.dtype} of shape {found.shape}; give images as they were loaded, "
            "uint8 of shape (n, 28, 28)."
        )
    return found


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


# ------------------------------------------------------------ files


def _folder(folder: str | os.PathLike[str] | None) -> Path:
    return Path(folder or os.environ.get(FOLDER_VARIABLE) or _FOLDER)


def _written(data: bytes, folder: Path, stem: str) -> Path:
    """Write a file, load it as the page will, and only then put it in its place."""
    path = folder / f"{stem}{_SUFFIX}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _beside(folder) as fresh:
            trial = fresh / path.name
            trial.write_bytes(data)
            load_saved(trial)
            trial.replace(path)
    except OSError as error:
        raise SavingError(f"{path} cannot be written: {error.strerror}.") from error
    return path


@contextlib.contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """Make a folder on the same disk, so that a file moves out of it in one step."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".saving-") as fresh:
        yield Path(fresh)


def _check_probe(detector: SavedDetector, card: Card) -> None:
    """Refuse a graph that gives another score than its card says."""
    score = float(detector.anomaly_score(probe_image())[0])
    margin = _MOST_APART * float(np.std(card.scores_val)) + _PROBE_APART * abs(card.probe)
    if not abs(score - card.probe) <= margin:
        raise SavedFileError("its graph gives another score than its card says; it was changed")
