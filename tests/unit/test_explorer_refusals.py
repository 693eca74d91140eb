"""Every refusal of the page: its status, its sentence, and that it is not one word more."""

import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import numpy as np
import pytest

pytest.importorskip("flask")

from flask.testing import FlaskClient

from data_utils.explorer import asking
from data_utils.explorer.history import History
from tests.unit.stand_in_detectors import client_of, fails, png, stand_in, upload


@pytest.fixture(name="client", scope="module")
def a_client() -> FlaskClient:
    return client_of(*(stand_in(name) for name in "abcde"))


# ------------------------------------------------------------ what is refused


BAD_SETTINGS = [
    ("rate=five", "number of percent"),
    ("rate=nan", "number of percent"),
    ("rate=inf", "number of percent"),
    ("rate=-0.1", "number of percent"),
    ("rate=50.1", "number of percent"),
    ("rate=" + "9" * 5000, "number of percent"),
    ("detector=z", "no detector called 'z'"),
    ("detector=" + "z" * 5000, "no detector called"),
    ("detector=", "no detector called"),
    ("detector=a&detector=b&detector=c&detector=d&detector=e", "at most 4"),
]


@pytest.mark.parametrize(("settings", "words"), BAD_SETTINGS)
def test_settings_that_cannot_be_right_are_refused_in_words(
    settings: str, words: str, client: FlaskClient
) -> None:
    refused = client.post(f"/api/score?{settings}", data=png())
    assert refused.status_code == 400
    assert words in refused.get_json()["error"]
    assert len(refused.text) < 500
    form = f"sample=1&{settings}"
    for headers in ({}, {"X-Fragment": "1"}):
        refused = client.post(
            "/score",
            data=form,
            content_type="application/x-www-form-urlencoded",
            headers=headers,
        )
        assert refused.status_code == 400
        assert words.replace("'", "&#39;") in refused.text
        assert refused.text.startswith("<!doctype") == (not headers)


@pytest.mark.parametrize(
    ("form", "status", "words"),
    [
        ({"rate": "5"}, 400, "No image came"),
        ({"image": "a text, no file"}, 400, "No image came"),
        ({"image": b""}, 400, "empty"),
        ({"image": b"GIF89a"}, 415, "neither"),
        ({"image": png()[:60]}, 400, "cut off"),
        ({"drawing": png(0.0)}, 422, "no drawing"),
        ({"sample": "4"}, 400, "no sample"),
        ({"sample": "-1"}, 400, "no sample"),
        ({"sample": "1.0"}, 400, "no sample"),
        ({"sample": "²"}, 400, "no sample"),
        ({"sample": "1" * 5000}, 400, "no sample"),
        ({"seen": "AAAA"}, 400, "sent back"),
        ({"seen": "no base64!"}, 400, "sent back"),
        ({"seen": "!" + "AAAA" * 261 + "AA=="}, 400, "sent back"),  # 784 bytes, but for the !
        ({"seen": "é" * 1048}, 400, "sent back"),
    ],
)
def test_what_is_no_image_is_refused_in_words(
    form: dict[str, Any], status: int, words: str, client: FlaskClient
) -> None:
    files = {
        field: upload(value, "../../x.png") if isinstance(value, bytes) else value
        for field, value in form.items()
    }
    refused = client.post("/score", data=files, headers={"X-Fragment": "1"})
    assert refused.status_code == status
    assert words in refused.text
    assert "Traceback" not in refused.text
    assert len(refused.text) < 1000


@pytest.mark.parametrize(
    ("more", "status", "words"),
    [
        ({"data": b""}, 400, "No image came"),
        ({"json": {"image": "AAAA"}}, 415, "neither a PNG nor a JPEG"),
        ({"data": {"other": upload(png())}}, 400, "one file called image"),
        ({"data": {"image": [upload(png()), upload(png())]}}, 400, "one file called image"),
        ({"data": {"image": upload(png()), "rates": "5"}}, 400, "no setting called 'rates'"),
        ({"data": b"x", "content_type": "multipart/form-data"}, 400, "one file called image"),
    ],
)
def test_the_api_refuses_in_words(
    more: dict[str, Any], status: int, words: str, client: FlaskClient
) -> None:
    refused = client.post("/api/score", **more)
    assert refused.status_code == status
    assert words in refused.get_json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/nothing", 404, "nothing at this address"),
        ("GET", "/api/nothing", 404, "nothing at this address"),
        ("GET", "/samples/4.png", 404, "no sample 4"),
        ("GET", f"/samples/{'9' * 40}.png", 404, "no sample"),
        ("GET", "/score", 405, "answers to POST only"),
        ("GET", "/api/score", 405, "answers to POST only"),
        ("DELETE", "/", 405, "answers to GET only"),
        ("GET", "/history", 404, "no history"),
        ("GET", "/history.csv", 404, "no history"),
        ("POST", "/history/delete", 404, "no history"),
    ],
)
def test_wrong_addresses_and_methods_get_a_sentence(
    method: str, path: str, status: int, words: str, client: FlaskClient
) -> None:
    refused = client.open(path, method=method)
    assert refused.status_code == status
    assert words in refused.text
    assert refused.is_json == path.startswith("/api/")
    assert (status == 405) == ("Allow" in refused.headers)


