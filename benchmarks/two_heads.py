"""Measure notebook 4's last part: two heads on labelled digits, and outsiders to be found.

    ANOMALY_COURSE_DATA=FOLDER python -m benchmarks.two_heads

The folder holds Fashion-MNIST. About a quarter of a CPU hour; a stopped run goes on where it
was. The results go to `results/nb4_two_heads.json`, and tables to the screen. Nine digits are
known: four fifths of the kit's images of them train, the exam's images of them are the insiders.
Outsiders are 2,000 pictures of clothes and, which is harder, the exam's images of the tenth digit,
which no network saw. The learning rate and the epochs were chosen on the digits that are left over
(`choice`), never on an outsider.
"""

import functools
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.calibration import exam_images, learners_images
from benchmarks.lessons import measure_missing
from benchmarks.masters import results_path
from data_utils.baselines import NearestImage
from data_utils.datasets import load_fashion_mnist
from data_utils.geometric import as_input
from data_utils.metrics import auroc, average_precision
from data_utils.outsiders import odin_score, softmax_score, transform_score
from data_utils.runtime import torch_device
from data_utils.transforms import Transform, all_transforms
from data_utils.two_heads import RATE, train_two_heads, two_heads

COMMAND = "python -m benchmarks.two_heads"
RESULTS = results_path("nb4_geometric_transforms", "two_heads.json")
SEEDS = range(5)
DIGITS = (1, 3, 5, 7, 9)  # one left out with each seed: digits differ more than seeds do
TRAIN, CLOTHES = 4000, 2000  # images
IDENTITY = (Transform(),)
TRANSFORMS = all_transforms(flips=(False,))
EPOCHS, PLAIN_EPOCHS = 16, 8
HINDSIGHT = "odin, plain classifier, in hindsight"
RATES = (1e-3, 3e-3, 1e-2)
FEWER = (all_transforms(flips=(False,), shift=0), all_transforms(flips=(False,), turns=(0,)))
# What hindsight may choose from: no temperature and no step, ODIN's own, and some around them.
TEMPERATURES, STEPS = (1.0, 10.0, 1000.0), (0.0, 0.0014, 0.02)

Images = tuple[np.ndarray, np.ndarray]  # uint8 (n, 28, 28), and the digit on each


def judged(insiders: np.ndarray, outsiders: np.ndarray) -> dict[str, float]:
    """Return the AUROC and both average precisions of anomaly scores, rounded."""
    found = {
        "auroc": auroc(insiders, outsiders),
        "ap_in": average_precision(-outsiders, -insiders),
        "ap_out": average_precision(insiders, outsiders),
    }
    return {name: round(value, 4) for name, value in found.items()}


def drawn(seed: int, digit: int | None = None) -> tuple[Images, Images]:
    """Return the learner's digits for training and those left over, one digit left out or none.

    Labels are numbered without a gap, as a network needs them.
    """
    images, labels = learners_images("embedded")
    order = np.random.default_rng(seed).permutation(len(images))
    order = order[labels[order] != digit]
    count = TRAIN * len(order) // len(images)
    numbers = renumbered(labels, digit)
    parts = order[:count], order[count:]
    return (images[parts[0]], numbers[parts[0]]), (images[parts[1]], numbers[parts[1]])


def renumbered(labels: np.ndarray, digit: int | None) -> np.ndarray:
    """Close the gap that a digit leaves."""
    labels = labels.astype(np.int64)
    return labels if digit is None else labels - (labels > digit)


@functools.cache
def clothes() -> np.ndarray:
    """Return the same pictures of clothes for every seed."""
    images = load_fashion_mnist().images
    chosen: np.ndarray = images[np.random.default_rng(0).permutation(len(images))[:CLOTHES]]
    return chosen


def fitted(
    train: Images, transforms: Sequence[Transform], epochs: int, seed: int, labelled: bool = True
) -> Any:
    """Train a network; without labels all images are of one category."""
    images, labels = train
    labels = labels if labelled else np.zeros_like(labels)
    network = two_heads(labels.max() + 1, transforms, seed=seed)
    train_two_heads(network, images, labels, transforms, epochs=epochs, seed=seed)
    return network


def accuracy(network: Any, images: np.ndarray, labels: np.ndarray, head: int = 0) -> float:
    """Return how often a head is right about images as they are."""
    import torch

    with torch.no_grad():
        said = [network(as_input(part, torch_device()))[head].argmax(dim=1).cpu().numpy()
                for part in np.array_split(images, 8)]  # fmt: skip
    return round(float(np.mean(np.concatenate(said) == labels)), 4)


