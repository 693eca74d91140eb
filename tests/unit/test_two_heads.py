"""The network with two heads: how it is trained, and the three scores for images of no category."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from data_utils import outsiders, two_heads  # noqa: E402
from data_utils.errors import CourseKitError, ImageFormatError  # noqa: E402
from data_utils.outsiders import odin_score, softmax_score, transform_score  # noqa: E402
from data_utils.transforms import Transform, all_transforms, apply_all  # noqa: E402
from data_utils.wide_resnet import wide_resnet  # noqa: E402

TURNS = all_transforms(flips=(False,), shift=0)
RANDOM = np.random.default_rng(1).integers(0, 256, (70, 28, 28)).astype(np.uint8)
Score = Callable[[Any, np.ndarray], np.ndarray]
SCORES: dict[str, Score] = {
    "transform": partial(transform_score, transforms=TURNS),
    "softmax": softmax_score,
    "odin": odin_score,
}
each_score = pytest.mark.parametrize("score", SCORES.values(), ids=list(SCORES))


def toy(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Two categories in noise: a bar above, or a block at the upper left."""
    images = np.random.default_rng(2).integers(0, 60, (count, 28, 28)).astype(np.uint8)
    images[::2, 3:8, 4:24] += 180
    images[1::2, 3:14, 4:13] += 180
    return images, np.arange(count) % 2


def trained(seed: int = 0, epochs: int = 4) -> tuple[Any, list[float]]:
    network = two_heads.two_heads(2, TURNS, seed=seed)
    return network, two_heads.train_two_heads(network, *toy(256), TURNS, epochs=epochs, seed=seed)


@pytest.fixture(scope="module")
def learnt() -> tuple[Any, list[float]]:
    """Trained once; no test may change it."""
    return trained()


def state_of(network: Any) -> list[Any]:
    return [value.clone() for value in network.state_dict().values()]


