"""The pages of a class in a real browser, wide and narrow, light, dark and as print.

Screenshots and axe-core's findings are written to build/, for people to look at.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.made_class import NOTEBOOK, made_notebook, made_results, troubled_results
from grader.classroom import ClassFolder
from grader.reports.pages import page_name, write_pages

pytestmark = pytest.mark.browser
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

BUILD = Path(__file__).resolve().parents[2] / "build"
WIDTHS = {"wide": 1280, "narrow": 360, "narrowest": 320}  # CSS pixels: a laptop, phones
HOSTILE, NO_FILE = "index", "emre"
# Class page: None. The students: all right, some wrong, and one whose messages are an attack.
PARTLY = "Bj\N{LATIN SMALL LETTER O WITH DIAERESIS}rk O'Neil"
SHOWN = {"class": None, "ada": "ada", "partly": PARTLY, "hostile": HOSTILE}
SERIOUS = {"serious", "critical"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pages") / "Summer class"
    write_pages(ClassFolder(root), made_notebook(), [*troubled_results(), *made_results(24)])
    BUILD.mkdir(exist_ok=True)
    return root / "pages" / NOTEBOOK


@pytest.fixture(scope="module")
def browser(chromium_options: dict[str, Any]) -> Iterator:
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(**chromium_options)
        yield browser
        browser.close()


def address(folder: Path, student: str | None) -> str:
    return (folder / ("index.html" if student is None else page_name(student))).as_uri()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", SHOWN)
def test_a_page_fits_its_window_and_runs_nothing(
    browser: Any, folder: Path, name: str, width: str
) -> None:
    page = browser.new_page(viewport={"width": WIDTHS[width], "height": 900})
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address(folder, SHOWN[name]))
    page.screenshot(path=BUILD / f"page_{name}_{width}.png", full_page=True)
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width]
    assert page.locator("h1").is_visible()
    # The style was let in by its hash: without it the body would have the browser's own margin.
    assert page.locator("body").evaluate("body => getComputedStyle(body).maxWidth") != "none"
    page.close()


@pytest.mark.parametrize("name", ["class", "partly"])
def test_a_page_is_dark_on_a_dark_screen_and_black_on_white_in_print(
    browser: Any, folder: Path, name: str
) -> None:
    page = browser.new_page(viewport={"width": 800, "height": 900}, color_scheme="dark")
    page.goto(address(folder, SHOWN[name]))
    page.screenshot(path=BUILD / f"page_{name}_dark.png", full_page=True)
    colours = "body => [getComputedStyle(body).color, getComputedStyle(body).backgroundColor]"
    ink, paper = page.locator("body").evaluate(colours)
    assert brightness(ink) > 200 > 60 > brightness(paper)
    page.emulate_media(media="print")
    page.screenshot(path=BUILD / f"page_{name}_print.png", full_page=True)
    page.pdf(path=BUILD / f"page_{name}.pdf", format="A4")
    ink, paper = page.locator("body").evaluate(colours)
    assert (brightness(ink), brightness(paper)) == (0, 255)
    page.close()


def test_every_chart_says_what_it_shows(browser: Any, folder: Path) -> None:
    for student, count in ((None, 4), ("ada", 3)):
        page = browser.new_page()
        page.goto(address(folder, student))
        charts = page.get_by_role("img")
        said = charts.evaluate_all("all => all.map(chart => chart.getAttribute('aria-label'))")
        assert len(said) == count
        assert all(len(words) > 60 and any(c.isdigit() for c in words) for words in said)
        page.close()


def test_the_class_page_leads_to_each_student(browser: Any, folder: Path) -> None:
    page = browser.new_page()
    for student in ("jin & co", SHOWN["partly"], HOSTILE):
        page.goto(address(folder, None))
        page.get_by_role("region", name="All students").get_by_role(
            "link", name=student, exact=True
        ).click()
        assert page.locator("h1").inner_text() == student
        assert page.get_by_role("link").count() == 0  # nothing leads back to the class
    page.close()


def test_axe_finds_nothing_serious(browser: Any, folder: Path) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    ).Axe()
    found: dict[str, Any] = {}
    shown = {**SHOWN, "failed": NO_FILE}
    for name, student in shown.items():
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": 360, "height": 900}, color_scheme=scheme)
            page.goto(address(folder, student))
            answer = axe.run(page).response
            found[f"{name}, {scheme}"] = {
                "axe": answer["testEngine"]["version"],
                "passes": len(answer["passes"]),
                "violations": answer["violations"],
                "incomplete": [rule["id"] for rule in answer["incomplete"]],
            }
            page.close()
    (BUILD / "axe.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    assert all(result["passes"] > 10 for result in found.values())
    serious = {
        (where, rule["id"], rule["nodes"][0]["html"])
        for where, result in found.items()
        for rule in result["violations"]
        if rule["impact"] in SERIOUS
    }
    assert serious == set()


def brightness(colour: str) -> float:
    """Return the mean of the three numbers in a colour such as ``rgb(1, 2, 3)``."""
    parts = [float(part) for part in colour.strip("rgb()").split(",")]
    return sum(parts) / len(parts)
