"""Which top-level statements of a cell are definitions. Runs inside the wall.

The definitions session runs imports, functions, classes and constants, and nothing that loads data
or trains. What counts as a constant: an expression whose calls all go to something imported
(`np.random.default_rng(0)`, `Path("x")`) or to a harmless builtin (`range(10)`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

PURE_BUILTINS = frozenset(
    (
        *("abs", "bool", "bytes", "dict", "enumerate", "float", "frozenset", "int", "len", "list"),
        *("max", "min", "range", "round", "set", "slice", "sorted", "str", "sum", "tuple", "zip"),
    )
)
WAITING = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)


def imported_names(statements: Iterable[ast.stmt]) -> set[str]:
    """Return the names that import statements bind, at any depth outside functions and classes.

    Parameters
    ----------
    statements : iterable of ast.stmt
        The top level of a cell.

    Returns
    -------
    set of str
    """
    names: set[str] = set()
    for statement in statements:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            for alias in statement.names:
                names.add(alias.asname or alias.name.partition(".")[0])
        elif isinstance(statement, (ast.If, ast.Try, ast.With)):
            names |= imported_names(_nested(statement))
    return names


def is_definition(statement: ast.stmt, imported: set[str]) -> bool:
    """Say whether a top-level statement runs in the definitions session.

    Parameters
    ----------
    statement : ast.stmt
        One top-level statement, or one inside an `if`, `try` or `with`.
    imported : set of str
        Names that imports have bound in this and earlier cells.

    Returns
    -------
    bool
    """
    if isinstance(statement, (ast.Import, ast.ImportFrom, ast.Pass)):
        return True
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return True
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    if isinstance(statement, ast.Assign):
        targets = all(_is_plain_target(target, imported) for target in statement.targets)
        return targets and _is_constant(statement.value, imported)
    if isinstance(statement, ast.AnnAssign):
        return statement.value is None or _is_constant(statement.value, imported)
    if isinstance(statement, (ast.If, ast.Try, ast.With)):
        heads = _heads(statement)
        return all(_is_constant(head, imported) for head in heads) and all(
            is_definition(part, imported) for part in _nested(statement)
        )
    return False


def _nested(statement: ast.If | ast.Try | ast.With) -> list[ast.stmt]:
    """Return every statement directly inside an `if`, `try` or `with`."""
    if isinstance(statement, ast.With):
        return statement.body
    if isinstance(statement, ast.If):
        return [*statement.body, *statement.orelse]
    handlers = [part for handler in statement.handlers for part in handler.body]
    return [*statement.body, *handlers, *statement.orelse, *statement.finalbody]


def _heads(statement: ast.If | ast.Try | ast.With) -> list[ast.expr]:
    """Return the expressions that an `if` or `with` evaluates first."""
    if isinstance(statement, ast.If):
        return [statement.test]
    if isinstance(statement, ast.With):
        return [item.context_expr for item in statement.items]
    return []


def _is_constant(expression: ast.expr, imported: set[str]) -> bool:
    """Say whether every call in an expression goes to something imported or a pure builtin."""
    for node in ast.walk(expression):
        if isinstance(node, WAITING):
            return False
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Name) and function.id in PURE_BUILTINS:
                continue
            if _root(function) not in imported:
                return False
    return True


def _is_plain_target(target: ast.expr, imported: set[str]) -> bool:
    """Say whether a target is a name, a tuple of names, or a setting of an imported module."""
    if isinstance(target, (ast.Tuple, ast.List)):
        return all(_is_plain_target(part, imported) for part in target.elts)
    if isinstance(target, ast.Starred):
        return _is_plain_target(target.value, imported)
    return isinstance(target, ast.Name) or _root(target) in imported


def _root(expression: ast.expr) -> str | None:
    """Return the name that a chain of attributes, calls and subscripts starts from."""
    while True:
        if isinstance(expression, (ast.Attribute, ast.Subscript)):
            expression = expression.value
        elif isinstance(expression, ast.Call):
            expression = expression.func
        else:
            return expression.id if isinstance(expression, ast.Name) else None
