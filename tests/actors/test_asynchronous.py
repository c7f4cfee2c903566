"""A parameter server and replicas as actors."""

import os
import signal
import threading
import time

import pytest

from actors.asynchronous import search_asynchronously
from brainray.errors import SearchError
from brainray.search.asynchronous import replay
from brainray.search.policy_gradient import Options
from brainray.testing import OneMax, integer_space
from brainray.testing.processes import descendants

pytestmark = pytest.mark.usefixtures("ray_cluster")


def test_replicas_search_at_the_same_time_and_the_search_is_replayed() -> None:
    problem, options = OneMax(integer_space(genes=6, alleles=4), seconds_per_brood=0.02), Options()
    outcome = search_asynchronously(problem, 0, options, budget=60, replicas=2, bound=8)
    assert len(outcome.known) == 60
    pulls = [call.replica for call in outcome.calls if call.kind == "pull"]
    assert {pulls.count(number) > 2 for number in (0, 1)} == {True}
    again = replay(outcome.calls, problem, 0, options, 60, 8)
    assert list(again.known.items()) == list(outcome.known.items())
    assert again.calls == outcome.calls


def test_a_lost_replica_is_replaced() -> None:
    problem, options = OneMax(integer_space(genes=6, alleles=4), seconds_per_brood=0.3), Options()

    def kill() -> None:
        while not (found := descendants(os.getpid(), "ReplicaActor.work")):
            time.sleep(0.05)
        os.kill(found[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    outcome = search_asynchronously(problem, 0, options, budget=30, replicas=1)
    killer.join()
    assert len(outcome.known) == 30
    assert [call.replica for call in outcome.calls if call.kind == "lost"] == [0]
    assert outcome.calls[-1].replica == 1
    again = replay(outcome.calls, problem, 0, options, 30, 8)
    assert again.known == outcome.known


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"replicas": 0}, "replicas is 0, at least 1"),
        ({"bound": -1}, "bound is -1, at least 0"),
        ({"budget": 0}, "budget is 0, at least 1"),
    ],
)
def test_a_wrong_argument_is_refused(wrong: dict[str, int], reason: str) -> None:
    arguments = {"budget": 5, "replicas": 1} | wrong
    with pytest.raises(SearchError, match=reason):
        search_asynchronously(OneMax(), 0, Options(), **arguments)
