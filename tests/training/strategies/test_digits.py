"""Every strategy learns to tell handwritten digits about as well as one process does."""

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

from brainray import plugins
from brainray.seeding import torch_random
from brainray.training.communicator import simulate
from brainray.training.interface import Communicator, Strategy
from brainray.training.loop import Recipe, fit

pytestmark = pytest.mark.timeout(120, method="thread")

RECIPE = Recipe(epochs=8, batch_size=64, optimizer="adam", learning_rate=1e-2)


@pytest.fixture(scope="module")
def digits() -> tuple[Tensor, Tensor]:
    bunch = load_digits()
    return torch.from_numpy(bunch.data).float() / 16, torch.from_numpy(bunch.target)


def accuracy(digits: tuple[Tensor, Tensor], name: str, options: dict, workers: int = 4) -> float:
    inputs_NP, target_N = digits
    train, test = slice(0, 1200), slice(1200, None)

    def work(member: Communicator) -> float:
        with torch_random(0):
            network = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))

        def loss(rows_B: Tensor, epoch: int) -> Tensor:
            return functional.cross_entropy(network(inputs_NP[train][rows_B]), target_N[rows_B])

        strategy: Strategy = plugins.build("strategies", name, options)
        fit(network, loss, 1200, RECIPE, seed=0, strategy=strategy, communicator=member)
        right = network(inputs_NP[test]).argmax(dim=1) == target_N[test]
        return float(right.float().mean())

    return simulate(workers, work)[0]


@pytest.fixture(scope="module")
def serial(digits) -> float:
    return accuracy(digits, "all_reduce", {}, workers=1)


@pytest.mark.parametrize(
    ("name", "options", "loss"),
    [
        ("dynamic_batch_size", {"rule": "hpsgd"}, 0.02),
        ("hpsgd", {}, 0.02),
        ("local_sgd", {"period": 5}, 0.02),
        ("easgd", {}, 0.05),
        ("pso_ps", {"period": 5}, 0.05),
        ("parameter_server", {"synchronous": False}, 0.02),
        ("parameter_server", {"exchange": "parameters", "period": 5}, 0.02),
        ("parameter_server", {"synchronous": False, "exchange": "parameters"}, 0.02),
    ],
)
def test_the_accuracy_is_near_that_of_one_process(name, options, loss, digits, serial):
    assert serial > 0.85
    assert accuracy(digits, name, options) >= serial - loss
