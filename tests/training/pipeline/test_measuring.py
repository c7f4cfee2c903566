import time

import pytest
import torch
from torch import nn

from brainray.errors import TrainingError
from brainray.training.pipeline.measuring import measure

DOUBLE = 8


class Slow(nn.Module):
    def forward(self, inputs):
        time.sleep(0.02)
        return inputs * 1


class Two(nn.Module):
    def forward(self, inputs):
        return inputs, inputs


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Flatten(), nn.Linear(8, 2)).double()


def example() -> torch.Tensor:
    return torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_bytes_are_those_of_what_training_keeps():
    first, tanh, flatten, last = measure(network(), example(), "adam", repeats=1)
    # Parameters, gradients and two moments; inputs and outputs of 5 rows.
    assert first.state_bytes == 4 * (4 * 8 + 8) * DOUBLE
    assert last.state_bytes == 4 * (8 * 2 + 2) * DOUBLE
    assert tanh.state_bytes == flatten.state_bytes == 0
    assert [cost.output_bytes for cost in (first, tanh, flatten, last)] == [
        5 * 8 * DOUBLE,
        5 * 8 * DOUBLE,
        5 * 8 * DOUBLE,
        5 * 2 * DOUBLE,
    ]
    # The first layer keeps its inputs, tanh its outputs; the last one keeps the same tensor.
    assert [cost.activation_bytes for cost in (first, tanh, flatten, last)] == [
        5 * 4 * DOUBLE,
        5 * 8 * DOUBLE,
        0,
        0,
    ]


def test_plain_momentum_needs_less_and_frozen_layers_have_no_gradient():
    layers = network()
    layers[3].requires_grad_(False)
    first, _, _, last = measure(layers, example(), "sgd", repeats=1)
    assert first.state_bytes == 3 * (4 * 8 + 8) * DOUBLE
    assert last.state_bytes == (8 * 2 + 2) * DOUBLE


def test_seconds_are_those_of_the_layer():
    fast, slow = measure(nn.Sequential(nn.Tanh(), Slow()), torch.zeros(1, 2), "sgd", repeats=3)
    assert slow.seconds >= 0.02
    assert slow.seconds > fast.seconds > 0
    assert slow.name == "layer 1 (Slow)"


def test_nothing_is_changed():
    layers = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5))
    layers[0].weight.grad = torch.ones(8, 4)
    weights = {name: value.clone() for name, value in layers.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    measure(layers, torch.ones(2, 4), "adam", repeats=2)
    torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)
    torch.testing.assert_close(layers.state_dict(), weights, rtol=0, atol=0)
    torch.testing.assert_close(layers[0].weight.grad, torch.ones(8, 4), rtol=0, atol=0)
    assert layers[0].bias.grad is None


@pytest.mark.parametrize(
    ("layers", "repeats", "message"),
    [
        (nn.Sequential(), 1, "^layers: "),
        (nn.Sequential(Two()), 1, r"^layer 0 \(Two\): its output must be one tensor, not tuple"),
        (nn.Sequential(nn.Linear(4, 2), nn.ReLU(inplace=True)), 1, r"^layer 1 \(ReLU\): changes"),
        (nn.Sequential(nn.Tanh()), 0, "^repeats: "),
    ],
)
def test_what_cannot_be_measured_is_refused(layers, repeats, message):
    with pytest.raises(TrainingError, match=message):
        measure(layers, torch.ones(2, 4), "adam", repeats)
