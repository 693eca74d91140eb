"""What stands beside a saved network: a JSON card with words, scores and a threshold."""

import json
import re
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.explorer.onnx_files import SavedFileError

FORMAT = 1  # of the card; another number is a file of another version of this kit
MOST_SCORES = 20_000  # in one list; a histogram needs no more
_MOST_LETTERS = 200  # of a text on screen
_MOST_JSON = 2_000_000  # characters: three full lists of scores

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Card:
    """What the page has to know of a saved detector beside its graph.

    Attributes
    ----------
    title, normal : str
        On screen: the detector's name, and what is normal to it.
    recipe : str
        In words, how the graph makes a score.
    date : str
        When it was saved, as year-month-day.
    made_with : dict of str to str
        The versions of the packages that made it.
    threshold : float
        The one that its notebook chose.
    probe : float
        The score of :func:`probe_image`: a file that gives another was changed or damaged.
    scores_val, scores_normal, scores_anomaly : ndarray of float, shape (n,)
        Of validation normals, of further normals and of anomalies; the last two may be empty.
    """

    title: str
    normal: str
    recipe: str
    date: str
    made_with: dict[str, str]
    threshold: float
    probe: float
    scores_val: Scores
    scores_normal: Scores
    scores_anomaly: Scores

    def to_json(self) -> str:
        """Return the card as JSON."""
        entries = {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in asdict(self).items()
        }
        return json.dumps({"format": FORMAT, **entries}, allow_nan=False)


def probe_image() -> NDArray[np.uint8]:
    """Return one image that every file is tried on: uint8 (1, 28, 28), stripes of all greys."""
    return (np.arange(784) % 256).astype(np.uint8).reshape(1, 28, 28)


def read_card(text: str) -> Card:
    """Read a card that came with a file.

    Raises
    ------
    SavedFileError
        With a bare reason, if it is anything but a card of this version.
    """
    entries = _parsed(text)
    if entries.pop("format", None) != FORMAT:
        raise SavedFileError(f"its card is not of version {FORMAT}; save the detector again")
    names = {field.name for field in fields(Card)}
    if entries.keys() != names:
        odd = sorted(entries.keys() ^ names)[0]
        raise SavedFileError(f"its card lacks {odd!r:.40}, or knows it though no card should")
    made: dict[str, Any] = {name: _READ[name](name, entries[name]) for name in names}
    if not len(made["scores_val"]):
        raise SavedFileError("its card holds no validation scores")
    return Card(**made)


def _parsed(text: str) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise SavedFileError(f"its card holds {constant}, which is no number")

    if len(text) > _MOST_JSON:
        raise SavedFileError(f"its card has more than {_MOST_JSON:,} characters")
    try:
        entries = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise SavedFileError("its card is no JSON") from error
    if not isinstance(entries, dict):
        raise SavedFileError("its card is no JSON object")
    return entries


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MOST_LETTERS or not value.isprintable():
        raise SavedFileError(f"{name!r} on its card is no line of 1 to {_MOST_LETTERS} letters")
    return value


def _date(name: str, value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        raise SavedFileError(f"{name!r} on its card is no date")
    return value


def _versions(name: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > 20:  # a card of ours names about six packages
        raise SavedFileError(f"{name!r} on its card is no short list of versions")
    return {_text(name, package): _text(name, version) for package, version in value.items()}


def _numbers(name: str, value: Any) -> Scores:
    if not isinstance(value, list) or len(value) > MOST_SCORES:
        raise SavedFileError(f"{name!r} on its card is no list of at most {MOST_SCORES:,} scores")
    if not all(type(number) in (int, float) for number in value):
        raise SavedFileError(f"{name!r} on its card holds something that is no number")
    try:
        numbers = np.array(value, dtype=np.float64)
    except OverflowError as error:
        raise SavedFileError(f"{name!r} on its card holds a number that is too large") from error
    if not np.isfinite(numbers).all():
        raise SavedFileError(f"{name!r} on its card holds a number that is not finite")
    return numbers


def _number(name: str, value: Any) -> float:
    return float(_numbers(name, [value])[0])


_READ = {
    **dict.fromkeys(("title", "normal", "recipe"), _text),
    "date": _date,
    "made_with": _versions,
    **dict.fromkeys(("threshold", "probe"), _number),
    **dict.fromkeys(("scores_val", "scores_normal", "scores_anomaly"), _numbers),
}
