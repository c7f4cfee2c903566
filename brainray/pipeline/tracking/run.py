"""The run of a scenario whose task is tracking: data, pathway, detectors, searches, report."""

from collections.abc import Sequence
from typing import Any

from brainray.catalog.library import Library
from brainray.errors import ScenarioError
from brainray.files import write_atomically
from brainray.pipeline.excitation import Excitation, atlas_of, excite, observed
from brainray.pipeline.execution import Clock, Execution, MakeRunner, new_run_id, placed
from brainray.pipeline.explaining import atlas_if_there, pathway_part
from brainray.pipeline.record import Event, Listener, Record
from brainray.pipeline.resuming import check_resumable, known_to
from brainray.pipeline.tracking.camera import check_camera, with_motions
from brainray.pipeline.tracking.detecting import check_detectors, with_detections
from brainray.pipeline.tracking.loading import Part, load_sequences, parts_of, sequences_of
from brainray.pipeline.tracking.looking import check_appearance, with_looks
from brainray.pipeline.tracking.outcome import Outcome, outcome_of, scores_part
from brainray.pipeline.tracking.publication import draw_tracks, publish_tracking
from brainray.pipeline.versions import versions
from brainray.scenario import TrackingReport, TrackingScenario
from brainray.scenario.report import SearchPart
from brainray.settings import Settings
from brainray.tracking.choices import MIN_SCORES, TRACKERS, TrackingCode, known_of
from brainray.tracking.problem import Costs, Objective, TrackingProblem
from brainray.tracking.reading import as_parquet
from brainray.tracking.scores import overall
from brainray.tracking.sequences import LabelledSequence, sha256_of_sequences

REGION = "vision"
"""Where detectors live."""
TRACKS_FILE = "tracks.parquet"


def run_tracking(
    scenario: TrackingScenario,
    seed: int,
    settings: Settings,
    make_runner: MakeRunner,
    listener: Listener = lambda event: None,
    run_id: str | None = None,
    other_versions: bool = False,
) -> TrackingReport:
    """Run a scenario, or go on with an interrupted run of it.

    Args:
        scenario: what is wanted.
        seed: of all that is random.
        settings: where catalog, data and records are.
        make_runner: starts the runner.
        listener: told of all that happens.
        run_id: of the interrupted run; None starts a new one.
        other_versions: see `brainray.pipeline.run.run_scenario`.

    Raises:
        BrainrayError: naming what is wrong; data are checked before anything is written.
    """
    sequences, source = load_sequences(scenario, settings)
    check_detectors(scenario, sequences)
    check_appearance(scenario, sequences, settings)
    check_camera(scenario, sequences)
    if not scenario.detectors:  # what cannot be searched is said before the run leaves a trace
        for part in parts_of(scenario, sequences)[0]:
            code_of(scenario, part)
    library = Library.open(settings) if run_id is None else known_to(settings, run_id)
    scenario = observed(scenario, library)
    if run_id is None:
        how = scenario.activation
        home_of(excite(scenario.excites(), how, atlas_of(library, how.atlas), seed), scenario)
    sha256 = sha256_of_sequences(sequences)
    record = Record(settings.runs / (run_id or new_run_id(scenario)), listener)
    with record.locked(), make_runner(settings, record.folder) as runner:
        if run_id is not None:
            record.cut_unfinished_line()
            check_resumable(record, sha256, other_versions)
        run = TrackingRun(scenario, seed, runner, library, record)
        report = run.execute(sequences, source, sha256)
    with placed(record.folder):
        publish_tracking(report, record.folder, atlas_if_there(library, str(report.pathway.atlas)))
    return report


