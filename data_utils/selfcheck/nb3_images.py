"""Exercise 3.3: what can be wrong with the images of a backbone.

The enlarged pictures come from the caller.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.values import describe
from data_utils.selfcheck.words import Finding

GREY_ATOL = 1.5 / 255  # who enlarges whole grey values, as PIL does, rounds them
Floats = NDArray[np.floating[Any]]
Images = NDArray[np.uint8]
Three = Sequence[float]


def backbone_form(got: Any, count: int, size: int) -> Finding | None:
    """Finite numbers of shape (n, 3, size, size)."""
    shape = (count, 3, size, size)
    expected = f"an array of shape {shape}"
    values = plain_array(got)
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "iuf":
        return Finding(expected, describe(got), "something else than one array is returned",
                       "return the array of all images")  # fmt: skip
    if values.shape != shape:
        why, advice = _shape_words(values.shape, count, size)
        return Finding(expected, f"shape {values.shape}", why, advice)
    if not np.isfinite(values).all():
        return Finding("finite numbers", "NaN or infinite ones", "a division by zero",
                       "divide by 255 and by std, and by nothing else")  # fmt: skip
    return None


def backbone_dtype(got: Any) -> Finding | None:
    """Numbers in single precision, as the backbone's weights are."""
    kind = getattr(plain_array(got), "dtype", None)
    if kind == np.float32:
        return None
    return Finding(
        "an array of float32",
        f"dtype {kind}" if kind is not None else describe(got),
        "the type is another one: np.float64 comes of 1 / 255 in NumPy, or of mean and std",
        "images.astype(np.float32) first, or .astype(np.float32) at the end",
    )


def _shape_words(shape: tuple[int, ...], count: int, size: int) -> tuple[str, str]:
    """Return why a result has another shape, and what to do."""
    three = "the mean as a tensor of shape (1, 3, 1, 1) makes three channels of one"
    if shape == (count, size, size, 3):
        return "the channels stand last, as in Keras", "put them after the images: (n, 3, ...)"
    if shape == (count, 1, size, size):
        return "one channel: the backbone was trained on three", three
    if shape == (count, size, size):
        return "the axis of the channels is missing", f"x[:, None] first; then {three}"
    if shape == (3, count, size, size):
        return "the channels stand before the images", "axis 0 is the images, axis 1 the channels"
    if shape == (count, 3, 28, 28):
        return "nothing was enlarged", "nn.functional.interpolate(x, size=(size, size), ...)"
    if len(shape) == 4 and shape[:2] == (count, 3) and shape[2] == shape[3]:
        return "another number stands in the place of the argument size", "use size"
    return "the images were cut, stacked or reshaped", "print the shape after each line"


def backbone_values(
    got: Any, pictures: Sequence[Floats], images: Images, mean: Three, std: Three
) -> Finding | None:
    """Compare a backbone's images with the right ones; name the mistake.

    Parameters
    ----------
    got : object
        What the learner's function returned.
    pictures : sequence of ndarray, shape (n, size, size)
        The images in [0, 1], enlarged in each of the ways that are right.
    images : ndarray of uint8, shape (n, 28, 28)
    mean, std : sequence of float
    """
    finding = backbone_form(got, len(images), pictures[0].shape[1])
    if finding:
        return finding
    values = np.asarray(plain_array(got), np.float64)
    m, s = (np.reshape(np.asarray(part, np.float64), (1, 3, 1, 1)) for part in (mean, std))
    room = GREY_ATOL / s
    right = [(picture[:, None] - m) / s for picture in pictures]
    if any((np.abs(values - wanted) <= room).all() for wanted in right):
        return None
    why, advice = "the formula differs", "work out the white image above by hand and compare"
    by_light = _by_the_light(pictures, images, m, s)
    for wrong, reason, cure in (*by_light, *_backbone_mistakes(pictures, images, m, s)):
        if _nearly(values, wrong):
            why, advice = reason, cure
            break
    else:
        why, advice = _other_pictures(values * s + m, pictures, images) or (why, advice)
    worst = np.unravel_index(np.argmax(np.abs(values - right[0]) / s), values.shape)
    grey = 255 * float(pictures[0][worst[0], worst[2], worst[3]])
    return Finding(
        f"{right[0][worst]:.3f} in channel {worst[1]} where the grey value is {grey:.0f} of 255",
        f"{values[worst]:.3f}",
        why,
        advice,
    )


def _by_the_light(
    pictures: Sequence[Floats], images: Images, m: Floats, s: Floats
) -> Iterator[tuple[Floats, str, str]]:
    """Yield what comes of a scale that depends on how bright these images are."""
    always = "divide by 255, whatever the images hold: they are uint8"
    brightest = np.maximum(images.max(axis=(1, 2)), 1).astype(float)[:, None, None, None]
    for picture in pictures:
        x = np.repeat(picture[:, None], 3, axis=1)
        if images.max() < 128:
            why = "images without bright pixels were not divided by 255"
            yield (255 * x - m) / s, why, always
        if images.max() < 255:
            why = "divided by the largest grey value of these images"
            yield (255 / brightest.max() * x - m) / s, why, always
        if (brightest < 255).any():
            why = "each image was divided by its own largest grey value"
            yield (255 / brightest * x - m) / s, why, always


