"""The training loop of every network here, alone or with several workers."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeAlias

import torch
from torch import Tensor, nn

from brainray.errors import TrainingError
from brainray.seeding import torch_generator
from brainray.training.checkpoint import Checkpoint, Reached
from brainray.training.communicator import Alone
from brainray.training.exchange import Effort, run
from brainray.training.interface import Communicator, Server, Step, Strategy
from brainray.training.progress import Progress, Watch, unwatched
from brainray.training.replica import NetworkReplica, half_cosine
from brainray.training.strategies.all_reduce import AllReduce

ALONE = Alone()
ALL_REDUCE = AllReduce()


Optimizer: TypeAlias = Literal["adam", "sgd"]


class Loss(Protocol):
    """The mean loss of some rows of the training data, differentiable in the parameters."""

    def __call__(self, rows: Tensor, epoch: int) -> Tensor:
        """Return a scalar for the row numbers ``rows``, at least one, in this epoch."""


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        epochs: passes over the rows.
        batch_size: rows a step, of all workers together.
        optimizer: ``adam`` (Kingma and Ba 2015) or ``sgd`` (Nesterov momentum 0.9).
        learning_rate: at the start; it follows half a cosine down to 0.
        weight_decay: decoupled for Adam (Loshchilov and Hutter 2019), L2 for SGD.
    """

    epochs: int
    batch_size: int
    optimizer: Optimizer
    learning_rate: float
    weight_decay: float = 1e-4

    def build(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        """Return the optimizer for these parameters."""
        if self.optimizer == "adam":
            return torch.optim.AdamW(
                parameters, lr=self.learning_rate, weight_decay=self.weight_decay, fused=True
            )
        return torch.optim.SGD(
            parameters,
            lr=self.learning_rate,
            momentum=0.9,
            nesterov=True,
            weight_decay=self.weight_decay,
        )


def fit(
    network: nn.Module,
    loss: Loss,
    rows: int,
    recipe: Recipe,
    seed: int,
    strategy: Strategy = ALL_REDUCE,
    communicator: Communicator = ALONE,
    on_epoch: Callable[[int], None] = lambda epoch: None,
    checkpoint: Checkpoint | None = None,
    watch: Watch = unwatched,
) -> Effort:
    """Train ``network`` in place.

    With several workers each calls this with its own copy of the same initial network; all end
    with the same weights. The order of rows depends on the seed alone.

    Args:
        network: whose parameters are trained.
        loss: of some rows.
        rows: number of training rows.
        recipe: how to train.
        seed: of the order of rows.
        strategy: synchronisation rule; all-reduce by default.
        communicator: the wire to the other workers; alone by default.
        on_epoch: called after each epoch with its number, from 0. Between two exchanges workers
            may differ, if the strategy lets them.
        checkpoint: from which the training goes on, if there is one, and in which it is kept from
            time to time, at an epoch's end. Then workers have the same weights after each epoch.
        watch: told by the first worker where the training begins, and of each epoch's end.

    Returns:
        What it cost this worker; what a resumed training had cost before is the first one's.

    Raises:
        TrainingError: several workers would learn batch norms of their own; the checkpoint is of
            another network.
    """
    start = time.perf_counter()
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    network.train()
    if communicator.size > 1:
        _refuse_batch_norms(network)
    an_epoch = -(-rows // recipe.batch_size)
    steps = recipe.epochs * an_epoch
    rates = half_cosine(recipe.learning_rate, steps)
    place = (communicator.rank, communicator.size, seed)
    replica = NetworkReplica(parameters, recipe.build(parameters), rates, *place)

    def server() -> Server:
        flat = [nn.Parameter(replica.parameters())]
        own = NetworkReplica(flat, recipe.build(flat), rates, 0, 1, seed, replica.done)
        own.load_moments(replica.moments())
        return strategy.server(own, communicator.size)

    reached = Reached(0, Effort())
    if checkpoint is not None:
        reached = checkpoint.resume(network, replica, communicator)
    effort, first_epoch = reached.effort, reached.epochs

    def tell(epochs: int, begins: bool = False) -> None:
        if communicator.rank == 0:
            place = (epochs, recipe.epochs, communicator.size)
            watch(Progress(*place, replace(effort), begins, begins and reached.anew))

    tell(first_epoch, begins=True)
    start -= effort.seconds
    if first_epoch == recipe.epochs:
        network.eval()
        return effort
    replica.done = first_epoch * an_epoch
    port = communicator.connect(server) if strategy.served else None
    if port is not None and (pauses := port.enter()) > 0:  # the others have begun before
        first_epoch = recipe.epochs if checkpoint is None else first_epoch + pauses
    step = first_epoch * an_epoch
    run(strategy.start(replica), communicator, port, effort)
    for epoch in range(first_epoch, recipe.epochs):
        order = torch.randperm(rows, generator=torch_generator(seed, "order", epoch))
        effort.rows += rows
        begin, waited = time.perf_counter(), effort.seconds_waited
        for first in range(0, rows, recipe.batch_size):
            batch = order[first : first + recipe.batch_size]
            share = strategy.share(batch, communicator.rank, communicator.size)
            replica.at(step)
            replica.optimizer.zero_grad(set_to_none=False)
            value = math.nan
            if len(share) > 0:  # a last batch may have fewer rows than there are workers
                mean = loss(share, epoch)
                mean.backward()  # type: ignore[no-untyped-call]
                value = mean.item()
            gradient, now = replica.gradient(), time.perf_counter()
            computed = Step(
                gradient,
                len(share),
                len(batch),
                value,
                now - begin - (effort.seconds_waited - waited),
                first + recipe.batch_size >= rows,
            )
            begin, waited = now, effort.seconds_waited
            run(strategy.step(replica, computed), communicator, port, effort)
            step += 1
        ended = epoch == recipe.epochs - 1
        if ended:
            run(strategy.finish(replica), communicator, port, effort)
        elif checkpoint is not None:
            run(strategy.pause(replica), communicator, port, effort)
        on_epoch(epoch)
        effort.seconds = time.perf_counter() - start
        tell(epoch + 1)
        if checkpoint is not None and communicator.rank == 0:
            checkpoint.note(network, replica, Reached(epoch + 1, effort), ended)
    replica.at(step)
    network.eval()
    effort.seconds = time.perf_counter() - start
    return effort


def _refuse_batch_norms(network: nn.Module) -> None:
    """Raise `TrainingError` if a batch norm would learn statistics.

    Each worker would see a part of the batch, down to a single row: other statistics than one
    process has, and others on each worker. No strategy here exchanges them.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training:
            raise TrainingError(
                f"{name}: a batch norm cannot be trained by several workers, for each would "
                "learn the statistics of its own few rows; use a group norm, keep it in eval "
                "mode, or train with 1 worker"
            )
