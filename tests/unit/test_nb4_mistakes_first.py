"""Typical mistakes of exercises 4.1 to 4.5, offered to the visible checks: each one is named."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from data_utils.selfcheck import nb4_networks, nb4_sets, nb4_transforms, nb4_twins
from data_utils.selfcheck.nb4_probes_first import classifier_report, labelled_report
from data_utils.selfcheck.nb4_visible_first import FIRST_CHECKS
from data_utils.selfcheck.words import Found
from data_utils.transforms import Transform, all_transforms, apply_all
from grader.hidden.nb4_reference_first import (
    close_pairs,
    difference,
    every_picture,
    kept,
    moved_steps,
    transformed,
)

ROWS = moved_steps()

# ------------------------------------------------------------ exercise 4.1, right and wrong


def window(image: Any, down: int, right: int, fill: Any = "symmetric") -> Any:
    size = len(image)
    wide = np.pad(image, size - 1, mode=fill)
    return wide[size - 1 - down : 2 * size - 1 - down, size - 1 - right : 2 * size - 1 - right]


def transform_with(
    order: str = "fmt",
    flip_of: Callable[[Any], Any] = np.fliplr,
    move: Callable[..., Any] = window,
    turn: Callable[[Any, int], Any] = np.rot90,
    end: Callable[[Any], Any] = lambda image: image,
) -> Any:
    """Return a transformation of one image (flip, move, turn) with one thing changed."""

    def transform_image(image: Any, flip: bool, down: int, right: int, turns: int) -> Any:
        steps = {
            "f": lambda x: flip_of(x) if flip else x,
            "m": lambda x: move(x, down, right),
            "t": lambda x: turn(x, turns),
        }
        for step in order:
            image = steps[step](image)
        return end(image)

    return transform_image


def by_scipy(image: Any, flip: bool, down: int, right: int, turns: int) -> Any:
    from scipy import ndimage

    moved = ndimage.shift(
        np.flip(image, 1) if flip else image, (down, right), order=1, mode="reflect"
    )
    for _ in range(turns):
        moved = moved.T[::-1]
    return moved


def by_torch(image: Any, flip: bool, down: int, right: int, turns: int) -> Any:
    x = torch.tensor(image)
    x = x.flip(1) if flip else x
    size = len(x)
    ring = torch.cat([torch.arange(size), torch.arange(size).flip(0)])  # there and back
    x = x[ring[(torch.arange(size) - down) % (2 * size)]]
    x = x[:, ring[(torch.arange(size) - right) % (2 * size)]]
    return torch.rot90(x, turns)


def in_place(image: Any, flip: bool, *others: Any) -> Any:
    if flip:
        image[:] = image[:, ::-1].copy()
    return transform_with()(image, False, *others)


def interpolated(image: Any, down: int, right: int) -> Any:
    return window(image, down, right) - (np.indices(image.shape).sum(axis=0) % 2).astype(np.uint8)


# ------------------------------------------------------------ exercise 4.2, right and wrong


class Pair:
    """Two functions of one exercise, as the notebook's caller reaches them."""

    def __init__(self, of: Any, back: Any) -> None:
        self.of, self.back = of, back

    def __call__(self, label: int) -> Any:
        return self.of(label)

    def another(self, name: str) -> Any:
        return {"label_of": self.back}[name]


def transform_of(label: int) -> Any:
    return ROWS[label]


def label_of(*row: Any) -> Any:
    return ROWS.index(row)


def listed(moves: Sequence[int] = (0, -7, 7), order: Sequence[int] = (0, 1, 2, 3)) -> list[Any]:
    """List the transformations, the slowest axis first."""
    choices = ((False, True), moves, moves, (0, 1, 2, 3))
    rows = itertools.product(*(choices[axis] for axis in order))
    return [tuple(row[order.index(axis)] for axis in range(4)) for row in rows]


def in_order(**how: Any) -> Pair:
    rows = listed(**how)
    return Pair(lambda label: rows[label], lambda *row: rows.index(row))


def with_points(label: int) -> Any:
    flip, down, right, turns = ROWS[label]
    return flip, down, right, float(turns)


def as_places(label: int) -> Any:
    return label // 36, label // 12 % 3, label // 4 % 3, label % 4


# ------------------------------------------------------------ exercise 4.3, right and wrong


def fractions(x: Any) -> Any:
    return x / 255


