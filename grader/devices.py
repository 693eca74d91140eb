"""On which device submissions are graded: decided once, before the first of them.

Whether there is a GPU is seen from its device nodes. Whether the notebook's framework uses it
behind the wall is tried there once: a framework built for the processor alone would go on without
a word, and its grades would be held against the floors of the wrong device.
"""

from dataclasses import dataclass
from enum import StrEnum

from data_utils.runtime import FRAMEWORK_PACKAGES
from grader.sandbox import Gpu, GpuUnavailable, Isolation, Session, SessionDied
from grader.sandbox.gpu import WAY_OUT, installed_gpus
from grader.sandbox.trials import ON_GPU

TRIAL_SECONDS = 180.0  # a cold import on a busy machine, and kernels compiled for a new GPU


class Device(StrEnum):
    """What may be asked for."""

    cpu = "cpu"
    gpu = "gpu"
    auto = "auto"


@dataclass(frozen=True)
class Choice:
    """What is taken.

    Attributes
    ----------
    gpus : tuple of int
        Numbers of the GPUs; none for the processor.
    remark : str
        Why ``auto`` came to the processor; else empty.
    """

    gpus: tuple[int, ...] = ()
    remark: str = ""


def choose_device(wanted: Device, framework: str, isolation: Isolation) -> Choice:
    """Decide what to grade on.

    Parameters
    ----------
    wanted : Device
    framework : str
        Of the notebook, as course.toml names it.
    isolation : Isolation

    Raises
    ------
    GpuUnavailable
        If a GPU was asked for and there is none that could be used.
    """
    if wanted is Device.cpu:
        return Choice()
    try:
        gpus = installed_gpus()
        _try_gpu(gpus[0], FRAMEWORK_PACKAGES[framework], isolation)
    except GpuUnavailable as error:
        if wanted is Device.gpu:
            raise
        return Choice(remark=f"--device auto takes the processor here. {error}")
    return Choice(tuple(gpu.number for gpu in gpus))


def _try_gpu(gpu: Gpu, package: str, isolation: Isolation) -> None:
    """Raise unless the framework computes something on the GPU, in a session of its own."""
    with Session(isolation, gpu=gpu) as session:
        try:
            tried = session.run_cell(ON_GPU[package], seconds=TRIAL_SECONDS)
            said = "" if tried.status == "ok" else f"{tried.ename}: {tried.evalue}"
        except SessionDied as error:
            said = str(error)
    if said:
        raise GpuUnavailable(
            f"There is a GPU, but {package} does not use it in the sandbox ({said}). See what "
            f"python -m grader doctor says of it, and that {package} is built for GPUs. {WAY_OUT}"
        )
