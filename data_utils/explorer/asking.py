"""What a request asks for: which detectors, at which rate, about which image.

Everything here was typed or made by a stranger. What cannot be right is refused with a sentence and
a status, as werkzeug's exceptions carry them.
"""

import base64
import math
from collections.abc import Sequence
from threading import BoundedSemaphore

import numpy as np
from flask import request
from numpy.typing import NDArray
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    UnprocessableEntity,
    UnsupportedMediaType,
)

from data_utils.drawing import SIDE, EmptyDrawingError, as_mnist
from data_utils.explorer.judging import Shown
from data_utils.explorer.samples import Samples
from data_utils.explorer.served import DEFAULT_RATE, Served
from data_utils.explorer.uploads import UploadError, read_upload

MOST_DETECTORS = 4  # side by side on one screen
FIRST_CHOSEN = 2  # if none is named: enough to compare
DEFAULT_PERCENT = 100 * DEFAULT_RATE
HIGHEST_PERCENT = 50.0  # above it a threshold is a coin's toss among normal images
# Bytes of text in a form. A form's longest text, the image as it was seen, has 1 kB; but werkzeug
# reads files in pieces of 64 KiB and counts them here too.
TEXT_LIMIT = 256 * 1024
PARTS_LIMIT = 32  # of a form; the page's own has about ten
READING = 2  # images decoded at once: more would not be faster on two cores, but take memory
_SHOWN = 40  # characters of a wrong value that a sentence repeats

_reading = BoundedSemaphore(READING)


def chosen_from(names: Sequence[str], served: Sequence[Served]) -> list[Served]:
    """Return the detectors of these names, in this order; the first two if no name is given."""
    if not names:
        return list(served[:FIRST_CHOSEN])
    known = {each.name: each for each in served}
    for name in names:
        if name not in known:
            raise BadRequest(
                f"There is no detector called {_shown(name)} here. There are: {', '.join(known)}."
            )
    chosen = [known[name] for name in dict.fromkeys(names)]
    if len(chosen) > MOST_DETECTORS:
        raise BadRequest(
            f"{len(chosen)} detectors were chosen; at most {MOST_DETECTORS} fit side by side. "
            "Choose fewer."
        )
    return chosen


def rate_from(text: str | None) -> float:
    """Return the target false positive rate in percent; the default if there is none."""
    if text is None or not text.strip():
        return DEFAULT_PERCENT
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 <= rate <= HIGHEST_PERCENT:
        raise BadRequest(
            f"The rate is a number of percent from 0 to {HIGHEST_PERCENT:g}, such as 5; this was "
            f"{_shown(text)}."
        )
    return rate


def page_form() -> None:
    """Refuse what is no form, or a form without files that is far too long."""
    if request.mimetype == "application/x-www-form-urlencoded":
        request.max_content_length = TEXT_LIMIT  # werkzeug limits only forms in parts by itself
    elif request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType(
            "The page takes the forms of its own buttons (multipart/form-data). A program sends "
            "its image to api/score."
        )


def image_from_form(samples: Samples) -> Shown:
    """Return the image of the page's form: a sample, one seen before, a drawing, or a file.

    A browser without JavaScript sends the field of the button that was pressed (a sample, or the
    image seen before) and with it whatever file was chosen earlier: the button counts.
    """
    if text := request.form.get("sample", "").strip():
        return _sample(text, samples)
    if text := request.form.get("seen", "").strip():
        return _seen(text)
    for field, source in (("drawing", "drawing"), ("image", "upload")):
        file = request.files.get(field)
        if file and (data := _bytes_of(file)) is not None:
            return Shown(image_from(data), source)
    raise BadRequest(
        "No image came with the request. Draw a digit, choose a PNG or JPEG file, or pick a sample."
    )


def image_from(data: bytes) -> NDArray[np.uint8]:
    """Return what the detectors see of an image file: uint8 (28, 28)."""
    try:
        with _reading:
            return as_mnist(read_upload(data))
    except UploadError as error:
        raise _with_status(error.status, str(error)) from error
    except EmptyDrawingError as error:
        raise UnprocessableEntity(str(error)) from error


def _with_status(status: int, sentence: str) -> HTTPException:
    error = HTTPException(sentence)
    error.code = status
    return error


def _bytes_of(file: FileStorage) -> bytes | None:
    """Return a file's bytes; None for the empty field of a form in which no file was chosen."""
    data = file.read()
    return data if data or file.filename else None


def _sample(text: str, samples: Samples) -> Shown:
    sample = {str(sample.number): sample for sample in samples}.get(text)
    if sample is None:
        raise BadRequest(
            f"There is no sample {_shown(text)}; they are numbered from 1 to {len(samples)}."
        )
    return Shown(sample.image, f"sample {sample.number}")


def _seen(text: str) -> Shown:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = b""
    if len(data) != SIDE**2:
        raise BadRequest(
            f"The image that was sent back is not one of {SIDE} x {SIDE} pixels. Reload the page "
            "and show the image again."
        )
    return Shown(np.frombuffer(data, np.uint8).reshape(SIDE, SIDE), "seen again", again=True)


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
