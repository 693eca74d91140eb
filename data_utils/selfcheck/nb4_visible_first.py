"""The visible checks of exercises 4.1 to 4.5: on other inputs than hidden ones."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.geometric import as_input
from data_utils.selfcheck import nb4_labels, nb4_networks, nb4_sets, nb4_transforms, nb4_twins
from data_utils.selfcheck.nb3_images import images_left_alone
from data_utils.selfcheck.nb4_probes_first import classifier_report, labelled_report
from data_utils.selfcheck.words import Ask, expect
from data_utils.transforms import Transform, all_transforms, apply_all

SHIFT = 7  # that of the notebook


def _noise(seed: int, *shape: int) -> NDArray[np.uint8]:
    """Return noise without black, so that each pixel can be told from what is filled in."""
    return np.random.default_rng(seed).integers(1, 256, shape, dtype=np.uint8)


def check_transform(transform_image: Ask) -> None:
    """Exercise 4.1: each step alone, then together; the input, and the type."""
    cases: list[tuple[int, nb4_transforms.Asked]] = [
        (6, (False, 0, 0, 0)),
        (6, (True, 0, 0, 0)),
        (6, (False, -1, 2, 0)),
        (6, (False, 2, 0, 0)),
        *((6, (False, 0, 0, turns)) for turns in (1, 2, 3)),
        *((28, one) for one in itertools.product((False, True), (-3, 5), (9, -4), (1, 2))),
    ]
    for size, asked in cases:
        image = _noise(41, size, size)
        before = image.copy()
        got = transform_image(image, *asked)
        expect(images_left_alone(before, image))
        right = apply_all(image[None], [Transform(*asked)])[0, 0]
        expect(nb4_transforms.image_values(got, right, image, asked))
        expect(nb4_transforms.image_type(got, image))


def check_labels(transform_of: Ask) -> None:
    """Exercise 4.2: some labels, then all; and the inverse where it can be reached."""
    rows = [(one.flip, one.down, one.right, one.turns) for one in all_transforms(shift=SHIFT)]
    labels = [0, *range(len(rows))]
    got = [transform_of(label) for label in labels]
    right = [rows[label] for label in labels]
    expect(nb4_labels.transform_values(got, right, labels, SHIFT))
    for one in got:
        expect(nb4_labels.whole_numbers("transform_of", one))
    another = getattr(transform_of, "another", None)  # a bare function has none
    if another is not None:
        label_of = another("label_of")
        back = [label_of(*row) for row in rows]
        expect(nb4_labels.label_values(back, labels[1:], rows, SHIFT))
        for one in back:
            expect(nb4_labels.whole_numbers("label_of", one))


def check_twins(twins: Ask) -> None:
    """Exercise 4.3 on a few grey values, whose differences can be worked out by hand."""
    greys = np.array([[[0], [102], [153], [255]], [[51], [51], [204], [0]]], np.uint8)
    # differences: 0-1 0.2, 0-2 0.6, 0-3 0.6, 1-2 0.4, 1-3 0.4, 2-3 0.6
    pair = np.array([[[0, 255], [0, 0], [255, 255]]], np.uint8)  # 0-1 0.5, 0-2 0.5, 1-2 1
    some, most = [(0, 1)], [(0, 1), (1, 2), (1, 3)]
    cases: tuple[tuple[NDArray[np.uint8], dict[float, list[tuple[int, int]]]], ...] = (
        (greys, {0.3: some, 0.5: most, 0.7: list(itertools.combinations(range(4), 2)), 0.1: []}),
        (np.ascontiguousarray(greys[:, ::-1]), {0.3: [(2, 3)], 0.5: [(0, 2), (1, 2), (2, 3)]}),
        (pair, {0.5: [], 1.0: [(0, 1), (0, 2)]}),
    )
    for images, right in cases:
        transformed = images[..., None]
        before, limits = transformed.copy(), list(right)
        got = [twins(transformed, limit) for limit in limits]
        expect(images_left_alone(before, transformed))
        expect(nb4_twins.twin_values(got, list(right.values()), transformed, limits))
        for pairs in got:
            expect(nb4_twins.twins_once(pairs))


def check_set(self_labelled: Ask) -> None:
    """Exercise 4.4 on noise, under transformations in another order than that of the list."""
    everything = all_transforms(shift=SHIFT)
    for seed, count, places in ((44, 4, (5, 0, 38)), (45, 2, (1, 2, 66, 9)), (46, 1, (0, 71))):
        images = _noise(seed, count, 28, 28)
        chosen = [everything[place] for place in places]
        steps = [(one.flip, one.down, one.right, one.turns) for one in chosen]
        report = labelled_report(self_labelled, images, steps)
        right = apply_all(images, chosen)
        expect(nb4_sets.set_form(report, images, len(chosen)))
        expect(nb4_sets.set_matches(report, right, places))
        expect(nb4_sets.set_holds_each_once(report, right))
        expect(nb4_sets.set_is_uint8(report))
        expect(images_left_alone(images, report["after"]))


def check_classifier(build_classifier: Ask) -> None:
    """Exercise 4.5 on noise, as it is, moved and turned, for two numbers of transformations."""
    moves = (Transform(), Transform(right=SHIFT), Transform(turns=1))
    pictures = apply_all(_noise(47, 6, 28, 28), moves)
    x = np.asarray(as_input(pictures.reshape(-1, 28, 28), "cpu"))
    labels = np.tile(np.arange(len(moves)), len(pictures))
    for count in (36, 5):
        report: dict[str, Any] = classifier_report(build_classifier, count, x, labels, count)
        expect(nb4_networks.classifier_form(report, len(x), count))
        expect(nb4_networks.classifier_gives_logits(report))
        expect(nb4_networks.classifier_is_small(report))
        expect(nb4_networks.classifier_can_learn(report, count))
        expect(nb4_networks.classifier_ignores_company(report, count))
        expect(nb4_networks.classifier_is_new(report))
        originals = np.arange(0, len(x), len(moves))
        expect(nb4_networks.classifier_sees(report, {
            "moved": np.stack([originals, originals + 1], axis=1),
            "turned": np.stack([originals, originals + 2], axis=1),
        }))  # fmt: skip


FIRST_CHECKS: dict[str, Callable[[Ask], None]] = {
    "4.1": check_transform,
    "4.2": check_labels,
    "4.3": check_twins,
    "4.4": check_set,
    "4.5": check_classifier,
}
