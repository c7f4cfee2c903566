"""Which true box overlaps which found box, for all frames of a sequence at once.

Almost every pair of boxes of a frame does not overlap, and most boxes overlap one other alone.
So overlapping pairs are kept as flat arrays, P of them, and only what is left when clear pairs are
taken needs an assignment.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from brainray.shapes import IntArray
from brainray.tracking.rows import Rows

AT_ONCE = 1 << 21
"""Pairs of boxes that are compared together: bounds the memory to some 100 MB."""

EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Pairs:
    """The P overlapping pairs of a sequence, sorted by frame.

    Attributes:
        truth_P: row of the true box.
        found_P: row of the found box.
        overlap_P: intersection over union, above 0 to 1.
    """

    truth_P: IntArray
    found_P: IntArray
    overlap_P: NDArray[np.float64]

    def __getitem__(self, chosen_P: NDArray[np.bool_]) -> "Pairs":
        return Pairs(self.truth_P[chosen_P], self.found_P[chosen_P], self.overlap_P[chosen_P])


def overlapping(truth: Rows, found: Rows) -> Pairs:
    """Return the pairs of boxes that overlap, each of one frame."""
    first_N = np.searchsorted(found.frames_N, truth.frames_N, side="left")
    count_N = np.searchsorted(found.frames_N, truth.frames_N, side="right") - first_N
    edges = (_corners(truth), _corners(found))
    end_N = np.cumsum(count_N)
    parts = []
    start = 0
    while start < len(truth):
        before = int(end_N[start] - count_N[start])
        stop = max(start + 1, int(np.searchsorted(end_N, before + AT_ONCE, side="right")))
        rows, counts = np.arange(start, stop), count_N[start:stop]
        truth_P = np.repeat(rows, counts)
        within_P = np.arange(len(truth_P)) - np.repeat(np.cumsum(counts) - counts, counts)
        parts.append(_compare(*edges, truth_P, within_P + np.repeat(first_N[start:stop], counts)))
        start = stop
    if not parts:
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    return Pairs(
        np.concatenate([part.truth_P for part in parts]),
        np.concatenate([part.found_P for part in parts]),
        np.concatenate([part.overlap_P for part in parts]),
    )


def _corners(rows: Rows) -> NDArray[np.float64]:
    """Return left, top, right and bottom as rows of their own."""
    left, top, width, height = rows.boxes_N4.T
    return np.stack([left, top, left + width, top + height])


def _compare(
    truth_4N: NDArray[np.float64],
    found_4M: NDArray[np.float64],
    truth_P: IntArray,
    found_P: IntArray,
) -> Pairs:
    """Return those pairs that overlap."""
    wide = np.minimum(truth_4N[2, truth_P], found_4M[2, found_P])
    wide -= np.maximum(truth_4N[0, truth_P], found_4M[0, found_P])
    some = np.flatnonzero(wide > 0)  # most pairs are gone after the first axis
    truth_P, found_P, wide = truth_P[some], found_P[some], wide[some]
    high = np.minimum(truth_4N[3, truth_P], found_4M[3, found_P])
    high -= np.maximum(truth_4N[1, truth_P], found_4M[1, found_P])
    some = np.flatnonzero(high > 0)
    truth_P, found_P = truth_P[some], found_P[some]
    shared = wide[some] * high[some]
    truth_area_N = (truth_4N[2] - truth_4N[0]) * (truth_4N[3] - truth_4N[1])
    found_area_M = (found_4M[2] - found_4M[0]) * (found_4M[3] - found_4M[1])
    return Pairs(
        truth_P, found_P, shared / (truth_area_N[truth_P] + found_area_M[found_P] - shared)
    )


def clear_pairs(pairs: Pairs) -> NDArray[np.bool_]:
    """Return the mask of pairs whose boxes are in no other pair: any best choice has them."""
    truths_P = np.bincount(pairs.truth_P)[pairs.truth_P]
    founds_P = np.bincount(pairs.found_P)[pairs.found_P]
    alone_P: NDArray[np.bool_] = (truths_P == 1) & (founds_P == 1)
    return alone_P


def best(truth_P: IntArray, found_P: IntArray, value_P: NDArray[np.float64]) -> IntArray:
    """Return the indices of the pairs of one frame whose values have the largest sum.

    Args:
        truth_P: rows of true boxes, sorted, at least one.
        found_P: rows of found boxes.
        value_P: of each pair, above 0.
    """
    row_P = truth_P - truth_P[0]  # rows of a frame lie together
    column_P = found_P - found_P.min()
    index_NM = np.full((row_P[-1] + 1, column_P.max() + 1), -1)
    value_NM = np.zeros(index_NM.shape)
    index_NM[row_P, column_P] = np.arange(len(truth_P))
    value_NM[row_P, column_P] = value_P
    chosen_K = index_NM[linear_sum_assignment(value_NM, maximize=True)]
    result: IntArray = chosen_K[chosen_K >= 0]
    return result


def best_of_frames(
    pairs: Pairs, frames_P: IntArray, value_P: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return the mask of the best pairs, frame by frame.

    Args:
        pairs: of a sequence.
        frames_P: the frame of each pair, rising.
        value_P: of each pair, above 0.
    """
    chosen_P = clear_pairs(pairs)
    open_Q = np.flatnonzero(~chosen_P)
    if not len(open_Q):
        return chosen_P
    for here in np.split(open_Q, np.flatnonzero(np.diff(frames_P[open_Q])) + 1):
        chosen_P[here[best(pairs.truth_P[here], pairs.found_P[here], value_P[here])]] = True
    return chosen_P
