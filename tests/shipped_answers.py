"""What data_utils gives away: everything in it that can be called is offered an exercise's inputs.

Generators, private helpers, partials and callables in tables count too, and of what they give every
part: an answer is shipped where one of them is the right one up to sign, scale and order.
"""

import contextlib
import copy
import importlib
import inspect
import io
import itertools
import pkgutil
import signal
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import data_utils

CALL_SECONDS = 0.3  # no answer takes longer on two images
YIELDED = 300  # parts of a generator that are looked at; the longest list of mistakes has 40
CALLS = 3  # of an exercise's function, which an answer has to get right
FEW = 3  # different numbers: below that, sign, scale and order make anything alike
LARGEST = 20_000  # numbers handed in: larger questions are asked by the visible check alone
# They serve, wait, draw, or read files and networks; nothing in them works on a check's arrays.
NOT_CALLED = (
    "data_utils.progress",
    *("data_utils.explorer", "data_utils.plots", "data_utils.course", "data_utils.backbone"),
    *("data_utils.datasets", "data_utils.idx_files", "data_utils.outsiders", "data_utils.prepared"),
)


class EnoughError(Exception):
    """The calls that were to be recorded are there."""


class Recorder:
    """Stands between a visible check and the solution, and keeps the first calls."""

    def __init__(self, names: dict[str, Any], function: str) -> None:
        self.names, self.function = names, function
        self.calls: list[tuple[tuple[Any, ...], Any]] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given = copy.deepcopy(args)
        result = self.names[self.function](*args, **kwargs)
        self.calls.append(((*given, *copy.deepcopy(tuple(kwargs.values()))), result))
        if len(self.calls) >= CALLS:
            raise EnoughError
        return result

    def another(self, name: str) -> Any:
        """Return the caller of another function, whose calls are not this exercise's."""
        return self.names[name]


def callables() -> dict[str, Callable[..., Any]]:
    """Return everything in data_utils that can be called, by module and name."""
    found: dict[str, Callable[..., Any]] = {}
    for info in pkgutil.walk_packages(data_utils.__path__, "data_utils."):
        if info.name.startswith(NOT_CALLED) or info.name.endswith("__main__"):
            continue
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            for label, part in _parts_by_name(name, value):
                if callable(part) and _is_own(part, info.name):
                    found[f"{info.name}.{label}"] = part
    return found


