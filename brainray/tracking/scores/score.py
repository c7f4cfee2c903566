"""The scores of a sequence and of several together, equal to those of MOTChallenge's TrackEval."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from brainray.shapes import IntArray
from brainray.tracking.rows import PEDESTRIAN, Rows
from brainray.tracking.scores.hota import Hota, hota
from brainray.tracking.scores.pairs import (
    EPSILON,
    Pairs,
    best,
    best_of_frames,
    clear_pairs,
    overlapping,
)

DISTRACTORS = (2, 7, 8, 12)
"""Person on vehicle, static person, distractor, reflection: to follow them is no mistake."""

SAME = 0.5
"""Intersection over union from which on a found box is the true one."""

CONTINUES = 1000.0
"""What it is worth to keep the identity of the frame before: more than any overlap."""


@dataclass(frozen=True)
class Scores:
    """What was counted; the scores follow from it, so that sequences add up.

    Attributes:
        truth: true boxes.
        found: found boxes.
        matched: true boxes that are found (CLEAR MOT, Bernardin and Stiefelhagen 2008).
        switches: how often a true object is found under another identity than the last time.
        overlap: sum of the overlaps of matched boxes.
        same_identity: boxes matched when each true object is given one found identity, at best.
        hota: counts by threshold.
    """

    truth: int
    found: int
    matched: int
    switches: int
    overlap: float
    same_identity: int
    hota: Hota

    @property
    def idf1(self) -> float:
        """F1 of boxes under the right identity, 0 to 1 (Ristani et al. 2016, equation 11)."""
        return 2 * self.same_identity / max(1, self.truth + self.found)

    @property
    def mota(self) -> float:
        """1 less the share of misses, false boxes and switches; up to 1, can be below 0."""
        wrong = self.found - self.matched + self.switches
        return (self.matched - wrong) / self.truth if self.truth else 0.0

    @property
    def motp_overlap(self) -> float:
        """Mean intersection over union of matched boxes, .5 to 1: higher is better."""
        return self.overlap / max(1, self.matched)

    @property
    def motp_distance(self) -> float:
        """1 less `motp_overlap`, 0 to .5: lower is better. What the paper's tables show."""
        return 1 - self.motp_overlap

    def figures(self) -> dict[str, float]:
        """Return the scores by name."""
        return {
            "idf1": self.idf1,
            "switches": self.switches,
            "mota": self.mota,
            "motp_distance": self.motp_distance,
            "motp_overlap": self.motp_overlap,
            "hota": self.hota.value,
        }


def overall(scores: Sequence[Scores]) -> Scores:
    """Return the scores of several sequences together: long ones count for more."""
    sums = {
        one.name: sum(getattr(score, one.name) for score in scores)
        for one in fields(Scores)
        if one.name != "hota"
    }
    return Scores(**sums, hota=Hota.sum([score.hota for score in scores]))


def score(truth: Rows, tracks: Rows, min_visibility: float = 0.0) -> Scores:
    """Compare tracks with the truth of their sequence.

    Truth rows count if they are pedestrians, marked as evaluated, and visible enough. Found boxes
    that fit a distractor better, or someone too hidden, are left out: neither right nor wrong.

    Args:
        truth: with classes, marks and visibility where the ground truth has them.
        tracks: identities once a frame.
        min_visibility: the least that counts, 0 to 1; MOTChallenge's tables use 0.

    Raises:
        FrameError: an identity is below 0 or twice in a frame, or a box is none; see
            `Rows.check_scorable`.
    """
    truth.check_scorable()
    tracks.check_scorable()
    hidden_N = (truth.classes_N == PEDESTRIAN) & (truth.visibility_N < min_visibility)
    ignored_N = np.isin(truth.classes_N, DISTRACTORS) | hidden_N
    tracks = _without_ignored(truth, ignored_N, tracks)
    truth = truth[truth.counted & ~hidden_N]
    true_ids_N = np.unique(truth.ids_N, return_inverse=True)[1]
    found_ids_M = np.unique(tracks.ids_N, return_inverse=True)[1]
    pairs = overlapping(truth, tracks)
    close = pairs[pairs.overlap_P >= SAME - EPSILON]
    matched = close[_clear_matches(close, truth, tracks, true_ids_N, found_ids_M)]
    return Scores(
        truth=len(truth),
        found=len(tracks),
        matched=len(matched.truth_P),
        switches=_switches(true_ids_N[matched.truth_P], found_ids_M[matched.found_P]),
        overlap=float(matched.overlap_P.sum()),
        same_identity=_same_identity(pairs, true_ids_N, found_ids_M),
        hota=hota(pairs, truth.frames_N, true_ids_N, found_ids_M),
    )


