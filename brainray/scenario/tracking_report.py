"""What a run of tracking says at its end."""

from typing import Any, Literal

from pydantic import Field

from brainray.scenario.brain import PathwayPart
from brainray.scenario.parts import Part
from brainray.scenario.report import SearchPart


class TrackingScores(Part):
    """The scores of tracks, as `brainray.tracking.scores` explains them.

    ``motp_distance`` is 1 - IoU of matched boxes (what the paper's tables show, lower is better),
    ``motp_overlap`` their IoU.
    """

    idf1: float
    switches: int
    mota: float
    motp_distance: float
    motp_overlap: float
    hota: float


class SourceResult(Part):
    """The best setting that the search has seen of one detector.

    Attributes:
        code: of the detector: 001 to 004 as in the paper's Table 2, others by ourselves.
        stage: of the detector, None where it is not known.
        genome: the code of the setting.
        tuned: its objective on the part for choosing.
        reported: its objective on the part that is reported on.
        scores: on the part that is reported on.
    """

    code: str
    stage: Literal["one-stage", "two-stage"] | None = None
    genome: list[int]
    tuned: float
    reported: float
    scores: TrackingScores


class Regret(Part):
    """What was lost by choosing before one could know.

    Attributes:
        chosen: the detector that was best on the part for choosing.
        best: the detector that was best on the part that is reported on, after the fact.
        objective: how much more the best one has there; 0 if it was chosen.
        idf1: the most that a detector has there, minus what the chosen one has.
        mota: the same.
    """

    chosen: str
    best: str
    objective: float
    idf1: float
    mota: float


class Margin(Part):
    """Whether the search found something better than the detectors as they come.

    Attributes:
        chosen: ``searched``, or ``default`` where a detector with the first of all values is best.
        margin: the objective's lead on the part for choosing; 0 with ``default``.
    """

    chosen: Literal["searched", "default"]
    margin: float


class Choice(Part):
    """What one search has chosen.

    Attributes:
        sequences: that it is for.
        genome: its code.
        detector: whose boxes are followed.
        code: of the detector; see `SourceResult`.
        sub_region: where detectors live: the strongest sub-region of vision that is active.
        min_score: boxes of lower scores do not count.
        tracker: that follows them.
        options: of the tracker.
        looks: whether it sees how boxes look (``data.appearance``).
        tuned: the objective on the part for choosing.
        reported: the objective on the part that is reported on.
        milliseconds: CPU time of association, a frame.
        gate: against the detectors as they come.
        sources: what each detector has reached.
        regret: against the best detector after the fact.
        without: the same, had the chosen detector not been there; None if there is one alone.
    """

    sequences: list[str]
    genome: list[int]
    detector: str
    code: str
    sub_region: str
    min_score: float
    tracker: str
    options: dict[str, Any]
    looks: bool = False
    tuned: float
    reported: float
    milliseconds: float
    gate: Margin
    sources: dict[str, SourceResult]
    regret: Regret
    without: Regret | None


class TrackingReport(Part):
    """The whole result of one run.

    Attributes:
        task: tells it from reports of other tasks.
        run_id: of the run.
        scenario: its name.
        seed: of all that is random.
        versions: of the packages.
        data: the sequences: their source, sha256, frames of both parts.
        pathway: what the input excites.
        objective: the weight of each score.
        search: all candidates; ``models`` names the detector, by sequence or input.
        choices: by sequence, or under the input's name if one is for all.
        results: the scores of each sequence, on the part that is reported on.
        overall: of all sequences together, long ones counting for more.
        notes: what one should know of the data or the pictures.
        seconds: wall time of the steps.
    """

    task: Literal["tracking"] = "tracking"
    run_id: str
    scenario: str
    seed: int
    versions: dict[str, str]
    data: dict[str, Any]
    pathway: PathwayPart
    objective: dict[str, float]
    search: SearchPart
    choices: dict[str, Choice]
    results: dict[str, TrackingScores]
    overall: TrackingScores
    notes: list[str] = Field(default_factory=list)
    seconds: dict[str, float]
