"""The page's addresses: what is judged, what is refused in which words, and who waits for whom."""

import base64
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flask")
pytest.importorskip("waitress")

import waitress
from flask.testing import FlaskClient
from PIL import Image
from waitress import wasyncore
from werkzeug.test import TestResponse

from data_utils.errors import ExplorerError
from data_utils.explorer import asking, judging
from data_utils.explorer.app import THREADS, create_app
from data_utils.explorer.samples import Samples, embedded_samples
from data_utils.explorer.served import Served
from tests.unit.stand_in_detectors import StandIn, png, stand_in

SAMPLES = Samples(np.full((3, 28, 28), 51, np.uint8), np.arange(3))  # mean grey 0.2
WAIT = 20  # seconds until a test that hangs fails; nothing here takes one


def fails(error: BaseException) -> Callable[[np.ndarray], Any]:
    def score(images: np.ndarray) -> Any:
        raise error

    return score


def client_of(*served: Served, **more: Any) -> FlaskClient:
    return create_app(served, **({"samples": SAMPLES} | more)).test_client()


@pytest.fixture(name="client", scope="module")
def a_client() -> FlaskClient:
    return client_of(*(stand_in(name) for name in "abcde"))


def upload(data: bytes, name: str = "digit.png") -> tuple[io.BytesIO, str]:
    return io.BytesIO(data), name


def scored(client: FlaskClient, path: str = "/api/score", **more: Any) -> dict[str, Any]:
    answer = client.post(path, **({"data": png()} | more))
    assert answer.status_code == 200, answer.text
    return answer.get_json()  # type: ignore[no-any-return]


def seen_by(client: FlaskClient, field: str) -> tuple[bytes, str]:
    """Post an image; return the 784 bytes that were seen, and the fragment."""
    value: Any = upload(png()) if field in ("image", "drawing") else "2"
    answer = client.post("/score", data={field: value}, headers={"X-Fragment": "1"})
    assert answer.status_code == 200, answer.text
    encoded = answer.text.partition('data-seen="')[2].partition('"')[0]
    return base64.b64decode(encoded), answer.text


# ------------------------------------------------------------ what is judged


