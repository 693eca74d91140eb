"""Saved detectors: they score as the live ones do, and a file from anybody does no harm."""

import io
import json
import os
import pickle
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from data_utils.errors import CourseKitError, ImageFormatError  # noqa: E402
from data_utils.explorer import onnx_files, saved_detector, saving  # noqa: E402
from data_utils.explorer.onnx_files import CARD_KEY, SavedFileError  # noqa: E402
from data_utils.explorer.recipes import Recipe  # noqa: E402
from data_utils.explorer.saved_card import Card, probe_image, read_card  # noqa: E402
from data_utils.explorer.saving import (  # noqa: E402
    SavingError,
    find_saved,
    load_saved,
    save_detector,
)
from data_utils.explorer.served import Counts  # noqa: E402

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 28, 28)).astype(np.uint8)
PROBE_MEAN = float(np.mean(probe_image()))


# ------------------------------------------------------------ a file made by hand


def weights(name: str, values: Any, dtype: Any = np.int64) -> Any:
    return numpy_helper.from_array(np.array(values, dtype), name)


def mean_grey() -> Any:
    """A detector's graph in three operators: the score is the mean grey value."""
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["mean"], keepdims=0),
        helper.make_node("Reshape", ["mean", "one"], ["score"]),
    ]
    graph = helper.make_graph(
        nodes,
        "mean grey",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, 28, 28])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [1])],
        [weights("one", [1])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def card(**changes: Any) -> str:
    good = Card(
        title="Mean grey",
        normal="dark images",
        recipe="the mean",
        date="2026-01-31",
        made_with={"python": "3.11"},
        threshold=150.0,
        probe=PROBE_MEAN,
        scores_val=np.arange(100.0, 200.0),
        scores_normal=np.array([120.0, 199.0]),
        scores_anomaly=np.array([130.0, 250.0, 260.0]),
    )
    return json.dumps(json.loads(good.to_json()) | changes)


def written(folder: Path, model: Any, *cards: str) -> Path:
    for text in cards or (card(),):
        model.metadata_props.add(key=CARD_KEY, value=text)
    path = folder / "made.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def refusal(path: Path) -> str:
    """Load a file that must be refused, and return why: one sentence or two that name the file."""
    with pytest.raises(SavedFileError) as caught:
        load_saved(path)
    text = str(caught.value)
    assert text.startswith(f"{path.name} is not served: ")
    assert "\n" not in text
    assert len(text) < 400
    return text


def test_a_file_made_by_hand_is_served(tmp_path: Path) -> None:
    served = load_saved(written(tmp_path, mean_grey()))
    assert (served.name, served.title, served.normal) == ("made", "Mean grey", "dark images")
    assert served.side_by_side
    judgement = served.judge(IMAGES[0], 0.05)
    assert judgement.score == pytest.approx(IMAGES[0].mean(), rel=1e-6)
    assert (judgement.threshold, judgement.is_anomaly) == (195.0, False)
    assert (judgement.reconstruction, judgement.heat) == (None, None)
    assert served.counts_at(0.05) == Counts(tp=2, fn=1, fp=1, tn=1)
    assert served.detector.threshold == 150
    assert [array.tolist() for array in served.detector.parameters()] == [[1]]


def test_scores_do_not_depend_on_company(tmp_path: Path) -> None:
    detector: Any = load_saved(written(tmp_path, mean_grey())).detector
    together = detector.anomaly_score(IMAGES[::-1])[::-1]
    assert np.array_equal(together, [detector.anomaly_score(i[None])[0] for i in IMAGES])
    assert detector.anomaly_score(IMAGES[:0]).shape == (0,)
    for wrong in (IMAGES / 255, IMAGES[:, :20]):
        with pytest.raises(ImageFormatError, match="uint8 of shape"):
            detector.anomaly_score(wrong)


def test_several_threads_get_their_own_scores(tmp_path: Path) -> None:
    detector = load_saved(written(tmp_path, mean_grey())).detector
    expected = detector.anomaly_score(IMAGES)
    found: list[Any] = [None] * 4

    def work(place: int) -> None:
        found[place] = detector.anomaly_score(IMAGES[place::4])

    threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(found[place], expected[place::4]) for place in range(4))


