"""The one place that imports torchvision, and the cure for a build that does not fit its torch.

A torchvision whose compiled part was made for another build of torch (a CPU torch beside the
ordinary wheel, for example) stops at its own import: it registers something for an operator that
its compiled part should have declared. The course needs none of those operators.
"""

import importlib
import sys
from types import ModuleType
from typing import Any

MISMATCH = "operator torchvision::nms does not exist"
"""What `import torchvision` says when its compiled part does not fit."""

# The schemas as torchvision declares them itself.
_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_declared: list[Any] = []  # a Library's declarations live as long as the object


def import_torchvision() -> ModuleType:
    """Import torchvision; where its compiled part does not fit torch, without that part.

    Returns
    -------
    module
        With networks, weights and image transformations. After the cure its compiled operators
        (non-maximum suppression, region pooling) are missing; `torchvision_was_cured` says so.

    Raises
    ------
    ImportError, RuntimeError
        What `import torchvision` raises for any other reason.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if MISMATCH not in str(error) or _declared:
            raise
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]  # half imported: they would not run again
    from torch.library import Library

    library = Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        library.define(schema)
    _declared.append(library)
    return importlib.import_module("torchvision")


def torchvision_was_cured() -> bool:
    """Say whether this process had to import torchvision without its compiled part."""
    return bool(_declared)
