"""Exercise 2.4: what can be wrong with a step of training.

The weights before and after each call come from `nb2_probes_training.steps_taken`; what both losses
and their gradients are at given weights says `known`, which the caller brings.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.selfcheck.nb2_training import LOSS_RTOL
from data_utils.selfcheck.words import Finding

SLOPE_RTOL, ALONG = 0.1, 0.99  # of a step of plain gradient descent, which is exact but for float32
LIKE_THE_FIRST = 0.3  # small steps on the same batch hardly differ; gradients that add up double
BESIDE = 0.1  # of a slope's length: how far a step may lie from it and still follow it
PLAYERS = ("discriminator", "generator")

Players = Sequence[NDArray[np.floating[Any]]]  # flat weights of discriminator and generator
Known = Callable[[Players], tuple[Sequence[float], Players]]  # both losses, and their gradients


def raw_form(reports: Any, initial: Players, calls: int) -> Finding | None:
    """The measurement holds weights of the pair that was handed out, before and after each call.

    Parameters
    ----------
    reports : object
        Of `steps_taken`, from a process that the learner's code shares.
    initial : sequence of ndarray
        The weights that the pair starts from.
    calls : int
    """
    rows = reports if isinstance(reports, (list, tuple)) else []
    sound = len(rows) == calls and all(isinstance(row, dict) for row in rows)
    for row in rows if sound else ():
        for moment in ("before", "after"):
            players = row.get(moment)
            sound &= isinstance(players, (list, tuple)) and len(players) == len(initial)
            sound = sound and all(_is_like(a, b) for a, b in zip(players, initial, strict=True))
        sound = sound and isinstance(row.get("count"), int)
    if sound and all(np.array_equal(a, b) for a, b in zip(rows[0]["before"], initial, strict=True)):
        return None
    return Finding(
        "a step that starts from the pair that it is given",
        "weights that are not those of this pair",
        "the pair was replaced, or its weights are no finite numbers any more",
        "change the pair through the two optimisers alone",
    )


def _is_like(got: Any, weights: NDArray[np.floating[Any]]) -> bool:
    if not isinstance(got, np.ndarray) or got.dtype.kind != "f" or got.shape != weights.shape:
        return False
    return bool(np.isfinite(got).all())


def measured_steps(
    reports: Sequence[Mapping[str, Any]], rates: Sequence[float], known: Known
) -> list[dict[str, Any]]:
    """Hold each change against the slope of the player's own loss.

    Parameters
    ----------
    reports : sequence of mapping
        Of `steps_taken`, of the right form.
    rates : sequence of float
        Of the discriminator's and of the generator's optimiser.
    known : callable
        Both losses at given weights, and each one's gradient in its own player's weights.

    Returns
    -------
    list of dict
        For each call "count" and "returned"; "losses", both before it, and "losses_after"; and for
        each player "moved", the length of its change, "slope", that of its gradient times its rate,
        "along", the cosine of the angle between the change and the way down, "apart", how far
        the change lies from that of the first call, and "beside" and "beside_old", how far it lies
        from the way down, relative to that: the generator's as the improved discriminator and as
        the old one has it.
    """
    found = []
    first: list[NDArray[np.float64]] = []
    for report in reports:
        before, after = ([_floats(part) for part in report[when]] for when in ("before", "after"))
        losses, old = known(before)
        new = [old[0], known([after[0], before[1]])[1][1]]
        changes = [b - a for a, b in zip(before, after, strict=True)]
        first = first or changes
        moves = {
            player: _change(changes[place], (new[place], old[place]), rates[place], first[place])
            for place, player in enumerate(PLAYERS)
        }
        losses_after, _ = known(after)
        found.append({
            "count": report["count"], "returned": _two_numbers(report.get("returned")),
            "losses": list(losses), "losses_after": list(losses_after), **moves,
        })  # fmt: skip
    return found


def _floats(values: Any) -> NDArray[np.float64]:
    return np.asarray(values, np.float64)


def _two_numbers(values: Any) -> list[float]:
    """Return two numbers as they came, NaN where there are none."""
    known = [*values[:2]] if isinstance(values, (list, tuple)) else []
    known += [float("nan")] * (2 - len(known))
    return [float(v) if isinstance(v, (int, float)) else float("nan") for v in known]


def _change(
    change: NDArray[np.float64], slopes: Sequence[Any], rate: float, first: NDArray[np.float64]
) -> dict[str, float]:
    new, old = (rate * _floats(slope) for slope in slopes)
    moved, steep = float(np.linalg.norm(change)), float(np.linalg.norm(new))
    return {
        "moved": moved,
        "slope": steep,
        "along": float(-change @ new) / max(moved * steep, 1e-30),
        "apart": _relative(change - first, first),
        "beside": _relative(change + new, new),
        "beside_old": _relative(change + old, old),
    }


def _relative(difference: NDArray[np.float64], whole: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(difference)) / max(float(np.linalg.norm(whole)), 1e-30)


def step_returns(report: Mapping[str, Any]) -> Finding | None:
    """The step returns the losses of discriminator and generator, as two finite numbers."""
    got, right = report["returned"], report["losses"]
    expected = f"two losses: {right[0]:.4g} and {right[1]:.4g}"
    if report["count"] != 2 or not np.isfinite(got).all():
        shown = f"{report['count']} value" + ("s" if report["count"] != 1 else "")
        return Finding(expected, shown if report["count"] != 2 else "something else than numbers",
                       "both losses are to be returned, as numbers",
                       "return discriminator_loss.item(), generator_loss.item()")  # fmt: skip
    if np.allclose(got, right, rtol=LOSS_RTOL, atol=1e-6):
        return None
    why = "these are not the losses that `losses` gives for these images and this noise"
    if np.allclose(got, right[::-1], rtol=LOSS_RTOL, atol=1e-6):
        why = "the two are returned in the other order"
    return Finding(expected, f"{got[0]:.4g} and {got[1]:.4g}", why,
                   "return the discriminator's loss first, then the generator's, "
                   "from the arguments alone")  # fmt: skip


def player_learns(report: Mapping[str, Any], player: str) -> Finding | None:
    """A step with this player's optimiser changes it, so that its own loss falls.

    The other player's rate is 0, so that it must stay as it is.
    """
    place, other = PLAYERS.index(player), PLAYERS[1 - PLAYERS.index(player)]
    if report[other]["moved"] > 0:
        return Finding(f"a {other} that stays as it is: the rate of its optimiser is 0",
                       f"weights of the {other} that changed",
                       "something else than the optimisers that are given changes them",
                       "use no optimiser but those two")  # fmt: skip
    if report[player]["moved"] == 0:
        return _never_moves(player)
    before, after = report["losses"][place], report["losses_after"][place]
    if after < before:
        return None
    return Finding(
        f"a {player} whose own loss falls with its step",
        f"{before:.5g} before, {after:.5g} after",
        f"the {player} follows another loss than its own, or other images, or the optimisers are "
        "swapped",
        f"call backward() on the {player}'s loss alone, right before its optimiser's step",
    )


def _never_moves(player: str) -> Finding:
    cut = (
        "the drawings were detached in its half (or drawn without gradient), backward() was not "
        "called, the gradients were emptied after it, or the other optimiser took the step"
        if player == "generator"
        else "backward() or the step is missing, the gradients were emptied between the two, or "
        "the other optimiser took the step"
    )
    return Finding(
        f"a {player} that changes with the step",
        "exactly the same weights",
        cut,
        f"for the {player}: loss, zero_grad(), backward(), step() of its own optimiser",
    )


def player_follows_its_loss(report: Mapping[str, Any], player: str) -> Finding | None:
    """The change is that of one step down the slope of this player's own loss."""
    change = report[player]
    if change["moved"] == 0:
        return _never_moves(player)
    length = change["moved"] / max(change["slope"], 1e-30)
    if abs(length - 1) <= SLOPE_RTOL and change["along"] >= ALONG:
        return None
    what = f"{length:.2f} of its length, {change['along']:.2f} along it (1 and 1 are right)"
    why = "another loss, other noise or other images stand behind this step"
    if change["along"] < 0:
        why = "the step climbs, or follows the other player's loss"
    else:
        if change["along"] >= ALONG:
            why = "the loss was scaled, or the optimiser took more than one step"
        if player == "generator":
            why += "; or the discriminator's half was not detached, so that its gradient came along"
    return Finding(
        f"one step of the {player} down the slope of its own loss", what, why,
        "detach the drawings in the discriminator's half only; use real and noise as they come",
    )  # fmt: skip


