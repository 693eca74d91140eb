"""Blurring: by hand, by a slow reference, and what is refused."""

import numpy as np
import pytest

from data_utils.images import box_blur, gaussian_blur, network_input, to_uint8


def slow_box_mean(picture: np.ndarray, size: int) -> np.ndarray:
    reach = size // 2
    padded = np.pad(picture, reach)
    rows, columns = picture.shape
    return np.array(
        [[padded[r : r + size, c : c + size].mean() for c in range(columns)] for r in range(rows)]
    )


@pytest.mark.parametrize("size", [1, 3, 5])
def test_a_box_blur_is_the_mean_of_the_neighbourhood(size: int) -> None:
    pictures = np.random.default_rng(0).random((3, 7, 9))
    expected = np.stack([slow_box_mean(picture, size) for picture in pictures])
    assert np.allclose(box_blur(pictures, size), expected)
    assert np.allclose(box_blur(pictures[..., None], size)[..., 0], expected)  # with a channel


def test_a_gaussian_blur_keeps_the_sum_and_is_symmetric() -> None:
    dot = np.zeros((1, 21, 21))
    dot[0, 10, 10] = 1
    blurred = gaussian_blur(dot, 1.5)[0]
    assert blurred.sum() == pytest.approx(1)
    assert np.allclose(blurred, blurred.T)
    assert np.allclose(blurred, blurred[::-1])
    assert blurred[10, 12] / blurred[10, 10] == pytest.approx(np.exp(-0.5 * (2 / 1.5) ** 2))


def test_blurring_leaves_its_input_alone_and_takes_bytes() -> None:
    images = np.full((2, 28, 28), 200, np.uint8)
    assert box_blur(images)[0, 14, 14] == pytest.approx(200)  # no wrap-around
    assert gaussian_blur(images, 1)[0, 14, 14] == pytest.approx(200)
    assert (images == 200).all()


@pytest.mark.parametrize("size", [0, 2, -3])
def test_an_even_neighbourhood_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="odd"):
        box_blur(np.zeros((1, 5, 5)), size)


@pytest.mark.parametrize("sigma", [0, -1, float("nan")])
def test_a_blur_without_width_is_refused(sigma: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        gaussian_blur(np.zeros((1, 5, 5)), sigma)


def test_scaling_there_and_back_changes_nothing() -> None:
    images = np.arange(256, dtype=np.uint8).repeat(784)[: 5 * 784].reshape(5, 28, 28)
    assert (to_uint8(network_input(images)) == images).all()