def twins_with(
    apart: Callable[[Any, Any], Any] = lambda a, b: np.abs(a - b).mean(),
    scale: Callable[[Any], Any] = fractions,
    near: Callable[[Any, float], Any] = lambda value, limit: value < limit,
    js: Callable[[int, int], Any] = lambda i, t: range(i + 1, t),
    end: Callable[[Any], Any] = lambda pairs: pairs,
) -> Any:
    """Return a search for twins with one thing changed."""

    def twins(images: Any, limit: float) -> Any:
        x, t = scale(images), images.shape[1]
        pairs = [(i, j) for i in range(t) for j in js(i, t) if near(apart(x[:, i], x[:, j]), limit)]
        return end(pairs)

    return twins


def scaled_in_place(images: Any, limit: float) -> Any:
    pairs = twins_with()(images, limit)
    images //= 255
    return pairs


def truth_table(images: Any, limit: float) -> Any:
    x = images / 255
    return np.abs(x[:, :, None] - x[:, None]).mean(axis=(0, 3, 4)) < limit


# ------------------------------------------------------------ exercise 4.4, right and wrong


def set_with(
    pictures: Callable[[Any], Any] = lambda x: x.reshape(-1, 28, 28),
    labels: Callable[[int, Any], Any] = lambda n, ts: np.tile(np.arange(len(ts)), n),
    end: Callable[[Any, Any], Any] = lambda x, labels: (x, labels),
) -> Any:
    """Return a self-labelled set with one thing changed."""

    def self_labelled(images: Any, transforms: Any) -> Any:
        x = apply_all(images, transforms)
        return end(pictures(x), labels(len(images), transforms))

    return self_labelled


def sorted_by_transform(images: Any, transforms: Any) -> Any:
    x = [picture for one in transforms for picture in apply_all(images, [one])[:, 0]]
    return x, [label for label in range(len(transforms)) for _ in images]


def blackened(images: Any, transforms: Any) -> Any:
    result = set_with()(images, transforms)
    images[:] = 0
    return result


EVERYTHING = all_transforms()

# ------------------------------------------------------------ exercise 4.5, right and wrong


def block(before: int, after: int, stride: int = 2, norm: Any = nn.BatchNorm2d) -> list[Any]:
    return [nn.Conv2d(before, after, 3, stride, padding=1), norm(after), nn.ReLU()]


def network_with(
    body: Callable[[], Sequence[Any]] = lambda: [*block(1, 8), *block(8, 16), nn.Flatten()],
    width: int = 16 * 49,
    end: Callable[[Any, int], Any] = lambda last, count: [last],
    back: Callable[[Any], Any] = lambda network: network,
) -> Any:
    """Return a builder of classifiers with one thing changed."""

    def build_classifier(count: int) -> Any:
        last = nn.Linear(width, count)
        return back(nn.Sequential(*body(), *end(last, count)))

    return build_classifier


class Wrapped(nn.Module):  # type: ignore[misc,unused-ignore]
    """Does something to what a network gives."""

    def __init__(self, inside: Any, change: Callable[[Any], Any]) -> None:
        super().__init__()
        self.inside, self.change = inside, change

    def forward(self, x: Any) -> Any:
        return self.change(self.inside(x))


class Forgotten(nn.Module):  # type: ignore[misc,unused-ignore]
    """Keeps its layers in a plain list."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.layers = [nn.Flatten(), nn.Linear(784, count)]

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x


class Cut(nn.Module):  # type: ignore[misc,unused-ignore]
    """Lets no gradient through."""

    def forward(self, x: Any) -> Any:
        return x.detach()


class Residual(nn.Module):  # type: ignore[misc,unused-ignore]
    """A short cut beside a convolution that starts at 0."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 8, 5, 4), nn.Conv2d(8, 8, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Any) -> Any:
        x = torch.tanh(self.first(x))
        return (x + self.second(x)).flatten(1)


def lazy(count: int) -> Any:
    return nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.LazyLinear(64), nn.GELU(),
                         nn.LayerNorm(64), nn.LazyLinear(count))  # fmt: skip


def from_zero(last: Any, count: int) -> list[Any]:
    nn.init.zeros_(last.weight)
    return [last]


def all_alike(network: Any) -> Any:
    for weight in network.parameters():
        nn.init.constant_(weight, 0.01)
    return network


ONE_BODY = [nn.Flatten(), nn.Linear(784, 32), nn.ReLU()]