# ------------------------------------------------------------ files that are something else


class Planted:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


def zip_bomb() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("../../card.json", b"0" * 10**7)
    return data.getvalue()


def many_empty(field: int, count: int) -> bytes:
    """A model of which a graph's field comes count times, empty: two bytes each."""
    inner = bytes([field << 3 | 2, 0]) * count
    size, length = len(inner), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([7 << 3 | 2]) + length + bytes([size]) + inner


OTHER_FILES: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"threshold = 3",
    "zip bomb": zip_bomb,
    "numpy": lambda: b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': ()}",
    "cut short": lambda: mean_grey().SerializeToString()[:-9],
    "length of 2^63": lambda: b"\x3a" + b"\xff" * 8 + b"\x7f",
    "endless number": lambda: b"\xff" * 100,
    "2,100,000 operators": lambda: many_empty(1, 2_100_000),
    "2,100,000 tensors": lambda: many_empty(5, 2_100_000),
}


@pytest.mark.parametrize("data", OTHER_FILES.values(), ids=list(OTHER_FILES))
def test_other_files_are_refused(tmp_path: Path, data: Callable[[], bytes]) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(data())
    refusal(path)


@pytest.mark.parametrize("start", [b"", b"PK\x03\x04", mean_grey().SerializeToString()])
def test_a_pickle_is_not_run(tmp_path: Path, start: bytes) -> None:
    path, mark = tmp_path / "planted.onnx", tmp_path / "it ran"
    path.write_bytes(start + pickle.dumps(Planted(mark)))
    refusal(path)
    assert not mark.exists()


def test_what_costs_too_much_is_not_even_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.onnx"
    monkeypatch.setattr(onnx, "load_model_from_string", None)
    path.write_bytes(many_empty(1, 2_100_000))
    assert "20000 parts" in refusal(path)
    monkeypatch.setattr(onnx_files, "_MOST_BYTES", 1000)
    path.write_bytes(bytes(1001))
    assert "MB" in refusal(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert "not there" in refusal(tmp_path / "nowhere.onnx")
    (tmp_path / "folder.onnx").mkdir()
    assert "no file" in refusal(tmp_path / "folder.onnx")
    path = written(tmp_path, mean_grey()).rename(tmp_path / "a&b <script>.onnx")
    assert "its name" in refusal(path)


# ------------------------------------------------------------ graphs that are something else


def before_score(model: Any, *nodes: Any, tensors: tuple[Any, ...] = ()) -> None:
    """Put operators into the graph whose last result, "extra", is added to the mean."""
    last = model.graph.node.pop()
    model.graph.node.extend([*nodes, helper.make_node("Add", ["mean", "extra"], ["sum"])])
    last.input[0] = "sum"
    model.graph.node.append(last)
    model.graph.initializer.extend(tensors)


def giant(operator: str, inputs: list[str], *tensors: Any) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        nodes = (
            helper.make_node(operator, inputs, ["giant"]),
            helper.make_node("ReduceMax", ["giant"], ["extra"], keepdims=0),
        )
        before_score(model, *nodes, tensors=tensors)

    return change


def deep(model: Any) -> None:
    """Multiply large matrices again and again."""
    nodes = [helper.make_node("Expand", ["mean", "square"], ["m0"])]
    for step in range(40):
        nodes.append(helper.make_node("MatMul", [f"m{step}", f"m{step}"], [f"m{step + 1}"]))
    nodes.append(helper.make_node("ReduceMax", ["m40"], ["extra"], keepdims=0))
    before_score(model, *nodes, tensors=(weights("square", [2048, 2048]),))


def elsewhere(location: str) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)

    return change


