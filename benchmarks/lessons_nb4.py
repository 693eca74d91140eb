"""Measure what notebook 4 says of its detector, of the paper's experiments and of their rivals.

    python -m benchmarks.lessons_nb4

About half a CPU hour; a run that was stopped goes on where it was. The results go to
`results/nb4_lessons.json`; `benchmarks.figures_nb4` turns them into figures and into the numbers
that the notebook's text quotes. All detectors learn from the learner's images of profile embedded,
split with seed 0, so that seeds differ in the training alone; where nothing else is said they are
judged on the exam.
"""

import functools
import inspect
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.calibration import exam_images
from benchmarks.lessons import measure_missing
from benchmarks.lessons_nb4_costs import estimate_cost, speed
from benchmarks.masters import design_namespace, given_cells, results_path, run_cell
from benchmarks.prepare import record_attempts
from data_utils.baselines import PrincipalComponents
from data_utils.datasets import load_mnist
from data_utils.metrics import auroc
from data_utils.splits import one_vs_rest
from data_utils.transforms import Transform, all_transforms, apply_all
from grader.hidden.nb1_reference import squared_errors

NOTEBOOK, PROFILE, DIGIT = "nb4_geometric_transforms", "embedded", 8
COMMAND = "python -m benchmarks.lessons_nb4"
RESULTS = results_path(NOTEBOOK, "lessons.json")
RUNS = range(5)  # the paper's number of runs
MORE_RUNS = (8, 9, 1)  # digits whose detectors are trained five times
PARTS = ("x_train", "x_val", "x_test", "x_anomaly")
# The notebook changes three images of each digit; a mean wants some more.
CHANGED = 10
MORE_IMAGES = {"zeros[:3], threes[-3:]": f"zeros[:{CHANGED}], threes[-{CHANGED}:]"}
# Its grid judges by some of its own anomalies; here all those of the exam do.
ALL_ANOMALIES = ("x_anomaly[:450]", "x_anomaly")


