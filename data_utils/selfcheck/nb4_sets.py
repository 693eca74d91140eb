"""Exercise 4.4: what can be wrong with a set that labels itself.

The right pictures come from the caller; nothing here computes an answer.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.nb4_transforms import BY_HAND
from data_utils.selfcheck.values import describe
from data_utils.selfcheck.words import Finding

Report = Mapping[str, Any]


def set_form(report: Report, images: NDArray[Any], count: int) -> Finding | None:
    """Two arrays: pictures of the images' size, and one whole number for each.

    Parameters
    ----------
    report : mapping
        Of `nb4_probes_first.labelled_report`, as for all of these.
    images : ndarray, shape (n, size, size)
    count : int
        Transformations.
    """
    if not (isinstance(report, Mapping) and {"x", "labels"} <= set(report)) or not (
        isinstance(report.get("items"), int) and report["items"] == 2
    ):
        kind = report.get("kind") if isinstance(report, Mapping) else None
        return Finding("two arrays, x and labels", kind if isinstance(kind, str) else "none",
                       "something else than a pair is returned", "return x, labels")  # fmt: skip
    wanted, pictures = (len(images) * count, *images.shape[1:]), report["x"]
    if not isinstance(pictures, np.ndarray) or pictures.dtype.kind not in "iuf":
        return Finding(f"pictures x of shape {wanted}", describe(pictures),
                       "x is no array of numbers", "return x first, then labels")  # fmt: skip
    swapped = isinstance(report["labels"], np.ndarray) and report["labels"].shape == wanted
    if pictures.shape == wanted[:1] and swapped:
        return Finding("x, labels", "labels, x", "the two are swapped", "return x, labels")
    if pictures.shape != wanted:
        why, advice = _why_pictures(pictures.shape, images.shape, count)
        return Finding(f"pictures x of shape {wanted}", f"shape {pictures.shape}", why, advice)
    labels, shape = report["labels"], wanted[:1]
    if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iu":
        why = "a label is the place of a transformation, a whole number"
        return Finding(f"labels of shape {shape}, whole numbers", describe(labels), why,
                       "count with np.arange(len(transforms))")  # fmt: skip
    if labels.shape != shape:
        why, advice = "there is one label for each picture", BY_HAND
        if labels.shape == (count,):
            why = "each label stands there once, however many images there are"
            advice = "repeat the labels as the pictures are ordered: np.tile or np.repeat"
        elif np.size(labels) == wanted[0]:
            why, advice = "the labels are still a table", ".reshape(-1)"
        return Finding(f"labels of shape {shape}", f"shape {labels.shape}", why, advice)
    return None


def _why_pictures(shape: tuple[int, ...], images: tuple[int, ...], count: int) -> tuple[str, str]:
    n, *size = images
    flat = "put images and transformations on one axis: .reshape(-1, *images.shape[1:])"
    if shape == (n, count, *size):
        return "images and transformations are still two axes, as apply_all gives them", flat
    if shape == (count, n, *size):
        return "images and transformations are still two axes", flat
    if shape == images:
        return "there are as many pictures as images: nothing was added", "use apply_all"
    if shape[:1] == (n * count,):
        return "the axes of the pixels have changed: a picture is 28 rows of 28 pixels", flat
    return "there is one picture for each image under each transformation", flat


def set_shows_more(report: Report, images: int, count: int) -> Finding | None:
    """There are more different pictures than images: something was done to them."""
    different = len({_key(picture) for picture in report["x"]})
    if count == 1 or different > images:
        return None
    return Finding(
        f"more than {images} different pictures of {images} images under {count} transformations",
        f"{different} different ones",
        "the images were repeated, and no transformation was applied to them",
        "apply_all(images, transforms)",
    )


def set_matches(
    report: Report, expected: NDArray[Any], labels_elsewhere: Sequence[int] = ()
) -> Finding | None:
    """Each picture shows an image under the transformation that its label names.

    Parameters
    ----------
    report : mapping
    expected : ndarray, shape (n, t, size, size)
        Each image under each transformation; all of them differ.
    labels_elsewhere : sequence of int
        The places of the transformations in the list of all 72.
    """
    known, (n, count) = _places(expected), expected.shape[:2]
    found = [known.get(_key(picture)) for picture in report["x"]]
    labels = np.asarray(report["labels"])
    if None in found:
        return _unknown_picture(report["x"], found.index(None), expected)
    places = np.array(found)
    images, right = places[:, 0], places[:, 1]
    wrong = np.flatnonzero(labels != right)
    if not len(wrong):
        return None
    why, advice = _why_labels(labels, images, right, (n, count), labels_elsewhere)
    first = int(wrong[0])
    return Finding(
        f"the label {right[first]} for picture {first}",
        f"{labels[first]}; {len(wrong)} of {len(labels)} labels are wrong",
        why,
        advice,
    )


def _why_labels(
    labels: NDArray[Any],
    images: NDArray[Any],
    right: NDArray[Any],
    size: tuple[int, int],
    labels_elsewhere: Sequence[int],
) -> tuple[str, str]:
    """Say how wrong labels may have come about: the reason, and the cure."""
    n, count = size
    mistakes = (
        (right + 1, "the labels are counted from 1", "the first transformation has the label 0"),
        (images, "this is the number of the image, not that of the transformation",
         "the label says what was done to the image"),
        (np.array(labels_elsewhere or [-1] * count)[right],
         "this is the place in the list of all 72, not in `transforms`",
         "np.arange(len(transforms))"),
    )  # fmt: skip
    why, advice = "pictures and labels are in different orders", BY_HAND
    for other, reason, cure in mistakes:
        if np.array_equal(labels, other):
            why, advice = reason, cure
            break
    by_image, sorted_up = np.tile(np.arange(count), n), np.repeat(np.arange(count), n)
    if np.array_equal(labels, sorted_up) and np.array_equal(right, by_image):
        why = "the labels run as 0 0 0 ..., the pictures image by image"
        advice = "np.repeat fits pictures that are sorted by transformation, np.tile those by image"
    elif np.array_equal(labels, by_image) and np.array_equal(right, sorted_up):
        why = "the labels run as 0 1 2 ..., the pictures are sorted by transformation"
        advice = "np.tile fits pictures that are sorted by image, np.repeat those by transformation"
    return why, advice


def set_holds_each_once(report: Report, expected: NDArray[Any]) -> Finding | None:
    """Each image comes once under each transformation, and each label once for each image."""
    known, (n, count) = _places(expected), expected.shape[:2]
    found = [known.get(_key(picture)) for picture in report["x"]]
    if None in found:
        return _unknown_picture(report["x"], found.index(None), expected)
    for place, (image, transform) in enumerate(known.values()):
        times = found.count((image, transform))
        if times != 1:
            why = "some pictures come more than once, others never"
            if place == 0 and times == n * count:
                why = "all pictures are the same"
            return Finding(
                f"image {image} once under transformation {transform}", f"{times} times", why,
                "apply_all gives each image under each transformation: reshape what it returns",
            )  # fmt: skip
    times_of = np.bincount(np.clip(report["labels"], -1, count) + 1, minlength=count + 2)
    if times_of.tolist() != [0, *[n] * count, 0]:
        most = int(np.max(report["labels"]))
        return Finding(f"each of the labels 0 to {count - 1} {n} times", f"labels up to {most}, "
                       f"{int(np.max(times_of))} times the most frequent one",
                       "a label is the place of a transformation in `transforms`",
                       "count with np.arange(len(transforms))")  # fmt: skip
    return None


def set_is_uint8(report: Report) -> Finding | None:
    """The pictures have the type of the images."""
    if report["x"].dtype == np.uint8:
        return None
    return Finding("pictures of type uint8", describe(report["x"]),
                   "the pictures were scaled, or filled into an array of another type",
                   "leave the pictures as apply_all gives them")  # fmt: skip


def _places(expected: NDArray[Any]) -> dict[bytes, tuple[int, int]]:
    n, count = expected.shape[:2]
    return {_key(expected[i, j]): (i, j) for i in range(n) for j in range(count)}


def _key(picture: NDArray[Any]) -> bytes:
    return np.asarray(picture, np.float64).tobytes()


def _unknown_picture(pictures: NDArray[Any], place: int, expected: NDArray[Any]) -> Finding:
    """Say what a picture shows that is no image under any of the transformations."""
    why = "another transformation than one of `transforms`, or pixels of several images in one"
    advice = "apply_all(images, transforms), and a reshape that leaves the last two axes alone"
    if pictures.max() <= 1:
        scale = "[-1, 1]" if pictures.min() < 0 else "[0, 1]"
        why, advice = f"the grey values were scaled to {scale}", "leave them as they are: uint8"
    elif np.array_equal(np.sort(pictures, axis=None), np.sort(expected, axis=None)):
        why = "a reshape mixed the pixels of several pictures"
    return Finding("each picture is an image under one of the transformations",
                   f"picture {place} is none of these", why, advice)  # fmt: skip
