"""The runner on Ray: coordinator and regions as actors, units as tasks, Tune and Train."""

import itertools
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import ray

from actors.calls import ask
from actors.cluster import (
    PLACEMENT_SECONDS,
    connected,
    own_errors,
    own_interrupts,
    require_cpus,
    require_total,
    standing,
    total_cpus,
)
from actors.coordinator import open_coordinator
from actors.groups import Size
from actors.independent import finish_independently
from actors.pretraining import pretrain_on_train
from actors.search import search_on_tune
from actors.training import finish_on_train
from brainray import plugins
from brainray.fusion.problem import FusionProblem
from brainray.pipeline.runner import Group, OnBrood
from brainray.pipeline.units import Pretrained, PretrainUnit
from brainray.search.interface import Genome, Problem, Solution
from brainray.search.schedule import Schedule
from brainray.settings import Settings
from brainray.training.progress import WatchAll, none_watched

Unit = TypeVar("Unit")
Result = TypeVar("Result")

QUIET = {
    # Tune would write its tables to stdout, where --json may be.
    "RAY_AIR_NEW_OUTPUT": "0",
    # Files a trial and callbacks that nobody reads: the record and TensorBoard have it all.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # Ctrl-C has to end the run, not only the search.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    # Tune's snapshot is not used, so it need not be written often.
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    # Train knows late that a node is lost, and would wait longer to place its workers there.
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": str(PLACEMENT_SECONDS),
}


class RayRunner:
    """Runs everything on the connected cluster; made by `ray_runner`.

    Args:
        settings: of this process; workers get them as they are.
        run_folder: where Tune and Train keep their files.
        stays: whether the cluster, and so the actors, outlive the run.

    Raises:
        ClusterError: the cluster's coordinator works with another catalog or store.
    """

    name = "ray"

    def __init__(self, settings: Settings, run_folder: Path, stays: bool) -> None:
        self._folder = run_folder / "ray"
        self._stays = stays
        self._searches = itertools.count(1)
        with own_errors():
            self._coordinator = open_coordinator(settings, "detached" if stays else None)

    def coordinate(self, method: str, *arguments: Any) -> Any:
        """Call a method of the coordinator and return its result."""
        with own_errors():
            return ask(self._coordinator, method, *arguments)

    def require(self, pretraining: int | None, search: int | None, training: int) -> None:
        """Raise `ClusterError` at once if so many workers of a step can never be placed."""
        require_total(pretraining or 1, "pretraining.workers")
        require_total(search or 1, "search.workers")
        require_total(training, "training.workers")

    def map(
        self,
        work: Callable[[Unit], Result],
        units: Sequence[Unit],
        on_done: Callable[[int, Result], None],
    ) -> list[Result]:
        """Do the units as tasks of one CPU each."""
        if units:
            require_cpus(1, "a unit of work")
        task = ray.remote(num_cpus=1, max_retries=3)(work)
        numbers = {task.remote(unit): number for number, unit in enumerate(units)}
        results: dict[int, Result] = {}
        waiting = list(numbers)
        while waiting:
            (done, *_), waiting = ray.wait(waiting, num_returns=1)
            with own_errors():
                results[numbers[done]] = ray.get(done)
            on_done(numbers[done], results[numbers[done]])
        return [results[number] for number in range(len(units))]

    def pretrain(
        self,
        units: Sequence[PretrainUnit],
        workers: int | None,
        on_done: Callable[[int, Pretrained], None],
    ) -> list[Pretrained]:
        """Train networks on Train workers of one CPU each, which pull them from the regions.

        Each pulls networks of its own, with any number of workers, or all train each one together,
        whose number is part of the network's recipe.
        """
        if not units:
            return []
        together = units[0].together  # all units of a run are trained alike
        count = min(workers or total_cpus(), len(units))
        if together is not None:
            count = together.workers
        require_cpus(count, "pretraining.workers")
        size: Size = (1, count) if self._stays and together is None else count
        return pretrain_on_train(units, size, on_done, self.coordinate, self._run_id, self._folder)

    def search(
        self, problem: Problem, schedule: Schedule, workers: int | None, on_brood: OnBrood
    ) -> None:
        """Evaluate broods as Tune trials of one CPU each."""
        require_cpus(workers or 1, "search.workers")
        # Workers start side by side; Tune would start one after the other.
        os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(total_cpus())
        with own_interrupts():
            folder = self._folder / f"search-{next(self._searches)}"
            search_on_tune(problem, schedule, workers, on_brood, folder)

    def finish(
        self,
        problem: Problem,
        genomes: Sequence[Genome],
        group: Group,
        watch: WatchAll = none_watched,
    ) -> Solution:
        """Finish with Train workers; on a cluster that stays their number follows its nodes."""
        key = "training.workers" if group.fewest is None else "training.min_workers"
        require_cpus(group.needed, key)
        size: Size = (group.fewest or 1, group.most)
        if not self._stays:
            size = min(group.most, total_cpus())
        with own_errors(), own_interrupts():
            if _independent(problem):
                rest = (watch, self.coordinate, self._run_id)
                return finish_independently(problem, genomes, group.most, *rest)
            return finish_on_train(
                problem, genomes, size, watch, self.coordinate, self._run_id, self._folder
            )

    @property
    def _run_id(self) -> str:
        return self._folder.parent.name


def _independent(problem: Problem) -> bool:
    """Say whether the workers of a problem's training go on without one that is lost."""
    if not isinstance(problem, FusionProblem):
        return False
    rule = plugins.build("strategies", problem.strategy, problem.strategy_options)
    return bool(rule.independent)


@contextmanager
def ray_runner(settings: Settings, run_folder: Path) -> Iterator[RayRunner]:
    """Connect to Ray and give its runner; what belongs to this process ends with it."""
    os.environ.update(QUIET)
    # Train would go on from what an interrupted execution left; the record is the truth.
    shutil.rmtree(run_folder / "ray", ignore_errors=True)
    for name in ("ray.tune", "ray.train", "ray.data"):
        # What they log of a lost worker is tried again, or raised in the end.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # From a cluster of this run's own nobody takes a node, and to watch for that takes a process.
    os.environ["RAY_TRAIN_ENABLE_PREEMPTION_WATCHER"] = str(int(standing()))
    with connected(run_folder) as stays:
        yield RayRunner(settings, run_folder, stays)
