"""The GAN pair and its copier: shapes, modes, batches, random state, words for wrong arrays."""

from typing import Any

import numpy as np
import pytest

from data_utils import gan
from data_utils.errors import ImageFormatError
from data_utils.gan import GanCopier, GanPair, dense_networks

torch = pytest.importorskip("torch")
nn = torch.nn
LATENT = 6


def images_of(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, 28, 28), dtype=np.uint8)


def noise_of(count: int) -> np.ndarray:
    return np.random.default_rng(2).normal(size=(count, LATENT))


def convolutional_pair() -> GanPair:
    """With batch norm and dropout: both give other results in training mode."""
    generator = nn.Sequential(
        nn.Linear(LATENT, 784), nn.BatchNorm1d(784), nn.Unflatten(1, (1, 28, 28)), nn.Tanh()
    )
    features = nn.Sequential(nn.Conv2d(1, 3, 4, 4), nn.BatchNorm2d(3), nn.Dropout(0.5))
    return GanPair(generator, features, nn.Sequential(nn.Flatten(), nn.Linear(147, 1)), LATENT)


@pytest.fixture
def copier() -> GanCopier:
    torch.manual_seed(0)
    pair = dense_networks(LATENT, seed=3)
    return GanCopier(pair, nn.Sequential(nn.Flatten(), nn.Linear(784, LATENT)), [3, 2.5])


def test_dense_networks_follow_their_seed_and_no_other() -> None:
    torch.manual_seed(1)
    first = dense_networks(LATENT, seed=7).parameters()
    torch.manual_seed(2)
    again, other = (dense_networks(LATENT, seed=s).parameters() for s in (7, 8))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_dense_networks_leave_the_random_state_as_it_was() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    dense_networks(LATENT, seed=9)
    assert torch.equal(torch.get_rng_state(), before)


def test_dense_networks_have_the_layers_that_they_name() -> None:
    pair = dense_networks(100, seed=0)
    sizes = [w.shape for w in pair.generator_parameters() if w.ndim == 2]
    assert sizes == [(256, 100), (512, 256), (784, 512)]
    sizes = [w.shape for w in pair.discriminator_parameters() if w.ndim == 2]
    assert sizes == [(512, 784), (256, 512), (1, 256)]
    assert len(pair.parameters()) == 12
    assert pair.latent_size == 100
    assert pair.generator.training
    assert [layer.p for layer in pair.features.modules() if isinstance(layer, nn.Dropout)] == [
        0.3
    ] * 2


@pytest.mark.parametrize("count", [0, 1, 255, 257])
def test_arrays_of_the_pair(count: int) -> None:
    pair = dense_networks(LATENT, seed=0)
    drawn = pair.sample(noise_of(count))
    assert drawn.shape == (count, 1, 28, 28)
    assert np.all(np.abs(drawn) <= 1)
    features, logits = pair.features_of(drawn), pair.judge(drawn)
    assert features.shape == (count, 256)
    assert logits.shape == (count,)
    assert {a.dtype for a in (drawn, features, logits)} == {np.dtype(np.float32)}
    by_hand = pair.head(torch.as_tensor(features)).detach().numpy()[:, 0]
    assert np.allclose(by_hand, logits, atol=1e-6)


@pytest.mark.parametrize(
    "head", [nn.Linear(256, 1), nn.Sequential(nn.Linear(256, 1), nn.Flatten(0))]
)
def test_logits_in_one_column_or_none_are_the_same(head: Any) -> None:
    dense = dense_networks(LATENT, seed=0)
    pair = GanPair(dense.generator, dense.features, head, LATENT)
    assert pair.judge(pair.sample(noise_of(3))).shape == (3,)


def test_a_picture_does_not_depend_on_its_batch_and_buffers_stay() -> None:
    pair = convolutional_pair()
    before = pair.parameters()
    noise = noise_of(600)
    drawn = pair.sample(noise)
    assert np.allclose(pair.sample(noise[590:])[:10], drawn[590:], atol=1e-5)
    assert np.allclose(pair.judge(drawn[::-1])[::-1], pair.judge(drawn), atol=1e-5)
    assert pair.features_of(drawn).shape == (600, 147)
    assert all(np.array_equal(a, b) for a, b in zip(before, pair.parameters(), strict=True))


