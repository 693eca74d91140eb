"""Measure what grading costs, for the first line of `grader check`.

    python -m benchmarks.grading_cost [--notebook nb1_autoencoder] [--whole] [--check]

Grades each solution, whole and one exercise at a time, in profile quick, and whole in profile
embedded; writes CPU seconds of the grader and of all sessions to grader/judging/costs.json, with
the hash of the code that was measured. `--check` says what a second design costs beside it.
"""

import argparse
import json
from pathlib import Path

import nbformat

from data_utils.course import Notebook, load_course
from grader.examination import Settings
from grader.files import write_atomically
from grader.freshness import made_from
from grader.grading import grade_submission
from grader.sample_class import load_class, solution_notebook, submission_of

ROOT = Path(__file__).resolve().parents[1]
COSTS = ROOT / "grader/judging/costs.json"


def main() -> None:
    """Measure the notebooks that are asked for and keep what stands of the others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notebook", default="", help="this one only")
    parser.add_argument("--whole", action="store_true", help="profile quick, whole notebooks only")
    parser.add_argument("--check", action="store_true", help="compare with a second design")
    args = parser.parse_args()
    known = json.loads(COSTS.read_text()) if COSTS.is_file() else {"cpu_seconds": {}, "code": {}}
    known["command"] = "python -m benchmarks.grading_cost" + (" --whole" if args.whole else "")
    for notebook in load_course().notebooks:
        if args.notebook not in ("", notebook.id):
            continue
        if args.check:
            compare(notebook, known["cpu_seconds"][notebook.id]["quick"]["all"])
            continue
        known["cpu_seconds"][notebook.id] = measure(notebook, args.whole)
        known["code"][notebook.id] = made_from("", notebook.id, Settings("quick"))["checks"]
        write_atomically(COSTS, (json.dumps(known, indent=1) + "\n").encode())


def measure(notebook: Notebook, whole: bool) -> dict[str, dict[str, float]]:
    """Return CPU seconds by profile, of the whole solution and of single exercises."""
    path = ROOT / "solutions" / notebook.id / f"{notebook.id}.ipynb"
    costs: dict[str, dict[str, float]] = {"quick": {}, "embedded": {}}
    wanted = [("quick", ""), *(("quick", e.id) for e in notebook.exercises), ("embedded", "")]
    for profile, exercise in wanted[:1] if whole else wanted:
        only = (exercise,) if exercise else ()
        report = grade_submission(path, Settings(profile), only=only)
        costs[profile][exercise or "all"] = report.cpu_seconds
        print(notebook.id, profile, exercise or "all", report.cpu_seconds, flush=True)
    return costs


def compare(notebook: Notebook, said: float) -> None:
    """Print what an honest second design costs, as a share of what the solution costs."""
    design = [s for s in load_class(notebook.id) if s.kind == "right" and s.answers][-1]
    text = submission_of(design, solution_notebook(ROOT, notebook.id), notebook)
    path = ROOT / "build" / f"{notebook.id}.ipynb"
    path.parent.mkdir(exist_ok=True)
    nbformat.write(nbformat.reads(text, as_version=4), path)
    report = grade_submission(path, Settings("quick"))
    ratio = report.cpu_seconds / said
    print(f"{notebook.id}: {design.name} {report.cpu_seconds} CPU s, {ratio:.2f} of the solution")


if __name__ == "__main__":
    main()
