"""The paper's network: its size, its shapes, where it starts, and that it learns."""

import pytest
import torch
from torch import nn

from data_utils.errors import CourseKitError
from data_utils.wide_resnet import wide_resnet


def test_wrn_10_4_has_as_many_weights_as_the_papers_code() -> None:
    network = wide_resnet(72)
    assert sum(weight.numel() for weight in network.parameters()) == 1_214_456
    buffers = [b for name, b in network.named_buffers() if "running" in name]
    assert sum(b.numel() for b in buffers) == 1_824


@pytest.mark.parametrize("side", [28, 32])
def test_it_takes_digits_and_padded_digits(side: int) -> None:
    assert wide_resnet(8, width=1)(torch.zeros(2, 1, side, side)).shape == (2, 8)
    assert wide_resnet(5, depth=16, width=1, channels=3)(torch.zeros(2, 3, 64, 64)).shape == (2, 5)


def test_convolutions_start_with_variance_two_over_fan_in() -> None:
    torch.manual_seed(0)
    layers = [layer for layer in wide_resnet(4).modules() if isinstance(layer, nn.Conv2d)]
    assert len(layers) == 10  # the first, two and one around in each of three blocks
    for layer in layers:
        if layer.weight.numel() > 4000:
            fan_in = layer.weight[0].numel()
            assert layer.weight.var().item() == pytest.approx(2 / fan_in, rel=0.1)


def test_every_weight_learns() -> None:
    torch.manual_seed(0)
    network = wide_resnet(3, width=1)
    before = [weight.detach().clone() for weight in network.parameters()]
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    x, labels = torch.randn(12, 1, 28, 28), torch.arange(12) % 3
    for _ in range(2):
        loss = nn.functional.cross_entropy(network(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert all(not torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))


def test_no_network_has_another_depth() -> None:
    with pytest.raises(CourseKitError, match="6 n"):
        wide_resnet(4, depth=12)
