"""One submission under examination: its two sandbox sessions, built when needed and rebuilt."""

import dataclasses
import re
from dataclasses import dataclass, field
from types import TracebackType

from data_utils.backbone_weights import backbone_in_use
from data_utils.course import Exercise
from data_utils.runtime import FRAMEWORK_PACKAGES
from data_utils.selfcheck.words import Finding, Found
from grader.full_images import training_folder
from grader.judging.twin import Twin
from grader.sandbox import BadReply, CellResult, Isolation, Limits, Session, SessionDied
from grader.sandbox.gpu import installed_gpu
from grader.student import CALL_SECONDS, Student, death_finding
from grader.submissions import Cell, Submission

DEFINITION_SECONDS = 90.0  # the set-up cell imports TensorFlow: about 5 CPU seconds
MAX_BUILDS = 4  # of the definitions in a row; each costs an import of the framework
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
                return f"the process died in {_title(cell)}"
            if result.status != "ok":
                return f"{result.ename} in {_title(cell)}: {(result.evalue or '')[:100]}"
        return ""


class Examination:
    """The sessions of one submission.

    Use as a context manager; both sessions end with it.
    """

    def __init__(self, submission: Submission, settings: Settings) -> None:
        self.submission = submission
        self.settings = settings
        self._definitions: Session | None = None
        self._run: Run | None = None
        self._twin: Session | None = None
        self._spent = 0.0
        self.peak_bytes = 0  # of the session that took most
        self._left_out: set[int] = set()  # places of cells that took the definitions down
        self._last_death = ""
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
        known = (self._definitions, self._run.session if self._run else None, self._twin)
        return [session for session in known if session is not None]

    def student(self, exercise: Exercise) -> Student:
        """Return the way to the functions of one exercise."""
        return Student(self, exercise)

    def twin(self) -> Twin:
        """Return the clean session: the given definitions, and no cell of the student's."""
        if self._twin is not None and not self._twin.alive:
            self._end(self._twin)
            self._twin = None
        if self._twin is None:
            self._twin = self._start(with_images=False)
            for cell in self.submission.cells:
                if cell.role == "given" and cell.in_definitions:
                    self._twin.run_cell(cell.source, definitions_only=True)
        return Twin(self._twin)

    def definitions(self) -> Session:
        """Return the session that holds the submission's definitions and no data set.

        A cell that takes the process down is left out of the next attempt, so it costs the
        exercises that need it and no other.

        Raises
        ------
        Found
            If the definitions could not be loaded in `MAX_BUILDS` attempts.
        """
        for _ in range(MAX_BUILDS):
            if self._definitions is not None and self._definitions.alive:
                return self._definitions
            if self._definitions is not None:
                self._end(self._definitions)
            self._definitions = self._start(with_images=False)
            for place, cell in enumerate(self.submission.cells):
                if cell.in_definitions and place not in self._left_out:
                    self._define(place, cell)
        if self._definitions is not None and self._definitions.alive:
            return self._definitions
        raise Found(death_finding("the notebook's definitions can be loaded", self._last_death))

    def _define(self, place: int, cell: Cell) -> None:
        session = self._definitions
        if session is None or not session.alive:
            return
        try:
            session.run_cell(cell.source, definitions_only=True, seconds=DEFINITION_SECONDS)
        except (SessionDied, BadReply) as death:
            self._left_out.add(place)
            self._last_death = f"In {_title(cell)}: {death}"

    def run(self) -> Run:
        """Run the whole notebook, once; after a death once more without what it died of."""
        if self._run is None:
            self._run = self._run_cells(left_out=())
            if self._run.session is None:
                culprit = self._run.results[-1][0]
                again = self._run_cells(left_out=(culprit, *self._called_by(culprit)))
                again.deaths = self._run.deaths + again.deaths
                self._run = again
        return self._run

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

    def _run_cells(self, left_out: tuple[Cell, ...]) -> Run:
        session = self._start(with_images=True)
        run = Run(session)
        for cell in self.submission.cells:
            if not cell.in_run:
                continue
            if any(cell is other for other in left_out):
                run.results.append((cell, None))
                continue
            try:
                run.results.append((cell, session.run_cell(cell.source)))
            except (SessionDied, BadReply) as death:
                run.results.append((cell, None))
                run.deaths.append(f"In {_title(cell)}: {death}")
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


def _title(cell: Cell) -> str:
    return f"cell {cell.name}" if cell.name else f"the added cell {cell.source[:40]!r}"