class TrackingRun(Execution[TrackingScenario]):
    """One execution of a scenario whose task is tracking."""

    def execute(
        self, sequences: Sequence[LabelledSequence], source: str, sha256: str
    ) -> TrackingReport:
        """Run all steps; see `recorded`.

        Args:
            sequences: what `load_sequences` made of the scenario's data.
            source: where they came from.
            sha256: of them.
        """
        return self.recorded(
            lambda done: self._steps(sequences, source, sha256, done),
            None,
            self.scenario.search.workers,
            1,
        )

    def _steps(
        self, sequences: Sequence[LabelledSequence], source: str, sha256: str, done: list[Event]
    ) -> TrackingReport:
        clock, scenario = Clock(), self.scenario
        with clock("activation"):
            excitation = self._excite(done)
            home = home_of(excitation, scenario)
        with clock("detection"):
            looked, detection = with_detections(scenario, sequences, self.runner, self.record, done)
        with clock("appearance"):
            settings = self.library.settings
            looked, looks = with_looks(scenario, looked, self.runner, self.record, done, settings)
        with clock("camera"):
            looked, camera = with_motions(scenario, looked, self.runner, self.record, done)
        parts, notes = parts_of(scenario, looked)
        data = self._note_data(parts, source, sha256)
        known = known_of(
            list(dict.fromkeys(name for one in looked for name in one.boxes)),
            {name: live.kind for name, live in scenario.detectors.items()},
        )
        codes = {name: one.code for name, one in known.items()}
        pathway = excitation.to_json() | {"networks": {}, "detectors": codes}
        self.record.append("pathway", **pathway)
        outcomes = []
        self.record.progress("search", 0, scenario.search.budget * len(parts))
        for part in parts:
            problem = TrackingProblem(
                code_of(scenario, part),
                part.tuned,
                Objective(scenario.goal.objective),
                scenario.goal.most_milliseconds,
                Costs(detection=detection, looks=looks, camera=camera),
            )
            with clock(f"search {part.name}"):
                schedule = self.searched(problem, done, part.name)
            with clock(f"evaluation {part.name}"):
                problem.check_quick(schedule.history)
                solution = problem.finish(schedule.best(1))
                outcome = outcome_of(part, problem, schedule, solution, home, known)
            self.record.append(
                "solution",
                genome=list(solution.genome),
                validation=solution.value,
                details={"detector": outcome.choice.detector, "tracker": outcome.choice.tracker},
                part=part.name,
            )
            outcomes.append(outcome)
        tracks = {name: rows for one in outcomes for name, rows in one.followed.tracks.items()}
        write_atomically(self.record.folder / TRACKS_FILE, as_parquet(tracks))
        with clock("pictures"):
            reported = [one for part in parts for one in part.reported]
            notes += draw_tracks(reported, tracks, self.record.folder)
        report = self._report(excitation, data, parts, outcomes, notes, clock)
        self.record.append("finished", report=report.model_dump(mode="json"))
        scores = overall([one for outcome in outcomes for one in outcome.followed.scores.values()])
        summary: dict[str, Any] = {
            "chosen": ", ".join(dict.fromkeys(o.choice.detector for o in outcomes))
        }
        if scenario.goal.is_share:  # lists of runs show it in percent
            summary["test"] = Objective(scenario.goal.objective).value(scores)
        self.library.finish_run(self.run_id, "finished", None, summary)
        return report

    def _excite(self, done: list[Event]) -> Excitation:
        """Return what the video excites; a run that goes on keeps what it has recorded."""
        for event in reversed(done):
            if event["event"] == "pathway":
                return Excitation.from_json(event)
        functions, how = self.scenario.excites(), self.scenario.activation
        found: Excitation = self.runner.coordinate("activate", functions, how, self.seed)
        return found

    def _note_data(self, parts: Sequence[Part], source: str, sha256: str) -> dict[str, Any]:
        tuned = [one for part in parts for one in part.tuned]
        reported = [one for part in parts for one in part.reported]
        data: dict[str, Any] = {
            "name": ", ".join(one.name for one in sequences_of(tuned, reported)),
            "source": source,
            "sha256": sha256,
            "rows": {
                "frames to choose on": sum(one.count for one in tuned),
                "frames to report on": sum(one.count for one in reported),
            },
        }
        self.record.append("data", **data)
        return data | {
            "tuned": {one.name: [one.first, one.last] for one in tuned},
            "reported": {one.name: [one.first, one.last] for one in reported},
        }

    def _report(
        self,
        excitation: Excitation,
        data: dict[str, Any],
        parts: Sequence[Part],
        outcomes: Sequence[Outcome],
        notes: Sequence[str],
        clock: Clock,
    ) -> TrackingReport:
        scenario, how = self.scenario, self.scenario.activation
        history = [candidate for outcome in outcomes for candidate in outcome.history]
        scores = {name: found for one in outcomes for name, found in one.followed.scores.items()}
        diagnostics = {
            f"{part.name} {name}": value
            for part, outcome in zip(parts, outcomes, strict=True)
            for name, value in outcome.diagnostics.items()
        }
        return TrackingReport(
            run_id=self.run_id,
            scenario=scenario.name,
            seed=self.seed,
            versions=versions(),
            data=data,
            pathway=pathway_part(
                excitation.activation,
                {} if how.rois else scenario.excites(),
                how.atlas,
                how.prior,
            ),
            objective=dict(scenario.goal.objective),
            search=SearchPart(
                algorithm=scenario.search.algorithm,
                evaluated=len(history),
                failed=sum(candidate.value is None for candidate in history),
                seconds=round(
                    sum(s for step, s in clock.seconds.items() if step.startswith("search ")), 3
                ),
                history=history,
                diagnostics=diagnostics,
            ),
            choices={
                part.name: outcome.choice for part, outcome in zip(parts, outcomes, strict=True)
            },
            results={name: scores_part(found) for name, found in scores.items()},
            overall=scores_part(overall(list(scores.values()))),
            notes=list(notes),
            seconds=dict(clock.seconds),
        )


def home_of(excitation: Excitation, scenario: TrackingScenario) -> str:
    """Return the sub-region where detectors live: the strongest active one of vision.

    Raises:
        ScenarioError: none of vision is active.
    """
    for name in excitation.pathway.sub_regions:  # the strongest first
        if name.partition(".")[0] == REGION:
            return name
    (name,) = scenario.inputs
    raise ScenarioError(
        f"inputs.{name}.functions: they activate {', '.join(excitation.pathway.sub_regions)}; "
        f"detectors live in {REGION}, name a function of it"
    )


def code_of(scenario: TrackingScenario, part: Part) -> TrackingCode:
    """Return what a genome means in one search.

    Raises:
        ScenarioError: a tracker has no such option or value.
    """
    search = scenario.search
    return TrackingCode(
        part.detectors,
        search.min_scores or MIN_SCORES,
        search.trackers or TRACKERS,
        scenario.data.appearance is not None,
    )
