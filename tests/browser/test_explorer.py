"""The explorer's page in a browser: by mouse, by keyboard, without JavaScript, wide and narrow.

Screenshots are written to build/explorer/, for people to look at.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

pytestmark = pytest.mark.browser
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("waitress", reason="waitress comes with the extra [explore]")

from data_utils.explorer.samples import embedded_samples, png_of  # noqa: E402
from tests.browser.explorer_page import (  # noqa: E402
    BUILD,
    NARROW,
    NEAREST,
    PCA,
    REFUSED,
    SCREENS,
    SERIOUS,
    THIRD,
    THREE,
    WIDE,
    ZIGZAG,
    a_file,
    card,
    draw,
    phone_photo,
    photograph,
    running,
    seen_pixels,
    states,
    tab_to,
    threshold,
    titles,
    wait_for_status,
)

Opened = Callable[..., Any]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    BUILD.mkdir(parents=True, exist_ok=True)
    with running(tmp_path_factory.mktemp("explorer")) as address:
        yield address


@pytest.fixture(scope="module")
def browser(chromium_options: dict[str, Any]) -> Iterator[Any]:
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(**chromium_options)
        yield browser
        browser.close()


@pytest.fixture(name="opened")
def opened_pages(browser: Any, address: str) -> Iterator[Opened]:
    """Return a function that opens the page; afterwards, look at what the browsers complained of.

    That includes whatever the content security policy stopped.
    """
    said: list[str] = []
    asked: list[str] = []
    contexts = []

    def opened(path: str = "", **options: Any) -> Any:
        contexts.append(browser.new_context(**({"viewport": WIDE} | options)))
        page = contexts[-1].new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [text for text in said if not REFUSED.match(text)] == []
    hosts = {urlsplit(url).netloc for url in asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(address).netloc}


# ------------------------------------------------------------ by mouse


def test_a_drawing_is_judged_by_two_detectors_side_by_side(opened: Opened) -> None:
    page = opened()
    draw(page, ZIGZAG)
    wait_for_status(page, "Your drawing at 5.%")
    assert titles(page) == [PCA, NEAREST]
    left, right = (card(page, title).bounding_box() for title in (PCA, NEAREST))
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] < right["x"]
    for title, pictures in ((PCA, 2), (NEAREST, 3)):
        said = card(page, title)
        assert "more anomalous than all of 450 normal images" in said.inner_text()
        playwright.expect(said.get_by_text("Anomaly", exact=True)).to_be_visible()
        assert said.locator("figure img").count() == pictures
        label = said.locator("svg.histogram").get_attribute("aria-label")
        assert re.match(rf"{title}: score .+, threshold .+\. Anomaly: more anomalous", label)
        assert "false alarms" in said.get_by_role("table").inner_text()
    sizes = page.locator("#result img").evaluate_all("all => all.map(i => i.naturalWidth)")
    assert sizes == [28] * 6
    assert page.evaluate("document.documentElement.scrollHeight") <= WIDE["height"]


def test_strokes_are_sent_together_taken_back_and_cleared(opened: Opened) -> None:
    page = opened()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else 0)
    seen = page.locator("[data-seen]")
    draw(page, THREE, [(240, 40), (241, 40)])
    wait_for_status(page, "Your drawing")
    assert len(sent) == 1
    with_dot = seen.get_attribute("data-seen")
    page.get_by_role("button", name="Undo").click()
    playwright.expect(seen).not_to_have_attribute("data-seen", with_dot)
    page.get_by_role("button", name="Clear").click()
    playwright.expect(page.get_by_text("Nothing judged yet")).to_be_visible()
    assert page.get_by_role("button", name="Undo").is_disabled()
    ink = (
        "canvas => canvas.getContext('2d').getImageData(0, 0, 280, 280).data.filter(v => v).length"
    )
    assert page.locator("#paper").evaluate(ink) == 280 * 280  # opacity alone: all is black


def test_a_finger_draws_and_does_not_move_the_page(opened: Opened) -> None:
    page = opened(viewport=NARROW, has_touch=True, is_mobile=True)
    box = page.locator("#paper").bounding_box()
    session = page.context.new_cdp_session(page)
    for y in range(250, 20, -10):  # upwards, as one would scroll
        kind = "touchStart" if y == 250 else "touchMove"
        touch = {"x": box["x"] + 140, "y": box["y"] + y}
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [touch]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    wait_for_status(page, "Your drawing")
    assert page.evaluate("scrollY") == 0
    column = "canvas => [...canvas.getContext('2d').getImageData(140, 0, 1, 280).data]"
    ink = page.locator("#paper").evaluate(column)[::4]
    assert [ink[y] for y in (40, 140, 240)] == [255] * 3
    assert page.get_by_role("status").bounding_box()["y"] < NARROW["height"]  # in sight


def test_an_upload_is_judged_and_one_that_is_no_image_is_refused_in_words(opened: Opened) -> None:
    page = opened()
    page.get_by_label("Image file").set_input_files(a_file(photograph()))
    wait_for_status(page, "Your image")
    page.get_by_label("Image file").set_input_files(a_file(b"GIF89a no more", "digit.png"))
    playwright.expect(page.locator("#result")).to_contain_text("Not judged.")
    assert page.get_by_role("status").inner_text() in page.locator("#result").inner_text()
    assert page.get_by_role("article").count() == 0
    page.screenshot(path=BUILD / "error_light.png")
    page.locator("#slide").fill("7")  # the last image that was judged is still known
    wait_for_status(page, "Your image at 7.%")


def test_a_phones_photo_is_judged(opened: Opened) -> None:
    photo = phone_photo()
    assert len(photo) > 3e6  # more than the server takes, in bytes and in pixels
    page = opened()
    page.get_by_label("Image file").set_input_files(a_file(photo))
    wait_for_status(page, "Your image")
    ink = seen_pixels(page) > 127
    assert ink.any(axis=1).sum() == 20  # upright
    assert ink.any(axis=0).sum() < 8


def test_an_image_that_fits_is_sent_as_it_is(opened: Opened) -> None:
    page = opened()
    page.evaluate("""() => {
        const send = fetch;
        window.fetch = (address, what) => {
            window.sent = what.body.get("image");
            return send(address, what);
        };
    }""")
    sample = list(embedded_samples())[6]
    exact = png_of(sample.image)
    for data in (exact, photograph()):
        page.locator("#result").evaluate("result => result.replaceChildren()")
        page.get_by_label("Image file").set_input_files(a_file(data))
        page.locator("[data-seen]").wait_for()
        sent = page.evaluate("async () => [...new Uint8Array(await sent.arrayBuffer())]")
        assert bytes(sent) == data
        if data is exact:
            assert np.array_equal(seen_pixels(page), sample.image)


def test_a_sample_is_judged(opened: Opened) -> None:
    page = opened()
    sample = list(embedded_samples())[6]
    page.get_by_role("button", name=f"Sample {sample.number}, a {sample.label}").click()
    wait_for_status(page, f"Sample no. {sample.number} at")
    assert np.array_equal(seen_pixels(page), sample.image)
    shown = page.locator(".seen img").evaluate(
        """async image => {
            const canvas = new OffscreenCanvas(28, 28).getContext("2d");
            canvas.drawImage(image, 0, 0);
            return [...canvas.getImageData(0, 0, 28, 28).data].filter((_, place) => !(place % 4));
        }"""
    )
    assert np.array_equal(np.reshape(shown, (28, 28)), sample.image)


def test_the_rate_moves_threshold_and_counts_at_once(opened: Opened) -> None:
    page = opened()
    draw(page, THREE)
    wait_for_status(page, "Your drawing")
    seen = page.locator("[data-seen]").get_attribute("data-seen")
    before, counts = threshold(page, PCA), card(page, PCA).get_by_role("table").inner_text()
    page.locator("#slide").fill("20")  # by one step: as if it was dragged there
    wait_for_status(page, "Your drawing at 20.%")
    assert page.get_by_role("spinbutton").input_value() == "20"
    assert threshold(page, PCA) < before
    assert card(page, PCA).get_by_role("table").inner_text() != counts
    assert page.locator("[data-seen]").get_attribute("data-seen") == seen
    page.get_by_role("spinbutton").fill("0")
    wait_for_status(page, "Your drawing at 0.%")
    assert threshold(page, PCA) > before
    assert page.locator("#slide").input_value() == "0"
    page.get_by_role("spinbutton").fill("51")  # more than the page allows: nothing is asked
    page.get_by_role("spinbutton").press("Enter")
    wait_for_status(page, "Your drawing at 0.%")


def test_detectors_are_chosen_and_one_always_stays(opened: Opened) -> None:
    page = opened()
    page.get_by_role("button", name="Sample 1,").click()
    wait_for_status(page, "Sample no. 1 ")
    page.get_by_role("checkbox", name=THIRD).check()
    wait_for_status(page, f".*{THIRD}: normal")
    assert titles(page) == [PCA, NEAREST, THIRD]
    assert card(page, THIRD).get_by_role("table").count() == 0  # no counts, no copies
    assert card(page, THIRD).locator("figure img").count() == 1
    page.screenshot(path=BUILD / "three.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollHeight") <= WIDE["height"]
    long_title = "heading => { heading.textContent = 'A title of two lines '.repeat(2); }"
    card(page, NEAREST).get_by_role("heading").evaluate(long_title)
    page.screenshot(path=BUILD / "three_long_title.png", full_page=True)
    for part in (".about", ".verdict", "svg.histogram"):
        tops = {each.bounding_box()["y"] for each in page.locator(f".card {part}").all()}
        assert len(tops) == 1, part
    card(page, "A title").get_by_role("heading").evaluate(
        f"h => {{ h.textContent = '{NEAREST}'; }}"
    )
    for title in (PCA, NEAREST):
        page.get_by_role("checkbox", name=title).uncheck()
    playwright.expect(page.get_by_role("article")).to_have_count(1)
    page.screenshot(path=BUILD / "one.png")
    page.get_by_role("checkbox", name=THIRD).click()
    wait_for_status(page, "One detector stays chosen")
    assert page.get_by_role("checkbox", name=THIRD).is_checked()


# ------------------------------------------------------------ what takes long, or fails


def test_waiting_is_said_and_only_the_latest_question_is_answered(opened: Opened) -> None:
    page = opened()
    held: list[Any] = []
    page.route("**/score", lambda route: route.continue_() if held else held.append(route))
    page.get_by_role("button", name="Sample 1,").click()
    wait_for_status(page, "Judging")
    assert page.locator("#result").get_attribute("aria-busy") == "true"
    page.get_by_role("button", name="Sample 2,").click()
    wait_for_status(page, "Sample no. 2 ")
    with suppress(playwright.Error):  # the page gave the first question up
        held[0].continue_()
    page.wait_for_timeout(300)  # for an answer that would come too late
    wait_for_status(page, "Sample no. 2 ")
    assert page.locator("#result").get_attribute("aria-busy") == "false"


def test_a_server_that_is_gone_is_said_in_words(opened: Opened) -> None:
    page = opened()
    page.route("**/score", lambda route: route.fulfill(status=502, content_type="text/plain"))
    page.get_by_role("button", name="Sample 1,").click()
    wait_for_status(page, "The page's server did not answer")
    playwright.expect(page.locator("#result")).to_contain_text("Look whether it still runs")
    page.unroute("**/score")
    page.get_by_role("button", name="Sample 1,").click()
    wait_for_status(page, "Sample no. 1 ")


def test_a_refusal_elsewhere_has_the_pages_look_and_a_way_back(opened: Opened) -> None:
    for path, scheme in (("nothing", "light"), ("samples/no/such.png", "dark")):
        page = opened(path, color_scheme=scheme)
        playwright.expect(page.get_by_role("main")).to_contain_text("nothing at this address")
        edge = "element => getComputedStyle(element).borderLeftStyle"
        assert page.locator(".refusal").evaluate(edge) == "solid"
        page.screenshot(path=BUILD / f"refusal_{scheme}.png")
        page.get_by_role("link", name="Back to the detectors").click()
        page.get_by_role("heading", name="Try a detector").wait_for()


# ------------------------------------------------------------ by keyboard alone


def test_everything_can_be_done_by_keyboard(opened: Opened) -> None:
    page = opened(viewport={"width": 1280, "height": 500})
    tab_to(page, "paper")
    before = page.evaluate("scrollY")
    described = page.locator("#paper").get_attribute("aria-describedby")
    assert "arrow keys" in page.locator(f"#{described}").inner_text()
    for key in ["ArrowUp"] * 8 + ["Space"]:
        page.keyboard.press(key)
    wait_for_status(page, "Pen down at column 15, row 7 of 28")
    for key in ["ArrowDown"] * 16 + ["ArrowRight"] * 8:
        page.keyboard.press(key)
    wait_for_status(page, "Pen down at column 23, row 23 of 28")
    for _ in range(30):
        page.keyboard.down("ArrowRight")  # held: the end is said, not each step
    wait_for_status(page, "Pen down at column 23")
    page.keyboard.up("ArrowRight")
    wait_for_status(page, "Pen down at column 28, row 23 of 28")
    page.screenshot(path=BUILD / "keyboard.png")
    assert page.evaluate("scrollY") == before  # the arrows move the pen, not the page
    page.keyboard.press("Space")
    wait_for_status(page, "Your drawing")
    assert titles(page) == [PCA, NEAREST]
    sample = list(embedded_samples())[2]
    tab_to(page, f"Sample {sample.number}, a {sample.label}")
    page.keyboard.press("Enter")
    wait_for_status(page, "Sample no. 3 ")
    tab_to(page, "Target false positive rate in percent")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    wait_for_status(page, "Sample no. 3 at 7.%")
    with page.expect_file_chooser():
        tab_to(page, "Image file, PNG or JPEG")
        page.keyboard.press("Enter")
    page.get_by_role("checkbox", name=PCA).focus()  # it has no name of its own but its label's
    page.keyboard.press("Space")
    playwright.expect(page.get_by_role("article")).to_have_count(1)


# ------------------------------------------------------------ without JavaScript


def test_all_but_drawing_works_without_javascript(opened: Opened) -> None:
    page = opened(java_script_enabled=False)
    assert not page.locator("#paper").is_visible()
    playwright.expect(page.get_by_text("Drawing needs JavaScript")).to_be_visible()
    page.get_by_label("Image file").set_input_files(a_file(photograph()))
    page.get_by_role("button", name="Judge", exact=True).click()
    playwright.expect(page.locator(".seen")).to_contain_text("Your image")

    too_much = a_file(bytes(3 * 2**20))
    page.get_by_label("Image file").set_input_files(too_much)
    page.get_by_role("button", name="Sample 4,").click()  # the file that was chosen stays here
    playwright.expect(page.locator(".seen")).to_contain_text("Sample no. 4")
    before = threshold(page, NEAREST)
    page.get_by_role("spinbutton").fill("25")
    page.get_by_role("checkbox", name=PCA).uncheck()
    page.get_by_role("button", name="Judge again").click()
    playwright.expect(page.locator(".seen")).to_contain_text("Sample no. 4")
    assert titles(page) == [NEAREST]
    assert threshold(page, NEAREST) < before
    assert not page.get_by_role("checkbox", name=PCA).is_checked()
    assert page.get_by_role("spinbutton").input_value() == "25"
    page.screenshot(path=BUILD / "without_script.png")

    page.get_by_label("Image file").set_input_files(a_file(phone_photo()))
    page.get_by_role("button", name="Judge", exact=True).click()
    playwright.expect(page.locator("#result")).to_contain_text("save it with at most 1,600 pixels")

    page.get_by_label("Image file").set_input_files(a_file(b"no image"))
    page.get_by_role("button", name="Judge", exact=True).click()
    playwright.expect(page.locator("#result")).to_contain_text("Not judged.")
    assert page.title().startswith("Not judged")


def test_the_history_is_shown_saved_and_deleted(opened: Opened) -> None:
    page = opened()
    page.get_by_role("button", name="Sample 5,").click()
    wait_for_status(page, "Sample no. 5 ")
    page.get_by_role("link", name="History").click()
    newest = page.locator("tbody tr").first
    assert "sample 5" in newest.inner_text()
    assert newest.locator("img").evaluate("image => image.naturalWidth") == 28
    page.screenshot(path=BUILD / "history.png")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save as CSV").click()
    assert b"sample 5" in Path(saved.value.path()).read_bytes()
    button = page.get_by_role("button", name="for good")
    assert not button.is_visible()  # one click deletes nothing
    page.get_by_text("Delete all …").click()
    button.click()
    playwright.expect(page.get_by_text("Nothing was tried yet")).to_be_visible()
    page.get_by_role("link", name="Back to the detectors").click()
    page.get_by_role("heading", name="Try a detector").wait_for()


# ------------------------------------------------------------ how it looks


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_every_state_fits_its_window(opened: Opened, screen: str, scheme: str) -> None:
    page = opened(viewport=SCREENS[screen], color_scheme=scheme)
    for state in states(page):
        page.screenshot(path=BUILD / f"{state}_{screen}_{scheme}.png")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= SCREENS[screen]["width"], state
    paper = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    assert (sum(map(float, re.findall(r"[\d.]+", paper)[:3])) < 200) == (scheme == "dark")


def test_targets_are_large_enough_for_a_finger(opened: Opened) -> None:
    page = opened(viewport=NARROW)
    for target in page.locator("button, input, summary, a").all():
        if target.is_visible():
            box = target.bounding_box()
            what = target.evaluate("element => element.outerHTML")
            # A checkbox is smaller, but the label around it can be pressed too.
            if target.get_attribute("type") == "checkbox":
                box = target.locator("..").bounding_box()
            assert min(box["width"], box["height"]) >= 24, what


def test_axe_finds_nothing_serious(opened: Opened) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    ).Axe()
    found: dict[str, Any] = {}
    for scheme in ("light", "dark"):
        page = opened(viewport=NARROW, color_scheme=scheme)
        for state in states(page):
            answer = axe.run(page, options={"resultTypes": ["violations", "incomplete"]}).response
            found[f"{state}, {scheme}"] = {
                "passes": len(answer["passes"]),
                "violations": answer["violations"],
                "incomplete": answer["incomplete"],
            }
    (BUILD / "axe.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    assert all(result["passes"] > 10 for result in found.values())
    serious = {
        (where, rule["id"], rule["nodes"][0]["html"])
        for where, result in found.items()
        for rule in result["violations"]
        if rule["impact"] in SERIOUS
    }
    assert serious == set()
