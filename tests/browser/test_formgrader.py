"""nbgrader's formgrader in a real browser: an instructor reads the points and grades the question.

Two screenshots are written to build/, for people to look at.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grader.classroom import ClassFolder
from grader.gradebook import points_by_hand
from grader.report import GradeReport, read_report
from grader.rescoring import Rescoring, write_rescorings
from grader.tables import number
from tests.browser.test_jupyterlab import CHECKOUT, WINDOW, wait_for
from tests.nbgrader.conftest import NB, copy_course
from tests.nbgrader.recorded import NOTEBOOK, QUESTION, hand_in, record_all

pytestmark = [pytest.mark.browser, pytest.mark.slow]
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

MILLISECONDS = 30_000  # for a page of a busy server
POINTS = {"ada": 1.5, "bob": 0.5}
RESCORED = NOTEBOOK.exercises[0]


@dataclass
class Formgrader:
    """A server on a course folder, and where it answers."""

    root: Path
    address: str

    def report(self, student: str) -> GradeReport:
        """Return the report as it was written."""
        return read_report(self.root / "reports" / student / f"{NB}.json")


@pytest.fixture(scope="module")
def formgrader(
    tmp_path_factory: pytest.TempPathFactory, chromium_options: dict[str, Any]
) -> Iterator[Formgrader]:
    """Record a class and start a server with nbgrader's extension in its folder."""
    course = copy_course(tmp_path_factory.mktemp("formgrader"))
    course.nbgrader("generate_assignment", NB, "--force")
    for student, points in POINTS.items():
        hand_in(course.root, student, points)
    assert {row.reason for row in record_all(course.root).values()} == {""}
    private = tmp_path_factory.mktemp("private")
    own = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "HOME")
    environment = {**os.environ, **{name: str(private / name.lower()) for name in own}}
    environment["PYTHONPATH"] = str(CHECKOUT)
    (private / "home").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"]
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"]
    command += ["--ServerApp.port_retries=0", "--IdentityProvider.token="]
    command += [f"--ServerApp.root_dir={course.root}"]
    with (private / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, cwd=course.root, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/api/status", server, private / "log")
        yield Formgrader(course.root, address)
    finally:
        print((private / "log").read_text())  # shown by pytest if the test fails
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


@pytest.fixture(scope="module")
def page(chromium_options: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    with playwright.sync_playwright() as play:
        context = play.chromium.launch_persistent_context(
            str(tmp_path_factory.mktemp("profile")),
            **chromium_options,
            viewport=WINDOW,
        )
        context.set_default_timeout(MILLISECONDS)
        yield context.pages[0]
        context.close()


def open_gradebook(page, formgrader: Formgrader) -> dict[str, str]:
    """Open the list of submissions; return each student's total as the page shows it."""
    page.goto(f"{formgrader.address}/formgrader/gradebook/{NB}/{NB}")
    page.locator("td.score", has_text="/").first.wait_for()
    # Names are hidden until they are asked for; the first eye is the one in a student's row.
    for eye in page.locator("td.reveal .name-hidden").all():
        eye.click()
    page.mouse.move(0, 0)  # or the tooltip of the last eye lies over a name
    page.locator(".tooltip").first.wait_for(state="detached")
    rows = page.locator("tbody tr").filter(has=page.locator("a.name-shown"))
    return {
        row.locator("a.name-shown").inner_text(): row.locator("td.score").inner_text()
        for row in rows.all()
    }


def open_submission(page, formgrader: Formgrader, student: str) -> None:
    open_gradebook(page, formgrader)
    page.locator("a.name-shown", has_text=student).click()
    page.locator(f"#{QUESTION}").wait_for()
    page.wait_for_load_state("networkidle")  # the points come after the page


def total(points: float, most: float = NOTEBOOK.points) -> str:
    return f"{number(points)} / {number(most + NOTEBOOK.points_by_hand)}"


def test_the_pages_say_what_the_reports_say(page, formgrader: Formgrader) -> None:
    (CHECKOUT / "build").mkdir(exist_ok=True)
    reports = {student: formgrader.report(student) for student in POINTS}
    assert open_gradebook(page, formgrader) == {s: total(r.points) for s, r in reports.items()}
    page.screenshot(path=CHECKOUT / "build" / "formgrader_gradebook.png")
    for student, report in reports.items():
        open_submission(page, formgrader, student)
        for exercise, result in zip(NOTEBOOK.exercises, report.exercises, strict=True):
            box = page.locator(f"input.score#{exercise.grade_id}")
            assert box.get_attribute("placeholder") == number(result.points)
            cell = page.locator(".code_cell", has=box)
            assert f"/ {float(exercise.points)}" in cell.inner_text()
            said = cell.inner_text()
            assert f"[ FAILED ]  Exercise {exercise.id}  {exercise.function}" in said
            for line in [line for finding in result.findings for line in finding.lines()]:
                assert line.strip() in said
        assert "test_secret" not in page.content()


def test_points_typed_into_the_page_count_and_stay(page, formgrader: Formgrader) -> None:
    root, report = formgrader.root, formgrader.report("ada")
    assert points_by_hand(ClassFolder(root), NOTEBOOK)["ada"] == {"1.7": None}
    open_submission(page, formgrader, "ada")
    box = page.locator(f"input.score#{QUESTION}")
    box.click()
    with page.expect_response(lambda answer: "/api/grade/" in answer.url) as saved:
        page.keyboard.type("3")
        page.keyboard.press("Tab")
    assert saved.value.ok
    page.screenshot(path=CHECKOUT / "build" / "formgrader_question.png")
    page.reload()
    page.wait_for_load_state("networkidle")
    assert box.input_value() == "3"
    assert open_gradebook(page, formgrader)["ada"] == total(report.points + 3)
    assert points_by_hand(ClassFolder(root), NOTEBOOK)["ada"] == {"1.7": 3.0}

    hand_in(root, "ada", 1.0)  # graded again, with fewer points
    assert not record_all(root)["ada"].kept
    report = formgrader.report("ada")
    assert open_gradebook(page, formgrader)["ada"] == total(report.points + 3)
    assert points_by_hand(ClassFolder(root), NOTEBOOK)["ada"] == {"1.7": 3.0}

    most = RESCORED.points + 2
    write_rescorings(root / "reports", {RESCORED.id: Rescoring(RESCORED.id, most, (), "", "")})
    record_all(root)
    shown = open_gradebook(page, formgrader)["ada"]
    # The one check that failed leaves no points of the rescored exercise.
    assert shown == total(report.points - 1.0 + 3, NOTEBOOK.points + 2)
    open_submission(page, formgrader, "ada")
    cell = page.locator(".code_cell", has=page.locator(f"input.score#{RESCORED.grade_id}"))
    assert f"/ {float(most)}" in cell.inner_text()
    assert f"0 of {most} points" in cell.inner_text()