def gradients_are_emptied(reports: Sequence[Mapping[str, Any]], player: str) -> Finding | None:
    """A second small step on the same batch changes about as much as the first one."""
    first, second = (report[player] for report in reports[:2])
    if first["moved"] == 0 and second["moved"] == 0:
        return None  # whether it moves at all is another check's question
    if first["moved"] > 0 and second["apart"] <= LIKE_THE_FIRST:
        return None
    times = second["moved"] / max(first["moved"], 1e-30)
    return Finding(
        f"a second step of the {player} on the same images that is like the first",
        f"{times:.1f} times its length" if first["moved"] > 0 else "none at first, then one",
        f"gradients are left in the {player} from the step before, and add up",
        "call zero_grad() of its optimiser right before each backward()",
    )


def generator_meets_the_improved(report: Mapping[str, Any]) -> Finding | None:
    """Where both learn, the generator follows its loss as the improved discriminator has it.

    Parameters
    ----------
    report : mapping
        Of a step with rates at which the discriminator's change turns the generator's slope.
    """
    change = report["generator"]
    if change["moved"] == 0:
        return _never_moves("generator")
    if change["beside"] <= BESIDE:
        return None
    expected = "a generator that is judged by the improved discriminator"
    got = f"a step that lies {change['beside']:.0%} of its length beside that slope"
    if change["beside_old"] <= BESIDE:
        return Finding(
            expected, "the slope that the discriminator had before its own step",
            "the generator's half came first, or its gradient was computed before the "
            "discriminator's step",
            "let the discriminator take its step, then judge the drawings anew: pair.logits(fake)",
        )  # fmt: skip
    return Finding(expected, got, "other noise, another loss or gradients of the discriminator's "
                   "half stand behind this step",
                   "compute its loss after the discriminator's step, from the same drawings, with "
                   "gradients that were emptied before backward()")  # fmt: skip
