"""Exercises 3.11 and 3.12: right answers pass however written, mistakes get the words."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from data_utils.selfcheck import nb3_freezing, nb3_heat  # noqa: E402
from data_utils.selfcheck.nb3_freezing import UNREAL  # noqa: E402
from data_utils.selfcheck.nb3_probes_features import (  # noqa: E402
    freeze_raw,
    maps_of_two,
    replayed,
)
from data_utils.selfcheck.nb3_visible_features import FEATURE_CHECKS  # noqa: E402
from data_utils.selfcheck.words import Found  # noqa: E402

nn = torch.nn

# ------------------------------------------------------------ freezing


def freeze(
    network: Any,
    frozen: Any,
    *,
    start: Callable[[Any], Any] = lambda network: network.train().requires_grad_(True),
    hold: Callable[[Any], Any] = lambda stage: stage.eval().requires_grad_(False),
    chosen: Callable[[Any, Any], Any] = lambda network, frozen: frozen,
    after: Callable[[Any], Any] = lambda network: None,
    finish: Callable[[Any, Any], Any] = lambda network, frozen: [
        weight for weight in network.parameters() if weight.requires_grad
    ],
) -> Any:
    """Freezing with every part open to change."""
    start(network)
    for name in chosen(network, frozen):
        hold(network.stages[name])
    after(network)
    return finish(network, frozen)


def stage_by_stage(network: Any, frozen: Any) -> Any:
    learning: list[Any] = []
    for name, stage in network.stages.items():
        stage.train(name not in frozen)
        for weight in stage.parameters():
            weight.requires_grad = name not in frozen
        learning += [] if name in frozen else list(stage.parameters())
    return tuple(learning)


def batch_norm_alone(network: Any, frozen: Any) -> Any:
    network.train()
    for name, weight in network.named_parameters():
        weight.requires_grad_(name.split(".")[1] not in frozen)
    for name in set(frozen):
        for module in network.stages[name].modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
    return {weight for weight in network.parameters() if weight.requires_grad}


def filtered(network: Any, frozen: Any) -> Any:
    freeze(network, frozen)
    return filter(lambda weight: weight.requires_grad, network.parameters())


freeze_with = functools.partial(functools.partial, freeze)


def not_named(network: Any, frozen: Any) -> list[str]:
    return [name for name in network.stages if name not in frozen]


def no_running_means(stage: Any) -> None:
    """Frozen by other means: the batch at hand still counts."""
    stage.requires_grad_(False)
    for module in stage.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.track_running_stats = False
            module.eval()
            module.running_mean = module.running_var = None


def batch_by_batch(stage: Any) -> None:
    """Statistics that stand still, and a stage that standardises by the batch all the same."""
    stage.requires_grad_(False)
    for module in stage.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.forward = lambda x: (x - x.mean((0, 2, 3), keepdim=True)) / x.std()


# ------------------------------------------------------------ heat maps


def weights_of(slopes: Any) -> Any:
    return slopes.mean(axis=(2, 3), keepdims=True)


def scaled(heat: Any, eps: float = 1e-12) -> Any:
    return heat / np.maximum(heat.max(axis=(1, 2), keepdims=True), eps)


def heat(maps: Any, slopes: Any) -> Any:
    return scaled(np.maximum((weights_of(slopes) * maps).sum(axis=1), 0))


def summed(total: Callable[[Any, Any], Any]) -> Any:
    """A heat map of another sum over channels."""
    return lambda maps, slopes: scaled(np.maximum(total(maps, slopes), 0))


def raw(maps: Any, slopes: Any) -> Any:
    return (weights_of(slopes) * maps).sum(axis=1)


def by_einsum(maps: Any, slopes: Any) -> Any:
    """The sum over positions: the size of the picture falls out when the map is scaled."""
    total = np.einsum("nc,nchw->nhw", slopes.sum(axis=(2, 3)), maps)
    total[total < 0] = 0
    return total / (total.max(axis=(1, 2))[:, None, None] + 1e-8)


def by_torch(maps: Any, slopes: Any) -> Any:
    a, g = (torch.tensor(part, dtype=torch.float32) for part in (maps, slopes))
    total = torch.relu((g.mean((2, 3), keepdim=True) * a).sum(1))
    return total / total.amax((1, 2), keepdim=True).clamp(min=1e-9)


def in_a_loop(maps: Any, slopes: Any) -> Any:
    found = []
    for image, slope in zip(maps, slopes, strict=True):
        total = sum(s.mean() * channel for s, channel in zip(slope, image, strict=True))
        total = total * (total > 0)
        found.append((total / total.max() if total.max() > 0 else total).tolist())
    return found


def min_max(maps: Any, slopes: Any) -> Any:
    total = np.maximum(raw(maps, slopes), 0)
    low, high = (f(total, axis=(1, 2), keepdims=True) for f in (np.min, np.max))
    return (total - low) / np.maximum(high - low, 1e-12)


# ------------------------------------------------------------ right answers

RIGHT: dict[str, list[Any]] = {
    "3.11": [freeze, stage_by_stage, filtered],
    "3.12": [heat, by_einsum, by_torch, in_a_loop],
}  # fmt: skip


@pytest.mark.parametrize(
    ("exercise", "function"), [(e, f) for e, functions in RIGHT.items() for f in functions]
)
def test_right_answers_pass_however_they_are_written(exercise: str, function: Any) -> None:
    FEATURE_CHECKS[exercise](function)


# ------------------------------------------------------------ mistakes

MISTAKES: list[tuple[str, Any, str]] = [
    ("3.11", freeze_with(hold=lambda s: s.requires_grad_(False)), "left in training mode"),
    ("3.11", freeze_with(after=lambda n: n.train()), "train() may have come after eval()"),
    ("3.11", batch_norm_alone, "batch norm alone was put into evaluation mode"),
    ("3.11", freeze_with(hold=lambda s: s.eval()), "requires_grad is still True there"),
    ("3.11", freeze_with(hold=lambda s: s[0][0].eval().requires_grad_(False)), "only some kinds"),
    ("3.11", freeze_with(hold=batch_by_batch), "changed the layers themselves"),
    ("3.11", freeze_with(hold=no_running_means), "changed the layers themselves"),
    ("3.11", freeze_with(chosen=lambda n, f: list(f)[:1]), "the loop ends too early"),
    ("3.11", freeze_with(chosen=not_named), "it is the other way round"),
    ("3.11", freeze_with(chosen=lambda n, f: n.stages), "everything is frozen"),
    ("3.11", freeze_with(start=lambda n: n.train()), "never were set free|everything is frozen"),
    ("3.11", freeze_with(start=lambda n: n.requires_grad_(True)), "never put into training mode"),
    ("3.11", freeze_with(after=lambda n: n.eval()), "eval() was called on all of it"),
    ("3.11", freeze_with(finish=lambda n, f: list(n.parameters())), "the frozen ones are in it"),
    ("3.11", freeze_with(finish=lambda n, f: 2 * list(filtered(n, f))), "there twice"),
    ("3.11", freeze_with(finish=lambda n, f: list(filtered(n, f))[1:]), "are missing"),
    ("3.11", freeze_with(finish=lambda n, f: [w for w in n.parameters() if not w.requires_grad]),
     "these are the frozen ones"),
    ("3.11", freeze_with(finish=lambda n, f: list(n.named_parameters())), "pairs with names"),
    ("3.11", freeze_with(finish=lambda n, f: dict(n.named_parameters())), "without their names"),
    ("3.11", freeze_with(finish=lambda n, f: [{"params": list(n.parameters())}]), "or groups"),
    ("3.11", freeze_with(finish=lambda n, f: [w.clone() for w in n.parameters()]), "copies or"),
    ("3.11", freeze_with(finish=lambda n, f: n), "a list of parameters"),
    ("3.11", freeze_with(finish=lambda n, f: None), "the return is missing"),
    ("3.11", freeze_with(finish=lambda n, f: []), "nothing is left"),
    ("3.12", lambda m, s: scaled(np.maximum(weights_of(s) * m, 0).sum(1)), "came before the sum"),
    ("3.12", lambda m, s: scaled(abs(raw(m, s))), "absolute values"),
    ("3.12", lambda m, s: np.maximum(raw(m, s), 0), "not divided by their largest"),
    ("3.12", lambda m, s: np.maximum(raw(m, s), 0) / raw(m, s).max(), "one common maximum"),
    ("3.12", min_max, "the smallest value was subtracted"),
    ("3.12", lambda m, s: scaled(raw(m, s)), "the relu is missing"),
    ("3.12", lambda m, s: scaled(heat(m, s)) * 255, "scaled to 255"),
    ("3.12", summed(lambda m, s: -raw(m, s)), "the sign is turned"),
    ("3.12", summed(lambda m, s: (s * m).sum(1)), "each position has its own slope"),
    ("3.12", summed(lambda m, s: (s.max((2, 3), keepdims=True) * m).sum(1)), "the largest slopes"),
    ("3.12", summed(lambda m, s: (abs(weights_of(s)) * m).sum(1)), "lost their signs"),
    ("3.12", summed(lambda m, s: (np.maximum(weights_of(s), 0) * m).sum(1)), "were set to 0"),
    ("3.12", summed(lambda m, s: (s.mean((0, 2, 3)).reshape(1, -1, 1, 1) * m).sum(1)), "images"),
    ("3.12", summed(lambda m, s: (s.mean(1, keepdims=True) * m).sum(1)), "over the channels"),
    ("3.12", summed(lambda m, s: m.sum(1)), "the slopes are not in it"),
    ("3.12", summed(lambda m, s: s.sum(1)), "the maps are not in it"),
    ("3.12", summed(lambda m, s: raw(s, m)), "maps and slopes are swapped"),
    ("3.12", lambda m, s: weights_of(s) * m, "the sum over the channels (axis 1) is missing"),
    ("3.12", lambda m, s: (weights_of(s) * m).sum(1, keepdims=True), "channel axis is still there"),
    ("3.12", lambda m, s: raw(m, s).swapaxes(1, 2), "height and width are swapped"),
    ("3.12", lambda m, s: (weights_of(s) * m).sum(2), "not over the channels"),
    ("3.12", lambda m, s: raw(m, s).sum(), "all axes were added up"),
    ("3.12", lambda m, s: heat(m, s) / (heat(m, s).max((1, 2), keepdims=True) > 0), "of zeros"),
    ("3.12", lambda m, s: None, "None"),
]  # fmt: skip


@pytest.mark.parametrize(("exercise", "function", "words"), MISTAKES)
def test_a_typical_mistake_is_named(exercise: str, function: Any, words: str) -> None:
    with np.errstate(all="ignore"), pytest.raises(Found) as caught:
        FEATURE_CHECKS[exercise](function)
    assert any(word in str(caught.value) for word in words.split("|"))
    assert len(caught.value.finding.lines()) <= 5  # with the headline at most six


# ------------------------------------------------------------ what the probes see


QUESTIONS = (
    nb3_freezing.frozen_statistics,
    nb3_freezing.frozen_weights,
    nb3_freezing.others_learn,
    nb3_freezing.returned_learn,
    nb3_freezing.frozen_modes,
)
NAMES = ["a", "b", "c"]


def report(function: Any, frozen: list[str], before: str = "training") -> Any:
    raw = freeze_raw(function, NAMES, frozen, 5, before)
    fresh = replayed(NAMES, 5, raw["returned"] or [], raw["learns"], raw["modes"])
    return nb3_freezing.report_of(raw, fresh, NAMES, frozen)


def test_a_mistake_in_freezing_costs_its_own_questions() -> None:
    """Each of these stumbles over one question, so that it is paid for once."""
    alone = {
        2: freeze_with(after=lambda n: n.stages["c"].eval()),
        3: freeze_with(finish=lambda n, f: list(n.parameters())),
        4: batch_norm_alone,
    }
    for number, function in alone.items():
        found = [question(report(function, ["a"])) is not None for question in QUESTIONS]
        assert found == [place == number for place in range(5)]


def test_numbers_that_no_network_gave_are_no_report() -> None:
    """Whatever stands in the place of what was measured: words, and no exception."""
    raw = freeze_raw(freeze, NAMES, ["a"], 5, "training")
    state = (raw["returned"], raw["learns"], raw["modes"])
    fresh = replayed(NAMES, 5, *state)
    assert nb3_freezing.raw_form(raw, [6] * 3, 9) is None
    for odd in (None, 1, "x", [], {}, np.zeros(3), [[None]], 2.0**900):
        assert nb3_freezing.raw_form(odd, [6] * 3, 9) is not None
        for name in ("after", "outputs"):
            assert nb3_freezing.report_of(raw | {name: odd}, fresh, NAMES, ["a"]) == UNREAL
        for name in ("learns", "modes"):
            assert nb3_freezing.raw_form(raw | {name: odd}, [6] * 3, 9) is not None
    other = freeze_raw(freeze, NAMES, ["b"], 5, "training")
    assert nb3_freezing.report_of(raw | {"after": other["after"]}, fresh, NAMES, ["a"]) == UNREAL


def test_maps_of_two_networks_differ_as_they_should() -> None:
    x = np.random.default_rng(3).normal(size=(3, 3, 32, 32)).astype(np.float32)
    maps = [heat(*given) for given in maps_of_two(x, "edges", 4)]
    assert nb3_heat.heat_follows_weights(*maps, tuple(maps)) is None
    stuck = nb3_heat.heat_follows_weights(maps[0], maps[0], tuple(maps))
    assert stuck is not None
    assert "do not change at all" in stuck.got
    wrong = nb3_heat.heat_follows_weights(maps[1], maps[0], tuple(maps))
    assert wrong is not None
    assert "-1.00" in wrong.got
