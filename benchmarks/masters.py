"""Run definitions of a master or of a sample design in this process: calibration trusts its own."""

import ast
import hashlib
import io
import os
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext

from grader.sample_class import load_class

ROOT = Path(__file__).resolve().parent.parent


def definition_cells(notebook_id: str) -> list[str]:
    """Return the sources of a master's defining cells: set-up, constants, answers."""
    notebook = jupytext.read(ROOT / "solutions" / f"{notebook_id}.py")
    return [
        cell.source
        for cell in notebook.cells
        if cell.cell_type == "code"
        and ("answer" in cell.metadata or "definitions" in cell.metadata.get("tags", []))
    ]


def design_cells(notebook_id: str, design: str) -> list[str]:
    """Return the master's defining cells, then the answers of a right sample student."""
    student = next(s for s in load_class(notebook_id) if s.name == design and s.kind == "right")
    return definition_cells(notebook_id) + list(student.answers.values())


def design_hash(notebook_id: str, designs: tuple[str, ...]) -> str:
    """Return a hash of the code whose results a floor's table holds.

    Of the words of functions, classes and constants: prose, comments, blank lines and the order of
    imports do not change it. (`ast.dump` would, from one Python version to the next.)
    """
    words = [
        word
        for design in designs
        for cell in design_cells(notebook_id, design)
        for word in defining_words(without_magics(cell))
    ]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


def defining_words(source: str) -> Iterator[str]:
    """Yield the tokens of a cell's functions, classes and constants, with their indentation."""
    for statement in ast.parse(source).body:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef, ast.Assign)):
            segment = ast.get_source_segment(source, statement) or ""
            for token in tokenize.generate_tokens(io.StringIO(segment).readline):
                if token.type in (tokenize.INDENT, tokenize.DEDENT):
                    yield tokenize.tok_name[token.type]
                elif token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE):
                    yield token.string


def without_magics(source: str) -> str:
    """Return a cell's source without its % lines."""
    return "\n".join(line for line in source.splitlines() if not line.startswith("%"))


def design_namespace(notebook_id: str, design: str = "solution") -> dict[str, Any]:
    """Execute a design's cells and return what they define."""
    os.environ.setdefault("MPLBACKEND", "agg")
    namespace: dict[str, Any] = {}
    for source in design_cells(notebook_id, design):
        exec(compile(without_magics(source), notebook_id, "exec"), namespace)  # our own code
    return namespace
