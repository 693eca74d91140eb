"""Three changes of an image that are not geometric: they move nothing, and lose something."""

from typing import Any

import numpy as np

from data_utils.errors import TransformError

EFFECTS = ("blur", "sharpen", "gamma")
"""Those that Golan and El-Yaniv (2018, section 6) tried beside the geometric ones."""

_WHITE = 255
_GAMMA = 2.0  # half-bright strokes become a quarter as bright


def with_effect(images: Any, effect: str) -> Any:
    """Blur, sharpen or darken images; an empty name leaves them as they are.

    Parameters
    ----------
    images : ndarray of uint8 or tensor of float in [0, 1], shape (n, side, side)
    effect : str
        ``"blur"``: the mean of each pixel and its neighbours, weighted 1 2 1 in both directions;
        ``"sharpen"``: away from the blurred image, by as much as it differs; ``"gamma"``: the
        square of the brightness.

    Returns
    -------
    ndarray of uint8 or tensor of float, of the same shape

    Raises
    ------
    TransformError
        If there is no such effect.
    """
    if not effect:
        return images
    if effect not in EFFECTS:
        raise TransformError(f"There is no effect {effect!r}; choose of {', '.join(EFFECTS)}.")
    if not isinstance(images, np.ndarray):
        return _changed(images, effect).clip(0, 1)
    changed = _changed(images.astype(np.float32) / _WHITE, effect).clip(0, 1)
    return np.rint(changed * _WHITE).astype(images.dtype)


def _changed(x: Any, effect: str) -> Any:
    if effect == "gamma":
        return x**_GAMMA
    blurred = _blurred_along(_blurred_along(x, 1), 2)
    return blurred if effect == "blur" else 2 * x - blurred


def _blurred_along(x: Any, axis: int) -> Any:
    """Weigh neighbours along an axis 1 2 1; at the edge the edge itself is the neighbour."""
    side = x.shape[axis]
    before = np.maximum(np.arange(side) - 1, 0).tolist()
    after = np.minimum(np.arange(side) + 1, side - 1).tolist()
    if axis == 1:
        return (x[:, before] + 2 * x + x[:, after]) / 4
    return (x[:, :, before] + 2 * x + x[:, :, after]) / 4