RIGHT: dict[str, list[Any]] = {
    "4.1": [transform_with(), by_scipy, by_torch, transform_with(end=np.ascontiguousarray)],
    "4.2": [
        transform_of,  # a bare function: the inverse cannot be reached
        Pair(transform_of, label_of),
        Pair(lambda label: np.array(ROWS[label]), lambda *row: np.int16(ROWS.index(row))),
        Pair(lambda label: [np.bool_(ROWS[label][0]), *map(np.int32, ROWS[label][1:])], label_of),
    ],
    "4.3": [
        twins_with(),
        twins_with(end=lambda pairs: np.array(pairs).reshape(-1, 2)),
        twins_with(end=lambda pairs: [list(pair) for pair in pairs[::-1]]),
        twins_with(scale=lambda x: torch.tensor(x).float() / 255,
                   apart=lambda a, b: (a - b).abs().mean().item()),
    ],
    "4.4": [
        set_with(),
        sorted_by_transform,
        set_with(labels=lambda n, ts: torch.arange(len(ts)).repeat(n)),
        set_with(end=lambda x, labels: [torch.tensor(x), labels.astype("int32")]),
        set_with(labels=lambda n, ts: list(range(len(ts))) * n),
    ],
    "4.5": [
        network_with(),
        network_with(end=from_zero),
        network_with(lambda: [nn.Flatten()], 784),
        network_with(lambda: [Residual()], 8 * 36),
        network_with(lambda: [*block(1, 8, norm=nn.InstanceNorm2d), *block(8, 32, 1),
                              nn.AdaptiveAvgPool2d(1), nn.Dropout(0.5), nn.Flatten()], 32),
        network_with(back=lambda network: network.eval()),
        lazy,
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("exercise", "function"), [(e, f) for e, functions in RIGHT.items() for f in functions]
)
def test_right_answers_pass_however_they_are_written(exercise: str, function: Any) -> None:
    FIRST_CHECKS[exercise](function)


MISTAKES: list[tuple[str, Any, str]] = [
    ("4.1", lambda image, *asked: image, "this is the image as it was"),
    ("4.1", lambda *asked: None, "something else than an image"),
    ("4.1", transform_with(move=lambda x, d, r: np.pad(x, 7)), "the frame is still there"),
    ("4.1", transform_with(move=lambda x, d, r: window(x, -d, -r)), "the opposite direction"),
    ("4.1", transform_with(move=lambda x, d, r: window(x, -d, r)), "moved up instead of down"),
    ("4.1", transform_with(move=lambda x, d, r: window(x, d, -r)), "moved left instead of right"),
    ("4.1", transform_with(move=lambda x, d, r: window(x, r, d)), "rows and columns are swapped"),
    ("4.1", transform_with(move=lambda x, d, r: x), "this is the image as it was"),
    ("4.1", transform_with(move=lambda x, d, r: np.roll(x, (d, r), (0, 1))), "np.roll"),
    (
        "4.1",
        transform_with(move=lambda x, d, r: window(x, d, r, "constant")),
        "the free pixels are 0",
    ),
    ("4.1", transform_with(move=lambda x, d, r: window(x, d, r, "edge")), "repeat the edge"),
    (
        "4.1",
        transform_with(move=lambda x, d, r: window(x, d, r, "reflect")),
        "without the pixel at",
    ),
    ("4.1", transform_with(move=lambda x, d, r: window(x, -d, -r, "constant")), "in another way"),
    ("4.1", transform_with(move=interpolated), "off by one"),
    ("4.1", transform_with(flip_of=np.flipud), "flipped upside down"),
    ("4.1", transform_with(flip_of=lambda x: x), "this is the image as it was"),
    ("4.1", transform_with(turn=lambda x, k: np.rot90(x, -k)), "turned with the clock"),
    ("4.1", transform_with(turn=lambda x, k: np.rot90(x, k > 0)), "turned once"),
    ("4.1", transform_with(turn=lambda x, k: x), "this is the image as it was"),
    ("4.1", transform_with("ftm"), "another order of the steps: flip, turn, translation"),
    ("4.1", transform_with("mft"), "another order of the steps: translation, flip, turn"),
    ("4.1", transform_with(end=lambda x: x.astype(float)), "type float64"),
    ("4.1", transform_with(end=lambda x: x.tolist()), "type int64"),
    ("4.1", in_place, "an operation worked in place"),
    ("4.2", in_order(moves=(-7, 0, 7)), "begins with -SHIFT"),
    ("4.2", in_order(moves=(0, 7, -7)), "+SHIFT comes before -SHIFT"),
    ("4.2", in_order(order=(0, 2, 1, 3)), "turns, down, right, flip"),
    ("4.2", in_order(order=(3, 2, 1, 0)), "flip, down, right, turns"),
    ("4.2", Pair(as_places, label_of), "the numbers i, not pixels"),
    ("4.2", Pair(lambda label: (label < 36, *ROWS[label][1:]), label_of), "flip is upside down"),
    ("4.2", Pair(lambda label: ROWS[label][::-1], label_of), "come in another order"),
    ("4.2", Pair(lambda label: (label / 36, *ROWS[label][1:]), label_of), "/ divides"),
    ("4.2", Pair(lambda label: (*ROWS[label][:3], 90 * ROWS[label][3]), label_of), "0 to 3"),
    ("4.2", Pair(with_points, label_of), "such as 2.0"),
    ("4.2", Pair(lambda label: ROWS[label][:3], label_of), "four values are asked for"),
    ("4.2", Pair(lambda label: Transform(*ROWS[label]), label_of), "four values are asked for"),
    ("4.2", Pair(lambda label: (None, 0, 0, 0), label_of), "no truth value"),
    ("4.2", Pair(transform_of, lambda *row: ROWS.index(row) + 1), "counted from 1"),
    ("4.2", Pair(transform_of, lambda *row: listed((-7, 0, 7)).index(row)), "begins with -SHIFT"),
    ("4.2", Pair(transform_of, lambda *row: float(ROWS.index(row))), "such as 2.0"),
    ("4.2", Pair(transform_of, lambda *row: None), "something else is returned"),
    ("4.2", Pair(transform_of, lambda *row: ROWS.index(row) % 36), "the sum differs"),
    ("4.3", twins_with(scale=lambda x: x, apart=lambda a, b: np.abs(a - b).mean() / 255), "wrap"),
    ("4.3", twins_with(scale=lambda x: x.astype(float)), "not scaled to [0, 1]"),
    ("4.3", twins_with(apart=lambda a, b: (a - b).mean()), "is missing"),
    ("4.3", twins_with(apart=lambda a, b: abs((a - b).mean())), "after the mean"),
    ("4.3", twins_with(apart=lambda a, b: ((a - b) ** 2).mean()), "the squared difference"),
    ("4.3", twins_with(apart=lambda a, b: np.abs(a - b).mean((1, 2)).max()), "the worst"),
    ("4.3", twins_with(apart=lambda a, b: np.abs(a - b).mean((1, 2)).min()), "the best"),
    ("4.3", twins_with(apart=lambda a, b: np.abs(a - b).sum()), "a sum over all pixels"),
    ("4.3", twins_with(near=lambda value, limit: value > limit), "the pairs that differ"),
    ("4.3", twins_with(near=lambda value, limit: value <= limit), "equals limit is no twin"),
    ("4.3", twins_with(js=lambda i, t: range(t)), "compared with itself"),
    ("4.3", twins_with(js=lambda i, t: [j for j in range(t) if j != i]), "comes twice"),
    ("4.3", twins_with(js=lambda i, t: range(i)), "the larger number stands first"),
    ("4.3", twins_with(js=lambda i, t: range(i + 1, min(i + 2, t))), "only neighbours"),
    ("4.3", twins_with(js=lambda i, t: range(i + 1, t) if i == 0 else ()), "only the identity"),
    ("4.3", twins_with(end=len), "something else than a list"),
    ("4.3", twins_with(end=set), "something else than a list"),
    ("4.3", twins_with(end=lambda pairs: [i for i, j in pairs]), "an entry is no pair"),
    ("4.3", twins_with(end=lambda pairs: [(0.5, 1.0), *pairs]), "whole numbers"),
    ("4.3", twins_with(end=lambda pairs: [*pairs, (1,)]), "different lengths"),
    ("4.3", twins_with(end=lambda pairs: 2 * pairs), "anew for each image"),
    ("4.3", truth_table, "still to be named"),
    ("4.3", scaled_in_place, "an operation worked in place"),
    ("4.4", set_with(pictures=lambda x: x), "still two axes, as apply_all"),
    ("4.4", set_with(pictures=lambda x: x.swapaxes(0, 1)), "still two axes"),
    ("4.4", set_with(pictures=lambda x: x[:, 0]), "nothing was added"),
    ("4.4", set_with(pictures=lambda x: x.reshape(-1, 784)), "the axes of the pixels"),
    ("4.4", set_with(pictures=lambda x: x[:, 1:].reshape(-1, 28, 28)), "one picture for each"),
    ("4.4", set_with(labels=lambda n, ts: np.arange(len(ts))), "stands there once"),
    ("4.4", set_with(labels=lambda n, ts: np.tile(np.arange(len(ts)), (n, 1))), "still a table"),
    ("4.4", set_with(labels=lambda n, ts: np.tile(np.arange(1.0 * len(ts)), n)), "whole number"),
    ("4.4", set_with(labels=lambda n, ts: list(ts) * n), "whole number"),
    ("4.4", set_with(labels=lambda n, ts: np.repeat(np.arange(len(ts)), n)), "0 0 0"),
    ("4.4", set_with(labels=lambda n, ts: np.tile(np.arange(len(ts)) + 1, n)), "counted from 1"),
    ("4.4", set_with(labels=lambda n, ts: np.repeat(np.arange(n), len(ts))), "of the image"),
    ("4.4", set_with(labels=lambda n, ts: [EVERYTHING.index(t) for t in ts] * n), "list of all 72"),
    ("4.4", set_with(pictures=lambda x: x.swapaxes(0, 1).reshape(-1, 28, 28)), "0 1 2"),
    ("4.4", set_with(end=lambda x, labels: (x[::-1], labels)), "different orders"),
    ("4.4", set_with(pictures=lambda x: np.moveaxis(x, 1, 3).reshape(-1, 28, 28)), "mixed"),
    ("4.4", set_with(pictures=lambda x: x.reshape(-1, 28, 28) / 255), "scaled to [0, 1]"),
    ("4.4", set_with(pictures=lambda x: x.reshape(-1, 28, 28) / 127.5 - 1), "to [-1, 1]"),
    ("4.4", set_with(pictures=lambda x: 1.0 * x.reshape(-1, 28, 28)), "another type"),
    ("4.4", set_with(end=lambda x, labels: (labels, x)), "the two are swapped"),
    ("4.4", set_with(end=lambda x, labels: x), "something else than a pair"),
    ("4.4", set_with(end=lambda x, labels: {"x": x, "labels": labels}), "than a pair"),
    ("4.4", blackened, "an operation worked in place"),
    ("4.5", network_with(end=lambda last, n: [last, nn.Softmax(1)]), "a softmax at the end"),
    ("4.5", network_with(end=lambda last, n: [last, nn.LogSoftmax(1)]), "a log-softmax"),
    ("4.5", network_with(end=lambda last, n: [last, nn.Sigmoid()]), "a sigmoid at the end"),
    ("4.5", network_with(end=lambda last, n: [last, nn.Tanh()]), "a tanh at the end"),
    ("4.5", network_with(end=lambda last, n: [last, nn.ReLU()]), "as after a ReLU"),
    ("4.5", network_with(end=lambda last, n: [last, nn.LogSigmoid()]), "above 0"),
    ("4.5", network_with(end=lambda last, n: [nn.Linear(784, 36)]), "the argument count"),
    ("4.5", network_with(end=lambda last, n: []), "the argument count"),
    ("4.5", network_with(lambda: block(1, 8)), "two layers do not fit"),
    ("4.5", network_with(lambda: [nn.Linear(28, 16)], 16), "still a map"),
    ("4.5", network_with(back=list), "not put together"),
    ("4.5", lambda count: nn.Sequential, "the class itself"),
    ("4.5", network_with(back=lambda net: Wrapped(net, lambda x: (x, x))), "a tuple"),
    ("4.5", network_with(back=lambda net: Wrapped(net, torch.squeeze)), "squeezed away"),
    ("4.5", network_with(back=lambda net: Wrapped(net, lambda x: x / 0)), "finite logits"),
    (
        "4.5",
        network_with(back=lambda net: Wrapped(net, lambda x: x - x.mean(0))),
        "the mean of the whole batch",
    ),
    (
        "4.5",
        network_with(end=lambda last, n: [last, nn.BatchNorm1d(n, track_running_stats=False)]),
        "needs other images beside it",
    ),
    ("4.5", network_with(lambda: [nn.Flatten(), nn.Linear(784, 512)], 512), "at most 300,000"),
    ("4.5", Forgotten, "not registered"),
    ("4.5", network_with(lambda: [*block(1, 16, 4), nn.Flatten(), Cut()]), "cuts the gradient"),
    ("4.5", network_with(back=lambda net: net.requires_grad_(False)), "layers are frozen"),
    ("4.5", network_with(back=all_alike), "start alike stay alike"),
    ("4.5", network_with(lambda: [nn.AdaptiveAvgPool2d(1), nn.Flatten()], 1), "each pixel by it"),
    ("4.5", network_with(lambda: ONE_BODY, 32), "made once, outside"),
]


@pytest.mark.parametrize(("exercise", "function", "words"), MISTAKES)
def test_a_typical_mistake_is_named(exercise: str, function: Any, words: str) -> None:
    with pytest.raises(Found) as caught:
        FIRST_CHECKS[exercise](function)
    assert words in str(caught.value)
    assert len(caught.value.finding.lines()) <= 5  # with the headline at most six


# ------------------------------------------------------------ references and details


def test_images_by_hand_are_those_of_the_kit() -> None:
    image = np.random.default_rng(1).integers(0, 256, (11, 11), dtype=np.uint8)
    for flip, down, right, turns in itertools.product((False, True), (0, -5, 3), (4, -1), range(4)):
        mine = transformed(image, flip, down, right, turns)
        assert np.array_equal(
            mine, apply_all(image[None], [Transform(flip, down, right, turns)])[0, 0]
        )
        black = transform_with(move=lambda x, d, r: window(x, d, r, "constant"))
        left = black(np.ones((11, 11), int), flip, down, right, turns) == 1
        assert np.array_equal(kept(11, down, right, turns), left)


def test_rows_by_hand_are_those_of_the_kit() -> None:
    assert [Transform(*row) for row in ROWS] == list(all_transforms())
    assert (ROWS[41], ROWS.index((False, -7, 7, 3))) == ((True, 0, -7, 1), 23)


def test_what_became_free_can_be_left_out() -> None:
    image = np.random.default_rng(2).integers(1, 256, (9, 9), dtype=np.uint8)
    asked = (True, 3, -2, 1)
    right, seen = transformed(image, *asked), kept(9, *asked[1:])
    black = np.where(seen, right, 0)
    assert nb4_transforms.image_values(black, right, image, asked, seen) is None
    assert nb4_transforms.image_values(black, right, image, asked) is not None


def test_twins_by_hand() -> None:
    grey = np.array([[[0], [51], [204]]], np.uint8)[..., None]
    assert [difference(grey, *pair) for pair in ((0, 1), (0, 2), (1, 2))] == [0.2, 0.8, 0.6]
    assert close_pairs(grey, 0.7) == [(0, 1), (1, 2)]
    assert nb4_twins.twin_values([[(1, 0), (2, 1)]], [[(0, 1), (1, 2)]], grey, [0.7]) is None


def test_a_set_that_holds_one_picture_twice_is_found() -> None:
    images = np.random.default_rng(3).integers(1, 256, (2, 28, 28), dtype=np.uint8)
    steps = [(0, 0, 0, 0), (0, 0, 0, 1)]
    right = every_picture(images, [(False, 0, 0, 0), (False, 0, 0, 1)])
    twice = labelled_report(set_with(lambda x: x[[0, 0]].reshape(-1, 28, 28)), images, steps)
    assert nb4_sets.set_matches(twice, right) is None
    assert nb4_sets.set_holds_each_once(twice, right) is not None
    whole = labelled_report(set_with(), images, steps)
    assert nb4_sets.set_holds_each_once(whole, right) is None
    assert nb4_sets.set_holds_each_once({**whole, "labels": np.array([0, 1, 0, 0])}, right)


def test_a_network_that_sees_the_border_alone_still_sees_moves() -> None:
    x = np.random.default_rng(4).uniform(-1, 1, (2, 1, 28, 28)).astype(np.float32)
    both = np.concatenate([x, x[:, :, ::-1]])
    report = classifier_report(network_with(), 4, both, np.arange(4), 1)
    rows = {"flipped": np.array([[0, 2], [1, 3]])}
    assert nb4_networks.classifier_sees(report, rows) is None
    same = classifier_report(network_with(), 4, np.concatenate([x, x]), np.arange(4), 1)
    assert nb4_networks.classifier_sees(same, rows) is not None


def test_checks_leave_random_numbers_alone() -> None:
    before, mine = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]
    for exercise in ("4.1", "4.3", "4.4", "4.5"):
        FIRST_CHECKS[exercise](RIGHT[exercise][0])
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(mine, np.random.get_state()[1])  # type: ignore[index]
