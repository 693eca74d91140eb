"""An uploaded file becomes white ink on black, or a sentence with an HTTP status.

What comes in is untrusted: only PNG and JPEG are decoded, by Pillow, whatever name or type a file
claims to have; its size is looked at before its pixels. A photo of a digit on paper has grey paper,
shadows and noise, which a detector would take for ink; `_lift_ink` takes them away.
"""

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from scipy import ndimage

from data_utils.drawing import SIDE
from data_utils.errors import ExplorerError

MAX_BYTES = 2 * 2**20  # a drawing takes 10 kB, a scan of 2,000 x 2,000 pixels about 1 MB
MAX_PIXELS = 4_000_000  # decoded: 16 MB as 32 bit colours, which 8 threads may hold at once
FORMATS = ("PNG", "JPEG")  # Pillow reads 40 more, with that many more decoders to trust
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")

_WORK_SIDE = 400  # where ink is lifted off paper: far more than 28, and 20 ms
_EVEN = 0.05  # between the quartiles of the border: less where a program drew, more in a photo
_DARK = 0.2  # photographed paper is brighter, a canvas that is drawn over its edge is black
_STROKE = 6  # no line is wider than the long side of the picture divided by this
_FAINTEST = (
    0.2  # pencil takes away a third of the light; paper at the edge of a shadow seems to, 0.16
)
_SPECK = 0.02  # of the dark pixels of the largest piece: dust, not part of the drawing
_FRINGE = 0.1  # of full ink: as in `data_utils.drawing`


class UploadError(ExplorerError):
    """An upload is refused.

    Parameters
    ----------
    status : int
        400 empty, cut off or damaged; 413 too large; 415 neither PNG nor JPEG.
    sentence : str
        What happened, and what to do.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def read_upload(data: bytes) -> NDArray[np.float32]:
    """Decode an uploaded image.

    Parameters
    ----------
    data : bytes
        A PNG or JPEG file: dark ink on light paper or the other way round, of any colour.

    Returns
    -------
    ndarray of float32, shape (height, width), in [0, 1]
        White ink on black, at most 400 pixels on a side. A picture of 28 x 28 is not touched but
        for its sign. One without ink comes out black: `data_utils.drawing.as_mnist` says so.

    Raises
    ------
    UploadError
        If the bytes are not such a file.
    """
    if not data:
        raise UploadError(400, "The file is empty. Choose a PNG or JPEG image.")
    if len(data) > MAX_BYTES:
        raise UploadError(
            413,
            f"The file has {len(data):,} bytes; at most {MAX_BYTES:,} are taken. Cut the image to "
            "the digit, or save it smaller.",
        )
    grey = _grey(_decode(data))
    ground_is_bright = _has_bright_ground(grey)
    if grey.shape == (SIDE, SIDE):
        return 1 - grey if ground_is_bright else grey
    return _lift_ink(grey if ground_is_bright else 1 - grey)


def _decode(data: bytes) -> Image.Image:
    """Return the decoded image, upright; of an animated PNG the first picture."""
    with _refusals(data):
        with _opened(data) as image:
            image.verify()
        with _opened(data) as image:  # verify() leaves an image that cannot be loaded
            return ImageOps.exif_transpose(image)


def _opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise UploadError(413, _too_many_pixels(f"{width:,} x {height:,}"))
    return image


@contextlib.contextmanager
def _refusals(data: bytes) -> Iterator[None]:
    """Turn whatever a decoder raises into a refusal."""
    try:
        yield
    except UploadError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UploadError(413, _too_many_pixels("far more than 4 million")) from error
    except UnidentifiedImageError as error:
        if data.startswith(_MAGIC):
            raise UploadError(400, _DAMAGED) from error
        raise UploadError(
            415,
            "The file is neither a PNG nor a JPEG image, whatever its name says. Open it in an "
            "image program and save it as PNG.",
        ) from error
    except Exception as error:  # decoders raise nearly anything on damaged bytes
        raise UploadError(400, _DAMAGED) from error


_DAMAGED = (
    "The image cannot be read: the file is cut off or damaged. Open it in an image program and "
    "save it again as PNG."
)


def _too_many_pixels(size: str) -> str:
    return (
        f"The image has {size} pixels; at most {MAX_PIXELS:,} in all are taken. Cut it to the "
        "digit, or save it smaller."
    )


def _grey(image: Image.Image) -> NDArray[np.float32]:
    """Return grey values in [0, 1]; what is transparent shows white paper."""
    if image.mode.startswith("I"):  # 16 bit grey, which Pillow would cut off at 255
        deep: NDArray[np.float32] = np.asarray(image, dtype=np.float32) / np.float32(65535)
        return deep
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", colours.size, "white"), colours)
    grey: NDArray[np.float32] = np.asarray(image.convert("L"), dtype=np.float32) / np.float32(255)
    return grey


def _ground(grey: NDArray[np.float32]) -> tuple[float, bool]:
    """Return the grey of the picture's border and whether it is even, as no photo's is."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    low, middle, high = np.quantile(border, (0.25, 0.5, 0.75))
    return float(middle), bool(high - low < _EVEN)