def branch(model: Any) -> None:
    value = helper.make_tensor_value_info("inner", TensorProto.FLOAT, [])
    inner = helper.make_graph(
        [helper.make_node("Constant", [], ["inner"], value_float=1.0)], "inner", [], [value]
    )
    yes = weights("yes", True, bool)
    node = helper.make_node("If", ["yes"], ["extra"], then_branch=inner, else_branch=inner)
    before_score(model, node, tensors=(yes,))


def many_attributes(model: Any) -> None:
    model.graph.node[0].attribute.extend(onnx.AttributeProto() for _ in range(100_000))


def hidden_graph(model: Any) -> None:
    """Give an operator that is allowed an attribute that is not."""
    graph = helper.make_graph([], "inner", [], [])
    model.graph.node[0].attribute.append(helper.make_attribute("body", graph))


def another_domain(model: Any) -> None:
    model.opset_import.add(domain="com.microsoft", version=1)
    node = helper.make_node("Gelu", ["mean"], ["extra"], domain="com.microsoft")
    before_score(model, node)


def function(model: Any) -> None:
    body = helper.make_node("Loop", ["x"], ["y"])
    model.functions.append(
        helper.make_function("own", "Relu", ["x"], ["y"], [body], list(model.opset_import))
    )


def fewer_bytes(model: Any) -> None:
    model.graph.initializer[0].dims[:] = [2**40, 2**40]


def negative(model: Any) -> None:
    model.graph.initializer[0].dims[:] = [-1, -1]


def text_tensor(model: Any) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.array(["a"], object), "text"))


def many_nodes(model: Any) -> None:
    model.graph.node.extend(helper.make_node("Neg", ["mean"], [f"n{i}"]) for i in range(6000))


def lies_about_shapes(model: Any) -> None:
    giant("Tile", ["pixels", "often"], weights("often", [1, 10_000, 10_000]))(model)
    small = helper.make_tensor_value_info("giant", TensorProto.FLOAT, [1, 28, 28])
    model.graph.value_info.append(small)


def other_input(model: Any) -> None:
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))


def three_scores(model: Any) -> None:
    model.graph.initializer[0].CopyFrom(weights("one", [1, 1, 1]))


def loop_of_nodes(model: Any) -> None:
    before_score(
        model,
        helper.make_node("Neg", ["extra"], ["round"]),
        helper.make_node("Neg", ["round"], ["extra"]),
    )


def not_a_number(model: Any) -> None:
    before_score(
        model,
        helper.make_node("Identity", ["nan"], ["extra"]),
        tensors=(weights("nan", np.nan, np.float32),),
    )


BAD_GRAPHS: dict[str, tuple[Callable[[Any], None], str]] = {
    "external data, absolute": (elsewhere("/etc/passwd"), "another file"),
    "external data, relative": (elsewhere("../secret.bin"), "another file"),
    "giant fill": (giant("ConstantOfShape", ["s"], weights("s", [10**5, 10**5])), "ConstantOf"),
    "giant tile": (giant("Tile", ["pixels", "s"], weights("s", [1, 999, 999])), "numbers"),
    "giant expand": (giant("Expand", ["mean", "s"], weights("s", [10**5, 10**5])), "numbers"),
    "giant pad": (giant("Pad", ["pixels", "s"], weights("s", [0, 0, 0, 0, 9**5, 9**5])), "numbers"),
    "half a pad": (giant("Pad", ["mean", "s"], weights("s", [1])), "stopped"),
    "outer product": (
        giant(
            "MatMul",
            ["a", "b"],
            *(weights(n, np.ones(s), np.float32) for n, s in (("a", (9999, 1)), ("b", (1, 9999)))),
        ),
        "numbers",
    ),
    "size from the image": (giant("Expand", ["mean", "size"]), "fit together|fixed size"),
    "endless work": (deep, "multiplications"),
    "branch": (branch, "'If'"),
    "graph in an attribute": (hidden_graph, "more than numbers"),
    "100,000 attributes": (many_attributes, "more than numbers"),
    "another domain": (another_domain, "not standard"),
    "a function of its own": (function, "functions"),
    "fewer bytes than its shape": (fewer_bytes, "not as many"),
    "negative shape": (negative, "negative"),
    "text as weights": (text_tensor, "type"),
    "too many operators": (many_nodes, "5000 operators"),
    "shapes that lie": (lies_about_shapes, "numbers"),
    "two inputs": (other_input, "one image"),
    "three scores": (three_scores, "fit together"),
    "a circle": (loop_of_nodes, "fit together|fixed size|does not take"),
    "scores that are no numbers": (not_a_number, "another score"),
}


