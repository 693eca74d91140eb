"""Golan and El-Yaniv's Table 1 by this kit, for MNIST and Fashion-MNIST: `make bench-paper`.

    python -m benchmarks.paper_nb4 [--minutes 60] [--setting cpu|gpu]

One class is normal at a time. As many classes and runs as the minutes allow, first one run of every
class, then the next; a run that was stopped goes on where it was. Each line goes to
`results/nb4_paper.jsonl`, the table to `results/nb4_paper.md`.

On a GPU the setting is the paper's: images padded to 32 pixels, 72 transformations, WRN-10-4, three
epochs of all training images, weight decay. On the processor it is that of notebook 4: 36
transformations and five small convolutions, 350 images. Both are judged on MNIST's 2,000 exam
images and on 200 images of each class of Fashion-MNIST that nothing is trained on.
"""

import argparse
import itertools
import json
import math
import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.calibration import exam_images, one_thread
from benchmarks.masters import design_namespace, results_path
from data_utils.datasets import load_fashion_mnist, load_mnist
from data_utils.errors import DataSourceError
from data_utils.geometric import labelled_batches, log_probabilities
from data_utils.metrics import auroc, average_precision, prevalence
from data_utils.runtime import seed_everything, torch_device
from data_utils.transforms import Transform, all_transforms
from data_utils.wide_resnet import wide_resnet
from grader.files import write_atomically

NOTEBOOK = "nb4_geometric_transforms"
LINES, TABLE = results_path(NOTEBOOK, "paper.jsonl"), results_path(NOTEBOOK, "paper.md")
RUNS = 5  # as in the paper
JUDGED_EACH = 200  # images of each class; MNIST's exam has as many
# The paper's means for Fashion-MNIST (Table 1, its own method), by class.
PUBLISHED = {
    "Fashion-MNIST": (0.994, 0.976, 0.911, 0.899, 0.921, 0.934, 0.833, 0.989, 0.908, 0.992)
}
WEIGHT_DECAY = 5e-4  # the paper's code has 2.5e-4 of the squares in the loss, which is half of it
EPSILON = 1e-7  # of Adam in Keras
SCORED = 128  # images whose log-probabilities are held at once


@dataclass(frozen=True)
class Setting:
    """How a detector is made.

    Attributes
    ----------
    name : str
    transforms : tuple of Transform
    epochs : int
    images : int or None
        To train on; None for all.
    padding : int
        Pixels around each image.
    """

    name: str
    transforms: tuple[Transform, ...]
    epochs: int
    images: int | None
    padding: int


SETTINGS = {
    "gpu": Setting("gpu", all_transforms(shift=8), math.ceil(200 / 72), None, 2),
    "cpu": Setting("cpu", all_transforms(flips=(False,), shift=7), 5, 350, 0),
}


def sets_of(dataset: str, setting: Setting) -> tuple[np.ndarray, ...]:
    """Return training images and classes, and those to judge."""
    if dataset == "MNIST":
        data = load_mnist("embedded" if setting.name == "cpu" else "full")
        judged, classes = exam_images()
    else:
        data = load_fashion_mnist()
        held_out = np.concatenate(
            [np.flatnonzero(data.labels == c)[:JUDGED_EACH] for c in range(10)]
        )
        judged, classes = data.images[held_out], data.labels[held_out]
        images, labels = np.delete(data.images, held_out, 0), np.delete(data.labels, held_out)
        return _padded(images, setting), labels, _padded(judged, setting), classes
    return _padded(data.images, setting), data.labels, _padded(judged, setting), classes


def _padded(images: np.ndarray, setting: Setting) -> np.ndarray:
    return np.pad(images, ((0, 0), (setting.padding,) * 2, (setting.padding,) * 2))


