"""Exercise 3.12: what can be wrong with a Grad-CAM map. Right values come from the caller."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.values import describe, is_number
from data_utils.selfcheck.words import Finding

Floats = NDArray[np.float64]
Mistake = tuple[Floats, str, str]
SLACK = 2e-3  # of a map that ends at 1: a small number added to the divisor changes less
RELU = "sum over the channels first, then np.maximum(..., 0)"
CHANGED = 0.8  # correlation with the right change: 1 for any right map, below 0.75 for wrong sums
BY_HAND = "work out the small example above by hand and compare"


def heat_form(got: Any, maps: NDArray[Any]) -> Finding | None:
    """One finite map for each image, of the maps' height and width.

    Parameters
    ----------
    got : object
        What the learner's function returned.
    maps : ndarray, shape (n, c, h, w)
        What it was called with; best if all four differ.
    """
    n, c, h, w = maps.shape
    expected = f"one map for each image: shape ({n}, {h}, {w})"
    advice = "weights (n, c, 1, 1) times maps (n, c, h, w), then the sum over axis 1"
    if is_number(got):
        return Finding(expected, "a single number: shape ()", "all axes were added up", advice)
    try:
        heat = np.asarray(got)
    except ValueError:
        return Finding(expected, describe(got), "the rows have different lengths", advice)
    if heat.dtype.kind not in "iuf":
        return Finding(expected, describe(got), "the result is not an array of numbers", advice)
    if heat.shape != (n, h, w):
        known = {
            (n, c, h, w): "the sum over the channels (axis 1) is missing",
            (n, 1, h, w): "the channel axis is still there, with length 1",
            (n, c, h): "the sum ran over the positions of a row, not over the channels",
            (n, c, w): "the sum ran over the positions of a column, not over the channels",
            (n, c): "the sum ran over the positions, not over the channels",
            (c, h, w): "the sum ran over the images, not over the channels",
            (n, w, h): "height and width are swapped",
            (h, w): "the images were added up too",
            (n,): "the positions were added up too",
        }
        why = known.get(heat.shape, "the axes are (images, channels, height, width)")
        return Finding(expected, f"shape {heat.shape}", why, advice)
    if not np.isfinite(heat).all():
        return Finding(
            "finite maps, also for an image where nothing speaks for the anomaly",
            f"{int((~np.isfinite(heat)).any(axis=(1, 2)).sum())} of {n} maps hold NaN or infinity",
            "a map of zeros was divided by its largest value, which is 0",
            "keep the divisor above zero: np.maximum(largest, 1e-12)",
        )
    return None


def heat_stays_zero(got: Any, which: list[int]) -> Finding | None:
    """Where every weighted sum is 0 or below, the map is 0.

    Parameters
    ----------
    got : object
        Maps of the right form.
    which : list of int
        The images in question.
    """
    heat = np.asarray(got, float)[which]
    if np.abs(heat).max() <= SLACK:
        return None
    why = "something else than a positive sum makes it bright: the relu comes after the sum"
    if heat.min() < -SLACK:
        why = "there is no relu: negative sums are still there"
    elif (heat.max() - heat.min()) <= SLACK:
        why = "a constant was added, or a map of zeros was replaced"
    return Finding(
        "a map of zeros where no position speaks for the anomaly",
        f"values from {heat.min():.4g} to {heat.max():.4g}",
        why,
        "np.maximum(sum over channels, 0), then divide by the largest value, kept above zero",
    )


def heat_values(
    got: Any, expected: Floats, sums: Floats, maps: NDArray[Any], slopes: NDArray[Any]
) -> Finding | None:
    """Compare maps with the right ones; name the mistake that explains a difference.

    Parameters
    ----------
    got : object
        What the learner's function returned, of the right form.
    expected : ndarray, shape (n, h, w)
        The right maps.
    sums : ndarray, shape (n, h, w)
        The right weighted sums, before the relu.
    maps, slopes : ndarray, shape (n, c, h, w)
        What the function was called with.
    """
    heat = np.asarray(got, float)
    if _alike(heat, expected):
        return None
    why, advice = "the formula differs", BY_HAND
    given = maps.astype(float), slopes.astype(float)
    for wrong, reason, cure in (*_scaling_mistakes(sums), *_sum_mistakes(sums, *given)):
        if _alike(heat, wrong):
            why, advice = reason, cure
            break
    else:
        if heat.min() < -SLACK:
            why, advice = "negative values: the relu is missing", RELU
    image = int(np.argmax(np.abs(heat - expected).max(axis=(1, 2))))
    return Finding(
        f"image {image}: {_short(expected[image])}, from 0 to 1",
        f"{_short(heat[image])}, from {heat[image].min():.4g} to {heat[image].max():.4g}",
        why,
        advice,
    )


def heat_alone(together: Any, alone: Any) -> Finding | None:
    """An image's map is the same in any company."""
    together, alone = np.asarray(together, float), np.asarray(alone, float)
    if np.allclose(together, alone, rtol=0, atol=SLACK):
        return None
    return Finding(
        "the same map for an image alone and among others",
        f"maps that differ by up to {np.abs(together - alone).max():.3g}",
        "a mean, a sum or a largest value was taken over all images",
        "divide each map by its own largest value: axis=(1, 2), keepdims=True",
    )


