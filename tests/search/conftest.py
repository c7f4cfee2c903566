import random
from collections.abc import Callable
from typing import Any

import pytest

from brainray.search.evolution import Evolution
from brainray.search.interface import Genome
from brainray.search.schedule import Schedule
from brainray.testing import OneMax, integer_space

History = list[tuple[Genome, float]]


@pytest.fixture(scope="session")
def toy() -> OneMax:
    """A problem of 729 codes."""
    return OneMax(integer_space(genes=6, alleles=3))


@pytest.fixture(scope="session")
def evolution(toy: OneMax) -> Callable[..., Schedule]:
    """Makes the schedule of a short evolution, changed as asked."""

    def make(seed: int = 0, problem: OneMax = toy, **changes: Any) -> Schedule:
        options = {"seed": seed, "budget": 60, "brood_size": 7, "lag": 3} | changes
        return Schedule(problem.space, Evolution(problem.space, seed, population=6), **options)

    return make


@pytest.fixture(scope="session")
def run() -> Callable[[Schedule, OneMax], History]:
    """Evaluates brood after brood, as a single worker does."""

    def do(schedule: Schedule, problem: OneMax) -> History:
        while (brood := schedule.next()) is not None:
            schedule.complete(brood.index, problem.evaluate(brood))
        assert schedule.all_asked
        return schedule.history

    return do


@pytest.fixture(scope="session")
def run_in_parallel() -> Callable[[Schedule, OneMax, int, random.Random], History]:
    """Evaluates with several workers, which begin and finish in a random order."""

    def do(schedule: Schedule, problem: OneMax, workers: int, order: random.Random) -> History:
        running = []
        while True:
            free = len(running) < workers
            brood = schedule.next() if free and order.random() < 0.7 else None
            if brood is not None:
                running.append(brood)
            elif running:
                done = running.pop(order.randrange(len(running)))
                schedule.complete(done.index, problem.evaluate(done))
            elif schedule.all_asked:
                return schedule.history

    return do
