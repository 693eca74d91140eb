"""Imports what holds pretrained networks, torchvision first: timm imports it too.

An import of this module takes seconds, so backbones do it when one is wanted.
"""

from data_utils.vision import import_torchvision

torchvision = import_torchvision()

import timm  # noqa: E402 - torchvision may have to be cured first

__all__ = ["timm", "torchvision"]
