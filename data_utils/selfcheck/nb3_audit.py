"""Exercises 3.1 and 3.2: what can be wrong with a repaired split, and with forced numbers.

The right values come from the caller; nothing here computes an answer.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from data_utils.selfcheck.values import describe, is_number
from data_utils.selfcheck.words import Finding

SPLIT_KEYS = ("missing", "val", "train", "test_normal", "test_anomaly")
FORCED_KEYS = ("tp", "fp", "accuracy", "always_normal", "auroc_lowest", "auroc_highest")
COUNTS, RATES = ("tp", "fp"), FORCED_KEYS[2:]
Counts = Mapping[str, int]
Mistakes = Iterable[tuple[float, str, str]]


# ------------------------------------------------------------ exercise 3.1


def split_count(
    name: str, got: Any, expected: int, asked: Counts, available: Counts
) -> Finding | None:
    """Compare one count of a repaired split with the right one; name the mistake.

    Parameters
    ----------
    name : str
        Of `SPLIT_KEYS`.
    got : object
    expected : int
    asked, available : mapping of str to int
        What the learner's function was called with.
    """
    if not is_number(got):
        return Finding(f"{name} is a number of images", describe(got),
                       "something else is returned", "return one whole number")  # fmt: skip
    count = float(got)
    if abs(count - expected) < 1e-6:
        return None
    why, advice = "the rule differs", "work out the small example above by hand and compare"
    if count < 0:
        why, advice = "a number of images is never negative", "0 is the least: max(0, ...)"
    if name == "missing" and count == -expected:
        why = "the difference is turned round: this is negative where images are missing"
        advice = "what is asked for minus what exists"
    for wrong, reason, cure in _split_mistakes(name, asked, available):
        if count == wrong:
            why, advice = reason, cure
            break
    return Finding(f"{name} = {expected}", f"{name} = {_shown(count)}", why, advice)


def split_numbers(got: Any, expected: Counts, asked: Counts, available: Counts) -> Finding | None:
    """Compare all counts of a repaired split with the right ones, one after the other."""
    for name in SPLIT_KEYS:
        finding = split_count(name, got[name], expected[name], asked, available)
        if finding:
            return finding
    return None


def _split_mistakes(name: str, asked: Counts, available: Counts) -> Mistakes:
    """Return what typical mistakes give for one count, each with the reason and the cure."""
    if name == "missing":
        return _missing_mistakes(asked, available)
    if name in ("test_normal", "test_anomaly"):
        return _test_mistakes(name, asked, available)
    train, pool = asked["train"], available["train_normal"]
    left = max(0, pool - asked["val"])  # for training
    all_normal = pool + available["test_normal"]
    leak = "test images are used for training: the official training part does not hold so many"
    apart = "all but the test images come from train_normal"
    first = "serve validation first, and give training what is left of train_normal"
    after = max(0, pool - train)  # for validation, when it comes second
    if name == "val":
        return (
            (after, "validation got what training had left: it is to be served first", first),
            (min(asked["val"], after), "validation got what training had left: it is served first",
             first),
            (0, "validation was served last, and nothing was left", first),
            (asked["val"], "more than the official training part holds", "use min"),
            (min(asked["val"], all_normal), leak, apart),
        )  # fmt: skip
    return (
        (min(train, pool), "validation was not taken off: these images would be in both", first),
        (pool, "validation was not taken off: these images would be in both", first),
        (train, leak, apart),
        (min(train, all_normal - asked["val"]), leak, apart),
        (min(train, all_normal - asked["val"] - asked["test_normal"]), leak, apart),
        (left, "more than was asked for", 'use min: asked["train"] is the most it gets'),
        (pool - asked["val"], "below 0: validation alone asks for more than there is",
         "take off what validation really got"),
    )  # fmt: skip


def _missing_mistakes(asked: Counts, available: Counts) -> Mistakes:
    for_training = asked["train"] + asked["val"]
    normal = for_training + asked["test_normal"]
    exist = available["train_normal"] + available["test_normal"]
    from_train = max(0, for_training - available["train_normal"])
    both = "compare the sum of the three normal counts with the sum of the two parts"
    return (
        (from_train + max(0, asked["test_normal"] - available["test_normal"]),
         "each part was counted by itself; asked is what is missing of all that exist", both),
        (from_train, "the images for testing were left out", both),
        (max(0, asked["train"] - available["train_normal"]),
         "only the images for training were counted", both),
        (max(0, asked["train"] + asked["test_normal"] - exist),
         "validation was left out: its images are normal ones too", both),
        (max(0, sum(asked.values()) - exist),
         "the anomalies were counted as well: only normal images are asked for", both),
        (max(0, sum(asked.values()) - sum(available.values())),
         "the anomalies were counted as well: only normal images are asked for", both),
        (max(0, normal - available["train_normal"]),
         "the official test part holds normal images too", both),
        (4958, "this is the paper's number: another split misses another one",
         "work it out from asked and available"),
    )  # fmt: skip


def _test_mistakes(name: str, asked: Counts, available: Counts) -> Mistakes:
    other = "test_anomaly" if name == "test_normal" else "test_normal"
    most = "take the smaller of what is asked for and what the test part holds"
    return (
        (asked[name], "more than the official test part holds", most),
        (available[name], "more than was asked for", most),
        (min(asked[name], available[other]), f"this was compared with available[{other!r}]", most),
        (min(asked[other], available[other]), f"this is {other}", most),
        (min(asked[name], available["train_normal"]),
         "these come from the training part; testing has the test part alone", most),
    )  # fmt: skip


# ------------------------------------------------------------ exercise 3.2


def forced_number(
    name: str, got: Any, expected: float, rates: tuple[float, float], sizes: tuple[int, int]
) -> Finding | None:
    """Compare one forced number with the right one; name the mistake.

    Who rounds the counts to whole images is right too, so as much is left free as that changes.

    Parameters
    ----------
    name : str
        Of `FORCED_KEYS`.
    got : object
    expected : float
    rates : tuple of float
        Recall and precision.
    sizes : tuple of int
        Positives and negatives.
    """
    if not is_number(got):
        return Finding(f"{name} is a number", describe(got), "something else is returned",
                       "turn it into one number, for example with float(...)")  # fmt: skip
    value, room = float(got), _rounding(name, rates, sizes)
    if abs(value - expected) <= room:
        return None
    why, advice = "the formula differs", "work out the small example above by hand and compare"
    if name in RATES and abs(value - 100 * expected) <= 100 * room:
        why, advice = "a percentage", "return a fraction between 0 and 1"
    for wrong, reason, cure in _forced_mistakes(name, rates, sizes):
        if abs(value - wrong) <= max(room / 10, 1e-6):
            why, advice = reason, cure
            break
    else:
        places = _places(value, expected) if name in RATES else ""
        if places:
            why = f"this is right, but rounded to {places}"
            advice = "return the number as it is, and round only what you print"
    return Finding(f"{name} = {expected:.5g}", f"{name} = {value:.5g}", why, advice)


def _places(value: float, expected: float) -> str:
    """Say to which place a share was rounded; empty if it was not."""
    names = ("a whole number", "1 decimal place", "2 decimal places", "3 decimal places")
    fits = (name for n, name in enumerate(names) if abs(value - round(expected, n)) < 1e-9)
    return next(fits, "")


def _rounding(name: str, rates: tuple[float, float], sizes: tuple[int, int]) -> float:
    """Return how much the number changes at most when counts are rounded to whole images."""
    tp = 0.5
    fp = 0.5 + tp * (1 / rates[1] - 1)
    positives, negatives = sizes
    room = {
        "tp": tp,
        "fp": fp,
        "accuracy": (tp + fp) / (positives + negatives),
        "always_normal": 0.0,
        "auroc_lowest": tp / positives + fp / negatives,
        "auroc_highest": tp / positives + fp / negatives,
    }[name]
    return 1.02 * room + 1e-6


def _forced_mistakes(name: str, rates: tuple[float, float], sizes: tuple[int, int]) -> Mistakes:
    """Return what typical mistakes give for one number, each with the reason and the cure."""
    recall, precision = rates
    positives, negatives = sizes
    tp, images = recall * positives, positives + negatives
    alarms = tp / precision
    wrong = alarms - tp  # false alarms
    if name == "tp":
        return _tp_mistakes(rates, sizes)
    if name == "fp":
        return _fp_mistakes(tp, rates, sizes)
    if name == "accuracy":
        right = "right verdicts are tp and the normal images without alarm, over all images"
        return (
            (1 - (tp + negatives - wrong) / images, "this is the share of wrong verdicts", right),
            ((tp + negatives) / images, "the false alarms are missing: fp is not taken off", right),
            (tp / images, "the right verdicts on normal images are missing", right),
            ((negatives - wrong) / images, "the right verdicts on anomalies are missing", right),
            ((recall + 1 - wrong / negatives) / 2, "this is the balanced accuracy", right),
            (tp + negatives - wrong, "a count of right verdicts, not a share", right),
            ((tp + negatives - (1 - precision) * negatives) / images,
             "precision was taken for the share of normal images without alarm", right),
        )  # fmt: skip
    if name == "always_normal":
        cure = "who calls everything normal is right on the negatives"
        return (
            (positives / images, "this is the accuracy of 'always an anomaly'", cure),
            (negatives / positives, "divided by the anomalies, not by all images", cure),
            (positives / negatives, "anomalies over normal images", cure),
            (1.0, "the anomalies are images too, and would be wrong", cure),
            ((negatives - wrong) / images, "this counts what the detector got right", cure),
        )
    return _bound_mistakes(name, recall, wrong, sizes)


def _tp_mistakes(rates: tuple[float, float], sizes: tuple[int, int]) -> Mistakes:
    recall, precision = rates
    positives, negatives = sizes
    cure = "recall is the share of the positives that were found"
    return (
        (recall, "this is the rate; a count is asked for", cure),
        (recall * negatives, "multiplied by the negatives", cure),
        (recall * (positives + negatives), "multiplied by all images", cure),
        (precision * positives, "precision stands where recall belongs", cure),
        ((1 - recall) * positives, "these are the anomalies that were missed", cure),
        (recall * precision * positives, "precision has no place in tp", cure),
    )


def _fp_mistakes(tp: float, rates: tuple[float, float], sizes: tuple[int, int]) -> Mistakes:
    recall, precision = rates
    positives, negatives = sizes
    wrong = tp / precision - tp
    cure = "precision is the share of the alarms that are right, tp / (tp + fp): solve for fp"
    specificity = "precision was taken for the share of normal images without alarm (specificity)"
    return (
        ((1 - precision) * negatives, specificity, cure),
        (precision * negatives, "precision was taken for a share of the negatives", cure),
        ((1 - precision) * positives, "precision was taken for a share of the positives", cure),
        (positives - tp, "these are the missed anomalies, fn: precision is not tp / (tp + fn)",
         cure),
        (precision * positives - tp, "precision was taken for tp / (tp + fn), which is recall",
         cure),
        (tp / precision - positives, "the positives were taken off the alarms, not tp", cure),
        ((1 - precision) * tp, "a share of tp; precision is a share of all alarms, tp + fp", cure),
        (tp / precision, "these are all alarms: tp is not taken off", cure),
        (-wrong, "the sign is turned", cure),
        (wrong / negatives, "this is the rate; a count is asked for", cure),
        (positives / precision - positives, "recall was left out: not all positives are found",
         cure),
        ((1 - recall) * negatives, "recall stands where precision belongs", cure),
    )  # fmt: skip


def _bound_mistakes(name: str, recall: float, wrong: float, sizes: tuple[int, int]) -> Mistakes:
    """Return mistakes with the areas; the two staircases stand in the text."""
    positives, negatives = sizes
    lowest, highest = _staircases(recall, wrong / negatives)
    of_all = _staircases(recall, wrong / (positives + negatives))
    of_positives = _staircases(recall, wrong / positives)
    of_alarms = _staircases(recall, wrong / max(recall * positives + wrong, 1e-12))
    place = FORCED_KEYS[4:].index(name)
    other = "auroc_highest" if place == 0 else "auroc_lowest"
    cure = (
        "the area below the staircase that waits until fpr, then stays at tpr",
        "the area below the staircase that starts at tpr, then jumps to 1 at fpr",
    )[place]
    return (
        ((highest, lowest)[place], f"this is {other}: both bounds swapped, or from one staircase",
         cure),
        (of_all[place], "the false positive rate was taken over all images",
         "divide fp by the negatives"),
        (of_positives[place], "fp was divided by the positives", "divide fp by the negatives"),
        (of_alarms[place], "fp was divided by the alarms: that share is 1 - precision",
         "divide fp by the negatives"),
        ((recall + 1 - wrong / negatives) / 2,
         "the area below two straight lines: neither the lowest nor the highest curve", cure),
        (recall, "the width of the staircase is missing: it waits until fpr", cure),
        (recall * wrong / negatives, "this is the area left of fpr", cure),
        (1 - wrong / negatives, "the area left of fpr is missing", cure),
        (1.0, "a curve through this point does not reach 1", cure),
        (recall + 1 - wrong / negatives, "the area left of fpr is recall * fpr", cure),
    )  # fmt: skip


def _staircases(recall: float, fpr: float) -> tuple[float, float]:
    right_of_it = 1 - fpr
    return recall * right_of_it, recall * fpr + right_of_it


def _shown(count: float) -> str:
    return f"{count:.0f}" if np.isfinite(count) and count == round(count) else f"{count:.6g}"
