"""Run definitions of a master or of a sample design in this process: calibration trusts its own."""

import ast
import hashlib
import io
import os
import tokenize
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jupytext

from grader.sample_class import load_class

ROOT = Path(__file__).resolve().parent.parent
MEASURED = "fit_detector"  # whose results the floors are


def results_path(notebook_id: str, what: str) -> Path:
    """Return where a benchmark keeps what it measured of a notebook.

    Examples
    --------
    >>> results_path("nb1_autoencoder", "floors.jsonl").name
    'nb1_floors.jsonl'
    """
    return ROOT / "benchmarks" / "results" / f"{notebook_id.partition('_')[0]}_{what}"


def definition_cells(notebook_id: str) -> list[str]:
    """Return the sources of a master's defining cells: set-up, constants, answers."""
    notebook = jupytext.read(ROOT / "solutions" / f"{notebook_id}.py")
    return [
        cell.source
        for cell in notebook.cells
        if cell.cell_type == "code"
        and (
            {"answer", "optional"} & set(cell.metadata)
            or "definitions" in cell.metadata.get("tags", [])
        )
    ]


def design_cells(notebook_id: str, design: str) -> list[str]:
    """Return the master's defining cells, then the answers of a right sample student."""
    student = next(s for s in load_class(notebook_id) if s.name == design and s.kind == "right")
    return definition_cells(notebook_id) + list(student.answers.values())


def design_hash(
    notebook_id: str, designs: tuple[str, ...], functions: tuple[str, ...] = (MEASURED,)
) -> str:
    """Return a hash of the code whose results a floor's table holds.

    Of the words of `functions` and of every function, class and constant that they lead to: prose,
    comments, blank lines and the other exercises do not change it. (`ast.dump` would, from one
    Python version to the next.)
    """
    words = [
        word
        for function in functions
        for design in designs
        for segment in _reachable(design_cells(notebook_id, design), function)
        for word in _words(segment)
    ]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


def _reachable(cells: list[str], start: str) -> list[str]:
    """Return the source of a definition and of those it uses, directly or not, by name."""
    sources: dict[str, str] = {}
    uses: dict[str, set[str]] = {}
    for cell in map(without_magics, cells):
        for statement in ast.parse(cell).body:
            for name in _defined_names(statement):
                sources[name] = ast.get_source_segment(cell, statement) or ""
                uses[name] = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
    found, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name in sources and name not in found:
            found.add(name)
            waiting += uses[name]
    return [sources[name] for name in sorted(found)]


def _defined_names(statement: ast.stmt) -> list[str]:
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        return [target.id for target in statement.targets if isinstance(target, ast.Name)]
    return []


def _words(source: str) -> Iterator[str]:
    """Yield the tokens of a definition, with their indentation."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.INDENT, tokenize.DEDENT):
            yield tokenize.tok_name[token.type]
        elif token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE):
            yield token.string


def without_magics(source: str) -> str:
    """Return a cell's source without its % lines."""
    return "\n".join(line for line in source.splitlines() if not line.startswith("%"))


def design_namespace(
    notebook_id: str, design: str = "solution", edits: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Execute a design's cells and return what they define.

    Parameters
    ----------
    notebook_id, design : str
    edits : mapping, optional
        Pieces of the source that are replaced first, each of which must be there.
    """
    os.environ.setdefault("MPLBACKEND", "agg")
    namespace: dict[str, Any] = {}
    cells = design_cells(notebook_id, design)
    for old, new in (edits or {}).items():
        if not any(old in source for source in cells):
            raise SystemExit(f"{notebook_id} holds no {old!r} any more: change the benchmark.")
        cells = [source.replace(old, new) for source in cells]
    for source in cells:
        exec(compile(without_magics(source), notebook_id, "exec"), namespace)  # our own code
    return namespace


def given_cells(notebook_id: str) -> dict[str, str]:
    """Return the sources of a master's given cells that define nothing, by name, in order."""
    cells = jupytext.read(ROOT / "solutions" / f"{notebook_id}.py").cells
    return {
        cell.metadata["given"]: cell.source
        for cell in cells
        if "given" in cell.metadata and "definitions" not in cell.metadata.get("tags", [])
    }


def run_cell(here: dict[str, Any], name: str, source: str) -> None:
    """Run a cell of a master in a namespace where everything is ready for it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*non-interactive.*")  # plt.show()
        exec(compile(without_magics(source), name, "exec"), here)  # our own code
