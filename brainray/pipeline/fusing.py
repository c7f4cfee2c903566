"""The problem that a run's search solves: which pretrained networks are fused, and where."""

from collections.abc import Mapping
from dataclasses import fields

import torch

from brainray.catalog.store import Store
from brainray.datasets.dataset import SPLITS, Dataset
from brainray.fusion.genome import FusionCode
from brainray.fusion.population import CandidateRecipe
from brainray.fusion.problem import FusionProblem
from brainray.pipeline.candidates import Offer, candidates
from brainray.pipeline.fine_tuning import FineTuningProblem, Source
from brainray.pipeline.selection import Selection
from brainray.scenario import Scenario
from brainray.training.loop import Optimizer, Recipe

FINALIST_OPTIMIZER: Optimizer = "adam"


def fusion_problem(
    scenario: Scenario,
    seed: int,
    dataset: Dataset,
    offers: Mapping[str, list[Offer]],
    selection: Selection,
    store: Store,
) -> FusionProblem:
    """Return the problem of a run.

    Args:
        scenario: what is wanted.
        seed: of the run.
        dataset: with the targets.
        offers: the pretrained models of each input.
        selection: that they come from; it has what the search is told of the brain.
        store: where their feature banks are.
    """
    search, training = scenario.search, scenario.training
    classes = len(dataset.classes)
    every = [offer for found in offers.values() for offer in found]
    problem = FusionProblem(
        code=FusionCode(
            {name: candidates(found, classes) for name, found in offers.items()},
            search.depth,
            search.operators,
            search.representation,
            search.feedback,
            selection.prior({offer.model.id: offer.spec.name for offer in every}),
        ),
        store=store,
        banks={offer.model.id: offer.banks for offer in every},
        targets={split: torch.from_numpy(dataset.target(split)) for split in SPLITS},
        classes=classes,
        candidate=CandidateRecipe(search.hidden, search.epochs, halving=search.halving),
        finalist=Recipe(
            training.epochs, training.batch_size, FINALIST_OPTIMIZER, training.learning_rate
        ),
        finalist_hidden=training.hidden,
        strategy=training.strategy,
        strategy_options=training.options,
        seed=seed,
        keep=training.keep,
    )
    if training.fine_tuning_epochs == 0:
        return problem
    parts = {part.name: getattr(problem, part.name) for part in fields(problem)}
    return FineTuningProblem(
        **parts,
        sources={
            offer.model.id: Source(offer.spec, offer.model.key, offer.columns, offer.graph)
            for offer in every
        },
        fine_tuning=Recipe(
            training.fine_tuning_epochs,
            scenario.pretraining.batch_size,
            FINALIST_OPTIMIZER,
            training.fine_tuning_rate,
        ),
    )
