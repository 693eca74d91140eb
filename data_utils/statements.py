"""What the statements of a notebook cell bind and use: the rule by which a cell runs without data.

The grader runs every statement of an answer cell, and of those cells of the learner's own that
define something an answer uses, in a session that holds no images. `check()` tells beforehand what
will not work there. Both ask this module, so that they cannot disagree.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence

# Cell magics that only wrap what stands below them.
WRAPPING = ("time", "capture", "prun")
# Longer cells are not looked into: parsing takes some hundred bytes for each character.
ANALYSED_CHARS = 200_000
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_OWN_SCOPE = (*_SCOPES, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_WRAPPER = re.compile(r"\s*%%(" + "|".join(WRAPPING) + r")\b[^\n]*")


def look_through(source: str) -> str:
    r"""Return a cell without the magics that only wrap it; the lines keep their numbers.

    Examples
    --------
    >>> look_through("%%time\nx = 1")
    '#time\nx = 1'
    """
    kept = ""
    while wrapper := _WRAPPER.match(source):
        kept += wrapper[0][: wrapper.start(1)].replace("%%", "#") + wrapper[1]
        source = source[wrapper.end() :]
    return kept + source


def parsed(source: str) -> list[ast.stmt]:
    """Return the statements of a cell; magics count as nothing, and so does what is no Python."""
    if len(source) > ANALYSED_CHARS:
        return []
    try:
        return ast.parse(without_magics(source)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def without_magics(source: str) -> str:
    """Return a cell as plain Python, line by line: magics and shell commands become ``pass``."""
    lines = look_through(source).splitlines()
    return "\n".join(re.sub(r"^(\s*)[%!].*", r"\1pass", line) for line in lines)


def bound_names(statement: ast.AST) -> set[str]:
    """Return the names that a statement binds at the top level, or whose objects it fills.

    Examples
    --------
    >>> loop = ast.parse("for i in range(3): TABLE[i] = square(i)").body[0]
    >>> sorted(bound_names(loop))
    ['TABLE', 'i']
    """
    names: set[str] = set()
    todo: list[ast.AST] = [statement]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, (ast.Attribute, ast.Subscript)):
            if not isinstance(node.ctx, ast.Load):
                names |= _root(node)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            if isinstance(node.value.func, ast.Attribute):  # TABLE.append(...)
                names |= _root(node.value.func)
        elif isinstance(node, _SCOPES):
            names.add(node.name)
        if not isinstance(node, _OWN_SCOPE):
            todo += ast.iter_child_nodes(node)
    return names


def used_names(statement: ast.AST) -> set[str]:
    """Return every name that a statement reads, inside functions and classes too."""
    return {
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    } | _imported_from(statement)


def cells_behind(cells: Sequence[str], wanted: Iterable[str]) -> set[int]:
    r"""Return the places of the cells that define something that answers use, directly or not.

    Parameters
    ----------
    cells : sequence of str
        The learner's own cells, in order.
    wanted : iterable of str
        Sources of the answer cells.

    Returns
    -------
    set of int

    Examples
    --------
    >>> own = ["x = 1", "def helper(): return TABLE", "TABLE = {}", "%%writefile m.py\ny = 2"]
    >>> sorted(cells_behind(own, ["def answer(): return helper()", "from m import y"]))
    [1, 2, 3]
    """
    statements = [parsed(cell) for cell in cells]
    binds = [
        set().union(*map(bound_names, body)) | _written_module(cell)
        for cell, body in zip(cells, statements, strict=True)
    ]
    uses = [set().union(*map(used_names, body)) for body in statements]
    needed = set().union(*(used_names(part) for cell in wanted for part in parsed(cell)))
    found: set[int] = set()
    while more := {n for n, names in enumerate(binds) if n not in found and names & needed}:
        found |= more
        needed = needed.union(*(uses[n] for n in more))
    return found


def _root(expression: ast.expr) -> set[str]:
    """Return the name that a chain of attributes and subscripts starts from, if it is one."""
    while isinstance(expression, (ast.Attribute, ast.Subscript)):
        expression = expression.value
    return {expression.id} if isinstance(expression, ast.Name) else set()


def _imported_from(statement: ast.AST) -> set[str]:
    """Return the modules that a statement imports: a cell may have written one of them."""
    names: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def _written_module(cell: str) -> set[str]:
    """Return the name of the module that a cell writes with ``%%writefile``."""
    written = re.match(r"\s*%%(?:writefile|file)\s+(?:-a\s+)?[\"']?(?:\S*/)?(\w+)\.py\b", cell)
    return {written[1]} if written else set()
