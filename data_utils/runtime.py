"""Which profile and which device a notebook runs on, and one line that says so."""

import contextlib
import importlib.metadata
import logging
import operator
import os
import platform
import random
import warnings
from collections.abc import Iterator

from data_utils.errors import CourseKitError

PROFILES = ("quick", "embedded", "full")
"""``quick``: tests and re-fits while grading; ``embedded``: the default; ``full``: all of MNIST."""

FRAMEWORK_PACKAGES = {"keras": "tensorflow", "torch": "torch"}
"""The frameworks that a notebook may name, and the package that each of them imports."""

_SEED_LIMIT = 2**32  # NumPy takes no larger seed; torch takes all of these too


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
    is turned away for the moment. torch warns by Python's own means, which a notebook shows as
    stderr without that descriptor, so warnings and logged messages below an error are kept back
    too. An exception still comes through. Keras is told to use TensorFlow unless
    ``KERAS_BACKEND`` says otherwise.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    level = logging.root.manager.disable
    try:
        os.dup2(nowhere, 2)
        logging.disable(max(level, logging.WARNING))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def describe_setup(framework: str | None = None) -> str:
    """Return one line with profile, device and versions, for the top of a notebook.

    Parameters
    ----------
    framework : {"keras", "torch"}, optional
        Imported here to ask it for its device; without one the line names neither.

    Raises
    ------
    CourseKitError
        If it is another framework.
    importlib.metadata.PackageNotFoundError
        If the framework is not installed.
    """
    if framework is None:
        numpy_version = importlib.metadata.version("numpy")
        return (
            f"profile {current_profile()} | Python {platform.python_version()} | "
            f"numpy {numpy_version}"
        )
    if framework not in FRAMEWORK_PACKAGES:
        known = ", ".join(FRAMEWORK_PACKAGES)
        raise CourseKitError(f"{framework!r} is no framework of the course; it must be: {known}.")
    package = FRAMEWORK_PACKAGES[framework]
    version = importlib.metadata.version(package)
    gpu = _keras_sees_gpu() if framework == "keras" else torch_device() == "cuda"
    device = "gpu" if gpu else "cpu"
    return (
        f"profile {current_profile()} | device {device} | Python {platform.python_version()} | "
        f"{package} {version}"
    )


def torch_device() -> str:
    """Return the device on which torch should work here.

    Returns
    -------
    str
        ``"cuda"`` if torch sees a GPU, else ``"cpu"``; for ``.to(...)`` and ``device=...``.
    """
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def seed_everything(seed: int) -> None:
    """Seed every global generator that a notebook with torch draws from.

    Parameters
    ----------
    seed : int
        From 0 to 2**32 - 1. Python's and NumPy's generators and those of torch, on all devices.

    Raises
    ------
    CourseKitError
        If the seed is no such number.

    Notes
    -----
    The same seed gives the same numbers on the same machine, device and number of threads; another
    device draws other ones.
    """
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number < _SEED_LIMIT:
        raise CourseKitError(
            f"The seed is {seed!r:.50}; it must be a whole number from 0 to {_SEED_LIMIT - 1}."
        )
    import numpy as np
    import torch

    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)  # of every device
    # On a GPU else the fastest algorithm is chosen by timing, and not always the same one.
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def _keras_sees_gpu() -> bool:
    import tensorflow

    return bool(tensorflow.config.list_physical_devices("GPU"))
