"""How many small mistakes do the hidden checks catch? `make bench-mutants`.

Each mutant is the solution with one change in one answer: a sign flipped, a comparison turned, a
statement dropped, a constant changed, an index off by one. Each is judged by the hidden checks of
its exercise in profile quick; it is caught if the exercise loses a point. With ``--again`` those
that survived are judged once more in profile embedded, the one that classes are graded in.

    python -m benchmarks.mutants [--notebook nb1_autoencoder] [--exercise 1.2] [--workers 2]
                                 [--again]

Each result goes to `results/nb1_mutants.jsonl` as it comes; a run that was stopped goes on where it
was, and an answer that was changed is judged anew. `EXPLAINED` says why a survivor survives; one
without an entry there is a gap. No tool for whole packages is used: the code under test lives in
notebook cells and its tests call it through the sandbox.
"""

import argparse
import ast
import functools
import hashlib
import json
import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

from benchmarks.masters import ROOT, results_path
from data_utils.course import Notebook, load_course
from grader.examination import Settings
from grader.grading import grade_submission
from grader.options import notebook_named
from grader.sample_class import solution_notebook

_FREE = "the architecture is free: another width is another honest design"
_NO_SCALE = "a column that does not vary has no scale: any finite number is right"
EXPLAINED: dict[tuple[str, str], str] = {
    ("2.2", "off by one: 0.2"): _FREE,
    ("2.2", "constant: 0.2"): _FREE,
    ("2.2", "off by one: 1"): _FREE,
    ("2.5", "off by one: 100"): "another default; every call that matters names its steps",
    ("2.5", "constant: 100"): "another default; every call that matters names its steps",
    ("2.5", "off by one: 0.1"): "another default rate, and Adam gets there",
    ("2.5", "constant: 0.1"): "another default rate, and Adam gets there",
    ("2.7", "constant: 1e-12"): "any tiny number keeps a spread of 0 from dividing by zero",
    ("1.2", "constant: 1e-12"): "any tiny number keeps a black image from dividing by zero",
    ("1.6", "constant: 1e-12"): "any tiny number keeps a black image from dividing by zero",
    (
        "1.6",
        "off by one: 1e-12",
    ): "touches images with less ink than one white pixel: there is none",
    ("1.6", "operator: x ** 2"): "another amount of ink; every score that takes the steps is right",
    ("1.6", "off by one: 2"): "another amount of ink; every score that takes the steps is right",
    ("1.5", "off by one: 256"): _FREE,
    ("1.5", "constant: 256"): _FREE,
    ("1.5", "off by one: 64"): _FREE,
    ("1.5", "constant: 64"): _FREE,
    ("1.5", "off by one: 8"): _FREE,
    (
        "1.5",
        "constant: 8",
    ): "a code of 80: weak on digit 9, whose floor judges profile embedded only",
    ("1.5", "dropped: network.add(layers.Dense(8"): "a code of 64: as for a code of 80",
    ("1.5", "constant: 0.003"): "another learning rate that learns",
    ("1.5", "off by one: 128"): "another batch size",
    ("1.5", "constant: 128"): "another batch size",
    ("1.5", "off by one: 0"): "Keras prints its own progress lines",
    (
        "3.3",
        "off by one: 255",
    ): "less than a grey value: the tolerance lets whole-number pixels pass",
    ("3.5", "0.01"): "any rate that reaches the optimum is right",
    ("3.5", "300"): "more steps get nearer to the same optimum",
    ("3.6", "1.0"): _NO_SCALE,
    ("3.6", "1e-12"): _NO_SCALE,
    ("3.12", "constant: 1e-12"): "any tiny number keeps a map of zeros from dividing by zero",
    ("4.4", ": 1"): "NumPy takes every negative length for the one that it works out",
    ("4.5", "line 5, "): _FREE,
    ("4.5", "line 6, "): _FREE,
    ("4.6", "operator: seed + epoch"): "another order of the images in each epoch all the same",
    ("4.8", "dropped: moved = "): "counts only where no step is asked for",
    ("4.8", "1000"): "more steps than the slowest estimate of the checks needs",
    ("4.8", "constant: 1e-06"): "another default tolerance that settles as near",
    ("4.8", "boundary: moved < tolerance"): "no estimate moves by exactly the tolerance",
    ("4.11", "dropped: is_anomaly, called_anomaly"): "the arrays that come are boolean already",
}
"""Mutants that no check should catch, by exercise and a piece of their description."""

