"""The detector of each notebook's solution: saved, loaded without its notebook, compared."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.masters import design_namespace
from data_utils.datasets import load_mnist
from data_utils.explorer.saving import load_saved, save_detector
from data_utils.explorer.served import Served
from data_utils.metrics import auroc
from data_utils.splits import nine_vs_one, one_vs_rest

for module in ("onnx", "onnxruntime", "onnxscript"):
    pytest.importorskip(module)

pytestmark = pytest.mark.slow

NORMAL_DIGIT, UNKNOWN_DIGIT, SEED = 8, 9, 0
NINE_NORMAL = ("nb1_autoencoder", "nb3_resnet_transfer")
ONE_NORMAL = ("nb2_gan_detector", "nb4_geometric_transforms")


@dataclass(frozen=True)
class Pair:
    """A detector and what was saved of it."""

    live: Any
    served: Served
    split: Any
    path: Path


@pytest.fixture(scope="module", params=NINE_NORMAL + ONE_NORMAL)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    notebook_id = request.param
    if notebook_id == "nb1_autoencoder":
        pytest.importorskip("tf2onnx")
    data = load_mnist("embedded")
    split: Any = one_vs_rest(data.images, data.labels, normal_digit=NORMAL_DIGIT, seed=SEED)
    if notebook_id in NINE_NORMAL:
        split = nine_vs_one(data.images, data.labels, anomaly_digit=UNKNOWN_DIGIT, seed=SEED)
    split = replace(split, x_val=split.x_val[:100], x_anomaly=split.x_anomaly[:50])
    fit = design_namespace(notebook_id)["fit_detector"]
    live = fit(split.x_train[:1000], split.x_val, SEED, budget="quick")
    path = save_detector(
        live,
        notebook_id,
        x_val=split.x_val,
        normal="some digits",
        x_normal=split.x_test[:50],
        x_anomaly=split.x_anomaly,
        folder=tmp_path_factory.mktemp("detectors"),
    )
    return Pair(live, load_saved(path), split, path)


def test_it_scores_as_the_live_one(pair: Pair) -> None:
    for images in (pair.split.x_val, pair.split.x_test[:20], pair.split.x_anomaly):
        live = np.asarray(pair.live.anomaly_score(images), dtype=float)
        found = pair.served.detector.anomaly_score(images)
        assert np.abs(found - live).max() < 0.01 * live.std()
    assert pair.served.detector.threshold == pytest.approx(pair.live.threshold)
    assert auroc(pair.served.scores_normal, pair.served.scores_anomaly) > 0.6


def test_it_draws_as_the_live_one(pair: Pair) -> None:
    images = pair.split.x_anomaly[:5]
    for method, most in (("reconstruct", 1), ("explain", 0.02)):
        draw = getattr(pair.live, method, None)
        copy = getattr(pair.served.detector, method)
        assert (draw is None) == (copy is None)
        if draw is not None:
            assert np.abs(copy(images).astype(float) - draw(images)).max() <= most


def test_it_judges_an_image(pair: Pair) -> None:
    judgement = pair.served.judge(pair.split.x_test[0])
    assert np.isfinite(judgement.score)
    assert 0 <= judgement.percentile <= 100


def simplified(log_p: Any, alphas: Any) -> Any:
    """The score that some learners keep, in place of the Dirichlet score."""
    del alphas
    return -np.exp(log_p[:, np.arange(log_p.shape[1]), np.arange(log_p.shape[1])]).mean(axis=1)


@pytest.mark.parametrize("transposed", [False, True])
def test_another_score_keeps_its_heat_map_where_it_can_be_written(
    tmp_path: Path, transposed: bool
) -> None:
    """ONNX has no gradients, and not every layer's slope is written as a graph."""
    torch = pytest.importorskip("torch")
    names = design_namespace("nb4_geometric_transforms")
    names["dirichlet_score"] = simplified
    torch.manual_seed(SEED)
    transforms = names["TRANSFORMS"]["quick"]
    layer = torch.nn.ConvTranspose2d if transposed else torch.nn.Conv2d
    network = torch.nn.Sequential(
        *(layer(1, 2, 3, stride=2), torch.nn.ELU(), torch.nn.MaxPool2d(2)),
        *(torch.nn.AvgPool2d(2, 1), torch.nn.Flatten(), torch.nn.LazyLinear(len(transforms))),
    )
    network(torch.zeros(1, 1, 28, 28))
    alphas = np.random.default_rng(SEED).uniform(1, 3, (len(transforms),) * 2)
    live = names["ExplainedDetector"](network, transforms, alphas, [])
    live.threshold = 0.0
    images = load_mnist("embedded").images[:30]
    served = load_saved(save_detector(live, 4, x_val=images, normal="digits", folder=tmp_path))
    assert served.detector.anomaly_score(images) == pytest.approx(live.anomaly_score(images))
    heat = served.judge(images[0]).heat
    assert (heat is None) == transposed
    if heat is not None:
        assert np.allclose(heat, live.explain(images[:1])[0], atol=0.02)