@pytest.mark.parametrize(("change", "why"), BAD_GRAPHS.values(), ids=list(BAD_GRAPHS))
def test_a_hostile_graph_is_refused(
    tmp_path: Path, change: Callable[[Any], None], why: str
) -> None:
    model = mean_grey()
    change(model)
    (tmp_path.parent / "secret.bin").write_bytes(bytes(8))
    text = refusal(written(tmp_path, model))
    assert any(part in text for part in why.split("|")), text


def test_a_hostile_graph_never_reaches_the_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_detector, "open_session", lambda model: pytest.fail("it was opened"))
    for name, (change, _) in BAD_GRAPHS.items():
        if name not in ("half a pad", "a circle", "scores that are no numbers"):
            model = mean_grey()
            change(model)
            refusal(written(tmp_path, model))


def test_settings_in_a_file_are_not_passed_on(tmp_path: Path) -> None:
    model = mean_grey()
    model.metadata_props.add(
        key="ort_config", value='{"session_options": {"log_severity_level": 0}}'
    )
    detector: Any = load_saved(written(tmp_path, model)).detector
    assert detector._session.get_modelmeta().custom_metadata_map == {}


# ------------------------------------------------------------ cards that are something else

BAD_CARDS: dict[str, tuple[str, str]] = {
    "no JSON": ("{", "no JSON"),
    "a list": ("[1]", "no JSON object"),
    "very deep": ("[" * 100_000, "no JSON"),
    "another version": (card(format=2), "not of version 1"),
    "no version": (card(format=None), "not of version 1"),
    "something more": (card(code="import os"), "'code'"),
    "something less": (card().replace('"normal"', '"usual"'), "lacks"),
    "threshold NaN": (card().replace("150.0", "NaN"), "NaN"),
    "threshold infinite": (card().replace("150.0", "1e999"), "not finite"),
    "threshold a text": (card(threshold="150"), "no number"),
    "threshold true": (card(threshold=True), "no number"),
    "threshold of 400 digits": (card(threshold=10**400), "too large"),
    "threshold of 5,000 digits": (card().replace("150.0", "9" * 5000), "no JSON"),
    "no validation scores": (card(scores_val=[]), "no validation scores"),
    "20,001 scores": (card(scores_val=[0] * 20_001), "at most 20,000"),
    "a million scores": (card(scores_val=[0] * 10**6), "characters"),
    "scores in a dict": (card(scores_anomaly={"0": 1}), "no list"),
    "title of 10,000 letters": (card(title="a" * 10_000), "no line of 1 to 200"),
    "title of two lines": (card(title="a\nb"), "no line"),
    "title with a bell": (card(title="\x07"), "no line"),
    "no title": (card(title=""), "no line"),
    "date": (card(date="<script>"), "no date"),
    "versions": (card(made_with={str(n): "1" for n in range(99)}), "no short list"),
    "another probe": (card(probe=PROBE_MEAN + 5), "another score"),
}


@pytest.mark.parametrize(("text", "why"), BAD_CARDS.values(), ids=list(BAD_CARDS))
def test_a_hostile_card_is_refused(tmp_path: Path, text: str, why: str) -> None:
    assert why in refusal(written(tmp_path, mean_grey(), text))


def test_ten_million_scores_are_refused(tmp_path: Path) -> None:
    text = card().replace("[100.0", "[" + "1," * 10_000_000 + "100.0")
    assert "beside its weights" in refusal(written(tmp_path, mean_grey(), text))