_TURNED: dict[type[ast.AST], type[Any]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.Gt: ast.Lt, ast.Lt: ast.Gt, ast.NotEq: ast.Eq, ast.Eq: ast.NotEq, ast.BitOr: ast.BitAnd,
}  # fmt: skip


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Yield (what was changed, the changed source) for each small mistake in a cell."""
    for place, node in enumerate(ast.walk(ast.parse(source))):
        for change in _changes(node):
            tree = ast.parse(source)
            target = list(ast.walk(tree))[place]
            what = _apply(tree, target, change)
            if what is None:
                continue
            changed = ast.unparse(ast.fix_missing_locations(tree))
            if changed != ast.unparse(ast.parse(source)):
                line = getattr(target, "lineno", 0)
                yield f"line {line}, {change}: {what}", changed


def _changes(node: ast.AST) -> list[str]:
    if isinstance(node, (ast.BinOp, ast.AugAssign)):
        return ["operator"]
    if isinstance(node, ast.Compare):
        return ["comparison", "boundary"]
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return ["off by one", "constant"]
    if isinstance(node, ast.If):
        return ["condition"]
    if isinstance(node, ast.Return):
        return ["sign"]
    if isinstance(node, (ast.Expr, ast.Assign)):
        return ["dropped"]
    return []


def _apply(tree: ast.AST, node: Any, change: str) -> str | None:
    """Change `node` within `tree`; return the old code, or None where nothing can be changed."""
    old = ast.unparse(node).splitlines()[0][:70]
    if change == "operator" and type(node.op) in _TURNED:
        node.op = _TURNED[type(node.op)]()
    elif change == "comparison" and type(node.ops[0]) in _TURNED:
        node.ops[0] = _TURNED[type(node.ops[0])]()
    elif change == "boundary" and isinstance(node.ops[0], (ast.Gt, ast.Lt)):
        node.ops[0] = ast.GtE() if isinstance(node.ops[0], ast.Gt) else ast.LtE()
    elif change == "off by one":
        node.value = node.value + 1
    elif change == "constant" and node.value != 0:
        node.value = node.value * 10
    elif change == "condition":
        node.test = ast.UnaryOp(ast.Not(), node.test)
    elif change == "sign" and isinstance(node.value, (ast.BinOp, ast.Call)):
        node.value = ast.UnaryOp(ast.USub(), node.value)
    elif change == "dropped" and _is_statement(node):
        return old if _drop(tree, node) else None
    else:
        return None
    return old


def _is_statement(node: Any) -> bool:
    """Say whether it is code: a docstring is not."""
    return not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _drop(tree: ast.AST, node: ast.AST) -> bool:
    for parent in ast.walk(tree):
        body = getattr(parent, "body", None)
        if isinstance(body, list) and node in body and len(body) > 1:
            body.remove(node)
            return True
    return False


def judge(job: tuple[str, str, str], profile: str = "quick") -> dict[str, Any]:
    """Grade one mutant on its exercise."""
    exercise_id, what, source = job
    notebook = load_course().notebook_of(exercise_id)
    exercise = notebook.exercise(exercise_id)
    handed_in = solution_notebook(ROOT, notebook.id)
    for cell in handed_in.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == f"answer_{exercise.grade_id}":
            cell.source = source
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{notebook.id}.ipynb"
        nbformat.write(handed_in, path)
        report = grade_submission(path, Settings(profile), only=(exercise_id,))
    points = report.exercises[0].points
    return {"exercise": exercise_id, "mutant": what, "code": code_of(source),
            "profile": profile, "points": points,
            "of": exercise.points,
            "caught": points is not None and points < exercise.points}  # fmt: skip


def code_of(source: str) -> str:
    """Return a short hash of a mutant's code."""
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def because(row: dict[str, Any]) -> str:
    """Say why a survivor may survive; empty where nobody has said it."""
    reasons = [
        reason
        for (exercise, piece), reason in EXPLAINED.items()
        if exercise == row["exercise"] and piece in row["mutant"]
    ]
    return reasons[0] if reasons else ""


def all_jobs(notebook: Notebook, only: str) -> list[tuple[str, str, str]]:
    """Return (exercise, what was changed, source) for every mutant of a notebook."""
    sources = {
        cell.metadata.get("nbgrader", {}).get("grade_id"): cell.source
        for cell in solution_notebook(ROOT, notebook.id).cells
    }
    return [
        (exercise.id, what, source)
        for exercise in notebook.exercises
        if only in ("", exercise.id)
        for what, source in mutants(sources[f"answer_{exercise.grade_id}"])
    ]


def main() -> None:
    """Judge all mutants and say which survived."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--notebook", default="", help="the first one if left out")
    parser.add_argument("--exercise", default="", help="judge this one only, of its notebook")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--again", action="store_true", help="survivors again, in profile embedded")
    options = parser.parse_args()
    if options.exercise:
        notebook = load_course().notebook_of(options.exercise)
    else:
        notebook = notebook_named(options.notebook)
    results = results_path(notebook.id, "mutants.jsonl")
    jobs = all_jobs(notebook, options.exercise)
    wanted = {(exercise, what, code_of(source)) for exercise, what, source in jobs}
    lines = results.read_text().splitlines() if results.exists() else []
    rows = [row for row in map(json.loads, lines) if _key(row) in wanted]
    finished = {_key(row) for row in rows}
    profile = "embedded" if options.again else "quick"
    if options.again:
        settled = {_key(row) for row in rows if row["caught"] or row.get("profile") == profile}
        finished = settled | (wanted - finished)
    todo = [job for job in jobs if (job[0], job[1], code_of(job[2])) not in finished]
    context = multiprocessing.get_context("spawn")
    with context.Pool(options.workers) as pool, results.open("a") as file:
        for row in pool.imap(functools.partial(judge, profile=profile), todo):
            rows.append(row)
            file.write(json.dumps(row) + "\n")
            file.flush()
            word = "caught  " if row["caught"] else "SURVIVED"
            print(f"{word} {row['exercise']} {row['points']} of {row['of']}  {row['mutant']}",
                  flush=True)  # fmt: skip
    caught = {_key(row) for row in rows if row["caught"]}
    judged = {_key(row): row for row in rows}
    survivors = [{**judged[key], "because": because(judged[key])} for key in judged.keys() - caught]
    print(f"{len(caught)} of {len(judged)} caught: {len(caught) / len(judged):.1%}")
    for row in survivors:
        print(f"  {row['exercise']} {row['mutant']}: {row['because'] or 'NOT EXPLAINED'}")


def _key(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["exercise"], row["mutant"], row["code"]


if __name__ == "__main__":
    main()
