"""Synchronous strategies train like one process, uneven batches included."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from brainray.seeding import numpy_generator, torch_generator
from brainray.training.communicator import simulate
from brainray.training.interface import Communicator, Strategy
from brainray.training.loop import Recipe, fit
from brainray.training.replica import NetworkReplica, half_cosine
from brainray.training.strategies.all_reduce import AllReduce
from brainray.training.strategies.dynamic_batch_size import DynamicBatchSize
from brainray.training.strategies.easgd import EASGD
from brainray.training.strategies.hpsgd import HPSGD
from brainray.training.strategies.local_sgd import LocalSGD
from brainray.training.strategies.parameter_server import ParameterServer
from brainray.training.strategies.pso_ps import PSOPS

pytestmark = pytest.mark.timeout(60, method="thread")  # a deadlock has to end the process

ROWS, BATCH, EPOCHS = 50, 12, 10  # 50 steps; of each epoch the last one has 2 rows


class Unsteady(DynamicBatchSize):
    """Workers whose measured times are drawn at random, so that shares change in every epoch."""

    def step(self, replica, step):
        generator = numpy_generator(0, "times", replica.rank, self._rows)
        seconds = float(generator.uniform(0.1, 1)) * (1 + replica.rank)
        yield from super().step(replica, type(step)(**(vars(step) | {"seconds": seconds})))


def train(
    strategy: Callable[[], Strategy],
    workers: int,
    task,
    recipe: Recipe,
    rows: int = ROWS,
) -> list[Tensor]:
    """Return the weights with which each worker ends."""

    def work(member: Communicator) -> Tensor:
        network, loss = task(rows)
        fit(network, loss, rows, recipe, seed=1, strategy=strategy(), communicator=member)
        return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])

    return simulate(workers, work)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("workers", [2, 4])
@pytest.mark.parametrize(
    "strategy",
    [
        AllReduce,
        Unsteady,
        ParameterServer,
        lambda: ParameterServer(synchronous=False, staleness=0, exchange="gradients"),
    ],
    ids=["all_reduce", "dynamic_batch_size", "parameter_server", "one worker asynchronous"],
)
def test_synchronous_strategies_equal_one_process(strategy, workers: int, optimizer: str, task):
    if not isinstance(strategy, type):
        workers = 1  # where nobody else pushes, an asynchronous server is a synchronous one
    recipe = Recipe(EPOCHS, BATCH, optimizer, learning_rate=0.05)
    (serial,) = train(AllReduce, 1, task, recipe)
    for weights in train(strategy, workers, task, recipe):
        torch.testing.assert_close(weights, serial, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "strategy",
    [
        lambda: LocalSGD(period=1),
        lambda: ParameterServer(exchange="parameters"),
    ],
    ids=["local_sgd", "parameter_server"],
)
def test_averaging_after_every_step_of_momentum_sgd_equals_one_process(strategy, task):
    """With even shares; averages of parameters are linear in the gradients then."""
    recipe = Recipe(EPOCHS, 12, "sgd", learning_rate=0.05)
    (serial,) = train(AllReduce, 1, task, recipe, rows=48)
    for weights in train(strategy, 4, task, recipe, rows=48):
        torch.testing.assert_close(weights, serial, rtol=0, atol=1e-9)


def test_hpsgd_by_hand(task):
    """The formula in its docstring, with plain SGD and period 1.

    A worker computes a gradient where its own last one would lead to; all apply their mean a step
    later.
    """
    workers = 3

    class Plain(Recipe):
        def build(self, parameters):
            return torch.optim.SGD(parameters, lr=self.learning_rate)

    recipe = Plain(EPOCHS, BATCH, "sgd", learning_rate=0.05)
    network, loss = task(ROWS)
    replica = NetworkReplica(list(network.parameters()), recipe.build(network.parameters()), [])
    rates = half_cosine(recipe.learning_rate, EPOCHS * -(-ROWS // BATCH))
    weights, late, explored, step = replica.parameters(), None, [0.0] * workers, 0
    for epoch in range(EPOCHS):
        order = torch.randperm(ROWS, generator=torch_generator(1, "order", epoch))
        for batch in order.split(BATCH):
            mean, rate = torch.zeros_like(weights), rates[step]
            own = []
            for rank in range(workers):
                part = HPSGD().share(batch, rank, workers)
                replica.load(weights - explored[rank])
                network.zero_grad()
                if len(part):
                    loss(part, epoch).backward()
                own.append(replica.gradient())
                mean += own[-1] * (len(part) / len(batch))
            if late is not None:
                weights = weights - rate * late
            late, explored = mean, [rate * gradient for gradient in own]
            step += 1
    weights = weights - rate * late
    for found in train(HPSGD, workers, task, recipe):
        torch.testing.assert_close(found, weights, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "strategy",
    [
        AllReduce,
        DynamicBatchSize,
        lambda: DynamicBatchSize(rule="hpsgd", options={"period": 2}),
        lambda: LocalSGD(period=3),
        lambda: EASGD(period=3),
        HPSGD,
        lambda: HPSGD(period=4),
        lambda: PSOPS(period=3),
        lambda: PSOPS(period=3, result="best"),
        ParameterServer,
        lambda: ParameterServer(synchronous=False),
        lambda: ParameterServer(synchronous=False, staleness=0),
        lambda: ParameterServer(synchronous=False, exchange="parameters", period=3),
        lambda: ParameterServer(exchange="parameters", period=3),
    ],
)
@pytest.mark.parametrize(("rows", "workers"), [(13, 4), (3, 4), (50, 3)])
def test_all_workers_end_with_the_same_weights_and_may_have_no_rows(
    strategy, rows: int, workers: int, task
):
    """The last batch of 13 rows has 1 row for 4 workers; of 3 rows one worker never gets any."""
    recipe = Recipe(3, 12, "adam", learning_rate=0.05)
    first, *others = train(strategy, workers, task, recipe, rows)
    assert first.isfinite().all()
    assert all(other.equal(first) for other in others)


@pytest.mark.parametrize("exchange", ["gradients", "parameters"])
def test_asynchronous_training_in_one_process_can_be_repeated(exchange: str, task):
    def strategy() -> Strategy:
        return ParameterServer(synchronous=False, exchange=exchange)

    recipe = Recipe(5, 12, "adam", learning_rate=0.05)
    first, *_ = train(strategy, 4, task, recipe)
    second, *_ = train(strategy, 4, task, recipe)
    assert first.equal(second)