def test_a_graph_has_one_card(tmp_path: Path) -> None:
    assert "without the card" in refusal(written(tmp_path, mean_grey(), card(), card()))
    model = mean_grey()
    (tmp_path / "bare.onnx").write_bytes(model.SerializeToString())
    assert "without the card" in refusal(tmp_path / "bare.onnx")


def test_a_card_survives_its_journey() -> None:
    again = read_card(card())
    assert read_card(again.to_json()).to_json() == again.to_json()


# ------------------------------------------------------------ saving


def dense_gan() -> Any:
    """A small GAN as notebook 2 has it, untrained."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    from data_utils.gan import GanCopier, dense_networks

    class GanDetector(GanCopier):
        threshold = 1.5

        def __init__(self) -> None:
            torch.manual_seed(0)
            encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 8))
            super().__init__(dense_networks(8, seed=0), encoder, [])
            self.parts_val = self.error_parts(IMAGES)

        def anomaly_score(self, images: Any) -> Any:
            parts = zip(self.error_parts(images), self.parts_val, strict=True)
            return sum((part - usual.mean()) / usual.std() for part, usual in parts)

    return GanDetector()


@pytest.fixture(scope="module")
def gan() -> Any:
    """Made once; a test that changes it changes a copy."""
    return dense_gan()


def autoencoder(score: Callable[[Any, Any], Any]) -> Any:
    keras = pytest.importorskip("keras")
    from data_utils.detectors import KerasCopier
    from data_utils.images import network_input

    class AutoencoderDetector(KerasCopier):
        threshold = 0.25

        def anomaly_score(self, images: Any) -> Any:
            x = network_input(images)
            return score(x, x - self.copies(images))

    keras.utils.set_random_seed(0)
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *(layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization()),
            *(layers.LeakyReLU(), layers.MaxPooling2D(), layers.Dropout(0.5)),
            *(layers.Flatten(), layers.Dense(8), layers.Dense(14 * 14, activation="gelu")),
            *(layers.Reshape((14, 14, 1)), layers.UpSampling2D()),
            layers.Conv2DTranspose(1, 3, padding="same", activation="sigmoid"),
        ]
    )
    return AutoencoderDetector(network, [])


@pytest.mark.slow  # it imports TensorFlow
def test_a_saved_autoencoder_scores_and_draws_as_the_live_one(tmp_path: Path) -> None:
    pytest.importorskip("tf2onnx")
    detector = autoencoder(lambda x, wrong: (wrong**2).sum((1, 2, 3)) / (x**2).sum((1, 2, 3)))
    path = save_detector(
        detector,
        "nb1_autoencoder",
        x_val=IMAGES,
        normal="noise",
        x_normal=IMAGES[:7],
        x_anomaly=255 - IMAGES[:9],
        name="mine",
        folder=tmp_path / "new" / "folder",
    )
    assert path == tmp_path / "new" / "folder" / "mine.onnx"
    assert [p.name for p in path.parent.iterdir()] == ["mine.onnx"]  # nothing is left beside it
    served = load_saved(path)
    live = detector.anomaly_score(IMAGES)
    for scores in (served.scores_val, served.detector.anomaly_score(IMAGES)):
        assert np.allclose(scores, live, atol=1e-3 * live.std())
    assert (len(served.scores_normal), len(served.scores_anomaly)) == (7, 9)
    assert served.detector.threshold == 0.25
    judgement = served.judge(IMAGES[3])
    assert judgement.reconstruction is not None
    copy = judgement.reconstruction.astype(int)
    assert np.abs(copy - detector.reconstruct(IMAGES[3:4])[0]).max() <= 1
    assert judgement.heat is None
    assert (served.name, served.normal, served.title[-7:]) == ("mine", "noise", " (mine)")


@pytest.mark.slow  # it imports TensorFlow
def test_a_score_of_ones_own_is_not_saved(tmp_path: Path) -> None:
    detector = autoencoder(lambda x, wrong: (wrong**4).mean((1, 2, 3)))
    with pytest.raises(SavingError, match=r"score is your own.*explore\(detector"):
        save_detector(detector, 1, x_val=IMAGES, normal="noise", folder=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow  # it imports TensorFlow
def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = autoencoder(lambda x, wrong: abs(wrong).mean((1, 2, 3)))
    monkeypatch.setitem(__import__("sys").modules, "tf2onnx", None)
    with pytest.raises(SavingError, match=r"tf2onnx.*pip install '.\[explore\]'"):
        save_detector(detector, 1, x_val=IMAGES, normal="noise", folder=tmp_path)


def test_the_old_file_stays_where_the_new_one_fails(
    gan: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, mean_grey()).rename(tmp_path / "nb2.onnx")
    old = path.read_bytes()
    monkeypatch.setattr(saving, "graph_of", lambda recipe, heat: mean_grey())
    with pytest.raises(SavingError, match="scores x_val differently"):
        save_detector(gan, 2, x_val=IMAGES, normal="noise", folder=tmp_path)
    monkeypatch.setattr(saving, "_graph_like", lambda *_: (Recipe("", "", 0), mean_grey()))
    with pytest.raises(SavingError, match="'recipe' on its card"):
        save_detector(gan, 2, x_val=IMAGES, normal="noise", folder=tmp_path)
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["nb2.onnx"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"notebook": 5}, "no notebook 5"),
        ({"notebook": "nb9"}, "no notebook 'nb9'"),
        ({"notebook": 4}, "not the detector of nb4"),
        ({"notebook": 3}, "not the detector of nb3"),
        ({"notebook": 1}, "not the detector of nb1"),
        ({"detector": None}, "no detector to save yet"),
        ({"name": "../../x"}, "no name for a file"),
        ({"x_val": IMAGES[:19]}, "holds 19 images"),
        ({"x_val": IMAGES / 255}, "x_val is float64"),
        ({"x_anomaly": IMAGES[:, :9]}, r"shape \(40, 9, 28\)"),
    ],
)
def test_what_cannot_be_saved_is_refused_in_words(
    gan: Any, tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    wanted = {"detector": gan, "notebook": 2, "x_val": IMAGES, "normal": "a", "folder": tmp_path}
    with pytest.raises(CourseKitError, match=why):
        save_detector(**(wanted | changes))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("threshold", float("nan"), "threshold is nan"),
        ("anomaly_score", lambda images: np.full(len(images), np.nan), "one finite number"),
        ("anomaly_score", lambda images: np.zeros(len(images)), "all the same"),
        ("anomaly_score", lambda images: np.float64(3), "one finite number"),
    ],
)
def test_a_detector_that_does_not_work_is_not_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: Any, why: str
) -> None:
    detector = dense_gan()
    setattr(detector, name, value)
    if name == "threshold":  # found after the export, which the other tests are about
        monkeypatch.setattr(saving, "_graph_like", lambda *_: (Recipe("", "", 0), mean_grey()))
    with pytest.raises(SavingError, match=why):
        save_detector(detector, 2, x_val=IMAGES, normal="noise", folder=tmp_path)


def test_a_folder_that_cannot_be_made_is_named(
    gan: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr(saving, "_graph_like", lambda *_: (Recipe("a", "", 0), mean_grey()))
    with pytest.raises(SavingError, match="cannot be written"):
        save_detector(gan, 2, x_val=IMAGES, normal="noise", folder=tmp_path / "file" / "x")


def test_saved_files_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ANOMALY_COURSE_DETECTORS", raising=False)
    assert find_saved() == []
    for name in ("detectors/nb2.onnx", "detectors/nb1.onnx", "detectors/readme.txt", "own/a.onnx"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in find_saved()] == ["nb1.onnx", "nb2.onnx"]
    assert [path.name for path in find_saved(tmp_path / "own")] == ["a.onnx"]
    monkeypatch.setenv("ANOMALY_COURSE_DETECTORS", str(tmp_path / "own"))
    assert [path.name for path in find_saved()] == ["a.onnx"]
