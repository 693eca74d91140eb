"""What the page keeps of tries: only if asked to, only so much, and never more than was shown."""

import csv
import io
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flask")

from flask.testing import FlaskClient
from PIL import Image

from data_utils.explorer import history as histories
from data_utils.explorer.app import create_app
from data_utils.explorer.history import History, HistoryError
from data_utils.explorer.judging import Result, Row
from data_utils.explorer.samples import Samples
from tests.unit.stand_in_detectors import png, stand_in

SAMPLES = Samples(
    np.array([np.full((28, 28), grey, np.uint8) for grey in (0, 51, 250)]), np.arange(3)
)


def client_of(path: Path, title: str = "Detector a") -> FlaskClient:
    served = [stand_in("a", title=title), stand_in("b")]
    return create_app(served, history=History(path), samples=SAMPLES).test_client()


def result(grey: int, *, source: str = "drawing", rate: float = 5.0, title: str = "A") -> Result:
    image = np.full((28, 28), grey, np.uint8)
    served = stand_in("a", title=title)
    row = Row(served, served.judge(image, rate / 100), None, 1.0)
    return Result(image, source, rate, [row])


@pytest.fixture(name="path")
def a_path(tmp_path: Path) -> Path:
    return tmp_path / "tries.sqlite"


# ------------------------------------------------------------ what is kept


def test_nothing_is_kept_unless_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    client = create_app([stand_in("a")], samples=SAMPLES).test_client()
    assert client.post("/score", data={"sample": "2"}).status_code == 200
    assert client.get("/history").status_code == 404
    assert 'href="history"' not in client.get("/").text
    assert not list(tmp_path.iterdir())


def test_each_image_and_detector_is_a_row(path: Path) -> None:
    client = client_of(path)
    file = (io.BytesIO(png()), "../my secret name.png")
    assert client.post("/score", data={"image": file, "rate": "10"}).status_code == 200
    assert client.post("/score", data={"sample": "3", "detector": "b"}).status_code == 200
    newest, *older = History(path).rows()
    assert (newest.source, newest.title, newest.rate) == ("sample 3", "Detector b", 5)
    assert newest.score == pytest.approx(250 / 255)
    assert (newest.threshold, newest.verdict, newest.is_anomaly) == (0.95, "anomaly", True)
    assert newest.percentile == pytest.approx(100 * np.mean(np.arange(101) / 100 < 250 / 255))
    shown = np.asarray(Image.open(io.BytesIO(newest.thumbnail)))
    assert np.array_equal(shown, np.full((28, 28), 250))
    assert [(row.source, row.rate, row.threshold) for row in older] == [("upload", 10, 0.9)] * 2
    assert {row.title for row in older} == {"Detector a", "Detector b"}
    page = client.get("/history")
    assert page.status_code == 200
    assert all(row.picture in page.text and row.time in page.text for row in (newest, *older))
    assert b"my secret name" not in path.read_bytes()


def test_what_no_detector_judged_is_not_kept(path: Path) -> None:
    def fails(images: np.ndarray) -> Any:
        raise ValueError("no")

    served = [stand_in("a", fails), stand_in("b")]
    client = create_app(served, history=History(path), samples=SAMPLES).test_client()
    client.post("/score", data={"sample": "2"})
    client.post("/score", data={"sample": "99"})
    client.post("/api/score", data=png())  # programs keep their own
    assert [row.title for row in History(path).rows()] == ["Detector b"]


def test_moving_the_rate_moves_the_row(path: Path) -> None:
    history = History(path)
    for grey in (10, 230):
        history.add(result(grey))
    history.add(result(230, rate=20, source="seen again"), again=True)
    newest, oldest = history.rows()
    assert (newest.rate, newest.threshold, newest.verdict) == (20, 0.8, "anomaly")
    assert (newest.source, oldest.rate) == ("drawing", 5)
    history.add(result(230))  # drawn once more: another try
    assert len(history.rows()) == 3


def test_the_oldest_rows_go(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "MOST_ROWS", 5)
    history = History(path)
    for number in range(8):
        history.add(result(number, source=f"sample {number}"))
    assert [row.source for row in history.rows()] == [f"sample {n}" for n in (7, 6, 5, 4, 3)]


def test_it_outlives_the_page(path: Path) -> None:
    client_of(path).post("/score", data={"sample": "2"})
    assert "sample 2" in client_of(path).get("/history").text


def test_several_people_may_write_at_once(path: Path) -> None:
    """Two pages, each with its own threads, share one file."""
    pages = [History(path), History(path)]
    with ThreadPoolExecutor(6) as people:
        list(people.map(lambda n: pages[n % 2].add(result(n, source=f"sample {n}")), range(30)))
    assert {row.source for row in pages[0].rows()} == {f"sample {n}" for n in range(30)}


