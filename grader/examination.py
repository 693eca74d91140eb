"""One submission under examination: its two sandbox sessions, built when needed and rebuilt."""

import dataclasses
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

from data_utils.backbone_weights import backbone_in_use
from data_utils.course import Exercise
from data_utils.runtime import FRAMEWORK_PACKAGES
from data_utils.selfcheck.words import Finding
from grader.full_images import training_folder
from grader.judging.definitions import Definitions
from grader.judging.scrub import Scrubber, scrubbed, type_words
from grader.judging.stand_ins import StandIns
from grader.judging.troubles import explained
from grader.judging.twin import Twin
from grader.judging.words import title_of
from grader.sandbox import CellResult, Isolation, Limits, SandboxError, Session
from grader.sandbox.gpu import installed_gpu
from grader.student import CALL_SECONDS, Student
from grader.submissions import (
    Cell,
    Submission,
    read_submission,
    released_names,
    solved_notebook,
)

CELL_SECONDS = {"quick": 90.0, "embedded": 600.0, "full": 1800.0}
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
ONE_THREAD = dict.fromkeys(_THREAD_VARIABLES, "1")  # sessions side by side must not fight


@dataclass(frozen=True)
class Settings:
    """How a submission is graded.

    Attributes
    ----------
    profile : {"quick", "embedded", "full"}
        Of the notebook's run; re-fits always use ``quick``.
    isolation : Isolation
    backbone : str
        The pretrained network of notebooks that use one.
    gpus : tuple of int
        Numbers of the GPUs that may be used, none for the processor. A submission uses the first.
    secret_file : str
        Where the course's secret lies, which exam images are varied by; empty for the public one.
    """

    profile: str = "embedded"
    isolation: Isolation = Isolation.BWRAP
    backbone: str = field(default_factory=backbone_in_use)
    gpus: tuple[int, ...] = ()
    secret_file: str = ""

    @property
    def device(self) -> str:
        """``"gpu"`` or ``"cpu"``: whose floors count."""
        return "gpu" if self.gpus else "cpu"

    def of_worker(self, place: int) -> "Settings":
        """Return the settings of one of several workers: it has one GPU, in turn."""
        if not self.gpus:
            return self
        return dataclasses.replace(self, gpus=(self.gpus[place % len(self.gpus)],))


@dataclass
class Run:
    """What running the whole notebook gave.

    Attributes
    ----------
    session : Session or None
        Still open, unless the notebook could not be run to its end even without its culprit.
    results : list of (Cell, CellResult or None)
        None for a cell that was left out because the process died in it.
    deaths : list of str
        One sentence for each time the process died.
    """

    session: Session | None
    results: list[tuple[Cell, CellResult | None]] = field(default_factory=list)
    deaths: list[str] = field(default_factory=list)

    @property
    def first_stop(self) -> str:
        """Say which cell stopped first, and why; empty if none did."""
        for cell, result in self.results:
            if result is None:
                return f"the process died in {title_of(cell)}"
            if result.status != "ok":
                said = scrubbed(result.evalue or "")
                return f"{type_words(result.ename or '')} in {title_of(cell)}: {said}"
        return ""


