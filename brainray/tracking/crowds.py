"""Frames with so many boxes that comparing each with each track would take too much memory.

Of such frames only those pairs are kept that may belong together, `Pairs`, and the assignment of
the least cost is found among them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from brainray.errors import DataError
from brainray.shapes import Array, IntArray

Floats = NDArray[np.float64]

DENSE = 1 << 22
"""Pairs of tracks and boxes of a frame up to which all are compared: such a matrix has 32 MiB."""
MOST_PAIRS = 1 << 24
"""Pairs that may belong together: more take too much time."""
BLOCK = 256
"""Tracks of a crowd that are compared at the same time."""


@dataclass(frozen=True)
class Pairs:
    """P pairs out of N rows and M columns, and what each is worth.

    Attributes:
        rows_P: of the pairs.
        columns_P: of the pairs.
        values_P: finite, above ``absent``.
        shape: N and M.
        absent: what every other pair is worth.
    """

    rows_P: IntArray
    columns_P: IntArray
    values_P: Floats
    shape: tuple[int, int]
    absent: float

    def __getitem__(self, chosen_P: Array) -> "Pairs":
        """Return the pairs that a mask chooses."""
        return Pairs(
            self.rows_P[chosen_P],
            self.columns_P[chosen_P],
            self.values_P[chosen_P],
            self.shape,
            self.absent,
        )

    def matrix(self) -> "Floats | Pairs":
        """Return all values, `(N, M)`, or itself if these are too many."""
        if is_crowd(*self.shape):
            return self
        value_NM = np.full(self.shape, self.absent)
        value_NM[self.rows_P, self.columns_P] = self.values_P
        return value_NM

    def between(self, rows: IntArray, columns: IntArray) -> "Pairs":
        """Return the pairs of some rows and columns, each once, which are counted anew."""
        row_N, column_M = (np.full(count, -1, dtype=np.int64) for count in self.shape)
        row_N[rows], column_M[columns] = np.arange(len(rows)), np.arange(len(columns))
        rows_P, columns_P = row_N[self.rows_P], column_M[self.columns_P]
        found = Pairs(rows_P, columns_P, self.values_P, (len(rows), len(columns)), self.absent)
        return found[(rows_P >= 0) & (columns_P >= 0)]

    def assigned(self) -> tuple[IntArray, IntArray, Floats]:
        """Return the rows, columns and values of the pairs whose sum is the largest.

        Whoever has no partner among the pairs is not in them. Jonker and Volgenant, Computing 38,
        1987, for sparse costs.
        """
        count, width = self.shape
        if not len(self.values_P):
            nothing = np.empty(0, dtype=np.int64)
            return nothing, nothing, np.empty(0)
        # A column of its own for each row stands for no partner; costs must be above 0.
        top = self.values_P.max() + 1
        alone = np.arange(count)
        costs = csr_array(
            (
                np.concatenate([top - self.values_P, np.full(count, top - self.absent)]),
                (
                    np.concatenate([self.rows_P, alone]),
                    np.concatenate([self.columns_P, width + alone]),
                ),
            ),
            shape=(count, width + count),
        )
        rows_K, columns_K = min_weight_full_bipartite_matching(costs)
        taken_K = columns_K < width
        rows_K, columns_K = rows_K[taken_K], columns_K[taken_K]
        values_K = top - np.asarray(costs[rows_K, columns_K]).ravel()
        return rows_K.astype(np.int64), columns_K.astype(np.int64), values_K

    def mutual(self, least: float) -> tuple[IntArray, IntArray]:
        """Return pairs above a value, each of which is the best one of its row and its column.

        Of equal ones that of the first row and the first column, so that each is in one pair.
        """
        row_N, column_M = (np.full(count, -np.inf) for count in self.shape)
        np.maximum.at(row_N, self.rows_P, self.values_P)
        np.maximum.at(column_M, self.columns_P, self.values_P)
        best_P = (
            (self.values_P == row_N[self.rows_P])
            & (self.values_P == column_M[self.columns_P])
            & (self.values_P > least)
        )
        order = np.lexsort((self.columns_P[best_P], self.rows_P[best_P]))
        rows_K, columns_K = self.rows_P[best_P][order], self.columns_P[best_P][order]
        _, first_K = np.unique(rows_K, return_index=True)
        rows_K, columns_K = rows_K[first_K], columns_K[first_K]
        _, first_K = np.unique(columns_K, return_index=True)
        first_K.sort()
        return rows_K[first_K], columns_K[first_K]


def is_crowd(tracks: int, boxes: int) -> bool:
    """Return whether these are too many to compare each with each."""
    return tracks * boxes > DENSE


def gathered(
    found: Iterator[tuple[IntArray, IntArray, Floats]], shape: tuple[int, int], absent: float
) -> Pairs:
    """Return pairs that are found block by block.

    Raises:
        DataError: there are more than `MOST_PAIRS`.
    """
    parts, count = [], 0
    for part in found:
        count += len(part[0])
        if count > MOST_PAIRS:
            raise DataError(
                f"of {shape[1]:,} boxes and {shape[0]:,} tracks more than {MOST_PAIRS:,} pairs "
                "overlap: leave out boxes of low scores"
            )
        parts.append(part)
    nothing = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0)
    rows_P, columns_P, values_P = (np.concatenate(one) for one in zip(nothing, *parts, strict=True))
    return Pairs(rows_P, columns_P, values_P, shape, absent)


def blocks(
    low_N: Floats, high_N: Floats, low_M: Floats, high_M: Floats
) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield some rows at a time, with the columns whose interval may reach into one of theirs.

    Where there is no crowd, that is once all of both.
    """
    if not is_crowd(len(low_N), len(low_M)):
        yield np.arange(len(low_N)), np.arange(len(low_M))
        return
    order_N = np.argsort(low_N)
    for start in range(0, len(order_N), BLOCK):
        rows = order_N[start : start + BLOCK]
        near_M = (low_M <= high_N[rows].max()) & (high_M >= low_N[rows].min())
        yield rows, np.flatnonzero(near_M)
