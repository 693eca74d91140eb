"""The splits that notebooks 2 to 4 share: one digit against the rest, nine digits against one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_utils.errors import SplitError

TEST_SHARE = VAL_SHARE = 0.1  # of the normal digit
WANTED_VAL = 100  # a threshold at a false positive rate of 5 % then rests on five images, not one
MOST_VAL_SHARE = 0.2  # but no more than this of a small set: the network has to learn from the rest
MOST_ANOMALIES = 5000  # enough for any metric here, and quick to score

ONE_VS_REST_COUNTS = {
    "embedded": ((350, 100, 50, 4500),) * 10,
    "full": (
        (4739, 592, 592, 4995),
        (5394, 674, 674, 4995),
        (4768, 595, 595, 4995),
        (4905, 613, 613, 4995),
        (4674, 584, 584, 4995),
        (4337, 542, 542, 4995),
        (4736, 591, 591, 4995),
        (5013, 626, 626, 4995),
        (4681, 585, 585, 4995),
        (4761, 594, 594, 4995),
    ),
}
"""Images in (x_train, x_val, x_test, x_anomaly), by profile and normal digit 0 to 9."""


@dataclass(frozen=True)
class OneVsRest:
    """One digit against the rest.

    Attributes
    ----------
    x_train, x_val, x_test : ndarray of uint8, shape (n, 28, 28)
        Of the normal digit; no image is in two of them.
    x_anomaly : ndarray of uint8, shape (m, 28, 28)
        Of the other digits, the same number of each, in mixed order.
    anomaly_labels : ndarray of uint8, shape (m,)
        The digit on each image of `x_anomaly`.
    """

    x_train: NDArray[np.uint8]
    x_val: NDArray[np.uint8]
    x_test: NDArray[np.uint8]
    x_anomaly: NDArray[np.uint8]
    anomaly_labels: NDArray[np.uint8]


LABELLED = 50  # anomalies that notebook 3 learns from; it asks how few are enough

NINE_VS_ONE_COUNTS = {
    "embedded": ((3600, 450, 450, 50, 450),) * 10,
    "full": (
        (43263, 5407, 5407, 50, 5000),
        (42608, 5325, 5325, 50, 5000),
        (43234, 5404, 5404, 50, 5000),
        (43097, 5386, 5386, 50, 5000),
        (43328, 5415, 5415, 50, 5000),
        (43665, 5457, 5457, 50, 5000),
        (43266, 5408, 5408, 50, 5000),
        (42989, 5373, 5373, 50, 5000),
        (43321, 5414, 5414, 50, 5000),
        (43241, 5405, 5405, 50, 5000),
    ),
}
"""Images in (x_train, x_val, x_test, x_labelled, x_anomaly), by profile and anomaly digit."""


@dataclass(frozen=True)
class NineVsOne:
    """Nine digits against one.

    Attributes
    ----------
    x_train, x_val, x_test : ndarray of uint8, shape (n, 28, 28)
        Of the nine normal digits; no image is in two of them.
    train_labels : ndarray of uint8, shape (n,)
        The digit on each image of `x_train`.
    x_labelled : ndarray of uint8, shape (k, 28, 28)
        Anomalies that somebody has labelled, for learning from a few of them.
    x_anomaly : ndarray of uint8, shape (m, 28, 28)
        Other anomalies, for judging.
    """

    x_train: NDArray[np.uint8]
    x_val: NDArray[np.uint8]
    x_test: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    x_labelled: NDArray[np.uint8]
    x_anomaly: NDArray[np.uint8]


def one_vs_rest(
    images: NDArray[np.uint8], labels: NDArray[np.uint8], *, normal_digit: int, seed: int
) -> OneVsRest:
    """Split images into three sets of one digit and a set of all others.

    Of the normal digit a tenth is for testing and a tenth for validation; a small set gives up to
    a fifth for validation, so that it has 100 images. The rest is for training.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, 28, 28)
    labels : ndarray of uint8, shape (n,)
    normal_digit : int
    seed : int
        The same seed gives the same split.

    Returns
    -------
    OneVsRest
        With at most 5,000 anomalies. Copies: `images` stays as it is.

    Raises
    ------
    SplitError
        If images and labels differ in number, fewer than 10 images show the normal digit, or
        none shows another.

    Examples
    --------
    >>> images, labels = np.zeros((60, 28, 28), np.uint8), np.repeat(np.arange(3), 20)
    >>> split = one_vs_rest(images, labels, normal_digit=1, seed=0)
    >>> [len(x) for x in (split.x_train, split.x_val, split.x_test, split.x_anomaly)]
    [14, 4, 2, 40]
    """
    images, labels = np.asarray(images), np.asarray(labels)
    _refuse_unfit(images, labels, normal_digit, "normal")
    order = np.random.default_rng(seed)
    normal = order.permutation(np.flatnonzero(labels == normal_digit))
    count = len(normal)
    test = int(TEST_SHARE * count)
    val = max(int(VAL_SHARE * count), min(WANTED_VAL, int(MOST_VAL_SHARE * count)))
    anomaly = _same_number_of_each(labels, normal_digit, order)
    return OneVsRest(
        x_train=images[normal[val + test :]],
        x_val=images[normal[:val]],
        x_test=images[normal[val : val + test]],
        x_anomaly=images[anomaly],
        anomaly_labels=labels[anomaly].astype(np.uint8),
    )


def nine_vs_one(
    images: NDArray[np.uint8], labels: NDArray[np.uint8], *, anomaly_digit: int, seed: int
) -> NineVsOne:
    """Split images of nine digits into three sets, and those of the tenth into two.

    Of the normal images a tenth is for testing and a tenth for validation; the rest is for
    training. Of the anomalies 50 (of a small set a tenth) count as labelled by somebody; at most
    5,000 others are for judging.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, 28, 28)
    labels : ndarray of uint8, shape (n,)
    anomaly_digit : int
    seed : int
        The same seed gives the same split.

    Returns
    -------
    NineVsOne
        Copies: `images` stays as it is.

    Raises
    ------
    SplitError
        If images and labels differ in number, fewer than 10 images show the anomaly digit, or
        none shows another.

    Examples
    --------
    >>> images, labels = np.zeros((60, 28, 28), np.uint8), np.repeat(np.arange(3), 20)
    >>> split = nine_vs_one(images, labels, anomaly_digit=1, seed=0)
    >>> [len(x) for x in (split.x_train, split.x_val, split.x_test)]
    [32, 4, 4]
    >>> len(split.x_labelled), len(split.x_anomaly)
    (2, 18)
    """
    images, labels = np.asarray(images), np.asarray(labels)
    _refuse_unfit(images, labels, anomaly_digit, "anomaly")
    order = np.random.default_rng(seed)
    odd = labels == anomaly_digit
    normal, anomaly = (order.permutation(np.flatnonzero(chosen)) for chosen in (~odd, odd))
    tenth = int(TEST_SHARE * len(normal))
    train, val, test = np.split(normal, (len(normal) - 2 * tenth, len(normal) - tenth))
    labelled = min(LABELLED, int(TEST_SHARE * len(anomaly)))
    return NineVsOne(
        x_train=images[train],
        x_val=images[val],
        x_test=images[test],
        train_labels=labels[train].astype(np.uint8),
        x_labelled=images[anomaly[:labelled]],
        x_anomaly=images[anomaly[labelled : labelled + MOST_ANOMALIES]],
    )


def _same_number_of_each(
    labels: NDArray[np.uint8], normal_digit: int, order: np.random.Generator
) -> NDArray[np.intp]:
    """Draw positions of the other digits, as many of each as the rarest has, in mixed order."""
    others, counts = np.unique(labels[labels != normal_digit], return_counts=True)
    each = min(int(counts.min()), MOST_ANOMALIES // len(others))
    drawn = [order.permutation(np.flatnonzero(labels == digit))[:each] for digit in others]
    return order.permutation(np.concatenate(drawn))


def _refuse_unfit(
    images: NDArray[np.uint8], labels: NDArray[np.uint8], digit: int, role: str
) -> None:
    if len(images) != len(labels):
        raise SplitError(
            f"There are {len(images)} images and {len(labels)} labels; each image needs one label. "
            "Take both from the same data set, before either is cut."
        )
    count = int(np.sum(labels == digit))
    least = round(1 / TEST_SHARE)  # one image for testing
    if count < least:
        raise SplitError(
            f"{count} of {len(labels)} images show the {role} digit {digit}; a split needs "
            f"at least {least}. Choose a digit that the labels hold."
        )
    if count == len(labels):
        raise SplitError(
            f"All {count} images show the {role} digit {digit}; a split needs images of "
            "other digits too. Give it all images of the data set."
        )
