"""The runner in this process: one unit after the other, workers as threads. No Ray."""

import asyncio
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from brainray.catalog.library import Library
from brainray.errors import SearchError
from brainray.pipeline.coordinator import Coordinator, RegionPort
from brainray.pipeline.excitation import atlas_of
from brainray.pipeline.processes import pretrain_in_processes
from brainray.pipeline.region import Region
from brainray.pipeline.runner import Group, OnBrood
from brainray.pipeline.units import Pretrained, PretrainUnit, pretrain
from brainray.search.interface import Genome, Problem, Solution
from brainray.search.schedule import Schedule
from brainray.settings import Settings
from brainray.training.communicator import simulate
from brainray.training.interface import Communicator
from brainray.training.progress import WatchAll, none_watched

Unit = TypeVar("Unit")
Result = TypeVar("Result")


class LocalRegion:
    """A region in this process, behind the port that the coordinator talks to."""

    def __init__(self, region: Region) -> None:
        self._region = region

    async def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of the region."""
        return getattr(self._region, method)(*arguments)


class LocalRunner:
    """Runs everything in this process.

    Args:
        settings: of this process.
    """

    name = "local"

    def __init__(self, settings: Settings) -> None:
        def connect(region: str) -> RegionPort:
            return LocalRegion(Region(region, settings))

        library = Library.open(settings)
        self._coordinator = Coordinator(partial(atlas_of, library), connect)

    def coordinate(self, method: str, *arguments: Any) -> Any:
        """Call a method of the coordinator and return its result."""
        return asyncio.run(getattr(self._coordinator, method)(*arguments))

    def require(self, pretraining: int | None, search: int | None, training: int) -> None:
        """Require nothing: threads take turns on whatever there is."""

    def map(
        self,
        work: Callable[[Unit], Result],
        units: Sequence[Unit],
        on_done: Callable[[int, Result], None],
    ) -> list[Result]:
        """Do the units in order."""
        results = []
        for number, unit in enumerate(units):
            results.append(work(unit))
            on_done(number, results[-1])
        return results

    def pretrain(
        self,
        units: Sequence[PretrainUnit],
        workers: int | None,
        on_done: Callable[[int, Pretrained], None],
    ) -> list[Pretrained]:
        """Train one network after the other; those who train one together are threads.

        Those of a pipeline are processes, which torch.distributed wants.
        """
        return self.map(_pretrain, units, on_done)

    def search(
        self, problem: Problem, schedule: Schedule, workers: int | None, on_brood: OnBrood
    ) -> None:
        """Evaluate brood after brood; ``workers`` does not matter in one process."""
        while (brood := schedule.next()) is not None:
            start = time.monotonic()
            values = problem.evaluate(brood)
            schedule.complete(brood.index, values)
            on_brood(brood, values, time.monotonic() - start)

    def finish(
        self,
        problem: Problem,
        genomes: Sequence[Genome],
        group: Group,
        watch: WatchAll = none_watched,
    ) -> Solution:
        """Finish with as many workers as are wanted, as threads: none is ever lost."""
        return simulate(
            group.most, lambda member: for_worker(problem, member, watch).finish(genomes)
        )[0]


def _pretrain(unit: PretrainUnit) -> Pretrained:
    if unit.together is not None and unit.together.flow is not None and unit.graph is None:
        return pretrain_in_processes(unit)
    workers = 1 if unit.together is None else unit.together.workers
    return simulate(workers, partial(pretrain, unit))[0]


@contextmanager
def local_runner(settings: Settings, run_folder: Path) -> Iterator[LocalRunner]:
    """Give the runner of this process; it leaves nothing behind."""
    yield LocalRunner(settings)


def for_worker(problem: Problem, communicator: Communicator, watch: WatchAll) -> Problem:
    """Return a copy of a problem for one of its workers.

    Args:
        problem: whose trainings are told of if it has a field ``watch``.
        communicator: of the worker.
        watch: told by the first worker.

    Raises:
        SearchError: the problem is no dataclass with a field ``communicator``.
    """
    if not dataclasses.is_dataclass(problem) or isinstance(problem, type):
        raise SearchError(f"problem {type(problem).__name__}: must be a dataclass")
    given: dict[str, Any] = {"communicator": communicator}
    if any(part.name == "watch" for part in dataclasses.fields(problem)):
        given["watch"] = watch
    copy: Problem = dataclasses.replace(problem, **given)
    return copy
