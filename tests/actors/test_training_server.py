import asyncio

import torch
from torch import nn

from actors.training_server import TrainingServer, packed, unpacked
from brainray.training.interface import Pull, Push
from brainray.training.replica import NetworkReplica
from brainray.training.strategies.parameter_server import ParameterServer


def test_a_worker_that_has_to_wait_is_answered_later():
    """A synchronous server behind the actor's class, without Ray."""
    parameter = nn.Parameter(torch.zeros(2))
    replica = NetworkReplica([parameter], torch.optim.SGD([parameter], lr=1.0), [1.0] * 9)
    order = []

    async def worker(server: TrainingServer, rank: int) -> list[Pull]:
        pulls = [unpacked(await server.ask(rank, packed(Push("join"))))]
        for step in range(3):
            push = Push("step", torch.ones(2) * (rank + 1), 1, 2, step)
            order.append((rank, step))
            pulls.append(unpacked(await server.ask(rank, packed(push))))
        pulls.append(unpacked(await server.ask(rank, packed(Push("leave")))))
        return pulls

    async def both() -> list[list[Pull]]:
        server = TrainingServer(ParameterServer().server(replica, 2))
        return await asyncio.wait_for(
            asyncio.gather(worker(server, 0), worker(server, 1)), timeout=30
        )

    first, second = asyncio.run(both())
    # Nobody begins a step before both have done the one before it.
    assert [step for _, step in order] == [0, 0, 1, 1, 2, 2]
    for own, other in zip(first, second, strict=True):
        assert own.vector.tolist() == other.vector.tolist()
        assert own.version == other.version
    assert [pull.version for pull in first] == [0, 1, 2, 3, 3]
    assert first[-1].vector.tolist() == [-4.5, -4.5]
