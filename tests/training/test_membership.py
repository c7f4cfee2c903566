"""Workers leave and join; the training ends as one whose groups change at its checkpoints."""

import time
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from brainray.errors import TrainingError
from brainray.training.checkpoint import Checkpoint, Checkpoints
from brainray.training.communicator import simulate
from brainray.training.interface import Communicator
from brainray.training.loop import Recipe, fit
from brainray.training.membership import Change, Stint, group_size, stints
from brainray.training.strategies.all_reduce import AllReduce
from brainray.training.strategies.dynamic_batch_size import DynamicBatchSize
from brainray.training.strategies.easgd import EASGD
from brainray.training.strategies.hpsgd import HPSGD
from brainray.training.strategies.local_sgd import LocalSGD
from brainray.training.strategies.parameter_server import ParameterServer
from brainray.training.strategies.pso_ps import PSOPS

ROWS, BATCH, EPOCHS = 33, 8, 6  # the last batch has one row
AN_EPOCH = -(-ROWS // BATCH)
STEPS = EPOCHS * AN_EPOCH

EXACT = [AllReduce, DynamicBatchSize, ParameterServer]
OTHERS = [
    HPSGD,
    lambda: HPSGD(period=3),
    lambda: LocalSGD(period=3),
    lambda: EASGD(period=2),
    lambda: PSOPS(period=2),
    lambda: ParameterServer(exchange="parameters", period=3),
    lambda: ParameterServer(synchronous=False),
]


class Gone(Exception):  # noqa: N818
    """Ends a worker as a kill does."""


@dataclass
class Memory:
    files: dict[str, bytes] = field(default_factory=dict)
    epochs: int = 0  # one is written after each

    def read(self, name: str) -> bytes | None:
        return self.files.get(name)

    def write(self, name: str, data: bytes) -> None:
        self.files[name] = data
        self.epochs += 1


def stint(task, strategy, group: Stint, place: Memory) -> list[Tensor]:
    """Let a group train from the last checkpoint; its last worker goes before ``group.stop``."""

    def work(member: Communicator) -> Tensor:
        network, loss = task(ROWS)
        goes, rule = member.rank == member.size - 1, strategy()
        left, share = group.stop - group.first, rule.share

        def sharing(rows: Tensor, rank: int, size: int) -> Tensor:
            nonlocal left
            if goes and left == 0:
                while place.epochs < group.kept // AN_EPOCH:
                    time.sleep(1e-4)  # the first worker may be about to write it
                raise Gone
            left -= 1
            return share(rows, rank, size)

        rule.share = sharing
        recipe = Recipe(EPOCHS, BATCH, "adam", learning_rate=0.05)
        checkpoint = Checkpoint(Checkpoints(place, seconds=0), "training")
        fit(network, loss, ROWS, recipe, 1, rule, member, checkpoint=checkpoint)
        return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])

    try:
        return simulate(group.workers, work)
    except Gone:
        return []


def trained(task, strategy, groups: list[Stint]) -> Tensor:
    """Return the weights that all workers of the last group have."""
    place = Memory()
    for group in groups[:-1]:
        assert stint(task, strategy, group, place) == []
    first, *others = stint(task, strategy, groups[-1], place)
    assert all(other.equal(first) for other in others)
    return first


CHANGES = [Change(AN_EPOCH + 3, 2), Change(3 * AN_EPOCH + 1, 4)]
"""One of three leaves in the second epoch, two join in the fourth."""


def test_the_next_group_goes_on_from_the_last_checkpoint() -> None:
    assert stints(STEPS, AN_EPOCH, 3, CHANGES) == [
        Stint(3, 0, AN_EPOCH + 3, AN_EPOCH),
        Stint(2, AN_EPOCH, 3 * AN_EPOCH + 1, 3 * AN_EPOCH),
        Stint(4, 3 * AN_EPOCH, STEPS, STEPS),
    ]
    assert [group.first for group in stints(STEPS, AN_EPOCH, 3, CHANGES, epochs_between=2)] == [
        0,
        0,
        2 * AN_EPOCH,
    ]


def test_a_training_without_workers_waits_for_one() -> None:
    groups = stints(STEPS, AN_EPOCH, 1, [Change(7, 0), Change(7, 2)])
    assert [(group.workers, group.first) for group in groups] == [(1, 0), (2, AN_EPOCH)]
    with pytest.raises(TrainingError, match="nobody is left after step 5 of 30"):
        stints(STEPS, AN_EPOCH, 1, [Change(7, 0)])
    with pytest.raises(TrainingError, match="step 30 is none of the group that does 0 to 29"):
        stints(STEPS, AN_EPOCH, 1, [Change(30, 2)])


def test_who_forms_a_group() -> None:
    assert [group_size(there, 2, 4) for there in range(7)] == [0, 0, 2, 3, 4, 4, 4]
    with pytest.raises(TrainingError, match="5 workers are more than most, 4"):
        group_size(9, 5, 4)


@pytest.mark.parametrize("strategy", EXACT)
def test_a_training_whose_workers_leave_and_join_ends_as_an_undisturbed_one(strategy, task) -> None:
    undisturbed = trained(task, strategy, stints(STEPS, AN_EPOCH, 1))
    disturbed = trained(task, strategy, stints(STEPS, AN_EPOCH, 3, CHANGES))
    torch.testing.assert_close(disturbed, undisturbed, rtol=0, atol=1e-9)


@pytest.mark.parametrize("strategy", [*EXACT, *OTHERS])
def test_steps_after_the_last_checkpoint_leave_no_trace(strategy, task) -> None:
    """As if the groups had changed at the checkpoints, whatever the workers exchange."""
    early = [Change(change.step // AN_EPOCH * AN_EPOCH, change.workers) for change in CHANGES]
    reference = trained(task, strategy, stints(STEPS, AN_EPOCH, 3, early))
    disturbed = trained(task, strategy, stints(STEPS, AN_EPOCH, 3, CHANGES))
    # Shares of dynamic batch sizes follow measured times, and sums the shares.
    torch.testing.assert_close(disturbed, reference, rtol=0, atol=1e-12)


@pytest.mark.parametrize("workers", range(1, 6))
@pytest.mark.parametrize("strategy", [*EXACT, *OTHERS])
def test_a_last_batch_of_one_row_stops_nobody(strategy, workers: int, task) -> None:
    assert trained(task, strategy, stints(STEPS, AN_EPOCH, workers)).isfinite().all()
