from functools import partial
from math import inf, isnan, nan

import pytest

from brainray.errors import TrainingError
from brainray.training.cluster import Cluster, Slowdown
from brainray.training.interface import Merge, Strategy
from brainray.training.mergers import SUM
from brainray.training.simulation import simulate_epochs
from brainray.training.strategies.all_reduce import AllReduce
from brainray.training.strategies.dynamic_batch_size import DynamicBatchSize
from brainray.training.strategies.easgd import EASGD
from brainray.training.strategies.hpsgd import HPSGD
from brainray.training.strategies.local_sgd import LocalSGD
from brainray.training.strategies.parameter_server import ParameterServer
from brainray.training.strategies.pso_ps import PSOPS

STEPS, BATCH = 10, 128
ROWS = STEPS * BATCH


def epochs(strategy, cluster: Cluster, count: int = 3) -> list[float]:
    return simulate_epochs(strategy, cluster, ROWS, BATCH, count).epochs


def test_all_reduce_takes_what_the_slowest_worker_and_the_network_take():
    cluster = Cluster(4, row_seconds=0.01, latency_seconds=0.1, slowdowns=(Slowdown(2, 3.0),))
    step = 32 * 0.01 * 3 + 0.1
    outcome = simulate_epochs(AllReduce, cluster, ROWS, BATCH, 2)
    assert outcome.epochs == pytest.approx([STEPS * step] * 2)
    assert outcome.computing == pytest.approx([6.4, 6.4, 19.2, 6.4])
    assert outcome.waiting == pytest.approx([14.8, 14.8, 2.0, 14.8])


def test_a_ring_sends_a_message_nearly_twice():
    cluster = Cluster(4, row_seconds=0.0, model_bytes=1e6, bytes_per_second=1e7)
    assert epochs(AllReduce, cluster, 1) == pytest.approx([STEPS * 2 * 3 / 4 * 0.1])


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
    begins, ends = 2 * STEPS * 0.032, 2 * STEPS * 0.032 + 4 * STEPS * 0.046
    straggler = Slowdown(0, 2.0, begins, ends)
    cluster = Cluster(4, row_seconds=0.001, slowdowns=(straggler,))
    found = epochs(DynamicBatchSize, cluster, 10)
    equal, ideal = STEPS * 0.032, STEPS * 0.128 / 3.5
    assert found[:2] == pytest.approx([equal] * 2)
    assert found[2] == pytest.approx(2 * equal)
    assert found[4] < 1.1 * ideal  # within two epochs
    assert found[9] < 1.05 * equal


@pytest.mark.parametrize("late", [0.5, 1.0])
def test_hpsgd_hides_a_latency_of_one_step(late: float):
    """At least 80 %; of the last round's message nothing can be hidden."""
    compute = 32 * 0.001
    cluster = Cluster(4, row_seconds=0.001, latency_seconds=late * compute)
    communication = 3 * STEPS * late * compute
    visible = sum(epochs(HPSGD, cluster)) - 3 * STEPS * compute
    assert sum(epochs(AllReduce, cluster)) == pytest.approx(3 * STEPS * compute + communication)
    assert 0 < visible < 0.2 * communication


def test_a_longer_round_of_hpsgd_hides_a_longer_latency():
    cluster = Cluster(4, row_seconds=0.001, latency_seconds=3 * 32 * 0.001)
    assert epochs(partial(HPSGD, 3), cluster)[0] < 0.5 * epochs(HPSGD, cluster)[0]


@pytest.mark.parametrize("strategy", [LocalSGD, EASGD, PSOPS])
def test_a_period_divides_communication(strategy):
    cluster = Cluster(4, row_seconds=0.0, latency_seconds=1.0)
    # The end may ask for one more.
    assert sum(epochs(partial(strategy, period=10), cluster)) == pytest.approx(3, abs=1.01)


def test_asynchronous_workers_make_up_for_times_in_which_they_were_slow():
    """First one worker is slow, then another one; who must not be ahead waits for both."""
    half = STEPS * 0.032
    slow = (Slowdown(0, 2.0, 0.0, half), Slowdown(1, 2.0, half))
    cluster = Cluster(4, row_seconds=0.001, slowdowns=slow)

    def seconds(**options) -> float:
        return epochs(partial(ParameterServer, **options), cluster, 1)[0]

    assert seconds() == pytest.approx(2 * half)
    assert seconds(synchronous=False, staleness=0) == pytest.approx(2 * half)
    assert 1.5 * half < seconds(synchronous=False, staleness=2) < 1.9 * half
    assert seconds(synchronous=False, staleness=100) == pytest.approx(1.5 * half)


