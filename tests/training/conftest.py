from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from brainray.training.loop import Loss


@pytest.fixture(autouse=True, scope="session")
def single_thread() -> Iterator[None]:
    """Small networks are many times slower when two threads share a busy core."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def task() -> Callable[[int], tuple[nn.Module, Loss]]:
    """Makes a network in double precision and its loss on this many rows, always the same."""

    def make(rows: int) -> tuple[nn.Module, Loss]:
        generator = torch.Generator().manual_seed(0)
        inputs_BD = torch.randn(rows, 4, generator=generator, dtype=torch.float64)
        target_B = (inputs_BD[:, 0] * inputs_BD[:, 1] > 0).long()
        network = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)).double()
        for parameter in network.parameters():
            with torch.no_grad():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)

        def loss(rows_B: Tensor, epoch: int) -> Tensor:
            assert len(rows_B) > 0
            return functional.cross_entropy(network(inputs_BD[rows_B]), target_B[rows_B])

        return network, loss

    return make
