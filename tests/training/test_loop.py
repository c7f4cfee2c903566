import math
from dataclasses import dataclass, field
from itertools import chain

import pytest
import torch
from torch import nn

from brainray.training.loop import Recipe, fit


@dataclass(frozen=True)
class Watched(Recipe):
    """A recipe that remembers its optimizer and the learning rate of every step."""

    built: list[torch.optim.Optimizer] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    def build(self, parameters):
        optimizer = super().build(parameters)
        self.built.append(optimizer)
        optimizer.register_step_pre_hook(
            lambda *_: self.rates.append(optimizer.param_groups[0]["lr"])
        )
        return optimizer


def orders(task, rows: int, recipe: Recipe, seed: int) -> list[list[int]]:
    """Return the row numbers of every step."""
    network, loss = task(rows)
    seen = []

    def watched(rows_B, epoch):
        seen.append(rows_B.tolist())
        return loss(rows_B, epoch)

    fit(network, watched, rows, recipe, seed)
    return seen


@pytest.mark.parametrize(("optimizer", "rate"), [("adam", 0.05), ("sgd", 0.1)])
def test_both_optimizers_learn(optimizer: str, rate: float, task):
    network, loss = task(64)
    everything = torch.arange(64)
    before = loss(everything, 0).item()
    fit(network, loss, 64, Recipe(60, 16, optimizer, rate), seed=0)
    assert before > 0.5
    assert loss(everything, 0).item() < before / 3


def test_the_order_depends_on_the_seed_alone(task):
    recipe = Recipe(2, 4, "sgd", 0.1)
    torch.manual_seed(0)
    first = orders(task, 10, recipe, seed=0)
    torch.manual_seed(1)
    assert orders(task, 10, recipe, seed=0) == first
    assert orders(task, 10, recipe, seed=1) != first


def test_an_epoch_visits_every_row_once_in_an_order_of_its_own(task):
    seen = orders(task, 10, Recipe(2, 4, "sgd", 0.1), seed=0)
    assert [len(batch) for batch in seen] == [4, 4, 2] * 2
    first, second = list(chain(*seen[:3])), list(chain(*seen[3:]))
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


@pytest.mark.parametrize(("rows", "batch_size"), [(10, 4), (8, 4), (3, 100)])
def test_the_learning_rate_follows_half_a_cosine_to_0(rows: int, batch_size: int, task):
    network, loss = task(rows)
    recipe = Watched(5, batch_size, "sgd", 0.1)
    fit(network, loss, rows, recipe, seed=0)
    steps = 5 * math.ceil(rows / batch_size)
    cosine = [0.05 * (1 + math.cos(math.pi * step / steps)) for step in range(steps)]
    assert recipe.rates == pytest.approx(cosine)
    assert recipe.built[0].param_groups[0]["lr"] == pytest.approx(0, abs=1e-15)


def test_one_step_of_sgd_is_the_formula(task):
    """Nesterov momentum 0.9 multiplies the first gradient by 1.9 (Sutskever et al. 2013)."""
    network, loss = task(6)
    before = [parameter.detach().clone() for parameter in network.parameters()]
    gradients = torch.autograd.grad(loss(torch.arange(6), 0), list(network.parameters()))
    fit(network, loss, 6, Recipe(1, 6, "sgd", 0.1, weight_decay=0.01), seed=0)
    for parameter, old, gradient in zip(network.parameters(), before, gradients, strict=True):
        expected = old - 0.1 * 1.9 * (gradient + 0.01 * old)
        torch.testing.assert_close(parameter.detach(), expected)


def test_one_step_of_adam_is_the_formula(task):
    """The first step of AdamW is the sign of the gradient (Loshchilov and Hutter 2019)."""
    network, loss = task(6)
    before = [parameter.detach().clone() for parameter in network.parameters()]
    gradients = torch.autograd.grad(loss(torch.arange(6), 0), list(network.parameters()))
    fit(network, loss, 6, Recipe(1, 6, "adam", 0.1, weight_decay=0.01), seed=0)
    for parameter, old, gradient in zip(network.parameters(), before, gradients, strict=True):
        step = gradient / (gradient.abs() + 1e-8)
        expected = old * (1 - 0.1 * 0.01) - 0.1 * step
        torch.testing.assert_close(parameter.detach(), expected)


def test_frozen_parameters_stay_and_unused_ones_do_no_harm(task):
    network, loss = task(8)
    network[0].requires_grad_(False)
    network.register_parameter("unused", nn.Parameter(torch.ones(2).double()))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fit(network, loss, 8, Recipe(3, 4, "adam", 0.1, weight_decay=0), seed=0)
    changed = {
        name for name, value in network.state_dict().items() if not value.equal(before[name])
    }
    assert changed == {"2.weight", "2.bias"}


def test_the_mode_and_the_epochs_are_told(task):
    network, loss = task(8)
    epochs, modes = [], set()

    def watched(rows_B, epoch):
        modes.add((network.training, epoch))
        return loss(rows_B, epoch)

    network.eval()
    fit(network, watched, 8, Recipe(3, 4, "sgd", 0.1), seed=0, on_epoch=epochs.append)
    assert epochs == [0, 1, 2]
    assert modes == {(True, 0), (True, 1), (True, 2)}
    assert not network.training
