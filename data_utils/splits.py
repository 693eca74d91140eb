"""The split that notebooks 2 to 4 share: one digit is normal, the nine others are not."""

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
    _refuse_unfit(images, labels, normal_digit)
    draw = np.random.default_rng(seed)
    normal = draw.permutation(np.flatnonzero(labels == normal_digit))
    count = len(normal)
    test = int(TEST_SHARE * count)
    val = max(int(VAL_SHARE * count), min(WANTED_VAL, int(MOST_VAL_SHARE * count)))
    anomaly = _same_number_of_each(labels, normal_digit, draw)
    return OneVsRest(
        x_train=images[normal[val + test :]],
        x_val=images[normal[:val]],
        x_test=images[normal[val : val + test]],
        x_anomaly=images[anomaly],
        anomaly_labels=labels[anomaly].astype(np.uint8),
    )


def _same_number_of_each(
    labels: NDArray[np.uint8], normal_digit: int, draw: np.random.Generator
) -> NDArray[np.intp]:
    """Draw positions of the other digits, as many of each as the rarest has, in mixed order."""
    others, counts = np.unique(labels[labels != normal_digit], return_counts=True)
    each = min(int(counts.min()), MOST_ANOMALIES // len(others))
    drawn = [draw.permutation(np.flatnonzero(labels == digit))[:each] for digit in others]
    return draw.permutation(np.concatenate(drawn))


def _refuse_unfit(images: NDArray[np.uint8], labels: NDArray[np.uint8], normal_digit: int) -> None:
    if len(images) != len(labels):
        raise SplitError(
            f"There are {len(images)} images and {len(labels)} labels; each image needs one label. "
            "Take both from the same data set, before either is cut."
        )
    count = int(np.sum(labels == normal_digit))
    least = round(1 / TEST_SHARE)  # one image for testing
    if count < least:
        raise SplitError(
            f"{count} of {len(labels)} images show the normal digit {normal_digit}; a split needs "
            f"at least {least}. Choose a digit that the labels hold."
        )
    if count == len(labels):
        raise SplitError(
            f"All {count} images show the normal digit {normal_digit}; a split needs images of "
            "other digits as anomalies. Give it all images of the data set."
        )
