"""Typical mistakes of exercises 3.1 to 3.6, offered to the visible checks: each one is named."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from data_utils.selfcheck.nb3_audit import FORCED_KEYS, forced_number, split_numbers
from data_utils.selfcheck.nb3_head import head_believes_shares, head_probabilities
from data_utils.selfcheck.nb3_images import backbone_values
from data_utils.selfcheck.nb3_visible_first import FIRST_CHECKS, head_report
from data_utils.selfcheck.words import Found
from grader.hidden.nb3_reference_first import (
    best_head,
    enlarged,
    forced,
    repaired,
)
from grader.hidden.nb3_reference_first import (
    standardised as by_hand,
)

F = nn.functional

# ------------------------------------------------------------ correct answers, for comparison


def numbers(recall: float, precision: float, positives: int, negatives: int) -> dict[str, Any]:
    return dict(forced((recall, precision), (positives, negatives)))


def rounded(recall: float, precision: float, positives: int, negatives: int) -> dict[str, Any]:
    tp = round(recall * positives)
    fp = round(tp / precision) - tp
    x, y = fp / negatives, tp / positives
    return {
        "tp": np.int64(tp), "fp": fp, "accuracy": (tp + negatives - fp) / (positives + negatives),
        "always_normal": np.float32(negatives / (positives + negatives)),
        "auroc_lowest": y - x * y, "auroc_highest": 1 - x * (1 - y), "fpr": x,
    }  # fmt: skip


def large(images: Any, size: int, mode: str = "bilinear", corners: bool | None = None) -> Any:
    x = torch.from_numpy(images.astype(np.float32)).unsqueeze(1) / 255
    return F.interpolate(x, (size, size), mode=mode, align_corners=corners).numpy()


def channels(values: Any) -> Any:
    return np.reshape(np.asarray(values, np.float32), (1, 3, 1, 1))


def backbone(images: Any, size: int, mean: Any, std: Any, **how: Any) -> Any:
    return (large(images, size, **how) - channels(mean)) / channels(std)


def by_torch(images: Any, size: int, mean: Any, std: Any) -> Any:
    """Three channels first, double precision until the end, whole pixels at the corners."""
    x = torch.tensor(images).double().div(255).unsqueeze(1).expand(-1, 3, -1, -1)
    x = F.interpolate(x, size, mode="bilinear", align_corners=True)
    x = (x - torch.tensor(mean).view(3, 1, 1)).div(torch.tensor(std).view(3, 1, 1))
    return x.float().numpy()


def by_pil(images: Any, size: int, mean: Any, std: Any) -> Any:
    from PIL import Image

    how = Image.Resampling.BILINEAR
    grey = np.array([np.asarray(Image.fromarray(i).resize((size, size), how)) for i in images])
    return ((grey[:, None] / 255 - channels(mean)) / channels(std)).astype(np.float32)


def moved(image: Any, down: int, right: int) -> Any:
    ground = np.pad(image, 28)
    return ground[28 - down : 56 - down, 28 - right : 56 - right]


def shifted(images: Any, seed: int, most: int = 2) -> Any:
    moves = np.random.RandomState(seed).randint(-most, most + 1, (len(images), 2))
    return np.array([moved(image, *move) for image, move in zip(images, moves, strict=True)])


def shifted_by_rolling(images: Any, seed: int, most: int = 2) -> Any:
    """np.roll, and then what came in is made black."""
    import random

    draw, out = random.Random(seed), images.copy()
    for image in out:
        for axis in (0, 1):
            step = draw.randint(-most, most)
            image[:] = np.roll(image, step, axis)
            edge = np.moveaxis(image, axis, 0)
            edge[slice(0, step) if step > 0 else slice(len(edge) + step, None)] = 0
    return list(out)


def head_with(
    loss: Callable[..., Any] = F.binary_cross_entropy_with_logits,
    steps: int = 300,
    make: Callable[[int], Any] = lambda k: nn.Linear(k, 1),
    optimizer: Callable[..., Any] = lambda w: torch.optim.Adam(w, lr=0.01),
    seeded: Callable[[int], Any] = torch.manual_seed,
    empty: bool = True,
    back: Callable[[Any], Any] = lambda head: head,
    batch: int = 10**6,
) -> Any:
    """Return a training function with one thing changed."""

    def train_head(features: Any, labels: Any, seed: int) -> Any:
        seeded(seed)
        x, y = (torch.as_tensor(part, dtype=torch.float32) for part in (features, labels))
        head = make(x.shape[1])
        descent = optimizer(list(head.parameters()))
        for part in (part for _ in range(steps) for part in torch.arange(len(x)).split(batch)):

            def value(part: Any = part) -> Any:
                if empty:
                    descent.zero_grad()
                found = loss(head(x[part])[:, 0], y[part])
                found.backward()
                return found

            descent.step(value)
        return back(head)

    return train_head


def standardised(train: Any, *others: Any, ddof: int = 0) -> Any:
    spread = train.std(axis=0, ddof=ddof)
    spread[spread == 0] = 1
    return [(part - train.mean(axis=0)) / spread for part in (train, *others)]


def by_sklearn(*parts: Any) -> Any:
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(parts[0])
    return tuple(map(scaler.transform, parts))


def with_a_small_number(*parts: Any) -> Any:
    mean, std = parts[0].mean(axis=0), parts[0].std(axis=0) + 1e-6
    return [((part - mean) / std).astype(np.float32) for part in parts]


def scaled_in_place(*parts: Any) -> Any:
    mean, std = parts[0].mean(axis=0), parts[0].std(axis=0)
    std[std == 0] = 1
    for part in parts:
        part -= mean
        part /= std
    return list(parts)


def in_tensors(*parts: Any) -> Any:
    train, *others = (torch.from_numpy(part) for part in parts)
    std, mean = torch.std_mean(train, dim=0)
    return [(part - mean) / std.clamp(min=1e-9) for part in (train, *others)]


RIGHT: dict[str, list[Any]] = {
    "3.1": [
        repaired,
        lambda *a: {name: float(count) for name, count in repaired(*a).items()},
        lambda *a: {name: np.int64(count) for name, count in repaired(*a).items()} | {"note": ""},
    ],
    "3.2": [numbers, rounded],
    "3.3": [
        backbone,
        by_torch,
        by_pil,
        lambda *a: backbone(*a, corners=True),
    ],
    "3.4": [shifted, shifted_by_rolling],
    "3.5": [
        head_with(),
        head_with(lambda z, y: (F.softplus(z) - z * y).sum()),
        head_with(lambda z, y: F.binary_cross_entropy(torch.sigmoid(z), y), 500),
        head_with(optimizer=lambda w: torch.optim.SGD(w, lr=1.0)),
        head_with(optimizer=lambda w: torch.optim.AdamW(w, lr=0.02)),
        head_with(steps=20, optimizer=lambda w: torch.optim.LBFGS(w, lr=1)),
    ],
    "3.6": [
        standardised,
        by_sklearn,
        with_a_small_number,
        in_tensors,
        scaled_in_place,
        lambda *a: standardised(*a, ddof=1),
        lambda *a: [part.tolist() for part in standardised(*a)],
    ],
}


def heads_apart(rows: list[tuple[Any, ...]]) -> list[Any]:
    """Mark the rows of exercise 3.5 as slow: each trains a head."""
    return [pytest.param(*r, marks=pytest.mark.slow) if r[0] == "3.5" else r for r in rows]


@pytest.mark.parametrize(
    ("exercise", "function"),
    heads_apart([(e, f) for e, functions in RIGHT.items() for f in functions]),
)
def test_right_answers_pass_however_they_are_written(exercise: str, function: Any) -> None:
    FIRST_CHECKS[exercise](function)


# ------------------------------------------------------------ mistakes


def split_with(**changes: Any) -> Any:
    """Return the right split with some counts replaced by a function of asked and available."""
    return lambda a, b: repaired(a, b) | {name: f(a, b) for name, f in changes.items()}


def numbers_with(**changes: Any) -> Any:
    """Return the right numbers with some replaced by a function of the arguments."""
    return lambda *a: numbers(*a) | {name: f(*a) for name, f in changes.items()}


def in_place(images: Any, size: int, mean: Any, std: Any) -> Any:
    result = backbone(images, size, mean, std)
    images //= 255
    return result


def where_bright(images: Any, size: int, mean: Any, std: Any) -> Any:
    """Scaled only where a look at the pixels says that it must be."""
    x = large(images, size) * (1 if images.max() > 1 else 255)
    return (x - channels(mean)) / channels(std)


def by_the_brightest(images: Any, size: int, mean: Any, std: Any) -> Any:
    x = large(images, size) * np.float32(255 / images.max())
    return (x - channels(mean)) / channels(std)


def framed(images: Any, size: int, mean: Any, std: Any) -> Any:
    before = (size - 28) // 2
    after = size - 28 - before
    x = np.pad(images, ((0, 0), (before, after), (before, after)))[:, None] / 255
    return (x - channels(mean)) / channels(std)


def shift_with(
    low: Any = lambda most: -most,
    high: Any = lambda most: most + 1,
    moves_of: Any = lambda moves: moves,
    change: Any = moved,
    seed_of: Any = lambda seed: seed,
    end: Any = lambda images: images,
) -> Any:
    """Return a shift with one thing changed."""

    def shifted(images: Any, seed: int, most: int = 2) -> Any:
        draw = np.random.default_rng(seed_of(seed))
        moves = moves_of(draw.integers(low(most), high(most), (len(images), 2)))
        pairs = zip(images, moves, strict=True)
        return end(np.array([change(image, *move) for image, move in pairs]))

    return shifted


def generator_in_the_loop(images: Any, seed: int, most: int = 2) -> Any:
    moves = [np.random.default_rng(seed).integers(-most, most + 1, 2) for _ in images]
    return np.array([moved(image, *move) for image, move in zip(images, moves, strict=True)])


def shifted_in_place(images: Any, seed: int, most: int = 2) -> Any:
    images[:] = shifted(images, seed, most)
    return images


def with_edges(image: Any, down: int, right: int) -> Any:
    return np.pad(image, 28, mode="edge")[28 - down : 56 - down, 28 - right : 56 - right]


def with_grey(image: Any, down: int, right: int) -> Any:
    ground = np.pad(image, 28, constant_values=128)
    return ground[28 - down : 56 - down, 28 - right : 56 - right]


def half_pixels(image: Any, down: int, right: int) -> Any:
    return ((moved(image, down, right) + 1.0 + moved(image, down + 1, right)) / 2).astype(np.uint8)


def weighted(z: Any, y: Any) -> Any:
    return F.binary_cross_entropy_with_logits(z, y, pos_weight=(1 - y).sum() / y.sum().clamp(min=1))


def two_nodes(features: Any, labels: Any, seed: int) -> Any:
    torch.manual_seed(seed)
    head = nn.Linear(features.shape[1], 2)
    F.cross_entropy(head(torch.tensor(features).float()), torch.tensor(labels).long()).backward()
    return head


def untrained(features: Any, labels: Any, seed: int) -> Any:
    torch.manual_seed(seed)
    return nn.Linear(features.shape[1], 1)


class SigmoidHead(nn.Linear):
    """A linear layer that squeezes what it gives."""

    def __init__(self, k: int) -> None:
        super().__init__(k, 1)

    def forward(self, x: Any) -> Any:
        return torch.sigmoid(super().forward(x))


def seeded_late(features: Any, labels: Any, seed: int) -> Any:
    made = nn.Linear(features.shape[1], 1)
    return head_with(make=lambda k: made)(features, labels, seed)


def from_zero(k: int) -> Any:
    head = nn.Linear(k, 1)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return head


def leaking(*parts: Any) -> Any:
    everything = np.concatenate(parts)
    spread = everything.std(axis=0)
    return [(part - everything.mean(axis=0)) / spread for part in parts]


def each_by_itself(*parts: Any) -> Any:
    return [(part - part.mean(axis=0)) / (part.std(axis=0) + 1e-9) for part in parts]


def unsafe(*parts: Any) -> Any:
    with np.errstate(all="ignore"):
        return [(part - parts[0].mean(axis=0)) / parts[0].std(axis=0) for part in parts]


def normal_asked(asked: Any) -> int:
    return int(asked["train"] + asked["val"] + asked["test_normal"])


def normal_there(available: Any) -> int:
    return int(available["train_normal"] + available["test_normal"])


MISTAKES: list[tuple[str, Any, str]] = [
    ("3.1", split_with(missing=lambda a, b: normal_asked(a) - normal_there(b)), "negative"),
    ("3.1", split_with(missing=lambda a, b: 4958), "the paper's number"),
    (
        "3.1",
        split_with(missing=lambda a, b: max(0, a["train"] + a["val"] - b["train_normal"])),
        "the images for testing were left out",
    ),
    (
        "3.1",
        split_with(
            missing=lambda a, b: (
                max(0, a["train"] + a["val"] - b["train_normal"])
                + max(0, a["test_normal"] - b["test_normal"])
            )
        ),
        "each part was counted by itself",
    ),
    (
        "3.1",
        split_with(missing=lambda a, b: max(0, sum(a.values()) - sum(b.values()))),
        "the anomalies were counted as well",
    ),
    ("3.1", split_with(val=lambda a, b: a["val"]), "more than the official training part holds"),
    (
        "3.1",
        split_with(val=lambda a, b: min(a["val"], max(0, b["train_normal"] - a["train"]))),
        "validation",
    ),
    (
        "3.1",
        split_with(train=lambda a, b: min(a["train"], b["train_normal"])),
        "validation was not taken off",
    ),
    (
        "3.1",
        split_with(train=lambda a, b: min(a["train"], normal_there(b) - a["val"])),
        "test images are used for training",
    ),
    (
        "3.1",
        split_with(train=lambda a, b: max(0, b["train_normal"] - a["val"])),
        "more than was asked for",
    ),
    ("3.1", split_with(train=lambda a, b: b["train_normal"] - a["val"]), "more than was asked for"),
    ("3.1", split_with(test_normal=lambda a, b: b["test_normal"]), "more than was asked for"),
    ("3.1", split_with(test_anomaly=lambda a, b: a["test_anomaly"]), "test part holds"),
    ("3.1", lambda a, b: {"missing": 0, "val": 1}, "a key is missing"),
    ("3.1", lambda a, b: tuple(repaired(a, b).values()), "a key is missing"),
    ("3.1", split_with(val=lambda a, b: None), "something else is returned"),
    ("3.2", numbers_with(fp=lambda r, p, n, m: (1 - p) * m), "(specificity)"),
    ("3.2", numbers_with(fp=lambda r, p, n, m: n - r * n), "these are the missed anomalies"),
    ("3.2", numbers_with(fp=lambda r, p, n, m: (1 - p) * r * n), "a share of tp"),
    ("3.2", numbers_with(fp=lambda r, p, n, m: r * n / p), "these are all alarms"),
    ("3.2", numbers_with(tp=lambda r, p, n, m: p * n), "precision stands where recall belongs"),
    ("3.2", numbers_with(tp=lambda r, p, n, m: r), "this is the rate"),
    ("3.2", numbers_with(tp=lambda r, p, n, m: r * m), "multiplied by the negatives"),
    ("3.2", numbers_with(accuracy=lambda *a: 100 * numbers(*a)["accuracy"]), "a percentage"),
    (
        "3.2",
        numbers_with(accuracy=lambda r, p, n, m: (r * n + m) / (n + m)),
        "fp is not taken off",
    ),
    (
        "3.2",
        numbers_with(accuracy=lambda r, p, n, m: (r + 1 - (r * n / p - r * n) / m) / 2),
        "the balanced accuracy",
    ),
    ("3.2", numbers_with(always_normal=lambda r, p, n, m: n / (n + m)), "'always an anomaly'"),
    (
        "3.2",
        lambda *a: numbers(*a) | {"auroc_lowest": numbers(*a)["auroc_highest"]},
        "this is auroc_highest",
    ),
    (
        "3.2",
        numbers_with(auroc_lowest=lambda r, p, n, m: r * (1 - (r * n / p - r * n) / (n + m))),
        "taken over all images",
    ),
    (
        "3.2",
        numbers_with(auroc_highest=lambda r, p, n, m: 1 - (r * n / p - r * n) / m),
        "the area left of fpr is missing",
    ),
    ("3.2", numbers_with(auroc_highest=lambda *a: 1.0), "does not reach 1"),
    (
        "3.2",
        lambda *a: {name: round(value) for name, value in numbers(*a).items()},
        "rounded to a whole number",
    ),
    (
        "3.2",
        lambda *a: {name: round(value, 2) for name, value in numbers(*a).items()},
        "rounded to 2 decimal places",
    ),
    ("3.3", lambda i, n, m, s: backbone(i, n, m, s) + 254 * large(i, n) / channels(s), "by 255"),
    ("3.3", lambda i, n, m, s: backbone(i, n, (0,) * 3, (1,) * 3), "mean and std were left out"),
    ("3.3", lambda i, n, m, s: backbone(i, n, m, (1,) * 3), "std was forgotten"),
    ("3.3", lambda i, n, m, s: backbone(i, n, (0,) * 3, s), "the mean was forgotten"),
    ("3.3", lambda i, n, m, s: backbone(i, n, m, np.square(s)), "divided by the variance"),
    ("3.3", lambda i, n, m, s: backbone(i, n, m[::-1], s[::-1]), "of another channel"),
    ("3.3", lambda i, n, m, s: backbone(i, n, m[:1] * 3, s[:1] * 3), "std of channel 0"),
    ("3.3", lambda i, n, m, s: backbone(i, n, (np.mean(m),) * 3, (np.mean(s),) * 3), "one mean"),
    ("3.3", lambda i, n, m, s: backbone(i, n, (0.5,) * 3, (0.5,) * 3), "use the arguments"),
    (
        "3.3",
        lambda i, n, m, s: (255 * large(i, n) - channels(m)) / channels(s) / 255,
        "taken off before the division by 255",
    ),
    ("3.3", lambda i, n, m, s: backbone(i, n, m, s)[:, :1], "one channel"),
    ("3.3", lambda i, n, m, s: backbone(i, n, m, s).transpose(0, 2, 3, 1), "as in Keras"),
    ("3.3", lambda i, n, m, s: backbone(i, n, m, s).swapaxes(0, 1)[:, :2], "reshaped"),
    ("3.3", lambda i, n, m, s: backbone(i, 28, m, s), "nothing was enlarged"),
    ("3.3", lambda i, n, m, s: backbone(i, 32, m, s), "in the place of the argument size"),
    ("3.3", lambda i, n, m, s: backbone(i, n, m, s, mode="nearest"), "(nearest)"),
    ("3.3", lambda i, n, m, s: backbone(i, n, m, s, mode="nearest-exact"), "(nearest)"),
    ("3.3", lambda i, n, m, s: backbone(i, n, m, s, mode="bicubic"), "(bicubic does)"),
    ("3.3", framed, "a frame was put around"),
    ("3.3", lambda i, n, m, s: backbone(i.swapaxes(1, 2), n, m, s), "rows and columns are swapped"),
    ("3.3", lambda i, n, m, s: backbone(255 - i, n, m, s), "black and white are swapped"),
    ("3.3", lambda i, n, m, s: backbone(i // 255 * 255, n, m, s), "in whole numbers"),
    ("3.3", lambda *a: backbone(*a).astype(np.float16), "an array of float32"),
    ("3.3", lambda *a: backbone(*a).astype(float), "np.float64 comes of"),
    ("3.3", where_bright, "images without bright pixels were not divided"),
    ("3.3", by_the_brightest, "the largest grey value of these images"),
    ("3.3", in_place, "an operation worked in place"),
    ("3.3", lambda *a: torch.tensor(backbone(*a)), "a tensor is returned"),
    ("3.3", lambda *a: list(backbone(*a)), "something else than one array"),
    ("3.3", lambda *a: None, "something else than one array"),
    ("3.4", shift_with(change=lambda i, *m: np.roll(i, m, (0, 1))), "np.roll"),
    ("3.4", shift_with(moves_of=lambda m: m[:1].repeat(len(m), 0)), "drawn once"),
    ("3.4", generator_in_the_loop, "inside the loop"),
    ("3.4", shift_with(moves_of=lambda m: m[:, :1].repeat(2, 1)), "one number is used for down"),
    ("3.4", shift_with(moves_of=lambda m: m * [1, 0]), "in one direction only"),
    ("3.4", shift_with(moves_of=lambda m: 0 * m), "nothing was moved"),
    ("3.4", shift_with(moves_of=abs), "to one side only"),
    ("3.4", shift_with(high=lambda most: most), "the upper end of a range is left out"),
    ("3.4", shift_with(low=lambda most: -most - 1), "further than most"),
    ("3.4", shift_with(low=lambda most: -2, high=lambda most: 3), "most is not used"),
    ("3.4", shift_with(change=lambda i, *m: moved(i[:, ::-1], *m)), "mirrored left to right"),
    ("3.4", shift_with(change=lambda i, *m: moved(np.rot90(i), *m)), "turned by a quarter"),
    ("3.4", shift_with(change=with_edges), "the edge was repeated"),
    ("3.4", shift_with(change=with_grey), "what became free is not black"),
    ("3.4", shift_with(change=half_pixels), "parts of a pixel"),
    ("3.4", shift_with(seed_of=lambda seed: None), "do not start at seed"),
    ("3.4", shift_with(seed_of=lambda seed: 0), "a fixed number stands in its place"),
    ("3.4", shift_with(end=lambda i: i / 1), "the type of the grey values changed"),
    ("3.4", shift_with(end=lambda i: np.pad(i, ((0, 0), (2, 2), (2, 2)))), "still there"),
    ("3.4", shifted_in_place, "an operation worked in place"),
    ("3.5", two_nodes, "one sigmoid node is asked for"),
    (
        "3.5",
        head_with(
            F.binary_cross_entropy, make=lambda k: nn.Sequential(nn.Linear(k, 1), nn.Sigmoid())
        ),
        "a sigmoid in the head",
    ),
    ("3.5", head_with(make=lambda k: nn.Sequential(nn.Linear(k, 1))), "packed into another"),
    ("3.5", head_with(back=lambda head: (head, [0.1])), "something else than the head"),
    ("3.5", head_with(back=lambda head: None), "something else than the head"),
    ("3.5", untrained, "no step() at all"),
    ("3.5", head_with(steps=30), "trained too little"),
    ("3.5", head_with(optimizer=lambda w: torch.optim.SGD(w, lr=0.01)), "trained too little"),
    ("3.5", head_with(lambda z, y: F.mse_loss(z, y)), "the logits themselves aim at 0"),
    (
        "3.5",
        head_with(lambda z, y: F.mse_loss(torch.sigmoid(z), y)),
        "the squared error of the probabilities",
    ),
    ("3.5", head_with(weighted), "the classes were weighted"),
    (
        "3.5",
        head_with(lambda z, y: F.binary_cross_entropy_with_logits(torch.sigmoid(z), y)),
        "a second sigmoid",
    ),
    (
        "3.5",
        head_with(lambda z, y: ((torch.sigmoid(z)[:, None] - y) ** 2).mean()),
        "compares each with all labels",
    ),
    ("3.5", head_with(lambda z, y: F.softplus(z).mean() - z @ (1 - y) / len(y)), "upside down"),
    ("3.5", head_with(empty=False), "add up"),
    ("3.5", head_with(batch=32), "on batches of some images"),
    ("3.5", head_with(batch=8), "batches of some images"),
    ("3.5", head_with(make=lambda k: nn.Linear(k, 1, bias=False)), "there is no bias"),
    ("3.5", head_with(make=SigmoidHead), "a sigmoid in the head"),
    ("3.5", head_with(seeded=lambda seed: None), "torch is not seeded"),
    ("3.5", seeded_late, "only after the nn.Linear was made"),
    ("3.5", head_with(seeded=lambda seed: torch.manual_seed(0)), "a fixed number"),
    ("3.5", head_with(make=from_zero), "do not start at random"),
    ("3.6", leaking, "this is the leak"),
    ("3.6", each_by_itself, "each array was standardised by itself"),
    ("3.6", lambda t, *o: [(p - t.mean()) / t.std() for p in (t, *o)], "one mean for all columns"),
    ("3.6", lambda t, *o: [(p - t.mean(0)) / t.std() for p in (t, *o)], "deviation for all"),
    ("3.6", lambda t, *o: [(p - t.mean(0)) / t.var(0) for p in (t, *o)], "by the variance"),
    ("3.6", lambda t, *o: [p - t.mean(0) for p in (t, *o)], "nothing was divided by"),
    ("3.6", lambda t, *o: [p / t.std(0) for p in (t, *o)], "no mean was taken off"),
    ("3.6", lambda *a: standardised(*a)[1:], "train comes first"),
    ("3.6", lambda *a: [a[0], *standardised(*a)[1:]], "train is as it was"),
    ("3.6", lambda *a: [standardised(*a)[0], *a[1:]], "the others are as they were"),
    ("3.6", lambda *a: standardised(*a)[::-1], "reshaped"),
    ("3.6", lambda *a: [*standardised(*a), 0], "one array for each argument"),
    ("3.6", lambda *a: None, "something else than a list"),
    ("3.6", unsafe, "a division by a standard deviation of 0"),
]


@pytest.mark.parametrize(("exercise", "function", "words"), heads_apart(MISTAKES))
def test_a_typical_mistake_is_named(exercise: str, function: Any, words: str) -> None:
    with pytest.raises(Found) as caught:
        FIRST_CHECKS[exercise](function)
    assert words in str(caught.value)
    assert len(caught.value.finding.lines()) <= 5  # with the headline at most six


# ------------------------------------------------------------ tolerances and references


def test_rounded_counts_are_right_for_any_paper_and_a_wrong_rate_is_not() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        rates = tuple(rng.uniform(0.3, 0.99, 2))
        sizes = (int(rng.integers(900, 3000)), int(rng.integers(3000, 9000)))
        right, whole = forced(rates, sizes), rounded(*rates, *sizes)
        for name in FORCED_KEYS:
            assert forced_number(name, right[name], right[name], rates, sizes) is None
            assert forced_number(name, whole[name], right[name], rates, sizes) is None
        worse = right["accuracy"] + 3 / sum(sizes) + 2 / rates[1] / sum(sizes)
        assert forced_number("accuracy", worse, right["accuracy"], rates, sizes) is not None


def test_the_papers_own_numbers_come_out() -> None:
    asked = {"train": 55000, "val": 5000, "test_normal": 8000, "test_anomaly": 1000}
    available = {"train_normal": 54051, "test_normal": 8991, "test_anomaly": 1009}
    right = {"missing": 4958, "val": 5000, "train": 49051, "test_normal": 8000}
    got = repaired(asked, available)
    assert got == right | {"test_anomaly": 1000}
    assert split_numbers(got, got, asked, available) is None
    found = forced((0.963, 0.947), (1000, 8000))
    assert found["fp"] == pytest.approx(53.9, abs=0.01)
    assert found["accuracy"] == pytest.approx(0.9899, abs=1e-4)
    assert found["auroc_lowest"] == pytest.approx(0.9565, abs=1e-4)
    assert found["auroc_highest"] == pytest.approx(0.9998, abs=1e-4)


def test_both_rules_of_enlarging_are_those_of_torch() -> None:
    images = np.random.default_rng(2).integers(0, 256, (3, 28, 28), dtype=np.uint8)
    for size in (28, 32, 40, 57):
        pair = enlarged(images, size)
        for corners, picture in zip((False, True), pair, strict=True):
            assert np.allclose(large(images, size, corners=corners)[:, 0], picture, atol=1e-5)
        for how in ("area", "nearest", "bicubic"):
            if size > 28:
                wrong = backbone(images, size, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), mode=how)
                asked = (pair, images, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
                assert backbone_values(wrong, *asked) is not None


def test_the_best_head_is_that_of_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    features = np.random.default_rng(3).normal(size=(80, 3))
    labels = (features[:, 0] + np.random.default_rng(4).normal(size=80) > 0.6).astype(float)
    model = LogisticRegression(C=1e9, tol=1e-10, max_iter=1000).fit(features, labels)
    assert np.allclose(best_head(features, labels), model.predict_proba(features)[:, 1], atol=1e-4)


@pytest.mark.parametrize("seed", range(6))
def test_three_hundred_steps_arrive_from_any_start_and_half_as_good_a_loss_does_not(
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(70, 4)).astype(np.float32)
    labels = (rng.random(70) < 1 / (1 + np.exp(0.9 - 1.2 * features[:, 0]))).astype(float)
    labels[np.argsort(features[:, 0])[:4]] = 1
    best = best_head(features, labels)
    for loss, right in (
        (F.binary_cross_entropy_with_logits, True),
        (lambda z, y: F.mse_loss(torch.sigmoid(z), y), False),
        (lambda z, y: F.mse_loss(z, y), False),
    ):
        report = head_report(head_with(loss), features, labels, seed)
        assert (head_probabilities(report, best, features, labels) is None) is right


def test_a_mean_probability_tells_class_weights_from_none() -> None:
    features = np.random.default_rng(5).standard_normal((200, 3), np.float32)
    labels = np.arange(200) % 5 == 0
    assert head_believes_shares(head_report(head_with(), features, labels, 1), labels) is None
    words = {
        weighted: "the classes were weighted",
        F.mse_loss: "the logits themselves aim at the labels",
    }
    for loss, why in words.items():
        finding = head_believes_shares(head_report(head_with(loss), features, labels, 1), labels)
        assert finding is not None
        assert why in finding.why


def test_tables_by_hand_are_those_of_scikit_learn() -> None:
    parts = list(np.random.default_rng(6).normal(2, 3, (2, 9, 4)))
    for mine, theirs in zip(by_hand(parts), by_sklearn(*parts), strict=True):
        assert np.allclose(mine, theirs)


def test_checks_leave_random_numbers_alone() -> None:
    before, mine = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]
    FIRST_CHECKS["3.4"](shift_with())
    FIRST_CHECKS["3.5"](head_with())
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(mine, np.random.get_state()[1])  # type: ignore[index]
