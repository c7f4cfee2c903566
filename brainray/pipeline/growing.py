"""A run that grows a network for its one input: the problem, and what becomes of its solution."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import torch
from torch import Tensor

from brainray.catalog.cards import NetworkCard
from brainray.catalog.library import Library
from brainray.catalog.values import Model, NewModel, recipe_of
from brainray.catalog.weights import StoredWeights, store_weights
from brainray.datasets.dataset import Dataset
from brainray.errors import CatalogError, ScenarioError
from brainray.fusion.bank import load_bank
from brainray.fusion.evidence import answers_alone, log_prior
from brainray.fusion.gate import Decision, decide
from brainray.networks.declared import ONNX
from brainray.networks.interface import NetworkSpec, build_preparation, tap_names
from brainray.pipeline.answers import ANSWERS_FILE, write_answers
from brainray.pipeline.candidates import Offer, Pretraining
from brainray.pipeline.evaluation import Truth, best_alone, evaluate
from brainray.pipeline.grown_code import GrownCode
from brainray.pipeline.grown_problem import GrownProblem
from brainray.pipeline.registration import Outcome
from brainray.pipeline.selection import Selection
from brainray.pipeline.units import BankUnit, PretrainUnit, bank
from brainray.pipeline.versions import platform
from brainray.scenario import Scenario
from brainray.scenario.report import Candidate, Fused, Grown, GrownLayer
from brainray.search.interface import Solution
from brainray.search.schedule import Schedule
from brainray.training.metrics import accuracy_of


def grown_problem(
    scenario: Scenario, pretraining: Pretraining, selection: Selection
) -> GrownProblem:
    """Return the problem of a run that grows a network.

    The network is grown where the pathway excites most of what suits the input: it has the home
    and the preparation of a network that lives there, the first by name.

    Args:
        scenario: with one input.
        pretraining: of the run.
        selection: of the run.

    Raises:
        ScenarioError: no network of the input has a preparation that makes maps.
        SearchError: no filter or stride fits into the input.
    """
    ((name, specs),) = selection.networks.items()
    shapes = {
        spec.name: build_preparation(spec.preparation).shape
        for spec in specs
        if spec.architecture != ONNX
    }
    hosts = [spec for spec in specs if len(shapes.get(spec.name, ())) == 3]
    if not hosts:
        raise ScenarioError(
            f"grow.enabled: none of the networks of {name} has a preparation of maps (channels, "
            f"height, width): {', '.join(spec.name for spec in specs) or 'there is none'}"
        )

    def rank(spec: NetworkSpec) -> int:
        places = list(selection.pathway.sub_regions)  # the strongest first
        return next((n for n, place in enumerate(places) if spec.home_in([place])), len(places))

    host, grow = min(hosts, key=rank), scenario.grow
    _, height, width = shapes[host.name]
    return GrownProblem(
        GrownCode((height, width), grow.depth, grow.filters, grow.kernels, grow.strides),
        tuple(pretraining.units(name, host, selection)),
        grow.epochs,
        grow.rows,
    )


@dataclass(frozen=True)
class Contest:
    """The grown network beside those there were, each as its bank has it.

    Attributes:
        library: with the banks.
        dataset: of the run.
        banks: keys by split, by model; the grown network's under ``grown``.
    """

    library: Library
    dataset: Dataset
    banks: Mapping[str, Mapping[str, str]]

    def answers(self, model: str, split: str) -> Tensor:
        """Return which class a model names for every row, int64 `(N,)`."""
        train_N = torch.from_numpy(self.dataset.target("train"))
        prior_C = log_prior(train_N, len(self.dataset.classes))
        return answers_alone(load_bank(self.library.store, self.banks[model][split]), prior_C)

    def validation(self, model: str) -> float:
        """Return a model's accuracy on the validation split, in [0, 1]."""
        target_N = torch.from_numpy(self.dataset.target("validation"))
        return accuracy_of(self.answers(model, "validation"), target_N)


def contest_of(
    pretraining: Pretraining,
    unit: PretrainUnit,
    weights: StoredWeights,
    offers: Mapping[str, list[Offer]],
) -> Contest:
    """Build the grown network's banks and put them beside those of the others.

    Args:
        pretraining: of the run.
        unit: that trained the grown network.
        weights: of it.
        offers: the pretrained models of each input.
    """
    splits = ("validation", "test")
    units = [
        BankUnit(unit.columns[split], unit.spec, unit.classes, weights.key, weights.sha256)
        for split in splits
    ]
    keys = pretraining.runner.map(bank, units, lambda number, key: None)
    banks = {offer.model.id: offer.banks for found in offers.values() for offer in found}
    return Contest(
        pretraining.library,
        pretraining.dataset,
        banks | {"grown": dict(zip(splits, keys, strict=True))},
    )


