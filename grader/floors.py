"""Which column of the floors a grade was held against, in words.

A submission may have been trained anywhere: what counts is the device on which it was graded.
"""

from data_utils.course import Notebook
from grader.report import GradeReport

REFIT_PROFILE = "quick"  # of re-fits, whatever the profile of the run (grader/examination.py)


def no_floors(notebook: Notebook, device: str, backbone: str) -> str:
    """Say that no floor was measured for a device and network; empty where there are some."""
    if notebook.floors_on(device, backbone):
        return ""
    network = f" with {backbone}" if notebook.reads_backbone else ""
    return f"no floor was measured for {device}{network}"


def floors_applied(notebook: Notebook, report: GradeReport) -> str:
    """Say which floors the detectors of a report had to reach, or that there were none.

    Parameters
    ----------
    notebook : Notebook
    report : GradeReport
        Of a submission that was graded.
    """
    missing = no_floors(notebook, report.device, report.backbone)
    if missing:
        return f"{missing}, so no detector was compared with one"
    network = f" with {report.backbone}" if report.backbone else ""
    profiles = {floor.profile for floor in notebook.floors_on(report.device, report.backbone)}
    if report.profile in profiles:
        own = f"floors measured on {report.device}{network} in profile {report.profile}"
    else:
        own = f"no floor was measured on {report.device}{network} in profile {report.profile}"
    return own if report.profile == REFIT_PROFILE else f"{own}; for re-fits, {REFIT_PROFILE}"
