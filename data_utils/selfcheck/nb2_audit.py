"""Exercises 2.9 and 2.10: what can be wrong with verdicts on images, and with an audit.

The right values come from the caller; nothing here computes an answer.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.values import describe, is_number
from data_utils.selfcheck.words import Finding

PIXELS_RTOL = 1e-4  # single floats agree to about 1e-6
BOUND_ATOL = 1e-4  # 0.025 and 0.05 differ by a hundred times as much
VERDICT_KEYS = ("truth", "verdict", "matrix", "accuracy")
AUDIT_KEYS = ("tpr", "tpr_upper", "accuracy", "always_anomaly", "flagged", "black_error")
Mistakes = Iterable[tuple[Any, str, str]]


def has_keys(got: Any, keys: tuple[str, ...], wanted: tuple[str, ...]) -> Finding | None:
    """The result is a dict, and `wanted` ones of its `keys` are there."""
    if isinstance(got, dict) and set(wanted) <= set(got):
        return None
    missing = [key for key in wanted if not isinstance(got, dict) or key not in got]
    return Finding(
        "a dict with " + ", ".join(keys),
        f"{describe(got)} without {', '.join(missing)}",
        "a key is missing or spelt otherwise",
        f"return {{{keys[0]!r}: ..., {keys[1]!r}: ..., ...}} with exactly these keys",
    )


def number_value(name: str, got: Any, expected: float, mistakes: Mistakes = ()) -> Finding | None:
    """Compare one number with the right one; of the mistakes, name the one that explains it."""
    if not is_number(got):
        return Finding(f"{name} is a number", describe(got), "something else is returned",
                       "turn it into one number, for example with float(...)")  # fmt: skip
    if _close(got, expected):
        return None
    why, advice = "the formula differs", "work out the small example above by hand and compare"
    if _close(got, 100 * expected):
        why, advice = "a percentage", "return a fraction between 0 and 1"
    for wrong, reason, cure in mistakes:
        if _close(got, wrong):
            why, advice = reason, cure
            break
    return Finding(f"{name} = {expected:.5g}", f"{name} = {float(got):.5g}", why, advice)


def class_ids(
    name: str, got: Any, expected: NDArray[np.int_], mistakes: Mistakes = ()
) -> Finding | None:
    """Compare class ids with the right ones; numbers and truth values will both do.

    Parameters
    ----------
    name : {"truth", "verdict"}
    got : object
    expected : ndarray of int, shape (n,)
    mistakes : iterable of (ndarray, str, str)
        What a mistake gives, the reason, the cure.
    """
    ids = _whole_numbers(got, expected.shape)
    if ids is None:
        return Finding(
            f"{name}: {len(expected)} class ids, each 0 or 1",
            describe(got),
            "there is one id for each image, in the order of the scores",
            f"compare the whole array at once and turn the result into numbers: {name}.astype(int)",
        )
    if np.array_equal(ids, expected):
        return None
    wrong = int(np.sum(ids != expected))
    why, advice = "the comparison differs", "work out the four images above by hand and compare"
    for other, reason, cure in mistakes:
        if np.array_equal(ids, other):
            why, advice = reason, cure
            break
    else:
        if np.array_equal(ids, 1 - expected):
            why, advice = "upside down: 0 is normal, 1 is anomalous", "turn the comparison round"
    return Finding(
        f"{name} starts {_row(expected)}",
        f"{name} starts {_row(ids)}: {wrong} of {len(ids)} ids are wrong",
        why,
        advice,
    )


def not_strict(scores: NDArray[Any], threshold: float) -> Mistakes:
    """Return the verdicts of someone who flags the threshold itself, with reason and cure."""
    reason = "an image exactly at the threshold is not above it"
    return [((scores >= threshold).astype(int), reason, "scores > threshold, strictly")]


def always_five(digits: NDArray[Any]) -> Mistakes:
    """Return the truth of someone to whom 5 is the normal digit, with reason and cure."""
    return [((digits != 5).astype(int), "digit 5 is taken for normal", "compare with normal_digit")]


def matrix_value(got: Any, expected: NDArray[np.int_]) -> Finding | None:
    """Compare a confusion matrix with the right one; name the order it stands in."""
    shown = str(expected.tolist())
    numbers, matrix = _numbers(got, (2, 2)), _whole_numbers(got, (2, 2))
    if numbers is None:
        why = "four counts in two rows are asked for"
        if np.shape(got) == (1, 1):
            why = "a class that does not occur among these images has no row and no column"
        return Finding(f"a matrix of shape (2, 2), such as {shown}", describe(got), why,
                       "return np.array([[tn, fp], [fn, tp]]), each counted")  # fmt: skip
    if matrix is None:
        return Finding(
            f"matrix {shown}, four whole numbers",
            f"matrix {np.round(numbers, 3).tolist()}",
            "shares, where counts of images are asked for",
            "count the images, and divide by nothing",
        )
    if np.array_equal(matrix, expected):
        return None
    why, advice = "the counts differ", "the four counts add up to the number of images"
    orders = (
        (expected.T, "turned about its diagonal: the rows are the verdict here",
         "rows are the truth, columns the verdict"),
        (expected[::-1, ::-1], "this is [[tp, fn], [fp, tn]]: class 1 stands first",
         "class 0, normal, comes first in rows and columns: [[tn, fp], [fn, tp]]"),
        (expected[::-1, ::-1].T, "this is [[tp, fp], [fn, tn]]: class 1 stands first",
         "class 0, normal, comes first, and rows are the truth: [[tn, fp], [fn, tp]]"),
        (expected[::-1], "the two rows are swapped: truth upside down", "the first row is truth 0"),
        (expected[:, ::-1], "the two columns are swapped: verdicts upside down",
         "the first column is verdict 0"),
    )  # fmt: skip
    for wrong, reason, cure in orders:
        if np.array_equal(matrix, wrong):
            why, advice = reason, cure
            break
    return Finding(f"matrix {shown}", f"matrix {matrix.tolist()}", why, advice)


def verdict_accuracy(got: Any, matrix: NDArray[np.int_]) -> Finding | None:
    """Compare an accuracy with the matrix that it follows from."""
    (tn, fp), (fn, tp) = matrix.tolist()
    right, of_all = tn + tp, tn + fp + fn + tp
    mistakes: list[tuple[float, str, str]] = [
        (right, "a count of right verdicts, not a share", "divide by the number of images"),
        ((fp + fn) / of_all, "this is the share of wrong verdicts", "1 minus this"),
    ]
    names = (
        (tp, fn, "this is the true positive rate: the normal images count too"),
        (tn, fp, "this is the true negative rate: the anomalies count too"),
        (tp, fp, "this is the precision: right verdicts of both classes count"),
    )
    for hits, misses, reason in names:
        if hits + misses:
            mistakes.append((hits / (hits + misses), reason, "right verdicts over all verdicts"))
    return number_value("accuracy", got, right / of_all, mistakes)


def audit_rate(name: str, got: Any, expected: float, counts: tuple[int, ...]) -> Finding | None:
    """Compare tpr, accuracy or always_anomaly with the right one.

    Parameters
    ----------
    name : str
    got : object
    expected : float
    counts : tuple of int
        ``tp, fn, fp, tn``.
    """
    return number_value(name, got, expected, _rate_mistakes(counts)[name])


def _rate_mistakes(counts: tuple[int, ...]) -> dict[str, Mistakes]:
    """Return, for each rate, what typical mistakes give, the reason and the cure."""
    tp, fn, fp, tn = counts
    everything = sum(counts)
    anomalies = "the anomalies are the tp that were found and the fn that were missed"
    return {
        "tpr": (
            (tp / everything, "divided by all images, not by the anomalies", anomalies),
            (fn / (tp + fn), "this is the share of anomalies that were missed", anomalies),
            (fp / max(fp + tn, 1), "this is the false positive rate", anomalies),
            (tp / max(tp + fp, 1), "this is the precision", anomalies),
        ),
        "accuracy": (
            ((fp + fn) / everything, "this is the share of wrong verdicts", "right: tp and tn"),
            (tp / everything, "the right verdicts on normal images are missing", "add tn"),
            (tn / everything, "the right verdicts on anomalies are missing", "add tp"),
            ((tp / (tp + fn) + tn / max(fp + tn, 1)) / 2, "this is the balanced accuracy",
             "right verdicts over all images"),
        ),
        "always_anomaly": (
            ((fp + tn) / everything, "this is the share of normal images: 'always normal'",
             anomalies),
            ((tp + fp) / everything, "this is the share that the paper's detector flagged",
             anomalies),
            ((tp + fn) / max(fp + tn, 1), "divided by the normal images, not by all", anomalies),
        ),
    }  # fmt: skip


def upper_end(got: Any, expected: float, count: int) -> Finding | None:
    """The upper end of the interval when none of `count` anomalies was found."""
    if is_number(got) and np.isclose(float(got), expected, rtol=0, atol=BOUND_ATOL):
        return None
    advice = "1 - 0.025 ** (1 / (tp + fn))"
    if is_number(got) and not np.isfinite(float(got)):
        why = "nan is for the case that something was found"
        return Finding(f"tpr_upper = {expected:.5g}", describe(got), why, f"here it is {advice}")
    mistakes = (
        (1 - 0.05 ** (1 / count), "a one-sided bound: the interval leaves 2.5 % on each side",
         advice),
        (3 / count, "the rule of three, an approximation of the one-sided bound", advice),
        (1 - 0.975 ** (1 / count), "0.975 stands where 0.025 belongs", advice),
        (1 - expected, "this is the power itself; the bound is 1 minus it", advice),
        (1 - 0.025**count, "the exponent is the number of anomalies, not one over it", advice),
    )  # fmt: skip
    return number_value("tpr_upper", got, expected, mistakes)


def upper_end_otherwise(got: Any, right: float) -> Finding | None:
    """When something was found, nan is asked for; the right bound is as good."""
    if is_number(got):
        value = float(got)
        if not np.isfinite(value) or np.isclose(value, right, rtol=0, atol=1e-3):
            return None
    return Finding(
        "tpr_upper = nan when something was found",
        describe(got),
        "the simple formula holds for tp = 0 alone",
        'return float("nan") unless tp is 0',
    )


def flagged_counts(
    got: Any, errors: list[float], thresholds: Sequence[float], expected: list[int]
) -> Finding | None:
    """Compare, for each threshold, how many of the errors lie above it."""
    counts = _whole_numbers(got, (len(expected),))
    if counts is not None and counts.tolist() == expected:
        return None
    why, advice = "the counts differ", "strictly above: error > threshold"
    if counts is None:
        length = len(got) if isinstance(got, list) else np.size(got)
        why, advice = "one count for each threshold is asked for", "a list as long as thresholds"
        if length == len(errors) != len(expected):
            why = "this is one entry for each error; one for each threshold is asked for"
        shown = describe(got)
    else:
        shown = str(counts.tolist())
        below = [len(errors) - count for count in expected]
        if counts.tolist() == below:
            why = "the errors below the threshold were counted"
        elif counts.tolist() == [sum(e >= t for e in errors) for t in thresholds]:
            why = "an error exactly at the threshold does not lie above it"
    return Finding(f"flagged = {expected}", f"flagged = {shown}", why, advice)


def black_error_value(got: Any, expected: float, images: NDArray[np.uint8]) -> Finding | None:
    """Compare the error of an all-black copy with the right one."""
    whole = images**2  # the overflow of uint8 is the mistake that is looked for
    scale = "divide the images by 255 first, then square, then take the mean"
    mistakes = (
        (expected * 255**2, "grey values from 0 to 255", scale),
        (expected * 255, "divided by 255 once, after squaring", scale),
        (4 * expected, "grey values from -1 to 1, which is the scale of the GAN", scale),
        (np.mean((images / 127.5 - 1) ** 2), "black is -1 on the scale of the GAN; here it is 0",
         scale),
        (np.mean(whole), "squares of uint8 overflow: 16 * 16 gives 0", scale),
        (np.mean(whole) / 255**2, "squares of uint8 overflow: 16 * 16 gives 0", scale),
        (np.mean(whole / 255), "squares of uint8 overflow: 16 * 16 gives 0", scale),
        (np.sqrt(expected), "a square root was taken", "keep the squared error"),
        (np.mean(images) / 255, "the mean grey value: the square is missing", scale),
        (expected * images.size, "a sum over all pixels", "take the mean"),
        (expected * images[0].size, "a sum over the pixels of each image", "take the mean"),
    )  # fmt: skip
    return number_value("black_error", got, expected, mistakes)


def _close(got: Any, value: Any) -> bool:
    return bool(np.isclose(float(got), float(value), rtol=PIXELS_RTOL, atol=1e-9))


def _numbers(value: Any, shape: tuple[int, ...]) -> NDArray[np.float64] | None:
    """Return numbers or truth values as an array of this shape; None if they are none."""
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        return None
    ok = array.shape == shape and array.dtype.kind in "biuf"
    return array.astype(np.float64) if ok else None


def _whole_numbers(value: Any, shape: tuple[int, ...]) -> NDArray[np.int_] | None:
    """Return numbers or truth values of a shape as whole numbers; None if they are none."""
    numbers = _numbers(value, shape)
    if numbers is None or not np.array_equal(numbers, np.round(numbers)):
        return None
    return numbers.astype(int)


def _row(values: NDArray[np.int_]) -> str:
    return " ".join(str(value) for value in values[:6])
