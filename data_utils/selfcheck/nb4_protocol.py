"""Exercises 4.11 and 4.12: what can be wrong with two rates, and with a summary of several runs.

The right values come from the caller; typical mistakes are worked out here to name them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.nb2_audit import number_value
from data_utils.selfcheck.nb3_distances import short
from data_utils.selfcheck.values import describe, is_number
from data_utils.selfcheck.words import Finding

RATE_KEYS = ("type_1", "type_2")
SUMMARY_KEYS = ("mean", "sem", "points", "relative", "behind")
VALUE_RTOL = 1e-4  # single floats agree to 1e-6; the mistakes are off by per cents
Mistake = tuple[Any, str, str]  # a wrong result, its reason, its cure


# ------------------------------------------------------------ exercise 4.11


def rate_value(
    name: str,
    got: Any,
    right: Mapping[str, float],
    verdicts: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    positive: str,
) -> Finding | None:
    """Compare one rate with the right one; name the mistake.

    Parameters
    ----------
    name : str
        Of `RATE_KEYS`.
    got : object
    right : mapping of str to float
        Both rates.
    verdicts : tuple of ndarray
        Which images are anomalies, and which are called so.
    positive : {"anomaly", "normal"}
    """
    return number_value(name, got, right[name], _rate_mistakes(name, right, verdicts, positive))


def _rate_mistakes(
    name: str,
    right: Mapping[str, float],
    verdicts: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    positive: str,
) -> Iterator[Mistake]:
    """Yield what mistakes make of the right rates: nothing here gives an answer away."""
    truth, called = (np.asarray(part, bool) for part in verdicts)
    own = RATE_KEYS.index(name) ^ (positive == "normal")  # 0: normal images called anomalies
    rate, other = right[name], right[RATE_KEYS[1 - RATE_KEYS.index(name)]]
    size, size_of_other = (float((truth == bool(kind)).sum()) for kind in (own, 1 - own))
    what = ("normal images called anomalies", "anomalies called normal")[own]
    cure = f"here {name} is the share of {what}"
    swapped, turned = "this is the other type", "the share that is right"
    if positive == "normal":
        swapped += ": with normal as the positive class the two change places"
        turned += ": perhaps only the truth was turned round, and not the verdict"
    yield other, swapped, cure
    yield rate * size, "a count, not a rate", f"{cure}: divide by the number of that class"
    yield rate * size / len(truth), "a share of all images", f"{cure}: divide by that class alone"
    yield rate * size / size_of_other, "a share of the other class", f"{cure}, of their own class"
    yield 1 - rate, turned, cure
    yield 1 - other, "the share of the other class that is right", cure
    of_verdict = float((called if own == 0 else ~called).sum())
    if of_verdict:
        yield rate * size / of_verdict, "a share of the verdicts, not of the class", cure
    both = rate * size + other * size_of_other
    yield both / len(truth), "both errors together", cure


def only_this_error(got: Any, name: str) -> Finding | None:
    """A detector that says the same of every image makes one of the two errors, and not the other.

    Parameters
    ----------
    got : mapping
        Both rates.
    name : str
        Of `RATE_KEYS`: the error that it makes.
    """
    other = RATE_KEYS[1 - RATE_KEYS.index(name)]
    for key in RATE_KEYS:
        if not is_number(got[key]):
            return number_value(key, got[key], float(key == name))
    if float(got[name]) > 0 and float(got[other]) == 0:
        return None
    return Finding(
        f"{name} above 0 and {other} = 0 where every image is called the same",
        f"{name} = {float(got[name]):.4g}, {other} = {float(got[other]):.4g}",
        "the two types are swapped, or it was not asked which class is positive",
        "type_1: a negative that is called positive; type_2: a positive that is called negative",
    )


# ------------------------------------------------------------ exercise 4.12


def summary_value(
    name: str, got: Any, expected: Any, runs: NDArray[Any], baseline: NDArray[Any]
) -> Finding | None:
    """Compare one entry of a summary with the right one; name the mistake.

    Parameters
    ----------
    name : str
        Of `SUMMARY_KEYS`.
    got, expected : object
        An array for the first two, a number for the others.
    runs, baseline : ndarray
        What the learner's function was called with.
    """
    x, b = np.asarray(runs, np.float64), np.asarray(baseline, np.float64)
    right = np.asarray(expected, np.float64)
    mistakes = {
        "mean": _mean_mistakes,
        "sem": _sem_mistakes,
        "points": _points_mistakes,
        "relative": _relative_mistakes,
        "behind": _behind_mistakes,
    }[name](right, x, b)
    if name in ("mean", "sem"):
        return _class_values(name, got, right, mistakes)
    return number_value(name, got, expected, mistakes)


def _class_values(
    name: str, got: Any, expected: NDArray[np.float64], mistakes: Iterator[Mistake]
) -> Finding | None:
    try:
        values = np.asarray(got)
    except ValueError:
        values = np.asarray(None)
    if values.dtype.kind not in "iuf":
        return Finding(f"{name}: one number for each class", describe(got),
                       "something else is returned", "an array of shape (classes,)")  # fmt: skip
    if values.shape == expected.shape and _near(values, expected):
        return None
    why, advice = "the formula differs", "work out the small example above by hand and compare"
    if values.shape != expected.shape:
        why, advice = "it does not hold one number for each class", "runs lie along axis 1"
    for wrong, reason, cure in mistakes:
        if np.shape(wrong) == values.shape and _near(values, wrong):
            why, advice = reason, cure
            break
    shown = short(values) if values.shape == expected.shape else describe(got)
    return Finding(f"{name} = {short(expected)}, shape {expected.shape}", shown, why, advice)


# The mistakes rest on the right values, which the caller has: nothing below gives an answer away.
Values = NDArray[Any]


def _mean_mistakes(right: Values, x: Values, b: Values) -> Iterator[Mistake]:
    rows, known = "runs has a row for each class: the runs lie along axis 1", 0 * np.sum(right)
    yield known + x.mean(axis=0), "the mean over the classes, one for each run", rows
    yield known + x.mean(), "the mean over classes and runs", rows
    yield known + np.median(x, axis=1), "the median over the runs", "take the mean"
    yield known + x.max(axis=1), "the best run of each class", "take the mean of all runs"
    yield known + x[:, 0], "the first run alone", "take the mean of all runs"
    yield right * x.shape[1], "the sum over the runs", "take the mean"
    yield 100 * right, "in percent", "leave AUROCs as they are, from 0 to 1"
    yield right - b, "the baseline is taken off", "the mean of the runs alone"


def _sem_mistakes(right: Values, x: Values, b: Values) -> Iterator[Mistake]:
    n, known = x.shape[1], 0 * np.sum(right)
    root = np.sqrt(n)
    own = right * root  # the standard deviations; of n, not n - 1:
    few = own * np.sqrt((n - 1) / n)
    divide = "divide the standard deviation by the root of the number of runs"
    ddof = "ddof=1, or torch's default"
    yield own, "this is the standard deviation: it was not divided by the root of n", divide
    yield few, "this is the standard deviation, and of n: nothing was divided", divide
    yield few / root, "the standard deviation of n, where that of n - 1 belongs", ddof
    yield own / n, "divided by n, not by its root", divide
    yield own**2 / root, "the variance was divided, not its root", divide
    yield own**2 / n, "the root is missing: this is the square of the SEM", "take the root"
    yield own / np.sqrt(n - 1), "divided by the root of n - 1", divide
    yield own / np.sqrt(len(x)), "divided by the root of the number of classes", divide
    yield few / np.sqrt(len(x)), "divided by the root of the number of classes", divide
    yield 100 * right, "in percent", "leave it in AUROC, as the mean"
    columns = known + (x.std(axis=0, ddof=1) if len(x) > 1 else np.zeros(n))
    for across in (columns / np.sqrt(len(x)), columns / root, known + x.std(axis=0) / root):
        yield across, "taken over the classes", "runs lie along axis 1"


def _points_mistakes(right: Values, x: Values, b: Values) -> Iterator[Mistake]:
    theirs, known = float(np.sum(b) / b.size), 0 * right
    yield right / 100, "a fraction: 0.05 is 5 points", "multiply by 100"
    yield -right, "the baseline minus the runs", "the runs minus the baseline"
    yield -right / 100, "the baseline minus the runs, and no points", "100 times (runs - baseline)"
    yield right / theirs, "this is the relative gain", "do not divide by the baseline"
    best = 100 * (x.max(axis=1) - b)
    yield known + best.mean(), "the best run of each class", "the mean of all runs"
    yield right * len(b), "the sum over the classes", "the mean over the classes"
    yield right + 100 * theirs, "the baseline was not taken off", "runs minus baseline"
    alone = 100 * float(np.max(x.mean(axis=1) - b))
    yield known + alone, "the best class alone", "the mean of all classes"
    yield 100 * right, "multiplied by 100 twice", "once"
    yield 10 * right, "multiplied by 1000", "by 100"
    median = 100 * float(np.median(x.mean(axis=1) - b))
    yield known + median, "the median over the classes", "the mean of all classes"


def _relative_mistakes(right: Values, x: Values, b: Values) -> Iterator[Mistake]:
    theirs = float(np.sum(b) / b.size)
    gain = right / 100 * theirs
    cure = "100 * (runs - baseline) / baseline, all of them means over the classes"
    each = 0 * right + (x.mean(axis=1) / b - 1)
    yield right / 100, "a fraction: in percent it is 100 times as much", "multiply by 100"
    yield 100 * gain / (theirs + gain), "a share of the own mean, not of the baseline's", cure
    yield 100 * each.mean(), "the mean of each class's relative gain", cure
    yield each.mean(), "the mean of each class's relative gain, as a fraction", cure
    yield 100 * gain, "these are the points: not divided by the baseline", cure
    yield 100 + right, "the ratio: 100 is not taken off", cure
    yield 1 + right / 100, "the ratio itself", cure
    yield 100 * gain / (1 - theirs), "a share of what the baseline lacks to 1", cure
    yield 100 * gain / (theirs - 0.5), "a share of what the baseline is above chance", cure
    yield -right, "the baseline minus the runs", cure
    yield 100 * right, "multiplied by 100 twice", "once"


def _behind_mistakes(right: Values, x: Values, b: Values) -> Iterator[Mistake]:
    draws, known = float(np.isclose(x.mean(axis=1), b, rtol=1e-9).sum()), 0 * right
    strict = "strictly better: a class in which both are equal does not count"
    ahead = "count where the baseline is better, not where the runs are"
    single = "compare with the mean"
    yield right + draws, strict, "baseline > mean"
    yield len(b) - right - draws, "these are the classes in which the runs are better", ahead
    yield len(b) - right, "these are the classes in which the runs are as good", ahead
    yield right / len(b), "a share of the classes; a number of them is asked for", "sum"
    yield known + float((b[:, None] > x).sum()), "single runs were counted", single
    yield known + float((b > x.max(axis=1)).sum()), "compared with the best run", single
    yield known + float((b > x.min(axis=1)).sum()), "compared with the worst run", single
    yield known + float((b > np.median(x, axis=1)).sum()), "compared with the median run", single


def _near(values: NDArray[Any], other: Any) -> bool:
    return bool(np.allclose(values, other, rtol=VALUE_RTOL, atol=1e-7))
