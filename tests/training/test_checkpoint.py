"""A training goes on where it was, with the same or another number of workers."""

from dataclasses import dataclass, field

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from brainray.errors import TrainingError
from brainray.training.checkpoint import Checkpoint, Checkpoints
from brainray.training.communicator import Alone, simulate
from brainray.training.interface import Communicator
from brainray.training.loop import Recipe, fit
from brainray.training.progress import Progress, unwatched
from brainray.training.strategies.all_reduce import AllReduce
from brainray.training.strategies.dynamic_batch_size import DynamicBatchSize
from brainray.training.strategies.easgd import EASGD
from brainray.training.strategies.hpsgd import HPSGD
from brainray.training.strategies.local_sgd import LocalSGD
from brainray.training.strategies.parameter_server import ParameterServer
from brainray.training.strategies.pso_ps import PSOPS

ROWS, EPOCHS = 30, 6


class Killed(Exception):  # noqa: N818
    """Ends a worker as a kill does."""


@dataclass
class Memory:
    """Keeps files as a store does."""

    files: dict[str, bytes] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)

    def read(self, name: str) -> bytes | None:
        return self.files.get(name)

    def write(self, name: str, data: bytes) -> None:
        self.files[name] = data
        self.written.append(name)


def trained(
    task,
    strategy,
    workers: int,
    place: Memory | None,
    killed_after: int | None = None,
    beside=None,
    watch=unwatched,
) -> tuple[list[Tensor], list[int]]:
    """Train; return all workers' weights, and the epochs that the first one did."""
    epochs: list[int] = []

    def work(member: Communicator) -> Tensor:
        network, loss = task(ROWS)
        checkpoints = None if place is None else Checkpoints(place, seconds=0)

        def on_epoch(epoch: int) -> None:
            if epoch == killed_after:
                raise Killed
            if member.rank == 0:
                epochs.append(epoch)

        checkpoint = checkpoints and Checkpoint(checkpoints, "training", beside)
        recipe = Recipe(EPOCHS, 8, "adam", learning_rate=0.05)
        fit(network, loss, ROWS, recipe, 1, strategy(), member, on_epoch, checkpoint, watch)
        return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])

    try:
        return simulate(workers, work), epochs
    except Killed:
        return [], epochs


EXACT = [
    AllReduce,
    DynamicBatchSize,
    HPSGD,
    ParameterServer,
]
OTHERS = [
    lambda: LocalSGD(period=3),
    lambda: EASGD(period=2),
    lambda: HPSGD(period=3),
    lambda: PSOPS(period=2),
    lambda: PSOPS(period=2, result="best"),
    lambda: ParameterServer(synchronous=False),
    lambda: ParameterServer(exchange="parameters", period=3),
    lambda: ParameterServer(synchronous=False, exchange="parameters", period=3),
]


