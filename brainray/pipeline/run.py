"""The run of a scenario, step by step: data, pathway, candidates, search, training, gate, catalog.

Data flows one way. The record is written after every step, so that a run that was interrupted
goes on where it stopped: pretrained models and banks are found in catalog and store, broods in
the record.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from brainray.catalog.library import Library
from brainray.datasets.dataset import Dataset
from brainray.datasets.source import load_dataset
from brainray.fusion.gate import decide
from brainray.fusion.problem import FusionProblem
from brainray.pipeline.answers import ANSWERS_FILE, write_answers
from brainray.pipeline.candidates import Offer, Pretraining
from brainray.pipeline.checkpoints import StoredCheckpoints
from brainray.pipeline.evaluation import Truth, answers_of, best_alone, evaluate
from brainray.pipeline.excitation import Excitation, atlas_of, excite
from brainray.pipeline.execution import Clock, Execution, MakeRunner, new_run_id, placed
from brainray.pipeline.explaining import atlas_if_there, explain
from brainray.pipeline.fusing import FINALIST_OPTIMIZER, fusion_problem
from brainray.pipeline.growing import grown_outcome, grown_problem
from brainray.pipeline.grown_problem import GrownProblem
from brainray.pipeline.news import TrainingNews
from brainray.pipeline.publication import publish
from brainray.pipeline.record import Event, Listener, Record
from brainray.pipeline.registration import (
    Outcome,
    fused_part,
    history_of,
    register_fused,
    reheaded_part,
    report_of,
)
from brainray.pipeline.resuming import check_resumable, known_to
from brainray.pipeline.runner import Group
from brainray.pipeline.selection import Selection, chosen, pinned
from brainray.pipeline.versions import platform, versions
from brainray.scenario import AnyReport, AnyScenario, Report, Scenario
from brainray.scenario.tasks import task_of
from brainray.search.interface import Problem, Solution
from brainray.search.schedule import Schedule
from brainray.settings import Settings
from brainray.training.checkpoint import Checkpoints


def run_scenario(
    scenario: AnyScenario,
    seed: int,
    settings: Settings,
    make_runner: MakeRunner,
    listener: Listener = lambda event: None,
    run_id: str | None = None,
    other_versions: bool = False,
) -> AnyReport:
    """Run a scenario, or go on with an interrupted run of it.

    Tasks other than classification run as their plug-in of ``brainray.problems`` does.

    Args:
        scenario: what is wanted.
        seed: of all that is random.
        settings: where catalog, store, data, cache and records are.
        make_runner: starts the runner.
        listener: told of all that happens.
        run_id: of the interrupted run; None starts a new one.
        other_versions: whether it may go on with other versions of packages than it was recorded
            with, which may change its result.

    Raises:
        BrainrayError: naming what is wrong; data are checked before anything is written.
    """
    listener({"event": "progress", "stage": "data", "done": 0, "total": 1})
    if not isinstance(scenario, Scenario):
        rest = (seed, settings, make_runner, listener, run_id, other_versions)
        done: AnyReport = task_of(scenario.goal.task).run(scenario, *rest)
        return done
    modalities = {name: part.modality for name, part in scenario.inputs.items()}
    with placed(settings.cache):
        dataset, source = load_dataset(
            scenario.data, modalities, scenario.goal.target, seed, settings
        )
    library = Library.open(settings) if run_id is None else known_to(settings, run_id)
    # An unknown function, ROI, atlas or model is said before the run leaves a trace.
    scenario = pinned(scenario, library)
    if run_id is None:
        how = scenario.activation
        excite(scenario.excites(), how, atlas_of(library, how.atlas), seed)
    record = Record(settings.runs / (run_id or new_run_id(scenario)), listener)
    with record.locked(), make_runner(settings, record.folder) as runner:
        if run_id is not None:
            record.cut_unfinished_line()
            check_resumable(record, dataset.sha256, other_versions)
        report = Run(scenario, seed, runner, library, record).execute(dataset, source)
    with placed(record.folder):
        publish(report, record.folder, atlas_if_there(library, str(report.pathway.atlas)))
    return report


class Run(Execution[Scenario]):
    """One execution of a scenario with the task of classification."""

    def execute(self, dataset: Dataset, source: str) -> Report:
        """Run all steps; see `recorded`.

        Args:
            dataset: what `load_dataset` made of the scenario's data.
            source: where it came from.
        """
        part = self.scenario
        workers = (part.pretraining.workers, part.search.workers, self._group.needed)
        return self.recorded(lambda done: self._steps(dataset, source, done), *workers)

    @property
    def _group(self) -> Group:
        """The workers of the training."""
        return Group(self.scenario.training.workers, self.scenario.training.min_workers)

    def _steps(self, dataset: Dataset, source: str, done: list[Event]) -> Report:
        clock = Clock()
        self.library.add_data_set(dataset, source)
        self.library.add_platform(platform(), "safetensors")
        for optimizer in (*self.scenario.pretraining.optimizers, FINALIST_OPTIMIZER):
            self.library.add_optimizer(optimizer)
        data = {
            "name": dataset.name,
            "source": source,
            "sha256": dataset.sha256,
            "rows": dict(dataset.row_counts),
            "sources": dataset.sources,
        }
        self.record.append("data", **data)
        with clock("activation"):
            selection = self._select(done)
            self.record.append("pathway", **selection.to_json())
        pretraining = Pretraining(
            self.scenario, self.seed, dataset, self.library, self.runner, self.record
        )
        growing = None
        if self.scenario.grow.enabled:  # what cannot be grown is said before anything is trained
            growing = grown_problem(self.scenario, pretraining, selection)
        with clock("pretraining"):
            offers = pretraining.offers(selection)
            self._adopt(offers)
        problem = growing or fusion_problem(
            self.scenario, self.seed, dataset, offers, selection, self.library.store
        )
        checkpoints = StoredCheckpoints(self.library.store, self.run_id)
        every = self.scenario.training.checkpoint_seconds
        if isinstance(problem, FusionProblem) and every is not None:
            problem = replace(problem, checkpoints=Checkpoints(checkpoints, every))
        with clock("search"):
            schedule = self.searched(problem, done)
        with clock("training"):
            solution = self._finish(problem, schedule)
        with clock("evaluation"):
            if isinstance(problem, GrownProblem):
                outcome = grown_outcome(pretraining, selection, offers, problem, schedule, solution)
            else:
                outcome = self._fused(dataset, offers, problem, schedule, solution)
            self.record.append("registered", model=outcome.returned.id)
        report = report_of(
            run_id=self.run_id,
            scenario=self.scenario,
            seed=self.seed,
            versions=versions(),
            data=data,
            activation=selection.excitation.activation,
            explanation=explain(
                self.library,
                self.scenario,
                selection,
                outcome.best.models,
                outcome.history,
            ),
            outcome=outcome,
            learning={
                offer.model.id: offer.model.learning or "supervised"
                for found in offers.values()
                for offer in found
            },
            seconds=clock.seconds,
        )
        self.record.append("finished", report=report.model_dump(mode="json"))
        checkpoints.remove_all()
        self.library.finish_run(
            self.run_id,
            "finished",
            report.model.id,
            {
                "chosen": report.gate.chosen,
                "validation": report.best.validation,
                "test": report.best.test,
            },
        )
        return report

    def _fused(
        self,
        dataset: Dataset,
        offers: Mapping[str, list[Offer]],
        problem: FusionProblem,
        schedule: Schedule,
        solution: Solution,
    ) -> Outcome:
        """Ask the networks about the test split, let the gate say, and register the fused one."""
        models = {name: [o.model.id for o in found] for name, found in offers.items()}
        unimodal = best_alone(partial(problem.unimodal, split="validation"), models)
        answers = answers_of(problem, solution, unimodal)
        write_answers(dataset, answers, self.record.folder / ANSWERS_FILE)
        evaluation = evaluate(answers, Truth.of(dataset), self.seed)
        winner = max(unimodal.values(), key=lambda alone: alone.validation)
        gate = decide(solution.value, winner.validation)
        fused = register_fused(
            self.library,
            self.scenario,
            self.seed,
            self.run_id,
            problem,
            solution,
            dataset,
            evaluation.accuracies["fused"].test,
            gate,
        )
        return Outcome(
            returned=fused if gate.chosen == "fused" else self.library.model(winner.model),
            history=history_of(problem, schedule),
            best=fused_part(problem, solution, evaluation),
            unimodal=unimodal,
            evaluation=evaluation,
            gate=gate,
            diagnostics=schedule.diagnostics,
            effort=solution.effort,
            reheaded=reheaded_part(solution, evaluation),
        )

    def _select(self, done: list[Event]) -> Selection:
        """Return what the inputs choose among; a run that goes on keeps what it has recorded."""
        for event in reversed(done):
            if event["event"] == "pathway":
                return Selection.recorded(event, self.library)
        functions, how = self.scenario.excites(), self.scenario.activation
        modalities = {name: part.modality for name, part in self.scenario.inputs.items()}
        excitation: Excitation = self.runner.coordinate("activate", functions, how, self.seed)
        # Regions that have nothing for an input need not be started for it.
        inhabited = {
            name: tuple(p for p in reached if self.library.networks([p], modalities[name]))
            or reached
            for name, reached in excitation.activation.inputs.items()
        }
        offered = self.runner.coordinate("candidates", inhabited, modalities)
        return Selection.of(excitation, chosen(self.scenario, offered), self.library)

    def _adopt(self, offers: Mapping[str, list[Offer]]) -> None:
        """Have the regions load what they now own."""
        models: dict[str, list[str]] = {}
        for offer in (offer for found in offers.values() for offer in found):
            region = offer.model.sub_region.partition(".")[0]
            models.setdefault(region, []).append(offer.model.id)
        self.runner.coordinate("adopt", models)

    def _finish(self, problem: Problem, schedule: Schedule) -> Solution:
        genomes = schedule.best(self.scenario.search.finalists)
        trainings = problem.trainings(len(genomes)) if isinstance(problem, FusionProblem) else 1
        self.record.progress("train", 0, trainings)
        news = TrainingNews(self.record, trainings)
        solution = self.runner.finish(problem, genomes, self._group, news)
        self.record.append(
            "solution",
            genome=list(solution.genome),
            validation=solution.value,
            details=solution.details,
        )
        return solution
