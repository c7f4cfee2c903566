import threading

import pytest
import torch

from brainray.errors import RunError, TrainingError
from brainray.training.communicator import Alone, simulate
from brainray.training.interface import Communicator
from brainray.training.mergers import LEAST, SUM
from brainray.training.strategies.all_reduce import AllReduce

STRATEGY = AllReduce()

pytestmark = pytest.mark.timeout(60, method="thread")  # a deadlock has to end the process


class Joined:
    """A strategy for which the order of the messages matters."""

    collective = None

    def merge(self, messages):
        return torch.cat(list(messages))


def merge(member: Communicator, value: float = 1.0) -> float:
    return float(STRATEGY.merge([member.merge(torch.tensor([value]), STRATEGY)]))


def test_a_worker_alone_merges_its_own_message():
    alone = Alone()
    assert (alone.rank, alone.size) == (0, 1)
    assert alone.merge(torch.tensor([1.0, 2.0]), STRATEGY).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_results_come_in_rank_order_and_messages_too(workers: int):
    def work(member: Communicator) -> tuple[int, int, list[float]]:
        merged = [
            member.merge(torch.tensor([100.0 * step + member.rank]), Joined()).tolist()
            for step in range(20)
        ]
        assert merged == [[100.0 * step + rank for rank in range(workers)] for step in range(20)]
        return member.rank, member.size, merged[0]

    expected = [(rank, workers, [float(r) for r in range(workers)]) for rank in range(workers)]
    assert simulate(workers, work) == expected


@pytest.mark.parametrize("workers", [1, 3])
def test_a_result_may_be_none(workers: int):
    assert simulate(workers, lambda member: None) == [None] * workers


def test_workers_run_at_the_same_time():
    meeting = threading.Barrier(3, timeout=30)
    assert sorted(simulate(3, lambda member: meeting.wait())) == [0, 1, 2]


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("step", [0, 1, 5])
@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_the_error_of_a_worker_is_raised_and_releases_the_others(workers, step, error):
    def work(member: Communicator) -> None:
        for number in range(8):
            if member.rank == workers - 1 and number == step:
                raise error(f"worker {member.rank}, step {number}")
            merge(member)

    with pytest.raises(error, match=f"^worker {workers - 1}, step {step}$"):
        simulate(workers, work)


def test_an_error_after_the_last_merge_is_raised_too():
    def work(member: Communicator) -> None:
        merge(member)
        if member.rank == 1:
            raise ValueError("at the end")

    with pytest.raises(ValueError, match="at the end"):
        simulate(3, work)


def test_of_several_errors_the_first_is_raised():
    failed = threading.Event()

    def work(member: Communicator) -> None:
        if member.rank == 2:
            try:
                raise ValueError("first")
            finally:
                failed.set()
        failed.wait(timeout=30)
        merge(member)
        raise ValueError(f"never reached by {member.rank}")

    with pytest.raises(ValueError, match="first"):
        simulate(3, work)


def test_workers_that_merge_messages_of_other_sizes_are_named():
    def work(member: Communicator) -> None:
        member.merge(torch.zeros(3 + member.rank), SUM)

    with pytest.raises(
        TrainingError, match=r"^strategy: worker 1 merges 4 numbers, worker 0 3 numbers; all have"
    ):
        simulate(2, work)


def test_workers_that_merge_in_another_order_are_named():
    def work(member: Communicator) -> None:
        for merger in (SUM, LEAST) if member.rank == 0 else (LEAST, SUM):
            member.merge(torch.zeros(2), merger)

    with pytest.raises(
        TrainingError, match=r"^strategy: worker 1 merges by Least, worker 0 by Sum; all have"
    ):
        simulate(2, work)


@pytest.mark.parametrize("early", [0, 1, 2])
def test_a_worker_that_ends_early_does_not_leave_the_others_waiting(early: int):
    def work(member: Communicator) -> None:
        for _ in range(2 if member.rank == early else 3):
            merge(member)

    with pytest.raises(RunError, match=r"a worker ended while worker \d waits for it"):
        simulate(3, work)