def test_an_outage_stops_those_who_wait_for_its_worker():
    outage = Slowdown(0, inf, start=0.5, end=10.5)
    steady = Cluster(4, row_seconds=0.001)
    stopped = Cluster(4, row_seconds=0.001, slowdowns=(outage,))
    lost = sum(epochs(AllReduce, stopped)) - sum(epochs(AllReduce, steady))
    assert 9.9 < lost <= 10.0


@pytest.mark.parametrize("strategy", [AllReduce, DynamicBatchSize, HPSGD, LocalSGD, EASGD, PSOPS])
def test_after_an_outage_without_end_epochs_are_infinite(strategy):
    cluster = Cluster(4, row_seconds=1e-3, slowdowns=(Slowdown(1, inf, start=0.2),))
    outcome = simulate_epochs(strategy, cluster, rows=640, batch_rows=128, epochs=4)
    assert outcome.epochs[0] == pytest.approx(0.16)
    assert outcome.epochs[1:] == [inf] * 3
    assert outcome.computing[1] == inf
    assert not any(map(isnan, outcome.computing + outcome.waiting))


def test_an_asynchronous_server_goes_on_beside_an_outage_without_end():
    strategy = partial(ParameterServer, synchronous=False, staleness=1000)
    cluster = Cluster(4, row_seconds=1e-3, slowdowns=(Slowdown(1, inf, start=0.2),))
    outcome = simulate_epochs(strategy, cluster, rows=640, batch_rows=128, epochs=4)
    assert outcome.epochs[1:] == [inf] * 3  # an epoch ends with its last worker
    assert not any(map(isnan, outcome.computing + outcome.waiting))


@pytest.mark.parametrize("strategy", [AllReduce, HPSGD])
def test_1024_workers(strategy):
    cluster = Cluster(1024, row_seconds=0.001, slowdowns=(Slowdown(7, 2.0),))
    outcome = simulate_epochs(strategy, cluster, rows=4096, batch_rows=4096, epochs=2)
    assert len(outcome.computing) == 1024
    assert all(0.008 <= epoch < 0.009 for epoch in outcome.epochs)


@pytest.mark.parametrize("workers", [0, 1025])
def test_so_many_workers_are_refused(workers: int):
    with pytest.raises(TrainingError, match=f"workers: .* from 1 to 1024, not {workers}"):
        Cluster(workers, row_seconds=1.0)


def test_a_strategy_of_which_workers_wait_for_ever_is_refused():
    class Unequal(Strategy):
        def step(self, replica, step):
            if replica.rank == 0:
                yield Merge(step.gradient, SUM)

    with pytest.raises(TrainingError, match="1 workers wait for each other for ever"):
        epochs(Unequal, Cluster(3, row_seconds=1.0))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Cluster(0, 0.01), "^workers: must be a whole number from 1 to 1024, not 0$"),
        (lambda: Cluster(2, -0.01), "^row_seconds: must be a finite number of at least 0, not -0"),
        (lambda: Cluster(2, nan), "^row_seconds: "),
        (lambda: Cluster(2, 0.01, inf), "^step_seconds: "),
        (lambda: Cluster(2, 0.01, latency_seconds=-1.0), "^latency_seconds: "),
        (lambda: Cluster(2, 0.01, bytes_per_second=0.0), "^bytes_per_second: must be .* above 0"),
        (lambda: Cluster(2, 0.01, bytes_per_second=nan), "^bytes_per_second: "),
        (lambda: Cluster(2, 0.01, model_bytes=nan), "^model_bytes: "),
        (lambda: Slowdown(-1, 2.0), "^worker: "),
        (lambda: Slowdown(0, 0.5), "^times: must be a number from 1.0 to inf, not 0.5$"),
        (lambda: Slowdown(0, nan), "^times: "),
        (lambda: Slowdown(0, 2.0, nan), "^start: "),
        (lambda: Slowdown(0, 2.0, 3.0, 3.0), "^end: must be a number above 3.0, not 3.0$"),
        (
            lambda: epochs(AllReduce, Cluster(2, 0.01, slowdowns=(Slowdown(2, 2.0),))),
            "^slowdowns: worker: must be a whole number from 0 to 1, not 2$",
        ),
        (lambda: Cluster(2, 0.01, slowdowns=(1,)), "^slowdowns: each must be a Slowdown, not 1$"),
        (lambda: simulate_epochs(AllReduce, Cluster(1, 0.01), 0, 1, 1), "^rows: must be a whole"),
        (lambda: simulate_epochs(AllReduce, Cluster(1, 0.01), 1, 0, 1), "^batch_rows: "),
        (lambda: simulate_epochs(AllReduce, Cluster(1, 0.01), 1, 1, 0), "^epochs: "),
    ],
)
def test_impossible_arguments_are_named(wrong, message: str):
    with pytest.raises(TrainingError, match=message):
        wrong()
