"""On which device a class is graded, by whom, and what is said of it."""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.made_class import made_report
from data_utils.course import load_course
from grader import cli, devices, doctor_gpu
from grader.checklog import CheckLog, Excused
from grader.classroom import list_seats
from grader.devices import Choice, Device, choose_device
from grader.doctor_words import NOTE, OK
from grader.examination import Examination, Settings
from grader.floors import floors_applied, no_floors
from grader.grading import grade_submission, hidden_checks
from grader.hidden.detector_checks import excuse_without_floors
from grader.report import GradeReport
from grader.reports.class_page import class_page
from grader.reports.student_page import student_page
from grader.results import Result
from grader.sandbox import GpuUnavailable, Isolation, gpu
from grader.schedule import Place, Task, grade_class
from grader.story import story_lines
from grader.student import Student
from grader.submissions import Submission, released_notebook
from grader.tables import report_lines
from tests.stand_in_gpus import LISTED, make_machine
from tests.unit.test_schedule import NB, write_class

NOTEBOOK = load_course().notebook(NB)
TRANSFER = load_course().notebook("nb3_resnet_transfer")
WALL = Isolation.BWRAP


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that makes this machine look as if it had GPUs of some numbers."""

    def look_like(*numbers: int) -> None:
        make_machine(tmp_path / "machine", *numbers)
        found = lambda: gpu.find_gpus(tmp_path / "machine", LISTED)  # noqa: E731
        for module in (gpu, devices, doctor_gpu):
            monkeypatch.setattr(module, "installed_gpus", found)

    return look_like


@pytest.fixture
def works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_try_gpu", lambda *_: None)


# ---------------------------------------------------------------- what is taken


def test_cpu_looks_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "installed_gpus", lambda: pytest.fail("looked"))
    assert choose_device(Device.cpu, "torch", WALL) == Choice()


@pytest.mark.usefixtures("works")
@pytest.mark.parametrize("wanted", [Device.gpu, Device.auto])
def test_gpus_that_work_are_taken(machine: Callable[..., None], wanted: Device) -> None:
    machine(0, 2)
    assert choose_device(wanted, "torch", WALL) == Choice((0, 2))


def test_auto_takes_the_processor_where_there_is_none_and_says_why(
    machine: Callable[..., None],
) -> None:
    machine()
    chosen = choose_device(Device.auto, "torch", WALL)
    assert chosen.gpus == ()
    assert "takes the processor here. No NVIDIA GPU was found" in chosen.remark


def test_gpu_where_there_is_none_is_a_refusal(machine: Callable[..., None]) -> None:
    machine()
    with pytest.raises(GpuUnavailable, match="Missing: its node /dev/nvidia0"):
        choose_device(Device.gpu, "torch", WALL)


@pytest.mark.slow  # it imports both frameworks
@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_a_framework_that_stays_on_the_processor_is_not_taken_for_a_gpu(
    machine: Callable[..., None], framework: str
) -> None:
    """The real trial in a real session: what stands in for a GPU computes nothing."""
    machine(0)
    package = {"torch": "torch", "keras": "tensorflow"}[framework]
    pytest.importorskip(package)
    with pytest.raises(GpuUnavailable, match=f"but {package} does not use it in the sandbox"):
        choose_device(Device.gpu, framework, WALL)


# ---------------------------------------------------------------- the commands


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["grader", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


@pytest.mark.parametrize("command", ["autograde", "check"])
def test_a_refusal_is_a_sentence_and_exit_code_2(
    machine: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    command: str,
) -> None:
    machine()
    write_class(tmp_path, "ada")
    given = {
        "autograde": ("--course", str(tmp_path)),
        "check": (str(released_notebook(NB)),),
    }[command]
    assert run_main(monkeypatch, command, *given, "--device", "gpu", "--isolation", "none") == 2
    said = capsys.readouterr().err
    assert said.startswith("grader: No NVIDIA GPU was found.")
    assert "Traceback" not in said


def test_the_hidden_checks_alone_refuse_too(machine: Callable[..., None]) -> None:
    machine()
    notebook = released_notebook(NB)
    path = hidden_checks(load_course().notebook(NB))[0]
    options = ["--submission", str(notebook), "--device", "gpu", "--isolation", "none", "-q"]
    assert pytest.main([str(path), "-p", "no:cacheprovider", *options]) == 2


def test_another_word_than_the_three_is_wrong_usage() -> None:
    result = CliRunner().invoke(cli.app, ["check", "x.ipynb", "--device", "tpu"])
    assert result.exit_code == 2


# ---------------------------------------------------------------- the workers


def which_gpu(task: Task, place: Place) -> GradeReport:
    """Stand in for grading: say which GPU the worker has."""
    return dataclasses.replace(made_report(1), submission=str(place.settings.gpus))


@pytest.mark.slow  # it starts other processes
def test_each_worker_has_a_gpu_of_its_own_in_turn(tmp_path: Path) -> None:
    settings = Settings("quick", gpus=(0, 2))
    assert [settings.of_worker(n).gpus for n in range(3)] == [(0,), (2,), (0,)]
    assert Settings("quick").of_worker(1) == Settings("quick")
    folder = write_class(tmp_path, *(f"s{n}" for n in range(6)))
    tasks = [Task(seat) for seat in list_seats(folder.submitted, NB)]
    done = grade_class(tasks, Place(NB, settings, folder.reports), 2, which_gpu)
    assert {report.submission for _, report in done} == {"(0,)", "(2,)"}


@pytest.mark.usefixtures("works")
@pytest.mark.parametrize(("options", "expected"), [([], 3), (["--workers", "5"], 5)])
def test_there_are_as_many_workers_as_gpus_unless_told_otherwise(
    machine: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    options: list[str],
    expected: int,
) -> None:
    machine(0, 1, 2)
    write_class(tmp_path, *(f"s{n}" for n in range(8)))
    asked = []

    def grade(tasks: list[Task], place: Place, workers: int) -> list:
        asked.append((workers, place.settings.device, place.settings.gpus))
        return []

    monkeypatch.setattr("grader.schedule.grade_class", grade)
    monkeypatch.setattr("grader.autograde._free_bytes", lambda: None)
    given = ["--course", str(tmp_path), "--device", "gpu", "--isolation", "none"]
    CliRunner().invoke(cli.app, ["autograde", *given, "--trust-solution", *options])
    assert asked == [(expected, "gpu", (0, 1, 2))]


def test_the_report_says_what_it_was_graded_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    judged_by: list[Settings] = []

    def run(arguments: list[str], plugins: list[CheckLog]) -> pytest.ExitCode:
        assert plugins[0].settings is not None
        judged_by.append(plugins[0].settings)
        return pytest.ExitCode.OK

    monkeypatch.setattr(pytest, "main", run)
    for settings, device in (
        (Settings("quick", gpus=(2,)), "gpu"),
        (Settings("quick", backbone="resnet50"), "cpu"),
    ):
        report = grade_submission(released_notebook(TRANSFER.id), settings)
        assert report.device == report.made_from["device"] == device
        assert judged_by.pop() == settings
        assert report.backbone == report.made_from["backbone"] == settings.backbone
    assert grade_submission(released_notebook(NB), Settings("quick")).backbone == ""


# ---------------------------------------------------------------- the floors


def report_on(device: str, profile: str = "embedded", backbone: str = "") -> GradeReport:
    return dataclasses.replace(
        made_report(1), device=device, profile=profile, backbone=backbone, notebook=NB
    )


def test_the_column_of_the_floors_is_named() -> None:
    said = floors_applied(NOTEBOOK, report_on("cpu"))
    assert said == "floors measured on cpu in profile embedded; for re-fits, quick"
    assert floors_applied(NOTEBOOK, report_on("cpu", "quick")).endswith("in profile quick")
    lite = report_on("cpu", "quick", "efficientnet_lite0")
    assert "measured on cpu with efficientnet_lite0 in" in floors_applied(TRANSFER, lite)


def test_where_no_floor_was_measured_every_report_says_so() -> None:
    report = report_on("gpu")
    said = "no floor was measured for gpu"
    assert no_floors(TRANSFER, "cpu", "resnet50") == "no floor was measured for cpu with resnet50"
    result = Result("ada", report, {})
    page = student_page(result, NOTEBOOK, {})
    ((way, _),) = class_page("class", [result], NOTEBOOK, {}).ways
    for words in (
        page.floors,
        page.detector.beside_floor,
        way,
        "\n".join(report_lines(report)),
        "\n".join(story_lines("ada", report, NOTEBOOK, {})),
    ):
        assert said in words
    assert "device gpu" in way
    assert "above the floor" not in page.detector.beside_floor


def test_the_floors_of_a_network_are_those_of_the_report() -> None:
    report = report_on("cpu", "quick", "efficientnet_lite0")
    result = Result("ada", dataclasses.replace(report, facts={"auroc_exam_9": 0.99}), {})
    assert "above the floor of" in student_page(result, TRANSFER, {}).detector.beside_floor


@pytest.mark.parametrize("gpus", [(), (0,)])
def test_a_check_that_asks_for_a_floor_alone_is_excused_without_one(gpus: tuple[int, ...]) -> None:
    submission = Submission(Path("x.ipynb"), NOTEBOOK, (), "0", ())
    examination = Examination(submission, Settings("quick", gpus=gpus))
    student = Student(examination, NOTEBOOK.exercise("1.5"))
    if gpus:
        assert student.floor("quick", 6) is None
        with pytest.raises(Excused, match="no floor was measured for gpu"):
            excuse_without_floors(student)
    else:
        assert student.floor("quick", 6) is not None
        excuse_without_floors(student)


# ---------------------------------------------------------------- the doctor


def test_the_doctor_says_what_is_missing(machine: Callable[..., None]) -> None:
    machine()
    (line,) = doctor_gpu.gpu_lines()
    assert line.mark == NOTE
    assert "No NVIDIA GPU was found" in line.text


def test_the_doctor_tries_the_wall_with_a_gpu(machine: Callable[..., None]) -> None:
    """What stands in for a driver is no library, which the real session says."""
    machine(0, 1)
    found, tried = doctor_gpu.gpu_lines()
    assert found.mark == OK
    assert "2 NVIDIA GPUs" in found.text
    assert tried.mark == NOTE
    assert "libcuda.so.1" in tried.text
    assert "Grade on the processor" in tried.text


@pytest.mark.parametrize(("answer", "mark"), [("[0, 0, 1]", OK), ("[304, 3, 0]", NOTE)])
def test_the_doctor_takes_one_gpu_that_answers_for_well(
    machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch, answer: str, mark: str
) -> None:
    machine(0)
    monkeypatch.setattr(doctor_gpu, "DRIVER_ANSWERS", f"answer = {answer}")
    line = doctor_gpu.gpu_lines()[1]
    assert line.mark == mark
    assert ("304" in line.text) == (mark == NOTE)
