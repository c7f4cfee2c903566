"""The seam between the pipeline and where its work is done.

The pipeline calls a runner like this; `brainray.pipeline.local` does everything in this process,
`actors.runner` on Ray, and both give the same result::

    runner.require(pretraining, search, training)           # workers: fail now rather than later
    runner.coordinate("acquire", run_id, owner)
    excitation = runner.coordinate("activate", functions, how, seed)
    rows    = runner.map(prepare, columns, on_done)         # independent units of work
    models  = runner.pretrain(units, workers, on_done)      # networks, each trained alone
    runner.search(problem, schedule, workers, on_brood)     # broods
    solution = runner.finish(problem, genomes, group)       # data-parallel workers
    runner.coordinate("release", run_id, owner)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from brainray.pipeline.units import Pretrained, PretrainUnit
from brainray.search.interface import Brood, Genome, Problem, Solution
from brainray.search.schedule import Schedule
from brainray.training.progress import WatchAll, none_watched

Unit = TypeVar("Unit")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Group:
    """How many workers train together.

    Attributes:
        most: as many as are wanted.
        fewest: with how many they begin where there are not more, and go on when others leave.
            None: they begin with all, and go on with any that are left.
    """

    most: int
    fewest: int | None = None

    @property
    def needed(self) -> int:
        """Without how many they do not begin."""
        return self.most if self.fewest is None else self.fewest


class OnBrood(Protocol):
    """Called for every evaluated brood, in the order in which they are completed."""

    def __call__(self, brood: Brood, values: list[float], seconds: float) -> None:
        """Take the values of one brood and the time that it took."""


class Runner(Protocol):
    """Where the work of a run is done.

    Attributes:
        name: as the record has it, ``local`` or ``ray``.
    """

    name: str

    def coordinate(self, method: str, *arguments: Any) -> Any:
        """Call a method of the coordinator and return its result."""

    def require(self, pretraining: int | None, search: int | None, training: int) -> None:
        """Raise `ClusterError` at once if so many workers of a step can never be placed."""

    def map(
        self,
        work: Callable[[Unit], Result],
        units: Sequence[Unit],
        on_done: Callable[[int, Result], None],
    ) -> list[Result]:
        """Do independent units of work; return their results in the order of the units.

        Args:
            work: a module-level function, pure but for idempotent writes.
            units: picklable and small.
            on_done: called with a unit's number and result as each one ends, in any order.
        """

    def pretrain(
        self,
        units: Sequence[PretrainUnit],
        workers: int | None,
        on_done: Callable[[int, Pretrained], None],
    ) -> list[Pretrained]:
        """Train networks, each on one worker; return what was made in the order of the units.

        Args:
            units: networks to train.
            workers: at the same time; None is one a CPU. The result does not depend on it.
            on_done: see `map`.
        """

    def search(
        self, problem: Problem, schedule: Schedule, workers: int | None, on_brood: OnBrood
    ) -> None:
        """Evaluate broods until the schedule has no more; up to ``workers`` at the same time."""

    def finish(
        self,
        problem: Problem,
        genomes: Sequence[Genome],
        group: Group,
        watch: WatchAll = none_watched,
    ) -> Solution:
        """Call ``problem.finish`` on data-parallel workers; return their solution.

        Args:
            problem: a dataclass with a field ``communicator``, and perhaps one ``watch``.
            genomes: the finalists, best first.
            group: of the workers.
            watch: told how the trainings go on.
        """