def _has_bright_ground(grey: NDArray[np.float32]) -> bool:
    """Say whether the ink is the darker part."""
    ground, even = _ground(grey)
    if not even:  # shadows may be darker than ink in the light, but paper is never black
        return ground > _DARK
    return bool(ground > (grey.min() + grey.max()) / 2)


def _lift_ink(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the ink of a picture with a light ground: white on black.

    1. Scale down; a photo is blurred a little too, against the camera's noise.
    2. Ink is the share of light that it takes away, `1 - picture / paper`: a shadow darkens ink
       and paper alike and cancels. An even border gives the paper's brightness; else a closing
       (the brightest, then the darkest value around each pixel) fills every line with the paper
       beside it.
    3. What is no stronger than the paper's own grain becomes 0, the middle of the ink's values 1,
       as NIST's digits were black and white.
    4. Pieces with hardly any dark pixel are dropped.
    """
    side = max(picture.shape)
    if side > _WORK_SIDE:
        height, width = (max(1, round(n * _WORK_SIDE / side)) for n in picture.shape)
        small = Image.fromarray(picture).resize((width, height), Image.Resampling.BOX)
        picture, side = np.asarray(small), _WORK_SIDE
    ground, even = _ground(picture)
    if even:
        paper: Any = ground
    else:
        picture = ndimage.gaussian_filter(picture, side / _WORK_SIDE)  # the camera's noise
        paper = _paper(picture, max(3, side // _STROKE))
    ink = np.clip(1 - picture / np.maximum(paper, 1 / 255), 0, 1)
    middle = np.median(ink)
    grain = middle + 4 * np.median(np.abs(ink - middle))  # about 2.7 standard deviations
    darkest = float(ink.max())
    if darkest < max(_FAINTEST, 2 * grain):
        return np.zeros_like(ink)
    full = np.median(ink[ink > darkest / 2])
    return _without_specks(np.clip((ink - grain) / (full - grain), 0, 1))


def _paper(picture: NDArray[np.float32], reach: int) -> Any:
    """Return the brightness of the paper at each pixel, lines narrower than `reach` filled."""
    return ndimage.gaussian_filter(ndimage.grey_closing(picture, size=(reach, reach)), reach / 10)


def _without_specks(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Drop connected pieces with hardly any dark pixel: dust, and what a shadow's edge left."""
    pieces, count = ndimage.label(ink > _FRINGE, structure=np.ones((3, 3)))
    dark = np.bincount(pieces[ink > 0.5], minlength=count + 1)
    specks = np.flatnonzero(dark < _SPECK * dark.max())
    kept: NDArray[np.float32] = np.where(np.isin(pieces, specks), np.float32(0), ink)
    return kept
