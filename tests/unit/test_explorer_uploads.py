"""What is uploaded: hostile files end in their status, honest ones in white ink on black."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from benchmarks.hostile_uploads import ACCEPTED, Hostile, hostile_uploads
from data_utils.datasets import load_mnist
from data_utils.drawing import EmptyDrawingError, as_mnist
from data_utils.explorer.app import create_app
from data_utils.explorer.baseline import baseline
from data_utils.explorer.uploads import UploadError, read_upload

HOSTILE = hostile_uploads()
DIGITS = load_mnist("embedded").images[::250]


def saved(picture: Any, kind: str = "PNG", **options: Any) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def seen(data: bytes) -> np.ndarray:
    """What a detector gets to see of an upload."""
    return as_mnist(read_upload(data))


def likeness(image: np.ndarray, digit: np.ndarray) -> float:
    """Correlation, the one moved against the other by at most a pixel."""
    moved = [np.roll(image, (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return max(float(np.corrcoef(each.ravel(), digit.ravel())[0, 1]) for each in moved)


def large(digit: np.ndarray, times: int = 10) -> np.ndarray:
    return digit.repeat(times, axis=0).repeat(times, axis=1)


# ------------------------------------------------------------ hostile files


@pytest.mark.parametrize("hostile", HOSTILE, ids=[each.name for each in HOSTILE])
def test_hostile_files_end_in_their_status(hostile: Hostile) -> None:
    sentence = ""
    try:
        image = seen(hostile.data)
        assert image.shape == (28, 28)
        status = ACCEPTED
    except UploadError as error:
        status, sentence = error.status, str(error)
    except EmptyDrawingError as error:
        status, sentence = 422, str(error)
    assert status == hostile.status
    assert not sentence or (sentence.endswith(".") and len(sentence) < 200)


def test_the_page_and_its_api_refuse_them_with_the_same_status() -> None:
    client = create_app([baseline()]).test_client()
    found, sentences = {}, []
    for each in HOSTILE:
        file = (io.BytesIO(each.data), "../../digit.png", "image/png")
        page = client.post("/score", data={"image": file}, headers={"X-Fragment": "1"})
        by_program = client.post("/api/score", data=each.data, content_type="image/png")
        found[each.name] = (page.status_code, by_program.status_code)
        sentences += [by_program.json["error"]] if by_program.status_code != ACCEPTED else []
    assert found == {each.name: (each.status, each.status) for each in HOSTILE}
    assert all(sentence.endswith(".") for sentence in sentences)


def test_damage_anywhere_ends_in_a_sentence() -> None:
    files = [
        saved(large(DIGITS[0], 2)),
        saved(large(DIGITS[0], 2), "JPEG"),
        saved(Image.fromarray(large(DIGITS[0], 2)).convert("P")),
    ]
    random = np.random.default_rng(0)
    refused = 0
    for trial in range(300):
        data = bytearray(files[trial % len(files)])
        for place in random.integers(0, len(data), 1 + trial % 4):
            data[place] = random.integers(256)
        try:
            assert seen(bytes(data)).shape == (28, 28)
        except (UploadError, EmptyDrawingError):  # anything else fails the test
            refused += 1
    assert 100 < refused < 300  # a changed pixel of a JPEG is no damage


# ------------------------------------------------------------ honest files


def test_a_test_image_gets_exactly_its_own_score() -> None:
    for digit in DIGITS:
        assert (seen(saved(digit)) == digit).all()
        assert (seen(saved(255 - digit)) == digit).all()  # black ink on white paper


def in_colours(picture: np.ndarray) -> Image.Image:
    return Image.merge("RGB", [Image.fromarray(picture)] * 3)


def on_nothing(picture: np.ndarray) -> Image.Image:
    """Black ink on transparent paper."""
    black = Image.new("L", picture.shape[::-1])
    return Image.merge("LA", [black, Image.fromarray(255 - picture)])


def turned(picture: np.ndarray) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(Image.fromarray(picture).rotate(90), "JPEG", quality=95, exif=exif)


SAVED = {
    "grey": saved,
    "jpeg": lambda picture: saved(picture, "JPEG"),
    "colours": lambda picture: saved(in_colours(picture)),
    "cmyk": lambda picture: saved(in_colours(picture).convert("CMYK"), "JPEG", quality=95),
    "palette": lambda picture: saved(in_colours(picture).quantize(64)),
    "16 bit": lambda picture: saved(picture.astype(np.uint16) * 257),
    "transparent": lambda picture: saved(on_nothing(picture)),
    "turned by its exif": turned,
    "animated": lambda picture: saved(
        Image.fromarray(picture), save_all=True, append_images=[Image.fromarray(255 - picture)]
    ),
    "grey paper": lambda picture: saved((60 + picture * 0.4).astype(np.uint8)),
}


@pytest.mark.parametrize("save", SAVED.values(), ids=list(SAVED))
def test_a_digit_on_white_paper_is_seen_in_every_kind_of_file(save: Any) -> None:
    for digit in DIGITS[::4]:
        image = seen(save(255 - large(digit)))
        assert likeness(image, digit) > 0.97
        assert image.max() == 255


def test_white_ink_on_black_is_not_turned_over() -> None:
    for digit in DIGITS[::4]:
        assert likeness(seen(saved(large(digit))), digit) > 0.97


def photo(digit: np.ndarray, ink: float, seed: int) -> np.ndarray:
    """Paper under a lamp at the right, a shadow over its lower part, camera noise, dust.

    `ink` is the share of light that a stroke leaves.
    """
    random = np.random.default_rng(seed)
    drawn = np.zeros((360, 480))
    top, left = random.integers(0, (136, 256))
    drawn[top : top + 224, left : left + 224] = large(digit, 8) / 255
    drawn = np.minimum(1.5 * ndimage.gaussian_filter(drawn, 1.5), 1)
    drawn[5:7, 5:7] = 1
    down, right = np.mgrid[:360, :480]
    light = 0.5 + 0.4 * right / 480 - 0.15 * (down > 180 + right / 5)
    seen_by_camera = ndimage.gaussian_filter(light, 12) * (1 - (1 - ink) * drawn)
    noisy = seen_by_camera + random.normal(0, 0.02, drawn.shape)
    return (255 * np.clip(noisy, 0, 1)).astype(np.uint8)


@pytest.mark.parametrize("ink", [0.2, 0.6], ids=["pen", "pencil"])
def test_a_photo_of_paper_shows_the_digit_alone(ink: float) -> None:
    found = [
        likeness(seen(saved(photo(digit, ink, seed), "JPEG")), digit)
        for seed, digit in enumerate(DIGITS[::2])
    ]
    assert np.median(found) > 0.9
    assert min(found) > 0.7


def test_a_photo_of_empty_paper_holds_no_drawing() -> None:
    for seed in range(4):
        with pytest.raises(EmptyDrawingError, match="no drawing"):
            seen(saved(photo(np.zeros((28, 28), np.uint8), 1.0, seed), "JPEG"))


def test_a_shape_that_fills_the_picture_is_not_taken_for_paper() -> None:
    picture = np.full((280, 280), 255, np.uint8)
    picture[40:240, 60:220] = 0  # wider than any line of a photo
    image = seen(saved(picture))
    assert image[8:20, 10:18].min() == 255