def opened(
    seed: int = 0, digit: int = DIGIT, edits: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return what the notebook defines, with its images loaded and `seed` as its SEED.

    The split is that of seed 0 whatever the seed: only the training differs.
    """
    here = design_namespace(NOTEBOOK, edits=edits)
    data = load_mnist(PROFILE)
    split = one_vs_rest(data.images, data.labels, normal_digit=digit, seed=0)
    here |= {name: getattr(split, name) for name in PARTS}
    here |= {"data": data, "split": split, "BUDGET": PROFILE, "SEED": seed, "NORMAL_DIGIT": digit}
    return here


def run_cells(here: dict[str, Any], *names: str) -> None:
    """Run some of the notebook's cells."""
    cells = given_cells(NOTEBOOK)
    for name in names:
        run_cell(here, name, cells[name])


def exam_of(digit: int, other: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the exam's images of a digit, and those of another one, or of all others."""
    images, digits = exam_images()
    return images[digits == digit], images[digits != digit if other is None else digits == other]


def remembered_fits(here: dict[str, Any]) -> list[Any]:
    """Let `fit_on` keep its detectors, and return the list in which they come to lie."""
    fitted: list[Any] = []
    fit_on = here["fit_on"]

    def remember(*args: Any, **kwargs: Any) -> Any:
        fitted.append(fit_on(*args, **kwargs))
        return fitted[-1]

    here["fit_on"] = remember
    return fitted


def areas(
    here: dict[str, Any], detector: Any, normal: np.ndarray, anomaly: np.ndarray
) -> dict[str, float]:
    """Return the AUROC of both scores of a detector."""
    said = [_log_p(detector, part) for part in (normal, anomaly)]
    return {
        "dirichlet": auroc(*(here["dirichlet_score"](part, detector.alphas) for part in said)),
        "simplified": auroc(*(here["simplified_score"](part) for part in said)),
    }


def protocol(digit: int, seed: int) -> dict[str, float]:
    """Train as the notebook does, with that digit normal; return what both scores reach.

    Also how often the network is right on images that it knows and on others, and which share of
    its errors on others takes an image for its half turn (`half_turn`).
    """
    here = opened(digit=digit)
    before = time.process_time()
    detector = here["fit_on"](
        here["x_train"], here["TRANSFORMS"][PROFILE], here["EPOCHS"][PROFILE], seed
    )
    found = {"fit_cpu_s": time.process_time() - before, "loss": detector.history[-1]}
    found |= areas(here, detector, *exam_of(digit))
    places = np.arange(len(detector.transforms))
    answers = {name: _log_p(detector, here[name]).argmax(axis=2) for name in ("x_train", "x_val")}
    found |= {f"right {name}": np.mean(answer == places) for name, answer in answers.items()}
    wrong = answers["x_val"] != places
    turned = answers["x_val"] == half_turns(detector.transforms)
    found["half_turn"] = np.mean(turned[wrong]) if wrong.any() else 0.0
    return _rounded(found)


def half_turns(transforms: tuple[Transform, ...]) -> np.ndarray:
    """Return for each transformation which one looks the same where a half turn changes nothing.

    A move and then a half turn is a half turn and then the opposite move. Where a set lacks the
    half turns, the place is -1.
    """
    places = {t: place for place, t in enumerate(transforms)}
    partners = (
        Transform(t.flip, -t.down, -t.right, (t.turns + 2) % 4, t.effect) for t in transforms
    )
    return np.array([places.get(partner, -1) for partner in partners])


def principal_components(digit: int) -> float:
    """Return the AUROC of the squared error after a projection on principal components."""
    here = opened(digit=digit)
    components = PrincipalComponents(here["x_train"])
    parts = exam_of(digit)
    return round(auroc(*(squared_errors(p, components.reconstruct(p)) for p in parts)), 4)


def support_vectors(digit: int) -> dict[str, float]:
    """Run the notebook's grid of OC-SVMs, judged on the exam."""
    here, (old, new) = opened(digit=digit), ALL_ANOMALIES
    here["x_test"], here["x_anomaly"] = exam_of(digit)
    source = given_cells(NOTEBOOK)["hindsight"]
    if old not in source:
        raise SystemExit(f"{NOTEBOOK} holds no {old!r} any more: change the benchmark.")
    run_cell(here, "hindsight", source.replace(old, new))
    flat = here["flat_test"], here["flat_anomaly"]
    found = {"best": max(here["areas"]), "median": np.median(here["areas"]),
             "worst": min(here["areas"]), "count": len(here["areas"])}  # fmt: skip
    found["default"] = auroc(*(-here["default"].decision_function(part) for part in flat))
    return _rounded(found)


def pairs(seed: int) -> dict[str, dict[str, float]]:
    """Run the paper's experiments with two transformations; `right` is on the normal digit."""
    here, found = opened(), dict[str, dict[str, float]]()
    fitted = remembered_fits(here)
    for name, (normal, other, transform) in here["EXPERIMENTS"].items():
        here["pair_area"](normal, other, transform, seed)
        parts = exam_of(normal, other)
        answers = _log_p(fitted[-1], parts[0]).argmax(axis=2)
        row = areas(here, fitted[-1], *parts) | {"right": np.mean(answers == [0, 1])}
        found[name] = _rounded(row)
    return found


def effects(seed: int) -> dict[str, float]:
    """Compare turns, flips and what is not geometric, as the notebook's cell does."""
    here = opened(seed)
    fitted, said = remembered_fits(here), record_attempts(here)
    run_cells(here, "effects")
    names = [name.partition(" ")[2] for name in said]
    return _rounded({
        name: areas(here, detector, *exam_of(DIGIT))["dirichlet"]
        for name, detector in zip(names, fitted, strict=True)
    })  # fmt: skip


def untrained(seed: int, digit: int = DIGIT) -> dict[str, float]:
    """Return the AUROCs of a network with random weights, by its set of transformations."""
    here, found = opened(digit=digit), dict[str, float]()
    for name, transforms in (("own", here["TRANSFORMS"][PROFILE]), ("72", all_transforms())):
        detector = here["fit_on"](here["x_train"], transforms, 0, seed, train=False)
        reached = areas(here, detector, *exam_of(digit))
        found |= {f"{name} {score}": area for score, area in reached.items()}
    return _rounded(found)


def all_digits(seed: int) -> dict[str, float]:
    """Train on as many images of all ten digits as there are of one; 8 is still called normal."""
    here = opened()
    images = np.random.default_rng(seed).permutation(here["data"].images)[: len(here["x_train"])]
    detector = here["fit_on"](images, here["TRANSFORMS"][PROFILE], here["EPOCHS"][PROFILE], seed)
    return _rounded(areas(here, detector, *exam_of(DIGIT)))


def fixed_points() -> dict[str, list[float]]:
    """Return [rows that settled, AUROC] by steps, as the notebook's cell prints them."""
    here = opened()
    said = record_attempts(here)
    run_cells(here, "train", "fixed_points")
    (by_steps,) = said.values()
    return {str(steps): [settled, round(area, 4)] for steps, (settled, area) in by_steps.items()}


def twins() -> dict[str, list[float]]:
    """Return by digit how many of the notebook's 28 pairs are twins, and how far some are apart.

    The difference is that of exercise 4.3: of the closest pair, and of an image from its half turn
    and from its mirror image.
    """
    here = opened()
    said = record_attempts(here)
    run_cells(here, "twins_of_digits")
    (counts,) = said.values()
    turned, data = all_transforms(shift=0), here["data"]
    found: dict[str, list[float]] = {"count": [int(count) for count in counts]}
    found |= {"closest": [], "half turn": [], "flip": []}
    for digit in range(10):
        pixels = apply_all(data.images[data.labels == digit][:200], turned) / 255
        apart = np.abs(pixels[:, :, None] - pixels[:, None]).mean(axis=(0, 3, 4))
        found["closest"].append(round(float(apart[~np.eye(len(turned), dtype=bool)].min()), 4))
        for name, other in (("half turn", Transform(turns=2)), ("flip", Transform(flip=True))):
            found[name].append(round(float(apart[0, turned.index(other)]), 4))
    return found


def ascent() -> dict[str, float]:
    """Change ten zeros and ten threes as the notebook does; scores before and after, per digit.

    `changed` is the mean absolute difference of a pixel, of grey values from 0 to 1.
    """
    here = opened(edits=MORE_IMAGES)
    fitted = remembered_fits(here)
    before = time.process_time()
    start, end, *scores = here["changed_images"]()
    found = {"cpu_s": time.process_time() - before}
    for name, chosen in (("zeros", slice(CHANGED)), ("threes", slice(CHANGED, None))):
        found[f"{name} before"], found[f"{name} after"] = (
            np.mean(score[chosen]) for score in scores
        )
        found[f"{name} lower"] = np.sum(scores[1][chosen] < scores[0][chosen])
        found[f"{name} changed"] = np.abs(end - start)[chosen].mean()
    strangers, zeros = (fitted[-1].anomaly_score(part) for part in exam_of(3, 0))
    found["exam threes"], found["exam zeros"] = strangers.mean(), zeros.mean()
    found["exam threes, median"] = np.median(strangers)
    # How many real threes of the exam are less normal than the zeros have become, on average.
    found["exam threes above"] = np.mean(strangers > scores[1][:CHANGED].mean())
    return _rounded(found)


def papers_cost() -> dict[str, float]:
    """Return what the estimate of the paper's largest set costs with the notebook's function."""
    return _rounded(estimate_cost(opened()["fit_dirichlet"]))


def pair_epochs() -> int:
    """Return how long the notebook trains with two transformations."""
    return int(inspect.signature(opened()["pair_area"]).parameters["epochs"].default)


def _log_p(detector: Any, images: np.ndarray) -> np.ndarray:
    parts = np.array_split(images, len(images) // 256 + 1)  # spares memory
    return np.concatenate([detector.log_p(part) for part in parts])


def _rounded(found: Mapping[str, Any]) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in found.items()}


def lessons() -> dict[str, Callable[[], Any]]:
    """Return all measurements by the name of their result."""
    found: dict[str, Callable[[], Any]] = {}
    for digit in range(10):
        found[f"protocol {digit} 0"] = functools.partial(protocol, digit, 0)
    for seed in RUNS:
        found[f"pairs {seed}"] = functools.partial(pairs, seed)
    found |= {"pair_epochs": pair_epochs, "fixed_points": fixed_points, "ascent": ascent}
    for digit in MORE_RUNS:
        for seed in RUNS[1:]:
            found[f"protocol {digit} {seed}"] = functools.partial(protocol, digit, seed)
    for seed in RUNS:
        found[f"untrained {seed}"] = functools.partial(untrained, seed)
        found[f"untrained_one {seed}"] = functools.partial(untrained, seed, 1)
        found[f"all_digits {seed}"] = functools.partial(all_digits, seed)
    for seed in RUNS:
        found[f"effects {seed}"] = functools.partial(effects, seed)
    for digit in range(10):
        found[f"pca {digit}"] = functools.partial(principal_components, digit)
        found[f"svm {digit}"] = functools.partial(support_vectors, digit)
    return found | {"twins": twins, "speed": speed, "estimate": papers_cost}


def main() -> None:
    """Measure what is missing in the results, and write it down."""
    measure_missing(RESULTS, COMMAND, lessons())


if __name__ == "__main__":
    main()