def heat_follows_weights(
    trained: Floats, random: Floats, expected: tuple[Floats, ...]
) -> Finding | None:
    """Other weights of the network give other maps, and the change is the right one.

    Parameters
    ----------
    trained, random : ndarray, shape (n, h, w)
        The learner's maps of one set of images, by a trained and by a random network.
    expected : tuple of ndarray
        The right maps of both.
    """
    change, right = np.subtract(trained, random), np.subtract(*expected)
    got = _likeness(change, right)
    if got >= CHANGED:
        return None
    moved = "the maps do not change at all" if np.abs(change).max() <= SLACK else (
        f"they change otherwise: a correlation of {got:.2f} with the right change"
    )  # fmt: skip
    return Finding(
        "maps that change when the network's weights are replaced by random ones",
        moved,
        "the maps follow something else than what the network sees and what its score needs",
        "multiply the maps by the mean of their own slopes, channel by channel",
    )


def _likeness(first: Any, second: Any) -> float:
    """Return the correlation of two sets of maps, 0 where one of them does not vary."""
    a, b = (np.ravel(np.asarray(part, float)) for part in (first, second))
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / max(float(np.sqrt((a @ a) * (b @ b))), 1e-12))


def _alike(heat: Floats, other: Floats) -> bool:
    return np.shape(other) == heat.shape and np.allclose(
        heat, other, rtol=SLACK, atol=SLACK * min(1.0, float(np.abs(other).max()))
    )


def _scaling_mistakes(sums: Floats) -> Iterator[Mistake]:
    """Yield what mistakes after the sum over channels give, each with reason and cure."""
    heat = np.maximum(sums, 0)
    largest = heat.max(axis=(1, 2), keepdims=True)
    own = "divide each map by its own largest value: axis=(1, 2), keepdims=True"
    yield heat, "the maps are not divided by their largest values", own
    yield heat / max(float(heat.max()), 1e-12), "all maps were divided by one common maximum", own
    for summed, name in ((heat, ""), (sums, " and there is no relu")):
        low, high = (f(summed, axis=(1, 2), keepdims=True) for f in (np.min, np.max))
        yield _over(summed - low, high - low), f"the smallest value was subtracted{name}", own
    yield _over(sums, sums.max(axis=(1, 2), keepdims=True)), "the relu is missing", RELU
    yield _over(sums, np.abs(sums).max(axis=(1, 2), keepdims=True)), "the relu is missing", RELU
    yield _over(heat, heat.sum(axis=(1, 2), keepdims=True)), "divided by the map's sum", own
    yield 255 * _over(heat, largest), "scaled to 255", own
    yield _over(heat, np.linalg.norm(heat, axis=(1, 2), keepdims=True)), "divided by a length", own