def _without_ignored(truth: Rows, ignored_N: NDArray[np.bool_], tracks: Rows) -> Rows:
    """Return the tracks without the boxes that fit an ignored row of the truth best."""
    with_ignored = np.isin(truth.frames_N, np.unique(truth.frames_N[ignored_N]))
    rows_Q = np.flatnonzero(with_ignored)
    pairs = overlapping(truth[rows_Q], tracks)
    pairs = pairs[pairs.overlap_P >= SAME - EPSILON]
    frames_P = truth.frames_N[rows_Q][pairs.truth_P]
    matched = pairs[best_of_frames(pairs, frames_P, pairs.overlap_P)]
    kept_M = np.ones(len(tracks), dtype=bool)
    kept_M[matched.found_P[ignored_N[rows_Q][matched.truth_P]]] = False
    return tracks[kept_M]


def _clear_matches(
    close: Pairs, truth: Rows, tracks: Rows, true_ids_N: IntArray, found_ids_M: IntArray
) -> NDArray[np.bool_]:
    """Return the mask of matched pairs: those that continue the frame before come first."""
    chosen_P = clear_pairs(close)
    frames = np.intersect1d(truth.frames_N, tracks.frames_N)  # others do not interrupt
    frames_P = truth.frames_N[close.truth_P]
    bounds = np.append(np.searchsorted(frames_P, frames), len(frames_P))
    open_P = ~chosen_P
    true_P, found_P = true_ids_N[close.truth_P], found_ids_M[close.found_P]
    last_I = np.empty(true_ids_N.max(initial=0) + 1, dtype=np.int64)
    for number in np.unique(np.searchsorted(frames, frames_P[open_P])):
        last_I.fill(-1)
        if number:
            before = bounds[number - 1] + np.flatnonzero(
                chosen_P[bounds[number - 1] : bounds[number]]
            )
            last_I[true_P[before]] = found_P[before]
        here = bounds[number] + np.flatnonzero(open_P[bounds[number] : bounds[number + 1]])
        continues = last_I[true_P[here]] == found_P[here]
        value = close.overlap_P[here] + CONTINUES * continues
        chosen_P[here[best(close.truth_P[here], close.found_P[here], value)]] = True
    return chosen_P


def _switches(true_ids_K: IntArray, found_ids_K: IntArray) -> int:
    """Count changes of identity along each true object; pairs come in the order of frames."""
    order = np.argsort(true_ids_K, kind="stable")
    true_ids_K, found_ids_K = true_ids_K[order], found_ids_K[order]
    same_object = true_ids_K[1:] == true_ids_K[:-1]
    return int((same_object & (found_ids_K[1:] != found_ids_K[:-1])).sum())


def _same_identity(pairs: Pairs, true_ids_N: IntArray, found_ids_M: IntArray) -> int:
    """Return how many boxes match when each true identity gets one found identity, at best."""
    if not len(pairs.truth_P):
        return 0
    close = pairs[pairs.overlap_P >= SAME]
    width = int(found_ids_M.max()) + 1
    codes_P = true_ids_N[close.truth_P] * width + found_ids_M[close.found_P]
    counts = np.bincount(codes_P, minlength=(int(true_ids_N.max()) + 1) * width).reshape(-1, width)
    return int(counts[linear_sum_assignment(counts, maximize=True)].sum())
