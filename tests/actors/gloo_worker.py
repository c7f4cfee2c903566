"""One of two processes that train with every strategy that has no server; see test_gloo.py."""

import sys
from pathlib import Path

import torch
import torch.distributed
from torch import nn
from torch.nn import functional

from actors.communicator import TorchCommunicator
from brainray.training.communicator import simulate
from brainray.training.loop import Recipe, fit
from brainray.training.strategies.all_reduce import AllReduce
from brainray.training.strategies.dynamic_batch_size import DynamicBatchSize
from brainray.training.strategies.easgd import EASGD
from brainray.training.strategies.hpsgd import HPSGD
from brainray.training.strategies.local_sgd import LocalSGD
from brainray.training.strategies.pso_ps import PSOPS

STRATEGIES = {
    "all_reduce": AllReduce,
    "dynamic_batch_size": lambda: DynamicBatchSize(gain=1.0),  # shares stay: times are not alike
    "easgd": lambda: EASGD(period=2),
    "hpsgd": lambda: HPSGD(period=2),
    "local_sgd": lambda: LocalSGD(period=3),
    "pso_ps": lambda: PSOPS(period=3),
    "pso_ps best": lambda: PSOPS(period=3, result="best"),
}
ROWS = 21


def train(strategy, member) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    inputs_BD = torch.randn(ROWS, 4, generator=generator, dtype=torch.float64)
    target_B = (inputs_BD[:, 0] > 0).long()
    network = nn.Linear(4, 2).double()
    with torch.no_grad():
        network.weight.copy_(torch.randn(2, 4, generator=generator))
        network.bias.zero_()

    def loss(rows_B, epoch):
        return functional.cross_entropy(network(inputs_BD[rows_B]), target_B[rows_B])

    recipe = Recipe(3, 4, "adam", 0.05)
    fit(network, loss, ROWS, recipe, seed=1, strategy=strategy(), communicator=member)
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def main(rank: int, rendezvous: Path) -> None:
    torch.set_num_threads(1)
    store = torch.distributed.FileStore(str(rendezvous), 2)
    torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=2)
    for name, strategy in STRATEGIES.items():
        weights = train(strategy, TorchCommunicator())
        for expected in simulate(2, lambda member, s=strategy: train(s, member)):
            torch.testing.assert_close(weights, expected, rtol=0, atol=1e-12)
        print(name, flush=True)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
