"""Exercise 1.1: what can be wrong with a leave-one-digit-out split.

Each function takes the case and the learner's result and returns a Finding or None. The visible
check and the hidden checks ask the same questions of different images.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.values import describe
from data_utils.selfcheck.words import Finding

PARTS = ("x_train", "x_val", "x_test", "x_anomaly")
NORMAL_PARTS = PARTS[:3]
TEST_SHARE, VAL_SHARE = 0.2, 0.1  # of the normal images; the exercise text says so
SHARE_SLACK = 0.005  # of the normal images, for whoever rounds up where another rounds down
ROUNDING_SLACK = 2  # images per normal digit: a split digit by digit rounds twice for each


@dataclass(frozen=True)
class SplitCase:
    """Images (uint8, (n, 28, 28), no two alike), labels and the digit to leave out."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    anomaly_digit: int

    def positions(self, part: NDArray[Any]) -> list[int]:
        """Return where each image of `part` stands in the case, -1 for an unknown image."""
        known = {image.tobytes(): place for place, image in enumerate(self.images)}
        return [known.get(np.ascontiguousarray(image).tobytes(), -1) for image in part]


def split_form(case: SplitCase, result: Any) -> Finding | None:
    """Four arrays of the images that were handed in, unchanged."""
    if not isinstance(result, (tuple, list)) or len(result) != len(PARTS):
        return Finding(
            "four arrays: " + ", ".join(PARTS),
            describe(result),
            "something else is returned",
            "end the function with: return x_train, x_val, x_test, x_anomaly",
        )
    for name, part in zip(PARTS, result, strict=True):
        if not isinstance(part, np.ndarray) or part.shape[1:] != (28, 28):
            return Finding(
                f"{name} is an array of images: shape (k, 28, 28)",
                describe(part),
                "positions or labels are returned, or the images were reshaped",
                "index the images: images[positions]",
            )
        if part.dtype != np.uint8 or -1 in case.positions(part):
            return Finding(
                f"{name} holds images exactly as they came: uint8, 0 to 255",
                f"images that were not handed in (dtype {part.dtype})",
                "the images were scaled or changed here",
                "only choose images in this function; scaling comes later",
            )
    return None


def split_keeps_anomalies_out(case: SplitCase, result: Any) -> Finding | None:
    """No anomaly among the images that the detector learns from or is called normal on."""
    for name, part in zip(NORMAL_PARTS, result, strict=False):
        digits = case.labels[case.positions(part)]
        strays = int((digits == case.anomaly_digit).sum())
        if strays:
            why, advice = _why_strays(case, result)
            return Finding(
                f"no image of digit {case.anomaly_digit} in {name}",
                f"{strays} of {len(part)}",
                why,
                advice,
            )
    return None


def _why_strays(case: SplitCase, result: Any) -> tuple[str, str]:
    """Say how anomalies came among the normal images."""
    digits = [set(case.labels[case.positions(part)].tolist()) for part in result]
    alone = [
        name for name, found in zip(PARTS, digits, strict=True) if found == {case.anomaly_digit}
    ]
    if len(alone) == 1 and alone[0] != PARTS[3]:
        return (
            f"{alone[0]} and x_anomaly are exchanged: all the anomalies stand in {alone[0]}",
            "return x_train, x_val, x_test, x_anomaly in this order",
        )
    if len(digits[3]) == 1 and not digits[3] & set.union(*digits[:3]):
        left_out = digits[3].pop()
        return (
            f"digit {left_out} was left out: a number of the notebook, such as ANOMALY_DIGIT, in "
            "place of the argument",
            "use anomaly_digit, which the function is given",
        )
    return (
        "an autoencoder that has seen the anomaly draws it as well as any other digit",
        "choose the normal positions with labels != anomaly_digit before you cut them",
    )


def split_is_disjoint(case: SplitCase, result: Any) -> Finding | None:
    """No image in two parts, and none twice in one."""
    places = [case.positions(part) for part in result]
    for name, own in zip(PARTS, places, strict=True):
        if len(set(own)) < len(own):
            return Finding(
                f"each image once in {name}",
                f"{len(own) - len(set(own))} repeated",
                "positions were drawn with replacement",
                "shuffle all positions once (rng.permutation) and cut the result",
            )
    for first, second in ((0, 1), (0, 2), (1, 2)):
        shared = len(set(places[first]) & set(places[second]))
        if shared:
            return Finding(
                f"no image in both {PARTS[first]} and {PARTS[second]}",
                f"{shared} in both",
                "two pieces were cut from the same stretch, or shuffled separately",
                "shuffle once, then cut one array of positions into three pieces",
            )
    return None


