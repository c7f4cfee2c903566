"""HOTA (Luiten et al., A Higher Order Metric for Evaluating Multi-Object Tracking, IJCV 2021)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainray.shapes import IntArray
from brainray.tracking.scores.pairs import EPSILON, Pairs, best_of_frames

Floats = NDArray[np.float64]

THRESHOLDS = np.arange(0.05, 0.99, 0.05)
"""Overlaps from which on boxes may be the same: A of them."""


@dataclass(frozen=True)
class Hota:
    """Counts at each threshold, all of shape `(A,)`.

    Attributes:
        matched_A: pairs of boxes.
        boxes_A: boxes of truth and tracks together, a matched pair counted once.
        association_A: sum of the association accuracy of the matched pairs (equation 15).
    """

    matched_A: Floats
    boxes_A: Floats
    association_A: Floats

    @property
    def value(self) -> float:
        """Mean over thresholds of the geometric mean of detection and association, 0 to 1."""
        detection_A = self.matched_A / np.maximum(1, self.boxes_A)
        association_A = self.association_A / np.maximum(1, self.matched_A)
        return float(np.sqrt(detection_A * association_A).mean())

    @staticmethod
    def sum(parts: Sequence["Hota"]) -> "Hota":
        """Return the counts of several sequences."""
        nothing = np.zeros(len(THRESHOLDS))
        return Hota(
            sum((part.matched_A for part in parts), nothing),
            sum((part.boxes_A for part in parts), nothing),
            sum((part.association_A for part in parts), nothing),
        )


def hota(pairs: Pairs, frames_N: IntArray, true_ids_N: IntArray, found_ids_M: IntArray) -> Hota:
    """Count for HOTA.

    Args:
        pairs: of overlapping boxes.
        frames_N: of the true boxes.
        true_ids_N: 0, 1, … of the true boxes.
        found_ids_M: 0, 1, … of the found boxes.
    """
    if not len(pairs.truth_P):
        boxes_A = np.full(len(THRESHOLDS), float(len(true_ids_N) + len(found_ids_M)))
        return Hota(np.zeros(len(THRESHOLDS)), boxes_A, np.zeros(len(THRESHOLDS)))
    width = int(found_ids_M.max()) + 1
    codes_P = true_ids_N[pairs.truth_P] * width + found_ids_M[pairs.found_P]
    true_counts, found_counts = np.bincount(true_ids_N), np.bincount(found_ids_M)
    # How well two identities fit over the whole sequence says which boxes to pair in a frame.
    sum_N = np.bincount(pairs.truth_P, pairs.overlap_P, len(true_ids_N))
    sum_M = np.bincount(pairs.found_P, pairs.overlap_P, len(found_ids_M))
    share_P = pairs.overlap_P / (sum_N[pairs.truth_P] + sum_M[pairs.found_P] - pairs.overlap_P)
    together_P = np.bincount(codes_P, share_P)[codes_P]
    both_P = true_counts[codes_P // width] + found_counts[codes_P % width]
    value_P = together_P / (both_P - together_P) * pairs.overlap_P
    chosen_P = best_of_frames(pairs, frames_N[pairs.truth_P], value_P)
    codes, index_K = np.unique(codes_P[chosen_P], return_inverse=True)
    both = true_counts[codes // width] + found_counts[codes % width]
    close_AK = pairs.overlap_P[chosen_P] >= THRESHOLDS[:, None] - EPSILON
    matched_A = close_AK.sum(axis=1).astype(np.float64)
    association_A = np.empty(len(THRESHOLDS))
    for number, close_K in enumerate(close_AK):
        count = np.bincount(index_K, close_K, len(codes))
        association_A[number] = (count * count / (both - count)).sum()
    return Hota(matched_A, len(true_ids_N) + len(found_ids_M) - matched_A, association_A)
