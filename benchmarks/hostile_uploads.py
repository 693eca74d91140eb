"""What a stranger might send to the page as an image, and the status that each must end in.

Everything is built here, byte by byte or by Pillow. The tests send each to `read_upload` and to the
page; `benchmarks.explorer` sends them while it measures. Here and not among the tests, because
benchmarks may not import those.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

ACCEPTED = 200  # odd, but an image with a drawing: it is judged
PNG = b"\x89PNG\r\n\x1a\n"
MEGABYTE = 2**20


@dataclass(frozen=True)
class Hostile:
    """A file with what must come of it."""

    name: str
    data: bytes
    status: int


def hostile_uploads() -> list[Hostile]:
    """Return about fifty files, 5 MB in all, the largest just above the page's limit."""
    return [Hostile(name, build(), status) for name, (build, status) in _BUILDERS.items()]


# ------------------------------------------------------------ parts of files


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _header(width: int, height: int, depth: int = 8, colour: int = 0) -> bytes:
    return _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def _zeros(megabytes: int) -> bytes:
    """Return many zeros, deflated: a thousandth of their size."""
    squeeze = zlib.compressobj(9)
    parts = [squeeze.compress(bytes(MEGABYTE)) for _ in range(megabytes)]
    return b"".join(parts) + squeeze.flush()


def _claims(width: int, height: int) -> bytes:
    """Return the beginning of a PNG of any size."""
    return PNG + _header(width, height) + _chunk(b"IDAT", zlib.compress(bytes(99)))


def _seven() -> Image.Image:
    image = Image.new("L", (120, 120), 255)
    ImageDraw.Draw(image).line([(30, 25), (90, 25), (50, 100)], fill=0, width=9)
    return image


def _saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _seven_with(chunk: bytes) -> bytes:
    """Return a PNG of a seven with one more chunk after its header."""
    data = _saved(_seven())
    place = len(PNG) + len(_header(1, 1))
    return data[:place] + chunk + data[place:]


# ------------------------------------------------------------ files


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../evil.py", "print('out')")
        archive.writestr("zeros", bytes(MEGABYTE))
    return file.getvalue()


def _jpeg_of_size(width: int, height: int) -> bytes:
    """Return a small JPEG whose frame header claims another size."""
    data = bytearray(_saved(_seven(), "JPEG"))
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def _rotated() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: turn by 90 degrees
    return _saved(_seven(), "JPEG", exif=exif)


def _animated(frames: int) -> bytes:
    first, *others = [_seven().rotate(turn) for turn in range(frames)]
    return _saved(first, save_all=True, append_images=others)


def _deep() -> bytes:
    return _saved(Image.fromarray(np.asarray(_seven()).astype(np.uint16) * 257))


def _bit_flipped() -> bytes:
    data = bytearray(_saved(_seven()))
    data[len(data) // 2] ^= 0x10
    return bytes(data)


def _palette() -> bytes:
    image = _seven().convert("P")
    image.info["transparency"] = 255  # the paper
    return _saved(image, transparency=255)


def _random() -> bytes:
    return np.random.default_rng(0).bytes(50_000)


_SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
_HTML = b"<!doctype html><script>alert(1)</script>"
_EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n{ } loop\n"
_WEBP = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0"

_BUILDERS: dict[str, tuple[Callable[[], bytes], int]] = {
    "nothing": (lambda: b"", 400),
    "one byte": (lambda: b"\x89", 415),
    "random bytes": (_random, 415),
    "zeros": (lambda: bytes(MEGABYTE), 415),
    "svg with a script": (lambda: _SVG, 415),
    "html": (lambda: _HTML, 415),
    "zip that leaves its folder": (_zip, 415),
    "gif": (lambda: _saved(_seven(), "GIF"), 415),
    "webp": (lambda: _WEBP, 415),
    "tiff": (lambda: _saved(_seven(), "TIFF"), 415),
    "bmp": (lambda: _saved(_seven(), "BMP"), 415),
    "eps that loops": (lambda: _EPS, 415),
    "pdf": (lambda: _saved(_seven(), "PDF"), 415),
    "png signature alone": (lambda: PNG, 400),
    "png header alone": (lambda: PNG + _header(9, 9), 400),
    "png cut off": (lambda: _saved(_seven())[:-60], 400),
    "png with a flipped bit": (_bit_flipped, 400),
    "png without enough rows": (
        lambda: (
            PNG
            + _header(50, 50)
            + _chunk(b"IDAT", zlib.compress(bytes(300)))
            + _chunk(b"IEND", b"")
        ),
        400,
    ),
    "png of a depth that does not exist": (lambda: PNG + _header(9, 9, depth=77), 400),
    "jpeg cut off": (lambda: _saved(_seven(), "JPEG")[:-300], 400),
    "jpeg start alone": (lambda: b"\xff\xd8\xff", 400),
    "png text that swells to 64 MB": (
        lambda: _seven_with(_chunk(b"zTXt", b"k\0\0" + _zeros(64))),
        400,
    ),
    "png with 99 texts of 1 MB": (
        lambda: _seven_with(_chunk(b"zTXt", b"k\0\0" + _zeros(1)) * 99),
        400,
    ),
    "png profile that swells to 64 MB": (
        lambda: _seven_with(_chunk(b"iCCP", b"k\0\0" + _zeros(64))),
        400,
    ),
    "png header of 100,000 x 100,000": (lambda: _claims(100_000, 100_000), 413),
    "png header of 10,000 x 10,000": (lambda: _claims(10_000, 10_000), 413),
    "png header of the largest width": (lambda: _claims(2**31 - 1, 1), 413),
    "png bomb of 12,000 x 12,000": (
        lambda: (
            PNG
            + _header(12_000, 12_000, depth=1)
            + _chunk(b"IDAT", _zeros(18))
            + _chunk(b"IEND", b"")
        ),
        413,
    ),
    "jpeg header of 65,535 x 65,535": (lambda: _jpeg_of_size(65_535, 65_535), 413),
    "a file above the limit": (lambda: _saved(_seven()) + bytes(2 * MEGABYTE), 413),
    "1 x 1": (lambda: _saved(Image.new("L", (1, 1))), 422),
    "1 x 100,000": (lambda: _saved(Image.new("L", (1, 100_000), 255)), 422),
    "white, 4 million pixels": (lambda: _saved(Image.new("L", (2000, 2000), 255)), 422),
    "nothing but transparency": (lambda: _saved(Image.new("RGBA", (90, 90))), 422),
    "small png whose rows swell to 200 MB": (
        lambda: PNG + _header(9, 9) + _chunk(b"IDAT", _zeros(200)) + _chunk(b"IEND", b""),
        422,
    ),
    "png text of 1.5 MB": (
        lambda: _seven_with(_chunk(b"tEXt", b"k\0" + b"x" * 1_500_000)),
        ACCEPTED,
    ),
    "png and html in one file": (lambda: _saved(_seven()) + _HTML, ACCEPTED),
    "png of 300 frames": (lambda: _animated(300), ACCEPTED),
    "16 bit": (_deep, ACCEPTED),
    "palette with transparent paper": (_palette, ACCEPTED),
    "1 bit": (lambda: _saved(_seven().convert("1")), ACCEPTED),
    "cmyk jpeg": (lambda: _saved(_seven().convert("CMYK"), "JPEG"), ACCEPTED),
    "turned by its exif": (_rotated, ACCEPTED),
    "broken exif": (
        lambda: _saved(_seven(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"),
        ACCEPTED,
    ),
}
