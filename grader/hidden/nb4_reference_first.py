"""Inputs of exercises 4.1 to 4.5, and the right answers of 4.1 to 4.4: small and slow."""

from typing import Any

import numpy as np

Steps = tuple[bool, int, int, int]
ANYTHING = 0.1  # weight of "was anything done at all?": it decides, and earns little


def noise(seed: int, *shape: int) -> np.ndarray:
    """Make noise without black, so that each pixel can be told from what is filled in."""
    return np.random.default_rng(seed).integers(1, 256, shape, dtype=np.uint8)


def moved_steps() -> list[Steps]:
    """Count through the flips, the moves and the turns; the place in the list is the label."""
    found: list[Steps] = []
    for flip in (False, True):
        for down in (0, -7, 7):
            for right in (0, -7, 7):
                for turns in range(4):
                    found.append((flip, down, right, turns))
    return found


def transformed(image: np.ndarray, flip: bool, down: int, right: int, turns: int) -> np.ndarray:
    """Look up each pixel: in the mirrored row, then at the place it came from; then turn."""
    size = len(image)
    rows = [list(row)[::-1] if flip else list(row) for row in image]
    places = [[(r - down, c - right) for c in range(size)] for r in range(size)]
    moved = [[rows[_mirrored(r, size)][_mirrored(c, size)] for r, c in row] for row in places]
    return np.array(_turned(moved, turns), image.dtype)


def kept(size: int, down: int, right: int, turns: int) -> np.ndarray:
    """Say which pixels of a result were moved, and are not filled in."""
    inside = [
        [0 <= r - down < size and 0 <= c - right < size for c in range(size)] for r in range(size)
    ]
    return np.array(_turned(inside, turns))


def _mirrored(place: int, size: int) -> int:
    if place < 0:
        return -place - 1
    return 2 * size - place - 1 if place >= size else place


def _turned(rows: list[list[Any]], turns: int) -> list[list[Any]]:
    """Turn against the clock: the last column becomes the first row."""
    for _ in range(turns):
        rows = [[row[column] for row in rows] for column in reversed(range(len(rows)))]
    return rows


def difference(transformed_images: np.ndarray, i: int, j: int) -> float:
    """Add up how far two transformations lie apart, image by image, pixel by pixel."""
    total, count = 0.0, 0
    for image in transformed_images:
        for one, other in zip(image[i].ravel(), image[j].ravel(), strict=True):
            total += abs(int(one) - int(other)) / 255
            count += 1
    return total / count


def close_pairs(transformed_images: np.ndarray, limit: float) -> list[tuple[int, int]]:
    """Go through all pairs of transformations."""
    count = transformed_images.shape[1]
    return [
        (i, j)
        for j in range(count)
        for i in range(j)
        if difference(transformed_images, i, j) < limit
    ]


def every_picture(images: np.ndarray, steps: list[Steps]) -> np.ndarray:
    """Transform image by image: (n, t, size, size)."""
    return np.array([[transformed(image, *one) for one in steps] for image in images])
