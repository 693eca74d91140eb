"""Many people at once, slow detectors, and detectors that hang: who waits for whom."""

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

from data_utils.explorer import judging
from data_utils.explorer.app import create_app
from data_utils.explorer.served import Served
from data_utils.explorer.serving import Server
from tests.unit.stand_in_detectors import SAMPLES, client_of, png, stand_in

WAIT = 20  # seconds until a test that hangs fails; nothing here takes one
Answer = tuple[int, dict[str, str], bytes]


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


class Page:
    """The page on a free port, served as people are served."""

    def __init__(self, *served: Served) -> None:
        self._server = Server(create_app(served, samples=SAMPLES), 0)
        self._server.start()

    def ask(self, method: str, path: str, body: bytes = b"") -> Answer:
        connection = HTTPConnection("127.0.0.1", self._server.port, timeout=WAIT)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def score(self, names: str = "a") -> Answer:
        query = "&".join(f"detector={name}" for name in names)
        return self.ask("POST", f"/api/score?{query}", png())

    def score_patiently(self) -> Answer:
        """Try until there is a place: whoever asks whether one is left may hold the last."""
        answers: list[Answer] = []

        def judged() -> bool:
            answers.append(self.score())
            return answers[-1][0] != 503

        until(judged)
        return answers[-1]

    def stop(self) -> None:
        self._server.stop()


@pytest.fixture(name="serve")
def a_server() -> Iterator[Callable[..., Page]]:
    pages: list[Page] = []

    def serve(*served: Served) -> Page:
        pages.append(Page(*served))
        return pages[-1]

    yield serve
    for page in pages:
        page.stop()


def meeting(parties: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return a score that only comes when so many are computed at the same time."""
    barrier = threading.Barrier(parties, timeout=WAIT)

    def score(images: np.ndarray) -> np.ndarray:
        barrier.wait()
        return np.zeros(len(images))

    return score


def test_two_uploads_at_once_are_scored_at_once(serve: Callable[..., Page]) -> None:
    page = serve(stand_in("a", meeting(2), side_by_side=True))
    with ThreadPoolExecutor(2) as people:
        answers = list(people.map(lambda _: page.score(), range(2)))
    for status, _, body in answers:
        assert status == 200
        assert json.loads(body)["detectors"][0]["score"] == 0


def test_two_detectors_judge_one_image_at_once(serve: Callable[..., Page]) -> None:
    score = meeting(2)
    status, _, body = serve(stand_in("a", score), stand_in("b", score)).score("ab")
    assert status == 200
    assert [said["score"] for said in json.loads(body)["detectors"]] == [0, 0]


def test_a_slow_detector_holds_up_neither_page_nor_refusals(serve: Callable[..., Page]) -> None:
    gate = Gate()
    page = serve(stand_in("a", gate), stand_in("b"))
    with ThreadPoolExecutor(judging.IN_FLIGHT) as people, gate:
        waiting = [people.submit(page.score_patiently) for _ in range(judging.IN_FLIGHT)]
        until(lambda: page.score("b")[0] == 503)  # then all of them are in line
        status, headers, body = page.score()
        assert (status, headers["Retry-After"]) == (503, str(judging.RETRY_AFTER))
        assert "Try again in a few seconds" in json.loads(body)["error"]
        assert page.ask("GET", "/")[0] == 200
        assert page.ask("GET", "/samples/1.png")[0] == 200
        assert page.ask("POST", "/api/score", bytes(2**21 + 1))[0] == 413
        assert "Server" not in headers
        assert gate.inside == 1  # one at a time
        gate.open()
        assert [each.result(WAIT)[0] for each in waiting] == [200] * judging.IN_FLIGHT
    assert page.score()[0] == 200


def detectors_of(client: Any) -> list[dict[str, Any]]:
    answer = client.post("/api/score", data=png())
    assert answer.status_code == 200
    return answer.get_json()["detectors"]  # type: ignore[no-any-return]


def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A detector that hangs costs its row; the next image does not wait for it at all."""
    monkeypatch.setattr(judging, "PATIENCE", 0.05)
    with Gate() as gate:
        client = client_of(stand_in("stuck", gate), stand_in("good"))
        stuck, good = detectors_of(client)
        assert "did not answer within" in stuck["error"]
        assert "score" in good
        monkeypatch.setattr(judging, "PATIENCE", WAIT)
        stuck, good = detectors_of(client)
        assert "still busy with an earlier image" in stuck["error"]
        assert "score" in good
        refused = client.post("/score", data={"sample": "1", "detector": "stuck"})
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == str(judging.RETRY_AFTER)
        assert "Detector stuck is still busy" in refused.text
    until(lambda: "score" in detectors_of(client)[0])
