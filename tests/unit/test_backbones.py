"""Pretrained networks: their stages, their features, and random weights that follow a seed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from data_utils import backbones  # noqa: E402
from data_utils.backbone_weights import (  # noqa: E402
    FALLBACK,
    WEIGHTS,
    find_weights,
    read_weights,
)
from data_utils.backbones import BACKBONES, LAYERS, load_backbone  # noqa: E402
from data_utils.errors import ImageFormatError, WeightsError  # noqa: E402
from data_utils.vision import import_torchvision  # noqa: E402

pytestmark = pytest.mark.slow  # builds ResNets and loads pretrained networks

WIDTHS = {
    "resnet50": (256, 512, 1024, 2048),
    "resnet18": (64, 128, 256, 512),
    "efficientnet_lite0": (24, 40, 112, 1280),
}
each = pytest.mark.parametrize("name", BACKBONES)


@pytest.fixture(scope="module")
def lite() -> Any:
    """The pretrained one; whoever changes it takes a copy."""
    return load_backbone("efficientnet_lite0")


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No weights but those of the package, whatever this machine has."""
    for name in ("ANOMALY_COURSE_WEIGHTS", "ANOMALY_COURSE_BACKBONE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch_home"))


def batch(count: int, size: int = 32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 3, size, size)).astype(np.float32)


# ------------------------------------------------------------------- stages


@each
def test_stages_have_the_widths_of_their_papers_and_halve_the_picture(name: str) -> None:
    backbone = load_backbone(name, pretrained=False)
    assert tuple(backbone.stages) == ("stem", *LAYERS)
    sides = []
    with torch.no_grad():
        for layer, width in zip(LAYERS, WIDTHS[name], strict=True):
            maps = backbone.maps(torch.as_tensor(batch(2, 64)), layer)
            assert maps.shape[:2] == (2, width)
            sides.append(maps.shape[2:])
    assert sides == [(16, 16), (8, 8), (4, 4), (2, 2)]


@each
def test_a_stage_goes_on_where_another_one_ended(name: str) -> None:
    backbone, x = load_backbone(name, pretrained=False), torch.as_tensor(batch(2))
    with torch.no_grad():
        whole = backbone.maps(x, "last")
        in_two = backbone.maps(backbone.maps(x, "parts"), "last", start="parts")
    assert torch.equal(whole, in_two)


@pytest.mark.parametrize("name", ["resnet50", "resnet18"])
def test_a_resnet_is_torchvisions_own_without_its_classifier(name: str) -> None:
    whole = getattr(import_torchvision().models, name)(weights=None).eval()
    whole.fc = torch.nn.Identity()
    backbone = backbones._finished(name, whole, "")
    x = torch.as_tensor(batch(3, 64))
    with torch.no_grad():
        assert torch.allclose(backbone(x), whole(x), atol=1e-5)


def test_lite_is_timms_own_without_its_classifier(lite: Any) -> None:
    network = _whole_lite()
    x = torch.as_tensor(batch(4, 64))
    with torch.no_grad():
        own = network.forward_head(network.forward_features(x), pre_logits=True)
        assert torch.allclose(lite(x), own, atol=1e-5)
    assert np.allclose(lite.features(batch(4, 64), "last"), own, atol=1e-5)


def test_the_weights_of_lite_know_a_photograph() -> None:
    """That they were put into their places is seen by what the whole network says."""
    sklearn = pytest.importorskip("sklearn.datasets")
    picture = sklearn.load_sample_image("china.jpg")[:, 100:527] / 255  # a temple
    x = torch.as_tensor((picture - 0.5) / 0.5, dtype=torch.float32).permute(2, 0, 1)[None]
    x = torch.nn.functional.interpolate(x, size=(224, 224), mode="bilinear", antialias=True)
    with torch.no_grad():
        likely = _whole_lite()(x)[0].topk(3).indices.tolist()
    assert set(likely) & {663, 698, 832}  # monastery, palace, stupa


def _whole_lite() -> Any:
    network = backbones._built("efficientnet_lite0", 0)
    path = find_weights("efficientnet_lite0")
    assert path is not None
    backbones._fill(network, read_weights("efficientnet_lite0", path), "efficientnet_lite0", "")
    return network.eval()