def test_each_layer_gets_its_own_mode_back_even_after_an_error() -> None:
    pair = convolutional_pair()
    pair.features[1].eval()  # a learner froze one layer of a network that trains
    pair.generator.eval()
    modes = [
        m.training for net in (pair.generator, pair.features, pair.head) for m in net.modules()
    ]
    pair.sample(noise_of(2))
    pair.judge(np.zeros((2, 1, 28, 28), np.float32))
    with pytest.raises(RuntimeError):
        pair.judge(np.zeros((2, 1, 5, 5), np.float32))
    after = [
        m.training for net in (pair.generator, pair.features, pair.head) for m in net.modules()
    ]
    assert after == modes
    assert len(set(modes)) == 2
    assert torch.is_grad_enabled()


def test_parameters_are_copies_with_buffers_and_in_order() -> None:
    pair = convolutional_pair()
    arrays = pair.parameters()
    # Linear 2, batch norm 2 weights and 3 buffers; convolution 2, batch norm 5; linear 2.
    assert [len(pair.generator_parameters()), len(pair.discriminator_parameters())] == [7, 9]
    assert len(arrays) == 16
    assert all(a.dtype == np.float32 for a in arrays)
    kept = [a.copy() for a in arrays]
    with torch.no_grad():
        pair.generator[0].weight += 1
    pair.generator(torch.ones(4, LATENT))  # in training mode: the buffers move
    assert all(np.array_equal(a, b) for a, b in zip(arrays, kept, strict=True))
    moved = [not np.array_equal(a, b) for a, b in zip(kept, pair.parameters(), strict=True)]
    assert moved == [True, False, False, False, True, True, True] + [False] * 9


def test_arrays_of_the_copier(copier: GanCopier) -> None:
    images = images_of(300)
    copies = copier.copies(images)
    assert copier.encode(images).shape == (300, LATENT)
    assert copies.shape == (300, 1, 28, 28)
    assert copies.dtype == np.float32
    as_images = copier.reconstruct(images)
    assert as_images.shape == (300, 28, 28)
    assert as_images.dtype == np.uint8
    assert np.max(np.abs(as_images / 127.5 - 1 - copies[:, 0])) <= 0.5 / 127.5 + 1e-6
    assert copier.history == [3.0, 2.5]
    assert len(copier.parameters()) == 12 + 2


def test_the_copier_scales_images_to_the_generators_range(copier: GanCopier) -> None:
    images = np.zeros((2, 28, 28), np.uint8)
    images[1] = 255
    x = np.stack([np.full((1, 28, 28), v, np.float32) for v in (-1, 1)])
    score = copier.discriminator_score(images)
    assert np.allclose(score, -copier.pair.judge(x))
    of_images, of_copies = copier.feature_pairs(images)
    assert np.allclose(of_images, copier.pair.features_of(x))
    assert np.allclose(of_copies, copier.pair.features_of(copier.copies(images)))


def test_a_code_with_two_more_axes_is_a_code(copier: GanCopier) -> None:
    copier.encoder = nn.Conv2d(1, LATENT, 28)  # (n, latent, 1, 1), as a convolution gives it
    assert copier.encode(images_of(3)).shape == (3, LATENT)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((2, 28, 28), np.float32),
        np.zeros((2, 28, 28, 1), np.uint8),
        np.zeros((28, 28), np.uint8),
    ],
    ids=["scaled", "with channels", "one image"],
)
def test_the_copier_refuses_other_arrays_in_words(copier: GanCopier, wrong: np.ndarray) -> None:
    with pytest.raises(ImageFormatError, match=r"uint8 of shape \(n, 28, 28\)"):
        copier.discriminator_score(wrong)


def test_the_pair_refuses_unscaled_images_in_words() -> None:
    with pytest.raises(ImageFormatError, match="Scale the images first"):
        dense_networks(LATENT, seed=0).judge(images_of(2)[:, None])


def test_a_tensor_that_trains_and_a_read_only_array_will_do() -> None:
    pair = dense_networks(LATENT, seed=0)
    x = np.broadcast_to(np.float32(0.5), (3, 1, 28, 28))
    tensor = torch.full((3, 1, 28, 28), 0.5, requires_grad=True)
    assert np.array_equal(pair.judge(x), pair.judge(tensor))


def test_the_networks_are_run_in_batches() -> None:
    pair, seen = dense_networks(LATENT, seed=0), []
    pair.generator.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    pair.sample(noise_of(600))
    assert seen == [gan.PREDICT_BATCH, gan.PREDICT_BATCH, 600 - 2 * gan.PREDICT_BATCH]
    assert gan.PREDICT_BATCH == 256
