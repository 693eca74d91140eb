"""Options, fixtures and bookkeeping of the hidden checks.

`pytest grader/hidden/test_nb1_autoencoder_1_first.py --submission X.ipynb` works alone; the grader
runs the same thing in its own long-lived process and reads `CheckLog`.
"""

from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
import pytest

from data_utils.course import load_course
from data_utils.runtime import PROFILES
from data_utils.selfcheck.words import Found
from grader.checklog import CheckLog, Excused
from grader.devices import Device, choose_device
from grader.errors import GraderError
from grader.examination import Examination, Settings
from grader.hidden import refits
from grader.judging.secret import read_secret
from grader.sandbox import GpuUnavailable, Isolation, SandboxUnavailable
from grader.student import Student
from grader.submissions import Submission, read_submission

LOG = pytest.StashKey[CheckLog]()
NO_SANDBOX = 10  # pytest's own codes end at 5


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what a run of the hidden checks needs to know."""
    group = parser.getgroup("hidden checks")
    group.addoption("--submission", type=Path, help="the notebook to grade")
    group.addoption("--profile", choices=PROFILES, default="embedded")
    group.addoption("--device", type=Device, choices=tuple(Device), default=Device.cpu)
    group.addoption(
        "--exercise", action="append", default=[], help="judge this one only; again for more"
    )
    group.addoption("--secret-file", default="", help="what the exam's images are varied by")
    group.addoption("--isolation", choices=[i.value for i in Isolation], default="bwrap")


def pytest_configure(config: pytest.Config) -> None:
    """Describe the marks and prepare the log, unless the grader brought its own."""
    config.addinivalue_line("markers", "exercise(id, weight=1, core=False): what a check judges")
    own = next((p for p in config.pluginmanager.get_plugins() if isinstance(p, CheckLog)), None)
    config.stash[LOG] = own or CheckLog()
    try:
        refits.vary_by(read_secret(config.getoption("--secret-file")))
    except GraderError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the checks into the course's order; keep what is asked for and what that builds on."""
    order = [e.id for notebook in load_course().notebooks for e in notebook.exercises]
    marks = {item: item.get_closest_marker("exercise") for item in items}
    judged = {item: str(mark.args[0]) for item, mark in marks.items() if mark is not None}
    wanted = config.getoption("--exercise")
    if wanted:
        course = load_course()
        closure = set().union(*(course.notebook_of(id_).closure(id_) for id_ in wanted))
        judged = {item: exercise for item, exercise in judged.items() if exercise in closure}
    items[:] = sorted(judged, key=lambda item: order.index(judged[item]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Log the outcome; print a finding's words instead of a traceback."""
    report = yield
    error = call.excinfo.value if call.excinfo else None
    item.config.stash[LOG].record(item, call.when, error)
    if isinstance(error, SandboxUnavailable):
        pytest.exit(str(error), returncode=NO_SANDBOX)
    if isinstance(error, Excused):
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 0, f"Excused: {error}")
    elif isinstance(error, Found):
        report.longrepr = str(error)
    return report


@pytest.fixture(scope="session")
def examination(request: pytest.FixtureRequest) -> Iterator[Examination]:
    """The sessions of the submission that is being judged."""
    log = request.config.stash[LOG]
    path = request.config.getoption("--submission")
    if path is None and log.submission is None:
        pytest.exit("Name a notebook: pytest ... --submission X.ipynb", returncode=2)
    submission = log.submission or read_submission(path)
    settings = log.settings or _settings(request.config, submission)
    with Examination(submission, settings, log.lost_points) as under_way:
        log.examination = under_way
        yield under_way
        log.cpu_seconds = under_way.cpu_seconds
    log.facts["memory_mb"] = round(under_way.peak_bytes / 1e6)


def _settings(config: pytest.Config, submission: Submission) -> Settings:
    """Return what the options of a run without the grader ask for."""
    rung, wanted = Isolation(config.getoption("--isolation")), config.getoption("--device")
    try:
        gpus = choose_device(wanted, submission.notebook.framework, rung).gpus
    except GpuUnavailable as error:
        pytest.exit(str(error), returncode=2)
    secret_file = config.getoption("--secret-file")
    return Settings(config.getoption("--profile"), rung, gpus=gpus, secret_file=secret_file)


@pytest.fixture
def student(request: pytest.FixtureRequest, examination: Examination) -> Student:
    """The way to the functions of the check's own exercise."""
    mark = request.node.get_closest_marker("exercise")
    return examination.student(examination.submission.notebook.exercise(mark.args[0]))


@pytest.fixture
def facts(request: pytest.FixtureRequest) -> dict[str, float]:
    """Measured numbers that go into the report."""
    return request.config.stash[LOG].facts


@pytest.fixture
def series(request: pytest.FixtureRequest) -> dict[str, list[float]]:
    """Lists of numbers that the report draws."""
    return request.config.stash[LOG].series


@pytest.fixture(scope="session")
def secret(request: pytest.FixtureRequest) -> str:
    """What the images are varied by; whoever knows it can make them again."""
    return read_secret(request.config.getoption("--secret-file"))


@pytest.fixture(scope="session")
def exam(secret: str) -> tuple[np.ndarray, np.ndarray]:
    """The held-out images (uint8, (2000, 28, 28)), varied and in mixed order, and their digits."""
    return refits.varied_exam(secret)


@pytest.fixture(scope="session")
def public_exam() -> tuple[np.ndarray, np.ndarray]:
    """The held-out images as the file holds them, and their digits: not to be shown to anybody."""
    return refits.public_exam()
