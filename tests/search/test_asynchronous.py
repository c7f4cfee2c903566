import math
import random
from collections.abc import Callable
from dataclasses import replace
from statistics import mean

import numpy as np
import pytest

from brainray.errors import SearchError
from brainray.search.asynchronous import Replica, replay
from brainray.search.interface import Problem
from brainray.search.parameter_server import Call, ParameterServer, Push
from brainray.search.policy_gradient import Options
from brainray.search.table import problem_of
from brainray.testing import OneMax, epistatic_table, integer_space

BUDGET, BOUND = 100, 8
Simulate = Callable[..., ParameterServer]


@pytest.fixture(scope="module")
def simulate() -> Simulate:
    """Runs an asynchronous search whose replicas call in a random order."""

    def do(
        problem: Problem, replicas: int, seed: int = 0, budget: int = BUDGET, bound: int = BOUND
    ) -> ParameterServer:
        options = Options()
        server = ParameterServer(problem.space, seed, options, budget, bound)
        running = [Replica(number, problem, seed, options) for number in range(replicas)]
        order = random.Random(seed)
        while running:
            replica = order.choice(running)
            if not replica.act(server):
                running.remove(replica)
        return server

    return do


def test_many_replicas_are_not_worse_than_one_at_equal_samples(simulate: Simulate):
    problem = problem_of(epistatic_table((4,) * 6), "gene_*", "validation", ["test"])
    one, many, drawn = [], [], []
    for seed in range(4):
        for found, replicas in ((one, 1), (many, 6)):
            known = list(simulate(problem, replicas, seed).known.values())
            assert len(known) == BUDGET
            found.append(max(known))
            drawn += [mean(known[:20])] * (replicas == 1)
    assert mean(many) > mean(one) - 0.15
    assert mean(many) > mean(drawn) + 1


def test_a_recorded_search_is_replayed_exactly(simulate: Simulate):
    problem = OneMax(integer_space(genes=6, alleles=4), failing=0.1)
    server = simulate(problem, 4)
    assert len({call.replica for call in server.calls}) == 4
    again = replay(server.calls, problem, 0, Options(), BUDGET, BOUND)
    assert again.calls == server.calls
    assert repr(again.known) == repr(server.known)  # NaN is not equal to itself
    assert list(again.known) == list(server.known)
    np.testing.assert_array_equal(again.pull(0).parameters, server.pull(0).parameters)


def test_another_order_gives_another_search(simulate: Simulate):
    problem = OneMax(integer_space(genes=6, alleles=4))
    server = simulate(problem, 4)
    calls = sorted(server.calls, key=lambda call: call.replica)
    assert list(replay(calls, problem, 0, Options(), BUDGET, BOUND).known) != list(server.known)


@pytest.mark.parametrize("bound", [0, 2])
def test_staleness_is_logged_and_bounded(simulate: Simulate, bound: int):
    problem = OneMax(integer_space(genes=6, alleles=4))
    server = simulate(problem, 4, budget=60, bound=bound)
    pushes = [call for call in server.calls if call.kind == "push"]
    assert max(call.staleness for call in pushes) > bound
    assert all(call.applied == (call.staleness <= bound) for call in pushes)
    # What is refused is computed anew: no child is lost, each batch has all its steps.
    pulls = [call for call in server.calls if call.kind == "pull"]
    assert sum(call.applied for call in pushes) == 3 * (len(pulls) - 4)  # the last of each is idle
    assert len(server.known) == 60


def test_a_single_replica_is_never_stale(simulate: Simulate):
    server = simulate(OneMax(integer_space(genes=6, alleles=4)), 1, bound=0)
    assert {call.staleness for call in server.calls} == {0}


def test_what_a_lost_replica_had_is_given_to_another_one():
    problem, options = OneMax(integer_space(genes=6, alleles=4)), Options()
    server = ParameterServer(problem.space, 0, options, 10, BOUND)
    lost, kept = (Replica(number, problem, 0, options) for number in range(2))
    assert lost.act(server)
    server.lose(0)
    while kept.act(server):
        pass
    assert len(server.known) == 10
    again = replay(server.calls, problem, 0, options, 10, BOUND)
    assert again.known == server.known
    assert again.calls == server.calls


def test_a_small_space_ends_the_search_before_the_budget(simulate: Simulate):
    assert len(simulate(OneMax(integer_space(genes=2, alleles=3)), 3).known) == 9


def test_failed_children_give_no_gradient(simulate: Simulate):
    problem = OneMax(integer_space(genes=6, alleles=4), failing=1.0)
    server = simulate(problem, 2, budget=20)
    assert len(server.known) == 20
    assert all(math.isnan(value) for value in server.known.values())
    assert not any(call.applied for call in server.calls)


def test_a_gradient_that_is_too_stale_changes_nothing():
    space = integer_space(genes=2)
    server = ParameterServer(space, 0, Options(), 20, bound=1)
    snapshot = server.pull(0)
    push = Push(0, 0, np.ones_like(snapshot.parameters), {(0, 0): 1.0})
    for version in (1, 2):
        answer = server.push(push)
        assert (answer.version, answer.refused) == (version, False)
    answer = server.push(replace(push, values={(0, 0): 5.0, (1, 0): 2.0}))
    assert (answer.version, answer.refused) == (2, True)
    assert server.calls[-1] == Call(0, "push", 2, False)
    assert answer.known == {(0, 0): 1.0, (1, 0): 2.0}  # what was evaluated counts all the same


@pytest.mark.parametrize(
    ("budget", "bound", "reason"), [(0, 1, "budget is 0, at least 1"), (5, -1, "bound is -1")]
)
def test_a_wrong_argument_is_refused(budget: int, bound: int, reason: str):
    with pytest.raises(SearchError, match=reason):
        ParameterServer(integer_space(), 0, Options(), budget, bound)
