"""The page's addresses: what is judged, and what comes back."""

import base64
import io
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flask")

from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from data_utils.errors import ExplorerError
from data_utils.explorer.app import create_app
from data_utils.explorer.samples import embedded_samples
from data_utils.explorer.served import Served
from tests.unit.stand_in_detectors import SAMPLES, StandIn, client_of, png, stand_in, upload


@pytest.fixture(name="client", scope="module")
def a_client() -> FlaskClient:
    return client_of(*(stand_in(name) for name in "abcde"))


def scored(client: FlaskClient, path: str, **more: Any) -> dict[str, Any]:
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
    """A browser sends one for a file that was not chosen."""
    form = {"drawing": upload(b"", ""), "image": upload(png())}
    assert client.post("/score", data=form).status_code == 200
    refused = client.post("/score", data={"image": upload(b"", "")})
    assert refused.status_code == 400
    assert "No image came" in refused.text


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


def test_a_detector_that_could_draw_but_does_not_is_listed_so() -> None:
    """A saved detector has both attributes, None where its graph draws no such picture."""
    detector = StandIn()
    detector.reconstruct = None  # type: ignore[attr-defined]
    detector.explain = lambda images: images / 255  # type: ignore[attr-defined]
    client = client_of(stand_in("a", detector=detector))
    (listed,) = client.get("/api/detectors").get_json()["detectors"]
    assert (listed["reconstructs"], listed["explains"]) == (False, True)


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


def test_of_an_image_seen_before_only_other_detectors_are_asked() -> None:
    served = [stand_in("a"), stand_in("b")]
    client = client_of(*served)
    client.post("/score", data={"sample": "1", "detector": "a"})
    for names in (["a", "b"], ["b"], ["a", "b"]):
        fragment = seen_again(client, bytes([51]) * 784, detector=names).text
        assert fragment.count("<article") == len(names)
    assert [each.detector.asked for each in served] == [1, 1]  # type: ignore[attr-defined]


def test_what_was_seen_long_ago_is_judged_anew(client: FlaskClient) -> None:
    assert seen_again(client, bytes(range(28)) * 28).status_code == 200


def test_the_same_image_given_anew_is_judged_anew() -> None:
    served = stand_in("a")
    client = client_of(served)
    for _ in range(2):
        client.post("/score", data={"sample": "1"})
    assert served.detector.asked == 2  # type: ignore[attr-defined]


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


# ------------------------------------------------------------ what can be served


@pytest.mark.parametrize("served", [[], [stand_in("a"), stand_in("b"), stand_in("a")]])
def test_every_detector_needs_a_name_of_its_own(served: list[Served]) -> None:
    with pytest.raises(ExplorerError, match="a name of its own"):
        create_app(served)
