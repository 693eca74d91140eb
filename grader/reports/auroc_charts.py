"""The AUROCs of a class, one chart for each setting that has a floor of its own."""

import re
from collections import defaultdict
from collections.abc import Sequence

from data_utils.course import Notebook
from grader.report import GradeReport
from grader.reports.charts import Chart
from grader.reports.class_charts import auroc_histogram
from grader.reports.wording import solution_mean

REFIT_PROFILE = "quick"  # of re-fits, whatever the profile of the run (grader/examination.py)
_MEASURED = re.compile(r"auroc_(exam|refit)_(\d)")


def auroc_charts(reports: Sequence[GradeReport], notebook: Notebook) -> tuple[Chart, ...]:
    """Draw the AUROCs on the exam: of the notebooks' own detectors, then of the re-fits."""
    groups: dict[tuple[str, str, str, int], list[float]] = defaultdict(list)
    for report in reports:
        for name, value in report.facts.items():
            found = _MEASURED.fullmatch(name)
            if found:
                profile = report.profile if found[1] == "exam" else REFIT_PROFILE
                groups[found[1], profile, report.device, int(found[2])].append(value)
    charts = []
    for (kind, profile, device, digit), values in sorted(groups.items()):
        whose = "The notebook's detector" if kind == "exam" else "Fitted again"
        floor = notebook.floor(profile, device, digit)
        charts.append(
            auroc_histogram(
                f"{whose}, {notebook.setting.words(digit)} ({profile}, {device})",
                values,
                floor.auroc if floor else None,
                solution_mean(notebook, profile, device, digit),
            )
        )
    return tuple(charts)
