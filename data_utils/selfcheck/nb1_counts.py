"""Exercise 1.4: what can be wrong with four counts and four rates.

The expected values come from the caller; a mistake is named where it explains every wrong value.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from data_utils.selfcheck.values import describe, is_number, is_whole_number
from data_utils.selfcheck.words import Finding

COUNTS, RATES = ("tp", "fn", "fp", "tn"), ("tpr", "fnr", "fpr", "tnr")
POSITIVE = "anomaly is the positive class: tp and fn count the anomaly set, fp and tn the test set"

Values = Mapping[str, float]


def counts_values(
    got: Any, expected: Values, names: tuple[str, ...], ties: tuple[int, int] = (0, 0)
) -> Finding | None:
    """Compare the counts or the rates; name the mistake that explains a difference.

    Parameters
    ----------
    got : object
        What the learner's function returned.
    expected : mapping of str to float
        The right value of each of `COUNTS` and `RATES`.
    names : tuple of str
        Which of them to compare.
    ties : tuple of two ints
        How many test scores and how many anomaly scores lie exactly at the threshold.
    """
    if not isinstance(got, dict) or not set(names) <= set(got):
        missing = [name for name in names if not isinstance(got, dict) or name not in got]
        return Finding(
            "a dict with " + ", ".join(COUNTS + RATES),
            describe(got) + ("" if not isinstance(got, dict) else f" without {', '.join(missing)}"),
            "a key is missing or spelt otherwise",
            "return {'tp': tp, 'fn': fn, ...} with exactly these keys",
            own=True,
        )
    for name in names:
        finding = _count_form(name, got[name])
        if finding:
            return finding
    values = {name: float(got[name]) for name in names}
    wrong = [name for name in names if not _same(values[name], expected[name])]
    if not wrong:
        return None
    name = wrong[0]
    why, advice = _why(values, wrong, expected, ties)
    return Finding(f"{name} = {expected[name]:.6g}", f"{name} = {values[name]:.6g}", why, advice)


def _count_form(name: str, value: Any) -> Finding | None:
    try:
        readable = is_number(value) and bool(np.isfinite(float(value)))
    except OverflowError:  # a whole number that no float holds
        readable = False
    if not readable:
        return Finding(f"{name} is a number", describe(value), "something else is returned",
                       "count with np.sum and turn the result into a number", own=True)  # fmt: skip
    if name in COUNTS and not is_whole_number(value):
        return Finding(
            f"{name} is a count: a whole number of images",
            f"{float(value):.6g}, not of an integer type",
            "a count is not a rate",
            "int(np.sum(...)) counts images; divide only for the rates",
        )
    return None


def _same(value: float, other: float) -> bool:
    return bool(np.isclose(value, other, rtol=1e-6, atol=1e-9))


def _why(values: Values, wrong: list[str], right: Values, ties: tuple[int, int]) -> tuple[str, str]:
    """Return the mistake that explains all wrong values, and what to try."""
    for mistaken, why, advice in _mistakes(right, ties):
        if all(name in mistaken and _same(values[name], mistaken[name]) for name in wrong):
            return why, advice
    if all(name in RATES for name in wrong):
        if all(values[name] == 0 for name in wrong):
            return "a whole-number division, or int() around a rate", "divide with /"
        for places in (1, 2, 3, 4):
            if all(_same(values[name], round(right[name], places)) for name in wrong):
                return f"the rate was rounded to {places} places", "return the fraction as it is"
    first = wrong[0]
    for other in COUNTS + RATES:
        if other not in wrong[:1] and _same(values[first], right[other]):
            return f"this is {other}, not {first}", POSITIVE
    return "the number does not follow from these scores and this threshold", POSITIVE


def _mistakes(right: Values, ties: tuple[int, int]) -> Iterator[tuple[Values, str, str]]:
    """Yield what typical mistakes give, from the right values."""
    for at_test, at_anomaly in (ties, (0, ties[1]), (ties[0], 0)):
        if at_test or at_anomaly:
            loose = _not_strict(right, at_test, at_anomaly)
            yield loose, "an image exactly at the threshold is not an anomaly", "count with >"
    yield (
        {"fpr": right["fnr"], "fnr": right["fpr"]},
        "the two are swapped: fpr is fp / (fp + tn), fnr is fn / (fn + tp)",
        "a false negative is an anomaly that was missed",
    )
    for values in (right, _not_strict(right, *ties)):
        yield (
            _renamed(values, "fn tp tn fp"),
            "what lies below the threshold was called an anomaly",
            "an anomaly has a score above it",
        )
    yield (
        _renamed(right, "tn fp fn tp"),
        "the two are swapped: here the normal images are the positive class",
        POSITIVE,
    )
    yield (
        _renamed(right, "fp tn tp fn"),
        "the two are swapped: the test set was taken for the anomaly set",
        POSITIVE,
    )
    yield (
        _by_verdict(*(right[name] for name in COUNTS)),
        "the count was divided by the images with this verdict, not by those of its own class: "
        "tp / (tp + fp) is the precision",
        "tpr = tp / (tp + fn), fpr = fp / (fp + tn)",
    )
    total = sum(right[name] for name in COUNTS)
    yield (
        {name: right[name[:2]] / total for name in RATES},
        "the count was divided by all images, not by those of its own class",
        POSITIVE,
    )
    yield (
        {name: 100 * right[name] for name in RATES},
        "a percentage, where a fraction between 0 and 1 is asked for",
        "do not multiply by 100",
    )


def _renamed(values: Values, taken: str) -> Values:
    """Return the values when tp, fn, fp and tn are others of them, and their rates too."""
    others = dict(zip(COUNTS, taken.split(), strict=True))
    renamed = {name: values[other] for name, other in others.items()}
    return renamed | {f"{name}r": values[f"{other}r"] for name, other in others.items()}


def _by_verdict(tp: float, fn: float, fp: float, tn: float) -> Values:
    alarms, passed = max(tp + fp, 1), max(tn + fn, 1)
    return {"tpr": tp / alarms, "fpr": fp / alarms, "fnr": fn / passed, "tnr": tn / passed}


def _not_strict(right: Values, at_test: int, at_anomaly: int) -> Values:
    """Return the values when scores at the threshold count as above it."""
    caught = at_anomaly / (right["tp"] + right["fn"])
    alarms = at_test / (right["fp"] + right["tn"])
    more = {"tp": at_anomaly, "fn": -at_anomaly, "fp": at_test, "tn": -at_test}
    more_shares = {"tpr": caught, "fnr": -caught, "fpr": alarms, "tnr": -alarms}
    return {name: right[name] + change for name, change in (more | more_shares).items()}
