from functools import partial
from math import inf

import pytest

from brainray.errors import TrainingError
from brainray.training.interface import Merge, Strategy
from brainray.training.mergers import SUM
from brainray.training.simulation import Cluster, Slowdown, simulate_epochs
from brainray.training.strategies.all_reduce import AllReduce
from brainray.training.strategies.dynamic_batch_size import DynamicBatchSize
from brainray.training.strategies.easgd import EASGD
from brainray.training.strategies.hpsgd import HPSGD
from brainray.training.strategies.local_sgd import LocalSGD
from brainray.training.strategies.parameter_server import ParameterServer
from brainray.training.strategies.pso_ps import PSOPS

ROWS, BATCH = 6400, 128  # 50 steps an epoch


def epochs(strategy, cluster: Cluster, count: int = 3) -> list[float]:
    return simulate_epochs(strategy, cluster, ROWS, BATCH, count).epochs


def test_all_reduce_takes_what_the_slowest_worker_and_the_network_take():
    cluster = Cluster(4, row_seconds=0.01, latency_seconds=0.1, slowdowns=(Slowdown(2, 3.0),))
    step = 32 * 0.01 * 3 + 0.1
    outcome = simulate_epochs(AllReduce, cluster, ROWS, BATCH, 2)
    assert outcome.epochs == pytest.approx([50 * step] * 2)
    assert outcome.computing == pytest.approx([32.0, 32.0, 96.0, 32.0])
    assert outcome.waiting == pytest.approx([74.0, 74.0, 10.0, 74.0])


def test_a_ring_sends_a_message_nearly_twice():
    cluster = Cluster(4, row_seconds=0.0, model_bytes=1e6, bytes_per_second=1e7)
    assert epochs(AllReduce, cluster, 1) == pytest.approx([50 * 2 * 3 / 4 * 0.1])


@pytest.mark.parametrize("times", [2.0, 3.0])
@pytest.mark.parametrize("rule", ["all_reduce", "hpsgd"])
def test_dynamic_batch_size_saves_what_can_be_saved(times: float, rule: str):
    """The ideal shares' saving is 1 - n / (k (n - 1 + 1/k)), with n = 4 workers."""
    cluster = Cluster(4, row_seconds=0.001, slowdowns=(Slowdown(1, times),))
    ideal = 1 - 4 / (times * (3 + 1 / times))
    fixed = epochs(AllReduce, cluster)[-1]
    saved = 1 - epochs(partial(DynamicBatchSize, rule), cluster)[-1] / fixed
    assert saved >= 0.9 * ideal
    assert saved <= ideal + 0.02


def test_dynamic_batch_size_costs_little_where_all_are_equal():
    cluster = Cluster(4, row_seconds=0.001, latency_seconds=0.02)
    fixed, dynamic = sum(epochs(AllReduce, cluster)), sum(epochs(DynamicBatchSize, cluster))
    assert fixed < dynamic < 1.03 * fixed


def test_dynamic_batch_size_follows_a_straggler_that_comes_and_goes():
    # From the end of the second epoch to about that of the sixth.
    begins, ends = 2 * 50 * 32 * 0.001, 2 * 50 * 32 * 0.001 + 4 * 50 * 0.046
    straggler = Slowdown(0, 2.0, begins, ends)
    cluster = Cluster(4, row_seconds=0.001, slowdowns=(straggler,))
    found = epochs(DynamicBatchSize, cluster, 10)
    equal, ideal = 50 * 32 * 0.001, 50 * 128 * 0.001 / 3.5
    assert found[:2] == pytest.approx([equal] * 2)
    assert found[2] == pytest.approx(2 * equal)
    assert found[4] < 1.1 * ideal  # within two epochs
    assert found[9] < 1.05 * equal


@pytest.mark.parametrize("late", [0.5, 1.0])
def test_hpsgd_hides_a_latency_of_one_step(late: float):
    """At least 80 %; of the last round's message nothing can be hidden."""
    compute = 32 * 0.001
    cluster = Cluster(4, row_seconds=0.001, latency_seconds=late * compute)
    communication = 3 * 50 * late * compute
    visible = sum(epochs(HPSGD, cluster)) - 3 * 50 * compute
    assert sum(epochs(AllReduce, cluster)) == pytest.approx(3 * 50 * compute + communication)
    assert 0 < visible < 0.2 * communication


def test_a_longer_round_of_hpsgd_hides_a_longer_latency():
    cluster = Cluster(4, row_seconds=0.001, latency_seconds=3 * 32 * 0.001)
    assert epochs(partial(HPSGD, 3), cluster)[0] < 0.5 * epochs(HPSGD, cluster)[0]


@pytest.mark.parametrize("strategy", [LocalSGD, EASGD, PSOPS])
def test_a_period_divides_communication(strategy):
    cluster = Cluster(4, row_seconds=0.0, latency_seconds=1.0)
    # 1 exchange of an epoch is due to its end: the last average.
    assert sum(epochs(partial(strategy, period=10), cluster)) == pytest.approx(15, abs=1)


def test_an_asynchronous_server_does_not_wait_for_a_slow_worker_within_its_bound():
    cluster = Cluster(4, row_seconds=0.001, slowdowns=(Slowdown(3, 2.0),))

    def waited(staleness: int) -> float:
        strategy = partial(ParameterServer, synchronous=False, staleness=staleness)
        return sum(simulate_epochs(strategy, cluster, ROWS, BATCH, 1).waiting[:3])

    synchronous = sum(simulate_epochs(ParameterServer, cluster, ROWS, BATCH, 1).waiting[:3])
    assert waited(0) == pytest.approx(synchronous, rel=0.05)
    assert waited(0) > waited(10)
    # At the end all wait for the last weights: nobody waits before.
    assert waited(1000) == pytest.approx(3 * 50 * 32 * 0.001)


def test_an_outage_stops_those_who_wait_for_its_worker():
    outage = Slowdown(0, inf, start=0.5, end=10.5)
    steady = Cluster(4, row_seconds=0.001)
    stopped = Cluster(4, row_seconds=0.001, slowdowns=(outage,))
    lost = sum(epochs(AllReduce, stopped)) - sum(epochs(AllReduce, steady))
    assert 9.9 < lost <= 10.0


@pytest.mark.parametrize("strategy", [AllReduce, DynamicBatchSize, HPSGD, LocalSGD])
def test_1024_workers(strategy):
    cluster = Cluster(1024, row_seconds=0.001, slowdowns=(Slowdown(7, 2.0),))
    outcome = simulate_epochs(strategy, cluster, rows=3 * 4096, batch_rows=4096, epochs=2)
    assert len(outcome.computing) == 1024
    assert all(0.02 < epoch < 0.03 for epoch in outcome.epochs)


@pytest.mark.parametrize("workers", [0, 1025])
def test_so_many_workers_are_refused(workers: int):
    with pytest.raises(TrainingError, match=f"from 1 to 1,024 in a simulation, not {workers}"):
        Cluster(workers, row_seconds=1.0)


def test_a_strategy_of_which_workers_wait_for_ever_is_refused():
    class Unequal(Strategy):
        def step(self, replica, step):
            if replica.rank == 0:
                yield Merge(step.gradient, SUM)

    with pytest.raises(TrainingError, match="1 workers wait for each other for ever"):
        epochs(Unequal, Cluster(3, row_seconds=1.0))
