"""The way to a submission's functions: calls them, and turns what goes wrong into words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from data_utils.course import Exercise, Floor, Notebook, Step
from data_utils.selfcheck.registry import VISIBLE
from data_utils.selfcheck.words import Finding, Found, finding_for_exception
from grader.floors import no_floors
from grader.judging.gate import admit
from grader.judging.scrub import REASON_CHARS, scrubbed
from grader.judging.twin import Twin
from grader.judging.words import death_finding, too_long_finding
from grader.sandbox import (
    CallTimeout,
    Handle,
    SandboxError,
    SandboxUnavailable,
    Session,
    StudentError,
)

if TYPE_CHECKING:  # it makes students, so it imports this module
    from grader.examination import Examination

CALL_SECONDS = 20.0  # for the small functions; they take milliseconds, on a busy machine more
FIT_SECONDS = 240.0  # a quick fit takes about 5 CPU seconds; slower designs are honest too


class Student:
    """Calls the functions of one exercise; what goes wrong inside becomes a Finding.

    After a call that ran out of time or took the process down, the exercise's other calls are not
    tried: one endless loop costs one time limit, not one for each check.

    `call`, `call_and_look` and `keep` take the `name` of another definition of the notebook where
    a check goes through one, such as a given function that hands arrays to the learner's; handles
    of kept and of given objects may be among their arguments. What goes wrong there is still said
    of the exercise's own function.
    """

    def __init__(
        self, examination: Examination, exercise: Exercise, also_replaced: str = ""
    ) -> None:
        self._examination = examination
        self._exercise = exercise
        wanted = {also_replaced, *examination.replaced(exercise)}
        self._replaced = tuple(id_ for id_ in exercise.builds_on if id_ in wanted)
        # With a reference's code in the process, what it says must not reach the student.
        self._mute = examination.stand_ins(self._replaced).with_code

    def with_reference(self, exercise_id: str) -> Student | None:
        """Return the way to the same function where one more earlier exercise is the reference's.

        None where it is already, or where no reference is at hand. What the learner's choices in
        that exercise allow, and its text does not forbid, must not cost points in this one.
        """
        if exercise_id in self._replaced or self._examination.solution is None:
            return None
        return Student(self._examination, self._exercise, exercise_id)

    def call(self, *args: Any, name: str = "", seconds: float = CALL_SECONDS, **kwargs: Any) -> Any:
        """Call the exercise's function and return its result as plain data."""
        function = name or self._exercise.function
        return self._guarded("call", function, *args, seconds=seconds, **kwargs)

    def call_and_look(self, *args: Any, name: str = "") -> tuple[Any, list[Any]]:
        """Call the exercise's function; return its result and the arguments as it left them."""
        function = name or self._exercise.function
        reply: tuple[Any, list[Any]] = self._guarded(
            "call_and_look", function, *args, seconds=CALL_SECONDS
        )
        return reply

    def keep(
        self, *args: Any, name: str = "", seconds: float = FIT_SECONDS, **kwargs: Any
    ) -> Handle:
        """Call the exercise's function and leave its result inside."""
        function = name or self._exercise.function
        handle: Handle = self._guarded("keep", function, *args, seconds=seconds, **kwargs)
        return handle

    def given(self, name: str) -> Handle:
        """Return what a locked cell defines or imports, to be handed to the exercise's function."""
        handle: Handle = self._guarded("variable", name)
        return handle

    def library(self, module: str, name: str, *args: Any) -> Handle:
        """Return a function of data_utils as a handle; with arguments, what it makes of them.

        For what a check hands to the exercise's function and the notebook has no name for.
        """
        function: Handle = self._guarded("library", module, name)
        return self.keep_method(function, "__call__", *args) if args else function

    def probe(self, module: str, name: str, *args: Any, seconds: float = CALL_SECONDS) -> Any:
        """Let a function of data_utils measure the exercise's function behind the wall.

        Parameters
        ----------
        module, name : str
            Where in data_utils the probe is; it takes the exercise's function, then `args`.
        *args
            Plain data and arrays.
        seconds : float
            More where the probe lets a network train.

        Returns
        -------
        object
            What the probe returns, as plain data.
        """
        measure = self.library(module, name)
        learner = self.given(self._exercise.function)
        return self.method(measure, "__call__", learner, *args, seconds=seconds)

    @property
    def twin(self) -> Twin:
        """The clean session: what the course's own code gives for the same inputs."""
        return self._examination.twin()

    def method(self, handle: Handle, name: str, *args: Any, seconds: float = FIT_SECONDS) -> Any:
        """Call a method of a kept object."""
        return self._guarded("method", handle, name, *args, seconds=seconds)

    def keep_method(self, handle: Handle, name: str, *args: Any) -> Handle:
        """Call a method of a kept object and leave its result inside too."""
        kept: Handle = self._guarded("keep_method", handle, name, *args)
        return kept

    def attribute(self, handle: Handle, name: str) -> Any:
        """Return an attribute of a kept object as plain data."""
        return self._guarded("attribute", handle, name, seconds=FIT_SECONDS)

    def given_number(self, name: str) -> int:
        """Return a whole number that a locked cell sets, whatever the run made of it later.

        Parameters
        ----------
        name : str
            A variable of the notebook, such as ``"ANOMALY_DIGIT"``.
        """
        return self._examination.submission.given_number(name)

    @property
    def notebook(self) -> Notebook:
        """The notebook of the course that was handed in."""
        return self._examination.submission.notebook

    @property
    def profile(self) -> str:
        """The data profile of the notebook's run."""
        return self._examination.settings.profile

    def floor(self, profile: str | None, digit: int, exercise: str = "") -> Floor | None:
        """Return the published floor of a detector, or of an exercise's own one.

        `profile` None means that of the notebook's run.
        """
        settings = self._examination.settings
        return self.notebook.floor(
            profile or settings.profile,
            settings.device,
            digit,
            backbone=settings.backbone,
            exercise=exercise,
        )

    @property
    def without_floors(self) -> str:
        """Say that no floor was measured for this device or network; empty where some were."""
        settings = self._examination.settings
        return no_floors(self.notebook, settings.device, settings.backbone)

    def step(self, number: int) -> Step:
        """Return a step of the exercise, counted from 1."""
        return self.notebook.steps_of(self._exercise.id)[number - 1]

    def in_run(self, operation: str, *args: Any) -> Any:
        """Perform an operation of the session in which the whole notebook was run.

        Parameters
        ----------
        operation : {"variable", "value", "method", "attribute"}
            Of `Session`.
        """
        run = self._examination.run(self._replaced)
        if run.session is None:
            raise Found(death_finding("the notebook runs to its end", run.deaths[-1]))
        time = {"seconds": FIT_SECONDS} if operation in ("method", "attribute") else {}
        try:
            return self._on(run.session, operation, *args, **time)
        except StudentError as error:
            told = self._examination.scrubber.account(self._exercise.id, error)
            stop = run.first_stop or f"{told.ename}: {told.evalue}"
            raise Found(
                Finding(
                    f"a working {args[0]} after the whole notebook was run"
                    if operation in ("variable", "value")
                    else "a detector that works after the whole notebook was run",
                    stop,
                    "a cell stopped, or the detector it made does not work",
                    "restart your kernel, run all cells, and look at the first one that stops",
                )
            ) from None

    def _guarded(self, operation: str, *args: Any, **kwargs: Any) -> Any:
        lost = self._examination.lost.get(self._exercise.id)
        if lost is not None:
            raise Found(lost)
        try:
            return self._on(
                self._examination.definitions(self._replaced), operation, *args, **kwargs
            )
        except StudentError as error:
            known = VISIBLE[self.notebook.id].names
            told = self._examination.scrubber.account(self._exercise.id, error)
            raise Found(
                finding_for_exception(
                    self._exercise.function,
                    told.ename,
                    "" if self._mute else told.evalue,
                    told.where,
                    known,
                )
            ) from None

    def _on(self, session: Session, operation: str, *args: Any, **kwargs: Any) -> Any:
        function = self._exercise.function
        try:
            reply = getattr(session, operation)(*args, **kwargs)
        except (StudentError, SandboxUnavailable):
            raise
        except CallTimeout as error:
            finding = too_long_finding(f"{function} comes back in time", str(error))
        except SandboxError as error:  # died, sent rubbish, or its objects went with a dead session
            reason = scrubbed(str(error), REASON_CHARS)
            finding = death_finding(f"{function} returns a result", reason)
        else:
            return _admitted(operation, reply)
        self._examination.lost[self._exercise.id] = finding
        raise Found(finding)


def _admitted(operation: str, reply: Any) -> Any:
    """Let a reply pass the gate; handles mean nothing out here."""
    if isinstance(reply, Handle):
        return reply
    if operation == "call_and_look":
        result, after = reply
        return admit(result), [admit(part) for part in after]
    return admit(reply)
