"""How long epochs take on capped worker processes: what each worker does."""

import time
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from actors.communicator import TorchCommunicator
from brainray import plugins
from brainray.seeding import torch_generator
from brainray.training.exchange import Effort
from brainray.training.loop import Recipe, fit
from brainray.training.mergers import SUM
from synchronisation.capping import capped
from synchronisation.digits import accuracy, digits, loss_of, network
from synchronisation.wire import DelayedCommunicator


@dataclass(frozen=True)
class Order:
    """A training, as one worker does it.

    Attributes:
        strategy: by name; ``ddp`` is torch's DistributedDataParallel.
        recipe: how to train.
        rows: of an epoch.
        source: of the images.
        network: by name.
        share: of a core that the worker may use.
        latency_seconds: of each merge.
        options: of the strategy.
        seed: of all that is random.
        row_seconds: that the worker sleeps for each row, instead of computing as much.
        judged: whether the accuracy is wanted.
    """

    strategy: str
    recipe: Recipe
    rows: int
    source: str
    network: str = "lenet5"
    share: float = 1.0
    latency_seconds: float = 0.0
    options: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    row_seconds: float = 0.0
    judged: bool = False


@dataclass(frozen=True)
class Told:
    """What a worker tells of a training.

    Attributes:
        ends: when it began and ended each epoch, on the clock of the machine.
        cpu_seconds: that it used, of all its threads.
        effort: what the loop says.
        accuracy: on the test images; NaN if not wanted.
    """

    ends: list[float]
    cpu_seconds: float
    effort: Effort
    accuracy: float


def train(order: Order) -> Told:
    """Train with the other workers."""
    torch.set_num_threads(1)
    train_set, test_set = digits(order.source, order.rows)
    net = network(order.network, order.seed)
    torch.distributed.barrier()
    with capped(order.share):
        ends, cpu = [time.monotonic()], time.process_time()
        if order.strategy == "ddp":
            effort = _ddp(order, net, ends)
        else:
            strategy = plugins.build("strategies", order.strategy, order.options)
            slow = order.latency_seconds > 0
            effort = fit(
                net,
                loss_of(net, train_set, order.row_seconds),
                len(train_set.digit_N),
                order.recipe,
                order.seed,
                strategy,
                DelayedCommunicator(order.latency_seconds) if slow else TorchCommunicator(),
                on_epoch=lambda epoch: ends.append(time.monotonic()),
            )
        used = time.process_time() - cpu
    right = accuracy(net, test_set) if order.judged else float("nan")
    return Told(ends, used, effort, right)


def _ddp(order: Order, net: nn.Module, ends: list[float]) -> Effort:
    """Train as the product does, but with torch's own wrapper and nothing else."""
    train_set, _ = digits(order.source, order.rows)
    rank, size = torch.distributed.get_rank(), torch.distributed.get_world_size()
    wrapped = DistributedDataParallel(net)
    optimizer = order.recipe.build(list(net.parameters()))
    loss = loss_of(wrapped, train_set)
    rows, batch = len(train_set.digit_N), order.recipe.batch_size
    steps = order.recipe.epochs * (rows // batch)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    for epoch in range(order.recipe.epochs):
        places = torch.randperm(rows, generator=torch_generator(order.seed, "order", epoch))
        for first in range(0, rows, batch):
            optimizer.zero_grad()
            mean = loss(places[first : first + batch].chunk(size)[rank], epoch)
            mean.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            rates.step()
        ends.append(time.monotonic())
    return Effort(rows=order.recipe.epochs * rows, seconds=ends[-1] - ends[0])


@dataclass(frozen=True)
class Probe:
    """What is measured for a simulation.

    Attributes:
        share: of a core that the worker may use.
        batches: rows of a step to time.
        sizes: numbers of a message to time.
        repeats: of each.
        latency_seconds: of each merge.
        source: of the images.
        network: by name.
    """

    share: float
    batches: tuple[int, ...]
    sizes: tuple[int, ...]
    repeats: int
    latency_seconds: float
    source: str
    network: str


Samples = list[tuple[float, float]]


def probe(order: Probe) -> tuple[Samples, Samples]:
    """Return seconds of single steps by rows and of merges by bytes, measured under the cap."""
    torch.set_num_threads(1)
    train_set, _ = digits(order.source, max(order.batches))
    net = network(order.network, 0)
    steps: Samples = []
    merges: Samples = []
    slow = order.latency_seconds > 0
    wire = DelayedCommunicator(order.latency_seconds) if slow else TorchCommunicator()
    with capped(order.share):
        for rows in order.batches:
            recipe = Recipe(order.repeats, rows, "adam", 1e-4)
            torch.distributed.barrier()
            effort = fit(net, loss_of(net, train_set), rows, recipe, 0)
            steps.append((rows, effort.seconds / order.repeats))
        for numbers in order.sizes:
            torch.distributed.barrier()
            start = time.monotonic()
            for _ in range(order.repeats):
                wire.merge(torch.zeros(numbers), SUM)
            merges.append((4 * numbers, (time.monotonic() - start) / order.repeats))
    return steps, merges
