"""Who may talk to the page, how much they may send, and what browsers may do with its answers."""

import io
import re
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flask")

from flask.testing import FlaskClient

from data_utils.errors import ExplorerError
from data_utils.explorer.app import create_app
from tests.unit.stand_in_detectors import client_of, png, png_of_any, stand_in

SECRET = "kJ3-x_9QmZ0aTr7v"
LIMIT = 2 * 2**20
FRAMES = re.compile(r"https?://(127\.0\.0\.1|localhost):\*|vscode-(webview|file):")
ONLY = stand_in("only")


@pytest.fixture(name="client", scope="module")
def a_client() -> FlaskClient:
    return client_of(ONLY)


@pytest.fixture(name="hidden", scope="module")
def behind_a_proxy() -> FlaskClient:
    return client_of(ONLY, secret=SECRET)


# ------------------------------------------------------------ by which name


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:8000", "[::1]"]
)
def test_the_machines_own_names_are_answered(host: str, client: FlaskClient) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 200
    posted = client.post(
        "/score", data={"sample": "1"}, headers={"Host": host, "Origin": f"http://{host}"}
    )
    assert posted.status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8000",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example@localhost",
        "localhost@evil.example",
        "localhost:8000:80",
        "localhost/",
        "[::1]evil.example",
        "[::2]",
        "127.0.0.2",
        "",
        "örtlich",
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("POST", "/api/score"), ("GET", "/nothing")]
)
def test_any_other_name_learns_nothing(
    host: str, method: str, path: str, client: FlaskClient
) -> None:
    """A page that points its own name at this machine calls it by that name."""
    refused = client.open(path, method=method, headers={"Host": host, "X-Forwarded-Host": "[::1]"})
    assert refused.status_code == 421
    assert "names of its own machine" in refused.text
    assert "Detector only" not in refused.text


def test_other_names_can_be_allowed() -> None:
    client = client_of(ONLY, hosts=("lab.example",))
    assert client.get("/", headers={"Host": "lab.example:80"}).status_code == 200
    assert client.get("/", headers={"Host": "localhost"}).status_code == 421


# ------------------------------------------------------------ from which page


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},  # another port of this machine
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:8888"},
        {"Origin": "null"},
        {"Origin": ""},
    ],
)
@pytest.mark.parametrize("path", ["/score", "/api/score", "/history/delete", "/nothing"])
def test_posts_of_other_sites_are_refused(
    headers: dict[str, str], path: str, client: FlaskClient
) -> None:
    refused = client.post(path, data={"sample": "1"}, headers=headers)
    assert refused.status_code == 403
    assert "Another web site" in refused.text
    assert "Detector only" not in refused.text


@pytest.mark.parametrize(
    "headers",
    [
        {},  # curl
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost"},
    ],
)
def test_the_pages_own_posts_and_programs_are_served(
    headers: dict[str, str], client: FlaskClient
) -> None:
    assert client.post("/score", data={"sample": "1"}, headers=headers).status_code == 200


def test_links_from_other_sites_open_the_page(client: FlaskClient) -> None:
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


# ------------------------------------------------------------ under which path


def test_behind_a_proxy_all_lies_under_the_secret(hidden: FlaskClient) -> None:
    host = {"Host": "hub.example"}
    for path in ("", "static/explorer.css", "samples/1.png", "api/detectors"):
        assert hidden.get(f"/{SECRET}/{path}", headers=host).status_code == 200
        assert hidden.get(f"/{path}", headers=host).status_code == 404
        assert hidden.get(f"/{SECRET[:-1]}w/{path}", headers=host).status_code == 404
    # The proxy's own name, which the page cannot know; an old browser says no more than that.
    headers = host | {"Origin": "https://outside.hub.example"}
    for path in ("score", "api/score"):
        data = {"sample": "1"} if path == "score" else png()
        assert hidden.post(f"/{SECRET}/{path}", data=data, headers=headers).status_code == 200
        assert hidden.post(f"/{path}", data=data, headers=headers).status_code == 404


def test_a_slash_left_out_is_put_back(hidden: FlaskClient) -> None:
    """By a relative address: the page does not know what the proxy put in front."""
    answer = hidden.get(f"/{SECRET}")
    assert (answer.status_code, answer.location) == (308, f"{SECRET}/")


def test_who_does_not_know_the_secret_learns_nothing(hidden: FlaskClient) -> None:
    for path in ("/", "/score", f"/{SECRET}x/", "/api/detectors"):
        refused = hidden.get(path)
        assert "Detector only" not in refused.text
        assert SECRET not in refused.text.replace(path, "")
        assert SECRET not in str(refused.headers)


def test_posts_of_other_sites_are_refused_there_too(hidden: FlaskClient) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    refused = hidden.post(f"/{SECRET}/score", data={"sample": "1"}, headers=headers)
    assert refused.status_code == 403


def test_errors_under_the_secret_keep_their_shape(hidden: FlaskClient) -> None:
    assert "Not judged" in hidden.post(f"/{SECRET}/score", data={"sample": "9"}).text
    assert hidden.post(f"/{SECRET}/api/score?rate=x", data=png()).is_json


