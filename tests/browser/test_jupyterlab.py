"""JupyterLab in a real browser: a student opens notebook 1, sets up, and asks for a check.

Four screenshots are written to build/, for people to look at.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHECKOUT = Path(__file__).resolve().parents[2]
NOTEBOOK = "nb1_autoencoder/nb1_autoencoder.ipynb"
START_SECONDS = 90  # of the server, on a busy machine
RUN_MILLISECONDS = 90_000  # of a cell: the first one imports TensorFlow
HAS_RUN = re.compile(r"\[\d+\]")
WINDOW = {"width": 1280, "height": 1000}  # a laptop's
MOST_LINES = 6  # of a check's message
# Nothing is fetched from outside: no news, no search for updates, no list of extensions.
OFFLINE = (
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
)
WHOLE_NOTEBOOK = '{"windowingMode": "none"}'  # every cell is on the page, seen or not
NO_NEWS = '{"fetchNews": "false", "checkForUpdates": false}'


@pytest.fixture(scope="module")
def lab(
    tmp_path_factory: pytest.TempPathFactory, chromium_options: dict[str, Any]
) -> Iterator[str]:
    """Start JupyterLab on a copy of the student notebooks; give its address."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(CHECKOUT / "notebooks", folder / "notebooks")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", *OFFLINE]
    command += [
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
    ]
    command += ["--IdentityProvider.token=", f"--ServerApp.root_dir={folder / 'notebooks'}"]
    own = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "HOME")
    environment = {**os.environ, "ANOMALY_COURSE_PROFILE": "quick"}
    # With this variable a kernel shows less than a student's: not what C libraries write.
    environment.pop("PYTEST_CURRENT_TEST", None)
    environment |= {name: str(folder / name.lower()) for name in own}
    (folder / "home").mkdir()
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(NO_NEWS)
    whole = folder / "settings" / "@jupyterlab" / "notebook-extension"
    whole.mkdir()
    (whole / "tracker.jupyterlab-settings").write_text(WHOLE_NOTEBOOK)
    environment["JUPYTERLAB_SETTINGS_DIR"] = str(folder / "settings")
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/api/status", server, folder / "log")
        yield address
    finally:
        print((folder / "log").read_text())  # shown by pytest if the test fails
        server.terminate()  # it ends its kernels on the way
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


@pytest.fixture(scope="module")
def asked() -> list[str]:
    """Return the addresses that the page asks for, as they come."""
    return []


@pytest.fixture(scope="module")
def page(
    lab: str,
    chromium_options: dict[str, Any],
    asked: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator:
    with playwright.sync_playwright() as play:
        context = play.chromium.launch_persistent_context(
            str(tmp_path_factory.mktemp("profile")),
            viewport=WINDOW,
            **chromium_options,
        )
        context.set_default_timeout(RUN_MILLISECONDS)
        page = context.pages[0]
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{lab}/lab/tree/{NOTEBOOK}")
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
        page.locator("#jp-main-statusbar", has_text="| Idle").wait_for()  # the kernel has started
        yield page
        context.close()


def test_a_student_sets_up_and_reads_what_a_check_says(page) -> None:
    (CHECKOUT / "build").mkdir(exist_ok=True)
    page.get_by_role("heading", name="Anomaly detection with a Keras autoencoder").wait_for()
    page.screenshot(path=CHECKOUT / "build" / "jupyterlab_nb1_top.png")

    set_up = run(page, "import keras")
    run(page, "from data_utils.selfcheck")
    text = message(run(page, 'check("1.1")'))
    assert "run the set-up cells and the cell that defines it, then this one" in text

    run(page, "def split_leave_one_digit_out")
    text = message(run(page, 'check("1.1")'))
    page.screenshot(path=CHECKOUT / "build" / "jupyterlab_nb1.png")
    assert text.startswith("[ FAILED ]  Exercise 1.1  split_leave_one_digit_out   worth 4 points")
    assert "still to be done" in text

    # Last, because what TensorFlow's C++ side writes reaches the cell some time after it has run.
    set_up.scroll_into_view_if_needed()
    page.screenshot(path=CHECKOUT / "build" / "jupyterlab_nb1_setup.png")
    assert output_of(set_up).all_inner_texts() == []


def test_every_figure_is_shown_and_says_what_it_shows(page) -> None:
    figures = page.locator(".jp-MarkdownOutput img")
    page.wait_for_function(
        "[...document.querySelectorAll('.jp-MarkdownOutput img')].every(image => image.complete)"
    )
    shown = figures.evaluate_all("all => all.map(image => [image.naturalWidth, image.alt.length])")
    assert len(shown) >= 15
    assert all(width > 200 and words > 30 for width, words in shown)
    folded = page.locator("details", has_text="What you should see").first
    assert not folded.locator("img").is_visible()  # not before the learner has guessed
    folded.locator("summary").click()
    assert folded.locator("img").is_visible()
    folded.scroll_into_view_if_needed()
    page.screenshot(path=CHECKOUT / "build" / "jupyterlab_nb1_figure.png")


def test_the_page_asks_nobody_but_its_own_server(page, lab: str, asked: list[str]) -> None:
    assert asked
    assert [url for url in asked if not url.startswith((lab, "data:", "blob:"))] == []


def run(page, text: str):
    """Run the code cell that holds `text`, wait until it is done, and return it."""
    cell = page.locator(".jp-CodeCell", has_text=text).first
    prompt = cell.locator(".jp-InputPrompt")
    before = prompt.inner_text()
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    # The prompt shows a star while the cell runs, and then a number that it did not show before.
    prompt.filter(has_text=HAS_RUN, has_not_text=before).wait_for()
    return cell


def output_of(cell):
    return cell.locator(".jp-OutputArea-output")


def message(cell) -> str:
    """Return what a check printed, having made sure that a student can read it as it stands."""
    output = output_of(cell)
    output.wait_for()
    output.scroll_into_view_if_needed()
    assert output.is_visible()
    text = output.inner_text()
    assert "[ FAILED ]" in text
    assert "Traceback" not in text
    assert len(text.strip().splitlines()) <= MOST_LINES
    assert output.evaluate("element => element.scrollWidth <= element.clientWidth")
    return text


def wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    """Return once the server answers; show its log if it ends or stays silent."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")
