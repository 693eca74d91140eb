"""A session without a process: the solution's own functions, called here, and replies to order.

For tests that ask every hidden check a hundred times: a sandbox would take minutes.
"""

import ast
import contextlib
import importlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from grader.examination import Examination, Run, Settings
from grader.hidden.refits import learners_images
from grader.judging.twin import Twin
from grader.sandbox import Handle, Isolation, StudentError
from grader.submissions import Submission
from tests.odd_values import crossed

Key = tuple[str, ...]  # operation or owner, and name of what was called or asked for
Reply = Callable[[Key, Callable[[], Any]], Any]


class MeanDetector:
    """Stands for every detector of the course: how far an image is from the mean image.

    It has the methods that the checks ask for, in the right form, and trains in no time.
    """

    def __init__(
        self, x_train: np.ndarray, x_val: np.ndarray, seed: int, target_fpr: float, train: bool
    ) -> None:
        self.mean = np.random.default_rng(seed).normal(0, 1, (28, 28))
        if train:
            self.mean += np.asarray(x_train, np.float32).mean(axis=0)
        self.history = [1.0, 0.5, 0.4] if train else []
        self.pair = self
        self.threshold = float(np.quantile(self.anomaly_score(x_val), 1 - target_fpr))

    def anomaly_score(self, images: np.ndarray) -> np.ndarray:
        return np.square(images.astype(np.float32) - self.mean).mean(axis=(1, 2))

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        return np.repeat(self.mean[None], len(images), axis=0).astype(np.uint8)

    def error_parts(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.anomaly_score(images), self.anomaly_score(images) ** 0.5

    def log_p(self, images: np.ndarray) -> np.ndarray:
        return np.log(np.full((len(images), 18, 18), 1e-3) + 0.982 * np.eye(18))

    def parameters(self) -> list[np.ndarray]:
        return [self.mean]

    generator_parameters = discriminator_parameters = parameters

    @classmethod
    def fitted(cls, *given: Any, target_fpr: float = 0.05, train: bool = True, **_: Any) -> Any:
        """Take what any `fit_detector` takes: sets of images, and a seed at the end."""
        sets = [part for part in given if isinstance(part, np.ndarray)]
        seed = given[-1] if isinstance(given[-1], int) else 0
        return cls(sets[0], sets[-1], seed, target_fpr, train)


def solution_names(submission: Submission) -> dict[str, Any]:
    """Return what a solution defines, and what the checks ask of its run."""
    names: dict[str, Any] = {"__name__": "solution"}
    for cell in submission.cells:
        if not cell.in_definitions:
            continue
        for statement in ast.parse(re.sub(r"(?m)^[%!].*", "", cell.source)).body:
            if "import keras" in ast.unparse(statement):
                continue  # five seconds, for a network that `MeanDetector` stands for
            with contextlib.suppress(NameError):  # what uses the run's images
                exec(compile(ast.Module([statement], []), cell.name, "exec"), names)
    images = learners_images()[0]
    x_train, x_val = images[:300], images[300:400]
    run = {"x_train": x_train, "x_val": x_val, "detector": MeanDetector.fitted(x_train, x_val)}
    return names | run


class LocalSession:
    """Answers like `Session`, from names in this process.

    Parameters
    ----------
    names : dict
        What the notebook defines.
    reply : callable
        From a key and the honest computation to the reply.
    """

    alive, cpu_seconds, peak_bytes = True, 0.0, 0

    def __init__(self, names: dict[str, Any], reply: Reply) -> None:
        self.names = names
        self.reply = reply
        self.kept: list[tuple[str, Any]] = []

    def call(self, function: str, *args: Any, seconds: float = 0.0, **kwargs: Any) -> Any:
        return self.reply(
            ("call", function), lambda: self._do(self._named(function), args, kwargs)[0]
        )

    def call_and_look(self, function: str, *args: Any, seconds: float = 0.0) -> Any:
        def look() -> Any:
            result, given = self._do(self._named(function), args, {})
            return [result, given]

        result, after = self.reply(("call_and_look", function), look)
        places = enumerate(after)
        return (
            self.reply(("call", function), lambda: result),
            [self.reply(("argument", str(n)), lambda part=part: part) for n, part in places],
        )

    def keep(self, function: str, *args: Any, seconds: float = 0.0, **kwargs: Any) -> Handle:
        fits = function.startswith("fit_")
        maker = MeanDetector.fitted if fits else self._named(function)
        return self._keep(
            function, self.reply(("keep", function), lambda: self._do(maker, args, kwargs)[0])
        )

    def method(self, handle: Handle, name: str, *args: Any, seconds: float = 0.0) -> Any:
        label, owner = self.kept[handle.number]
        return self.reply((label, name), lambda: self._do(_Method(owner, name), args, {})[0])

    def keep_method(self, handle: Handle, name: str, *args: Any) -> Handle:
        label, owner = self.kept[handle.number]
        key = ("keep", f"{label}.{name}")
        made = self.reply(key, lambda: self._do(_Method(owner, name), args, {})[0])
        return self._keep(f"{label}.{name}", made)

    def attribute(self, handle: Handle, name: str, seconds: float = 0.0) -> Any:
        label, owner = self.kept[handle.number]
        return self.reply((label, name), lambda: self._do(getattr, (owner, name), {})[0])

    def variable(self, name: str) -> Handle:
        return self._keep(name, self._named(name))

    def library(self, module: str, name: str) -> Handle:
        found = getattr(importlib.import_module(f"data_utils.{module}"), name)
        return self._keep(f"{module}.{name}", found)

    def value(self, name: str) -> Any:
        return self.reply(("value", name), lambda: self._named(name))

    def _keep(self, label: str, value: Any) -> Handle:
        self.kept.append((label, value))
        return Handle("here", len(self.kept) - 1)

    def _named(self, name: str) -> Any:
        if name not in self.names:
            raise StudentError("NameError", f"name '{name}' is not defined")
        return self.names[name]

    def _do(self, function: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Any, list[Any]]:
        """Return the result of a call, and the arguments as it left them."""
        given = [self.kept[a.number][1] if isinstance(a, Handle) else _copy(a) for a in args]
        try:
            return function(*given, **kwargs), given
        except Exception as error:
            raise StudentError(type(error).__name__, str(error)) from error


class _Method:
    """A method by its name, looked up when it is called."""

    def __init__(self, owner: Any, name: str) -> None:
        self.owner, self.name = owner, name

    def __call__(self, *args: Any) -> Any:
        return getattr(self.owner, self.name)(*args)


def _copy(value: Any) -> Any:
    """Return a plain argument as it crosses; an object of this process stays itself."""
    return crossed(value) if isinstance(value, (np.ndarray, list, tuple, dict)) else value


class InProcess(Examination):
    """An examination of a solution whose sessions are `LocalSession`s."""

    def __init__(
        self,
        submission: Submission,
        names: dict[str, Any],
        reply: Reply,
        twin_reply: Reply,
    ) -> None:
        super().__init__(submission, Settings("quick", Isolation.NONE))
        self._local: Any = LocalSession(names, reply)
        self._clean: Any = LocalSession(names, twin_reply)

    def definitions(self, replaced: tuple[str, ...] = ()) -> Any:
        return self._local

    def run(self, replaced: tuple[str, ...] = ()) -> Run:
        return Run(self._local)

    def twin(self) -> Twin:
        return Twin(self._clean)
