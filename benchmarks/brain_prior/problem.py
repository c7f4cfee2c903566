"""The problem that is searched: pretrained networks, banks, and what each prior says of them."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, as_completed
from pathlib import Path
from typing import TypeVar

from audio_visual_digits.workbench import changed_scenario, dataset_of

from brain_prior.plan import Plan, Prior
from brainray.catalog.library import Library
from brainray.fusion.problem import FusionProblem
from brainray.pipeline.candidates import Pretraining
from brainray.pipeline.excitation import atlas_of, excite
from brainray.pipeline.fusing import fusion_problem
from brainray.pipeline.local import LocalRunner
from brainray.pipeline.record import Record
from brainray.pipeline.selection import Selection
from brainray.pipeline.versions import platform
from brainray.settings import Settings, load_settings

SEED = 0
"""Of the data and the networks."""

Unit = TypeVar("Unit")
Result = TypeVar("Result")


class PoolRunner(LocalRunner):
    """Runs units in the processes of a pool."""

    def __init__(self, settings: Settings, pool: Executor) -> None:
        super().__init__(settings)
        self._pool = pool

    def map(
        self,
        work: Callable[[Unit], Result],
        units: Sequence[Unit],
        on_done: Callable[[int, Result], None],
    ) -> list[Result]:
        """Do the units at the same time; return their results in order."""
        futures = {self._pool.submit(work, unit): number for number, unit in enumerate(units)}
        for done in as_completed(futures):
            on_done(futures[done], done.result())
        return [future.result() for future in futures]


class Bench:
    """Pretrained networks with their banks, and what excites them.

    Args:
        plan: sizes.
        folder: of the record.
        pool: of the processes in which networks are pretrained.
    """

    def __init__(self, plan: Plan, folder: Path, pool: Executor) -> None:
        settings = load_settings()
        self._library = Library.open(settings)
        self._scenario = changed_scenario(plan.changes)
        self._atlas = atlas_of(self._library, self._scenario.activation.atlas)
        self._dataset, source = dataset_of(self._scenario, SEED)
        self._library.add_data_set(self._dataset, source)
        self._library.add_platform(platform(), "safetensors")
        for optimizer in self._scenario.pretraining.optimizers:
            self._library.add_optimizer(optimizer)
        self._offers = Pretraining(
            self._scenario,
            SEED,
            self._dataset,
            self._library,
            PoolRunner(settings, pool),
            Record(folder),
        ).offers(self._selection("brain", SEED))

    def problem(self, prior: Prior, seed: int) -> FusionProblem:
        """Return the problem under a prior; the seed is that of ``shuffled`` connections."""
        selection = self._selection(prior, seed)
        return fusion_problem(
            self._scenario, SEED, self._dataset, self._offers, selection, self._library.store
        )

    def _selection(self, prior: Prior, seed: int) -> Selection:
        """Return the networks that the scenario names, and what a prior says of their regions."""
        how = self._scenario.activation.model_copy(update={"prior": prior})
        excitation = excite(self._scenario.excites(), how, self._atlas, seed)
        networks = {
            name: [self._library.network(network) for network in part.networks]
            for name, part in self._scenario.inputs.items()
        }
        return Selection.of(excitation, networks, self._library)
