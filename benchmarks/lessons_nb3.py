"""Measure what notebook 3 says of labels, layers, densities and fine-tuning.

    python -m benchmarks.lessons_nb3

About half a CPU hour, most of it fine-tuning; a run that was stopped goes on where it was. The
results go to `results/nb3_lessons.json`; `benchmarks.figures_nb3` turns them into figures and into
the numbers that the notebook's text quotes. Where nothing else is said, digit 9 is the anomaly and
the images are the learner's own.
"""

import functools
import json
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.calibration import exam_images, one_thread
from benchmarks.lessons_nb3_images import RANDOM_SEEDS, heat, same_digit
from benchmarks.masters import design_namespace, given_cells, results_path, run_cell
from data_utils.datasets import load_mnist
from data_utils.metrics import auroc
from data_utils.splits import nine_vs_one, one_vs_rest
from data_utils.vision import import_torchvision
from grader.files import write_atomically

NOTEBOOK, PROFILE, DIGIT = "nb3_resnet_transfer", "embedded", 9
COMMAND = "python -m benchmarks.lessons_nb3"
RESULTS = results_path(NOTEBOOK, "lessons.json")
SEEDS = range(10)
COUNTS = (1, 5, 20, 50)  # labelled anomalies, as in the notebook's cell
FROZEN: dict[int, list[str]] = {4: ["stem", "edges", "parts", "middle"], 0: []}
PARTS = ("x_train", "x_val", "x_test", "x_labelled", "x_anomaly")
TIMED = 256  # images that both networks read


def opened(seed: int = 0, split_seed: int = 0) -> dict[str, Any]:
    """Return what the notebook defines, with its images loaded and `seed` as its SEED."""
    here = design_namespace(NOTEBOOK)
    data = load_mnist(PROFILE)
    split = nine_vs_one(data.images, data.labels, anomaly_digit=DIGIT, seed=split_seed)
    here |= {name: getattr(split, name) for name in PARTS}
    here |= {"data": data, "split": split, "BUDGET": PROFILE, "SEED": seed}
    here["backbone"] = here["load_backbone"]()
    return here


@functools.cache
def explored() -> dict[str, Any]:
    """Return the notebook after its cell that takes features, and the functions of later cells."""
    here = opened()
    run_cells(here, "features_of_sets", "collapse", "collapse_runs", "leak", "probabilistic")
    return here


def run_cells(here: dict[str, Any], *names: str) -> None:
    """Run some of the notebook's cells."""
    cells = given_cells(NOTEBOOK)
    for name in names:
        run_cell(here, name, cells[name])


def one_label(seed: int) -> dict[str, float]:
    """Train with one label, honestly and with the scaler that saw everything."""
    here = explored()
    loss, largest, area = here["one_label"](seed)
    return _rounded({"loss": loss, "largest": largest, "auroc": area, "leak": here["leaked"](seed)})


def layers() -> dict[str, float]:
    """Return the AUROC of each stage, of random weights, and of pixels."""
    here = opened()
    names, backbone = here["LAYERS"], here["backbone"]
    found = {name: here["area_of"](backbone, name) for name in names}
    random_ones = [here["load_backbone"](backbone.name, pretrained=False, seed=seed)
                   for seed in RANDOM_SEEDS]  # fmt: skip
    for name in names:
        areas = [here["area_of"](network, name) for network in random_ones]
        found[f"random {name}"] = areas[0]  # the notebook's own
        found[f"random {name}, mean"] = statistics.mean(areas)
    pixels = [here[name].reshape(len(here[name]), -1).astype(np.float32) / 255
              for name in ("x_train", "x_test", "x_anomaly")]  # fmt: skip
    bank, *parts = (part[:limit] for part, limit in zip(pixels, (here["EXPLORED"], 450, 450),
                                                        strict=True))  # fmt: skip
    near = here["neighbour_distance"]
    found["pixels"] = auroc(*(near(bank, part, here["NEIGHBOURS"]) for part in parts))
    return _rounded(found)


def densities() -> dict[str, float]:
    """Return the AUROC of one Gaussian and of nine, as the notebook's cell prints them."""
    return _rounded(explored()["areas_of_densities"]())