@pytest.mark.parametrize("secret", ["", "short", "with/slash/and/more", "ü" * 20, "a b" * 9])
def test_a_secret_that_can_be_guessed_is_refused(secret: str) -> None:
    with pytest.raises(ExplorerError, match="at least 16"):
        create_app([stand_in("a")], secret=secret)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static/..\\app.py",
        "/static//etc/passwd",
        "/samples/../app.py",
    ],
)
def test_no_path_leads_out_of_the_pages_own_files(path: str, client: FlaskClient) -> None:
    refused = client.get(path)
    assert refused.status_code == 404
    assert "import" not in refused.text


# ------------------------------------------------------------ how much


def noise(side: int) -> bytes:
    """Return a PNG that does not compress."""
    return png_of_any(np.random.default_rng(0).integers(0, 256, (side, side)).astype(np.uint8))


def test_a_large_image_gets_through(client: FlaskClient) -> None:
    """Werkzeug counts the pieces of a file as form data too: a limit too low would refuse it."""
    image = noise(1400)
    assert 1.8 * 2**20 < len(image) < LIMIT
    form = {"image": (io.BytesIO(image), "x.png")}
    assert client.post("/score", data=form).status_code in (200, 422)  # noise is no digit


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/score", {"data": {"image": (io.BytesIO(bytes(LIMIT)), "x.png")}}),
        ("/score", {"data": {"seen": "A" * 300_000, "image": (io.BytesIO(b"x"), "x.png")}}),
        ("/score", {"data": {f"field{n}": "" for n in range(50)}, "parts": True}),
        ("/score", {"data": "a&" * 200_000, "content_type": "application/x-www-form-urlencoded"}),
        ("/api/score", {"data": bytes(LIMIT + 1)}),
        ("/api/score", {"data": {"image": (io.BytesIO(bytes(LIMIT)), "x.png")}}),
    ],
    ids=["file", "text", "parts", "text only", "body", "api file"],
)
def test_too_much_is_refused_in_words(path: str, more: dict[str, Any], client: FlaskClient) -> None:
    settings = dict(more)
    if settings.pop("parts", False):
        settings["content_type"] = "multipart/form-data"
    refused = client.post(path, **settings)
    assert refused.status_code == 413
    assert "too much" in refused.text
    assert refused.is_json == (path == "/api/score")


def test_bytes_of_chance_get_a_sentence(client: FlaskClient) -> None:
    random = np.random.default_rng(1)
    for start in (b"", png()[:40], b"\xff\xd8\xff"):
        for _ in range(20):
            data = start + random.bytes(500)
            refused = client.post("/api/score", data=data)
            assert refused.status_code in (400, 413, 415)
            assert len(refused.get_json()["error"]) > 40
            boundary = "multipart/form-data; boundary=" + "b"
            refused = client.post("/score", data=b"--b\r\n" + data, content_type=boundary)
            assert refused.status_code in (400, 413)


# ------------------------------------------------------------ what browsers may do


ANSWERS = [
    ("GET", "/", 200),
    ("GET", "/static/explorer.css", 200),
    ("GET", "/samples/1.png", 200),
    ("GET", "/api/detectors", 200),
    ("OPTIONS", "/score", 200),
    ("GET", "/nothing", 404),
    ("GET", "/score", 405),
    ("POST", "/score", 415),
]


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
def test_every_answer_carries_the_headers(
    method: str, path: str, status: int, client: FlaskClient
) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == status
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert "unsafe" not in str(policy)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("POST", "/api/score"), ("POST", "/score")]
)
def test_no_result_is_kept_by_browsers(method: str, path: str, client: FlaskClient) -> None:
    data: Any = {"sample": "1"} if path == "/score" else png()
    answer = client.open(path, method=method, data=data)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"


def test_no_page_needs_what_the_policy_forbids(client: FlaskClient) -> None:
    for page in (client.get("/"), client.post("/score", data={"sample": "1"})):
        assert " style=" not in page.text
        assert "<style" not in page.text
        assert " onclick=" not in page.text
        assert page.text.count("<script") == page.text.count('<script src="static/')


def test_only_notebooks_may_frame_the_page(client: FlaskClient, hidden: FlaskClient) -> None:
    own = client.get("/").headers["Content-Security-Policy"].partition("frame-ancestors ")[2]
    assert {"'self'", "http://localhost:*", "http://127.0.0.1:*"} <= set(own.split())
    assert not [who for who in own.split() if who != "'self'" and not FRAMES.fullmatch(who)]
    proxied = hidden.get(f"/{SECRET}/").headers["Content-Security-Policy"]
    assert "https://colab.research.google.com" in proxied
    assert "X-Frame-Options" not in client.get("/").headers


def test_the_debugger_is_off(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not client.application.debug
    monkeypatch.setenv("FLASK_DEBUG", "1")
    assert not client_of(ONLY).application.debug