def settled(library: Library, selection: Selection, unit: PretrainUnit) -> PretrainUnit:
    """Return a training whose network is in the catalog: it is added unless it is there.

    One that another run has grown elsewhere lives where it does.
    """
    spec = unit.spec
    try:
        known = library.network(spec.name)
    except CatalogError:
        known = library.add_network(
            NetworkCard(
                name=spec.name,
                architecture=spec.architecture,
                category=spec.category,
                modality=spec.modality,
                preparation=spec.preparation,
                sub_regions=spec.sub_regions,
                functions=spec.functions,
            )
        )
    return replace(unit, spec=known, sub_region=selection.home(known))


def register_grown(
    pretraining: Pretraining,
    unit: PretrainUnit,
    solution: Solution,
    weights: StoredWeights,
    metrics: Mapping[str, float],
    gate: Decision,
) -> Model:
    """Make the grown network known as a pretrained model of its region.

    It gets the scenario's name only if the gate lets it through; else it is kept as
    ``<name>.rejected``, for comparison.
    """
    scenario, dataset = pretraining.scenario, pretraining.dataset
    name = scenario.name if gate.chosen == "grown" else f"{scenario.name}.rejected"
    return pretraining.library.register(
        NewModel(
            name=name,
            kind="unimodal",
            network=unit.spec.name,
            sub_region=unit.sub_region,
            modality=unit.spec.modality,
            data_set=dataset.sha256,
            optimizer=unit.recipe.optimizer,
            platform=platform(),
            preparation=unit.spec.preparation,
            recipe=recipe_of({"name": name, "pretraining": unit.model_recipe}),
            weights=weights,
            metrics=metrics,
            spec={
                "classes": unit.classes,
                "labels": list(dataset.classes),
                "input": unit.columns["train"].column,
                "genome": list(solution.genome),
                "learning": unit.learned,
            },
            run_id=pretraining.record.folder.name,
        )
    )


def grown_outcome(
    pretraining: Pretraining,
    selection: Selection,
    offers: Mapping[str, list[Offer]],
    problem: GrownProblem,
    schedule: Schedule,
    solution: Solution,
) -> Outcome:
    """Ask the grown network about the test split, let the gate say, and register it.

    Args:
        pretraining: of the run.
        selection: of the run.
        offers: the networks that there were, of the one input.
        problem: that was searched.
        schedule: of the search.
        solution: of the problem.
    """
    library, dataset = pretraining.library, pretraining.dataset
    unit = settled(library, selection, problem.winner(solution))
    weights = store_weights(library.store, unit.sub_region, solution.weights)
    contest = contest_of(pretraining, unit, weights, offers)
    models = {name: [offer.model.id for offer in found] for name, found in offers.items()}
    unimodal = best_alone(contest.validation, models)
    ((name, rival),) = unimodal.items()
    answers = {
        "grown": contest.answers("grown", "test").numpy(),
        f"unimodal/{name}": contest.answers(rival.model, "test").numpy(),
    }
    write_answers(dataset, answers, pretraining.record.folder / ANSWERS_FILE)
    evaluation = evaluate(answers, Truth.of(dataset), pretraining.seed)
    gate = decide(contest.validation("grown"), rival.validation, "grown")
    model = register_grown(
        pretraining,
        unit,
        solution,
        weights,
        {"validation": contest.validation("grown"), "test": evaluation.accuracies["grown"].test},
        gate,
    )
    layers = problem.code.decode(solution.genome)
    return Outcome(
        returned=model if gate.chosen == "grown" else library.model(rival.model),
        history=grown_history(problem, name, schedule),
        unimodal=unimodal,
        evaluation=evaluation,
        gate=gate,
        diagnostics=schedule.diagnostics,
        effort=solution.effort,
        best=Fused(
            genome=list(solution.genome),
            models={name: model.id},
            taps=[],
            operators=[],
            depth=len(layers),
            validation=model.metrics["validation"],
            **dict(evaluation.accuracies["grown"]),
            network_taps={name: list(tap_names(unit.spec, unit.classes))},
        ),
        grown=Grown(
            network=model.network,
            architecture=unit.spec.architecture,
            layers=[GrownLayer(**asdict(layer)) for layer in layers],
            sub_region=model.sub_region,
            optimizer=model.optimizer,
            parameters=model.parameters,
        ),
    )


def grown_history(problem: GrownProblem, name: str, schedule: Schedule) -> list[Candidate]:
    """Return every candidate of a search, as a report holds them.

    Args:
        problem: that was searched.
        name: of the input.
        schedule: of the search.
    """
    return [
        Candidate(
            genome=list(genome),
            models={name: problem.spec(genome).architecture},
            value=None if math.isnan(value) else value,
        )
        for genome, value in schedule.history
    ]
