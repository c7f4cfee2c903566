"""Tracking as a search problem: which detector and which tracker suit labelled videos."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from brainray.errors import SearchError
from brainray.search.interface import Brood, Genome, Solution, Space
from brainray.tracking.choices import Setting, TrackingCode
from brainray.tracking.interface import tracker_maker
from brainray.tracking.rows import Rows, track
from brainray.tracking.scores import Scores, overall, score
from brainray.tracking.sequences import LabelledSequence

MEASURED_AGAIN = 10
"""Candidates whose time is measured once more to say how much too slow they are."""


@dataclass(frozen=True)
class Objective:
    """What is maximized: a weighted sum of scores.

    Attributes:
        weights: of ``idf1``, ``mota``, ``hota`` and ``switches``; the last one counts as minus
            switches a true box, the share that they have in mota.
    """

    weights: Mapping[str, float]

    def value(self, scores: Scores) -> float:
        """Return the value of scores."""
        values = {
            "idf1": scores.idf1,
            "mota": scores.mota,
            "hota": scores.hota.value,
            "switches": -scores.switches / max(1, scores.truth),
        }
        return sum(weight * values[name] for name, weight in self.weights.items())


@dataclass(frozen=True)
class Followed:
    """What a setting makes of sequences.

    Attributes:
        tracks: of each sequence.
        scores: of each sequence.
        milliseconds: CPU time of association, a frame.
    """

    tracks: Mapping[str, Rows]
    scores: Mapping[str, Scores]
    milliseconds: float

    @property
    def together(self) -> Scores:
        """The scores of all sequences, long ones counting for more."""
        return overall(list(self.scores.values()))


def follow(setting: Setting, sequences: Sequence[LabelledSequence]) -> Followed:
    """Track each sequence anew.

    Args:
        setting: whose detector has boxes of all of them.
        sequences: at least one.
    """
    make, tracks, spent = tracker_maker(setting.tracker, setting.options), {}, 0.0
    for one in sequences:
        boxes = one.boxes[setting.detector]
        boxes = boxes[boxes.scores_N >= setting.min_score]
        if not setting.looks:
            boxes = replace(boxes, features_ND=None)
        start = time.process_time()
        tracks[one.name] = track(make(), boxes)
        spent += time.process_time() - start
    scores = {one.name: score(one.truth, tracks[one.name]) for one in sequences}
    return Followed(tracks, scores, 1000 * spent / sum(one.count for one in sequences))


@dataclass(frozen=True)
class Costs:
    """What it takes to look at pictures, by detector: CPU time in milliseconds.

    Recorded boxes take nothing to detect.

    Attributes:
        detection: of a frame.
        looks: of a box whose looks are seen.
        camera: of a frame in whose background the camera is followed.
    """

    detection: Mapping[str, float] = field(default_factory=dict)
    looks: Mapping[str, float] = field(default_factory=dict)
    camera: Mapping[str, float] = field(default_factory=dict)

    def milliseconds(self, setting: Setting, sequences: Sequence[LabelledSequence]) -> float:
        """Return what looking at a frame takes a setting, in CPU time, without association."""
        tracker = tracker_maker(setting.tracker, setting.options)()
        spent = self.detection.get(setting.detector, 0.0)
        if tracker.needs_motion:
            spent += self.camera.get(setting.detector, 0.0)
        if setting.looks:
            least = max(setting.min_score, tracker.looks_from)
            seen = sum((one.boxes[setting.detector].scores_N >= least).sum() for one in sequences)
            frames = sum(one.count for one in sequences)
            spent += self.looks.get(setting.detector, 0.0) * float(seen) / frames
        return spent


@dataclass(frozen=True)
class TrackingProblem:
    """Which setting suits the labelled part of some sequences best.

    Attributes:
        code: what a genome means.
        sequences: on which candidates are compared.
        objective: what is maximized.
        most_milliseconds: that a frame may take, all that looks at pictures and association;
            slower candidates fail. None is no limit. With a limit the result depends on the
            machine.
        costs: of looking at pictures.
    """

    code: TrackingCode
    sequences: tuple[LabelledSequence, ...]
    objective: Objective
    most_milliseconds: float | None = None
    costs: Costs = field(default_factory=Costs)

    @property
    def space(self) -> Space:
        """The codes of settings."""
        return self.code.space

    def evaluate(self, brood: Brood) -> list[float]:
        """Return the value of each candidate over all sequences; NaN where one is too slow."""
        return [self.value(genome) for genome in brood.genomes]

    def value(self, genome: Genome) -> float:
        """Return the value of one candidate."""
        setting = self.code.decode(genome)
        followed = follow(setting, self.sequences)
        limit = self.most_milliseconds
        if limit is not None and self._milliseconds(setting, followed) > limit:
            return math.nan
        return self.objective.value(followed.together)

    def check_quick(self, history: Sequence[tuple[Genome, float]]) -> None:
        """Say so if no candidate has a value because all are too slow.

        Args:
            history: every candidate and its value, at least one; a few are measured once more.

        Raises:
            SearchError: with the limit, and how long the quickest takes.
        """
        limit = self.most_milliseconds
        if limit is None or not all(math.isnan(value) for _, value in history):
            return
        settings = [self.code.decode(genome) for genome, _ in history[:MEASURED_AGAIN]]
        quickest = min(self._milliseconds(one, follow(one, self.sequences)) for one in settings)
        if quickest > limit:
            raise SearchError(
                f"goal.most_milliseconds: is {limit:g}, but all {len(history)} candidates take "
                f"longer: the quickest of {len(settings)} takes {quickest:.3g} ms a frame"
            )

    def _milliseconds(self, setting: Setting, followed: Followed) -> float:
        return self.costs.milliseconds(setting, self.sequences) + followed.milliseconds

    def finish(self, genomes: Sequence[Genome]) -> Solution:
        """Return the first of the best: there is nothing to train."""
        setting = self.code.decode(genomes[0])
        value = self.objective.value(follow(setting, self.sequences).together)
        return Solution(genomes[0], value, {}, {})