def trained(setting: Setting, images: np.ndarray, seed: int, here: dict[str, Any]) -> Any:
    """Train a network of the setting on normal images."""
    import torch

    seed_everything(seed)
    count = len(setting.transforms)
    if setting.name == "cpu":
        network = here["build_classifier"](count).to(torch_device())
        here["train_classifier"](network, images, setting.transforms, setting.epochs, seed)
        return network
    network = wide_resnet(count).to(torch_device()).train()
    optimizer = torch.optim.Adam(network.parameters(), eps=EPSILON, weight_decay=WEIGHT_DECAY)
    for epoch in range(setting.epochs):
        for x, labels in labelled_batches(images, setting.transforms, seed + epoch):
            loss = torch.nn.functional.cross_entropy(network(x), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network


def measured(dataset: str, normal: int, run: int, setting: Setting) -> dict[str, Any]:
    """Fit a detector with one class normal, and judge it."""
    here, started = design_namespace(NOTEBOOK), time.process_time()
    images, labels, judged, classes = sets_of(dataset, setting)
    order = np.random.default_rng(run).permutation(np.flatnonzero(labels == normal))
    x_train = images[order[: setting.images]]
    network = trained(setting, x_train, run, here)

    def log_p(some: np.ndarray) -> np.ndarray:
        return log_probabilities(network, some, setting.transforms)

    alphas, settled = here["fit_dirichlet"](log_p(x_train))
    parts = [log_p(judged[start : start + SCORED]) for start in range(0, len(judged), SCORED)]
    found: dict[str, Any] = {}
    for name, scores in (
        ("dirichlet", np.concatenate([here["dirichlet_score"](part, alphas) for part in parts])),
        ("simplified", np.concatenate([here["simplified_score"](part) for part in parts])),
    ):
        split = scores[classes == normal], scores[classes != normal]
        found[name] = round(auroc(*split), 4)
        found[f"{name}_ap"] = round(average_precision(*split), 4)
        found["prevalence"] = round(prevalence(*split), 4)
    return {**found, "settled": int(settled.sum()), "cpu_s": round(time.process_time() - started)}


def write_table(lines: list[dict[str, Any]]) -> None:
    """Write mean and standard error of each class, beside the paper's figures where it has them."""
    text = "AUROC with one class normal, in percent; the standard error of the mean in brackets.\n"
    for setting, dataset in itertools.product(SETTINGS, ("MNIST", "Fashion-MNIST")):
        rows = [row for row in lines if (row["setting"], row["dataset"]) == (setting, dataset)]
        text += f"\n## {dataset}, setting {setting}\n\n"
        if not rows:
            text += "Not measured.\n"
            continue
        text += "| class | Dirichlet | simplified | runs | paper |\n|---|---|---|---|---|\n"
        means = []
        for normal in sorted({row["normal"] for row in rows}):
            of_class = [row for row in rows if row["normal"] == normal]
            cells = [
                _mean_and_error([row[s] for row in of_class]) for s in ("dirichlet", "simplified")
            ]
            published = PUBLISHED.get(dataset, ("",) * 10)[normal]
            paper = f"{100 * published:.1f}" if published else "not in it"
            text += f"| {normal} | {cells[0]} | {cells[1]} | {len(of_class)} | {paper} |\n"
            means.append(statistics.mean(row["dirichlet"] for row in of_class))
        text += f"\nMean of {len(means)} classes: {100 * statistics.mean(means):.1f}\n"
    write_atomically(TABLE, text.encode())


def _mean_and_error(values: list[float]) -> str:
    mean = 100 * statistics.mean(values)
    if len(values) == 1:
        return f"{mean:.1f}"
    return f"{mean:.1f} ({100 * statistics.stdev(values) / math.sqrt(len(values)):.1f})"


def main() -> None:
    """Measure until the minutes are over, and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--setting", choices=list(SETTINGS))
    options = parser.parse_args()
    one_thread()
    setting = SETTINGS[options.setting or ("gpu" if torch_device() == "cuda" else "cpu")]
    lines = [json.loads(line) for line in LINES.read_text().splitlines()] if LINES.exists() else []
    done = {(row["setting"], row["dataset"], row["normal"], row["run"]) for row in lines}
    end = time.monotonic() + 60 * options.minutes
    for run, dataset, normal in itertools.product(
        range(RUNS), ("MNIST", "Fashion-MNIST"), range(10)
    ):
        job = {"setting": setting.name, "dataset": dataset, "normal": normal, "run": run}
        if tuple(job.values()) in done or time.monotonic() > end:
            continue
        try:
            lines.append({**job, **measured(dataset, normal, run, setting)})
        except DataSourceError as reason:
            print(f"{dataset} is left out: {reason}")
            continue
        write_atomically(LINES, "".join(json.dumps(line) + "\n" for line in lines).encode())
        print(lines[-1], flush=True)
    write_table(lines)


if __name__ == "__main__":
    main()
