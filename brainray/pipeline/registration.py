"""The end of a run: the fused network into the catalog, and the report."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from brainray.atlas.interface import Activation
from brainray.catalog.library import Library
from brainray.catalog.values import Model, NewModel, recipe_of
from brainray.catalog.weights import store_weights
from brainray.datasets.dataset import Dataset
from brainray.fusion.gate import Decision
from brainray.fusion.problem import FusionProblem
from brainray.pipeline.evaluation import Alone, Evaluation
from brainray.pipeline.explaining import pathway_part
from brainray.pipeline.fine_tuning import fused_weights
from brainray.pipeline.versions import platform, recipe_versions
from brainray.scenario import Report, Scenario
from brainray.scenario.brain import Explanation
from brainray.scenario.report import (
    Candidate,
    Fused,
    Gate,
    Grown,
    Reheaded,
    SearchPart,
    StoredModel,
    TrainingPart,
    Unimodal,
)
from brainray.search.interface import Solution
from brainray.search.schedule import Schedule
from brainray.training.exchange import Effort

FUSED_SUB_REGION = "multisensory.integration"
"""Where networks that join several inputs live."""


def register_fused(
    library: Library,
    scenario: Scenario,
    seed: int,
    run_id: str,
    problem: FusionProblem,
    solution: Solution,
    dataset: Dataset,
    test: float,
    gate: Decision,
) -> Model:
    """Store the best fused network, with its accuracy on the test split, and make it known.

    It gets the scenario's name only if the gate lets it through; else it is kept as
    ``<name>.rejected``, for comparison.
    """
    name = scenario.name if gate.chosen == "fused" else f"{scenario.name}.rejected"
    home = library.current_name(FUSED_SUB_REGION)
    wiring = problem.code.decode(solution.genome)
    backbones = {name: library.model(model) for name, model in wiring.models.items()}
    new = NewModel(
        name=name,
        kind="fused",
        network=None,
        sub_region=home,
        modality="+".join(sorted({model.modality for model in backbones.values()})),
        data_set=dataset.sha256,
        optimizer=problem.finalist.optimizer,
        platform=platform(),
        preparation={name: model.preparation for name, model in backbones.items()},
        recipe=recipe_of(
            {
                "name": name,
                "genome": list(solution.genome),
                "wiring": wiring.to_json(),
                "backbones": [model.recipe for model in backbones.values()],
                "candidate": vars(problem.candidate),
                "finalist": vars(problem.finalist)
                | {"hidden": problem.finalist_hidden, "keep": problem.keep},
                # With fine-tuning the number of workers may change the last digits.
                "fine_tuning": scenario.training.fine_tuning_epochs
                and [
                    scenario.training.fine_tuning_epochs,
                    scenario.training.fine_tuning_rate,
                    scenario.training.workers,
                ],
                "strategy": problem.strategy,
                # Other strategies train otherwise with another number of workers.
                **(
                    {
                        "strategy_options": dict(problem.strategy_options),
                        "workers": scenario.training.workers,
                    }
                    if problem.strategy != "all_reduce"
                    else {}
                ),
                # Left out where it is off, as it was before there was one.
                **(
                    {"augmentation": scenario.training.augmentation}
                    if scenario.training.augmentation > 0
                    else {}
                ),
                "data": dataset.sha256,
                "seed": seed,
                "versions": recipe_versions(),
            }
        ),
        weights=store_weights(library.store, home, fused_weights(problem, solution)),
        metrics={"validation": solution.value, "test": test},
        spec={
            "genome": list(solution.genome),
            "wiring": wiring.to_json(),
            "temperatures": problem.temperatures(wiring),
            "labels": list(dataset.classes),
            "modalities": dict(dataset.modalities),
        },
        backbones=tuple(model.id for model in backbones.values()),
        run_id=run_id,
        functions=(scenario.goal.task,),
    )
    return library.register(new)


@dataclass(frozen=True)
class Outcome:
    """How a run ends.

    Attributes:
        returned: the model that the gate chose.
        history: every candidate of the search.
        best: the best fused or grown network.
        unimodal: the best of the networks that there were, by input.
        evaluation: of all of them on the test split.
        gate: what it said.
        diagnostics: of the searcher.
        effort: of the first worker's training; empty if it is not known.
        reheaded: the winner's networks of one input alone.
        grown: the layers, if a network was grown.
    """

    returned: Model
    history: list[Candidate]
    best: Fused
    unimodal: Mapping[str, Alone]
    evaluation: Evaluation
    gate: Decision
    diagnostics: Mapping[str, float]
    effort: Mapping[str, Any]
    reheaded: Mapping[str, Reheaded] = field(default_factory=dict)
    grown: Grown | None = None


def report_of(
    *,
    run_id: str,
    scenario: Scenario,
    seed: int,
    versions: Mapping[str, str],
    data: Mapping[str, Any],
    activation: Activation,
    explanation: Mapping[str, Explanation],
    outcome: Outcome,
    learning: Mapping[str, str],
    seconds: Mapping[str, float],
) -> Report:
    """Put together what a run reports; ``learning`` says how each pretrained model has learned."""
    how, history = scenario.activation, outcome.history
    evaluation, model = outcome.evaluation, outcome.returned
    return Report(
        run_id=run_id,
        scenario=scenario.name,
        seed=seed,
        versions=dict(versions),
        data=dict(data),
        pathway=pathway_part(
            activation, {} if how.rois else scenario.excites(), how.atlas, how.prior
        ),
        search=SearchPart(
            algorithm=scenario.search.algorithm,
            mode=scenario.search.mode,
            evaluated=len(history),
            failed=sum(candidate.value is None for candidate in history),
            seconds=seconds["search"],
            history=history,
            diagnostics=dict(outcome.diagnostics),
        ),
        training=TrainingPart(
            strategy=scenario.training.strategy,
            workers=scenario.training.workers,
            seconds=seconds["training"],
            options=dict(scenario.training.options),
            **_effort(outcome.effort),
        ),
        best=outcome.best,
        unimodal={
            name: Unimodal(
                model=alone.model,
                validation=alone.validation,
                learning=learning[alone.model],
                **dict(evaluation.accuracies[f"unimodal/{name}"]),
            )
            for name, alone in outcome.unimodal.items()
        },
        reheaded=dict(outcome.reheaded),
        gate=Gate(chosen=outcome.gate.chosen, margin=outcome.gate.margin),
        model=StoredModel(
            id=model.id, version=model.version, parameters=model.parameters, path=model.key
        ),
        seconds=dict(seconds),
        units=evaluation.units,
        gain=evaluation.gain,
        robustness=evaluation.robustness,
        confusion=evaluation.confusion,
        strata=evaluation.strata,
        explanation=dict(explanation),
        grown=outcome.grown,
    )


def fused_part(problem: FusionProblem, solution: Solution, evaluation: Evaluation) -> Fused:
    """Return the fused network of a solution as a report holds it."""
    wiring = problem.code.decode(solution.genome)
    return Fused(
        genome=list(solution.genome),
        models=wiring.models,
        taps=[level.taps for level in wiring.levels],
        operators=[level.operator for level in wiring.levels],
        depth=len(wiring.levels),
        validation=solution.value,
        **dict(evaluation.accuracies["fused"]),
        network_taps={
            name: list(candidate.taps)
            for name, candidates in problem.code.candidates.items()
            for candidate in candidates
            if candidate.model == wiring.models[name]
        },
        representation=wiring.representation,
        feedback=wiring.feedback,
    )


def reheaded_part(solution: Solution, evaluation: Evaluation) -> dict[str, Reheaded]:
    """Return the re-headed networks of a solution as a report holds them."""
    return {
        name: Reheaded(validation=validation, **dict(evaluation.accuracies[f"reheaded/{name}"]))
        for name, validation in solution.details["reheaded"].items()
    }


def _effort(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what training cost the first worker, as a report holds it."""
    if not found:
        return {}
    effort = Effort(**found)
    return {
        "samples_per_second": round(effort.rows / max(effort.seconds, 1e-9), 1),
        "seconds_waited": round(effort.seconds_waited, 3),
        "bytes_sent": effort.bytes_sent,
    }


def history_of(problem: FusionProblem, schedule: Schedule) -> list[Candidate]:
    """Return every candidate of a search, as a report holds them."""
    return [
        Candidate(
            genome=list(genome),
            models=problem.code.decode(genome).models,
            value=None if math.isnan(value) else value,
        )
        for genome, value in schedule.history
    ]
