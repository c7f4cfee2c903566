"""The finalists on workers that do not need each other: those of an asynchronous parameter server.

Train ends a group as soon as one of its workers is lost. Here the others go on: they share out what
the lost one would have done, and a worker that joins begins with the next epoch. Only the first
worker is needed, which writes checkpoints and has the solution; without it, or without the hub, a
new group goes on from the last checkpoint.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import ray
import torch
from ray.exceptions import RayActorError, RayTaskError

from actors.cluster import free_cpus
from actors.groups import FAILURES, GROWTH_SECONDS
from actors.hub import Hub, HubCommunicator
from actors.news import Teller, heard
from brainray.errors import RunError
from brainray.pipeline.local import for_worker
from brainray.search.interface import Genome, Problem, Solution
from brainray.training.progress import WatchAll

POLL_SECONDS = 1.0

HubActor: Any = ray.remote(num_cpus=0)(Hub)


class IndependentWorker:
    """One worker of a group."""

    def finish(
        self,
        problem: Problem,
        genomes: Sequence[Genome],
        run_id: str,
        rank: int,
        size: int,
        hub: Any,
    ) -> Solution | None:
        """Call ``problem.finish``; the first worker returns the solution, its weights as arrays."""

        def call(method: str, *arguments: Any) -> Any:
            return ray.get(getattr(hub, method).remote(*arguments))

        own = for_worker(problem, HubCommunicator(rank, size, call), Teller(run_id))
        solution = own.finish(genomes)
        if rank > 0:
            return None
        return _with_weights(solution, lambda weight: weight.numpy())


IndependentWorkerActor: Any = ray.remote(num_cpus=1)(IndependentWorker)


class LostError(Exception):
    """The first worker or the hub is lost, and with it the group."""


def finish_independently(
    problem: Problem,
    genomes: Sequence[Genome],
    most: int,
    watch: WatchAll,
    coordinate: Callable[..., Any],
    run_id: str,
) -> Solution:
    """Call ``problem.finish`` on workers that go on without each other; return their solution.

    Args:
        problem: sent to every worker.
        genomes: the finalists, best first.
        most: workers that are taken; it begins with as many of them as processors are free.
        watch: told how trainings go on.
        coordinate: calls a method of the coordinator.
        run_id: of the run.

    Raises:
        RunError: the first worker was lost again and again.
    """
    work = (ray.put(problem), list(genomes), run_id)
    with heard(coordinate, run_id, watch):
        for _ in range(1 + FAILURES):
            group = Group(work, most)
            try:
                return group.solution()
            except LostError:
                continue  # the next group begins at the last checkpoint
            finally:
                group.end()
    raise RunError(f"training: its first worker was lost {1 + FAILURES} times")


class Group:
    """The workers of one group.

    Args:
        work: the first three arguments of `IndependentWorker.finish`.
        most: workers that are taken.
    """

    def __init__(self, work: tuple[Any, ...], most: int) -> None:
        self._work, self._most = work, most
        self._size = max(1, min(most, free_cpus()))
        self._hub = HubActor.remote(list(range(self._size)))
        self._results: dict[Any, int] = {}
        self._workers: dict[int, Any] = {}
        self._lost = 0
        for number in range(self._size):
            self._begin(number)

    def _begin(self, number: int) -> None:
        self._workers[number] = IndependentWorkerActor.remote()
        result = self._workers[number].finish.remote(*self._work, number, self._size, self._hub)
        self._results[result] = number

    def solution(self) -> Solution:
        """Wait for the solution; meanwhile, let lost workers go and take new ones.

        Raises:
            LostError: the first worker or the hub is lost.
        """
        looked = time.monotonic()
        while True:
            ended, _ = ray.wait(list(self._results), timeout=POLL_SECONDS)
            for result in ended:
                number = self._results.pop(result)
                solution = self._outcome(result, number)
                if solution is not None:
                    return solution
            if time.monotonic() - looked >= GROWTH_SECONDS:
                looked = time.monotonic()
                # One that is lost again and again finds no successor any more.
                if len(self._results) < self._most and self._lost <= FAILURES and free_cpus() > 0:
                    self._begin(max(self._workers) + 1)

    def _outcome(self, result: Any, number: int) -> Solution | None:
        """Return what a worker has made; None if it is not the first one, or is lost."""
        try:
            made: Solution | None = ray.get(result)
        except RayTaskError as error:
            if isinstance(error.cause, RayActorError):  # the hub's
                raise LostError from error
            raise
        except RayActorError as error:
            if number == 0:
                raise LostError from error
            self._lost += 1
            try:
                ray.get(self._hub.lost.remote(number))
            except RayActorError:
                raise LostError from error
            return None
        return made if made is None else _with_weights(made, torch.tensor)

    def end(self) -> None:
        """End all workers and the hub."""
        for actor in (*self._workers.values(), self._hub):
            ray.kill(actor)


def _with_weights(solution: Solution, convert: Callable[[Any], Any]) -> Solution:
    weights = {name: convert(weight) for name, weight in solution.weights.items()}
    return replace(solution, weights=weights)
