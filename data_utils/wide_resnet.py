"""The wide residual networks that Golan and El-Yaniv (NeurIPS 2018) train on transformations."""

import functools
import math
from typing import Any

from data_utils.errors import CourseKitError

FIRST_WIDTH = 16  # channels of the first convolution; the groups have 1, 2 and 4 times `width` this
MOMENTUM, EPSILON = (
    0.1,
    1e-5,
)  # of batch norm, as torch counts the momentum: the paper's code has 0.9


@functools.cache
def _block_class() -> type:
    """Make the class when torch is wanted, not when this module is imported."""
    import torch
    from torch import nn

    def norm(channels: int) -> Any:
        return nn.BatchNorm2d(channels, EPSILON, MOMENTUM)

    class Block(nn.Module):  # type: ignore[misc,unused-ignore]
        """Two convolutions with batch norm and ReLU before each, and a way around them.

        Where the number of channels changes, the way around starts behind the first ReLU and has
        a convolution of its own.
        """

        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            self.norm, self.inner_norm = norm(before), norm(after)
            self.conv = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
            self.inner_conv = nn.Conv2d(after, after, 3, padding=1, bias=False)
            self.around = (
                nn.Conv2d(before, after, 1, stride, bias=False) if before != after else None
            )

        def forward(self, x: Any) -> Any:
            active = torch.relu(self.norm(x))
            inner = self.inner_conv(torch.relu(self.inner_norm(self.conv(active))))
            return inner + (x if self.around is None else self.around(active))

    return Block


def wide_resnet(outputs: int, *, depth: int = 10, width: int = 4, channels: int = 1) -> Any:
    """Return an untrained wide residual network (Zagoruyko and Komodakis, 2016).

    WRN-10-4 for images of 28 or 32 pixels and WRN-16-8 for 64, as in the paper. Weights start as
    in its code: convolutions normal with variance 2 / fan-in (He et al., 2015), the last layer
    uniform up to 1 / sqrt(fan-in).

    Parameters
    ----------
    outputs : int
        Transformations to tell apart.
    depth : int
        6 n + 4: three groups of n blocks.
    width : int
    channels : int
        Of the images.

    Returns
    -------
    torch.nn.Module
        From images (n, channels, side, side) to logits (n, outputs).

    Raises
    ------
    CourseKitError
        If no network has that depth.
    """
    import torch
    from torch import nn

    blocks, rest = divmod(depth - 4, 6)
    if rest or blocks < 1:
        raise CourseKitError(
            f"A wide residual network has a depth of 6 n + 4 (10, 16, ...); not {depth}."
        )
    layers: list[Any] = [nn.Conv2d(channels, FIRST_WIDTH, 3, padding=1, bias=False)]
    before = FIRST_WIDTH
    for group in range(3):
        after = FIRST_WIDTH * width * 2**group
        for place in range(blocks):
            layers.append(_block_class()(before, after, 2 if group and not place else 1))
            before = after
    layers += [nn.BatchNorm2d(before, EPSILON, MOMENTUM), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
    network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(before, outputs))
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_in")
            elif isinstance(layer, nn.Linear):
                bound = 1 / math.sqrt(layer.in_features)
                nn.init.uniform_(layer.weight, -bound, bound)
                nn.init.uniform_(layer.bias, -bound, bound)
    return network
