"""Slopes for Grad-CAM and the fine-tuning loop; and ResNet-50's own path, without weights."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from data_utils.backbones import LAYERS, load_backbone  # noqa: E402
from data_utils.transfer import fine_tune, maps_and_slopes  # noqa: E402

pytestmark = pytest.mark.slow  # loads pretrained networks and trains them

nn = torch.nn


def images_of(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 3, 32, 32)).astype(np.float32)


@pytest.fixture(scope="module")
def resnet50() -> Any:
    """Built once; whoever changes it takes a copy."""
    return load_backbone("resnet50", pretrained=False)


# ------------------------------------------------------------ maps and slopes


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_lite0"])
@pytest.mark.parametrize(("cam_layer", "layer"), [("edges", "middle"), ("parts", "last")])
def test_slopes_are_those_of_finite_differences(name: str, cam_layer: str, layer: str) -> None:
    """In double precision, at six places of the maps of two images."""
    backbone = load_backbone(name, pretrained=False, seed=3).double()
    rng = np.random.default_rng(4)
    x = images_of(5, 2)
    weights = rng.normal(size=backbone.features(x, layer).shape[1])
    maps, slopes = maps_and_slopes(backbone, x, weights, cam_layer, layer)
    assert maps.shape == slopes.shape

    def scores(changed: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            features = backbone.maps(torch.as_tensor(changed), layer, start=cam_layer)
        return features.mean(dim=(2, 3)).numpy() @ weights

    for _ in range(6):
        place = (slice(None), *(rng.integers(size) for size in maps.shape[1:]))
        up, down = maps.copy(), maps.copy()
        up[place] += 1e-5
        down[place] -= 1e-5
        slope = (scores(up) - scores(down)) / 2e-5
        assert np.allclose(slope, slopes[place], rtol=1e-3, atol=1e-5 * np.abs(slopes).max())


def test_slopes_at_the_layer_of_the_features_itself() -> None:
    """A feature is a mean over positions: each position has its share of the weight."""
    backbone = load_backbone("resnet18", pretrained=False)
    weights = np.random.default_rng(6).normal(size=256)
    maps, slopes = maps_and_slopes(backbone, images_of(7, 3), weights, "middle")
    assert maps.shape == (3, 256, 2, 2)
    assert np.allclose(slopes, np.broadcast_to(weights[:, None, None] / 4, slopes.shape))
    assert np.allclose(maps.mean(axis=(2, 3)), backbone.features(images_of(7, 3), "middle"))


def test_maps_do_not_depend_on_company_and_nothing_is_left_behind() -> None:
    backbone = load_backbone("resnet18", pretrained=False)
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    x, weights = images_of(8, 130), np.ones(256, np.float32)  # more than are looked at at once
    backbone.train()
    maps, slopes = maps_and_slopes(backbone, x, weights, "edges")
    alone = maps_and_slopes(backbone, x[129:], weights, "edges")
    assert maps.shape == slopes.shape == (130, 64, 8, 8)
    assert maps.dtype == slopes.dtype == np.float32
    assert np.allclose(maps[129:], alone[0], atol=1e-4)
    assert np.allclose(slopes[129:], alone[1], atol=1e-4)
    assert all(torch.equal(value, before[n]) for n, value in backbone.state_dict().items())
    assert all(weight.grad is None for weight in backbone.parameters())


# ------------------------------------------------------------ fine-tuning


def frozen_but(*learning: str) -> Callable[[Any], list[Any]]:
    """Return what sets up a backbone with a head, all stages frozen but these."""

    def prepare(body: Any) -> list[Any]:
        body.train()
        for name, stage in body[0].stages.items():
            stage.train(name in learning).requires_grad_(name in learning)
        return [weight for weight in body.parameters() if weight.requires_grad]

    return prepare


def body_of(backbone: Any, width: int) -> Any:
    """A backbone with a head of one node, always the same one."""
    torch.manual_seed(0)
    return nn.Sequential(backbone, nn.Linear(width, 1))


def bright_and_dark(count: int, odd: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise, darker where the label is 1."""
    labels = np.repeat([0, 1], [count, odd])
    return images_of(9, count + odd) - 2 * labels[:, None, None, None].astype(np.float32), labels


