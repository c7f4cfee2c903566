"""Workers that go on without one that is lost, as threads; no Ray."""

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from actors.hub import Hub, HubCommunicator
from brainray.training.checkpoint import Checkpoint, Checkpoints
from brainray.training.loop import Recipe, fit
from brainray.training.strategies.parameter_server import ParameterServer

ROWS, EPOCHS, PATIENCE = 33, 6, 60.0


class Gone(Exception):  # noqa: N818
    """Ends a worker as a kill does."""


@dataclass
class Memory:
    files: dict[str, bytes] = field(default_factory=dict)

    def read(self, name: str) -> bytes | None:
        return self.files.get(name)

    def write(self, name: str, data: bytes) -> None:
        self.files[name] = data


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Runs in a thread of its own, as an actor's does."""
    made = asyncio.new_event_loop()
    thread = threading.Thread(target=made.run_forever, daemon=True)
    thread.start()
    yield made
    made.call_soon_threadsafe(made.stop)
    thread.join()
    made.close()


class Workers:
    """Threads that train two networks, one after the other, and meet at a hub."""

    def __init__(self, loop: asyncio.AbstractEventLoop, size: int, **options: Any) -> None:
        self.loop, self.size, self.options = loop, size, options
        self.hub = Hub(list(range(size)))
        self.place = Memory()
        self.epochs: dict[int, list[tuple[int, int]]] = {}
        self.rows: list[tuple[int, int, int]] = []  # worker, training and epoch of each row
        self.weights: dict[int, list[Tensor]] = {}
        self.errors: list[BaseException] = []
        self.threads: dict[int, threading.Thread] = {}
        self.goes: dict[int, tuple[int, int]] = {}

    def call(self, method: str, *arguments: Any) -> Any:
        future = asyncio.run_coroutine_threadsafe(getattr(self.hub, method)(*arguments), self.loop)
        return future.result(timeout=PATIENCE)

    def begin(self, rank: int) -> None:
        self.threads[rank] = threading.Thread(target=self._work, args=(rank,), daemon=True)
        self.threads[rank].start()

    def _work(self, rank: int) -> None:
        try:
            member = HubCommunicator(rank, self.size, self.call)
            self.weights[rank] = [self._train(training, member) for training in range(2)]
        except Gone:
            self.call("lost", rank)
        except BaseException as error:
            self.errors.append(error)

    def _train(self, training: int, member: HubCommunicator) -> Tensor:
        generator = torch.Generator().manual_seed(training)
        inputs_BD = torch.randn(ROWS, 4, generator=generator, dtype=torch.float64)
        target_B = (inputs_BD[:, 0] > 0).long()
        network = nn.Linear(4, 2).double()
        with torch.no_grad():
            network.weight.copy_(torch.randn(2, 4, generator=generator))
            network.bias.zero_()

        def loss(rows_B: Tensor, epoch: int) -> Tensor:
            if self.goes.get(member.rank) == (training, epoch):
                raise Gone
            self.rows += [(member.rank, training, epoch)] * len(rows_B)
            time.sleep(0.002)
            return functional.cross_entropy(network(inputs_BD[rows_B]), target_B[rows_B])

        def on_epoch(epoch: int) -> None:
            self.epochs.setdefault(member.rank, []).append((training, epoch))
            if member.rank == 0 and (training, epoch) == (0, 2) and 9 in self.threads:
                self.threads[9].start()

        fit(
            network,
            loss,
            ROWS,
            Recipe(EPOCHS, 8, "adam", 0.05),
            seed=1,
            strategy=ParameterServer(synchronous=False, **self.options),
            communicator=member,
            on_epoch=on_epoch,
            checkpoint=Checkpoint(Checkpoints(self.place, 0), f"training-{training}"),
        )
        return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])

    def end(self) -> None:
        # Who joins later comes last: the first worker has begun it before it ends.
        for _, thread in sorted(self.threads.items()):
            thread.join(timeout=PATIENCE)
            assert not thread.is_alive(), "a worker waits for ever"
        assert self.errors == []

    def rows_of(self, training: int, epoch: int) -> dict[int, int]:
        """Return how many rows each worker computed in an epoch."""
        mine = [rank for rank, *place in self.rows if place == [training, epoch]]
        return {rank: mine.count(rank) for rank in sorted(set(mine))}


@pytest.mark.parametrize("options", [{}, {"exchange": "parameters", "period": 3}])
def test_the_others_share_out_what_a_lost_worker_would_have_done(loop, options) -> None:
    workers = Workers(loop, 3, **options)
    workers.goes[1] = (0, 2)
    for rank in range(3):
        workers.begin(rank)
    workers.end()
    assert sorted(workers.weights) == [0, 2]
    for own, other in zip(workers.weights[0], workers.weights[2], strict=True):
        assert own.isfinite().all()
        assert own.equal(other)
    every = [(training, epoch) for training in range(2) for epoch in range(EPOCHS)]
    assert workers.epochs[0] == every  # nothing is done again
    assert set(workers.rows_of(0, 1)) == {0, 1, 2}
    for training, epoch in every[3:]:
        shares = workers.rows_of(training, epoch)
        assert set(shares) == {0, 2}
        assert sum(shares.values()) == ROWS


def test_a_worker_that_joins_begins_with_the_next_epoch(loop) -> None:
    workers = Workers(loop, 2)
    workers.threads[9] = threading.Thread(target=workers._work, args=(9,), daemon=True)
    for rank in range(2):
        workers.begin(rank)
    workers.end()
    joined = workers.epochs[9]
    assert joined[0] >= (0, 4)
    assert joined == workers.epochs[0][-len(joined) :]
    for training, epoch in joined:
        shares = workers.rows_of(training, epoch)
        assert set(shares) == {0, 1, 9}
        assert sum(shares.values()) == ROWS
    for own, other in zip(workers.weights[0], workers.weights[9], strict=True):
        assert own.equal(other)


def test_one_that_is_alone_can_be_joined_and_left(loop) -> None:
    workers = Workers(loop, 1)
    workers.goes[9] = (1, 3)
    workers.threads[9] = threading.Thread(target=workers._work, args=(9,), daemon=True)
    workers.begin(0)
    workers.end()
    assert list(workers.weights) == [0]
    assert set(workers.rows_of(1, 1)) == {0, 9}
    assert workers.rows_of(1, 4) == {0: ROWS}