@pytest.mark.parametrize("strategy", EXACT)
def test_a_killed_training_ends_as_one_that_was_not(strategy, task):
    undisturbed, _ = trained(task, strategy, 3, Memory())
    place = Memory()
    assert trained(task, strategy, 3, place, killed_after=3)[1] == [0, 1, 2]
    weights, epochs = trained(task, strategy, 3, place)
    assert epochs == [3, 4, 5]
    for own in weights:
        torch.testing.assert_close(own, undisturbed[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("others", [1, 2, 4])
@pytest.mark.parametrize("strategy", [AllReduce, ParameterServer])
def test_another_number_of_workers_goes_on(strategy, others: int, task):
    undisturbed, _ = trained(task, strategy, 3, Memory())
    place = Memory()
    trained(task, strategy, 3, place, killed_after=2)
    weights, epochs = trained(task, strategy, others, place)
    assert epochs == [2, 3, 4, 5]
    for own in weights:
        torch.testing.assert_close(own, undisturbed[0], rtol=0, atol=1e-9)


@pytest.mark.parametrize("others", [1, 3, 4])
@pytest.mark.parametrize("strategy", OTHERS)
def test_workers_that_differ_in_between_go_on_alike(strategy, others: int, task):
    """Each optimizer remembers what the first one did; all end with the same weights."""
    place = Memory()
    trained(task, strategy, 3, place, killed_after=2)
    (first, *rest), epochs = trained(task, strategy, others, place)
    assert epochs == [2, 3, 4, 5]
    assert first.isfinite().all()
    assert all(own.equal(first) for own in rest)


def test_checkpoints_do_not_change_a_training_whose_workers_are_alike(task):
    weights, _ = trained(task, AllReduce, 3, Memory())
    without, _ = trained(task, AllReduce, 3, None)
    assert weights[0].equal(without[0])


def test_a_training_that_has_ended_is_not_done_again(task):
    place = Memory()
    before, _ = trained(task, AllReduce, 2, place)
    after, epochs = trained(task, AllReduce, 2, place)
    assert epochs == []
    assert after[1].equal(before[0])


def test_what_a_resumed_training_cost_before_is_counted(task):
    def effort(place: Memory, fails: bool):
        network, loss = task(ROWS)

        def on_epoch(epoch: int) -> None:
            if fails and epoch == 4:
                raise Killed

        checkpoint = Checkpoint(Checkpoints(place, 0), "training")
        recipe = Recipe(EPOCHS, 8, "sgd", learning_rate=0.05)
        return fit(network, loss, ROWS, recipe, 1, on_epoch=on_epoch, checkpoint=checkpoint)

    place = Memory()
    with pytest.raises(Killed):
        effort(place, fails=True)
    cost = effort(place, fails=False)
    assert cost.rows == EPOCHS * ROWS
    again = effort(place, fails=False)
    assert again.rows == cost.rows
    assert 0 < again.seconds <= cost.seconds


def test_buffers_and_what_is_beside_the_network_go_on():
    """The statistics of a batch norm, which one worker may learn."""

    @dataclass
    class Count:
        number: int = 0

        def state(self) -> dict[str, Tensor]:
            return {"number": torch.tensor(self.number)}

        def restore(self, state) -> None:
            self.number = int(state["number"])

    place = Memory()

    def train(fails: bool) -> tuple[nn.Module, int]:
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        inputs = torch.randn(12, 2) + 3
        count = Count()

        def on_epoch(epoch: int) -> None:
            if fails and epoch == 2:
                raise Killed
            count.number += 1

        checkpoint = Checkpoint(Checkpoints(place, 0), "training", count)
        recipe = Recipe(4, 4, "sgd", learning_rate=0.05)
        fit(
            network,
            lambda rows, epoch: network(inputs[rows]).square().mean(),
            12,
            recipe,
            1,
            on_epoch=on_epoch,
            checkpoint=checkpoint,
        )
        return network, count.number

    undisturbed, _ = train(fails=False)
    place.files.clear()
    with pytest.raises(Killed):
        train(fails=True)
    network, number = train(fails=False)
    assert number == 4
    for name, value in undisturbed.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], value, rtol=0, atol=0)


def test_writing_is_rare_and_what_has_ended_is_written_with_the_next(task):
    clock = [0.0]
    place = Memory()
    checkpoints = Checkpoints(place, seconds=10, clock=lambda: clock[0])
    recipe = Recipe(EPOCHS, 8, "adam", learning_rate=0.05)

    def train(name: str, an_epoch: float) -> None:
        network, loss = task(ROWS)

        def on_epoch(epoch: int) -> None:
            clock[0] += an_epoch

        checkpoint = Checkpoint(checkpoints, name)
        fit(network, loss, ROWS, recipe, 1, on_epoch=on_epoch, checkpoint=checkpoint)

    train("short", 1)
    assert place.written == []  # 6 seconds
    train("long", 3)
    assert place.written == ["short", "long", "long"]  # after 12 and 24 seconds


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"garbage that is no checkpoint",
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: safetensors.torch.save({"other": torch.zeros(1)}),
        lambda data: data.replace(b'"epochs": 4', b'"epochs"  4'),
    ],
)
def test_a_training_whose_checkpoint_is_damaged_begins_anew(damage, workers: int, task):
    undisturbed, _ = trained(task, AllReduce, workers, None)
    place = Memory()
    trained(task, AllReduce, workers, place, killed_after=4)
    place.files["training"] = damage(place.files["training"])
    told: list[Progress] = []
    weights, epochs = trained(task, AllReduce, workers, place, watch=told.append)
    assert epochs == list(range(EPOCHS))
    assert [news.anew for news in told] == [True] + [False] * EPOCHS
    for own in weights:
        torch.testing.assert_close(own, undisturbed[0], rtol=0, atol=0)
    assert trained(task, AllReduce, workers, place)[1] == []  # there is a whole one again


def test_a_checkpoint_of_another_network_is_refused(task):
    place = Memory()
    trained(task, AllReduce, 1, place)
    network = nn.Linear(2, 2)
    checkpoint = Checkpoint(Checkpoints(place, 0), "training")
    recipe = Recipe(1, 8, "adam", learning_rate=0.05)
    with pytest.raises(TrainingError, match="checkpoint training: is not of this network"):
        fit(
            network,
            lambda rows, epoch: network.weight.sum(),
            8,
            recipe,
            1,
            communicator=Alone(),
            checkpoint=checkpoint,
        )
