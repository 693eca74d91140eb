"""The command line: what it serves, scores and says, and with which exit code it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data_utils.datasets import load_mnist
from data_utils.explorer import choosing, cli
from data_utils.explorer.baseline import baseline
from data_utils.explorer.served import Served
from data_utils.explorer.serving import Server

ROOT = Path(__file__).resolve().parents[2]
PCA = baseline()
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run the command line in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ANOMALY_COURSE_DETECTORS", raising=False)
    monkeypatch.setattr(choosing, "baseline", lambda: PCA)

    def run(*arguments: Any) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments=[str(each) for each in arguments])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


@pytest.fixture
def digits(tmp_path: Path) -> tuple[Path, Path]:
    """A normal image and an anomaly."""
    data = load_mnist("embedded")
    normal, odd = tmp_path / "one.png", tmp_path / "odd.png"
    Image.fromarray(data.images[data.labels == 1][0]).save(normal)
    odd_image = np.zeros((28, 28), np.uint8)
    odd_image[::4] = odd_image[:, ::4] = 255
    Image.fromarray(odd_image).save(odd)
    return normal, odd


# ------------------------------------------------------------ score


def test_images_are_scored_in_words(run: Run, digits: tuple[Path, Path]) -> None:
    code, out, err = run("score", *digits)
    normal, odd = out.splitlines()
    assert code == 0
    assert normal.startswith(f"{digits[0]}: Normal: more anomalous than")
    assert odd.startswith(f"{digits[1]}: Anomaly: more anomalous than all of")
    assert "no saved detector here" in err


def test_programs_get_json(run: Run, digits: tuple[Path, Path]) -> None:
    code, out, _ = run("score", *digits, "--json", "--rate", "1")
    said = json.loads(out)
    assert (code, said["rate"], said["detector"]["name"]) == (0, 1.0, "pca")
    assert [row["is_anomaly"] for row in said["images"]] == [False, True]
    first = said["images"][0]
    image = np.asarray(Image.open(digits[0]))
    assert first["score"] == pytest.approx(float(PCA.detector.anomaly_score(image[None])[0]))
    assert first["threshold"] == pytest.approx(PCA.threshold_at(0.01))


def test_check_ends_with_1_if_an_image_is_an_anomaly(run: Run, digits: tuple[Path, Path]) -> None:
    normal, odd = digits
    assert run("score", "--check", normal)[0] == 0
    assert run("score", "--check", normal, odd)[0] == 1


def test_a_file_that_cannot_be_read_costs_its_own_line_only(
    run: Run, digits: tuple[Path, Path], tmp_path: Path
) -> None:
    broken, white = tmp_path / "broken.png", tmp_path / "white.png"
    broken.write_bytes(b"<svg>")
    Image.new("L", (90, 90), 255).save(white)
    code, out, err = run("score", tmp_path / "none.png", broken, tmp_path, white, digits[0])
    assert code == 2
    assert out.count("\n") == 1
    assert "one.png: Normal" in out
    for words in ("none.png: cannot be read", "neither a PNG nor a JPEG", "no drawing"):
        assert words in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["score"], "Missing argument"),
        (["score", "x.png", "--rate", "90"], "--rate"),
        (["score", "x.png", "--detector", "nb7"], "There are: pca"),
        (["nothing.onnx"], "There is no file nothing.onnx"),
        (["--port", "70000"], "--port"),
        (["--wrong"], "--wrong"),
    ],
)
def test_wrong_usage_ends_in_a_sentence_and_2(run: Run, arguments: list[str], words: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert "Traceback" not in err


def test_a_file_that_is_no_detector_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "nb1.onnx").write_bytes(b"not a model")
    code, _, err = run("nb1.onnx")
    assert code == 2
    assert "nb1.onnx is not served" in err


def test_saved_detectors_that_are_damaged_are_left_out(run: Run, tmp_path: Path) -> None:
    (tmp_path / "detectors").mkdir()
    (tmp_path / "detectors" / "nb1.onnx").write_bytes(b"not a model")
    _, out, err = run("score", "none.png")
    assert out == ""
    assert "nb1.onnx is not served" in err
    assert "principal components" in err


# ------------------------------------------------------------ serve


class StandIn:
    """Takes the place of the server: notes what it was asked."""

    asked: list[int]

    def __init__(self, app: Any, port: int) -> None:
        self.port = port or 4321
        type(self).asked.append(port)

    def run(self) -> None:
        """Return at once, as after Ctrl-C."""


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> type[StandIn]:
    StandIn.asked = []
    monkeypatch.setattr(cli, "Server", StandIn)
    return StandIn


def test_without_arguments_the_baseline_is_served(
    run: Run, stand_in: type[StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    code, out, _ = run()
    assert code == 0
    assert "no saved detector here" in out
    assert "The page is at http://127.0.0.1:8765/" in out
    assert opened == ["http://127.0.0.1:8765/"]
    run("--no-open", "--port", "0")
    assert len(opened) == 1
    assert stand_in.asked == [8765, 0]


def test_saved_detectors_are_served_by_name(
    run: Run, stand_in: type[StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = {name: Served(name, name, "x", PCA.detector, PCA.scores_val) for name in ("a", "b")}
    monkeypatch.setattr(choosing, "find_saved", lambda: [Path("a.onnx"), Path("b.onnx")])
    monkeypatch.setattr(choosing, "load_saved", lambda path: served[path.stem])
    assert "Serving a, b." in run("--no-open")[1]
    assert "b.png" in run("score", "--detector", "b", "b.png")[2]


def test_a_port_that_is_taken_is_named_or_passed_over(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Server, "run", lambda self: None)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        code, _, err = run("--no-open", "--port", taken)
        assert (code, f"Port {taken} is taken" in err) == (2, True)
        monkeypatch.setattr(cli, "PORT", taken)
        code, out, _ = run("--no-open")
        assert code == 0
        assert "The page is at" in out
        assert f":{taken}/" not in out


@pytest.mark.slow  # it starts other processes
@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGINT for one process")
def test_the_page_answers_until_ctrl_c_and_ends_quietly(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "data_utils.explorer", "--no-open", "--port", "0"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = next(line for line in process.stdout if "The page is at" in line).split()[4]
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert b"Principal components" in answer.read()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, err) == (0, "")
    assert "The page has ended." in out


def test_importing_the_package_loads_neither_server_nor_framework() -> None:
    code = (
        "import sys, data_utils.explorer\n"
        "heavy = {'flask', 'waitress', 'onnxruntime', 'onnx', 'torch', 'tensorflow', 'PIL'}\n"
        "print(sorted(heavy & set(sys.modules)), data_utils.explorer.__all__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[] ['explore', 'save_detector']"


@pytest.mark.slow  # it starts other processes
@pytest.mark.parametrize("missing", ["flask", "waitress"])
def test_a_missing_package_is_named_with_its_cure(missing: str) -> None:
    start = f"import sys, runpy; sys.modules[{missing!r}] = None\n"
    for code in (
        "from data_utils.explorer import explore",
        "runpy.run_module('data_utils.explorer')",
    ):
        done = subprocess.run(
            [sys.executable, "-c", start + code], capture_output=True, text=True, cwd=ROOT
        )
        last = done.stderr.splitlines()[-1]
        assert f"The explorer needs {missing}, which is not here. Run: pip install" in last