def state_of(module: Any) -> dict[str, Any]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def unchanged(module: Any, before: dict[str, Any]) -> bool:
    """Weights, running means and the count of batches, bit for bit."""
    return all(torch.equal(value, before[n]) for n, value in module.state_dict().items())


def test_fine_tuning_learns_and_leaves_what_is_frozen() -> None:
    body = body_of(load_backbone("resnet18", pretrained=False), 512)
    before = {name: state_of(stage) for name, stage in body[0].stages.items()}
    x, labels = bright_and_dark(40, 6)
    losses = fine_tune(body, frozen_but("last"), x, labels, steps=12, seed=1, batch=16)
    assert len(losses) == 12
    assert np.mean(losses[-3:]) < 0.6 * losses[0]
    same = {name: unchanged(stage, before[name]) for name, stage in body[0].stages.items()}
    assert same == {name: name != "last" for name in ("stem", *LAYERS)}
    last = body[0].stages["last"].state_dict()
    means = [name for name in last if name.endswith("running_mean")]
    assert means
    assert not any(torch.equal(last[name], before["last"][name]) for name in means)
    assert not any(module.training for module in body.modules())  # ready to judge images
    with torch.no_grad():
        logits = body(torch.as_tensor(x))[:, 0].numpy()
    assert logits[labels == 1].min() > logits[labels == 0].mean()


def test_fine_tuning_follows_its_seed() -> None:
    x, labels = bright_and_dark(20, 3)
    runs = []
    for seed, disturbance in ((1, 5), (1, 6), (2, 5)):
        body = body_of(load_backbone("resnet18", pretrained=False), 512)
        torch.manual_seed(disturbance)
        runs.append(fine_tune(body, frozen_but("last"), x, labels, steps=3, seed=seed, batch=8))
    assert runs[0] == pytest.approx(runs[1], rel=1e-4)
    assert runs[0] != pytest.approx(runs[2], rel=1e-4)


