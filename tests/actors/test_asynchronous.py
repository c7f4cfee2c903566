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


def test_a_search_goes_on_without_a_lost_replica_and_is_replayed() -> None:
    problem, options = OneMax(integer_space(genes=6, alleles=4), seconds_per_brood=0.2), Options()

    def kill() -> None:
        deadline = time.monotonic() + 120
        while not (found := descendants(os.getpid(), "ReplicaOnRay.work")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(found[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    outcome = search_asynchronously(problem, 0, options, budget=60, replicas=2, bound=8)
    killer.join()
    assert len(outcome.known) == 60
    assert [call.kind for call in outcome.calls].count("lost") == 1
    assert len({call.replica for call in outcome.calls if call.kind == "pull"}) > 1
    again = replay(outcome.calls, problem, 0, options, 60, 8)
    assert list(again.known.items()) == list(outcome.known.items())
    assert again.calls == outcome.calls


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