def alike(before: list[Any], after: list[Any]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


# ------------------------------------------------------------ the network and its training


@pytest.mark.parametrize("side", [28, 32])
def test_it_has_one_head_for_each_question(side: int) -> None:
    network = two_heads.two_heads(7, TURNS)
    of_category, of_transform = network(torch.zeros(3, 1, side, side))
    assert (of_category.shape, of_transform.shape) == ((3, 7), (3, 4))


def test_another_trunk_learns_and_scores() -> None:
    trunk = wide_resnet(1, width=1)[:-1]
    network = two_heads.two_heads(2, TURNS, trunk=trunk, features=64)
    before = state_of(trunk)
    two_heads.train_two_heads(network, *toy(16), TURNS, epochs=1, seed=0)
    assert not alike(before, state_of(trunk))
    assert transform_score(network, RANDOM[:3], TURNS).shape == (3,)


def test_the_weights_follow_the_seed_and_leave_torchs_own_state() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (state_of(two_heads.two_heads(3, TURNS, seed=s)) for s in (1, 1, 2))
    assert alike(first, again)
    assert not alike(first, other)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.slow
def test_training_follows_its_seed(learnt: tuple[Any, list[float]]) -> None:
    torch.manual_seed(99)
    np.random.seed(99)
    network, losses = trained()
    assert losses == learnt[1]
    assert alike(state_of(network), state_of(learnt[0]))
    assert trained(seed=1, epochs=1)[1][0] != losses[0]


def test_the_loss_falls_and_the_network_is_ready(learnt: tuple[Any, list[float]]) -> None:
    network, losses = learnt
    assert len(losses) == 4
    assert losses[-1] < losses[0] / 3
    assert not any(layer.training for layer in network.modules())


def test_each_image_comes_once_an_epoch_under_one_transformation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    step = two_heads._step

    def remember(network: Any, optimizer: Any, *shown: np.ndarray) -> float:
        seen.append((shown[0], shown[1], shown[2]))
        return step(network, optimizer, *shown)

    monkeypatch.setattr(two_heads, "_step", remember)
    transforms, labels = all_transforms(), np.arange(70)
    network = two_heads.two_heads(70, transforms)
    two_heads.train_two_heads(network, RANDOM, labels, transforms, epochs=2, seed=3, batch=32)
    assert [len(x) for x, _, _ in seen] == [35, 35] * 2  # not 32, 32 and a rest of 6
    epochs = [np.concatenate([b for _, b, _ in seen[i : i + 2]]) for i in (0, 2)]
    assert all(np.array_equal(np.sort(found), labels) for found in epochs)
    assert not np.array_equal(*epochs)
    chosen = np.concatenate([which for _, _, which in seen])
    assert len(np.unique(chosen)) > 50  # of 72, in 140 draws
    for x, places, which in seen:
        every = apply_all(RANDOM[places], transforms)
        assert np.array_equal(x, every[np.arange(len(x)), which])


def test_the_losses_of_both_heads_are_added() -> None:
    """One category or one transformation alone is no question, and costs nothing."""
    identity = (Transform(),)
    for classes, transforms, zero in ((1, identity, True), (2, identity, False), (1, TURNS, False)):
        network = two_heads.two_heads(classes, transforms)
        images, labels = toy(16)
        (loss,) = two_heads.train_two_heads(
            network, images, labels % classes, transforms, epochs=1, seed=0
        )
        assert (loss == 0) == zero


# ------------------------------------------------------------ the scores


def test_the_transform_score_is_that_of_one_image_after_the_other(
    learnt: tuple[Any, list[float]],
) -> None:
    images = toy(5)[0]
    expected = []
    for image in images:
        right = 0.0
        for place, transform in enumerate(TURNS):
            turned = apply_all(image[None], (transform,))[0, 0] / np.float32(127.5) - 1
            with torch.no_grad():
                logits = learnt[0](torch.as_tensor(turned)[None, None].float())[1]
            right += logits.softmax(dim=1)[0, place].item()
        expected.append(-right / 4)
    assert np.allclose(transform_score(learnt[0], images, TURNS), expected, atol=1e-6)


@pytest.mark.parametrize(("temperature", "epsilon"), [(1, 0.0), (10, 0.05), (1000, 0.0014)])
def test_odin_is_that_of_its_equations(
    learnt: tuple[Any, list[float]], temperature: float, epsilon: float
) -> None:
    network, images = learnt[0], RANDOM[:5]
    pixels = torch.as_tensor(images / 255).requires_grad_()  # in double precision, one by one
    twin = two_heads.two_heads(2, TURNS).eval()
    twin.load_state_dict(network.state_dict())
    twin.double()
    probability = (twin(pixels[:, None] * 2 - 1)[0] / temperature).softmax(dim=1)
    probability.amax(dim=1).log().sum().backward()
    moved = pixels + epsilon * pixels.grad.sign()
    with torch.no_grad():
        found = (twin(moved[:, None] * 2 - 1)[0] / temperature).softmax(dim=1).amax(dim=1)
    got = odin_score(network, images, temperature, epsilon)
    assert np.allclose(got, -found.numpy(), rtol=0, atol=1e-3 / temperature)


def test_odin_without_its_two_changes_is_the_softmax_score(
    learnt: tuple[Any, list[float]],
) -> None:
    plain = odin_score(learnt[0], RANDOM, temperature=1, epsilon=0)
    assert np.array_equal(plain, softmax_score(learnt[0], RANDOM))
    assert np.all(odin_score(learnt[0], RANDOM, temperature=1, epsilon=1e-4) < plain)


def test_what_fits_no_category_scores_higher(learnt: tuple[Any, list[float]]) -> None:
    network, images = learnt[0], toy(40)[0]
    same_all_round = apply_all(images, TURNS).mean(axis=1).astype(np.uint8)
    outside = transform_score(network, same_all_round, TURNS)
    assert np.allclose(outside, -0.25, atol=0.01)  # the four answers are the same, and sum to 1
    assert transform_score(network, images, TURNS).max() < -0.5
    between = (images[::2] // 2 + images[1::2] // 2).astype(np.uint8)
    for score in (softmax_score, odin_score):
        assert np.median(score(network, between)) > score(network, images).max()


@each_score
def test_scores_are_floats_one_for_each_image(
    score: Score, learnt: tuple[Any, list[float]]
) -> None:
    found = score(learnt[0], RANDOM)
    assert (found.dtype, found.shape) == (np.float64, (70,))
    assert np.all((found >= -1) & (found <= 0))
    assert np.ptp(found) > 0
    assert score(learnt[0], RANDOM[:0]).shape == (0,)


@each_score
@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_scores_do_not_depend_on_order_or_company(
    score: Score, batch: int, learnt: tuple[Any, list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = score(learnt[0], RANDOM)
    monkeypatch.setattr(outsiders, "PREDICT_BATCH", batch)
    found = score(learnt[0], RANDOM[::-1])[::-1]
    assert np.allclose(found, expected, rtol=0, atol=0.01 * expected.std())


@each_score
def test_scores_leave_the_network_as_it_was(score: Score) -> None:
    network = two_heads.two_heads(2, TURNS)
    network.train()
    network.trunk[1].eval()  # frozen by somebody
    modes, before = [layer.training for layer in network.modules()], state_of(network)
    found = score(network, RANDOM)
    assert [layer.training for layer in network.modules()] == modes
    assert alike(before, state_of(network))
    assert all(weight.grad is None for weight in network.parameters())
    assert np.array_equal(found, score(network.eval(), RANDOM))


# ------------------------------------------------------------ what does not fit


@each_score
def test_other_images_are_refused_in_words(score: Score, learnt: tuple[Any, list[float]]) -> None:
    for wrong in (RANDOM / 255, RANDOM[:, None], RANDOM[:, :20]):
        with pytest.raises(ImageFormatError, match="as they were loaded"):
            score(learnt[0], wrong)


def test_other_heads_are_refused_in_words() -> None:
    network = two_heads.two_heads(9, TURNS)
    with pytest.raises(CourseKitError, match="made for 4"):
        transform_score(network, RANDOM, TURNS[:3])
    with pytest.raises(CourseKitError, match="made for 4"):
        two_heads.train_two_heads(network, RANDOM, RANDOM, all_transforms(), epochs=1, seed=0)
    with pytest.raises(CourseKitError, match="without a gap"):
        two_heads.train_two_heads(network, RANDOM[:10], np.arange(10), TURNS, epochs=1, seed=0)
