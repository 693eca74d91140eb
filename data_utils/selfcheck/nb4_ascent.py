"""Exercise 4.13: what can be wrong with a gradient ascent.

Measurements come from `nb4_probes_scores`, the right images from the caller.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.nb3_distances import short
from data_utils.selfcheck.nb4_scores import inputs_left_alone
from data_utils.selfcheck.values import describe
from data_utils.selfcheck.words import Finding

PIXEL = 1e-4  # of grey from 0 to 1; single floats agree to 1e-6, the mistakes differ by per cents
Floats = NDArray[np.float64]
Slope = Callable[[Floats], Floats]


def ascent_form(report: Any, image: NDArray[Any]) -> Finding | None:
    """One image of numbers, of the shape of the one that came in.

    Parameters
    ----------
    report : mapping
        Of `nb4_probes_scores.ascent_report`, as for all of these.
    image : ndarray, shape (size, size)
    """
    expected = f"an image of shape {image.shape}"
    if not isinstance(report, Mapping) or not all(_is_image(x, image) for x in _asked(report)):
        return Finding("slope is asked for at images of numbers", describe(report),
                       "something else was handed to slope", "slope(image)")  # fmt: skip
    got = report.get("result")
    try:
        values = np.asarray(got)
    except ValueError:
        values = np.asarray(None)
    if values.dtype.kind not in "iuf" or values.shape != image.shape:
        why = "something else than the last image is returned"
        if values.shape[1:] == image.shape:
            why = "all images of the way are returned"
        return Finding(expected, describe(got), why, "return the last image alone")
    if not np.isfinite(values).all():
        return Finding(f"{expected}, of finite numbers", "NaN or infinite ones",
                       "the steps grow without end: the clip is missing in the loop",
                       "cut below 0 and above 1 after each step")  # fmt: skip
    return None


def _asked(report: Mapping[str, Any]) -> list[Any]:
    """Return the images at which the slope was asked for, and that one that came in."""
    seen = report.get("seen")
    if isinstance(seen, np.ndarray) and not seen.ndim:
        seen = None
    return [*(seen if isinstance(seen, (list, tuple, np.ndarray)) else [None]), report.get("image")]


def _is_image(value: Any, image: NDArray[Any]) -> bool:
    return (
        isinstance(value, np.ndarray) and value.dtype.kind in "iuf" and value.shape == image.shape
    )


def ascent_arrives(
    report: Mapping[str, Any], path: Sequence[Floats], slope: Slope, rate: float
) -> Finding | None:
    """The last image is the right one; names the mistake otherwise.

    Parameters
    ----------
    report : mapping
    path : sequence of ndarray
        The right images, from the start to the end.
    slope : callable
        What the probe gave the learner's function.
    rate : float
    """
    got = np.asarray(report["result"], np.float64)
    if _same(got, path[-1]):
        return None
    why, advice = _why_elsewhere(report, path, slope, rate)
    off = np.argsort(-np.abs(got - path[-1]).ravel())[:3]
    return Finding(
        f"pixels {short(path[-1].ravel()[off])} after {len(path) - 1} steps",
        f"pixels {short(got.ravel()[off])}, which were {short(path[0].ravel()[off])} at the start",
        why,
        advice,
    )


def _why_elsewhere(
    report: Mapping[str, Any], path: Sequence[Floats], slope: Slope, rate: float
) -> tuple[str, str]:
    """Return which mistake the way shows, from its first step on, and its cure."""
    seen = [np.asarray(image, np.float64) for image in report["seen"]]
    got, steps = np.asarray(report["result"], np.float64), len(path) - 1
    present = "ask for the slope at the image as it is now, inside the loop"
    for done, image in enumerate(path[:-1]):
        if _same(got, image) and len(seen) <= done + 1:  # else it came back there
            why = f"only {done} of {steps} steps were taken"
            return why, "range(steps), and return the new image at the end"
    if len(seen) > steps and _same(seen[-1], path[-1]):
        return "one step more than steps", "range(steps)"
    if not seen:
        return "the slope was never asked for", "slope(image)"
    if not _same(seen[0], path[0]):
        return "the way does not begin at the image that came in", "begin with image"
    if steps > 1 and all(_same(image, path[0]) for image in seen):
        why = "the slope was taken once, at the image that came in"
        if len(seen) > 1:
            why = "the slope was taken at the image that came in, in each step"
        return why, present
    later = [image for image in seen if not _same(image, path[0])]  # it may be asked twice there
    after = later[0] if later else got
    return _why_first_step(after - path[0], after, slope(path[0]), rate) or _why_cut(seen, got)


def _why_first_step(
    moved: Floats, after: Floats, slope: Floats, rate: float
) -> tuple[str, str] | None:
    """Return which wrong step was taken first, where nothing was cut; None for a right one."""
    inside = (after > PIXEL) & (after < 1 - PIXEL)
    largest, length = float(np.abs(slope).max()), float(np.linalg.norm(slope))
    plain = "rate * slope(image)"
    for factor, why, advice in (
        (rate, "", ""),
        (-rate, "downhill: the normality falls", "add the slope, do not subtract it"),
        (1.0, "rate is not used", plain),
        (-1.0, "downhill, and rate is not used", plain),
        (rate / largest, "the slope was divided by its largest value", plain),
        (rate / length, "the slope was brought to the length 1", plain),
        (rate / float(np.abs(slope).mean()), "the slope was divided by its mean value", plain),
        (rate**2, "rate is in it twice", plain),
        (rate / slope.size, "the slope was divided by the number of pixels", plain),
    ):
        if inside.any() and np.abs(moved - factor * slope)[inside].max() <= PIXEL:
            return (why, advice) if why else None
    if inside.any() and np.abs(moved - rate * np.sign(slope))[inside].max() <= PIXEL:
        return "the sign of the slope alone", plain
    return ("another step is taken", "a step: the image, plus rate times the slope at it")


def _why_cut(seen: Sequence[Floats], got: Floats) -> tuple[str, str]:
    """Say what went wrong on a way whose first step is right: it was not cut as it should be."""
    cut = "cut below 0 and above 1 in the loop, after each step"
    low, high = (float(f([f(image) for image in (*seen, got)])) for f in (np.min, np.max))
    if low < -PIXEL or high > 1 + PIXEL:
        if got.min() >= -PIXEL and got.max() <= 1 + PIXEL:
            return "the image was cut at the end only, not after each step", cut
        if high <= 1 + PIXEL:
            return f"not cut at 0 but at {low:.3g}" if low == -1 else "not cut below 0", cut
        return "not cut above 1" if low >= -PIXEL else "the image was never cut", cut
    return "a later step is another one", "the same step each time, at the image as it is now"


def ascent_looks_again(report: Mapping[str, Any], path: Sequence[Floats]) -> Finding | None:
    """The slope was asked for at the start, and then at the image after each step but the last.

    Whoever asks for it more often, to print it for example, may.
    """
    seen = [np.asarray(image, np.float64) for image in report["seen"]]
    for step, image in enumerate(path[:-1]):
        here = [place for place, other in enumerate(seen) if _same(other, image)]
        if not here:
            why = "the slope was taken at another image than the present one"
            if step and seen and all(_same(other, path[0]) for other in seen):
                why = "the slope was taken at the image that came in, each time or only once"
            return Finding(
                f"slope is asked for at the image after {step} of {len(path) - 1} steps",
                f"it was asked {len(seen)} times, never there",
                why,
                "in each step: image plus rate times slope(image), and that is the next image",
            )
        seen = seen[here[0] + 1 :]
    return None


def ascent_stays_inside(report: Mapping[str, Any]) -> Finding | None:
    """Slope is asked for at images in [0, 1] alone, and one comes back."""
    images = [*report["seen"], report["result"]]
    low, high = (float(f([f(image) for image in images])) for f in (np.min, np.max))
    if low >= -PIXEL and high <= 1 + PIXEL:
        return None
    return Finding(
        "images from 0 to 1 in every step",
        f"numbers from {low:.4g} to {high:.4g}",
        "the clip is missing, or comes only at the end",
        "cut below 0 and above 1 in the loop, after each step",
    )


def ascent_keeps_image(report: Mapping[str, Any], image: NDArray[Any]) -> Finding | None:
    """The image that came in is as it was."""
    return inputs_left_alone([image], [report["image"]])


def _same(one: Floats, other: Floats) -> bool:
    return one.shape == other.shape and bool(np.abs(one - other).max() <= PIXEL)
