"""Tracking as a search problem: which detector and which tracker suit labelled videos."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from brainray.search.interface import Brood, Genome, Solution, Space
from brainray.tracking.choices import Setting, TrackingCode
from brainray.tracking.interface import tracker_maker
from brainray.tracking.rows import Rows, track
from brainray.tracking.scores import Scores, overall, score
from brainray.tracking.sequences import LabelledSequence


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
class TrackingProblem:
    """Which setting suits the labelled part of some sequences best.

    Attributes:
        code: what a genome means.
        sequences: on which candidates are compared.
        objective: what is maximized.
        most_milliseconds: that a frame may take, detector and association; slower candidates
            fail. None is no limit. With a limit the result depends on the machine.
        detector_milliseconds: CPU time a frame of detectors that look at pictures; recorded boxes
            take none.
    """

    code: TrackingCode
    sequences: tuple[LabelledSequence, ...]
    objective: Objective
    most_milliseconds: float | None = None
    detector_milliseconds: Mapping[str, float] = field(default_factory=dict)

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
        if self.most_milliseconds is not None:
            looked = self.detector_milliseconds.get(setting.detector, 0.0)
            if looked + followed.milliseconds > self.most_milliseconds:
                return math.nan
        return self.objective.value(followed.together)

    def finish(self, genomes: Sequence[Genome]) -> Solution:
        """Return the first of the best: there is nothing to train."""
        setting = self.code.decode(genomes[0])
        value = self.objective.value(follow(setting, self.sequences).together)
        return Solution(genomes[0], value, {}, {})
