"""The geometric transformations: their order, their labels, their fill, and what they cost."""

import tracemalloc

import numpy as np
import pytest
import torch
from scipy import ndimage

from data_utils.errors import TransformError
from data_utils.transforms import (
    Transform,
    all_transforms,
    apply_all,
    apply_each,
    labelled_stream,
)

ALL = all_transforms()
RANDOM = np.random.default_rng(4).integers(0, 256, (3, 28, 28)).astype(np.uint8)


def by_scipy(image: np.ndarray, transform: Transform) -> np.ndarray:
    """One image, the slow way: flip, then translate, then turn."""
    flipped = image[:, ::-1] if transform.flip else image
    offset = (-transform.down, -transform.right)
    moved = ndimage.affine_transform(flipped, np.eye(2), offset, order=1, mode="reflect")
    return np.rot90(moved, transform.turns)


def test_there_are_72_with_the_identity_first_and_none_twice() -> None:
    assert len(ALL) == len(set(ALL)) == 72
    assert ALL[0] == Transform()
    assert ALL[5] == Transform(right=-7, turns=1)
    assert ALL[36] == Transform(flip=True)
    assert len({image.tobytes() for image in apply_all(RANDOM[:1], ALL)[0]}) == 72


def test_they_are_those_of_scipy() -> None:
    found = apply_all(RANDOM, ALL)
    for image, row in zip(RANDOM, found, strict=True):
        for transform, got in zip(ALL, row, strict=True):
            assert np.array_equal(got, by_scipy(image, transform))


@pytest.mark.parametrize("kind", [torch.uint8, torch.float32])
def test_tensors_come_back_as_tensors(kind: torch.dtype) -> None:
    images = torch.as_tensor(RANDOM).to(kind)
    found = apply_all(images, ALL[:6])
    assert found.dtype == kind
    assert np.array_equal(found.numpy(), apply_all(RANDOM, ALL[:6]))
    images = torch.as_tensor(RANDOM, dtype=torch.float32).requires_grad_()
    apply_all(images, ALL[:6]).sum().backward()  # for pictures by gradient ascent
    assert images.grad is not None
    assert torch.isfinite(images.grad).all()


def test_inverses_undo_each_other() -> None:
    turned = apply_all(RANDOM, [Transform(turns=1)])[:, 0]
    assert np.array_equal(apply_all(turned, [Transform(turns=3)])[:, 0], RANDOM)
    flipped = apply_all(RANDOM, [Transform(flip=True)])[:, 0]
    assert np.array_equal(apply_all(flipped, [Transform(flip=True)])[:, 0], RANDOM)
    moved = apply_all(RANDOM, [Transform(down=7, right=-7)])[:, 0]
    back = apply_all(moved, [Transform(down=-7, right=7)])[:, 0]
    assert np.array_equal(back[:, :21, 7:], RANDOM[:, :21, 7:])  # the rest left the picture


def test_the_stream_holds_each_pair_once_under_its_label() -> None:
    transforms = all_transforms(flips=(False,), turns=(0, 2))
    batches = list(labelled_stream(RANDOM, transforms, batch=7, seed=1))
    x = np.concatenate([part for part, _ in batches])
    labels = np.concatenate([part for _, part in batches])
    assert np.bincount(labels).tolist() == [3] * 18
    expected = {image.tobytes(): t for row in apply_all(RANDOM, transforms)
                for t, image in enumerate(row)}  # fmt: skip
    assert [expected[image.tobytes()] for image in x] == labels.tolist()
    again = np.concatenate([part for _, part in labelled_stream(RANDOM, transforms, 7, seed=1)])
    other = np.concatenate([part for _, part in labelled_stream(RANDOM, transforms, 7, seed=2)])
    assert np.array_equal(labels, again)
    assert not np.array_equal(labels, other)


def test_the_stream_is_never_held_as_a_whole() -> None:
    peaks = []
    for count in (200, 800):
        images = np.zeros((count, 28, 28), np.uint8)
        next(labelled_stream(images, ALL, 128, 0))  # what is made once
        tracemalloc.start()
        for _ in labelled_stream(images, ALL, 128, 0):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    whole = 600 * 72 * 28 * 28
    assert peaks[1] - peaks[0] < whole / 20  # the order alone grows


def test_each_image_gets_its_own_transformation() -> None:
    labels = np.array([40, 0, 71])
    every = apply_all(RANDOM, ALL)
    assert np.array_equal(apply_each(RANDOM, ALL, labels), every[np.arange(3), labels])


def test_what_does_not_fit_is_refused_in_words() -> None:
    with pytest.raises(TransformError, match="channel axis"):
        apply_all(RANDOM[:, None], ALL)
    with pytest.raises(TransformError, match="smaller than that"):
        apply_all(RANDOM, [Transform(down=28)])
    with pytest.raises(TransformError, match="channel axis"):
        next(labelled_stream(RANDOM[:, :20], ALL, 8, 0))
