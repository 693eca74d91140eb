"""Exercise 4.13: what can be wrong with a gradient ascent.

Measurements come from `nb4_probes_scores`, the right images from the caller.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
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


def ascent_form(got: Any, image: NDArray[Any]) -> Finding | None:
    """One image of numbers, of the shape of the one that came in."""
    try:
        values = np.asarray(got)
    except ValueError:
        values = np.asarray(None)
    expected = f"an image of shape {image.shape}"
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


def ascent_arrives(
    report: Mapping[str, Any], path: Sequence[Floats], slope: Slope, rate: float
) -> Finding | None:
    """The last image is the right one; names the mistake otherwise.

    Parameters
    ----------
    report : mapping
        Of `nb4_probes_scores.ascent_report`.
    path : sequence of ndarray
        The right images, from the start to the end.
    slope : callable
        What the probe gave the learner's function.
    rate : float
    """
    got = np.asarray(report["result"], np.float64)
    if _same(got, path[-1]):
        return None
    why, advice = "another step is taken", "a step: the image, plus rate times the slope at it"
    for wrong, reason, cure in _other_ways(path, slope, rate):
        if _same(got, wrong):
            why, advice = reason, cure
            break
    off = np.argsort(-np.abs(got - path[-1]).ravel())[:3]
    return Finding(
        f"pixels {short(path[-1].ravel()[off])} after {len(path) - 1} steps",
        f"pixels {short(got.ravel()[off])}, which were {short(path[0].ravel()[off])} at the start",
        why,
        advice,
    )


def _other_ways(
    path: Sequence[Floats], slope: Slope, rate: float
) -> Iterator[tuple[Floats, str, str]]:
    """Yield where typical mistakes lead, each with its reason and its cure."""
    start, steps = path[0], len(path) - 1
    cut = "cut below 0 and above 1 in the loop, after each step"
    present = "ask for the slope at the image as it is now, inside the loop"
    free = _walk(start, steps, lambda x: rate * slope(x))
    yield free.clip(0, 1), "the image was cut at the end only, not after each step", cut
    yield free, "the image was never cut", cut
    once = rate * slope(start)
    yield (_walk(start, steps, lambda x: once, 0, 1),
           "the slope was taken once, at the image that came in", present)  # fmt: skip
    yield (start + steps * once).clip(0, 1), "one long step along the first slope", present
    yield (_walk(start, steps, lambda x: -rate * slope(x), 0, 1),
           "downhill: the normality falls", "add the slope, do not subtract it")  # fmt: skip
    yield _walk(start, steps, slope, 0, 1), "rate is not used", "rate * slope(image)"
    yield (_walk(start, steps, lambda x: rate * np.sign(slope(x)), 0, 1),
           "the sign of the slope alone", "rate * slope(image)")  # fmt: skip
    yield (_walk(start, steps, lambda x: _unit(rate * slope(x), rate), 0, 1),
           "the slope was brought to the length 1", "rate * slope(image)")  # fmt: skip
    yield (_walk(start, steps, lambda x: rate * slope(x), 0, np.inf), "not cut above 1", cut)
    yield _walk(start, steps, lambda x: rate * slope(x), -np.inf, 1), "not cut below 0", cut
    yield _walk(start, steps, lambda x: rate * slope(x), -1, 1), "cut at -1 instead of 0", cut
    yield (_walk(start, steps + 1, lambda x: rate * slope(x), 0, 1),
           "one step more than steps", "range(steps)")  # fmt: skip
    for done, image in enumerate(path[:-1]):
        yield image, f"only {done} of {steps} steps were taken", "range(steps), return at the end"


def _walk(
    start: Floats, steps: int, step: Slope, low: float = -np.inf, high: float = np.inf
) -> Floats:
    """Return where equal steps lead, each brought back between two numbers."""
    image = start.copy()
    for _ in range(steps):
        image += step(image)
        np.minimum(np.maximum(image, low), high, out=image)
    return image


def _unit(step: Floats, rate: float) -> Floats:
    return step * rate / max(float(np.linalg.norm(step)), 1e-12)


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