class Watching(nn.Module):
    """One weight; remembers the mean of each image of each batch."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.weight, self.drop = nn.Parameter(torch.ones(1)), nn.Dropout(dropout)
        self.seen: list[Any] = []

    def forward(self, x: Any) -> Any:
        self.seen.append(x.mean(dim=(1, 2, 3)))
        return (self.weight * self.drop(self.seen[-1]))[:, None]


@pytest.mark.parametrize(("odd", "dark"), [(3, 8), (0, 0)])
def test_a_quarter_of_each_batch_shows_anomalies_if_there_are_any(odd: int, dark: int) -> None:
    x, labels = bright_and_dark(50, odd)
    network = Watching()
    losses = fine_tune(network, lambda n: n.parameters(), x, labels, steps=4, seed=0)
    assert [int((means < -1).sum()) for means in network.seen] == [dark] * 4
    assert np.isfinite(losses).all()


def test_each_step_is_one_step_of_adam_on_its_own_batch() -> None:
    x, labels = bright_and_dark(30, 5)
    network, again = Watching(), nn.Parameter(torch.ones(1))
    fine_tune(network, lambda n: n.parameters(), x, labels, steps=6, seed=0)
    adam = torch.optim.Adam([again], lr=1e-3)
    for means in network.seen:
        targets = (means < -1).float()
        loss = nn.functional.binary_cross_entropy_with_logits(again * means, targets)
        (again.grad,) = torch.autograd.grad(loss, again)
        adam.step()
    assert torch.allclose(network.weight, again, atol=1e-6)


def test_what_a_network_draws_follows_the_seed_too() -> None:
    x, labels = bright_and_dark(30, 5)
    runs = []
    for disturbance in (5, 6):
        torch.manual_seed(disturbance)
        network = Watching(dropout=0.5)
        runs.append(fine_tune(network, lambda n: n.parameters(), x, labels, steps=3, seed=0))
    assert runs[0] == runs[1]


def test_fine_tuning_without_anomalies_calls_everything_normal() -> None:
    body = body_of(load_backbone("resnet18", pretrained=False), 512)
    x = images_of(10, 24)
    losses = fine_tune(body, frozen_but("last"), x, np.zeros(24), steps=8, seed=1, batch=16)
    assert losses[-1] < 0.7 * losses[0]
    with torch.no_grad():
        assert body(torch.as_tensor(x)).max() < 0


# ------------------------------------------------------------ ResNet-50's own path


def test_resnet50_has_the_papers_structure(resnet50: Any) -> None:
    """Bottleneck blocks, 3 + 4 + 6 + 3; all weights but those of the classifier; no classifier."""
    assert list(resnet50.stages) == ["stem", *LAYERS]
    assert [len(resnet50.stages[layer]) for layer in LAYERS] == [3, 4, 6, 3]
    assert (
        sum(weight.numel() for weight in resnet50.parameters()) == 25_557_032 - 2048 * 1000 - 1000
    )
    assert not any(isinstance(module, nn.Linear) for module in resnet50.modules())
    assert not resnet50.training
    assert resnet50.std == (0.229, 0.224, 0.225)


def test_resnet50_gives_the_features_of_every_layer(resnet50: Any) -> None:
    x = images_of(11, 3)
    widths = dict(zip(LAYERS, (256, 512, 1024, 2048), strict=True))
    for layer, width in widths.items():
        features = resnet50.features(x, layer)
        assert features.shape == (3, width)
        assert np.isfinite(features).all()
        assert features.std(axis=0).max() > 0
    with torch.no_grad():
        whole = resnet50(torch.as_tensor(x)).numpy()
    assert np.allclose(whole, features, atol=1e-4)


def test_resnet50_learns_by_a_head_of_one_node_and_keeps_its_frozen_stages(resnet50: Any) -> None:
    """As in the paper: a sigmoid node on 2,048 features. Only the last stage learns beside it."""
    body = body_of(copy.deepcopy(resnet50), 2048)
    x, labels = bright_and_dark(12, 4)
    with torch.no_grad():
        assert body(torch.as_tensor(x[:3])).shape == (3, 1)
    before = {name: state_of(stage) for name, stage in body[0].stages.items()}
    losses = fine_tune(body, frozen_but("last"), x, labels, steps=3, seed=2, batch=8)
    assert np.isfinite(losses).all()
    same = {name: unchanged(stage, before[name]) for name, stage in body[0].stages.items()}
    assert same == {name: name != "last" for name in ("stem", *LAYERS)}


def test_resnet50_learns_as_a_whole(resnet50: Any) -> None:
    body = body_of(copy.deepcopy(resnet50), 2048)
    before = {name: state_of(stage) for name, stage in body[0].stages.items()}
    x, labels = bright_and_dark(6, 2)
    fine_tune(body, frozen_but("stem", *LAYERS), x, labels, steps=1, seed=2, batch=4)
    assert not any(unchanged(stage, before[name]) for name, stage in body[0].stages.items())


@pytest.mark.parametrize(("layer", "shape"), [("edges", (256, 8, 8)), ("middle", (1024, 2, 2))])
def test_resnet50_gives_maps_and_slopes(
    resnet50: Any, layer: str, shape: tuple[int, int, int]
) -> None:
    weights = np.random.default_rng(12).normal(size=1024)
    maps, slopes = maps_and_slopes(resnet50, images_of(13, 2), weights, layer)
    assert maps.shape == slopes.shape == (2, *shape)
    other = load_backbone("resnet50", pretrained=False, seed=1) if layer == "edges" else None
    if other is not None:  # other weights, other maps: what a heat map must show
        assert not np.allclose(maps_and_slopes(other, images_of(13, 2), weights, layer)[0], maps)
    heat = np.maximum((slopes.mean(axis=(2, 3), keepdims=True) * maps).sum(axis=1), 0)
    assert heat.max() > 0
    assert heat.std() > 0
