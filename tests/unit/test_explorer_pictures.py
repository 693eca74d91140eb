"""Pictures of a judgement decode to what they should show; its words promise no more than it."""

import base64
import io
import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("PIL", reason="pillow comes with the extra [explore]")
pytest.importorskip("markupsafe", reason="markupsafe comes with the extra [explore]")

from PIL import Image

from data_utils.explorer.pictures import (
    alt_text,
    difference_uri,
    heat_uri,
    histogram_svg,
    image_uri,
    number,
    verdict_words,
)
from data_utils.explorer.served import Judgement, Served

RAMP = np.arange(784).reshape(28, 28).astype(np.uint8)
NORMALS = 450
VALIDATION = np.linspace(0.01, 0.05, NORMALS)
PREFIX = "data:image/png;base64,"


def pixels(uri: str) -> np.ndarray:
    """Decode an address to what a browser would paint: (28, 28, 3)."""
    assert uri.startswith(PREFIX)
    picture = Image.open(io.BytesIO(base64.b64decode(uri.removeprefix(PREFIX))), formats=["PNG"])
    return np.asarray(picture.convert("RGB"))


def served(scores: Any = VALIDATION, title: str = "Copies") -> Served:
    return Served("copies", title, "every digit but the 9", Any, np.asarray(scores, float))


def judged(one: Served, score: float, threshold: float = 0.048) -> Judgement:
    percentile = 100 * float(np.mean(one.scores_val < score))
    return Judgement(score, threshold, score > threshold, percentile, None, None)


def drawn(one: Served, judgement: Judgement) -> ElementTree.Element:
    return ElementTree.fromstring(str(histogram_svg(one, judgement)))


def place(svg: ElementTree.Element, kind: str) -> float:
    """Return where across the histogram an upright line stands."""
    (line,) = [part for part in svg.iter("path") if part.get("class", "").split()[0] == kind]
    return float(re.match(r"M([\d.]+) ", line.get("d", ""))[1])


def words(svg: ElementTree.Element) -> str:
    return " | ".join(part.text or "" for part in svg.iter("text"))


# ------------------------------------------------------------ small pictures


def test_an_image_is_shown_as_it_is() -> None:
    shown = pixels(image_uri(RAMP))
    assert np.array_equal(shown, np.repeat(RAMP[..., None], 3, axis=2))


def test_what_a_detector_drew_outside_the_greys_is_clipped() -> None:
    drawn_by_it = np.full((28, 28), np.nan)
    drawn_by_it[0, :3] = -7.2, 99.6, 1e9
    assert pixels(image_uri(drawn_by_it))[0, :4, 0].tolist() == [0, 100, 255, 0]


def test_differences_have_one_scale_for_all_images() -> None:
    black, grey = np.zeros((28, 28), np.uint8), np.full((28, 28), 100, np.uint8)
    ramp = pixels(difference_uri(black, RAMP))
    assert np.array_equal(pixels(difference_uri(RAMP, black)), ramp)  # 0 - 200 must not wrap round
    assert (pixels(difference_uri(grey, black)) == ramp[3, 16]).all()  # RAMP[3, 16] == 100
    light = ramp[:9, :].reshape(-1, 3)[:252].astype(int).sum(axis=1)
    assert light[-1] > light[0] + 200  # more difference is lighter
    assert (np.diff(light) >= -1).all()


def test_heat_runs_over_the_same_colours_as_differences() -> None:
    everything = pixels(difference_uri(np.zeros((28, 28), np.uint8), RAMP))
    assert np.array_equal(pixels(heat_uri(RAMP / 255)), everything)
    outside = pixels(heat_uri(np.where(RAMP < 9, -3.0, 7.0)))
    assert (outside[0, 0] == everything[0, 0]).all()
    assert (outside[5, 5] == everything[9, 3]).all()  # RAMP[9, 3] == 255


# ------------------------------------------------------------ the words of a verdict


@pytest.mark.parametrize(
    ("score", "said"),
    [
        (0.0, "Normal: more anomalous than none of 450 normal images"),
        (0.0101, "Normal: more anomalous than 2 of 450 normal images"),
        (0.030, "Normal: more anomalous than 50 % of normal images"),
        (0.0485, "Anomaly: more anomalous than 96 % of normal images"),
        (0.04995, "Anomaly: more anomalous than 449 of 450 normal images"),
        (0.06, "Anomaly: more anomalous than all of 450 normal images"),
    ],
)
def test_the_verdict_never_promises_a_rounded_hundred_per_cent(score: float, said: str) -> None:
    assert verdict_words(served(), judged(served(), score)) == said


def test_equal_scores_are_normal_and_look_equal() -> None:
    judgement = judged(served(), 0.048)
    assert alt_text(served(), judgement).startswith("Copies: score 0.048, threshold 0.048. Normal:")


