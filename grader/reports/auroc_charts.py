"""The AUROCs of a class, one chart for each setting that has a floor of its own."""

import re
from collections import defaultdict
from collections.abc import Sequence

from data_utils.course import Notebook
from grader.floors import REFIT_PROFILE
from grader.report import GradeReport
from grader.reports.charts import Chart
from grader.reports.class_charts import auroc_histogram

_MEASURED = re.compile(r"auroc_(exam|refit)_(\d)")


def auroc_charts(reports: Sequence[GradeReport], notebook: Notebook) -> tuple[Chart, ...]:
    """Draw the AUROCs on the exam: of the notebooks' own detectors, then of the re-fits."""
    groups: dict[tuple[str, str, str, str, int], list[float]] = defaultdict(list)
    for report in reports:
        for name, value in report.facts.items():
            found = _MEASURED.fullmatch(name)
            if found:
                profile = report.profile if found[1] == "exam" else REFIT_PROFILE
                setting = found[1], profile, report.device, report.backbone, int(found[2])
                groups[setting].append(value)
    charts = []
    for (kind, profile, device, backbone, digit), values in sorted(groups.items()):
        whose = "The notebook's detector" if kind == "exam" else "Fitted again"
        floor = notebook.floor(profile, device, digit, backbone=backbone)
        where = ", ".join(filter(None, (profile, device, backbone)))
        charts.append(
            auroc_histogram(
                f"{whose}, {notebook.setting.words(digit)} ({where})",
                values,
                floor.auroc if floor else None,
                floor.mean_of("solution") if floor else None,
            )
        )
    return tuple(charts)