@functools.cache
def all_features(raw: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the features of all learner's images and of the exam; `raw`: not standardised."""
    here = opened()
    if raw:
        here["backbone"].mean, here["backbone"].std = (0.0,) * 3, (1.0,) * 3
    sets = here["data"].images, exam_images()[0]
    learners, exam = (here["features_of"](here["backbone"], images) for images in sets)
    return learners, exam


def banks(seed: int) -> dict[str, float]:
    """Draw a bank; return what is judged with it on the exam, and without standardised images.

    ``few`` stands for a bank as large as the notebook explores, the others for the detector's.
    """
    here, (_, digits) = explored(), exam_images()
    learners, exam = all_features(raw=False)
    normal = np.flatnonzero(here["data"].labels != DIGIT)
    chosen = np.random.default_rng(seed).permutation(normal)[: here["BANK"][PROFILE]]
    near = functools.partial(here["neighbour_distance"], k=here["NEIGHBOURS"])
    scores = {"neighbours": near(learners[chosen], exam)}
    raw_learners, raw_exam = all_features(raw=True)
    scores["raw"] = near(raw_learners[chosen], raw_exam)
    few = learners[chosen[: here["EXPLORED"]]]
    scores["few neighbours"] = near(few, exam)
    here["SEED"] = seed  # of the mixture
    for name in ("gaussian", "mixture"):
        scores[f"few {name}"] = here[f"{name}_distance"](*here["standardise"](few, exam))
    return _rounded({n: auroc(s[digits != DIGIT], s[digits == DIGIT]) for n, s in scores.items()})


def turned_round(digit: int) -> dict[str, float]:
    """One digit normal: the AUROC of the Gaussian and of the neighbours on the exam."""
    here, (images, digits) = opened(), exam_images()
    data = here["data"]
    split = one_vs_rest(data.images, data.labels, normal_digit=digit, seed=0)
    bank, exam = (here["features_of"](here["backbone"], x) for x in (split.x_train, images))
    scores = {
        "gaussian": here["gaussian_distance"](bank, exam),
        "neighbours": here["neighbour_distance"](bank, exam, here["NEIGHBOURS"]),
    }
    return _rounded({n: auroc(s[digits == digit], s[digits != digit]) for n, s in scores.items()})


def few_labels(seed: int, count: int) -> dict[str, float]:
    """Learn from normal images and `count` nines, another draw for each seed; judge on the exam."""
    here, (images, digits) = opened(seed, split_seed=seed), exam_images()
    bank = here["BANK"][PROFILE]
    few = here["fit_few_labels"](
        here["x_train"][:bank], here["x_labelled"][:count], here["x_val"], seed
    )
    scores = few.anomaly_score(images)
    normal, anomaly = scores[digits != DIGIT], scores[digits == DIGIT]
    found = {"auroc": auroc(normal, anomaly)}
    for name, cut in (("half", 0.0), ("threshold", few.threshold)):
        found[f"recall {name}"], found[f"fpr {name}"] = (
            np.mean(anomaly > cut),
            np.mean(normal > cut),
        )
    return _rounded(found)


def tuned(seed: int, stages: int) -> dict[str, float]:
    """Fine-tune as the notebook's cell does, another draw for each seed; judge on the exam.

    `accuracy` is at p > 0.5, the mean of that on normal images and on nines: what the notebook's
    cell has, whose test images are half nines.
    """
    here, (images, digits) = opened(seed, split_seed=seed), exam_images()
    parts: list[np.ndarray] = []
    logits_of = here["logits_of"]

    def on_exam(head: Any, _: Any) -> np.ndarray:
        part = (digits != DIGIT, digits == DIGIT)[len(parts)]
        parts.append(logits_of(head, here["features_of"](body[0], images[part], "last")))
        return parts[-1]

    body: list[Any] = []
    tune = here["fine_tune"]

    def remember(network: Any, *args: Any, **kwargs: Any) -> Any:
        body.append(network[0])
        return tune(network, *args, **kwargs)

    here |= {"logits_of": on_exam, "fine_tune": remember}
    area, _ = here["tuned_row"](FROZEN[stages])
    normal, anomaly = parts
    return _rounded({"auroc": area, "recall": np.mean(anomaly > 0), "fpr": np.mean(normal > 0),
                     "accuracy": (np.mean(anomaly > 0) + np.mean(normal <= 0)) / 2})  # fmt: skip


def sizes() -> dict[str, float]:
    """Return the weights of both networks in millions, and the CPU ms of their features."""
    vision = import_torchvision()
    import timm  # imports torchvision too

    whole = {
        "resnet50": vision.models.resnet50(weights=None),
        "efficientnet_lite0": timm.create_model("tf_efficientnet_lite0", pretrained=False),
    }
    here, found = opened(), {}
    size = here["SIZE"]
    x = np.random.default_rng(0).normal(size=(TIMED, 3, size, size)).astype(np.float32)
    for name, network in whole.items():
        found[f"{name} weights"] = sum(weight.numel() for weight in network.parameters()) / 1e6
        backbone, spent = here["load_backbone"](name, pretrained=False), []
        for _ in range(4):  # the first one also warms up
            before = time.process_time()
            backbone.features(x, here["LAYER"])
            spent.append(time.process_time() - before)
        found[f"{name} ms"] = 1000 * min(spent) / TIMED
    return _rounded(found)


def _rounded(found: Mapping[str, Any]) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in found.items()}


def lessons() -> dict[str, Callable[[], Any]]:
    """Return all measurements by the name of their result."""
    found: dict[str, Callable[[], Any]] = {
        "sizes": sizes, "layers": layers, "densities": densities, "same_digit": same_digit,
        "heat": heat,
    }  # fmt: skip
    for seed in SEEDS:
        found[f"one_label {seed}"] = functools.partial(one_label, seed)
    for seed in SEEDS:
        found[f"banks {seed}"] = functools.partial(banks, seed)
    for digit in range(10):
        found[f"turned_round {digit}"] = functools.partial(turned_round, digit)
    for seed in SEEDS:
        for count in COUNTS:
            found[f"few_labels {count} {seed}"] = functools.partial(few_labels, seed, count)
    for seed in SEEDS:
        for stages in FROZEN:
            found[f"tuned {stages} {seed}"] = functools.partial(tuned, seed, stages)
    return found


def main() -> None:
    """Measure what is missing in the results, and write it down."""
    one_thread()
    done = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    done["command"] = COMMAND
    for name, lesson in lessons().items():
        if name not in done:
            done[name] = lesson()
            write_atomically(RESULTS, (json.dumps(done, indent=1) + "\n").encode())
            print(name, done[name], flush=True)


if __name__ == "__main__":
    main()