def links(page: str) -> list[str]:
    return re.findall(r'href="(?!data:)([^"]*)"', page)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/samples/4.png", 404),
        ("GET", "/a/b/c/d", 404),
        ("DELETE", "/history", 405),
        ("POST", "/history/delete", 404),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/kJ3-x_9QmZ0aTr7v"])
def test_a_refusal_outside_the_pages_form_has_its_look_and_a_way_back(
    method: str, path: str, status: int, prefix: str
) -> None:
    client = client_of(stand_in("a"), secret=prefix.removeprefix("/") or None)
    base = "http://localhost"
    refused = client.open(f"{base}{prefix}{path}", method=method)
    assert refused.status_code == status
    assert refused.text.startswith("<!doctype html>")
    assert refused.text.count("<h1>") == 1
    style, back = (urljoin(f"{base}{prefix}{path}", link) for link in links(refused.text))
    assert back == f"{base}{prefix}/"
    assert style == f"{base}{prefix}/static/explorer.css"
    assert client.get(urlsplit(style).path).mimetype == "text/css"


def test_strangers_get_the_sentence_without_a_way_in() -> None:
    hidden = client_of(stand_in("a"), secret="kJ3-x_9QmZ0aTr7v")
    shown = client_of(stand_in("a"))
    for refused, status, words in (
        (hidden.get("/nothing/at/all"), 404, "nothing at this address"),
        (hidden.get("/"), 404, "nothing at this address"),
        (shown.get("/", headers={"Host": "evil.example"}), 421, "names of its own machine"),
    ):
        assert refused.status_code == status
        assert words in refused.text
        assert links(refused.text) == []
        assert "evil.example" not in refused.text


@pytest.mark.parametrize(
    "path",
    [
        "//other.example/x",
        "/http://other.example/x",
        "/a//other.example//x",
        "/a/%3Cscript%3Ealert%281%29%3C%2Fscript%3E",
        "/%22%20onload=%22alert%281%29",
        "/a" * 3000,
    ],
)
def test_no_address_writes_into_its_own_refusal(path: str, client: FlaskClient) -> None:
    refused = client.get(f"http://localhost{path}")
    assert refused.status_code == 404
    assert len(refused.text) < 2000
    for words in ("<script", "onload", "other.example", "/a/a"):
        assert words not in refused.text
    for link in links(refused.text):
        assert re.fullmatch(r"(\.\./)*(\./|static/explorer\.css)", link)


def test_the_sentence_of_a_broken_history_has_the_pages_look(tmp_path: Path) -> None:
    path = tmp_path / "ours & theirs.sqlite"
    client = client_of(stand_in("a"), history=History(path))
    path.write_bytes(b"no database" * 100)
    for refused in (client.get("/history"), client.get("/history.csv")):
        assert refused.status_code == 500
        assert "could not be read" in refused.text
        assert path.name not in refused.text
        assert html.escape(path.name) in refused.text
        assert "static/explorer.css" in links(refused.text)


def test_what_is_no_form_is_refused(client: FlaskClient) -> None:
    refused = client.post("/score", json={"sample": 1})
    assert refused.status_code == 415
    assert "forms of its own buttons" in refused.text


def test_an_error_of_the_pages_own_is_logged_and_says_so(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(asking, "as_mnist", fails(RuntimeError("inner thoughts")))
    for path, headers in (("/score", {}), ("/score", {"X-Fragment": "1"}), ("/api/score", {})):
        caplog.clear()
        refused = client.post(path, data={"image": upload(png())}, headers=headers)
        assert refused.status_code == 500
        assert "error of its own" in refused.text
        assert "inner thoughts" not in refused.text
        assert "inner thoughts" in caplog.text


# ------------------------------------------------------------ detectors that fail


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (fails(ValueError("shapes (1, 784)\n do not match")), "ValueError: shapes (1, 784) do not"),
        (fails(ValueError("x" * 9999)), "ValueError: xxx"),
        (fails(SystemExit(3)), "SystemExit: 3"),
        (lambda images: [float("nan")], "one finite number"),
        (lambda images: "high", "could not judge"),
    ],
)
def test_a_detector_that_fails_costs_its_own_row(
    score: Callable[[np.ndarray], Any], words: str
) -> None:
    client = client_of(stand_in("good"), stand_in("bad", score))
    good, bad = client.post("/api/score", data=png()).get_json()["detectors"]
    assert good["score"] >= 0
    assert words in bad["error"]
    assert "Detector bad" in bad["error"]
    assert len(bad["error"]) < 400
    assert "score" not in bad
    page = client.post("/score", data={"sample": "1"})
    assert page.status_code == 200
    assert page.text.count("<article") == 2
    assert "Not judged" in page.text
    assert "Traceback" not in page.text


def test_where_no_detector_judges_the_reasons_are_shown() -> None:
    client = client_of(stand_in("a", fails(KeyError("weights"))))
    refused = client.post("/api/score", data=png())
    assert refused.status_code == 500
    assert "weights" in refused.get_json()["detectors"][0]["error"]
    page = client.post("/score", data={"sample": "1"})
    assert page.status_code == 500
    assert "weights" in page.text
