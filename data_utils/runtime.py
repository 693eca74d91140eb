"""Which profile and which device a notebook runs on, and one line that says so."""

import contextlib
import importlib.metadata
import os
import platform
from collections.abc import Iterator

from data_utils.errors import CourseKitError

PROFILES = ("quick", "embedded", "full")
"""``quick``: tests and re-fits while grading; ``embedded``: the default; ``full``: all of MNIST."""

_FRAMEWORK_PACKAGES = {"keras": "tensorflow", "torch": "torch"}


def current_profile() -> str:
    """Return the profile named by ``ANOMALY_COURSE_PROFILE``, else ``"embedded"``.

    Raises
    ------
    CourseKitError
        If the variable holds anything else than one of `PROFILES`.
    """
    profile = os.environ.get("ANOMALY_COURSE_PROFILE") or "embedded"
    if profile not in PROFILES:
        raise CourseKitError(
            f"ANOMALY_COURSE_PROFILE is {profile!r}; it must be one of {', '.join(PROFILES)}."
        )
    return profile


@contextlib.contextmanager
def quiet_start() -> Iterator[None]:
    """Import TensorFlow or torch inside this without their start-up messages.

    TensorFlow writes them to descriptor 2 before its own log level holds, so the descriptor itself
    is turned away for the moment. An exception still comes through. Keras is told to use
    TensorFlow unless ``KERAS_BACKEND`` says otherwise.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def describe_setup(framework: str | None = None) -> str:
    """Return one line with profile, device and versions, for the top of a notebook.

    Parameters
    ----------
    framework : {"keras", "torch"}, optional
        Imported here to ask it for its device; without one the line names neither.
    """
    if framework is None:
        numpy_version = importlib.metadata.version("numpy")
        return (
            f"profile {current_profile()} | Python {platform.python_version()} | "
            f"numpy {numpy_version}"
        )
    package = _FRAMEWORK_PACKAGES[framework]
    version = importlib.metadata.version(package)
    device = _keras_device() if framework == "keras" else _torch_device()
    return (
        f"profile {current_profile()} | device {device} | Python {platform.python_version()} | "
        f"{package} {version}"
    )


def _keras_device() -> str:
    import tensorflow

    return "gpu" if tensorflow.config.list_physical_devices("GPU") else "cpu"


def _torch_device() -> str:
    import torch

    return "gpu" if torch.cuda.is_available() else "cpu"