def test_the_page_offers_the_detectors_and_the_samples(client: FlaskClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert all(f"Detector {name}" in page.text for name in "abcde")
    assert all(f"samples/{sample.number}.png" in page.text for sample in SAMPLES)
    assert page.text.count(" checked") == 2  # the first two are chosen


def test_an_image_is_judged_however_it_comes(client: FlaskClient) -> None:
    image = np.asarray(Image.open(io.BytesIO(png())))
    for field in ("image", "drawing"):
        seen, fragment = seen_by(client, field)
        assert seen == image.tobytes()  # 28 x 28 is not touched
        assert fragment.count("<article") == 2
    assert "Your drawing" in fragment
    seen, fragment = seen_by(client, "sample")
    assert seen == bytes([51]) * 784
    assert "Sample no. 2" in fragment


def test_without_script_the_answer_is_the_whole_page(client: FlaskClient) -> None:
    form = {"image": upload(png()), "detector": ["e", "c"], "rate": "12.5"}
    page = client.post("/score", data=form)
    assert page.status_code == 200
    assert page.text.startswith("<!doctype html>")
    assert page.text.index("<h3>Detector e") < page.text.index("<h3>Detector c")
    assert 'value="12.5"' in page.text
    assert page.text.count(" checked") == 2


def test_the_button_that_was_pressed_counts_not_a_file_chosen_before(client: FlaskClient) -> None:
    form = {"image": upload(b"no image"), "sample": "3"}
    assert "Sample no. 3" in client.post("/score", data=form).text


def test_an_empty_file_field_is_no_upload(client: FlaskClient) -> None:
    form = {"image": upload(b"", ""), "drawing": upload(png())}
    assert "Your drawing" in client.post("/score", data=form).text


def test_the_api_says_what_its_docstring_says(client: FlaskClient) -> None:
    answer = scored(client, "/api/score?detector=b&rate=10")
    assert (answer["rate"], len(base64.b64decode(answer["seen"]))) == (10, 784)
    (said,) = answer["detectors"]
    mean = np.frombuffer(base64.b64decode(answer["seen"]), np.uint8).mean() / 255
    assert said.pop("milliseconds") >= 0
    assert said.pop("percentile") == pytest.approx(100 * np.mean(mean > np.arange(101) / 100))
    assert said.pop("score") == pytest.approx(mean)
    assert said == {
        "name": "b",
        "title": "Detector b",
        "normal": "dark images",
        "threshold": 0.9,
        "is_anomaly": False,
        "counts": {"tp": 60, "fn": 41, "fp": 10, "tn": 91},
    }


@pytest.mark.parametrize(
    "more",
    [
        {"data": png(), "content_type": "image/png"},
        {"data": png(), "content_type": "application/x-www-form-urlencoded"},  # curl's own
        {"data": {"image": upload(png()), "detector": ["b", "a"], "rate": "5"}},
    ],
)
def test_the_api_takes_an_image_in_each_of_its_ways(
    more: dict[str, Any], client: FlaskClient
) -> None:
    settings = "" if isinstance(more["data"], dict) else "?detector=b&detector=a&rate=5"
    answer = scored(client, f"/api/score{settings}", **more)
    assert [said["name"] for said in answer["detectors"]] == ["b", "a"]


def test_the_api_lists_what_is_served() -> None:
    class Copier(StandIn):
        def reconstruct(self, images: np.ndarray) -> np.ndarray:
            return images

    served = [stand_in("a", detector=Copier()), stand_in("b")]
    listed = client_of(*served).get("/api/detectors").get_json()["detectors"]
    assert [(each["name"], each["reconstructs"], each["explains"]) for each in listed] == [
        ("a", True, False),
        ("b", False, False),
    ]


def test_no_name_can_write_into_the_page() -> None:
    client = client_of(stand_in("a", title="<script>alert(1)</script>", normal='"><img src=x>'))
    for page in (client.get("/"), client.post("/score", data={"sample": "1"})):
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text


# ------------------------------------------------------------ another rate, other detectors


def seen_again(client: FlaskClient, seen: bytes, **more: Any) -> TestResponse:
    form = {"seen": base64.b64encode(seen).decode()} | more
    return client.post("/score", data=form, headers={"X-Fragment": "1"})


def test_moving_the_rate_moves_the_verdict_and_asks_nobody() -> None:
    served = stand_in("a", lambda images: np.full(len(images), 0.9))
    client = client_of(served)
    seen, _ = seen_by(client, "drawing")
    assert 'class="verdict normal"' in seen_again(client, seen, rate="5").text
    moved = seen_again(client, seen, rate="20").text
    assert 'class="verdict anomaly"' in moved
    assert "Your drawing" in moved
    assert served.detector.asked == 1  # type: ignore[attr-defined]


def test_another_detector_is_asked_about_the_image_seen_before() -> None:
    first, second = stand_in("a"), stand_in("b")
    client = client_of(first, second)
    form = {"sample": "1", "detector": "a"}
    client.post("/score", data=form)
    both = seen_again(client, bytes([51]) * 784, detector=["a", "b"])
    assert both.text.count("<article") == 2
    assert [each.detector.asked for each in (first, second)] == [1, 1]  # type: ignore[attr-defined]


def test_what_was_seen_long_ago_is_judged_anew(client: FlaskClient) -> None:
    assert seen_again(client, bytes(range(28)) * 28).status_code == 200


def test_the_same_image_given_anew_is_judged_anew() -> None:
    served = stand_in("a")
    client = client_of(served)
    for _ in range(2):
        client.post("/score", data={"sample": "1"})
    assert served.detector.asked == 2  # type: ignore[attr-defined]


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


@pytest.mark.parametrize("served", [[], [stand_in("a"), stand_in("b"), stand_in("a")]])
def test_every_detector_needs_a_name_of_its_own(served: list[Served]) -> None:
    with pytest.raises(ExplorerError, match="a name of its own"):
        create_app(served)


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
    good, bad = scored(client)["detectors"]
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


# ------------------------------------------------------------ many at once


def until(come: Callable[[], Any]) -> None:
    """Ask again and again whether something has come to pass."""
    deadline = time.monotonic() + WAIT
    while not come():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class Gate:
    """A score that waits until the gate is opened, at the latest when its block ends."""

    def __init__(self) -> None:
        self.inside = 0
        self._open = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        with self._lock:
            self.inside += 1
        assert self._open.wait(WAIT)
        return np.zeros(len(images))

    def open(self) -> None:
        self._open.set()

    def __enter__(self) -> "Gate":
        return self

    def __exit__(self, *error: object) -> None:
        self.open()


class Server:
    """The page on a free port, served as people are served."""

    def __init__(self, *served: Served) -> None:
        app = create_app(served, samples=SAMPLES)
        self._server = waitress.create_server(app, host="127.0.0.1", port=0, threads=THREADS)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection("127.0.0.1", self._server.effective_port, timeout=WAIT)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def score(self, names: str = "a") -> tuple[int, dict[str, str], bytes]:
        query = "&".join(f"detector={name}" for name in names)
        return self.ask("POST", f"/api/score?{query}", png())

    def score_patiently(self) -> tuple[int, dict[str, str], bytes]:
        """Try until there is a place: whoever asks whether one is left may hold the last."""
        answers: list[tuple[int, dict[str, str], bytes]] = []

        def judged() -> bool:
            answers.append(self.score())
            return answers[-1][0] != 503

        until(judged)
        return answers[-1]

    def stop(self) -> None:
        self._server.trigger.pull_trigger(lambda: wasyncore.close_all(self._server._map))
        self._thread.join(WAIT)
        self._server.task_dispatcher.shutdown()


@pytest.fixture(name="serve")
def a_server() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def serve(*served: Served) -> Server:
        servers.append(Server(*served))
        return servers[-1]

    yield serve
    for server in servers:
        server.stop()


def meeting(parties: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return a score that only comes when so many are computed at the same time."""
    barrier = threading.Barrier(parties, timeout=WAIT)

    def score(images: np.ndarray) -> np.ndarray:
        barrier.wait()
        return np.zeros(len(images))

    return score


def test_two_uploads_at_once_are_scored_at_once(serve: Callable[..., Server]) -> None:
    server = serve(stand_in("a", meeting(2), side_by_side=True))
    with ThreadPoolExecutor(2) as people:
        answers = list(people.map(lambda _: server.score(), range(2)))
    for status, _, body in answers:
        assert status == 200
        assert json.loads(body)["detectors"][0]["score"] == 0


def test_two_detectors_judge_one_image_at_once(serve: Callable[..., Server]) -> None:
    score = meeting(2)
    status, _, body = serve(stand_in("a", score), stand_in("b", score)).score("ab")
    assert status == 200
    assert [said["score"] for said in json.loads(body)["detectors"]] == [0, 0]


def test_a_slow_detector_holds_up_neither_page_nor_refusals(serve: Callable[..., Server]) -> None:
    gate = Gate()
    server = serve(stand_in("a", gate), stand_in("b"))
    with ThreadPoolExecutor(judging.IN_FLIGHT) as people, gate:
        waiting = [people.submit(server.score_patiently) for _ in range(judging.IN_FLIGHT)]
        until(lambda: server.score("b")[0] == 503)  # then all of them are in line
        status, headers, body = server.score()
        assert (status, headers["Retry-After"]) == (503, str(judging.RETRY_AFTER))
        assert "Try again in a few seconds" in json.loads(body)["error"]
        assert server.ask("GET", "/")[0] == 200
        assert server.ask("GET", "/samples/1.png")[0] == 200
        assert server.ask("POST", "/api/score", bytes(2**21 + 1))[0] == 413
        assert gate.inside == 1  # one at a time
        gate.open()
        assert [each.result(WAIT)[0] for each in waiting] == [200] * judging.IN_FLIGHT
    assert server.score()[0] == 200


def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A detector that hangs costs its row; the next image does not wait for it at all."""
    monkeypatch.setattr(judging, "PATIENCE", 0.05)
    with Gate() as gate:
        client = client_of(stand_in("stuck", gate), stand_in("good"))
        stuck, good = scored(client)["detectors"]
        assert "did not answer within" in stuck["error"]
        assert "score" in good
        monkeypatch.setattr(judging, "PATIENCE", WAIT)
        stuck, good = scored(client)["detectors"]
        assert "still busy with an earlier image" in stuck["error"]
        assert "score" in good
        refused = client.post("/score", data={"sample": "1", "detector": "stuck"})
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == str(judging.RETRY_AFTER)
        assert "Detector stuck is still busy" in refused.text
    until(lambda: "score" in scored(client)["detectors"][0])


# ------------------------------------------------------------ the samples


def test_the_samples_are_two_of_each_digit_and_always_the_same() -> None:
    samples = list(embedded_samples())
    assert [sample.number for sample in samples] == list(range(1, 21))
    assert [sample.label for sample in samples] == [digit for digit in range(10) for _ in "12"]
    assert len({sample.image.tobytes() for sample in samples}) == 20
    client = create_app([stand_in("a")]).test_client()
    for sample in samples:
        answer = client.get(f"/samples/{sample.number}.png")
        assert answer.mimetype == "image/png"
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(answer.data))), sample.image)
