"""Exercise 3.11: what can be wrong with freezing stages. Judges what `nb3_probes_features` saw."""

from typing import Any

from data_utils.selfcheck.words import Finding

Measured = dict[str, Any]
STILL = 1e-5  # an output of about 1 that was worked out twice; batch statistics move it by 0.1
ORDER = "network.train().requires_grad_(True) first, then eval() and requires_grad_(False) for each"


def frozen_statistics(report: Measured) -> Finding | None:
    """Frozen stages give what they gave before: batch norm keeps what it knew."""
    stages = _chosen(report, frozen=True)
    expected = f"stages {_listed(report['frozen'])} that give what they gave before"
    got = "other stored means and variances in their batch norm"
    moved = [name for name, stage in stages.items() if stage["statistics"] > 0]
    if moved:
        why = "batch norm was left in training mode: it learns from every batch, gradient or not"
        if report["returned"] is not None and _never_eval(report):
            why += "; train() may have come after eval(), and undone it"
        return Finding(expected, got, why, f"network.stages[name].eval(); order: {ORDER} name")
    others = [name for name, stage in stages.items() if stage["output"] > STILL]
    weights = [name for name in others if stages[name]["weights"] > 0]
    if not others or weights == others:  # weights that moved are another question
        return None
    return Finding(
        expected,
        f"stage {others[0]!r} gives other numbers for the same images",
        "it uses the mean of the batch at hand: a stage in evaluation mode uses the stored one",
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
    still = [name for name, stage in stages.items() if stage["statistics"] == 0]
    if still:
        return Finding(
            f"stages {_listed(stages)} in training mode",
            f"the batch norm of {still[0]!r} does not learn from the batches",
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
