"""What a function uses that will not be there while it is graded, told beforehand.

The grader runs the learner's own cells without any image. So whatever a graded function uses must
come from its arguments, from what the notebook gives, or from statements that need no data.
"""

from __future__ import annotations

import ast
import dis
import functools
from collections.abc import Mapping, Sequence
from types import CodeType, FunctionType
from typing import Any

from data_utils.selfcheck.words import Finding
from data_utils.statements import bound_names, parsed


def finding_beforehand(
    name: str,
    namespace: Mapping[str, Any],
    cells: Sequence[str],
    of_the_notebook: frozenset[str],
) -> Finding | None:
    """Say what a function uses that is made from the notebook's data, if it uses any.

    Parameters
    ----------
    name : str
        Of the function.
    namespace : mapping
        The notebook's variables.
    cells : sequence of str
        The cells that were run so far, in order.
    of_the_notebook : frozenset of str
        Variables that locked cells make from data.

    Returns
    -------
    Finding or None
    """
    binding = _last_bindings(cells)
    seen: set[str] = set()
    todo = [(used, "") for used in _globals_of(namespace.get(name), namespace)]
    while todo:
        used, made_by = todo.pop()
        if used in seen or used not in namespace:
            continue
        seen.add(used)
        if used in of_the_notebook and not _is_own(used, binding):
            return _words(name, used, made_by)
        value = namespace[used]
        if _is_defined_here(value, namespace):
            todo += [(other, made_by) for other in _globals_of(value, namespace)]
        elif used in binding and not isinstance(binding[used], (ast.Import, ast.ImportFrom)):
            source = ast.unparse(binding[used]).splitlines()[0][:60]
            todo += [(other, source) for other in _names_in(binding[used])]
    return None


def _words(function: str, used: str, made_by: str) -> Finding:
    if not made_by:
        return Finding(
            f"{function} works with its arguments alone",
            f"it uses the notebook's variable {used}",
            "a function that reaches for another cell's variable breaks when that cell is not run, "
            "and may see data that it must not see",
            f"replace {used} by what {function} is given as arguments",
        )
    return Finding(
        f"what {function} uses can be made without the notebook's data",
        f"`{made_by}` needs {used}",
        "while grading your cells run without any image, so that line stops",
        f"work it out inside {function}, from its arguments",
    )


def _last_bindings(cells: Sequence[str]) -> dict[str, ast.stmt]:
    """Return for each name the statement that bound it last."""
    return {
        name: statement
        for cell in cells
        for statement in parsed(cell)
        for name in bound_names(statement)
    }


def _is_own(used: str, binding: Mapping[str, ast.stmt]) -> bool:
    """Say whether the learner gave a variable of that name another value, by a plain literal."""
    statement = binding.get(used)
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is None:
        return False
    try:
        ast.literal_eval(statement.value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _is_defined_here(value: Any, namespace: Mapping[str, Any]) -> bool:
    """Say whether a value is a function or class of the notebook's own."""
    if isinstance(value, type):
        return value.__module__ == "__main__"
    function = _function_in(value)
    return function is not None and function.__globals__ is namespace


def _globals_of(value: Any, namespace: Mapping[str, Any]) -> list[str]:
    """Return the global names that a function or a class of the notebook reads."""
    names: list[str] = []
    seen: set[int] = set()  # functions may hold each other, and a method its class
    todo = [value]
    while todo:
        value = todo.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, type):
            todo += vars(value).values() if value.__module__ == "__main__" else ()
            continue
        function = _function_in(value)
        if function is not None and function.__globals__ is namespace:
            names += _names_read(function.__code__)
            todo += map(_content, function.__closure__ or ())
    return names


def _function_in(value: Any) -> FunctionType | None:
    """Return the plain function in a method, a property, a partial or a cached function."""
    for kind, attribute in (
        ((staticmethod, classmethod), "__func__"),
        (property, "fget"),
        (functools.partial, "func"),
        (type(functools.cache(len)), "__wrapped__"),
    ):
        if isinstance(value, kind):
            value = getattr(value, attribute)
    return value if isinstance(value, FunctionType) else None


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _names_in(statement: ast.stmt) -> list[str]:
    """Return the global names that a statement reads."""
    try:
        code = compile(ast.Module([statement], []), "<cell>", "exec")
    except (SyntaxError, ValueError, RecursionError):
        return []
    return _names_read(code)


def _names_read(code: CodeType) -> list[str]:
    names = [
        str(step.argval)
        for step in dis.get_instructions(code)
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    ]
    inner = [part for part in code.co_consts if isinstance(part, CodeType)]
    return names + [name for part in inner for name in _names_read(part)]