def split_anomalies_complete(case: SplitCase, result: Any) -> Finding | None:
    """The anomaly set is every image of the digit left out, and nothing else."""
    places = case.positions(result[3])
    wanted = int((case.labels == case.anomaly_digit).sum())
    right = int((case.labels[places] == case.anomaly_digit).sum())
    if right == len(places) == wanted:
        return None
    return Finding(
        f"x_anomaly holds all {wanted} images of digit {case.anomaly_digit}, and no other",
        f"{right} of them and {len(places) - right} others",
        "the anomaly set was cut like the normal images, or chosen by another digit",
        "x_anomaly = images[labels == anomaly_digit]",
    )


def split_sizes(case: SplitCase, result: Any) -> Finding | None:
    """20 % of the normal images for the test, 10 % for validation, the rest for training."""
    normals = int((case.labels != case.anomaly_digit).sum())
    digits = len(np.unique(case.labels[case.labels != case.anomaly_digit]))
    slack = SHARE_SLACK * normals + ROUNDING_SLACK * digits
    shares = {"x_test": TEST_SHARE, "x_val": VAL_SHARE, "x_train": 1 - TEST_SHARE - VAL_SHARE}
    sizes = {name: len(result[PARTS.index(name)]) for name in shares}
    wrong = [name for name in shares if abs(sizes[name] - shares[name] * normals) > slack]
    if not wrong:
        return None
    why = "the shares were taken of all images, or of what was left after another cut"
    advice = "count the normal images first and take each share of that number"
    for first, second in itertools.combinations(wrong, 2):
        exchanged = [(first, second), (second, first)]
        if all(abs(sizes[a] - shares[b] * normals) <= slack for a, b in exchanged):
            why = f"{first} and {second} are exchanged: each has the size of the other"
            advice = "return x_train, x_val, x_test, x_anomaly in this order"
    name = wrong[0]
    return Finding(
        f"{name} holds about {shares[name]:.0%} of the {normals} normal images",
        f"{sizes[name]}, which is {sizes[name] / normals:.0%}",
        why,
        advice,
    )


def split_is_mixed(case: SplitCase, result: Any) -> Finding | None:
    """Every normal digit in every part: images sorted by digit are shuffled before the cut."""
    normal_digits = set(np.unique(case.labels).tolist()) - {case.anomaly_digit}
    for name, part in zip(NORMAL_PARTS, result, strict=False):
        missing = normal_digits - set(case.labels[case.positions(part)].tolist())
        if missing:
            return Finding(
                f"every normal digit in {name}",
                "none of digit " + ", ".join(str(digit) for digit in sorted(missing)),
                "the images come sorted by digit and were cut without being shuffled",
                "shuffle the normal positions with np.random.default_rng(seed) before the cut",
            )
    return None


def split_follows_seed(first: Any, again: Any, other: Any) -> Finding | None:
    """The same seed gives the same split, another seed another one."""
    if not all(np.array_equal(a, b) for a, b in zip(first, again, strict=True)):
        return Finding(
            "the same split for the same seed",
            "two different splits",
            "the shuffle does not use the seed that the function is given",
            "draw from np.random.default_rng(seed), and from nothing else",
        )
    for name, one, two in zip(NORMAL_PARTS, first, other, strict=False):
        if np.array_equal(one, two):
            return Finding(
                "another split for another seed",
                f"the same {name} for two seeds",
                "the seed is not used, or a fixed number such as SEED stands in its place",
                "draw from np.random.default_rng(seed), and from nothing else",
            )
    return None


def split_leaves_input_alone(before: NDArray[Any], after: Any) -> Finding | None:
    """The arrays that were handed in are as they were."""
    if np.array_equal(before, after):
        return None
    return Finding(
        "images and labels are unchanged after the call",
        "their content or order changed",
        "a shuffle worked in place: everybody who uses these arrays later gets other data",
        "shuffle positions (rng.permutation(n)), never the images themselves",
    )
