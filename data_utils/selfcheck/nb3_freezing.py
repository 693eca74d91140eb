"""Exercise 3.11: what can be wrong with freezing stages. Judges what `nb3_probes_features` saw."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.words import Finding

Measured = dict[str, Any]
STILL = 1e-5  # an output of about 1 that was worked out twice; batch statistics move it by 0.1
ORDER = "network.train().requires_grad_(True) first, then eval() and requires_grad_(False) for each"
UNREAL = Finding(
    "a network that does what its modes and its requires_grad say",
    "other weights, statistics or outputs after some steps of training",
    "freeze changed the layers themselves, or something else than the network was measured",
    "use train(), eval() and requires_grad_() alone, and leave the layers as they are",
)


def report_of(
    raw: Any, fresh: Mapping[str, Any], names: list[str], frozen: list[str]
) -> Measured | Finding:
    """Put together what was seen, or say that it is not what such a network does.

    Parameters
    ----------
    raw : object
        Of `nb3_probes_features.freeze_raw`, by the learner's function.
    fresh : mapping
        Of `nb3_probes_features.replayed`, for the modes and flags in `raw`: no code of the
        learner's took part in it.
    names, frozen : list of str

    Returns
    -------
    dict
        ``kind``, ``returned``, ``frozen``; ``stages``: for each its ``places`` among the
        parameters; the share of its weights that ``learns``; the share of its modules that is
        in training mode (``trains``); how far its ``weights`` and stored ``statistics`` moved,
        and its ``output`` from that in evaluation mode.
    """
    after, outputs = _flat(raw["after"]), _flat(raw["outputs"])
    if not _alike(after, _flat(fresh["after"])) or not _alike(outputs, _flat(fresh["outputs"])):
        return UNREAL
    moved = [_apart(a, b) for a, b in zip(after, _flat(fresh["start"]), strict=True)]
    stages = {}
    for number, name in enumerate(names):
        places, modes = list(fresh["places"][number]), list(raw["modes"][number])
        stages[name] = {
            "places": places,
            "learns": sum(bool(raw["learns"][place]) for place in places) / len(places),
            "trains": sum(map(bool, modes)) / len(modes),
            "weights": moved[2 * number],
            "statistics": moved[2 * number + 1],
            "output": _apart(outputs[number], _flat(fresh["still"])[number]),
        }
    returned = None if raw["returned"] is None else [int(place) for place in raw["returned"]]
    kind = str(raw["kind"])[:60]
    return {"kind": kind, "returned": returned, "stages": stages, "frozen": list(frozen)}


def raw_form(raw: Any, stages: list[int], weights: int) -> Finding | None:
    """What was measured has its form; anything else did not come from the measurement.

    Parameters
    ----------
    raw : object
    stages : list of int
        How many modules each stage has.
    weights : int
        How many parameters the network has.
    """
    fits = (
        isinstance(raw, dict)
        and {"kind", "returned", "learns", "modes", "after", "outputs"} <= set(raw)
        and _whole(raw["returned"], None)
        and _whole(raw["learns"], weights)
        and isinstance(raw["modes"], (list, tuple))
        and len(raw["modes"]) == len(stages)
        and all(_whole(part, count) for part, count in zip(raw["modes"], stages, strict=True))
        and all(place < weights for place in raw["returned"] or [])
    )
    return None if fits else UNREAL


def _whole(values: Any, count: int | None) -> bool:
    """Say whether there is a list of whole numbers or truth values; of `count`, or none at all."""
    if values is None:
        return count is None
    return (
        isinstance(values, (list, tuple))
        and len(values) == (len(values) if count is None else count)
        and all(isinstance(value, (bool, int, np.bool_, np.integer)) for value in values)
    )


def _flat(parts: Any) -> list[NDArray[Any]]:
    """Return the arrays in nested lists, one after the other; nothing for anything else."""
    if isinstance(parts, np.ndarray):
        return [parts]
    if isinstance(parts, (list, tuple)):
        return [array for part in parts for array in _flat(part)]
    return []


def _alike(mine: list[NDArray[Any]], theirs: list[NDArray[Any]]) -> bool:
    return len(mine) == len(theirs) and all(
        a.dtype.kind in "iuf" and a.shape == b.shape and np.allclose(a, b, rtol=STILL, atol=STILL)
        for a, b in zip(mine, theirs, strict=True)
    )


def _apart(after: NDArray[Any], before: NDArray[Any]) -> float:
    return float(np.abs(np.asarray(after, float) - before).max(initial=0.0))


def frozen_statistics(report: Measured) -> Finding | None:
    """Frozen stages keep what their batch norm knows."""
    stages = _chosen(report, frozen=True)
    moved = [name for name, stage in stages.items() if stage["statistics"] > 0]
    if not moved:
        return None
    why = "batch norm was left in training mode: it learns from every batch, gradient or not"
    if report["returned"] is not None and _never_eval(report):
        why += "; train() may have come after eval(), and undone it"
    return Finding(
        f"stages {_listed(report['frozen'])} whose batch norm keeps what it knows",
        f"other stored means and variances in {moved[0]!r}",
        why,
        f"network.stages[name].eval(); order: {ORDER} name",
    )


def frozen_modes(report: Measured) -> Finding | None:
    """Frozen stages are in evaluation mode, all of each."""
    stages = _chosen(report, frozen=True)
    on = [name for name, stage in stages.items() if stage["trains"] > 0]
    if not on:
        return None
    stage = stages[on[0]]
    why = "batch norm alone was put into evaluation mode: dropout, and whatever else has a mode, "
    why += "still behaves as in training"
    if stage["statistics"] > 0 or stage["trains"] == 1:
        why = "it was left in training mode, or train() came after eval() and undid it"
    return Finding(
        f"stages {_listed(report['frozen'])} in evaluation mode",
        f"{stage['trains']:.0%} of the modules of {on[0]!r} are in training mode",
        why,
        "network.stages[name].eval() for each frozen name",
    )


def _never_eval(report: Measured) -> bool:
    return all(stage["trains"] == 1 for stage in report["stages"].values())


def frozen_weights(report: Measured) -> Finding | None:
    """No weight of a frozen stage learns."""
    stages = _chosen(report, frozen=True)
    open_ones = [name for name, stage in stages.items() if stage["learns"] > 0]
    if not open_ones:
        return None
    name = open_ones[0]
    share = stages[name]["learns"]
    why = "requires_grad is still True there, so a gradient is worked out for what is frozen"
    if share < 1:
        why = "only some kinds of its weights were frozen; batch norm has weights too"
    elif len(open_ones) < len(stages):
        why = "only some of the stages that were named are frozen: the loop ends too early"
    elif _complement(report):
        why = "it is the other way round: the stages that were not named are frozen"
    return Finding(
        f"no weight of {_listed(report['frozen'])} that learns",
        f"{share:.0%} of the weights of {name!r} have requires_grad=True",
        why,
        "network.stages[name].requires_grad_(False) for each frozen name, nothing else",
    )


def _complement(report: Measured) -> bool:
    return all(stage["learns"] == 0 for stage in _chosen(report, frozen=False).values())


def others_learn(report: Measured) -> Finding | None:
    """The stages that were not named learn, and their batch norm is in training mode."""
    stages = _chosen(report, frozen=False)
    held = [name for name, stage in stages.items() if stage["learns"] < 1]
    if held:
        everything = all(stage["learns"] == 0 for stage in report["stages"].values())
        why = "weights that were frozen before the call were never set free"
        if everything:
            why = "everything is frozen: either all stages were, or nothing was set free before"
        elif _frozen_learns(report):
            why = "the wrong stages are frozen: those that were not named"
        return Finding(
            f"stages {_listed(stages)} that learn, however the network came in",
            f"{held[0]!r} has weights with requires_grad=False",
            why,
            "begin with network.requires_grad_(True), and freeze only the stages that were named",
        )
    still = [name for name, stage in stages.items() if stage["trains"] < 1]
    if still:
        return Finding(
            f"stages {_listed(stages)} in training mode",
            f"{1 - stages[still[0]]['trains']:.0%} of the modules of {still[0]!r} are not",
            "the stage is in evaluation mode: the network was never put into training mode, or "
            "eval() was called on all of it",
            "begin with network.train(), and call eval() on the frozen stages alone",
        )
    return None


def _frozen_learns(report: Measured) -> bool:
    frozen = _chosen(report, frozen=True)
    return bool(frozen) and all(stage["learns"] > 0 for stage in frozen.values())


def returned_form(report: Measured) -> Finding | None:
    """What came back is a row of parameters of this network."""
    places = report["returned"]
    expected = "a list of the network's parameters"
    advice = "return [weight for weight in network.parameters() if ...]"
    if places is None:
        why = "an optimiser takes a list of parameters"
        if report["kind"] == "NoneType":
            why = "the return is missing"
        elif report["kind"] == "dict":
            why = "an optimiser takes the parameters themselves, without their names"
        return Finding(expected, f"a {report['kind']}", why, advice)
    if -2 in places:
        why = "its members are no parameters: pairs with names, or groups, or whole stages"
        return Finding(expected, f"a {report['kind']} of other things", why, advice)
    if -1 in places:
        why = "copies or parts of the parameters: an optimiser would move what nothing uses"
        return Finding(expected, f"a {report['kind']} of other tensors", why, advice)
    return None


def returned_learn(report: Measured) -> Finding | None:
    """What came back are the parameters of the stages that were not named, each once.

    By the names of the stages, whatever `requires_grad` says: that is asked elsewhere.
    """
    finding = returned_form(report)
    if finding is not None:
        return finding
    places = report["returned"]
    right = {p for stage in _chosen(report, frozen=False).values() for p in stage["places"]}
    held = {p for stage in _chosen(report, frozen=True).values() for p in stage["places"]}
    if sorted(places) == sorted(right):
        return None
    expected = f"the {len(right)} parameters that still learn"
    got = f"{len(places)} parameters"
    if len(set(places)) < len(places):
        why = "some parameters are there twice: an optimiser would move them twice"
        return Finding(expected, got, why, "go through network.parameters() once")
    if set(places) == right | held and held:
        return Finding(expected, got, "the frozen ones are in it too",
                       "keep those with weight.requires_grad alone")  # fmt: skip
    if set(places) == held:
        return Finding(expected, got, "these are the frozen ones", "return the others")
    if not places:
        why = "nothing is left: everything was frozen, or a generator was used up before it"
        return Finding(expected, got, why, "look at weight.requires_grad just before the return")
    why = "some of those that learn are missing" if right - set(places) else "some are frozen"
    return Finding(expected, got, why, "go through network.parameters() after all is set")


def _chosen(report: Measured, frozen: bool) -> dict[str, Measured]:
    named = set(report["frozen"])
    return {n: stage for n, stage in report["stages"].items() if (n in named) == frozen}


def _listed(names: Any) -> str:
    return ", ".join(repr(name) for name in names) or "(none)"