def test_numbers_that_differ_are_written_so_that_they_differ() -> None:
    just_above = judged(served(), np.nextafter(0.048, 1))
    said = alt_text(served(), just_above)
    score, threshold = re.match(
        r"Copies: score ([\d.]+), threshold ([\d.]+)\. Anomaly", said
    ).groups()
    assert float(score) > float(threshold)
    assert number(-1234.5) == "-1.23e+03"
    assert number(1 / 3, 1 / 3) == "0.333"


# ------------------------------------------------------------ the histogram


def test_the_histogram_holds_every_score_and_marks_in_order() -> None:
    one = served()
    svg = drawn(one, judged(one, 0.03))
    (bars,) = [part.get("d", "") for part in svg.iter("path") if part.get("class") == "bars"]
    assert bars.count("M") == 30  # evenly spread scores leave no bin empty
    heights = {float(height) for height in re.findall(r"v-([\d.]+)", bars)}
    assert min(heights) > 0.9 * max(heights)
    assert place(svg, "score") < place(svg, "threshold")
    assert "threshold 0.048" in words(svg)
    assert "score 0.03" in words(svg)
    assert "highest normal" not in words(svg)


def test_nothing_but_the_marks_moves_with_the_image_and_the_rate() -> None:
    one = served()
    still = {
        str(histogram_svg(one, judged(one, score, threshold)))
        .split('class="bars"')[1]
        .split("/>")[0]
        for score in (0.0, 0.03, 9.0)
        for threshold in (0.02, 0.05)
    }
    assert len(still) == 1


@pytest.mark.parametrize(
    ("score", "edge", "nearest"),
    [(3.1, 300, "highest normal 0.05"), (-3.1, 0, "lowest normal 0.01"), (1e300, 300, "highest")],
)
def test_a_score_far_outside_is_an_arrow_at_the_edge(
    score: float, edge: float, nearest: str
) -> None:
    one = served()
    judgement = judged(one, score)
    svg = drawn(one, judgement)
    assert abs(place(svg, "score") - edge) < 10
    assert nearest in words(svg)
    assert nearest in alt_text(one, judgement)
    inside = drawn(one, judged(one, 0.03))
    marks = [
        [p.get("d") for p in s.iter("path") if "mark" in p.get("class", "")] for s in (svg, inside)
    ]
    assert len(marks[0]) == len(marks[1]) == 1
    assert ("a" in marks[1][0]) > ("a" in marks[0][0])  # a disc there, an arrow here


@pytest.mark.parametrize("score", [-1e3, 0.0, 0.03, 0.049, 0.06, 1e9])
def test_everything_stays_inside_the_frame(score: float) -> None:
    svg = drawn(served(), judged(served(), score))
    width, height = map(float, svg.get("viewBox", "").split()[2:])
    for part in svg.iter("text"):
        x, letters = float(part.get("x", "")), len(part.text or "") * 6.6  # at 12 px
        left = {"start": x, "end": x - letters, "middle": x - letters / 2}[
            part.get("text-anchor", "")
        ]
        assert left >= -8
        assert left + letters <= width + 8
        assert 0 < float(part.get("y", "")) <= height


@pytest.mark.parametrize("score", [-1e3, 0.0, 0.011, 0.03, 0.047, 0.049, 0.06, 1e9])
@pytest.mark.parametrize("threshold", [0.03, 0.048, 0.05])
def test_no_line_runs_through_a_label(score: float, threshold: float) -> None:
    svg = drawn(served(), judged(served(), score, threshold))
    for label in [part for part in svg.iter("text") if float(part.get("y", "")) < 40]:
        own = "score" if "score" in (label.text or "") else "threshold"
        (other,) = {"score", "threshold"} - {own}
        (line,) = [
            p.get("d", "") for p in svg.iter("path") if p.get("class", "").split()[0] == other
        ]
        x, top = map(float, re.match(r"M([\d.]+) ([\d.]+)V", line).groups())
        start, width = float(label.get("x", "")), 6.2 * len(label.text or "")
        left = start - (width if label.get("text-anchor") == "end" else 0)
        assert not (left < x < left + width and top < float(label.get("y", "")))


@pytest.mark.parametrize("scores", [[2.0] * 30, [0.0] * 30, [-400.0, 1200.0] * 20, [5.0]])
def test_odd_validation_scores_are_drawn_too(scores: list[float]) -> None:
    one = served(scores)
    svg = drawn(one, judged(one, scores[0], threshold=scores[-1]))
    assert 0 <= place(svg, "score") <= place(svg, "threshold") <= 300
    assert "nan" not in str(histogram_svg(one, judged(one, scores[0])))


def test_a_title_cannot_become_markup() -> None:
    one = served(title='<script>alert("1")</script>')
    svg = drawn(one, judged(one, 0.03))
    assert svg.get("aria-label", "").startswith(one.title)
    assert "<script" not in str(histogram_svg(one, judged(one, 0.03)))
