from functools import partial
from math import inf, nan

import pytest

from brainray.errors import TrainingError
from brainray.training.cluster import Cluster, Slowdown
from brainray.training.elastic_simulation import Elasticity, Joined, Left, simulate_groups
from brainray.training.strategies.all_reduce import AllReduce
from brainray.training.strategies.dynamic_batch_size import DynamicBatchSize
from brainray.training.strategies.parameter_server import ParameterServer

ROWS, BATCH = 1200, 120


def groups(cluster: Cluster, events, strategy=AllReduce, epochs: int = 4, **elasticity):
    """An epoch takes 12 s on one worker of power 1."""
    how = Elasticity(**elasticity)
    return simulate_groups(strategy, cluster, events, ROWS, BATCH, epochs, how)


def test_without_events_there_is_one_group() -> None:
    (group,) = groups(Cluster(4, row_seconds=0.01), [])
    assert group.members == (0, 1, 2, 3)
    assert (group.end, group.epochs, group.lost) == (pytest.approx(12.0), 4, 0.0)


@pytest.mark.parametrize("strategy", [AllReduce, partial(ParameterServer, synchronous=False)])
def test_those_who_are_left_go_on_from_the_last_checkpoint(strategy) -> None:
    cluster = Cluster(4, row_seconds=0.01)
    first, second = groups(cluster, [Left(7.0, 1)], strategy, restart_seconds=2.0)
    assert (first.epochs, first.end, first.lost) == (2, 7.0, pytest.approx(1.0))
    assert second.members == (0, 2, 3)
    assert (second.first_epoch, second.begin) == (2, 9.0)
    assert second.end == pytest.approx(9.0 + 2 * 4.0)


def test_rare_checkpoints_lose_more() -> None:
    cluster = Cluster(4, row_seconds=0.01)
    first, second = groups(cluster, [Left(10.0, 1)], checkpoint_seconds=5.0)
    assert (first.epochs, first.lost, second.first_epoch) == (2, pytest.approx(4.0), 2)


def test_a_worker_that_joins_gets_its_part_at_any_power() -> None:
    """It is three times slower than the others, and gets three times fewer rows."""
    cluster = Cluster(2, row_seconds=0.01, slowdowns=(Slowdown(2, times=3.0),))
    first, second = groups(cluster, [Joined(12.5)], DynamicBatchSize, epochs=22)
    assert (first.members, second.members) == ((0, 1), (0, 1, 2))
    assert second.first_epoch == 2
    alone, equal_shares = 20 * 6.0, 20 * 12.0  # of two workers, and of three with equal shares
    assert second.end - second.begin < 0.95 * alone < equal_shares


def test_too_few_wait_for_others_and_too_many_are_not_taken() -> None:
    cluster = Cluster(2, row_seconds=0.01)
    events = [Left(6.0, 0), Joined(20.0), Joined(21.0)]
    first, second = groups(cluster, events, fewest=2, most=2)
    assert (first.end, first.epochs) == (6.0, 1)
    assert (second.begin, second.members) == (20.0, (1, 2))


def test_what_cannot_be_is_refused() -> None:
    cluster = Cluster(2, row_seconds=0.01)
    with pytest.raises(TrainingError, match=r"worker 5 is not there at 1\.0 s"):
        groups(cluster, [Left(1.0, 5)])
    with pytest.raises(TrainingError, match="too few workers are left, 2 are needed"):
        groups(cluster, [Left(1.0, 1)], fewest=2)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Left(nan, 0), "^at: must be a finite number of at least 0, not nan$"),
        (lambda: Left(-1.0, 0), "^at: "),
        (lambda: Left(1.0, -1), "^worker: must be a whole number from 0 to 1023, not -1$"),
        (lambda: Joined(inf), "^at: "),
        (lambda: Elasticity(fewest=0), "^fewest: must be a whole number from 1 to 1024, not 0$"),
        (lambda: Elasticity(fewest=3, most=2), "^most: must be a whole number from 3 to 1024"),
        (lambda: Elasticity(restart_seconds=-1.0), "^restart_seconds: "),
        (lambda: Elasticity(checkpoint_seconds=nan), "^checkpoint_seconds: "),
        (lambda: groups(Cluster(1, 0.01), [], epochs=0), "^epochs: must be a whole number from 1"),
        (
            lambda: groups(Cluster(1, 0.01, slowdowns=(Slowdown(2, 2.0),)), [Joined(1.0)]),
            "^slowdowns: worker: must be a whole number from 0 to 1, not 2$",
        ),
    ],
)
def test_impossible_arguments_are_named(wrong, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        wrong()
