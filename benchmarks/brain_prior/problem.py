"""The problem that is searched: pretrained networks, banks, and what each prior says of them."""

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import torch
from audio_visual_digits.workbench import SCENARIO, dataset_of

from brain_prior.plan import Plan, Prior
from brainray.atlas.interface import Atlas, Pathway
from brainray.catalog.library import Library
from brainray.datasets.dataset import SPLITS
from brainray.fusion.genome import FusionCode
from brainray.fusion.population import CandidateRecipe
from brainray.fusion.prior import PathwayPrior, WiringPrior
from brainray.fusion.problem import FusionProblem
from brainray.pipeline.candidates import Offer, Pretraining, candidates
from brainray.pipeline.excitation import atlas_of, excite
from brainray.pipeline.local import LocalRunner
from brainray.pipeline.record import Record
from brainray.pipeline.selection import Selection
from brainray.pipeline.versions import platform
from brainray.scenario import Scenario, load_scenario
from brainray.settings import Settings, load_settings
from brainray.training.loop import Recipe

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
    """Pretrained networks with their banks, and the atlas.

    Args:
        plan: sizes.
        folder: of the record.
        pool: of the processes in which networks are pretrained.
    """

    def __init__(self, plan: Plan, folder: Path, pool: Executor) -> None:
        settings = load_settings()
        self.library = Library.open(settings)
        self.scenario: Scenario = load_scenario(SCENARIO, plan.changes)
        self.atlas: Atlas = atlas_of(self.library, self.scenario.activation.atlas)
        dataset, _ = dataset_of(self.scenario, SEED)
        self.library.add_data_set(dataset, self.scenario.data.source)
        self.library.add_platform(platform(), "safetensors")
        for optimizer in self.scenario.pretraining.optimizers:
            self.library.add_optimizer(optimizer)
        self._targets = {split: torch.from_numpy(dataset.target(split)) for split in SPLITS}
        self._classes = len(dataset.classes)
        networks = {
            name: [self.library.network(network) for network in part.networks]
            for name, part in self.scenario.inputs.items()
        }
        brain = excite(self.scenario.excites(), self.scenario.activation, self.atlas, SEED)
        self._offers: dict[str, list[Offer]] = Pretraining(
            self.scenario, SEED, dataset, self.library, PoolRunner(settings, pool), Record(folder)
        ).offers(Selection.of(brain, networks, self.library))

    @functools.cached_property
    def problem(self) -> FusionProblem:
        """The problem without a prior."""
        search, training = self.scenario.search, self.scenario.training
        every = [offer for found in self._offers.values() for offer in found]
        problem = FusionProblem(
            code=FusionCode(
                {name: candidates(found, self._classes) for name, found in self._offers.items()},
                search.depth,
                search.operators,
            ),
            store=self.library.store,
            banks={offer.model.id: offer.banks for offer in every},
            targets=self._targets,
            classes=self._classes,
            candidate=CandidateRecipe(search.hidden, search.epochs),
            finalist=Recipe(training.epochs, training.batch_size, "adam", training.learning_rate),
            finalist_hidden=training.hidden,
            strategy=training.strategy,
            seed=SEED,
        )
        problem.measure()
        return problem

    def with_prior(self, kind: Prior, seed: int) -> FusionProblem:
        """Return the problem with a prior; the seed is that of ``shuffled`` connections."""
        how = self.scenario.activation.model_copy(update={"prior": kind})
        guide = excite(self.scenario.excites(), how, self.atlas, seed).guide
        prior = WiringPrior() if guide is None else PathwayPrior(guide, self._homes(guide))
        return replace(self.problem, code=replace(self.problem.code, prior=prior))

    def _homes(self, pathway: Pathway) -> dict[str, list[str]]:
        return {
            offer.model.id: [
                place for place in pathway.sub_regions if offer.spec.home_in([place]) is not None
            ]
            for found in self._offers.values()
            for offer in found
        }