def table(digit: int, seed: int) -> dict[str, Any]:
    """Return what each score is worth on both outsiders, with accuracies and CPU seconds."""
    before = time.process_time()
    images, labels = exam_images()
    known = labels != digit
    insiders, outside = images[known], {"clothes": clothes(), "digit": images[~known]}
    train = drawn(seed, digit)[0]
    both = fitted(train, TRANSFORMS, EPOCHS, seed)
    plain = fitted(train, IDENTITY, PLAIN_EPOCHS, seed)
    found: dict[str, Any] = {name: {} for name in outside}
    for name, score in scores_of(train, both, plain, seed).items():
        inside = score(insiders)
        for outsiders, others in outside.items():
            found[outsiders][name] = judged(inside, score(others))
    for outsiders, others in outside.items():
        found[outsiders][HINDSIGHT] = in_hindsight(plain, insiders, others)
    for name, network in (("two heads", both), ("plain classifier", plain)):
        found[f"accuracy, {name}"] = accuracy(network, insiders, renumbered(labels[known], digit))
    found["cpu_s"] = round(time.process_time() - before, 1)
    return found


def scores_of(
    train: Images, both: Any, plain: Any, seed: int
) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return the scores that are compared: of both networks, and without any network."""
    unlabelled = fitted(train, TRANSFORMS, EPOCHS, seed, labelled=False)
    nearest = NearestImage(train[0])
    return {
        "transformations, two heads": lambda x: transform_score(both, x, TRANSFORMS),
        "transformations, no labels": lambda x: transform_score(unlabelled, x, TRANSFORMS),
        "softmax, two heads": lambda x: softmax_score(both, x),
        "odin, two heads": lambda x: odin_score(both, x),
        "softmax, plain classifier": lambda x: softmax_score(plain, x),
        "odin, plain classifier": lambda x: odin_score(plain, x),
        "nearest image": lambda x: squared_distance(x, nearest.reconstruct(x)),
        "ink": lambda x: x.mean(axis=(1, 2)),
    }


def squared_distance(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the mean squared difference of each image from its other one."""
    difference: np.ndarray = (images / 255.0 - others / 255.0) ** 2
    return difference.mean(axis=(1, 2))


def in_hindsight(network: Any, insiders: np.ndarray, outsiders: np.ndarray) -> dict[str, float]:
    """Return ODIN with what turns out best on the very outsiders that it is judged on."""
    rows = []
    for temperature in TEMPERATURES:
        for step in STEPS:
            scores = (odin_score(network, x, temperature, step) for x in (insiders, outsiders))
            rows.append({**judged(*scores), "temperature": temperature, "epsilon": step})
    return max(rows, key=lambda row: row["auroc"])


def choice(
    rate: float, epochs: int, transforms: Sequence[Transform] = TRANSFORMS
) -> dict[str, float]:
    """Return how well both heads do on the learner's digits that are left over."""
    (images, labels), (held_out, numbers) = drawn(0)
    network = two_heads(10, transforms)
    train_two_heads(network, images, labels, transforms, epochs=epochs, seed=0, rate=rate)
    right = -transform_score(network, held_out, transforms).mean()
    return {"category": accuracy(network, held_out, numbers), "transform": round(float(right), 4)}


def printed(runs: Sequence[Mapping[str, Any]], outsiders: str) -> str:
    """Return a table of means and standard deviations."""
    lines = [
        f"\noutsiders: {outsiders}, {len(runs)} runs",
        "| score | AUROC | AP-In | AP-Out |",
        "|---|---|---|---|",
    ]
    for name in runs[0][outsiders]:
        cells = []
        for column in ("auroc", "ap_in", "ap_out"):
            values = [run[outsiders][name][column] for run in runs]
            cells.append(f"{statistics.mean(values):.3f} ({statistics.stdev(values):.3f})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def lessons() -> dict[str, Callable[[], Any]]:
    """Return all measurements by the name of their result."""
    found: dict[str, Callable[[], Any]] = {}
    for rate in RATES:
        found[f"choice {rate}"] = functools.partial(choice, rate, EPOCHS)
    for transforms in FEWER:
        name = f"choice {len(transforms)} transformations"
        found[name] = functools.partial(choice, RATE, EPOCHS, transforms)
    for seed, digit in zip(SEEDS, DIGITS, strict=True):
        found[f"run {seed}"] = functools.partial(table, digit, seed)
    return found


def main() -> None:
    """Measure what is missing in the results, and print the tables."""
    done = measure_missing(RESULTS, COMMAND, lessons())
    runs = [done[f"run {seed}"] for seed in SEEDS]
    for outsiders in ("clothes", "digit"):
        print(printed(runs, outsiders))


if __name__ == "__main__":
    main()