# ----------------------------------------------------------------- features


@pytest.mark.parametrize("layer", LAYERS)
def test_features_are_the_means_of_the_maps(lite: Any, layer: str) -> None:
    x = batch(5)
    with torch.no_grad():
        means = lite.maps(torch.as_tensor(x), layer).mean(dim=(2, 3)).numpy()
    features = lite.features(x, layer)
    assert features.dtype == np.float32
    assert np.allclose(features, means, atol=1e-6)


@each
def test_features_do_not_depend_on_company(name: str) -> None:
    backbone, x = load_backbone(name, pretrained=False), batch(backbones.BATCH + 2)
    whole = backbone.features(x)
    order = np.random.default_rng(1).permutation(len(x))
    assert np.allclose(backbone.features(x[order]), whole[order], atol=1e-5)
    assert np.allclose(backbone.features(x[-1:]), whole[-1:], atol=1e-5)


def test_features_leave_modes_and_running_means_as_they_were() -> None:
    backbone = load_backbone("resnet18", pretrained=False)
    backbone.train()
    backbone.stages["edges"].eval()
    modes = [module.training for module in backbone.modules()]
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    in_training = backbone.features(batch(4))
    assert [module.training for module in backbone.modules()] == modes
    assert all(torch.equal(value, before[n]) for n, value in backbone.state_dict().items())
    backbone.eval()
    assert np.array_equal(in_training, backbone.features(batch(4)))
    backbone.train()
    backbone.stages["last"].register_forward_hook(_fail)
    with pytest.raises(RuntimeError, match="on purpose"):
        backbone.features(batch(2), "last")
    assert all(module.training for module in backbone.modules())


def _fail(*_: Any) -> None:
    raise RuntimeError("on purpose")


def test_features_take_tensors_other_floats_and_no_images_at_all(lite: Any) -> None:
    x = batch(3)
    usual = lite.features(x)
    assert np.array_equal(lite.features(torch.as_tensor(x)), usual)
    assert np.array_equal(lite.features(x.astype(np.float64)), usual)
    assert lite.features(x[:0]).shape == (0, 112)


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((2, 28, 28), np.uint8),
        np.zeros((2, 3, 32, 32), np.uint8),
        np.zeros((2, 1, 32, 32), np.float32),
        np.zeros((2, 32, 32, 3), np.float32),
        np.zeros((3, 32, 32), np.float32),
    ],
)
def test_what_no_backbone_can_read_is_refused_in_words(lite: Any, x: np.ndarray) -> None:
    with pytest.raises(ImageFormatError, match="to_backbone"):
        lite.features(x)


def test_an_unknown_layer_or_backbone_is_one_sentence(lite: Any) -> None:
    with pytest.raises(WeightsError, match="no layer 'conv1'; there are edges, parts"):
        lite.features(batch(1), "conv1")
    with pytest.raises(WeightsError, match="no backbone 'vgg16'; there are resnet50"):
        load_backbone("vgg16")


# ----------------------------------------------------------- random weights


@each
def test_random_weights_follow_the_seed_alone(name: str) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = load_backbone(name, pretrained=False, seed=1)
    assert torch.equal(torch.rand(3), expected)  # torch's own generator goes on as before
    torch.manual_seed(99)
    again, other = (load_backbone(name, pretrained=False, seed=seed) for seed in (1, 2))
    pairs = zip(first.parameters(), again.parameters(), other.parameters(), strict=True)
    same, different = zip(
        *((torch.equal(a, b), torch.equal(a, c)) for a, b, c in pairs), strict=True
    )
    assert all(same)
    assert not all(different)
    assert first.source == "random weights (seed 1)"
    assert not first.training


def test_pretrained_is_not_random_and_the_same_every_time(lite: Any) -> None:
    x = batch(2)
    assert np.array_equal(lite.features(x), load_backbone("efficientnet_lite0", seed=3).features(x))
    random_one = load_backbone("efficientnet_lite0", pretrained=False)
    assert not np.allclose(lite.features(x), random_one.features(x))
    assert lite.source == f"trained on ImageNet ({WEIGHTS[FALLBACK].name})"
    assert not lite.training
