"""Asynchronous reinforcement learning on Ray: a parameter server and replicas as actors."""

import itertools
import logging
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayActorError

from actors.cluster import own_errors, require_cpus
from actors.parameter_server import ParameterServerActor, RemoteServer
from brainray.errors import SearchError
from brainray.search.asynchronous import Replica
from brainray.search.interface import Genome, Problem, at_least
from brainray.search.parameter_server import Call
from brainray.search.policy_gradient import Options

logger = logging.getLogger(__name__)

LOST_REPLICAS = 4
"""How many replicas may be lost, as they are when their worker dies, and replaced."""


class ReplicaOnRay(Replica):
    """A replica that works until the budget is spent."""

    def work(self, server: Any) -> None:
        """Act until nothing is left; ``server`` is the handle of the parameter server's actor."""
        remote = RemoteServer(server)
        while self.act(remote):
            pass


ReplicaActor: Any = ray.remote(num_cpus=1)(ReplicaOnRay)


@dataclass(frozen=True)
class Outcome:
    """What an asynchronous search found.

    Attributes:
        known: the evaluated codes with their values, in the order of their arrival; NaN: failed.
        calls: of the server; `brainray.search.asynchronous.replay` repeats the search by them.
    """

    known: dict[Genome, float]
    calls: list[Call]


def search_asynchronously(
    problem: Problem, seed: int, options: Options, *, budget: int, replicas: int, bound: int = 8
) -> Outcome:
    """Search with replicas that do not wait for each other, one CPU each.

    The result depends on who is when ready. It is repeated by the order of the calls alone.

    Args:
        problem: sent to every replica.
        seed: of the run.
        options: how the controller learns.
        budget: distinct codes to evaluate; fewer if the space has fewer.
        replicas: at the same time, at least 1.
        bound: the largest staleness of a gradient that is applied.

    Raises:
        ClusterError: the cluster has not as many processors.
        SearchError: an argument is not allowed, or too many replicas were lost.
        BrainrayError: what the problem raised.
    """
    at_least("reinforcement: replicas", replicas, 1)
    at_least("reinforcement: budget", budget, 1)  # here, because an actor's own refusal kills it
    at_least("reinforcement: bound", bound, 0)
    require_cpus(replicas, "replicas")
    numbers = itertools.count()
    working: dict[Any, tuple[int, Any]] = {}
    with own_errors():
        server = ParameterServerActor.remote(problem.space, seed, options, budget, bound)

        def begin() -> None:
            number = next(numbers)
            actor = ReplicaActor.remote(number, problem, seed, options)
            working[actor.work.remote(server)] = (number, actor)

        try:
            for _ in range(replicas):
                begin()
            lost = 0
            while working:
                (done, *_), _ = ray.wait(list(working), num_returns=1)
                number, actor = working.pop(done)
                try:
                    ray.get(done)
                except RayActorError as error:
                    lost += 1
                    logger.warning("replica %d was lost", number)
                    if lost > LOST_REPLICAS:
                        raise SearchError(f"{lost} replicas were lost, the search ends") from error
                    ray.get(server.lose.remote(number))
                    begin()
                finally:
                    ray.kill(actor)  # it would hold its processor until it is garbage
            calls, known = ray.get(server.outcome.remote())
        finally:
            for _, actor in working.values():
                ray.kill(actor)
            ray.kill(server)
    return Outcome(known, calls)
