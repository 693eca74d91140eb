"""Exercises 2.1 and 2.2: what can be wrong with scaled images, and with two networks.

Expected values and measurements come from the caller.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.values import describe, is_whole_number
from data_utils.selfcheck.words import Finding

GREY_ATOL = 2e-3  # one grey value of 255 is 0.008 on the scale from -1 to 1
NO_DIFFERENCE = 1e-7  # relative; float32 keeps about seven digits
SHIFT = "0 must become -1 and 255 must become 1: half of 255 is 127.5, and the shift is -1"
NETWORKS = ("generator", "discriminator")
PAIR_OUTPUTS = (
    *("drawn", "drawn_loud", "drawn_alone"),
    *("logits", "logits_loud", "logits_alone", "features"),
)
COMPANY = 0.01  # of a standard deviation: far above float noise, far below batch statistics


def as_plain_array(value: Any) -> Any:
    """Return a tensor as an array and leave anything else as it is; imports no framework."""
    return np.asarray(value.detach().cpu()) if hasattr(value, "detach") else value


# ------------------------------------------------------------ exercise 2.1


def range_values(got: Any, expected: NDArray[np.floating[Any]]) -> Finding | None:
    """Compare scaled images with the right ones; name the mistake that explains a difference.

    Parameters
    ----------
    got : object
        What the learner's function returned.
    expected : ndarray, shape (n, 1, rows, columns)
        The right values, from -1 to 1.
    """
    values = as_plain_array(got)
    finding = _range_form(values, expected)
    if finding or np.allclose(values, expected, rtol=0, atol=GREY_ATOL):
        return finding
    grey = (expected + 1) * 127.5
    why, advice = "the formula differs", SHIFT
    for wrong, reason, cure in _range_mistakes(expected, grey):
        if np.allclose(values, wrong, rtol=0, atol=GREY_ATOL):
            why, advice = reason, cure
            break
    worst = np.unravel_index(np.argmax(np.abs(values - expected)), expected.shape)
    return Finding(
        f"{expected[worst]:.3f} for the grey value {grey[worst]:.0f}",
        f"{float(values[worst]):.3f}",
        why,
        advice,
    )


def _range_mistakes(
    expected: NDArray[np.floating[Any]], grey: NDArray[np.floating[Any]]
) -> Iterable[tuple[NDArray[np.floating[Any]], str, str]]:
    """Return wrong values, the reason for each and its cure."""
    return (
        (grey / 255, "this is the range from 0 to 1: the shift is missing", SHIFT),
        (grey / 255 * 2, "the shift is missing: black is 0", SHIFT),
        (grey / 127.5 - 0.5, "the shift is wrong: black is -0.5", SHIFT),
        (grey / 255 - 0.5, "from -0.5 to 0.5: half of the range", SHIFT),
        (grey / 255 - 1, "the shift is right and the factor is not: white is 0", SHIFT),
        (grey / 128 - 1, "128 stands where 127.5 belongs: white is 0.992", SHIFT),
        (np.round(expected), "the values were rounded", "keep the fractions: no round, no int"),
        (_by_each_image(grey), "each image was scaled by its own largest grey value",
         "use 0 and 255, which are the same for every image"),
        (grey, "the grey values are as they were: nothing was scaled", SHIFT),
        (grey - 127.5, "the division is missing", "divide by 127.5 before you take 1 off"),
        (grey // 127.5 - 1, "the division was done in whole numbers", "divide with / , not //"),
        (grey // 255, "the division was done in whole numbers", "divide with / , not //"),
        (grey // 255 * 2 - 1, "the division was done in whole numbers", "divide with / , not //"),
        (-expected, "the sign is turned: black is 1 and white is -1", SHIFT),
        (_standardised(grey), "these are standard deviations from the batch's own mean",
         "the range is fixed, whatever the other images are: 0 becomes -1, 255 becomes 1"),
        ((grey - grey.min()) / max(np.ptp(grey), 1) * 2 - 1,
         "scaled by the smallest and largest grey value of these images",
         "use 0 and 255, which are the same for every batch"),
    )  # fmt: skip


def _range_form(values: Any, expected: NDArray[np.floating[Any]]) -> Finding | None:
    wanted = f"an array of shape {expected.shape}"
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "iuf":
        return Finding(wanted, describe(values), "something else than numbers is returned",
                       "return the scaled array")  # fmt: skip
    if values.shape != expected.shape:
        count, _, rows, columns = expected.shape
        why = {
            (count, rows, columns): "the axis of the channel is missing",
            (count, rows, columns, 1): "the channel stands last, as in Keras",
            (1, count, rows, columns): "the new axis stands before the images, not after them",
        }.get(values.shape, "the images were cut or reshaped")
        return Finding(wanted, describe(values), why,
                       "put an axis of length 1 after the first: [:, None]")  # fmt: skip
    if not np.isfinite(values).all():
        return Finding("finite numbers", "NaN or infinite ones", "a division by zero",
                       "divide by a fixed number, not by what these images hold")  # fmt: skip
    return None


def range_type(got: Any) -> Finding | None:
    """The scaled images are float32, as networks want them."""
    values = as_plain_array(got)
    if isinstance(values, np.ndarray) and values.dtype == np.float32:
        return None
    return Finding(
        "values of type float32",
        describe(values),
        "torch's weights are float32, and it refuses to multiply them with another type",
        "turn the images into np.float32 first",
    )


def range_leaves_input_alone(before: NDArray[Any], after: Any) -> Finding | None:
    """The images that were handed in are as they were."""
    if np.array_equal(before, after):
        return None
    return Finding(
        "the images that were handed in, unchanged",
        "other values in them after the call",
        "an operation worked in place (such as /= or -= or out=)",
        "make a new array: images.astype(np.float32) copies",
    )


def _by_each_image(grey: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    largest = grey.max(axis=(2, 3), keepdims=True)
    scaled: NDArray[np.floating[Any]] = 2 * grey / np.maximum(largest, 1e-12) - 1
    return scaled


def _standardised(grey: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    standardised: NDArray[np.floating[Any]] = (grey - grey.mean()) / max(float(grey.std()), 1e-12)
    return standardised


# ------------------------------------------------------------ exercise 2.2


def report_form(report: Any, count: int, latent_size: int) -> Finding | None:
    """The measurement is one of this pair, and says what it must.

    Parameters
    ----------
    report : object
        Of `nb2_probes_training.pair_outputs`, from a process that the learner's code shares.
    count, latent_size : int
        Shape of the noise that was handed out.
    """
    known = report if isinstance(report, dict) else {}
    sound = all(
        is_whole_number(known.get(key)) and int(known[key]) == asked
        for key, asked in (("count", count), ("asked_latent_size", latent_size))
    )
    sound = sound and all(isinstance(known.get(key), str) for key in ("kind", "stop"))
    sound = sound and isinstance(known.get("is_pair"), bool)
    if sound and report.get("is_pair") is True and not report.get("stop"):
        outputs = [report.get(name) for name in PAIR_OUTPUTS]
        sound = all(isinstance(o, np.ndarray) and o.dtype.kind in "fiu" for o in outputs)
        sound = sound and all(o.size > 0 for o in outputs)
        rows = {name: report[name].shape[1:] for name in PAIR_OUTPUTS} if sound else {}
        sound = sound and all(
            report[n].ndim == report[f"{n}_loud"].ndim > 0 and rows[n] == rows[f"{n}_loud"]
            for n in ("drawn", "logits")
        )
        sound = sound and all(is_whole_number(report.get(f"{n}_weights")) for n in NETWORKS)
    if sound and {"kind", "is_pair", "latent_size", "stop"} <= set(report):
        return None
    return Finding(
        "networks whose outputs are arrays of numbers",
        "something else in their place",
        "the pair's own methods were replaced",
        "return GanPair(generator, features, head, latent_size)",
    )


def report_is_of_the_pair(report: Mapping[str, Any], given: Mapping[str, Any]) -> Finding | None:
    """What was measured is what the pair itself gives when it is asked.

    Parameters
    ----------
    report : mapping
        Of the right form.
    given : mapping of str to object
        Some of the outputs, asked of the pair directly.
    """
    for name, outputs in given.items():
        measured = report[name]
        same_form = isinstance(outputs, np.ndarray) and outputs.shape == measured.shape
        if not same_form or not np.allclose(outputs, measured, atol=1e-5, equal_nan=True):
            return Finding(
                "networks that give the same for the same input",
                f"other {'drawings' if name == 'drawn' else 'logits'} when asked again",
                "the pair draws noise of its own in evaluation mode, or its methods were replaced",
                "leave the pair's methods as they are, and draw no random numbers in a layer",
            )
    return None


def pair_form(report: Mapping[str, Any]) -> Finding | None:
    """A GanPair whose networks take noise and images, and give images, features and logits.

    Parameters
    ----------
    report : mapping
        Of `nb2_probes_training.pair_outputs`, as for all of these.
    """
    if not report["is_pair"]:
        return Finding(
            "a GanPair",
            f"an object of type {report['kind']}",
            "the networks are not put together",
            "return GanPair(generator, features, head, latent_size)",
        )
    count, latent = report["count"], report["asked_latent_size"]
    if report["stop"]:
        return Finding(
            f"networks that take noise ({count}, {latent}) and images ({count}, 1, 28, 28)",
            report["stop"],
            "the shapes of two layers do not fit, or the networks stand in another order",
            "give each network its input alone, layer by layer, and print the shapes",
        )
    for name, cure in (
        ("drawn", "end the generator with one channel of 28 x 28 pixels"),
        ("logits", "end the head with nn.Linear(k, 1)"),
    ):
        shape = (count, 1, 28, 28) if name == "drawn" else (count,)
        if np.shape(report[name]) != shape:
            what = "drawings" if name == "drawn" else "one logit per image, in all"
            return Finding(f"{what} of shape {shape}", f"shape {np.shape(report[name])}",
                           "the last layer has another size", cure)  # fmt: skip
        if not np.isfinite(report[name]).all():
            return Finding("finite numbers", "NaN or infinite ones in what the networks give",
                           "a division by zero or a logarithm in a layer",
                           "leave it out: the loss takes the logarithm")  # fmt: skip
    return _pair_weights(report)


def _pair_weights(report: Mapping[str, Any]) -> Finding | None:
    for network in NETWORKS:
        if not report[f"{network}_weights"]:
            return Finding(
                f"a {network} with weights that can learn",
                "none",
                "its layers have no weights, are frozen, or are not registered in their module",
                "use layers of nn, and keep lists of them in nn.ModuleList or nn.Sequential",
            )
    return None


def latent_size_honoured(report: Mapping[str, Any]) -> Finding | None:
    """The generator takes as many numbers as `latent_size` says, and the pair knows it."""
    asked = report["asked_latent_size"]
    latent_size = report["latent_size"]
    honoured = is_whole_number(latent_size) and int(latent_size) == asked
    if report["is_pair"] and honoured and not report["stop"]:
        return None
    got = report["stop"] or f"latent_size: {describe(latent_size)}"
    return Finding(
        f"a pair for noise of {asked} numbers",
        got if report["is_pair"] else f"an object of type {report['kind']}",
        "the argument latent_size is not used everywhere: a fixed number stands in its place",
        "use latent_size in the generator's first layer and in GanPair(...)",
    )


def drawings_in_range(report: Mapping[str, Any]) -> Finding | None:
    """What is drawn lies in [-1, 1], however loud the noise, and uses both halves of it."""
    drawn = np.concatenate([report["drawn"], report["drawn_loud"]])
    low, high = float(drawn.min()), float(drawn.max())
    expected, got = "drawings from -1 to 1, whatever the noise", f"from {low:.3g} to {high:.3g}"
    if low < -1.0001 or high > 1.0001:
        return Finding(expected, got, "nothing bounds what the generator draws",
                       "make nn.Tanh() its last layer")  # fmt: skip
    if low >= 0:
        return Finding(expected, got, "it never draws below 0, as after a sigmoid or a ReLU, and "
                       "the black of real images is -1",
                       "make nn.Tanh() its last layer")  # fmt: skip
    return None


def drawings_follow_noise(report: Mapping[str, Any]) -> Finding | None:
    """Another noise gives another drawing."""
    if _differs(report["drawn"]) or _differs(report["drawn_loud"]):
        return None
    return Finding(
        "another picture for another noise",
        "the same picture for every noise",
        "the noise does not reach the generator's last layer",
        "let every layer of the generator take what the one before it gives",
    )


def logits_are_free(report: Mapping[str, Any]) -> Finding | None:
    """A logit can be any number; loud images drive it out of [0, 1]."""
    logits = np.concatenate([report["logits"], report["logits_loud"]])
    low, high = float(logits.min()), float(logits.max())
    expected = "logits: any numbers, also below 0 and above 1"
    got = f"from {low:.3g} to {high:.3g}, whatever the image"
    if low >= 0 and high <= 1:
        return Finding(expected, got, "a sigmoid in the head, or a softmax: these are no logits",
                       "leave it out: the loss takes logits")  # fmt: skip
    if 0.9999 < max(-low, high) <= 1.0001:
        return Finding(expected, got, "a tanh in the head: tanh bounds pictures, not logits",
                       "end the head with a linear layer")  # fmt: skip
    if low >= 0 and low < 1e-6:
        return Finding(expected, got, "the head ends in a ReLU: it can never say 'drawn'",
                       "end the head with a linear layer")  # fmt: skip
    return None


def judge_looks(report: Mapping[str, Any]) -> Finding | None:
    """Features and logit depend on the image."""
    for name, words in (("features", "the same features"), ("logits", "the same logit")):
        if not _differs(report[name]):
            return Finding(
                f"other {name} for another image",
                f"{words} for every image",
                "the image does not reach the discriminator's last layer",
                "let every layer take what the one before it gives",
            )
    return None


def pair_ignores_company(report: Mapping[str, Any]) -> Finding | None:
    """In evaluation mode a drawing or a logit is the same alone and among others."""
    for name, what in (("drawn", "drawing"), ("logits", "logit")):
        together, alone = np.asarray(report[name]), np.asarray(report[f"{name}_alone"])
        spread = float(np.mean(np.std(together, axis=0)))
        if together.shape != alone.shape or np.abs(together - alone).max() > COMPANY * spread:
            return Finding(
                f"the same {what} alone and among others",
                f"another {what} alone than among others",
                "a layer uses the mean of the whole batch even in evaluation mode",
                "use nn.BatchNorm as it is: in evaluation mode it uses stored statistics",
            )
    return None


def pair_of_its_own(before: Any, after: Any) -> Finding | None:
    """A pair does not change when the weights of another one, built by another call, do.

    Parameters
    ----------
    before, after : list of ndarray
        The pair's weights before and after something was added to those of the other one.
    """
    known = all(isinstance(weights, (list, tuple)) for weights in (before, after))
    same = known and 0 < len(before) == len(after)
    if same and all(np.array_equal(a, b) for a, b in zip(before, after, strict=True)):
        return None
    return Finding(
        "new networks from each call",
        "the same network is handed out twice: what one pair learns, the other one knows",
        "it was kept from an earlier call (functools.cache, a variable outside of the function)",
        "make every layer inside build_pair, and cache nothing",
    )


def _differs(rows: NDArray[np.floating[Any]]) -> bool:
    """Say whether the rows differ by more than rounding."""
    rows = np.asarray(rows, float)
    return bool(np.ptp(rows, axis=0).max() > NO_DIFFERENCE * np.abs(rows).max())