class Examination:
    """The sessions of one submission.

    Use as a context manager; all sessions end with it.

    Parameters
    ----------
    submission : Submission
    settings : Settings
    lost_points : callable
        Whether an exercise, by its id, lost points so far: later ones then meet a reference there.
    """

    def __init__(
        self,
        submission: Submission,
        settings: Settings,
        lost_points: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.submission = submission
        self.settings = settings
        self.lost_points = lost_points
        self._definitions: dict[tuple[str, ...], Definitions] = {}
        self._sessions: dict[tuple[str, ...], Session] = {}
        self._runs: dict[tuple[str, ...], Run] = {}
        self._twin: Session | None = None
        self._spent = 0.0
        self.peak_bytes = 0  # of the session that took most
        self.scrubber = Scrubber(submission.cells)
        self.lost: dict[str, Finding] = {}  # exercise id -> why its calls are not tried again

    def __enter__(self) -> "Examination":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for session in self._live:
            self._end(session)

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds inside all sessions so far."""
        return self._spent + sum(session.cpu_seconds for session in self._live)

    @property
    def _live(self) -> list[Session]:
        """The sessions that are open."""
        runs = [run.session for run in self._runs.values()]
        return [s for s in (*self._sessions.values(), *runs, self._twin) if s is not None]

    def anew(self) -> "Examination":
        """Return an examination of the same submission, in sessions that have seen nothing yet."""
        return Examination(self.submission, self.settings, self.lost_points)

    def student(self, exercise: Exercise) -> Student:
        """Return the way to the functions of one exercise."""
        return Student(self, exercise)

    @functools.cached_property
    def solution(self) -> Submission | None:
        """The course's own solution, where it is at hand."""
        path = solved_notebook(self.submission.notebook.id)
        return None if path is None else read_submission(path)

    def replaced(self, exercise: Exercise) -> tuple[str, ...]:
        """Return the ids of those exercises that this one builds on and that lost points."""
        if self.solution is None:
            return ()
        return tuple(id_ for id_ in exercise.builds_on if self.lost_points(id_))

    def not_replaced(self, exercise: Exercise) -> tuple[str, ...]:
        """Return the same where there is no reference to take their place."""
        if self.solution is not None:
            return ()
        return tuple(id_ for id_ in exercise.builds_on if self.lost_points(id_))

    def stand_ins(self, replaced: tuple[str, ...]) -> StandIns:
        """Return what takes the place of these exercises' functions."""
        if not replaced or self.solution is None:
            return StandIns()
        notebook = self.submission.notebook
        answers = {cell.name: cell.source for cell in self.solution.cells if cell.role == "answer"}
        exercises = tuple(notebook.exercise(id_) for id_ in replaced)
        sources = {e.id: answers[f"answer_{e.grade_id}"] for e in exercises}
        names = {e.id: released_names(notebook.id, f"answer_{e.grade_id}") for e in exercises}
        return StandIns(exercises, sources, names, self._twin_session)

    def explained(self, exercise_id: str, finding: Finding) -> Finding:
        """Add to a finding the statement that did not run and that it may come from."""
        exercise = self.submission.notebook.exercise(exercise_id)
        definitions = self._definitions.get(self.replaced(exercise))
        cells = self.submission.cells
        answer = next((c for c in cells if c.name == f"answer_{exercise.grade_id}"), None)
        added = [cell for cell in cells if cell.role == "added"]
        troubles = definitions.troubles if definitions else ()
        return explained(finding, exercise.function, answer, added, troubles)

    def twin(self) -> Twin:
        """Return the clean session: the course's own code, and no cell of the student's."""
        return Twin(self._twin_session())

    def _twin_session(self) -> Session:
        if self._twin is not None and not self._twin.alive:
            self._end(self._twin)
            self._twin = None
        if self._twin is None:
            self._twin = self._start(with_images=False)
            for cell in (self.solution or self.submission).cells:
                if cell.role == "given" and cell.in_definitions:
                    self._twin.run_cell(cell.source, definitions_only=True)
                elif cell.role == "answer" and self.solution is not None:
                    self._twin.run_cell(cell.source)
        return self._twin

    def definitions(self, replaced: tuple[str, ...] = ()) -> Session:
        """Return the session that holds the submission's definitions and no data set.

        Parameters
        ----------
        replaced : tuple of str
            Exercises in whose places the reference stands.

        Raises
        ------
        Found
            If the definitions could not be loaded.
        """
        session = self._sessions.get(replaced)
        if session is not None and session.alive:
            return session
        if session is not None:
            self._end(self._sessions.pop(replaced))
        if replaced not in self._definitions:
            start = functools.partial(self._start, with_images=False)
            self._definitions[replaced] = Definitions.of(
                self.submission, start, self._end, self.stand_ins(replaced)
            )
        self._sessions[replaced] = self._definitions[replaced].build()
        return self._sessions[replaced]

    def run(self, replaced: tuple[str, ...] = ()) -> Run:
        """Run the whole notebook, once; after a death once more without what it died of.

        With exercises whose functions are replaced it is another run, and the one before ends.
        """
        if replaced not in self._runs:
            for run in self._runs.values():
                if run.session is not None:
                    self._end(run.session)
                    run.session = None
            run = self._run_cells(left_out=(), replaced=replaced)
            if run.session is None:
                culprit = run.results[-1][0]
                left_out = (culprit, *self._called_by(culprit))
                again = self._run_cells(left_out=left_out, replaced=replaced)
                again.deaths = run.deaths + again.deaths
                run = again
            self._runs = {replaced: run}
        return self._runs[replaced]

    def _called_by(self, culprit: Cell) -> tuple[Cell, ...]:
        """Return the answer that a cell calls, if it is the only one: other cells call it too.

        Without it they stop with an error, which ends a cell and not the session.
        """
        words = set(re.findall(r"\w+", culprit.source))
        answers = {
            f"answer_{exercise.grade_id}"
            for exercise in self.submission.notebook.exercises
            if exercise.function in words
        }
        called = tuple(cell for cell in self.submission.cells if cell.name in answers)
        return called if len(called) == 1 else ()

    def _run_cells(self, left_out: tuple[Cell, ...], replaced: tuple[str, ...]) -> Run:
        session = self._start(with_images=True)
        stand_ins = self.stand_ins(replaced)
        stand_ins.prepare(session)
        run = Run(session)
        for cell in self.submission.cells:
            if not cell.in_run:
                continue
            if any(cell is other for other in left_out):
                run.results.append((cell, None))
                continue
            try:
                run.results.append((cell, session.run_cell(cell.source)))
                if cell.role in ("answer", "added"):
                    stand_ins.install(session)
            except SandboxError as death:  # whatever the process sent, it costs this cell
                run.results.append((cell, None))
                run.deaths.append(f"In {title_of(cell)}: {death}")
                run.session = None
                self._end(session)
                break
        return run

    def _start(self, with_images: bool) -> Session:
        settings = self.settings
        seconds = CELL_SECONDS[settings.profile]
        return Session(
            isolation=settings.isolation,
            limits=Limits(
                cell_seconds=seconds, call_seconds=CALL_SECONDS, total_seconds=3 * seconds
            ),
            gpu=installed_gpu(settings.gpus[0]) if settings.gpus else None,
            # Named for both sessions, so that one process starts them; without images it is hidden.
            data_folder=training_folder() if settings.profile == "full" else None,
            with_images=with_images,
            environment={
                **ONE_THREAD,
                "ANOMALY_COURSE_PROFILE": settings.profile,
                "ANOMALY_COURSE_BACKBONE": settings.backbone,
            },
            preload=FRAMEWORK_PACKAGES[self.submission.notebook.framework],
        )

    def _end(self, session: Session) -> None:
        session.close()
        self._spent += session.cpu_seconds
        self.peak_bytes = max(self.peak_bytes, session.peak_bytes)