# ------------------------------------------------------------ deleting and exporting


def test_all_can_be_deleted_and_nothing_stays_in_the_file(path: Path) -> None:
    client = client_of(path, title="A title to be found")
    client.post("/score", data={"sample": "2"})
    assert b"A title to be found" in path.read_bytes()
    answer = client.post("/history/delete")
    assert (answer.status_code, answer.location) == (303, "../history")
    assert not History(path).rows()
    assert b"A title to be found" not in path.read_bytes()
    client.post("/score", data={"sample": "2"})
    assert len(History(path).rows()) == 2


@pytest.mark.parametrize(
    ("method", "headers"), [("POST", {"Sec-Fetch-Site": "cross-site"}), ("GET", {})]
)
def test_no_other_page_can_delete(method: str, headers: dict[str, str], path: Path) -> None:
    client = client_of(path)
    client.post("/score", data={"sample": "2"})
    refused = client.open("/history/delete", method=method, headers=headers)
    assert refused.status_code in (403, 405)
    assert len(History(path).rows()) == 2


def test_the_table_holds_what_the_page_shows(path: Path) -> None:
    client = client_of(path)
    client.post("/score", data={"sample": "3", "detector": "a", "rate": "1.5"})
    answer = client.get("/history.csv")
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    (row,) = csv.DictReader(io.StringIO(answer.text))
    (kept,) = History(path).rows()
    assert float(row["score"]) == kept.score  # to the last digit
    assert (row["time_utc"], row["source"], row["detector"]) == (
        kept.time,
        "sample 3",
        "Detector a",
    )
    assert (row["verdict"], float(row["target_fpr_percent"])) == (kept.verdict, 1.5)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(start: str, path: Path) -> None:
    """A saved detector brings its own title, and a spreadsheet would run this one."""
    title = f'{start}HYPERLINK("http://evil.example","x"),\n"'
    history = History(path)
    history.add(result(10, title=title))
    (row,) = csv.DictReader(io.StringIO(history.as_csv(), newline=""))
    assert row["detector"] == f"'{title}"
    assert history.rows()[0].title == title


def test_a_negative_score_stays_a_number(path: Path) -> None:
    served = stand_in("a", lambda images: [-2.5])
    image = SAMPLES.find(1).image  # type: ignore[union-attr]
    history = History(path)
    history.add(Result(image, "drawing", 5.0, [Row(served, served.judge(image), None, 1.0)]))
    (row,) = csv.DictReader(io.StringIO(history.as_csv()))
    assert float(row["score"]) == -2.5


# ------------------------------------------------------------ files that will not do


def no_database(path: Path) -> None:
    path.write_bytes(b"What I bought on Monday: " * 100)


def damaged(path: Path) -> None:
    History(path).add(result(10))
    page = 4096  # the first one says what is in the file; the rows come after it
    path.write_bytes(path.read_bytes()[:page] + b"\xff" * page)


def of_another_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE tried (bookmark TEXT)")
        file.commit()


def a_folder(path: Path) -> None:
    path.mkdir()


def no_folder(path: Path) -> None:
    path.parent.rmdir()


@pytest.mark.parametrize("spoil", [no_database, damaged, of_another_program, a_folder, no_folder])
def test_a_file_that_will_not_do_costs_no_verdict(
    spoil: Callable[[Path], None], path: Path
) -> None:
    spoil(path)
    before = path.read_bytes() if path.is_file() else b""
    client = client_of(path)
    judged = client.post("/score", data={"sample": "2"})
    assert judged.status_code == 200
    assert "Detector a" in judged.text
    assert path.name in judged.text  # the note that nothing was kept
    for method, address in (("GET", "history"), ("GET", "history.csv"), ("POST", "history/delete")):
        refused = client.open(f"/{address}", method=method)
        assert refused.status_code == 500
        assert "the name of a new file" in refused.text
        assert "Traceback" not in refused.text
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_file_that_cannot_be_written_can_still_be_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History(path)
    history.add(result(10))
    monkeypatch.setattr(histories, "PATIENCE", 0.01)
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")  # somebody else writes, and does not come to an end
        with pytest.raises(HistoryError, match="locked"):
            history.add(result(20))
        assert len(history.rows()) == 1


def test_a_row_that_was_tampered_with_is_refused_in_words(path: Path) -> None:
    client = client_of(path)
    client.post("/score", data={"sample": "2"})
    for column, value in (("score", "high"), ("thumbnail", None), ("rate", None)):
        with closing(sqlite3.connect(path)) as file:
            file.execute(f"UPDATE tried SET {column} = ?", (value,))
            file.commit()
        refused = client.get("/history")
        assert refused.status_code == 500
        assert "a row is damaged" in refused.text
