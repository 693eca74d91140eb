"""Flips, translations and rotations of many images at once, and the labels they give.

The 72 transformations of Golan and El-Yaniv (NeurIPS 2018, section 4.1): a flip or none, one of
nine translations, one of four quarter turns, applied in this order.
"""

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.effects import with_effect
from data_utils.errors import TransformError


@dataclass(frozen=True)
class Transform:
    """One geometric transformation, perhaps with an effect that is not geometric before it.

    Attributes
    ----------
    flip : bool
        Mirror left to right.
    down, right : int
        Pixels by which the content moves. What becomes free is filled by the mirror image of what
        is left, the pixel at the edge included (scipy's mode ``"reflect"``).
    turns : int
        Quarter turns against the clock, 0 to 3.
    effect : str
        Of `data_utils.effects.EFFECTS`, or empty: no transformation of the paper has one.
    """

    flip: bool = False
    down: int = 0
    right: int = 0
    turns: int = 0
    effect: str = ""


def all_transforms(
    flips: Sequence[bool] = (False, True),
    shift: int = 7,
    turns: Sequence[int] = (0, 1, 2, 3),
) -> tuple[Transform, ...]:
    """Return the products of flips, nine translations and turns; the identity comes first.

    Parameters
    ----------
    flips : sequence of bool
    shift : int
        The translations move by -shift, 0 or +shift along each axis; 0 leaves no translation.
        The paper shifts images of 32 pixels by 8, a quarter of their width; 7 of 28 is as much.
    turns : sequence of int

    Returns
    -------
    tuple of Transform
        The turns change fastest, then `right`, then `down`, then the flip. The place of a
        transformation is its label.

    Examples
    --------
    >>> len(all_transforms()), len(all_transforms(flips=(False,), shift=0))
    (72, 4)
    >>> all_transforms()[5]
    Transform(flip=False, down=0, right=-7, turns=1, effect='')
    """
    moves = (0, -shift, shift) if shift else (0,)
    return tuple(
        Transform(flip, down, right, turn)
        for flip, down, right, turn in itertools.product(flips, moves, moves, turns)
    )


def apply_all(images: Any, transforms: Sequence[Transform]) -> Any:
    """Apply every transformation to every image, by one look-up of pixels.

    Parameters
    ----------
    images : ndarray or tensor, shape (n, side, side)
        Of any type; a tensor may lie on any device.
    transforms : sequence of Transform

    Returns
    -------
    ndarray or tensor, shape (n, len(transforms), side, side)
        Of the same kind, type and device.

    Raises
    ------
    TransformError
        If the images are not square, or a translation is as large as they are.
    """
    places = _places(tuple(transforms), _side(images))
    flat = _versions(images, tuple(transforms))
    if isinstance(images, np.ndarray):
        found = np.take(flat, places.reshape(-1), axis=1)
    else:
        found = _looked_up(flat, places.reshape(-1))
    return found.reshape(len(images), len(transforms), *images.shape[1:])


def apply_each(
    images: NDArray[Any], transforms: Sequence[Transform], labels: NDArray[np.integer[Any]]
) -> NDArray[Any]:
    """Apply to each image one transformation of its own.

    Parameters
    ----------
    images : ndarray, shape (n, side, side)
    transforms : sequence of Transform
    labels : ndarray of int, shape (n,)
        For each image the place of its transformation.

    Returns
    -------
    ndarray, shape (n, side, side)

    Raises
    ------
    TransformError
        As for `apply_all`.
    """
    places = _places(tuple(transforms), _side(images))[labels]
    flat = _versions(images, tuple(transforms))
    return np.take_along_axis(flat, places.reshape(len(images), -1), axis=1).reshape(images.shape)


def labelled_stream(
    images: NDArray[Any], transforms: Sequence[Transform], batch: int, seed: int
) -> Iterator[tuple[NDArray[Any], NDArray[np.int64]]]:
    """Yield the self-labelled set once, in mixed order, without ever holding it.

    Every image comes once with every transformation. In memory are the images, the order (eight
    bytes for each pair), and one batch.

    Parameters
    ----------
    images : ndarray, shape (n, side, side)
    transforms : sequence of Transform
    batch : int
        Transformed images at a time; the last batch may be smaller.
    seed : int
        Of the order.

    Yields
    ------
    x : ndarray, shape (b, side, side)
    labels : ndarray of int64, shape (b,)
        The place of each one's transformation.

    Raises
    ------
    TransformError
        If the images are not square.
    """
    count = len(transforms)
    order = np.random.default_rng(seed).permutation(len(images) * count)
    for start in range(0, len(order), batch):
        which, labels = np.divmod(order[start : start + batch], count)
        yield apply_each(images[which], transforms, labels), labels.astype(np.int64)


def _looked_up(flat: Any, places: NDArray[np.int64]) -> Any:
    """Take columns of a tensor; on a processor NumPy does it three times as fast as torch."""
    import torch

    if flat.device.type == "cpu" and not flat.requires_grad:
        return torch.from_numpy(np.take(flat.numpy(), places, axis=1))
    return flat.index_select(1, torch.as_tensor(places, device=flat.device))


def _side(images: Any) -> int:
    """Return the side of square images; refuse others."""
    shape = tuple(images.shape)
    if len(shape) != 3 or shape[1] != shape[2]:
        raise TransformError(
            f"Transformations take square images (n, side, side); these are {shape}. Remove a "
            "channel axis by images[:, 0]."
        )
    return int(shape[1])


def _effects(transforms: tuple[Transform, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(transform.effect for transform in transforms))


def _versions(images: Any, transforms: tuple[Transform, ...]) -> Any:
    """Return the pixels of each image under each effect in turn: (n, effects * side * side)."""
    flat = [with_effect(images, effect).reshape(len(images), -1) for effect in _effects(transforms)]
    if len(flat) == 1:
        return flat[0]
    if isinstance(images, np.ndarray):
        return np.concatenate(flat, axis=1)
    import torch

    return torch.cat(flat, dim=1)


@functools.lru_cache(maxsize=32)
def _places(transforms: tuple[Transform, ...], side: int) -> NDArray[np.int64]:
    """Return for each pixel of each result the place of the pixel that it shows: (t, side, side).

    Each pixel is followed back: where was it before the turns, the translation, the flip?
    """
    effects = _effects(transforms)
    found = []
    for transform in transforms:
        row, column = np.indices((side, side))
        for _ in range(transform.turns % 4):
            row, column = column, side - 1 - row
        row, column = (
            _reflected(row - transform.down, side),
            _reflected(column - transform.right, side),
        )
        if transform.flip:
            column = side - 1 - column
        found.append((effects.index(transform.effect) * side + row) * side + column)
    return np.stack(found)


def _reflected(place: NDArray[np.int64], side: int) -> NDArray[np.int64]:
    """Return which pixel lies at a place outside the image, once it is mirrored at its edges."""
    if place.min() <= -side or place.max() >= 2 * side - 1:
        raise TransformError(
            f"A translation by {max(-place.min(), place.max() - side + 1)} pixels leaves nothing "
            f"of an image of {side}; it must be smaller than that."
        )
    round_trip = place % (2 * side)
    return np.minimum(round_trip, 2 * side - 1 - round_trip)
