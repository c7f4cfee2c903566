"""What a search of tracking has chosen, and how that does where nothing was chosen on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from brainray.pipeline.tracking.loading import Part
from brainray.scenario.report import Candidate
from brainray.scenario.tracking_report import (
    Choice,
    Margin,
    Regret,
    SourceResult,
    TrackingScores,
)
from brainray.search.interface import Genome, Solution
from brainray.search.schedule import Schedule
from brainray.tracking.choices import Known
from brainray.tracking.problem import Followed, TrackingProblem, follow
from brainray.tracking.scores import Scores


@dataclass(frozen=True)
class Outcome:
    """How one search ends.

    Attributes:
        choice: as a report holds it.
        followed: tracks and scores of the chosen setting on the part that is reported on.
        history: all candidates.
        diagnostics: of the searcher.
    """

    choice: Choice
    followed: Followed
    history: list[Candidate]
    diagnostics: Mapping[str, float]


def outcome_of(
    part: Part,
    problem: TrackingProblem,
    schedule: Schedule,
    solution: Solution,
    home: str,
    known: Mapping[str, Known],
) -> Outcome:
    """Judge what a search has chosen, beside the best setting of each detector.

    Args:
        part: that was searched on, with the part that is reported on.
        problem: that was searched.
        schedule: of the search.
        solution: of the problem.
        home: the sub-region where detectors live.
        known: of the detectors.
    """
    values = {genome: value for genome, value in schedule.history if not math.isnan(value)}
    best: dict[str, Genome] = {}
    for genome, value in values.items():
        detector = problem.code.decode(genome).detector
        if detector not in best or value > values[best[detector]]:
            best[detector] = genome
    judged = {
        detector: follow(problem.code.decode(genome), part.reported)
        for detector, genome in best.items()
    }
    objective = problem.objective
    sources = {
        detector: SourceResult(
            code=known[detector].code,
            stage=known[detector].stage,
            genome=list(best[detector]),
            tuned=values[best[detector]],
            reported=objective.value(followed.together),
            scores=scores_part(followed.together),
        )
        for detector, followed in judged.items()
    }
    setting = problem.code.decode(solution.genome)
    defaults = [values[one] for one in problem.space.warm_start if one in values]
    margin = solution.value - max(defaults, default=-math.inf)
    others = {name: one for name, one in sources.items() if name != setting.detector}
    choice = Choice(
        sequences=[one.name for one in part.reported],
        genome=list(solution.genome),
        detector=setting.detector,
        code=known[setting.detector].code,
        sub_region=home,
        min_score=setting.min_score,
        tracker=setting.tracker,
        options=dict(setting.options),
        looks=setting.looks,
        tuned=solution.value,
        reported=sources[setting.detector].reported,
        milliseconds=round(judged[setting.detector].milliseconds, 3),
        gate=Margin(chosen="default", margin=0.0)
        if solution.genome in problem.space.warm_start or not defaults
        else Margin(chosen="searched", margin=margin),
        sources=dict(sorted(sources.items(), key=lambda pair: -pair[1].tuned)),
        regret=regret_of(sources),
        without=regret_of(others) if others else None,
    )
    history = [
        Candidate(
            genome=list(genome),
            models={part.name: problem.code.decode(genome).detector},
            value=None if math.isnan(value) else value,
        )
        for genome, value in schedule.history
    ]
    return Outcome(choice, judged[setting.detector], history, schedule.diagnostics)


def regret_of(sources: Mapping[str, SourceResult]) -> Regret:
    """Return what was lost by taking the detector that was best on the part for choosing.

    Args:
        sources: at least one.
    """
    chosen = max(sources, key=lambda name: sources[name].tuned)
    best = max(sources, key=lambda name: (sources[name].reported, name == chosen))
    taken = sources[chosen]
    return Regret(
        chosen=chosen,
        best=best,
        objective=sources[best].reported - taken.reported,
        idf1=max(one.scores.idf1 for one in sources.values()) - taken.scores.idf1,
        mota=max(one.scores.mota for one in sources.values()) - taken.scores.mota,
    )


def scores_part(scores: Scores) -> TrackingScores:
    """Return scores as a report holds them."""
    return TrackingScores.model_validate(scores.figures())
