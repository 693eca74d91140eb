"""What the doctor says of NVIDIA GPUs: is there one, and does it answer behind the wall."""

from grader.doctor_words import NOTE, OK, Line
from grader.sandbox import Gpu, GpuUnavailable, SandboxError, Session, best_isolation
from grader.sandbox.gpu import installed_gpus
from grader.sandbox.trials import DRIVER_ANSWERS
from grader.tables import plural

ON_CPU = "Grade on the processor, which is what happens without --device."


def gpu_lines() -> list[Line]:
    """Say whether there is a GPU, and whether its driver answers in a session of the sandbox."""
    try:
        gpus = installed_gpus()
    except GpuUnavailable as error:
        return [Line(NOTE, str(error))]
    nodes = ", ".join(str(gpu.nodes[0]) for gpu in gpus)
    return [Line(OK, f"{plural(len(gpus), 'NVIDIA GPU')}: {nodes}"), _wall_line(gpus[0])]


def _wall_line(gpu: Gpu) -> Line:
    """Ask the driver inside, without any framework: a framework takes seconds to import."""
    try:
        with Session(best_isolation(), gpu=gpu) as session:
            tried = session.run_cell(DRIVER_ANSWERS)
            answer = session.value("answer") if tried.status == "ok" else tried.evalue
    except SandboxError as error:
        answer = str(error)
    if answer == [0, 0, 1]:
        return Line(OK, "  the sandbox can hold it: its driver answers there, and shows it alone")
    return Line(NOTE, f"  its driver does not answer well in the sandbox: {answer}. {ON_CPU}")