def _sum_mistakes(sums: Floats, maps: Floats, slopes: Floats) -> Iterator[Mistake]:
    """Yield what mistakes in the sum over channels give, each with reason and cure.

    Right sums come from the caller. A mean over an axis of length 1 is no mistake.
    """
    for summed, reason, cure in (*_other_relus(sums, maps, slopes), *_other_weights(maps, slopes)):
        lit = np.maximum(summed + 0 * sums, 0)  # not a number where the right sums are none
        yield _over(lit, lit.max(axis=(1, 2), keepdims=True)), reason, cure
        yield lit, f"{reason}; and nothing is divided by the largest value", cure


def _other_relus(sums: Floats, maps: Floats, slopes: Floats) -> Iterator[Mistake]:
    """Yield the right weights with a mistake beside them."""
    mean = slopes.mean(axis=(2, 3), keepdims=True)
    yield -sums, "the sign is turned", "add weights times maps, without a minus"
    yield np.abs(sums), "absolute values instead of the relu", RELU
    if maps.shape[1] == 1:
        return
    yield (
        np.maximum(mean * maps, 0).sum(axis=1),
        "the relu came before the sum over channels",
        RELU,
    )
    yield (mean * maps).max(axis=1), "the largest channel instead of the sum", RELU


def _other_weights(maps: Floats, slopes: Floats) -> Iterator[Mistake]:
    """Yield sums with other weights than the mean slopes."""
    n, _, h, w = maps.shape
    mean = slopes.mean(axis=(2, 3), keepdims=True)
    channel = "one weight for each channel of each image: slopes.mean(axis=(2, 3), keepdims=True)"
    one_axis = "the mean ran over one axis of the picture only"
    found: list[tuple[bool, Any, str, str]] = [
        (h * w > 1, slopes, "each position has its own slope: the mean is missing", channel),
        (h * w > 1, slopes.max(axis=(2, 3), keepdims=True),
         "the weights are the largest slopes, not the mean ones", channel),
        (h * w > 1, np.abs(slopes).mean(axis=(2, 3), keepdims=True),
         "the weights are means of absolute slopes", channel),
        (True, np.abs(mean), "the weights lost their signs", channel),
        (True, np.maximum(mean, 0), "negative weights were set to 0",
         "the relu belongs after the sum over channels, not on the weights"),
        (n > 1, slopes.mean(axis=(0, 2, 3), keepdims=True), "the mean ran over the images too",
         channel),
        (True, slopes.mean(axis=1, keepdims=True),
         "the mean ran over the channels, not over the positions", channel),
        (h > 1, slopes.mean(axis=3, keepdims=True), one_axis, channel),
        (w > 1, slopes.mean(axis=2, keepdims=True), one_axis, channel),
        (True, 1.0, "the slopes are not in it: this shows what lights up, whatever for", channel),
    ]  # fmt: skip
    for possible, weights, reason, cure in found:
        if possible:
            yield (weights * maps).sum(axis=1), reason, cure
    beside = "multiply the weights by the maps"
    yield slopes.sum(axis=1), "the maps are not in it", beside
    yield np.abs(slopes).max(axis=1), "the maps are not in it", beside
    yield (
        (maps.mean(axis=(2, 3), keepdims=True) * slopes).sum(axis=1),
        "maps and slopes are swapped",
        "average the slopes, and multiply the maps",
    )


def _over(values: Floats, divisor: Floats) -> Floats:
    scaled: Floats = values / np.where(np.abs(divisor) > 1e-12, divisor, 1.0)
    return scaled


def _short(heat: Floats) -> str:
    shown = ", ".join(f"{value:.3g}" for value in heat.ravel()[:4])
    return f"[{shown}{', ...' if heat.size > 4 else ''}]"