def _backbone_mistakes(
    pictures: Sequence[Floats], images: Images, m: Floats, s: Floats
) -> Iterator[tuple[Floats, str, str]]:
    """Yield what typical mistakes give, each with the reason and the cure."""
    scale = "divide by 255 first, then take the mean off, then divide by std"
    each = "channel c has mean[c] and std[c]: shape them (1, 3, 1, 1)"
    for picture in pictures:
        x = np.repeat(picture[:, None], 3, axis=1)
        yield (255 * x - m) / s, "the grey values run to 255: the division by 255 is missing", scale
        yield x, "mean and std were left out: this is the range from 0 to 1", scale
        yield 255 * x, "the grey values are as they were", scale
        yield x - m, "std was forgotten", scale
        yield x / s, "the mean was forgotten, or taken off before the division by 255", scale
        yield x / s - m, "divided before the mean was taken off", scale
        yield (x - m) * s, "multiplied by std", "divide by std"
        yield (x - m) / s**2, "divided by the variance", "std is the standard deviation already"
        yield (m - x) / s, "the sign is turned", scale
        yield (x - s) / m, "mean and std are swapped", scale
        for order in ((2, 1, 0), (1, 2, 0), (2, 0, 1), (0, 2, 1), (1, 0, 2)):
            yield (x - m[:, order]) / s[:, order], "mean and std of another channel", each
            yield (x - m[:, order]) / s, "the mean of another channel", each
            yield (x - m) / s[:, order], "the std of another channel", each
        for c in range(3):
            one = m[:, c : c + 1], s[:, c : c + 1]
            yield (x - one[0]) / one[1], f"all channels got mean and std of channel {c}", each
            yield (x - one[0]) / s, f"all channels got the mean of channel {c}", each
            yield (x - m) / one[1], f"all channels got the std of channel {c}", each
        yield (x - m.mean()) / s.mean(), "one mean and one std for all channels", each
        own = (picture - picture.mean()) / max(float(picture.std()), 1e-9)
        yield (
            np.repeat(own[:, None], 3, axis=1),
            "mean and std came from these images",
            "use the arguments: the backbone's weights expect those",
        )
        for known in (((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), ((0.5,) * 3, (0.5,) * 3)):
            fixed = [np.reshape(part, (1, 3, 1, 1)) for part in known]
            yield (
                (x - fixed[0]) / fixed[1],
                f"always {known[0]} and {known[1]}, whatever mean and std are",
                "another backbone has others: use the arguments",
            )
        whole = np.repeat(np.floor(picture)[:, None], 3, axis=1)
        yield (whole - m) / s, "the division was done in whole numbers", "divide with / , not //"


def _other_pictures(
    greys: Floats, pictures: Sequence[Floats], images: Images
) -> tuple[str, str] | None:
    """Say why the pictures behind a result, in [0, 1], are not the enlarged ones."""
    grey, size = greys[:, 0], pictures[0].shape[1]
    cure = 'nn.functional.interpolate(x, size=(size, size), mode="bilinear")'
    if not all(np.allclose(grey, greys[:, c], atol=2 * GREY_ATOL) for c in (1, 2)):
        return "the three channels show different pictures, or another scale each", (
            "the same picture goes into all three; channel c has mean[c] and std[c]"
        )
    small = images / 255.0
    places = (
        np.arange(size) * 28 // size,
        np.clip(np.rint((np.arange(size) + 0.5) * 28 / size - 0.5), 0, 27).astype(int),
    )
    for place in places:
        if _alike(grey, small[:, place][:, :, place]):
            return "each pixel was repeated (nearest): steps where there should be slopes", cure
    for before in {(size - 28) // 2, (size - 28 + 1) // 2, 0, size - 28}:
        around = (before, size - 28 - before)
        if before >= 0 and _alike(grey, np.pad(small, ((0, 0), around, around))):
            return "a frame was put around the images; they are to be enlarged", cure
    for picture in pictures:
        if _alike(grey, picture.swapaxes(1, 2)):
            return "rows and columns are swapped", "leave the order of the pixels as it is"
        if _alike(grey, 1 - picture):
            return "black and white are swapped", "black is 0"
    if grey.min() < -2 * GREY_ATOL or grey.max() > 1 + 2 * GREY_ATOL:
        return (
            "enlarged by another rule, which makes pixels blacker than black or whiter than white "
            "(bicubic does)"
        ), cure
    return "the enlarged picture differs", cure


def backbone_is_array(names: Any) -> Finding | None:
    """The result is a NumPy array; `names` are those of its attributes."""
    known = {name for name in names if isinstance(name, str)} if _listed(names) else set()
    if "astype" in known and "requires_grad" not in known:
        return None
    tensor = "requires_grad" in known
    return Finding(
        "a NumPy array",
        "a tensor" if tensor else "something without the methods of an array",
        "a tensor is returned" if tensor else "something else than an array is returned",
        "end with .numpy()" if tensor else "return np.asarray(...) of it",
    )


def _listed(values: Any) -> bool:
    return isinstance(values, (list, tuple))


def images_left_alone(before: Images, after: Any) -> Finding | None:
    """The images that were handed in are as they were."""
    if np.array_equal(before, after):
        return None
    return Finding(
        "images that are as before the call",
        "the array that was handed in has changed",
        "an operation worked in place (+=, /=, a value put into it, a new shape)",
        "work on a copy: images.astype(...), images.copy(), np.pad(...)",
    )


def plain_array(value: Any) -> Any:
    """Return a tensor as an array and leave anything else as it is; imports no framework."""
    return np.asarray(value.detach().cpu()) if hasattr(value, "detach") else value


def _nearly(values: Floats, other: Floats) -> bool:
    """Say whether values agree, but for the rounding of grey values."""
    spread = max(float(np.ptp(other)), 1e-9)
    return bool((np.abs(values - other) <= GREY_ATOL * spread).all())


def _alike(grey: Floats, other: Floats) -> bool:
    return bool((np.abs(grey - other) <= 2 * GREY_ATOL).all())