def _parts_by_name(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield a module's variable, and what stands in it where it is a table."""
    yield name, value
    if isinstance(value, (dict, types.MappingProxyType)):
        yield from ((f"{name}[{key!r}]", part) for key, part in value.items())
    elif isinstance(value, (list, tuple)):
        yield from ((f"{name}[{place}]", part) for place, part in enumerate(value))


def _is_own(value: Any, module: str) -> bool:
    """Say whether a callable was made in a module: a function, a class or something partial."""
    inner = inspect.unwrap(getattr(value, "func", value))
    made_in = getattr(inner, "__module__", None)
    return made_in == module and not (
        inspect.isclass(inner) and issubclass(inner, (BaseException, tuple))
    )


def arrangements(args: tuple[Any, ...], right: Any) -> Iterator[tuple[Any, ...]]:
    """Yield ways to hand an exercise's arguments to something else.

    As they are, in other orders, without the last ones, and behind right values that are not
    known: all NaN.
    """
    nothing = unknown(right)
    for count in range(len(args), 0, -1):
        orders = [args[:count]]
        if count <= FEW:
            orders = list(itertools.permutations(args[:count]))
        for order in orders:
            yield order
            yield (nothing, *order)
            yield (*order, nothing)


def unknown(value: Any) -> Any:
    """Return a right value with every number replaced by NaN."""
    if isinstance(value, dict):
        return {key: unknown(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(unknown(part) for part in value)
    return np.full(np.shape(value), np.nan) if is_numeric(value) else None


def is_numeric(value: Any) -> bool:
    """Say whether a value is a number or an array of numbers."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biuf"
    return isinstance(value, (int, float, np.number, np.bool_))


def leaves(value: Any, depth: int = 4) -> Iterator[np.ndarray]:
    """Yield every number and array in a value, and in what it yields."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, types.GeneratorType):
        with contextlib.suppress(Exception):
            for part in itertools.islice(value, YIELDED):
                yield from leaves(part, depth - 1)
    elif is_numeric(value):
        yield np.asarray(value, float)
    elif isinstance(value, (list, tuple, dict)) and depth:
        parts = list(value.values() if isinstance(value, dict) else value)
        if parts and all(is_numeric(part) and np.ndim(part) == 0 for part in parts):
            yield np.asarray(parts, float)
        for part in parts:
            yield from leaves(part, depth - 1)


def form(array: np.ndarray) -> np.ndarray | None:
    """Return the numbers sorted, of length 1, the larger side up; None where they say nothing."""
    flat = array.reshape(-1)
    with np.errstate(all="ignore"):
        length = np.linalg.norm(flat)
        if not np.isfinite(flat).all() or len(np.unique(flat)) <= FEW or not 0 < length < np.inf:
            return None
        ordered = np.sort(flat / length)
    return ordered if ordered.sum() >= 0 else -ordered[::-1]


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Say whether two arrays hold the same numbers up to sign, scale and order."""
    if one.size != other.size:
        return False
    if one.size <= FEW:
        return _same_numbers(one, other)
    first, second = form(one), form(other)
    return first is not None and second is not None and bool(np.allclose(first, second, atol=1e-6))


def _same_numbers(one: np.ndarray, other: np.ndarray) -> bool:
    """Say whether a few numbers are the same up to their signs; whole ones prove nothing."""
    first, second = np.sort(np.abs(one.ravel())), np.sort(np.abs(other.ravel()))
    whole = np.all(first == np.round(first))
    return not whole and bool(np.allclose(first, second, rtol=1e-6, atol=0))


@contextlib.contextmanager
def quiet_and_short() -> Iterator[None]:
    """Let a call print nothing, and end it when its time is up."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt  # what code that catches every Exception lets pass

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, CALL_SECONDS)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with np.errstate(all="ignore"):
                yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def takes(value: Callable[..., Any]) -> tuple[int, int]:
    """Return the least and the largest number of positional arguments; none where unknown."""
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return 1, 0
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters):
        return 1, 0
    least = sum(p.default is p.empty for p in places)
    most = 9 if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(places)
    return least, most


class Question:
    """One call of an exercise's function: its arguments and what is right.

    Attributes
    ----------
    orders : list of tuple
        Ways to hand the arguments to something else.
    wanted : list of ndarray
        Parts of the answer that say something, and that are no argument already.
    """

    def __init__(self, args: tuple[Any, ...], right: Any) -> None:
        self.orders = list(arrangements(args, right))
        known = [leaf for arg in args for leaf in leaves(arg)]
        self.wanted = [
            leaf
            for leaf in leaves(right)
            if alike(leaf, leaf)
            and not any(alike(leaf, arg) for arg in known)
            and not (leaf.size <= FEW and any(np.isin(leaf, arg).all() for arg in known))
        ]

    def answered(self, candidate: Callable[..., Any], number: int) -> bool:
        """Say whether a callable gives every part, its arguments arranged in one way."""
        try:
            with quiet_and_short():
                found = list(leaves(candidate(*copy.deepcopy(self.orders[number]))))
        except BaseException:
            return False
        return all(any(alike(leaf, part) for part in found) for leaf in self.wanted)


def shipped(
    calls: list[tuple[tuple[Any, ...], Any]], found: dict[str, Callable[..., Any]]
) -> Iterator[str]:
    """Yield the names of what gives an answer for each of some calls."""
    small = [call for call in calls if sum(leaf.size for leaf in leaves(call[0])) <= LARGEST]
    questions = [question for call in small if (question := Question(*call)).wanted]
    if not questions:
        return  # it is no array, or an argument in another order
    for name, candidate in found.items():
        least, most = takes(candidate)
        for number, order in enumerate(questions[0].orders):
            if least <= len(order) <= most and all(
                number < len(question.orders) and question.answered(candidate, number)
                for question in questions
            ):
                yield name
                break
